// What `show ip eigrp …` prints, in the layout of IOS 12.3.
#include "controlplane/eigrp/exec.h"

#include <catch2/catch.hpp>

#include "simulator.h"
#include "tests/has.h"

namespace viaduct::eigrp::test {
namespace {

struct ShownPair {
    ShownPair() : net(5) {
        a = net.add("A");
        b = net.add("B");
        net.link(a, b);
        net.lan(a, prefix("1.1.1.0/24"));
        net.lan(b, prefix("2.2.2.0/24"));
        net.node(b).eigrp().redistributions.push_back({});
        net.node(b).eigrp().redistributions[0].source =
            config::EigrpRedistribution::Source::static_routes;
        net.node(b).eigrp().redistributions[0].metric = config::EigrpSeedMetric{10'000, 100};
        net.start();
        net.node(b).engine->set_redistributed(
            net.now(), RedistributedSource::static_routes, {{prefix("9.9.0.0/16"), 42, {}}});
        net.after(b);
        net.run(61s);
    }

    const Engine& engine() { return *net.node(a).engine; }

    Network net;
    std::size_t a = 0;
    std::size_t b = 0;
};

TEST_CASE("D10: show ip eigrp neighbors") {
    ShownPair w;
    const auto text = show_neighbors(w.engine(), w.net.now(), {}, {}, Detail::brief);
    INFO(text);
    CHECK(has(text,
              "IP-EIGRP neighbors for process 90\n"
              "H   Address                 Interface       Hold Uptime   SRTT   RTO  Q  Seq Type\n"
              "                                            (sec)         (ms)       Cnt Num\n"
              "0   10.0.0.6                Fa0/0             "));
    CHECK(has(text, " 00:01:00 "));
    CHECK(has(show_neighbors(w.engine(), w.net.now(), kAsn, {}, Detail::detail),
              "   Version 12.4/1.2, Retrans: 0, Retries: 0, Prefixes: 2\n"));
    CHECK(show_neighbors(w.engine(), w.net.now(), Asn{7}, {}, Detail::detail).empty());
}

TEST_CASE("D10: show ip eigrp topology") {
    ShownPair w;
    const auto text = show_topology(w.engine(), w.net.now(), {}, Links::feasible);
    INFO(text);
    CHECK(has(text, "IP-EIGRP Topology Table for AS(90)/ID(1.1.1.1)\n\nCodes: P - Passive"));
    CHECK(has(text,
              "P 1.1.1.0/24, 1 successors, FD is 28160\n        via Connected, FastEthernet0/1\n"));
    CHECK(has(text,
              "P 2.2.2.0/24, 1 successors, FD is 30720\n"
              "        via 10.0.0.6 (30720/28160), FastEthernet0/0\n"));
    CHECK(has(text, "P 9.9.0.0/16, 1 successors, FD is 284160, tag is 42\n"));
    const auto entry = show_topology_entry(w.engine(), {}, prefix("9.9.0.0/16"));
    INFO(entry);
    CHECK(has(entry,
              "IP-EIGRP (AS 90): Topology entry for 9.9.0.0/16\n"
              "  State is Passive, Query origin flag is 1, 1 Successor(s), FD is 284160\n"
              "  Routing Descriptor Blocks:\n"
              "  10.0.0.6 (FastEthernet0/0), from 10.0.0.6, Send flag is 0x0\n"
              "      Composite metric is (284160/281600), Route is External\n"
              "      Vector metric:\n"
              "        Minimum bandwidth is 10000 Kbit\n"
              "        Total delay is 1100 microseconds\n"
              "        Reliability is 255/255\n"
              "        Load is 1/255\n"
              "        Minimum MTU is 1500\n"
              "        Hop count is 1\n"
              "      External data:\n"
              "        Originating router is 2.2.2.1\n"
              "        AS number of route is 0\n"
              "        External protocol is Static, external metric is 0\n"
              "        Administrator tag is 42 (0x0000002A)\n"));
    CHECK(show_topology_entry(w.engine(), {}, prefix("8.0.0.0/8")) ==
          "% IP-EIGRP (AS 90): Route not in topology table\n");
    CHECK(has(show_topology(w.engine(), w.net.now(), {}, Links::all), ", serno "));
}

TEST_CASE("D10: show ip eigrp interfaces, traffic, protocols") {
    ShownPair w;
    const auto text = show_interfaces(w.engine(), {}, {}, Detail::detail);
    INFO(text);
    CHECK(has(text,
              "Interface        Peers  Un/Reliable  SRTT   Un/Reliable   Flow Timer   Routes\n"
              "Fa0/0              1        0/0 "));
    CHECK(has(text, "  Hello interval is 5 sec\n"));
    const auto traffic = show_traffic(w.engine(), {});
    CHECK(has(traffic, "IP-EIGRP Traffic Statistics for AS 90\n  Hellos sent/received: "));
    const auto protocols = show_protocols(w.engine(), w.net.now());
    INFO(protocols);
    CHECK(has(protocols, "Routing Protocol is \"eigrp 90\"\n"));
    CHECK(has(protocols, "    10.0.0.6              90      00:01:00"));
    CHECK(has(protocols, "  Distance: internal 90 external 170\n"));
}

TEST_CASE("D10: rows and clear ip eigrp neighbors") {
    ShownPair w;
    auto rows = exec_rows(*w.net.node(w.a).engine);
    CHECK(rows.size() == 7);
    w.net.node(w.a).engine->clear_neighbors(w.net.now());
    w.net.after(w.a);
    CHECK(w.net.node(w.a).sink.has("is down: manually cleared"));
    w.net.run(6s);
    CHECK(w.net.node(w.b).sink.has("is down: peer restarted"));
    CHECK(w.net.has_route(w.a, "2.2.2.0/24"));
    CHECK(w.net.has_route(w.b, "1.1.1.0/24"));
}

}  // namespace
}  // namespace viaduct::eigrp::test
