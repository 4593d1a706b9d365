// EIGRP engines with each other: adjacency, propagation, failures, in virtual time.
#include <catch2/catch.hpp>

#include "simulator.h"

namespace viaduct::eigrp::test {
namespace {

std::size_t queries(const Network& net, std::size_t n) {
    return static_cast<std::size_t>(
        const_cast<Network&>(net).node(n).process().counters()[Counter::query_sent]);
}

TEST_CASE("D4: two routers become neighbours and exchange routes") {
    Network net(1);
    const auto a = net.add("A");
    const auto b = net.add("B");
    net.link(a, b);
    net.lan(a, prefix("1.1.1.0/24"));
    net.lan(b, prefix("2.2.2.0/24"));
    net.start();
    net.run(2s);
    CHECK(
        net.node(a).sink.has("%DUAL-5-NBRCHANGE: IP-EIGRP(0) 90: Neighbor 10.0.0.6 "
                             "(FastEthernet0/0) is up: new adjacency"));
    REQUIRE(net.has_route(a, "2.2.2.0/24"));
    REQUIRE(net.has_route(b, "1.1.1.0/24"));
    const auto& r = net.node(a).rib.at(prefix("2.2.2.0/24"));
    // 256 * (10^7/100000 + 10 + 10)
    CHECK(r.metric == 30720);
    CHECK(r.distance == 90);
    CHECK(r.next_hops.size() == 1);
    CHECK(r.next_hops[0].gateway == Ipv4Address(10, 0, 0, 6));
    CHECK(net.node(a).engine->is_consistent());
    net.run(60s);
    CHECK(net.node(a).sink.flaps == 0);
    CHECK(net.node(a).process().counters()[Counter::retransmitted] == 0);
}

TEST_CASE("D4: routes cross a line of routers, and are withdrawn") {
    Network net(2);
    std::vector<std::size_t> r;
    for (int i = 0; i < 6; ++i) {
        r.push_back(net.add("R" + std::to_string(i)));
    }
    for (std::size_t i = 0; i + 1 < r.size(); ++i) {
        net.link(r[i], r[i + 1]);
    }
    const auto lan = net.lan(r[0], prefix("172.16.5.0/24"));
    net.start();
    net.run(5s);
    REQUIRE(net.has_route(r[5], "172.16.5.0/24"));
    net.node(r[0]).state(lan).up = false;
    net.apply(r[0]);
    net.run(3s);
    for (std::size_t i = 1; i < r.size(); ++i) {
        CHECK_FALSE(net.has_route(r[i], "172.16.5.0/24"));
        CHECK(net.node(r[i]).process().active_routes() == 0);
        CHECK(net.node(r[i]).process().routes().count(prefix("172.16.5.0/24")) == 0);
    }
}

TEST_CASE("D4: a ring changes over to the other way round") {
    Network net(3);
    std::vector<std::size_t> r;
    for (int i = 0; i < 5; ++i) {
        r.push_back(net.add("R" + std::to_string(i)));
    }
    std::vector<std::size_t> links;
    for (std::size_t i = 0; i < r.size(); ++i) {
        links.push_back(net.link(r[i], r[(i + 1) % r.size()]));
    }
    net.lan(r[0], prefix("172.16.5.0/24"));
    net.start();
    net.run(5s);
    CHECK(net.forwards(r[1], prefix("172.16.5.0/24")) == std::vector<std::size_t>{r[0]});
    net.set_link(links[0], false);
    net.run(3s);
    CHECK(net.forwards(r[1], prefix("172.16.5.0/24")) == std::vector<std::size_t>{r[2]});
    CHECK(net.forwards(r[4], prefix("172.16.5.0/24")) == std::vector<std::size_t>{r[0]});
    net.set_link(links[0], true);
    net.run(3s);
    CHECK(net.forwards(r[1], prefix("172.16.5.0/24")) == std::vector<std::size_t>{r[0]});
}

TEST_CASE("D4: a feasible successor takes over without a query") {
    //      A --- B
    //       \   /      B's own way to N is better than A's way by C
    //        \ C
    Network net(4);
    const auto a = net.add("A");
    const auto b = net.add("B");
    const auto c = net.add("C");
    const auto n = net.add("N");
    const auto ab = net.link(a, b);
    net.link(a, c);
    net.link(b, n);
    net.link(c, n);
    net.node(a).state(IfIndex{2}).delay_10us = 50;  // A–C is the worse one
    net.lan(n, prefix("172.16.5.0/24"));
    net.start();
    net.run(5s);
    REQUIRE(net.forwards(a, prefix("172.16.5.0/24")) == std::vector<std::size_t>{b});
    const auto before = queries(net, a);
    std::size_t for_prefix = 0;
    net.tap = [&](const Sent& s) {
        const auto p = parse_packet(s.packet.payload);
        if (p && s.node == a && p->header.opcode == Opcode::query) {
            for (const auto& t : p->routes) {
                for_prefix += t.prefix == prefix("172.16.5.0/24") ? 1U : 0U;
            }
        }
    };
    net.set_link(ab, false);
    CHECK(net.forwards(a, prefix("172.16.5.0/24")) == std::vector<std::size_t>{c});
    net.run(3s);
    CHECK(for_prefix == 0);
    CHECK(queries(net, a) >= before);  // its own lost link network is queried
    CHECK(net.forwards(a, prefix("172.16.5.0/24")) == std::vector<std::size_t>{c});
}

}  // namespace
}  // namespace viaduct::eigrp::test
