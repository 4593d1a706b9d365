// What the configuration asks of EIGRP, one switch at a time.
#include <catch2/catch.hpp>

#include "simulator.h"

namespace viaduct::eigrp::test {
namespace {

/// A –– B –– C, each with a LAN: 172.16.1.0/24, 172.16.2.0/24, 172.16.3.0/24.
struct Line {
    explicit Line(Options options = {}) : net(77) {
        for (int n = 0; n < 3; ++n) {
            r.push_back(net.add(std::string(1, static_cast<char>('A' + n)), options));
        }
        net.link(r[0], r[1]);
        net.link(r[1], r[2]);
        for (std::size_t n = 0; n < 3; ++n) {
            lan.push_back(net.lan(r[n], prefix("172.16." + std::to_string(n + 1) + ".0/24")));
        }
    }

    Node& a() { return net.node(r[0]); }

    Node& b() { return net.node(r[1]); }

    Node& c() { return net.node(r[2]); }

    void start() {
        net.start();
        net.run(10s);
    }

    bool a_has(const std::string& p) { return net.has_route(r[0], p); }

    bool b_has(const std::string& p) { return net.has_route(r[1], p); }

    bool c_has(const std::string& p) { return net.has_route(r[2], p); }

    Network net;
    std::vector<std::size_t> r;
    std::vector<IfIndex> lan;
};

TEST_CASE("D4: network lines: classful and wildcard") {
    Line w;
    w.a().eigrp().networks = {{Ipv4Address(10, 0, 0, 0), std::nullopt}};
    w.c().eigrp().networks = {{Ipv4Address(10, 0, 0, 0), Ipv4Address(0, 255, 255, 255)},
                              {Ipv4Address(172, 16, 3, 0), Ipv4Address(0, 0, 0, 255)}};
    w.start();
    CHECK_FALSE(w.c_has("172.16.1.0/24"));
    CHECK(w.a_has("172.16.3.0/24"));
    w.a().eigrp().networks.push_back({Ipv4Address(172, 16, 0, 0), std::nullopt});
    w.net.apply(w.r[0]);
    w.net.run(3s);
    CHECK(w.c_has("172.16.1.0/24"));
    CHECK(w.a().sink.flaps == 0);
    w.a().eigrp().networks.pop_back();
    w.net.apply(w.r[0]);
    w.net.run(3s);
    CHECK_FALSE(w.c_has("172.16.1.0/24"));
    CHECK(w.a().sink.flaps == 0);
}

TEST_CASE("D4: passive interfaces are told of but speak to nobody") {
    Line w;
    w.a().eigrp().passive_interfaces = {name("FastEthernet0/0")};
    w.start();
    CHECK_FALSE(w.b_has("172.16.1.0/24"));
    CHECK(w.b().process().counters()[Counter::hello_received] > 0);
    CHECK(w.a().process().counters()[Counter::hello_sent] == 0);
    w.a().eigrp().passive_interfaces.clear();
    w.net.apply(w.r[0]);
    w.net.run(6s);
    CHECK(w.b_has("172.16.1.0/24"));
    w.a().eigrp().passive_default = true;
    w.net.apply(w.r[0]);
    CHECK(w.a().sink.has("is down: interface passive"));
    w.net.run(1s);
    // The goodbye spares the neighbour the hold time.
    CHECK(w.b().sink.has("10.0.0.5 (FastEthernet0/0) is down: Interface Goodbye received"));
    CHECK_FALSE(w.b_has("172.16.1.0/24"));
}

TEST_CASE("D4: summary addresses hide what they cover and go to Null0") {
    Line w;
    w.b().eigrp(IfIndex{2}).summaries = {{kAsn, prefix("172.16.0.0/22"), 5}};
    w.start();
    CHECK(w.c_has("172.16.0.0/22"));
    CHECK_FALSE(w.c_has("172.16.1.0/24"));
    CHECK_FALSE(w.c_has("172.16.2.0/24"));
    CHECK(w.a_has("172.16.2.0/24"));  // the other interface has no summary
    CHECK_FALSE(w.a_has("172.16.0.0/22"));
    const auto& null0 = w.b().rib.at(prefix("172.16.0.0/22"));
    CHECK(null0.kind == RouteKind::summary);
    CHECK(null0.distance == 5);
    CHECK(null0.next_hops.at(0).interface == kNoInterface);
    // The least metric of what it covers.
    CHECK(w.c().rib.at(prefix("172.16.0.0/22")).metric == 30'720);
    SECTION("the last component gone, the summary goes") {
        for (std::size_t n = 0; n < 3; ++n) {
            w.net.node(w.r[n]).state(w.lan[n]).up = false;
            w.net.apply(w.r[n]);
        }
        w.net.run(5s);
        CHECK_FALSE(w.c_has("172.16.0.0/22"));
        CHECK_FALSE(w.b_has("172.16.0.0/22"));
    }
    SECTION("the summary taken away, the components come") {
        w.b().eigrp(IfIndex{2}).summaries.clear();
        w.net.apply(w.r[1]);
        w.net.run(6s);
        CHECK(w.b().sink.has("is down: summary configured"));
        CHECK(w.c_has("172.16.1.0/24"));
        CHECK_FALSE(w.c_has("172.16.0.0/22"));
        CHECK_FALSE(w.b_has("172.16.0.0/22"));
    }
}

TEST_CASE("D4: auto-summary at the classful boundary") {
    Line w;
    w.a().eigrp().auto_summary = true;
    w.start();
    // A's 10.0.0.4/30 link is in another major network than its LAN.
    CHECK(w.b_has("172.16.0.0/16"));
    CHECK_FALSE(w.b_has("172.16.1.0/24"));
    CHECK(w.a().rib.at(prefix("172.16.0.0/16")).kind == RouteKind::summary);
}

TEST_CASE("D4: stub routers advertise what they may and are not queried") {
    Line w;
    w.c().eigrp().stub.enabled = true;  // connected, summary
    const auto hidden = w.net.add("D");
    w.net.link(w.r[2], hidden);
    w.net.lan(hidden, prefix("172.16.4.0/24"));
    std::size_t queries_to_stub = 0;
    w.net.filter = [&](const Sent& s, const Port& to) {
        const auto h = parse_header(s.packet.payload);
        queries_to_stub += h->opcode == Opcode::query && to.node == w.r[2] && s.node == w.r[1];
        return true;
    };
    w.start();
    CHECK(w.b_has("172.16.3.0/24"));
    CHECK(w.c_has("172.16.4.0/24"));
    CHECK_FALSE(w.b_has("172.16.4.0/24"));  // learned: a stub does not pass it on
    CHECK(w.c_has("172.16.1.0/24"));
    const auto* n = w.b().process().interfaces().at(IfIndex{2}).neighbors.begin()->second.get();
    CHECK(n->stub == (kStubConnected | kStubSummary));
    w.a().state(w.lan[0]).up = false;
    w.net.apply(w.r[0]);
    w.net.run(5s);
    CHECK(queries_to_stub == 0);
    CHECK_FALSE(w.c_has("172.16.1.0/24"));
    SECTION("receive-only") {
        w.c().eigrp().stub.receive_only = true;
        w.net.apply(w.r[2]);
        w.net.run(6s);
        CHECK_FALSE(w.b_has("172.16.3.0/24"));
        CHECK(w.c_has("172.16.2.0/24"));
    }
}

TEST_CASE("D4: redistribution of static and connected routes") {
    Line w;
    using Source = config::EigrpRedistribution::Source;
    w.a().eigrp().networks = {{Ipv4Address(10, 0, 0, 0), std::nullopt}};
    config::EigrpRedistribution fixed;
    fixed.source = Source::static_routes;
    fixed.route_map = "TAGS";
    config::EigrpRedistribution connected;
    connected.source = Source::connected;
    w.a().eigrp().redistributions = {fixed, connected};
    w.a().eigrp().default_metric = config::EigrpSeedMetric{10'000, 100, 200, 10, 1400};
    config::RouteMapEntry refuse;
    refuse.action = config::AclAction::deny;
    refuse.match_prefix_lists = {"NOT"};
    config::RouteMapEntry take;
    take.set_tag = 77;
    w.a().configuration.policies.route_maps["TAGS"] = {{10, refuse}, {20, take}};
    w.a().configuration.policies.prefix_lists["NOT"].entries = {
        {5, config::AclAction::permit, prefix("9.0.0.0/8"), std::nullopt, std::uint8_t{32}}};
    w.net.start();
    w.a().engine->set_redistributed(w.net.now(),
                                    RedistributedSource::static_routes,
                                    {{prefix("0.0.0.0/0"), 0, {}},
                                     {prefix("8.8.0.0/16"), 5, {}},
                                     {prefix("9.9.0.0/16"), 0, {}}});
    w.a().engine->set_redistributed(w.net.now(),
                                    RedistributedSource::connected,
                                    {{prefix("172.16.1.0/24"), 0, name("FastEthernet0/1")},
                                     {prefix("10.0.0.4/30"), 0, name("FastEthernet0/0")}});
    w.net.after(w.r[0]);
    w.net.run(10s);
    const auto& d = w.c().rib.at(prefix("8.8.0.0/16"));
    CHECK(d.external());
    CHECK(d.distance == 170);
    CHECK(d.tag == 77);
    CHECK(d.metric == 256U * (1000 + 100 + 10 + 10));
    CHECK(w.c_has("0.0.0.0/0"));
    CHECK(w.c_has("172.16.1.0/24"));
    CHECK(w.c().rib.at(prefix("172.16.1.0/24")).external());
    CHECK_FALSE(w.c_has("9.9.0.0/16"));
    // The link is internal already, and stays so.
    CHECK_FALSE(w.c().rib.at(prefix("10.0.0.4/30")).external());
    w.a().engine->set_redistributed(w.net.now(), RedistributedSource::static_routes, {});
    w.net.after(w.r[0]);
    w.net.run(3s);
    CHECK_FALSE(w.c_has("8.8.0.0/16"));
    CHECK(w.c_has("172.16.1.0/24"));
}

TEST_CASE("D4: an internal route wins over a nearer external one") {
    Line w;
    config::EigrpRedistribution fixed;
    fixed.source = config::EigrpRedistribution::Source::static_routes;
    fixed.metric = config::EigrpSeedMetric{10'000'000, 1};
    w.a().eigrp().redistributions = {fixed};
    w.net.start();
    w.a().engine->set_redistributed(
        w.net.now(), RedistributedSource::static_routes, {{prefix("172.16.3.0/24"), 0, {}}});
    w.net.after(w.r[0]);
    w.net.run(10s);
    CHECK_FALSE(w.b().rib.at(prefix("172.16.3.0/24")).external());
    CHECK(w.net.forwards(w.r[1], prefix("172.16.3.0/24")) == std::vector<std::size_t>{w.r[2]});
    w.c().state(w.lan[2]).up = false;
    w.net.apply(w.r[2]);
    w.net.run(5s);
    REQUIRE(w.b_has("172.16.3.0/24"));
    CHECK(w.b().rib.at(prefix("172.16.3.0/24")).external());
    CHECK(w.net.forwards(w.r[1], prefix("172.16.3.0/24")) == std::vector<std::size_t>{w.r[0]});
}

TEST_CASE("D4: distribute lists, in and out, with access and prefix lists") {
    Line w;
    auto& lists = w.b().configuration.policies.access_lists["5"];
    lists.extended = false;
    config::AccessEntry deny;
    deny.action = config::AclAction::deny;
    deny.source = {Ipv4Address(172, 16, 1, 0), Ipv4Address(0, 0, 0, 255)};
    lists.entries = {deny, {}};
    config::EigrpFilter out;
    out.access_list = "5";
    out.inbound = false;
    out.interface = name("FastEthernet0/1");
    w.b().eigrp().distribute_lists = {out};
    w.c().configuration.policies.prefix_lists["IN"].entries = {
        {5, config::AclAction::deny, prefix("172.16.2.0/24"), {}, {}},
        {10, config::AclAction::permit, prefix("0.0.0.0/0"), {}, std::uint8_t{32}}};
    config::EigrpFilter in;
    in.access_list = "IN";
    in.prefix_list = true;
    w.c().eigrp().distribute_lists = {in};
    w.start();
    CHECK(w.b_has("172.16.1.0/24"));
    CHECK_FALSE(w.c_has("172.16.1.0/24"));
    CHECK_FALSE(w.c_has("172.16.2.0/24"));
    CHECK(w.c_has("10.0.0.4/30"));
    CHECK(w.c().process().counters()[Counter::ignored_filtered] > 0);
    w.c().eigrp().distribute_lists.clear();
    w.net.apply(w.r[2]);
    w.net.run(6s);
    CHECK(w.c_has("172.16.2.0/24"));
}

TEST_CASE("D4: offset lists add to the metric") {
    Line plain;
    plain.start();
    const auto before = plain.c().rib.at(prefix("172.16.1.0/24")).metric;
    Line w;
    config::EigrpFilter in;
    in.access_list = "0";
    in.offset = 1000;
    in.interface = name("FastEthernet0/0");
    w.c().eigrp().offset_lists = {in};
    config::EigrpFilter out = in;
    out.inbound = false;
    out.offset = 500;
    out.interface = name("FastEthernet0/1");
    w.b().eigrp().offset_lists = {out};
    w.start();
    CHECK(w.c().rib.at(prefix("172.16.1.0/24")).metric == before + 1500);
}

TEST_CASE("D4: equal and unequal cost: variance and maximum-paths") {
    Network net(8);
    const auto a = net.add("A");
    const auto b = net.add("B");
    for (int i = 0; i < 3; ++i) {
        net.link(a, b);
    }
    net.node(a).state(IfIndex{3}).delay_10us = 40;
    net.lan(b, prefix("172.16.1.0/24"));
    net.start();
    net.run(5s);
    CHECK(net.node(a).rib.at(prefix("172.16.1.0/24")).next_hops.size() == 2);
    net.node(a).eigrp().variance = 2;
    net.apply(a);
    const auto& three = net.node(a).rib.at(prefix("172.16.1.0/24")).next_hops;
    CHECK(three.size() == 3);
    CHECK(three.at(2).metric == 256U * (100 + 40 + 10));
    net.node(a).eigrp().maximum_paths = 1;
    net.apply(a);
    CHECK(net.node(a).rib.at(prefix("172.16.1.0/24")).next_hops.size() == 1);
    net.node(a).eigrp().distance_internal = 80;
    net.apply(a);
    CHECK(net.node(a).rib.at(prefix("172.16.1.0/24")).distance == 80);
    CHECK(net.node(a).sink.flaps == 0);
}

TEST_CASE("D4: MD5 authentication with a key chain") {
    Line w;
    const auto set = [&](Node& n, IfIndex i, const char* key) {
        n.configuration.key_chains["K"][1].key_string = {0, key};
        n.eigrp(i).authentication_md5 = true;
        n.eigrp(i).key_chain = "K";
    };
    set(w.a(), IfIndex{1}, "cisco123");
    set(w.b(), IfIndex{1}, "cisco123");
    w.start();
    CHECK(w.a_has("172.16.3.0/24"));
    CHECK(w.c_has("172.16.1.0/24"));
    SECTION("another key: nobody is taken, one line in the log") {
        set(w.b(), IfIndex{1}, "cisco124");
        w.net.apply(w.r[1]);
        CHECK(w.b().sink.has("is down: keychain changed"));
        w.net.run(30s);
        CHECK_FALSE(w.a_has("172.16.3.0/24"));
        CHECK(w.b().process().counters()[Counter::drop_authentication] > 3);
        CHECK(w.b().process().interfaces().at(IfIndex{1}).neighbors.empty());
        std::size_t lines = 0;
        for (const auto& l : w.b().sink.lines) {
            lines += l.find("Auth failure") != std::string::npos ? 1U : 0U;
        }
        CHECK(lines <= 2);
    }
    SECTION("one side without") {
        w.b().eigrp(IfIndex{1}).authentication_md5 = false;
        w.net.apply(w.r[1]);
        w.net.run(30s);
        CHECK_FALSE(w.a_has("172.16.3.0/24"));
        CHECK(w.b().process().counters()[Counter::drop_authentication] > 0);
    }
}

TEST_CASE("D4: hello and hold times as configured; NBMA defaults") {
    Line w;
    w.a().eigrp(IfIndex{1}).hello_s = 1;
    w.a().eigrp(IfIndex{1}).hold_s = 3;
    w.start();
    const auto* n = w.b().process().interfaces().at(IfIndex{1}).neighbors.begin()->second.get();
    CHECK(n->hold == 3s);
    w.net.set_link(0, false, false);
    w.net.run(3500ms);
    CHECK(w.b().sink.has("10.0.0.5 (FastEthernet0/0) is down: holding time expired"));
    auto& s = w.c().state(IfIndex{1});
    s.nbma = true;
    s.bandwidth_kbps = 512;
    w.net.apply(w.r[2]);
    CHECK(w.c().process().interfaces().at(IfIndex{1}).hello_s == 60);
    CHECK(w.c().process().interfaces().at(IfIndex{1}).hold_s == 180);
}

TEST_CASE("D4: unicast neighbours") {
    Line w;
    w.a().eigrp().neighbors = {{Ipv4Address(10, 0, 0, 6), {}}};
    w.b().eigrp().neighbors = {{Ipv4Address(10, 0, 0, 5), {}}};
    std::size_t multicast = 0;
    w.net.tap = [&](const Sent& s) {
        multicast += s.node == w.r[0] && s.packet.destination.is_multicast() ? 1U : 0U;
    };
    w.start();
    CHECK(w.a_has("172.16.3.0/24"));
    CHECK(w.c_has("172.16.1.0/24"));
    CHECK(multicast == 0);
    w.a().state(w.lan[0]).up = false;
    w.net.apply(w.r[0]);
    w.net.run(3s);
    CHECK_FALSE(w.c_has("172.16.1.0/24"));
}

TEST_CASE("D4: wide metrics between routers that announce them, classic with the others") {
    Line w({.wide_metrics = true});
    std::size_t wide = 0;
    std::size_t classic = 0;
    w.net.tap = [&](const Sent& s) {
        const auto packet = parse_packet(s.packet.payload);
        for (const auto& t : packet->routes) {
            ++(t.style == MetricStyle::wide ? wide : classic);
        }
    };
    const auto old = w.net.add("old");
    w.net.link(w.r[2], old);
    w.net.lan(old, prefix("172.16.4.0/24"));
    w.start();
    CHECK(wide > 0);
    CHECK(w.a_has("172.16.4.0/24"));
    CHECK(w.net.has_route(old, "172.16.1.0/24"));
    // 4 links of 100 Mbit/s and 100 us: (10^7 * 65536 / 10^5 + 4 * 10^8 * 65536 / 10^6) / 128
    CHECK(w.a().rib.at(prefix("172.16.4.0/24")).metric == (6'553'600U + 4U * 6'553'600U) / 128U);
    CHECK(w.net.node(old).rib.at(prefix("172.16.1.0/24")).metric == 256U * (100 + 40));
    w.a().state(w.lan[0]).up = false;
    w.net.apply(w.r[0]);
    w.net.run(3s);
    CHECK_FALSE(w.net.has_route(old, "172.16.1.0/24"));
}

TEST_CASE("D4: a change of K values ends the adjacency; the goodbye ends it at once") {
    Line w;
    w.start();
    w.b().eigrp().k[1] = 1;
    w.net.apply(w.r[1]);
    w.net.run(6s);
    CHECK(w.a().sink.has("10.0.0.6 (FastEthernet0/0) is down: K-value mismatch"));
    CHECK_FALSE(w.a_has("172.16.3.0/24"));
    w.b().eigrp().k[1] = 0;
    w.net.apply(w.r[1]);
    w.net.run(6s);
    CHECK(w.a_has("172.16.3.0/24"));
    w.b().configuration.processes.clear();
    w.net.apply(w.r[1]);
    w.net.run(1s);
    CHECK(w.a().sink.has("is down: Interface Goodbye received"));
    CHECK(w.b().rib.empty());
    CHECK(w.b().engine->processes().empty());
}

TEST_CASE("D4: the hop count ends at 100; what we redistributed ourselves is not taken back") {
    Line w;
    config::EigrpRedistribution fixed;
    fixed.source = config::EigrpRedistribution::Source::static_routes;
    w.a().eigrp().redistributions = {fixed};
    w.a().eigrp().router_id = Ipv4Address(7, 7, 7, 7);
    w.c().eigrp().router_id = Ipv4Address(7, 7, 7, 7);
    w.net.start();
    w.a().engine->set_redistributed(
        w.net.now(), RedistributedSource::static_routes, {{prefix("8.0.0.0/8"), 0, {}}});
    w.net.after(w.r[0]);
    w.net.run(10s);
    CHECK(w.b_has("8.0.0.0/8"));
    CHECK_FALSE(w.c_has("8.0.0.0/8"));
    CHECK(w.c().process().counters()[Counter::ignored_own_router_id] > 0);
    Metric m{delay_from_10us(1), 100, 1500, kMaximumHops, 255, 1};
    CHECK_FALSE(extend(m, {delay_from_10us(1), 100, 1500, 0, 255, 1}).reachable());
}

TEST_CASE("stuck in active: SIA queries keep a slow neighbour, and end a silent one") {
    // A has a network; B – C – D: D answers acknowledgements but never replies.
    Network net(9);
    std::vector<std::size_t> r;
    for (int n = 0; n < 4; ++n) {
        r.push_back(net.add("R" + std::to_string(n)));
    }
    for (std::size_t n = 0; n + 1 < r.size(); ++n) {
        net.link(r[n], r[n + 1]);
    }
    const auto lan = net.lan(r[0], prefix("172.16.1.0/24"));
    net.start();
    net.run(10s);
    // Replies of D are changed on the way into empty packets: acknowledged, but no answer.
    bool mute = true;
    std::size_t sia_queries = 0;
    std::size_t sia_replies = 0;
    net.filter = [&](const Sent& s, const Port& to) {
        const auto h = parse_header(s.packet.payload);
        sia_queries += h->opcode == Opcode::sia_query ? 1U : 0U;
        sia_replies += h->opcode == Opcode::sia_reply ? 1U : 0U;
        if (mute && s.node == r[3] &&
            (h->opcode == Opcode::reply || h->opcode == Opcode::sia_reply)) {
            auto ack = *h;
            ack.opcode = Opcode::hello;
            ack.sequence = 0;
            const auto packet = write_packet(ack, {});
            auto& c = net.node(to.node);
            c.engine->on_packet(net.now(),
                                to.interface,
                                net.node(s.node).state(s.packet.interface).address,
                                s.packet.destination,
                                packet);
            // As if the reply had been taken in: D is satisfied too.
            auto& d = net.node(r[3]);
            d.engine->on_packet(net.now(),
                                IfIndex{1},
                                c.state(to.interface).address,
                                d.state(IfIndex{1}).address,
                                write_packet({Opcode::hello, 0, 0, h->sequence, 0, kAsn}, {}));
            return false;
        }
        return true;
    };
    net.node(r[0]).state(lan).up = false;
    net.apply(r[0]);
    net.run(80s);
    CHECK(net.node(r[2]).process().active_routes() == 1);
    CHECK(sia_queries == 0);
    net.run(20s);  // half the active time of 3 minutes has passed
    CHECK(sia_queries >= 3);
    // A and B are kept by C's answers.
    CHECK(sia_replies >= 2);
    SECTION("never an answer: C gives D up, and all are passive again") {
        net.run(95s);
        CHECK(
            net.node(r[2]).sink.has("%DUAL-3-SIA: Route 172.16.1.0/24 stuck-in-active state in "
                                    "IP-EIGRP(0) 90.  Cleaning up"));
        CHECK(net.node(r[2]).sink.has("is down: stuck in active"));
        CHECK(net.node(r[1]).sink.flaps == 0);
        CHECK(net.node(r[0]).sink.flaps == 0);
        for (std::size_t n = 0; n < 3; ++n) {
            CHECK(net.node(r[n]).process().active_routes() == 0);
        }
    }
}

TEST_CASE("neighbours' and routes' numbers are bounded") {
    Network net(10);
    const auto a = net.add("A", {.maximum_neighbors = 4, .maximum_routes = 6});
    const auto i = net.interface(a, Ipv4Address(10, 0, 0, 1), 24);
    net.start();
    auto& engine = *net.node(a).engine;
    ByteWriter hello;
    write_parameters(hello, {});
    const auto packet = write_packet({Opcode::hello, 0, 0, 0, 0, kAsn}, hello.view());
    for (std::uint8_t n = 2; n < 100; ++n) {
        engine.on_packet(net.now(), i, Ipv4Address(10, 0, 0, n), kAllRouters, packet);
    }
    CHECK(net.node(a).process().interfaces().at(i).neighbors.size() == 4);
    CHECK(net.node(a).process().counters()[Counter::drop_neighbor_limit] == 94);
    const Ipv4Address peer(10, 0, 0, 2);
    const Ipv4Address us(10, 0, 0, 1);
    engine.on_packet(
        net.now(), i, peer, us, write_packet({Opcode::update, kFlagInit, 1, 0, 0, kAsn}, {}));
    ByteWriter routes;
    for (std::uint8_t n = 0; n < 50; ++n) {
        RouteTlv t;
        t.prefix = {Ipv4Address(20, n, 0, 0), 16};
        t.metric = {delay_from_10us(10), 1000, 1500, 0, 255, 1};
        write_route(routes, t);
    }
    engine.on_packet(
        net.now(), i, peer, us, write_packet({Opcode::update, 0, 2, 0, 0, kAsn}, routes.view()));
    CHECK(net.node(a).process().routes().size() == 6);
    CHECK(net.node(a).process().counters()[Counter::drop_route_limit] == 45);
    CHECK(engine.is_consistent());
}

TEST_CASE("strangers leave a counter and no state") {
    Network net(11);
    const auto a = net.add("A");
    const auto i = net.interface(a, Ipv4Address(10, 0, 0, 1), 24);
    net.start();
    auto& engine = *net.node(a).engine;
    const auto& process = net.node(a).process();
    ByteWriter body;
    write_parameters(body, {});
    const auto hello = [&](Asn asn) {
        return write_packet({Opcode::hello, 0, 0, 0, 0, asn}, body.view());
    };
    const auto give = [&](Ipv4Address from, const Bytes& packet) {
        engine.on_packet(net.now(), i, from, kAllRouters, packet);
    };
    give(Ipv4Address(10, 0, 0, 2), hello(Asn{91}));
    CHECK(engine.counters()[Counter::drop_wrong_as] == 1);
    auto broken = hello(kAsn);
    broken.back() ^= 1U;
    give(Ipv4Address(10, 0, 0, 2), broken);
    CHECK(engine.counters()[Counter::drop_checksum] == 1);
    give(Ipv4Address(10, 0, 1, 2), hello(kAsn));
    CHECK(process.counters()[Counter::drop_not_on_subnet] == 1);
    CHECK(net.node(a).sink.has(
        "%DUAL-6-NBRINFO: IP-EIGRP(90) Neighbor 10.0.1.2 not on common subnet"));
    give(Ipv4Address(10, 0, 0, 1), hello(kAsn));
    CHECK(process.counters()[Counter::drop_own_address] == 1);
    auto k = hello(kAsn);
    k[kHeaderBytes + 4] = 9;
    seal(k);
    for (int n = 0; n < 100; ++n) {
        give(Ipv4Address(10, 0, 0, 2), k);
    }
    CHECK(process.counters()[Counter::drop_k_values] == 100);
    auto absurd = hello(kAsn);
    absurd[kHeaderBytes + 2] = 0xFF;
    seal(absurd);
    give(Ipv4Address(10, 0, 0, 2), absurd);
    CHECK(process.counters()[Counter::drop_tlv_length] == 1);
    give(Ipv4Address(10, 0, 0, 2), write_packet({Opcode::update, 1, 5, 0, 0, kAsn}, {}));
    CHECK(process.counters()[Counter::drop_not_neighbor] == 1);
    give(Ipv4Address(10, 0, 0, 2), write_packet({Opcode::hello, 0, 0, 0, 0, kAsn}, {}));
    CHECK(process.counters()[Counter::drop_hello_without_parameters] == 1);
    engine.on_packet(net.now(), IfIndex{7}, Ipv4Address(10, 0, 0, 2), kAllRouters, hello(kAsn));
    CHECK(process.counters()[Counter::drop_no_interface] == 1);
    CHECK(process.interfaces().at(i).neighbors.empty());
    CHECK(process.routes().size() == 1);
    // one line for the K values, one for the subnet
    CHECK(net.node(a).sink.lines.size() == 2);
}

}  // namespace
}  // namespace viaduct::eigrp::test
