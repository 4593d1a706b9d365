// Document 003: hub sv9-2, spokes sv9-3 and sv9-4, and the document's trace row by row.
//
//   2.2.2.0/24 ─ sv9-3 (192.168.1.2, .131) ─┐
//                                           ├─ cloud ─ sv9-2 (192.168.1.1, .225) ─ 1.1.1.0/24
//   3.3.3.0/24 ─ sv9-4 (192.168.1.3, .130) ─┘
#include <catch2/catch.hpp>

#include "network.h"

namespace viaduct::nhrp::test {
namespace {

void debug_on(Network& network) {
    for (auto& [name, node] : network.nodes_) {
        node->log.set(Debug::nhrp, true);
        node->lines.lines.clear();
    }
}

/// Five echo requests, the next when the answer is there, as `ping` sends them.
void ping(Network& network,
          const std::string& from,
          const std::string& source,
          const std::string& to) {
    for (int i = 0; i < 5; ++i) {
        network.at(network.now + i * 4ms, [&network, from, source, to] {
            network[from].route_packet(ip(source), ip(to), kNoInterface, {}, 255);
        });
    }
}

}  // namespace

TEST_CASE("D3: spokes register at boot, the hub learns unicast and multicast") {
    Network network;
    network.document003();
    for (auto& [name, node] : network.nodes_) {
        node->configure();
    }
    network.run_for(5s);
    auto& hub = network["sv9-2"];
    for (const auto* spoke : {"192.168.1.2/32", "192.168.1.3/32"}) {
        const auto* entry = hub.entry(spoke);
        REQUIRE(entry != nullptr);
        CHECK(entry->registered);
        CHECK(entry->unique);
        CHECK(entry->complete());
    }
    CHECK(hub.adjacency("192.168.1.2")->nbma.address == ip("209.168.202.131"));
    CHECK(hub.multicast.at(kTunnel0) ==
          std::vector<Nbma>{{ip("209.168.202.130"), {}}, {ip("209.168.202.131"), {}}});
    CHECK(network["sv9-3"].server().state == ServerState::responding);
    CHECK(network["sv9-3"].multicast.at(kTunnel0) ==
          std::vector<Nbma>{{ip("209.168.202.225"), {}}});

    // A third of the hold time later it registers again, and the entry lives on for a day.
    const auto before = network["sv9-3"].server().requests_sent;
    network.run_for(2401s);
    CHECK(network["sv9-3"].server().requests_sent == before + 1);
    network.run_for(86400s);
    CHECK(hub.entry("192.168.1.2/32")->created < TimePoint{1010s});
    CHECK(network["sv9-3"].server().state == ServerState::responding);
}

TEST_CASE("D5 D6 D10: the document's trace, row by row") {
    Network network;
    network.document003();
    for (auto& [name, node] : network.nodes_) {
        node->configure();
    }
    network.run_for(5s);
    debug_on(network);
    auto& hub = network["sv9-2"];
    auto& three = network["sv9-3"];
    auto& four = network["sv9-4"];
    ping(network, "sv9-4", "192.168.1.3", "2.2.2.2");
    // sv9-3's echo replies
    for (int i = 0; i < 5; ++i) {
        network.at(network.now + i * 4ms + 4ms, [&three] {
            three.route_packet(ip("2.2.2.2"), ip("192.168.1.3"), kNoInterface, {}, 255);
        });
    }
    network.run_for(5s);
    // "none lost": five requests and five replies arrived, all by the hub.
    CHECK(three.data_received == 5);
    CHECK(four.data_received == 5);
    CHECK(hub.data_through == 10);

    const std::vector<std::string> asking{
        "NHRP: Sending packet to NHS 192.168.1.1 on Tunnel0",
        "NHRP: Sending packet to NHS 192.168.1.1 on Tunnel0",
        "NHRP: Sending packet to NHS 192.168.1.1 on Tunnel0",
        "NHRP: Encapsulation succeeded.  Tunnel IP addr 209.168.202.225",
        "NHRP: Send Resolution Request via Tunnel0, packet size: 84",
    };
    auto wanted = asking;
    wanted.insert(wanted.end(),
                  {" src: 192.168.1.3, dst: 192.168.1.1",
                   "NHRP: 84 bytes out Tunnel0",
                   "NHRP: Sending packet to NHS 192.168.1.1 on Tunnel0",
                   "NHRP: Sending packet to NHS 192.168.1.1 on Tunnel0",
                   "NHRP: Receive Resolution Reply via Tunnel0, packet size: 132",
                   "NHRP: netid_in = 0, to_us = 1",
                   "NHRP: No need to delay processing of resolution event nbma "
                   "src:209.168.202.130 nbma dst:209.168.202.131"});
    INFO(fmt::format("sv9-4:\n{}", fmt::join(four.lines.lines, "\n")));
    CHECK(four.lines.missing_in_order(wanted).empty());

    wanted = asking;
    wanted.insert(wanted.end(),
                  {" src: 192.168.1.2, dst: 192.168.1.1",
                   "NHRP: 84 bytes out Tunnel0",
                   "NHRP: Sending packet to NHS 192.168.1.1 on Tunnel0"});
    INFO(fmt::format("sv9-3:\n{}", fmt::join(three.lines.lines, "\n")));
    CHECK(three.lines.missing_in_order(wanted).empty());
    CHECK(three.lines
              .missing_in_order(
                  {"NHRP: Receive Resolution Request via Tunnel0, packet size: 104",
                   "NHRP: netid_in = 1, to_us = 0",
                   "NHRP: Delaying resolution request nbma src:209.168.202.131 nbma "
                   "dst:209.168.202.130 reason:IPSEC-IFC: need to wait for IPsec SAs.",
                   "NHRP: Receive Resolution Reply via Tunnel0, packet size: 112",
                   "NHRP: netid_in = 0, to_us = 1",
                   "NHRP: Resolution request is already being processed (delayed).",
                   "NHRP: Resolution Request not queued. Already being processed (delayed).",
                   "NHRP: Process delayed resolution request src:192.168.1.3 dst:2.2.2.2",
                   "NHRP: No need to delay processing of resolution event nbma "
                   "src:209.168.202.131 nbma dst:209.168.202.130"})
              .empty());

    INFO(fmt::format("sv9-2:\n{}", fmt::join(hub.lines.lines, "\n")));
    const std::vector<std::string> received{
        "NHRP: Receive Resolution Request via Tunnel0, packet size: 84",
        "NHRP: netid_in = 1, to_us = 0",
    };
    wanted = {"NHRP: Forwarding packet within same fabric Tunnel0 -> Tunnel0",
              "NHRP: Forwarding packet within same fabric Tunnel0 -> Tunnel0",
              "NHRP: Forwarding packet within same fabric Tunnel0 -> Tunnel0"};
    wanted.insert(wanted.end(), received.begin(), received.end());
    wanted.insert(wanted.end(),
                  {"NHRP: No need to delay processing of resolution event nbma "
                   "src:209.168.202.225 nbma dst:209.168.202.130",
                   "NHRP: nhrp_rtlookup yielded Tunnel0",
                   "NHRP: netid_out 1, netid_in 1",
                   "NHRP: nhrp_cache_lookup_comp returned 0x0",
                   "NHRP: calling nhrp_forward",
                   "NHRP: Encapsulation succeeded.  Tunnel IP addr 209.168.202.131",
                   "NHRP: Forwarding Resolution Request via Tunnel0, packet size: 104",
                   " src: 192.168.1.1, dst: 2.2.2.2",
                   "NHRP: 104 bytes out Tunnel0",
                   "NHRP: Forwarding packet within same fabric Tunnel0 -> Tunnel0"});
    wanted.insert(wanted.end(), received.begin(), received.end());
    wanted.insert(wanted.end(),
                  {"NHRP: No need to delay processing of resolution event nbma "
                   "src:209.168.202.225 nbma dst:209.168.202.131",
                   "NHRP: nhrp_rtlookup yielded Tunnel0",
                   "NHRP: netid_out 1, netid_in 1"});
    CHECK(hub.lines.missing_in_order(wanted).empty());
    CHECK(hub.lines
              .missing_in_order({"NHRP: Encapsulation succeeded.  Tunnel IP addr 209.168.202.131",
                                 "NHRP: Send Resolution Reply via Tunnel0, packet size: 112",
                                 " src: 192.168.1.1, dst: 192.168.1.2",
                                 "NHRP: 112 bytes out Tunnel0",
                                 "NHRP: Forwarding packet within same fabric Tunnel0 -> Tunnel0"})
              .empty());
    CHECK(hub.lines.count("nhrp_cache_lookup_comp returned 0x63") == 1);
}

TEST_CASE("D7: the spoke-to-spoke tunnel carries the traffic and goes away when unused") {
    Network network;
    network.document003();
    for (auto& [name, node] : network.nodes_) {
        node->interface().nhrp.holdtime_s = 600;
        node->configure();
    }
    network.run_for(5s);
    ping(network, "sv9-4", "3.3.3.3", "2.2.2.2");
    network.run_for(5s);
    auto& three = network["sv9-3"];
    auto& four = network["sv9-4"];
    REQUIRE(four.adjacency("2.2.2.2") != nullptr);
    CHECK_FALSE(four.adjacency("2.2.2.2")->temporary);
    CHECK(four.adjacency("2.2.2.2")->nbma.address == ip("209.168.202.131"));
    CHECK(network.sa(three, four));

    // The hub's counters stand still while there is traffic, and the entry outlives its hold time.
    const auto through = network["sv9-2"].data_through;
    for (int i = 0; i < 180; ++i) {
        network.at(network.now + i * 10s, [&four] {
            four.route_packet(ip("3.3.3.3"), ip("2.2.2.2"), kNoInterface, {}, 255);
        });
    }
    network.run_for(1800s);
    CHECK(network["sv9-2"].data_through == through);
    CHECK(three.data_received == 185);
    CHECK(network.sa(three, four));

    // Idle: entries, adjacencies and the tunnel go on both sides.
    network.run_for(1300s);
    CHECK(four.adjacency("2.2.2.2") == nullptr);
    CHECK(three.adjacency("192.168.1.3") == nullptr);
    CHECK_FALSE(network.sa(three, four));
    CHECK(four.engine->cache().size() == 1);
    CHECK(network.sa(four, network["sv9-2"]));

    // And it can begin anew.
    ping(network, "sv9-4", "3.3.3.3", "2.2.2.2");
    network.run_for(5s);
    CHECK(network.sa(three, four));
    CHECK(three.data_received == 190);
}

}  // namespace viaduct::nhrp::test
