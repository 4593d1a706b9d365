// How SAs come to their ends and are replaced: idle time, kilobytes, sequence numbers, phase 1, both ends at once, a
// peer whose address changes meanwhile. In virtual time; nothing that was sent may be lost.
#include <catch2/catch.hpp>

#include "tests/unit/ike/remote_world.h"
#include "tests/unit/ike/world.h"

namespace viaduct::ike::test {

namespace {

constexpr Ipv4Address kA(10, 0, 0, 1);
constexpr Ipv4Address kB(10, 0, 0, 2);

std::string first_trouble(const World& world) {
    return world.trouble.empty() ? "" : world.trouble.front();
}

struct Two {
    explicit Two(std::uint64_t seed) : world(seed), a(world.add("a", kA)), b(world.add("b", kB)) {
        for (auto* node : {&a, &b}) {
            configure_dmvpn(*node);
            node->config.crypto.ipsec_profiles["cisco"].lifetime.seconds = 3600;
        }
    }

    void start() {
        a.acquire(dmvpn_acquire(a, b));
        world.run(2s);
        REQUIRE(a.pairs.size() == 1);
        REQUIRE(b.pairs.size() == 1);
        world.start_traffic();
        world.run(3s);
    }

    static void notice(Node& node, SaNotice what) {
        node.engine->on_sa_notice(node.world.now, node.current_of.begin()->second, what);
        node.drain();
    }

    World world;
    Node& a;
    Node& b;
};

}  // namespace

TEST_CASE("IKE lifetimes: `set security-association idle-time`: unused pairs go, used ones stay") {
    Two two(60);
    for (auto* node : {&two.a, &two.b}) {
        node->config.crypto.ipsec_profiles["cisco"].idle_time_s = 60;
        node->configure();
    }
    SECTION("never used") {
        two.a.acquire(dmvpn_acquire(two.a, two.b));
        two.world.run(2s);
        REQUIRE(two.a.pairs.size() == 1);
        two.world.run(55s);
        CHECK(two.a.pairs.size() == 1);
        two.world.run(10s);
        CHECK(two.a.pairs.empty());
        CHECK(two.b.pairs.empty());
        REQUIRE(two.a.states.size() == 2);
        CHECK_FALSE(two.a.states.back().up);
    }
    SECTION("used for ten minutes, then quiet") {
        two.start();
        two.world.run(10min);
        CHECK(two.a.pairs.size() == 1);
        CHECK(two.a.states.size() == 1);
        two.world.traffic = false;
        two.world.run(50s);
        CHECK(two.a.pairs.size() == 1);
        two.world.run(15s);
        CHECK(two.a.pairs.empty());
        CHECK(two.b.pairs.empty());
    }
}

TEST_CASE(
    "IKE lifetimes: kilobytes or sequence numbers near their end: a new pair before the old one "
    "stops") {
    Two two(61);
    two.start();
    auto& [world, a, b] = two;
    for (int i = 0; i < 20; ++i) {
        auto& node = i % 2 == 0 ? a : b;
        const auto before = node.current_of.begin()->second;
        Two::notice(node, SaNotice::soft_limit);
        world.run(2s);
        CHECK(node.current_of.begin()->second != before);
        // The old one reaches its hard limit: it is used by nobody any more.
        if (node.pairs.contains(before)) {
            world.run(20s);
            node.engine->on_sa_notice(world.now, before, SaNotice::hard_limit);
            node.drain();
        }
        world.run(40s);
        CHECK(a.pairs.size() == 1);
        CHECK(b.pairs.size() == 1);
    }
    INFO(first_trouble(world));
    CHECK(world.esp_lost_by_sa == 0);
    CHECK(a.states.size() == 1);
    CHECK(b.states.size() == 1);
    CHECK(a.counter(Counter::quick_failed) == 0);
}

TEST_CASE("IKE lifetimes: a soft limit that comes twice makes one pair") {
    Two two(62);
    two.start();
    const auto before = two.a.counter(Counter::quick_initiated);
    Two::notice(two.a, SaNotice::soft_limit);
    Two::notice(two.a, SaNotice::soft_limit);
    two.world.run(10s);
    CHECK(two.a.counter(Counter::quick_initiated) == before + 1);
}

TEST_CASE("IKE lifetimes: a rekey whose first message is lost") {
    Two two(63);
    two.start();
    auto& [world, a, b] = two;
    const auto old = a.current_of.begin()->second;
    unsigned to_lose = 1;
    world.filter = [&](const Endpoint& from, const Endpoint&, const Bytes&) {
        return from.address != kA || to_lose == 0 || to_lose-- == 0;
    };
    const auto repeated = a.counter(Counter::retransmissions);
    Two::notice(a, SaNotice::soft_limit);
    REQUIRE(to_lose == 0);
    const auto renewed = [&] {
        return !a.current_of.empty() && a.current_of.begin()->second != old;
    };
    SECTION("is repeated within a second") {
        CHECK(world.run_until(700ms, renewed));
        CHECK(a.counter(Counter::retransmissions) == repeated + 1);
    }
    SECTION("is repeated at ever longer intervals, and given up as dead after a minute") {
        to_lose = 1000;
        world.run(5s);
        CHECK(a.counter(Counter::retransmissions) == repeated + 3);  // after 0.5, 1.5 and 3.5 s
        CHECK(a.pairs.size() == 1);
        to_lose = 0;
        CHECK(world.run_until(5s, renewed));
    }
    SECTION(
        "is repeated at once when the old pair ends in kilobytes; nobody deletes, nobody begins a "
        "second one") {
        world.run(100ms);
        Two::notice(a, SaNotice::hard_limit);
        CHECK(a.current_of.empty());  // not one packet more with the old keys
        CHECK(world.run_until(50ms, renewed));
        CHECK(a.counter(Counter::retransmissions) == repeated + 1);
        CHECK(b.pairs.size() == 2);
        CHECK(b.counter(Counter::quick_initiated) == 0);
        CHECK(a.states.back().up);
    }
    world.run(1min);
    CHECK(a.pairs.size() == 1);
    CHECK(b.pairs.size() == 1);
    CHECK(world.esp_lost_by_sa == 0);
    CHECK(a.counter(Counter::collision_yielded) + b.counter(Counter::collision_yielded) == 0);
}

TEST_CASE("IKE lifetimes: kilobytes end while the peer's new pair is half there: nobody deletes") {
    Two two(66);
    two.start();
    auto& [world, a, b] = two;
    const auto old = a.current_of.begin()->second;
    unsigned passed = 0;
    bool lose = true;
    world.filter = [&](const Endpoint& from, const Endpoint&, const Bytes&) {
        return from.address != kB || !lose ||
               ++passed < 2;  // message 1 arrives, message 3 does not
    };
    Two::notice(b, SaNotice::soft_limit);
    world.run(100ms);
    REQUIRE(passed == 2);
    Two::notice(a, SaNotice::hard_limit);
    CHECK(a.current_of.empty());
    CHECK(a.pairs.contains(old));
    lose = false;
    CHECK(world.run_until(15s, [&] { return !a.current_of.empty(); }));
    CHECK(a.current_of.begin()->second != old);
    CHECK(a.counter(Counter::quick_initiated) == 1);  // the first pair's
    world.run(1min);
    CHECK(a.pairs.size() == 1);
    CHECK(b.pairs.size() == 1);
}

TEST_CASE(
    "IKE lifetimes: kilobytes at their end and no new pair in the making: deleted, the peer is "
    "told") {
    Two two(64);
    two.start();
    two.world.traffic = false;
    two.world.run(2s);
    Two::notice(two.a, SaNotice::hard_limit);
    two.world.run(1s);
    CHECK(two.a.pairs.empty());
    CHECK(two.b.pairs.empty());
    CHECK_FALSE(two.b.states.back().up);
}

TEST_CASE(
    "IKE lifetimes: the peer's own pair overtakes a first message that got lost: the later one is "
    "used by both") {
    Two two(65);
    two.start();
    auto& [world, a, b] = two;
    bool lose = true;
    world.filter = [&](const Endpoint& from, const Endpoint&, const Bytes&) {
        return !(lose && from.address == kA);
    };
    Two::notice(a, SaNotice::soft_limit);
    lose = false;
    Two::notice(b, SaNotice::soft_limit);
    world.run(300ms);
    const auto peers = a.current_of.begin()->second;
    world.run(1min);
    CHECK(a.current_of.begin()->second != peers);
    CHECK(a.pairs.size() == 1);
    CHECK(b.pairs.size() == 1);
    CHECK(world.esp_lost_by_sa == 0);
}

TEST_CASE(
    "IKE lifetimes: both ends rekey at the same instant and end with one pair, nothing lost") {
    const auto seed = GENERATE(range(1, 31));
    Two two(static_cast<std::uint64_t>(seed) * 31);
    two.world.link.jitter = Duration(seed % 3 * 20ms);
    two.start();
    auto& [world, a, b] = two;
    for (int i = 0; i < 5; ++i) {
        Two::notice(a, SaNotice::soft_limit);
        world.run(Duration(seed % 4 * 3ms));
        Two::notice(b, SaNotice::soft_limit);
        world.run(3min);
        CHECK(a.pairs.size() == 1);
        CHECK(b.pairs.size() == 1);
    }
    INFO("seed " << seed << ": " << first_trouble(world));
    CHECK(world.esp_lost_by_sa == 0);
    CHECK(a.states.size() == 1);
    CHECK(b.states.size() == 1);
}

TEST_CASE(
    "IKE lifetimes: phase 1 is renewed before its end, under traffic, by either end, for hours") {
    Two two(63);
    for (auto* node : {&two.a, &two.b}) {
        node->config.crypto.policies[10].lifetime_s = 300;
        node->config.crypto.ipsec_profiles["cisco"].lifetime.seconds = 240;
        node->configure();
    }
    two.start();
    auto& [world, a, b] = two;
    std::size_t without = 0;
    for (int i = 0; i < 3 * 3600; i += 5) {
        world.run(5s);
        without += a.established_count() == 0 || b.established_count() == 0 ? 1U : 0U;
    }
    INFO(first_trouble(world));
    CHECK(without == 0);
    CHECK(world.esp_lost_by_sa == 0);
    CHECK(a.counter(Counter::phase1_established) >= 36);
    CHECK(a.counter(Counter::phase1_failed) == 0);
    CHECK(a.ike_count() <= 2);
    CHECK(a.states.size() == 1);
    CHECK(b.states.size() == 1);
}

TEST_CASE(
    "N9: a peer whose mapping moves while it rekeys is followed; one pair, nothing stays behind") {
    constexpr Ipv4Address kPublic(209, 168, 202, 1);
    const auto when = GENERATE(0ms, 3ms, 8ms, 13ms, 30ms);
    World world(64);
    auto& hub = world.add("hub", kB);
    auto& spoke = world.add("spoke", Ipv4Address(10, 10, 10, 2));
    Nat nat;
    nat.outside = kPublic;
    nat.inside = {spoke.address};
    world.nats.push_back(nat);
    for (auto* node : {&hub, &spoke}) {
        configure_dmvpn(*node);
        node->config.crypto.ipsec_profiles["cisco"].lifetime.seconds = 3600;
    }
    spoke.acquire(dmvpn_acquire(spoke, hub));
    world.run(2s);
    REQUIRE(hub.pairs.size() == 1);
    const auto port = [&] { return hub.pairs.begin()->second.parameters.remote.port; };
    const auto before = port();
    spoke.engine->on_sa_notice(world.now, spoke.current_of.begin()->second, SaNotice::soft_limit);
    spoke.drain();
    world.run(when);
    world.nats[0].ports.clear();
    world.start_traffic();
    world.run(10min);
    CHECK(hub.pairs.size() == 1);
    CHECK(spoke.pairs.size() == 1);
    CHECK(hub.established_count() == 1);
    CHECK(port() != before);
    CHECK(*hub.pairs.begin()->second.spi_out == *spoke.pairs.begin()->second.spi_in);
}

TEST_CASE(
    "IKE: `crypto isakmp invalid-spi-recovery`: without an ISAKMP SA a new one tells the peer") {
    const bool recovery = GENERATE(true, false);
    Two two(65);
    auto& [world, a, b] = two;
    b.config.crypto.invalid_spi_recovery = recovery;
    b.configure();
    a.acquire(dmvpn_acquire(a, b));
    world.run(2s);
    const auto spi = *a.pairs.begin()->second.spi_out;
    b.reboot();
    // A flood of it: one attempt.
    for (int i = 0; i < 100; ++i) {
        b.engine->on_unknown_spi(world.now, kB, kA, spi);
        b.drain();
    }
    world.run(3s);
    CHECK(b.counter(Counter::phase1_initiated) == (recovery ? 1 : 0));
    CHECK(a.pairs.empty() == recovery);
    CHECK(b.established_count() == (recovery ? 1U : 0U));
    CHECK(b.counter(Counter::unknown_spi) == 100);
}

TEST_CASE(
    "IKE: pieces of Cisco's IKE fragmentation: put together in any order, bounded, given up after "
    "a while") {
    Two two(66);
    auto& [world, a, b] = two;
    Bytes first;
    bool whole_ones_pass = false;  // what A sends comes in pieces, made here
    world.filter = [&](const Endpoint&, const Endpoint& to, const Bytes& payload) {
        if (to.address == kB && first.empty()) {
            first = payload;
        }
        return to.address != kB || whole_ones_pass;
    };
    a.acquire(dmvpn_acquire(a, b));
    REQUIRE(first.size() > 100);
    const auto piece = [&](std::uint64_t cookie,
                           std::uint16_t id,
                           std::uint8_t number,
                           bool last,
                           BytesView data) {
        ByteWriter body;
        body.u16(id).u8(number).u8(last ? 1 : 0).bytes(data);
        ChainWriter chain;
        chain.add(PayloadType::fragment, body.view());
        Header h;
        h.initiator = Cookie{cookie};
        h.next = chain.first();
        return write_message(h, chain.view());
    };
    const auto cookie = parse_header(first)->initiator.value();
    const auto give = [&](Ipv4Address from, const Bytes& message) {
        b.engine->on_packet(world.now, {kOutside, {kB, kPortIsakmp}, {from, kPortIsakmp}, message});
        b.drain();
    };
    const BytesView all(first);
    SECTION("the last piece first, one twice") {
        give(kA, piece(cookie, 1, 3, true, all.subspan(80)));
        give(kA, piece(cookie, 1, 1, false, all.first(40)));
        give(kA, piece(cookie, 1, 1, false, all.first(40)));
        CHECK(b.ike_count() == 0);
        give(kA, piece(cookie, 1, 2, false, all.subspan(40, 40)));
        CHECK(b.ike_count() == 1);
        CHECK(b.engine->state().fragments.size() == 0);
        whole_ones_pass = true;
        world.run(3s);
        CHECK(b.established_count() == 1);
    }
    SECTION("limits: a source, in total, pieces, time") {
        for (std::uint16_t id = 1; id <= 100; ++id) {
            give(kA, piece(cookie, id, 1, false, all.first(40)));
        }
        CHECK(b.engine->state().fragments.size() == Fragments::kMaxPerSource);
        for (std::uint32_t i = 0; i < 10000; ++i) {
            give(Ipv4Address{0x0B000000U + i}, piece(i + 1, 1, 1, false, all.first(40)));
        }
        CHECK(b.engine->state().fragments.size() == Fragments::kMaxReassemblies);
        CHECK(b.counter(Counter::fragment_limit) ==
              100 - Fragments::kMaxPerSource + 10000 -
                  (Fragments::kMaxReassemblies - Fragments::kMaxPerSource));
        const auto malformed = b.counter(Counter::malformed_payload);
        give(kA, piece(cookie, 1, 17, false, all.first(40)));
        CHECK(b.counter(Counter::malformed_payload) == malformed + 1);
        world.run(16s);
        CHECK(b.engine->state().fragments.size() == 0);
        CHECK(b.engine->state().timers.size() == 0);
        CHECK(b.ike_count() == 0);
    }
    SECTION("what is put together is no fragment again") {
        const auto inner = piece(cookie, 2, 1, true, all);
        give(kA, piece(cookie, 1, 1, true, inner));
        CHECK(b.ike_count() == 0);
        CHECK(b.engine->state().fragments.size() == 0);
    }
}

TEST_CASE("N4: a transaction that is played again after its exchange was forgotten does nothing") {
    World world(67);
    auto& hub = world.add("Hub", kHub);
    auto& client = world.add("client", Ipv4Address(10, 51, 82, 100));
    configure_hub(hub);
    configure_client(client);
    std::vector<std::pair<Endpoint, Bytes>> to_hub;
    world.filter = [&](const Endpoint& from, const Endpoint& to, const Bytes& payload) {
        if (to.address == kHub && payload.size() > kHeaderBytes &&
            payload[18] == static_cast<std::uint8_t>(ExchangeType::transaction)) {
            to_hub.emplace_back(from, payload);
        }
        return true;
    };
    world.run(10s);
    REQUIRE(given(client) != nullptr);
    REQUIRE(to_hub.size() >= 3);
    auto& sa = *hub.engine->state().ikes.begin()->second;
    sa.client->transactions.clear();  // as if many others had come since
    const auto sent = hub.sent.size();
    const auto duplicates = hub.counter(Counter::duplicates);
    for (const auto& [from, payload] : to_hub) {
        hub.engine->on_packet(world.now, {kOutside, {kHub, kPortIsakmp}, from, payload});
        hub.drain();
    }
    CHECK(hub.sent.size() == sent);
    CHECK(hub.counter(Counter::duplicates) > duplicates);
    CHECK(sa.client->transactions.empty());
    CHECK(given(client) != nullptr);
}

}  // namespace viaduct::ike::test
