// Bounded discovery: an inside host that scans, flows that nobody answers, answers that lead to nothing.
#include <algorithm>

#include <catch2/catch.hpp>

#include "controlplane/ike/ted_wire.h"
#include "tests/unit/ike/world.h"

namespace viaduct::ike::test {

namespace {

constexpr Ipv4Address kNetF(12, 0, 0, 0);

struct Gateway {
    Gateway() {
        configure_ted(daphne, kLanD, kNetF);
        daphne.config.access_lists["101"].entries[0].destination = {kNetF,
                                                                    Ipv4Address{0x00FFFFFFU}};
        daphne.configure();
        world.filter = [](const Endpoint&, const Endpoint&, const Bytes&) { return false; };
    }

    void wants(Ipv4Address source, Ipv4Address destination) {
        auto request = ted_request(daphne, source, destination, kLanD, kNetF);
        request.remote_proxy.mask = mask_of(8);
        daphne.engine->on_discover(world.now, request);
    }

    [[nodiscard]] const Ted& ted() const { return daphne.engine->state().ted; }

    World world{91};
    Node& daphne = world.add("Daphne", Ipv4Address(11, 11, 11, 1));
};

}  // namespace

TEST_CASE("T7: one inside host scans a /8: few probes, little memory, room for the others") {
    Gateway g;
    std::uint32_t next = kNetF.value();
    std::size_t most_in_a_second = 0;
    for (int second = 0; second < 120; ++second) {
        const auto before = g.daphne.sent.size();
        for (int i = 0; i < 2000; ++i) {
            g.wants(kHostD, Ipv4Address{++next});
        }
        g.daphne.drain();
        g.world.run(1s);
        most_in_a_second = std::max(most_in_a_second, g.daphne.sent.size() - before);
        REQUIRE(g.ted().probes().size() <= Ted::kMaxProbesOfSource);
        REQUIRE(g.ted().silent().size() <= Ted::kMaxSilent);
    }
    const auto sent = g.daphne.sent.size();
    CAPTURE(sent, most_in_a_second);
    CHECK(most_in_a_second <= 2 * Ted::kMaxProbesOfSource);
    // 32 at a time, each three times in 25 s.
    CHECK(sent <= 120 / 25 * 3 * Ted::kMaxProbesOfSource + 3 * Ted::kMaxProbesOfSource);
    CHECK(g.daphne.counter(Counter::ted_probes_out) == sent);
    CHECK(g.daphne.counter(Counter::ted_source_limit) > 200000);
    // Another host is served at once.
    g.wants(Ipv4Address(13, 13, 13, 5), kHostF);
    g.daphne.drain();
    CHECK(g.daphne.sent.size() == sent + 1);
}

TEST_CASE("T7: many inside hosts scan: bounded in all, by number and by rate") {
    Gateway g;
    std::uint32_t next = kNetF.value();
    std::size_t before = 0;
    for (int second = 0; second < 60; ++second) {
        for (std::uint8_t host = 1; host <= 250; ++host) {
            for (int i = 0; i < 8; ++i) {
                g.wants(Ipv4Address(13, 13, 13, host), Ipv4Address{++next});
            }
        }
        g.daphne.drain();
        g.world.run(1s);
        REQUIRE(g.ted().probes().size() <= Ted::kMaxProbes);
        const auto sent = g.daphne.sent.size() - before;
        REQUIRE(sent <= Ted::kProbeBurst + Ted::kProbesPerSecond);
        before = g.daphne.sent.size();
    }
    CHECK(g.daphne.sent.size() <= Ted::kProbeBurst + 61 * Ted::kProbesPerSecond);
    CHECK(g.daphne.counter(Counter::ted_probe_limit) > 0);
    CHECK(g.daphne.counter(Counter::ted_rate_limit) > 0);
    CHECK(g.ted().silent().size() <= Ted::kMaxSilent);
    g.world.run(10min);
    CHECK(g.ted().probes().empty());
    CHECK(g.daphne.engine->state().timers.size() == 0);
}

TEST_CASE("T7: who does not answer is asked ever more seldom, and the limit holds") {
    Gateway g;
    std::vector<int> starts;
    for (int second = 0; second < 1500; ++second) {
        const auto before = g.ted().probes().size();
        g.wants(kHostD, kHostF);
        g.daphne.drain();
        if (before == 0 && g.ted().probes().size() == 1) {
            starts.push_back(second);
        }
        g.world.run(1s);
    }
    // 25 s of asking, then silence: 30, 60, 120, 240, 240 …
    REQUIRE(starts.size() >= 6);
    const std::vector<int> pauses{25 + 30, 25 + 60, 25 + 120, 25 + 240, 25 + 240};
    for (std::size_t i = 0; i < pauses.size(); ++i) {
        CAPTURE(i, starts[i], starts[i + 1]);
        CHECK(std::abs(starts[i + 1] - starts[i] - pauses[i]) <= 1);
    }
    CHECK(g.daphne.counter(Counter::ted_no_answer) >= 5);
    CHECK(g.daphne.counter(Counter::ted_left_alone) > 1000);
    // `clear crypto sa`: at once.
    const auto sent = g.daphne.sent.size();
    g.world.run(30s);
    g.daphne.engine->clear_ipsec(g.world.now, std::nullopt, "");
    g.wants(kHostD, kHostF);
    g.daphne.drain();
    CHECK(g.daphne.sent.size() > sent);
}

TEST_CASE("T7: an answer that leads to nothing: all its flows are left alone for a while") {
    Gateway g;
    g.wants(kHostD, kHostF);
    g.daphne.drain();
    const auto cookie = parse_header(g.daphne.sent.at(0).payload)->initiator;
    const TedReply reply{cookie,
                         Cookie{9},
                         Ipv4Address(11, 11, 11, 9),
                         {Ipv4Address(12, 12, 12, 0), mask_of(24), std::nullopt, 0},
                         true};
    g.daphne.engine->on_packet(g.world.now,
                               {kOutside,
                                {g.daphne.address, kPortIsakmp},
                                {reply.gateway, kPortIsakmp},
                                write_ted_reply(reply, 0, 1500)});
    g.daphne.drain();
    REQUIRE(g.daphne.ike_count() == 1);
    // While it is tried nobody asks again, not for this flow nor another one of these networks.
    const auto sent = g.daphne.counter(Counter::ted_probes_out);
    g.wants(kHostD, kHostF);
    g.wants(Ipv4Address(13, 13, 13, 7), Ipv4Address(12, 12, 12, 200));
    CHECK(g.daphne.counter(Counter::ted_probes_out) == sent);
    g.world.run(80s);  // the peer is silent: phase 1 is given up
    REQUIRE(g.daphne.ike_count() == 0);
    CHECK(g.daphne.counter(Counter::ted_not_negotiated) == 1);
    g.wants(kHostD, kHostF);
    CHECK(g.daphne.counter(Counter::ted_probes_out) == sent);
    g.world.run(31s);
    g.wants(kHostD, kHostF);
    CHECK(g.daphne.counter(Counter::ted_probes_out) == sent + 1);
}

}  // namespace viaduct::ike::test
