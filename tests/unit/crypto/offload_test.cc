// Every job has exactly one result, done at once or by threads.
#include "crypto/offload.h"

#include <atomic>
#include <map>

#include <catch2/catch.hpp>

namespace viaduct::crypto {
namespace {

/// Takes results until `n` have come; the pool's threads are real, so this waits for them.
std::vector<JobResult> wait_for(ThreadOffload& offload,
                                std::atomic<unsigned>& wakes,
                                std::size_t n) {
    std::vector<JobResult> out;
    unsigned seen = 0;
    while (out.size() < n) {
        wakes.wait(seen);
        seen = wakes.load();
        for (auto& result : offload.take_done()) {
            out.push_back(std::move(result));
        }
    }
    return out;
}

}  // namespace

TEST_CASE("inline offload: an exchange in three jobs, deterministic") {
    std::vector<std::string> secrets;
    for (int run = 0; run < 2; ++run) {
        SeededRandom random{5};
        InlineOffload offload{random};
        offload.submit(DhJob{1, DhGroup::modp1024, std::nullopt, {}});
        auto done = offload.take_done();
        REQUIRE(done.size() == 1);
        CHECK(offload.take_done().empty());
        const auto first = std::get<DhResult>(done[0]);
        CHECK(first.id == 1);
        REQUIRE(first.shared);
        CHECK(first.shared->empty());
        // The responder generates and computes in one job.
        offload.submit(DhJob{2, DhGroup::modp1024, std::nullopt, first.own.public_value});
        done = offload.take_done();
        const auto second = std::get<DhResult>(done[0]);
        offload.submit(DhJob{3, DhGroup::modp1024, first.own, second.own.public_value});
        CHECK(offload.pending() == 1);
        done = offload.take_done();
        CHECK(id_of(done[0]) == 3);
        CHECK(to_hex(std::get<DhResult>(done[0]).shared->view()) == to_hex(second.shared->view()));
        secrets.push_back(to_hex(second.shared->view()));
    }
    CHECK(secrets[0] == secrets[1]);
}

TEST_CASE("inline offload: a peer's bad public value is a failure, not a crash") {
    SeededRandom random{5};
    InlineOffload offload{random};
    offload.submit(DhJob{9, DhGroup::ecp256, std::nullopt, Bytes(64, 1)});
    const auto done = offload.take_done();
    REQUIRE(done.size() == 1);
    CHECK_FALSE(std::get<DhResult>(done[0]).shared);
}

TEST_CASE("thread offload: many jobs, each with one result, wake when there is one") {
    std::atomic<unsigned> wakes{0};
    ThreadOffload offload{3, [&] {
                              ++wakes;
                              wakes.notify_one();
                          }};
    SeededRandom random{6};
    const auto peer = dh_generate(DhGroup::modp768, random);
    constexpr std::size_t kJobs = 200;
    for (std::uint64_t id = 0; id < kJobs; ++id) {
        offload.submit(DhJob{id, DhGroup::modp768, std::nullopt, peer.public_value});
    }
    const auto done = wait_for(offload, wakes, kJobs);
    std::map<std::uint64_t, int> count;
    for (const auto& result : done) {
        ++count[id_of(result)];
        const auto& dh = std::get<DhResult>(result);
        REQUIRE(dh.shared);
        const auto other = dh_shared(DhGroup::modp768, peer, dh.own.public_value);
        REQUIRE(other);
        CHECK(to_hex(other->view()) == to_hex(dh.shared->view()));
    }
    CHECK(count.size() == kJobs);
    CHECK(offload.pending() == 0);
}

TEST_CASE("thread offload: at the queue's limit a job fails at once, and none is lost") {
    std::atomic<unsigned> wakes{0};
    ThreadOffload offload{1,
                          [&] {
                              ++wakes;
                              wakes.notify_one();
                          },
                          2};
    constexpr std::size_t kJobs = 50;
    for (std::uint64_t id = 0; id < kJobs; ++id) {
        offload.submit(DhJob{id, DhGroup::modp4096, std::nullopt, {}});
    }
    CHECK(offload.pending() == kJobs);
    const auto done = wait_for(offload, wakes, kJobs);
    CHECK(done.size() == kJobs);
    std::size_t refused = 0;
    for (const auto& result : done) {
        refused += std::get<DhResult>(result).shared.has_value() ? 0U : 1U;
    }
    CHECK(refused > 0);
    CHECK(refused < kJobs);
}

TEST_CASE("thread offload: destroyed with work waiting") {
    ThreadOffload offload{2, {}};
    for (std::uint64_t id = 0; id < 100; ++id) {
        offload.submit(DhJob{id, DhGroup::modp2048, std::nullopt, {}});
    }
}

}  // namespace viaduct::crypto
