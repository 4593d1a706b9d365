// Document 003 end to end: its three configurations as they stand, from power-on to the idle tunnel's end.
//
//                     pc-hub 1.1.1.10 ── sv9-2 (hub) .225
//                                          │
//                                        cloud
//              pc-3 2.2.2.10 ── sv9-3 .131 ┘└ sv9-4 .130 ── pc-4 3.3.3.10
#include <fstream>
#include <regex>
#include <set>

#include "tests/sim/dmvpn_fixture.h"

namespace viaduct::sim {

namespace {

/// The first of `wanted` that does not follow the others in the log; empty: all are there in this order.
std::string missing_in_order(const std::string& log, const std::vector<std::string>& wanted) {
    std::size_t at = 0;
    for (const auto& line : wanted) {
        at = log.find(line + "\n", at);
        if (at == std::string::npos) {
            return line;
        }
        at += line.size();
    }
    return "";
}

/// A debug line without its time, its prompt, and what differs from one router to the next (pointers).
std::string normal_line(std::string line) {
    const auto begin = std::min(line.find("NHRP: "), line.find("src: "));
    if (begin == std::string::npos) {
        return "";
    }
    line = std::regex_replace(line.substr(begin), std::regex(" sv9-[234]#\\s*$| +$"), "");
    line = std::regex_replace(line, std::regex("lookup_comp_returned"), "lookup_comp returned");
    line = std::regex_replace(line, std::regex("0x[0-9A-Fa-f]+"), "0x*");
    return std::regex_replace(line, std::regex("  +"), " ");
}

std::set<std::string> normal_lines(const std::string& text) {
    std::set<std::string> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        out.insert(normal_line(line));
    }
    return out;
}

}  // namespace

TEST_CASE("D1 D3 D4: document 003's configurations as they stand come up from power-on") {
    const auto lab = make_lab(example("dmvpn"));
    CHECK(lab->problems().empty());
    const auto start = lab->now();
    REQUIRE(wait_converged(*lab, 60s));
    CHECK(lab->now() - start <= 30s);
    const auto nhrp = lab->ask("sv9-2", "show ip nhrp");
    INFO(nhrp);
    CHECK(has(nhrp, "192.168.1.2/32 via 192.168.1.2"));
    CHECK(has(nhrp, "192.168.1.3/32 via 192.168.1.3"));
    CHECK(occurrences(nhrp, "unique registered") == 2);
    CHECK(has(nhrp, std::string("NBMA address: ") + kSpoke3));
    CHECK(has(nhrp, std::string("NBMA address: ") + kSpoke4));
    const auto neighbors = lab->ask("sv9-2", "show ip eigrp neighbors");
    CHECK(has(neighbors, "192.168.1.2 "));
    CHECK(has(neighbors, "192.168.1.3 "));
    // `no ip next-hop-self eigrp` and `no ip split-horizon eigrp`: the hub tells a spoke of the other, with its next hop
    // (document 003's static routes hide it in the table, as they do on IOS).
    CHECK(wait_for(*lab, "sv9-3", "show ip eigrp topology all-links", "P 3.3.3.0/24", 30s));
    const auto topology = lab->ask("sv9-3", "show ip eigrp topology all-links");
    INFO(topology);
    CHECK(has(topology, "via 192.168.1.3 ("));
    CHECK(has(lab->ask("sv9-3", "show ip route"),
              "S        3.3.3.0/24 is directly connected, Tunnel0"));
    for (const auto* host : {"pc-3", "pc-4"}) {
        CHECK(lossless(lab->ask(host, "ping 1.1.1.10 count 5")));
    }
}

TEST_CASE("D10: show dmvpn detail shows the sessions that IKE has") {
    const auto lab = running_lab();
    const auto text = lab->ask("sv9-3", "show dmvpn detail");
    INFO(text);
    const auto session = text.find("Crypto Session Details: \n");
    REQUIRE(session != std::string::npos);
    const auto details = text.substr(session);
    for (const auto* line :
         {"Interface: Tunnel0\nSession: [0x",
          "  IKE SA: local 209.168.202.131/500 remote 209.168.202.225/500 Active\n",
          "          Capabilities:",
          "  Crypto Session Status: UP-ACTIVE     \n",
          "  fvrf: (none),\tPhase1_id: 209.168.202.225\n",
          "  IPSEC FLOW: permit 47 host 209.168.202.131 host 209.168.202.225\n",
          "        Active SAs: 2, origin: crypto map\n",
          "        Inbound:  #pkts dec'ed ",
          "        Outbound: #pkts enc'ed ",
          ", transform : esp-3des esp-md5-hmac ",
          "    Socket State: Open\n"}) {
        INFO(line);
        CHECK(has(details, line));
    }
    CHECK(occurrences(details, "Session: [0x") == 1);
    // Without power at the hub: what is missing first is told.
    REQUIRE(lab->power("sv9-2", false));
    lab->run_for(200s);
    const auto gone = lab->ask("sv9-3", "show dmvpn");
    INFO(gone);
    CHECK(has(gone, " IKE "));
    CHECK(has(gone, "SX\n"));
}

TEST_CASE("D3: a spoke with another authentication string does not register") {
    auto topology = example("dmvpn");
    insert_lines(
        topology, "sv9-4", " ip nhrp authentication cisco123", " ip nhrp authentication other\n");
    const auto lab = make_lab(topology);
    lab->run_for(60s);
    const auto nhrp = lab->ask("sv9-2", "show ip nhrp");
    CHECK(has(nhrp, "192.168.1.2/32"));
    CHECK_FALSE(has(nhrp, "192.168.1.3/32"));
}

TEST_CASE("D5 D6: the first spoke-to-spoke packets, line by line as document 003 traces them") {
    const auto lab = running_lab();
    for (const auto* router : {"sv9-2", "sv9-3", "sv9-4"}) {
        lab->ask(router, "debug nhrp");
        lab->ask(router, "clear logging");
    }
    const auto ping = lab->ask("sv9-4", "ping 2.2.2.2 repeat 10");
    INFO(ping);
    CHECK(has(ping, "Success rate is 100 percent (10/10)"));
    const auto four = lab->ask("sv9-4", "show logging");
    const auto three = lab->ask("sv9-3", "show logging");
    const auto hub = lab->ask("sv9-2", "show logging");
    INFO(four << three << hub);
    CHECK(missing_in_order(four,
                           {"NHRP: Sending packet to NHS 192.168.1.1 on Tunnel0",
                            "NHRP: Encapsulation succeeded.  Tunnel IP addr 209.168.202.225",
                            "NHRP: Send Resolution Request via Tunnel0, packet size: 84",
                            " src: 192.168.1.3, dst: 192.168.1.1",
                            "NHRP: 84 bytes out Tunnel0",
                            "NHRP: Sending packet to NHS 192.168.1.1 on Tunnel0",
                            "NHRP: Sending packet to NHS 192.168.1.1 on Tunnel0",
                            "NHRP: Receive Resolution Reply via Tunnel0, packet size: 132",
                            "NHRP: netid_in = 0, to_us = 1",
                            "NHRP: No need to delay processing of resolution event nbma "
                            "src:209.168.202.130 nbma dst:209.168.202.131"}) == "");
    CHECK(
        missing_in_order(three,
                         {"NHRP: Sending packet to NHS 192.168.1.1 on Tunnel0",
                          "NHRP: Encapsulation succeeded.  Tunnel IP addr 209.168.202.225",
                          "NHRP: Send Resolution Request via Tunnel0, packet size: 84",
                          " src: 192.168.1.2, dst: 192.168.1.1",
                          "NHRP: 84 bytes out Tunnel0",
                          "NHRP: Receive Resolution Request via Tunnel0, packet size: 104",
                          "NHRP: netid_in = 1, to_us = 0",
                          "NHRP: Delaying resolution request nbma src:209.168.202.131 nbma "
                          "dst:209.168.202.130 reason:IPSEC-IFC: need to wait for IPsec SAs.",
                          "NHRP: Receive Resolution Reply via Tunnel0, packet size: 112",
                          "NHRP: netid_in = 0, to_us = 1",
                          "NHRP: Resolution request is already being processed (delayed).",
                          "NHRP: Resolution Request not queued. Already being processed (delayed).",
                          "NHRP: Process delayed resolution request src:192.168.1.3 dst:2.2.2.2",
                          "NHRP: No need to delay processing of resolution event nbma "
                          "src:209.168.202.131 nbma dst:209.168.202.130"}) == "");
    CHECK(missing_in_order(hub,
                           {"NHRP: Receive Resolution Request via Tunnel0, packet size: 84",
                            "NHRP: netid_in = 1, to_us = 0",
                            "NHRP: No need to delay processing of resolution event nbma "
                            "src:209.168.202.225 nbma dst:209.168.202.130",
                            "NHRP: nhrp_rtlookup yielded Tunnel0",
                            "NHRP: netid_out 1, netid_in 1",
                            "NHRP: nhrp_cache_lookup_comp returned 0x0",
                            "NHRP: calling nhrp_forward",
                            "NHRP: Encapsulation succeeded.  Tunnel IP addr 209.168.202.131",
                            "NHRP: Forwarding Resolution Request via Tunnel0, packet size: 104",
                            " src: 192.168.1.1, dst: 2.2.2.2",
                            "NHRP: 104 bytes out Tunnel0",
                            "NHRP: Receive Resolution Request via Tunnel0, packet size: 84",
                            "NHRP: netid_in = 1, to_us = 0",
                            "NHRP: No need to delay processing of resolution event nbma "
                            "src:209.168.202.225 nbma dst:209.168.202.131",
                            "NHRP: nhrp_rtlookup yielded Tunnel0",
                            "NHRP: netid_out 1, netid_in 1",
                            "NHRP: Encapsulation succeeded.  Tunnel IP addr 209.168.202.131",
                            "NHRP: Send Resolution Reply via Tunnel0, packet size: 112",
                            " src: 192.168.1.1, dst: 192.168.1.2",
                            "NHRP: 112 bytes out Tunnel0"}) == "");
}

TEST_CASE("D10: every line of the document's NHRP trace is one of ours on the same router") {
    const auto lab = running_lab();
    for (const auto* router : {"sv9-2", "sv9-3", "sv9-4"}) {
        lab->ask(router, "debug nhrp");
    }
    lab->run_for(2s);  // the dataplane is told to show what it forwards within the fabric
    for (const auto* router : {"sv9-2", "sv9-3", "sv9-4"}) {
        lab->ask(router, "clear logging");
    }
    lab->ask("sv9-4", "ping 2.2.2.2 repeat 10");
    const auto four = lab->ask("sv9-4", "show logging");
    const auto three = lab->ask("sv9-3", "show logging");
    const auto hub = lab->ask("sv9-2", "show logging");
    INFO(four << three << hub);
    std::ifstream fixture(VIADUCT_SOURCE_ROOT "/../shared/fixtures/debug/dmvpn-nhrp.log");
    if (!fixture) {
        WARN("skipped: ../shared/fixtures/debug is not there");
        return;
    }
    const std::vector<std::set<std::string>> ours{
        normal_lines(four), normal_lines(three), normal_lines(hub)};
    std::size_t router = 0;
    std::size_t lines = 0;
    for (std::string line; std::getline(fixture, line);) {
        if (const auto wanted = normal_line(line); !wanted.empty()) {
            INFO(wanted);
            CHECK(ours[router].contains(wanted));
            ++lines;
        }
        router = line.ends_with("sv9-3#") ? 1U : line.ends_with("sv9-2#") ? 2U : router;
    }
    CHECK(lines > 55);
}

TEST_CASE("D5 D7: ten of ten from the first packet on, then the hub's counters stand still") {
    const auto lab = running_lab();
    CloudTap tap(*lab);
    const auto first = lab->ask("pc-3", "ping 3.3.3.10 count 10 size 1000");
    INFO(first);
    CHECK(has(first, "10 packets transmitted, 10 received"));
    CHECK(CloudTap::sum(tap.large_esp_between, kSpoke3, kHub) > 0);  // the first by the hub
    tap.forget();
    CHECK(lossless(lab->ask("pc-3", "ping 3.3.3.10 count 100 size 1000")));
    CHECK(lossless(lab->ask("pc-4", "ping 2.2.2.10 count 100 size 1000")));
    CHECK(has(lab->ask("pc-3", "tcp 3.3.3.10:5001 send 200000"), "correct"));
    CHECK(CloudTap::sum(tap.large_esp_between, kSpoke3, kSpoke4) > 400);
    CHECK(CloudTap::sum(tap.large_esp_between, kSpoke3, kHub) == 0);
    CHECK(CloudTap::sum(tap.large_esp_between, kSpoke4, kHub) == 0);
    const auto dmvpn = lab->ask("sv9-3", "show dmvpn");
    INFO(dmvpn);
    CHECK(has(dmvpn, "209.168.202.130     192.168.1.3    UP"));
    CHECK(has(dmvpn, "209.168.202.225     192.168.1.1    UP"));
}

TEST_CASE(
    "D2: ten minutes of pings through 120-second rekeys lose nothing, hub and spoke, spoke and "
    "spoke") {
    const auto lab = running_lab();
    CloudTap tap(*lab);
    lab->ask("pc-3", "ping 3.3.3.10 count 3");
    const auto by_hub = lab->begin("pc-hub", "ping 2.2.2.10 count 3000 interval 200ms");
    REQUIRE(by_hub);
    const auto direct = lab->ask("pc-3", "ping 3.3.3.10 count 3000 interval 200ms");
    lab->run_for(5s);
    REQUIRE((*by_hub)->finished());
    const auto through_hub = (*by_hub)->take_output();
    CHECK(has(direct, "3000 packets transmitted, 3000 received"));
    CHECK(has(through_hub, "3000 packets transmitted, 3000 received"));
    CHECK(tap.gre == 0);
    CHECK(CloudTap::sum(tap.any_between, kSpoke3, kSpoke4) >
          CloudTap::sum(tap.esp_between, kSpoke3, kSpoke4) + 12);  // quick modes: rekeys there were
}

TEST_CASE("D7: a spoke-to-spoke tunnel that is not used goes away with its hold time") {
    auto topology = example("dmvpn");
    for (const auto* router : {"sv9-2", "sv9-3", "sv9-4"}) {
        insert_lines(topology, router, " ip nhrp network-id 1", " ip nhrp holdtime 60\n");
    }
    const auto lab = make_lab(topology);
    lab->run_for(60s);
    REQUIRE(converged(*lab));
    CHECK(lossless(lab->ask("pc-3", "ping 3.3.3.10 count 10")));
    CHECK(has(lab->ask("sv9-3", "show ip nhrp"), kSpoke4));
    // Used, it stays.
    CHECK(lossless(lab->ask("pc-3", "ping 3.3.3.10 count 300")));
    CHECK(has(lab->ask("sv9-3", "show ip nhrp"), kSpoke4));
    lab->run_for(200s);
    CHECK_FALSE(has(lab->ask("sv9-3", "show ip nhrp"), kSpoke4));
    CHECK_FALSE(has(lab->ask("sv9-4", "show ip nhrp"), kSpoke3));
    // No rekey, nothing at all between the two from now on; the registrations go on.
    CloudTap tap(*lab);
    lab->run_for(600s);
    CHECK(CloudTap::sum(tap.any_between, kSpoke3, kSpoke4) == 0);
    CHECK(CloudTap::sum(tap.esp_between, kSpoke3, kHub) > 100);
    CHECK(occurrences(lab->ask("sv9-2", "show ip nhrp"), "registered") == 2);
    // And it comes back when it is needed.
    CHECK(lossless(lab->ask("pc-4", "ping 2.2.2.10 count 10")));
    CHECK(has(lab->ask("sv9-3", "show ip nhrp"), kSpoke4));
}

}  // namespace viaduct::sim
