// Tunnel End-Point Discovery between two gateways (document 002).
//
//   13.13.13.4 ── Daphne 11.11.11.1 ──────── 11.11.11.2 Fred ── 12.12.12.13
#include <catch2/catch.hpp>

#include "tests/unit/ike/world.h"

namespace viaduct::ike::test {

namespace {

void discover(Node& node, const DiscoverRequest& request) {
    node.engine->on_discover(node.world.now, request);
    node.drain();
}

}  // namespace

TEST_CASE("T2 T3 T4: probe, reply, main mode, quick mode with the negotiated proxies") {
    World world(71);
    auto& daphne = world.add("Daphne", Ipv4Address(11, 11, 11, 1));
    auto& fred = world.add("Fred", Ipv4Address(11, 11, 11, 2));
    configure_ted(daphne, kLanD, kLanF);
    configure_ted(fred, kLanF, kLanD);
    daphne.log.set(Debug::crypto_isakmp, true);
    fred.log.set(Debug::crypto_isakmp, true);
    discover(daphne, ted_request(daphne, kHostD, kHostF, kLanD, kLanF));
    REQUIRE(daphne.sent.size() == 1);
    const auto probe = daphne.sent[0];
    // T2: with the flow's own addresses, the gateway's inside.
    CHECK(probe.probe);
    CHECK(probe.local.address == kHostD);
    CHECK(probe.remote.address == kHostF);
    const auto header = parse_header(probe.payload);
    REQUIRE(header.has_value());
    CHECK(static_cast<int>(header->exchange) == 240);
    CHECK(header->responder == Cookie{});
    world.run(5s);
    REQUIRE(daphne.pairs.size() == 1);
    REQUIRE(fred.pairs.size() == 1);
    const auto& p = daphne.pairs.begin()->second.parameters;
    CHECK(p.proxies.local == Proxy{kLanD, mask_of(24), std::nullopt, 0});
    CHECK(p.proxies.remote == Proxy{kLanF, mask_of(24), std::nullopt, 0});
    CHECK(p.policy.dynamic_map == "ted-map");
    CHECK(fred.pairs.begin()->second.parameters.policy.dynamic_sequence == 10);
    CHECK(fred.sent[0].payload.size() <= probe.payload.size());
    CHECK_FALSE(fred.sent[0].probe);
    CHECK(fred.lines.contains(
        "peer can handle TED V3: changing source to 11.11.11.1 and dest to 11.11.11.2"));
    CHECK(fred.lines.contains("peer's address is 11.11.11.1"));
    CHECK(daphne.lines.contains(
        "ted negotiated proxies: 0 13.13.13.0/255.255.255.0:0, 12.12.12.0/255.255.255.0:0"));
    CHECK(daphne.lines.contains("ISAKMP:received payload type 16"));
    // A second flow under the same pair's policy needs no new phase 1.
    CHECK(daphne.counter(Counter::phase1_established) == 1);
}

TEST_CASE("T7: no answer: repeated, then left alone for a while; a scan fills nothing") {
    World world(72);
    auto& daphne = world.add("Daphne", Ipv4Address(11, 11, 11, 1));
    configure_ted(daphne, kLanD, kLanF);
    const auto request = ted_request(daphne, kHostD, kHostF, kLanD, kLanF);
    for (int i = 0; i < 50; ++i) {
        discover(daphne, request);
        world.run(1s);
    }
    CHECK(daphne.sent.size() == 3);
    world.run(60s);
    discover(daphne, request);
    CHECK(daphne.sent.size() == 4);
    world.run(30s);
    CHECK(daphne.engine->state().ted.probes().size() == 0);
    CHECK(daphne.engine->state().timers.size() == 0);
}

TEST_CASE(
    "T3 T7: answers only for what is protected here, at a bounded rate, from the right peer") {
    World world(73);
    auto& daphne = world.add("Daphne", Ipv4Address(11, 11, 11, 1));
    auto& fred = world.add("Fred", Ipv4Address(11, 11, 11, 2));
    configure_ted(daphne, kLanD, kLanF);
    configure_ted(fred, kLanF, kLanD);
    SECTION("a flow that is not protected") {
        fred.config.access_lists["101"].entries[0].action = config::AclAction::deny;
        discover(daphne, ted_request(daphne, kHostD, kHostF, kLanD, kLanF));
        world.run(3s);
        CHECK(fred.sent.empty());
    }
    SECTION("a flood") {
        world.filter = [](const Endpoint&, const Endpoint&, const Bytes&) { return false; };
        discover(daphne, ted_request(daphne, kHostD, kHostF, kLanD, kLanF));
        const auto probe = daphne.sent.at(0).payload;
        for (int i = 0; i < 1000; ++i) {
            fred.engine->on_packet(world.now,
                                   {kOutside, {kHostF, kPortIsakmp}, {kHostD, kPortIsakmp}, probe});
        }
        fred.drain();
        CHECK(fred.sent.size() == Ted::kAnswersPerSecond);
        CHECK(fred.ike_count() == 0);
    }
    SECTION("the draft's shortest probe is answered within its length, or not at all") {
        const auto ask = [&](const TedProbe& probe) {
            fred.engine->on_packet(world.now,
                                   {kOutside,
                                    {kHostF, kPortIsakmp},
                                    {kHostD, kPortIsakmp},
                                    write_ted_probe(probe, 0)});
            fred.drain();
        };
        ask({Cookie{77}, daphne.address, std::nullopt, false});
        CHECK(fred.sent.empty());
        CHECK(fred.counter(Counter::ted_too_short) == 1);
        const Proxy lan{kLanD, mask_of(24), std::nullopt, 0};
        ask({Cookie{78}, daphne.address, lan, false});
        REQUIRE(fred.sent.size() == 1);
        CHECK(fred.sent[0].payload.size() ==
              write_ted_probe({Cookie{78}, daphne.address, lan, false}, 0).size());
        const auto reply =
            read_ted_reply(*parse_header(fred.sent[0].payload), fred.sent[0].payload);
        REQUIRE(reply.has_value());
        CHECK(reply->gateway == fred.address);
        CHECK(reply->proxy == Proxy{kLanF, mask_of(24), std::nullopt, 0});
        CHECK_FALSE(reply->ios);
    }
    SECTION("both ends probe at once") {
        discover(daphne, ted_request(daphne, kHostD, kHostF, kLanD, kLanF));
        discover(fred, ted_request(fred, kHostF, kHostD, kLanF, kLanD));
        world.run(50s);
        CHECK(daphne.pairs.size() == 1);
        CHECK(fred.pairs.size() == 1);
        CHECK(daphne.established_count() == 1);
    }
}

}  // namespace viaduct::ike::test
