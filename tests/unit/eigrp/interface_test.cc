// What a `neighbor` line, a stub line and a bandwidth share make of an interface.
#include <catch2/catch.hpp>

#include "controlplane/eigrp/wire.h"
#include "simulator.h"

namespace viaduct::eigrp::test {
namespace {

/// What a router sends by multicast in this time.
std::size_t multicasts(Network& net, std::size_t node, Duration time) {
    std::size_t sent = 0;
    net.tap = [&](const Sent& s) {
        sent += s.node == node && s.packet.destination.is_multicast() ? 1U : 0U;
    };
    net.run(time);
    net.tap = nullptr;
    return sent;
}

}  // namespace

TEST_CASE("D4: `neighbor A.B.C.D INTERFACE` concerns that interface and no other") {
    Network net(41);
    const auto a = net.add("A");
    const auto b = net.add("B");
    net.link(a, b);  // A: FastEthernet0/0, 10.0.0.5; B: 10.0.0.6
    net.lan(b, prefix("172.16.1.0/24"));
    const auto line = [](Ipv4Address address, const char* interface) {
        return config::EigrpNeighbor{address, name(interface)};
    };
    const auto statics = [&] {
        return net.node(a).process().interfaces().at(IfIndex{1}).static_neighbors;
    };
    SECTION(
        "another interface is named: nothing changes here; this one: multicast ends, both ways") {
        net.node(a).eigrp().neighbors = {line(Ipv4Address(10, 0, 0, 6), "FastEthernet0/7")};
        net.start();
        CHECK(multicasts(net, a, 20s) > 2);
        CHECK(net.has_route(a, "172.16.1.0/24"));
        net.node(a).eigrp().neighbors = {line(Ipv4Address(10, 0, 0, 6), "FastEthernet0/0")};
        net.apply(a);
        CHECK(multicasts(net, a, 20s) == 0);
        CHECK_FALSE(net.has_route(a, "172.16.1.0/24"));
        CHECK(net.node(a).process().counters()[Counter::drop_multicast_unicast_only] > 2);
        net.node(b).eigrp().neighbors = {line(Ipv4Address(10, 0, 0, 5), "FastEthernet0/0")};
        net.apply(b);
        net.run(20s);
        CHECK(net.has_route(a, "172.16.1.0/24"));
    }
    SECTION("in the network of a secondary address") {
        for (const auto n : {a, b}) {
            net.node(n).state(IfIndex{1}).secondaries = {
                {Ipv4Address(192, 0, 2, n == a ? 1 : 2), 24}};
        }
        net.node(a).eigrp().neighbors = {line(Ipv4Address(192, 0, 2, 2), "FastEthernet0/0")};
        net.start();
        net.run(1s);
        CHECK(statics() == std::vector{Ipv4Address(192, 0, 2, 2)});
    }
    SECTION("an address beyond the interface's networks has no effect") {
        net.node(a).eigrp().neighbors = {line(Ipv4Address(203, 0, 113, 9), "FastEthernet0/0")};
        net.start();
        net.run(10s);
        CHECK(statics().empty());
        CHECK(net.has_route(a, "172.16.1.0/24"));
    }
}

TEST_CASE("D4: eigrp stub: each word lets its kind of routes out, receive-only none") {
    struct Variant {
        config::EigrpStub stub;
        std::set<std::string> told;
        std::uint16_t flags;
    };

    const std::string connected = "172.16.9.0/24";
    const std::string summary = "172.16.8.0/22";
    const std::string fixed = "8.8.0.0/16";
    const std::string redistributed = "192.0.2.0/24";  // a connected network without EIGRP
    const std::string learned = "172.20.1.0/24";
    const std::vector<Variant> variants{
        {{true, true, true, false, false, false},
         {connected, summary, redistributed},
         kStubConnected | kStubSummary},
        {{true, true, false, false, false, false}, {connected, redistributed}, kStubConnected},
        {{true, false, true, false, false, false}, {summary}, kStubSummary},
        {{true, false, false, true, false, false}, {fixed}, kStubStatic},
        {{true, false, false, false, true, false}, {fixed, redistributed}, kStubRedistributed},
        {{true, false, false, false, false, true}, {}, kStubReceiveOnly}};
    for (const auto& variant : variants) {
        Network net(43);
        const auto hub = net.add("H");
        const auto stub = net.add("S");
        const auto behind = net.add("B");
        net.link(hub, stub);
        net.link(stub, behind);
        net.lan(hub, prefix("172.16.1.0/24"));
        net.lan(stub, prefix(connected));
        net.lan(behind, prefix(learned));
        auto& s = net.node(stub);
        using Source = config::EigrpRedistribution::Source;
        for (const auto source : {Source::static_routes, Source::connected}) {
            config::EigrpRedistribution line;
            line.source = source;
            line.metric = config::EigrpSeedMetric{10'000, 100};
            s.eigrp().redistributions.push_back(line);
        }
        // The summary hides the connected network where it is told, so it stands alone in a variant of its own.
        if (variant.stub.summary) {
            s.eigrp(IfIndex{1}).summaries = {{kAsn, prefix(summary), 5}};
        }
        s.eigrp().stub = variant.stub;
        net.start();
        s.engine->set_redistributed(
            net.now(), RedistributedSource::static_routes, {{prefix(fixed), 0, {}}});
        s.engine->set_redistributed(
            net.now(), RedistributedSource::connected, {{prefix(redistributed), 0, {}}});
        net.after(stub);
        net.run(10s);
        INFO("flags " << variant.flags);
        const auto& neighbors = net.node(hub).process().interfaces().at(IfIndex{1}).neighbors;
        REQUIRE(neighbors.size() == 1);
        CHECK(neighbors.begin()->second->stub == variant.flags);
        for (const auto& p : {connected, summary, fixed, redistributed, learned}) {
            INFO(p);
            const bool hidden = variant.stub.summary && p == connected;
            CHECK(net.has_route(hub, p) == (variant.told.contains(p) && !hidden));
        }
        CHECK(net.has_route(stub, "172.16.1.0/24"));
        // Those behind it hear of the same kinds; the summary is told on the other interface only.
        CHECK(net.has_route(behind, connected) == variant.stub.connected);
        CHECK_FALSE(net.has_route(behind, "172.16.1.0/24"));
    }
}

TEST_CASE("D4: ip bandwidth-percent eigrp paces the packets of an interface") {
    const auto seconds_for_table = [](std::uint8_t percent) {
        Network net(44);
        const auto a = net.add("A");
        const auto b = net.add("B");
        net.link(a, b);
        for (const auto n : {a, b}) {
            net.node(n).state(IfIndex{1}).bandwidth_kbps = 64;
            net.node(n).eigrp(IfIndex{1}).bandwidth_percent = percent;
        }
        for (unsigned n = 0; n < 200; ++n) {
            net.lan(a, prefix("172.16." + std::to_string(n) + ".0/24"));
        }
        std::size_t bytes = 0;
        net.tap = [&](const Sent& s) {
            bytes += s.node == a && !s.packet.destination.is_multicast()
                         ? s.packet.payload.size() + 20
                         : 0;
        };
        net.start();
        const auto began = net.now();
        while (!net.has_route(b, "172.16.199.0/24") && net.now() < began + 10min) {
            net.run(100ms);
        }
        REQUIRE(net.has_route(b, "172.16.199.0/24"));
        const auto seconds = std::chrono::duration<double>(net.now() - began).count();
        // No more than its share of the line, give or take the packet that is on it.
        const auto share = 64'000.0 * percent / 100;
        CHECK(static_cast<double>(bytes - 1520) * 8 <= share * seconds);
        return seconds;
    };
    const auto half = seconds_for_table(50);
    const auto tenth = seconds_for_table(10);
    const auto twice =
        seconds_for_table(200);  // IOS: for lines that are faster than `bandwidth` says
    CHECK(tenth > 3 * half);
    CHECK(twice < half);
    Interface i;
    i.state.bandwidth_kbps = 64;
    i.config.bandwidth_percent = 10;
    CHECK(Process::pacing_ms(i, 1520) == 1900);
}

TEST_CASE(
    "D4: a list that EIGRP does not use may change without a flap, one that it uses is applied") {
    Network net(45);
    const auto a = net.add("A");
    const auto b = net.add("B");
    net.link(a, b);
    net.lan(b, prefix("172.16.1.0/24"));
    net.lan(b, prefix("172.16.2.0/24"));
    config::EigrpFilter in;
    in.access_list = "IN";
    in.prefix_list = true;
    net.node(a).eigrp().distribute_lists = {in};
    auto& policies = net.node(a).configuration.policies;
    policies.prefix_lists["IN"].entries = {
        {5, config::AclAction::permit, prefix("0.0.0.0/0"), {}, std::uint8_t{32}}};
    net.start();
    net.run(10s);
    CHECK(net.has_route(a, "172.16.1.0/24"));
    policies.access_lists["101"].entries.emplace_back();
    policies.prefix_lists["OTHER"].entries = policies.prefix_lists["IN"].entries;
    policies.route_maps["NAT"][10] = {};
    net.apply(a);
    net.run(10s);
    CHECK(net.node(a).sink.flaps == 0);
    auto& used = policies.prefix_lists["IN"].entries;
    used.insert(used.begin(), {4, config::AclAction::deny, prefix("172.16.1.0/24"), {}, {}});
    net.apply(a);
    net.run(10s);
    CHECK_FALSE(net.has_route(a, "172.16.1.0/24"));
    CHECK(net.has_route(a, "172.16.2.0/24"));
}

}  // namespace viaduct::eigrp::test
