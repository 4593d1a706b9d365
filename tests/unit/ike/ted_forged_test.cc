// Answers that nobody asked for, and probes and answers that a translator touched. Nothing of a discovery is
// authenticated, so each refusal has its name, and the probe goes on waiting for the right answer.
//
//   13.13.13.4 ── Daphne 11.11.11.1 ────(who sits here)──── 11.11.11.2 Fred ── 12.12.12.13
#include <catch2/catch.hpp>

#include "controlplane/ike/ted_wire.h"
#include "tests/unit/ike/world.h"

namespace viaduct::ike::test {

namespace {

constexpr Ipv4Address kGatewayF(11, 11, 11, 2);
constexpr Ipv4Address kForger(99, 9, 9, 9);
constexpr IfIndex kInside{2};
constexpr IfIndex kOutside2{3};

constexpr Proxy net(Ipv4Address address, unsigned length) {
    return {address, mask_of(length), std::nullopt, 0};
}

/// Daphne, asking; what comes back is written by the test.
struct Asking {
    Asking() {
        daphne.interfaces.push_back(daphne.interfaces[0]);
        daphne.interfaces.back().index = kInside;
        daphne.interfaces.back().address = Ipv4Address(13, 13, 13, 13);
        configure_ted(daphne, kLanD, kLanF);
        world.filter = [](const Endpoint&, const Endpoint&, const Bytes&) { return false; };
        ask();
    }

    void ask() {
        daphne.engine->on_discover(world.now, ted_request(daphne, kHostD, kHostF, kLanD, kLanF));
        daphne.drain();
        const auto& message = daphne.sent.at(daphne.sent.size() - 1).payload;
        cookie = parse_header(message)->initiator;
    }

    TedReply right() const { return {cookie, Cookie{0x1234}, kGatewayF, net(kLanF, 24), true}; }

    void give(const TedReply& reply,
              IfIndex by = kOutside,
              std::optional<Endpoint> from = std::nullopt,
              std::optional<Ipv4Address> to = std::nullopt) {
        daphne.engine->on_packet(world.now,
                                 {by,
                                  {to.value_or(daphne.address), kPortIsakmp},
                                  from.value_or(Endpoint{reply.gateway, kPortIsakmp}),
                                  write_ted_reply(reply, 5, 1500)});
        daphne.drain();
    }

    /// The peer and proxies of the request that an answer led to.
    [[nodiscard]] std::optional<Acquire> wanted() const {
        const auto& requests = daphne.engine->state().requests.all();
        return requests.empty() ? std::nullopt : std::optional(requests.begin()->second.acquire);
    }

    /// Nothing came of it but a count; the right answer is still taken.
    void refused(Counter why) {
        CHECK(daphne.counter(why) == 1);
        CHECK_FALSE(wanted());
        CHECK(daphne.ike_count() == 0);
        give(right());
        REQUIRE(wanted());
        CHECK(wanted()->peers == std::vector{kGatewayF});
        CHECK(wanted()->proxies == ProxyPair{net(kLanD, 24), net(kLanF, 24)});
        CHECK(daphne.ike_count() == 1);
        give(right());  // once
        CHECK(daphne.ike_count() == 1);
        CHECK(daphne.counter(Counter::ted_no_probe) >= 1);
    }

    World world{81};
    Node& daphne = world.add("Daphne", Ipv4Address(11, 11, 11, 1));
    Cookie cookie;
};

}  // namespace

TEST_CASE("T7: a forged answer changes nothing and the right one is still taken") {
    Asking a;
    auto reply = a.right();
    SECTION("another cookie") {
        reply.initiator = Cookie{reply.initiator.value() ^ 1U};
        a.give(reply);
        a.refused(Counter::ted_no_probe);
    }
    SECTION("no responder cookie") {
        reply.responder = Cookie{};
        a.give(reply);
        a.refused(Counter::ted_malformed);
    }
    SECTION("by an inside interface") {
        a.give(reply, kInside);
        a.refused(Counter::ted_wrong_interface);
    }
    SECTION("to another address of ours") {
        a.give(reply, kOutside, std::nullopt, Ipv4Address(13, 13, 13, 13));
        a.refused(Counter::ted_wrong_interface);
    }
    SECTION("from another address than the one inside") {
        a.give(reply, kOutside, Endpoint{kForger, kPortIsakmp});
        a.refused(Counter::ted_nat);
    }
    SECTION("naming one of our own addresses") {
        reply.gateway = Ipv4Address(13, 13, 13, 13);
        a.give(reply);
        a.refused(Counter::ted_wrong_peer);
    }
    SECTION("naming no station") {
        reply.gateway = Ipv4Address(224, 0, 0, 5);
        a.give(reply);
        a.refused(Counter::ted_wrong_peer);
    }
    SECTION("a proxy that the original packet is not in") {
        reply.proxy = net(Ipv4Address(12, 12, 12, 128), 25);
        a.give(reply);
        a.refused(Counter::ted_wrong_proxies);
    }
    SECTION("a network that has nothing to do with it") {
        reply.proxy = net(Ipv4Address(10, 0, 0, 0), 8);
        a.give(reply);
        a.refused(Counter::ted_wrong_proxies);
    }
}

TEST_CASE("T7: an answer may narrow what our access list protects, never widen it") {
    Asking a;
    auto reply = a.right();
    SECTION("everything: our own line stays") {
        reply.proxy = net(Ipv4Address{}, 0);
        a.give(reply);
        REQUIRE(a.wanted());
        CHECK(a.wanted()->proxies == ProxyPair{net(kLanD, 24), net(kLanF, 24)});
    }
    SECTION(
        "a supernet, for one protocol and port: the addresses are narrowed, the rest is our "
        "line's") {
        reply.proxy = {Ipv4Address(12, 0, 0, 0), mask_of(8), kProtoTcp, 80};
        a.give(reply);
        REQUIRE(a.wanted());
        CHECK(a.wanted()->proxies == ProxyPair{net(kLanD, 24), net(kLanF, 24)});
    }
    SECTION("a part with the host in it") {
        reply.proxy = net(Ipv4Address(12, 12, 12, 8), 29);
        a.give(reply);
        REQUIRE(a.wanted());
        CHECK(a.wanted()->proxies ==
              ProxyPair{net(kLanD, 24), net(Ipv4Address(12, 12, 12, 8), 29)});
    }
    CHECK(a.daphne.pairs.empty());  // nobody is protected by an answer alone
}

TEST_CASE("T7: a late answer is no answer") {
    Asking a;
    const auto reply = a.right();
    a.world.run(24s);
    SECTION("ten seconds after the last sending it is still taken") {
        a.give(reply);
        CHECK(a.wanted());
    }
    SECTION("later it is not") {
        a.world.run(2s);
        a.give(reply);
        CHECK_FALSE(a.wanted());
        CHECK(a.daphne.counter(Counter::ted_no_probe) == 1);
    }
}

TEST_CASE("T7: asymmetric routes: an answer by another interface with a discover map is taken") {
    Asking a;
    a.daphne.interfaces.push_back(a.daphne.interfaces[0]);
    a.daphne.interfaces.back().index = kOutside2;
    a.daphne.interfaces.back().address = Ipv4Address(11, 11, 22, 1);
    a.daphne.configure();
    a.give(a.right(), kOutside2);
    REQUIRE(a.wanted());
    CHECK(a.wanted()->policy.interface == kOutside);
}

TEST_CASE("T7: with `set peer` in the template only these are believed") {
    Asking a;
    a.daphne.config.crypto.dynamic_maps["ted-map"].entries[10].peers = {"11.11.11.2"};
    a.daphne.configure();
    auto reply = a.right();
    reply.gateway = kForger;
    a.give(reply);
    a.refused(Counter::ted_wrong_peer);
}

TEST_CASE("T7: a probe that is out is forgotten when its map goes") {
    Asking a;
    a.daphne.interfaces[0].crypto_map.clear();
    a.daphne.configure();
    CHECK(a.daphne.engine->state().ted.probes().empty());
    a.give(a.right());
    CHECK_FALSE(a.wanted());
}

TEST_CASE("TED does not work through NAT, and says so") {
    World world(82);
    auto& daphne = world.add("Daphne", Ipv4Address(11, 11, 11, 1));
    auto& fred = world.add("Fred", kGatewayF);
    configure_ted(daphne, kLanD, kLanF);
    configure_ted(fred, kLanF, kLanD);
    // Fred protects everything from his network, so that a translated source is still his business.
    fred.config.access_lists["101"].entries[0].destination = {Ipv4Address{},
                                                              Ipv4Address{0xFFFFFFFFU}};
    fred.configure();
    world.filter = [](const Endpoint&, const Endpoint&, const Bytes&) { return false; };
    daphne.engine->on_discover(world.now, ted_request(daphne, kHostD, kHostF, kLanD, kLanF));
    daphne.drain();
    const auto probe = daphne.sent.at(0).payload;
    const auto arrives_from = [&](const Endpoint& source) {
        fred.engine->on_packet(world.now, {kOutside, {kHostF, kPortIsakmp}, source, probe});
        fred.drain();
    };
    SECTION("a probe with a translated source") {
        arrives_from({Ipv4Address(77, 7, 7, 7), kPortIsakmp});
        CHECK(
            fred.lines.contains("%CRYPTO-4-TED_NAT: discovery probe of 11.11.11.1 comes from "
                                "77.7.7.7 port 500, which is not in 13.13.13.0/255.255.255.0: "
                                "TED does not work through NAT"));
    }
    SECTION("a probe with a translated port") {
        arrives_from({kHostD, L4Port{1024}});
        CHECK(fred.lines.contains("TED does not work through NAT"));
    }
    CHECK(fred.sent.empty());
    CHECK(fred.counter(Counter::ted_nat) == 1);
    // A flood of them does not flood the log.
    const auto lines = fred.lines.lines.size();
    for (int i = 0; i < 1000; ++i) {
        arrives_from({Ipv4Address(77, 7, 7, 7), kPortIsakmp});
    }
    CHECK(fred.lines.lines.size() == lines);
    CHECK(fred.counter(Counter::ted_nat) == 1001);
    world.run(11s);
    arrives_from({Ipv4Address(77, 7, 7, 7), kPortIsakmp});
    CHECK(fred.lines.lines.size() == lines + 1);
}

TEST_CASE("T7: our own probe that comes back is not answered") {
    World world(83);
    auto& daphne = world.add("Daphne", Ipv4Address(11, 11, 11, 1));
    configure_ted(daphne, kLanD, kLanF);
    world.filter = [](const Endpoint&, const Endpoint&, const Bytes&) { return false; };
    const TedProbe own{Cookie{5}, daphne.address, net(kLanF, 24), true};
    daphne.engine->on_packet(
        world.now,
        {kOutside, {kHostD, kPortIsakmp}, {kHostF, kPortIsakmp}, write_ted_probe(own, 1)});
    daphne.drain();
    CHECK(daphne.sent.empty());
    CHECK(daphne.counter(Counter::ted_wrong_peer) == 1);
}

}  // namespace viaduct::ike::test
