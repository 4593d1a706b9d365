// `show ip nhrp …`, `show dmvpn …`, `clear ip nhrp …`: IOS's layouts and flags.
#include "controlplane/nhrp/exec.h"

#include <catch2/catch.hpp>

#include "config/ios/grammar.h"
#include "network.h"

namespace viaduct::nhrp::test {
namespace {

class Ipsec final : public IpsecView {
public:
    [[nodiscard]] Phase phase(Ipv4Address, const Nbma&) const override { return Phase::ipsec; }

    [[nodiscard]] std::string session(const Interface& interface,
                                      const Nbma& remote) const override {
        return fmt::format(
            "Interface: {}\nSession: {}\n", interface.name, remote.address.to_string());
    }
};

void lab(Network& network) {
    network.document003();
    for (auto& [name, node] : network.nodes_) {
        node->configure();
    }
    network.run_for(13s);
}

std::string run(Node& node, std::string_view line) {
    ios::CommandSet commands;
    const auto rows = exec_rows(*node.engine);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        commands.add(i, rows[i].pattern, rows[i].help);
    }
    const auto match = commands.match(line);
    INFO(line);
    REQUIRE(match);
    std::string out;
    ios::ExecContext context{node.network.now, {}, 0, out};
    CHECK(rows[match->id].run(context, match->args) == nullptr);
    node.run_actions();
    return out;
}

}  // namespace

TEST_CASE("D10: show ip nhrp on hub and spoke") {
    Network network;
    lab(network);
    CHECK(run(network["sv9-2"], "show ip nhrp") ==
          "192.168.1.2/32 via 192.168.1.2\n"
          "   Tunnel0 created 00:00:11, expire 01:59:48\n"
          "   Type: dynamic, Flags: unique registered nhop \n"
          "   NBMA address: 209.168.202.131 \n"
          "192.168.1.3/32 via 192.168.1.3\n"
          "   Tunnel0 created 00:00:11, expire 01:59:48\n"
          "   Type: dynamic, Flags: unique registered nhop \n"
          "   NBMA address: 209.168.202.130 \n");
    CHECK(run(network["sv9-3"], "show ip nhrp static") ==
          "192.168.1.1/32 via 192.168.1.1\n"
          "   Tunnel0 created 00:00:13, never expire\n"
          "   Type: static, Flags: \n"
          "   NBMA address: 209.168.202.225 \n");
    CHECK(run(network["sv9-2"], "show ip nhrp 192.168.1.3 detail").find("authoritative unique") !=
          std::string::npos);
    CHECK(
        run(network["sv9-2"], "sh ip nhrp br") ==
        "   Target             Via            NBMA           Mode   Intfc   Claimed \n"
        "    192.168.1.2/32 192.168.1.2     209.168.202.131 dynamic Tu0     <                >\n"
        "    192.168.1.3/32 192.168.1.3     209.168.202.130 dynamic Tu0     <                >\n");
}

TEST_CASE(
    "D10: show ip nhrp of an incomplete entry, of one without a socket, of one behind a NAT") {
    Network network;
    network.document003();
    auto& four = network["sv9-4"];
    four.public_nbma = ip("198.51.100.1");
    for (auto& [name, node] : network.nodes_) {
        node->interface().nat_extension = true;
        node->configure();
    }
    network.run_for(5s);
    auto& three = network["sv9-3"];
    network.loss = 1;
    three.route_packet(ip("2.2.2.2"), ip("192.168.1.3"), kNoInterface, {}, 255);
    network.run_for(7s);
    CHECK(run(three, "show ip nhrp incomplete") ==
          "192.168.1.3/32\n"
          "   Tunnel0 created 00:00:07, expire 00:02:53\n"
          "   Type: incomplete, Flags: used negative \n"
          "   Cache hits: 1\n");
    network.ike_works = false;
    network.loss = 0;
    network.run_for(10s);
    CHECK(run(three, "show ip nhrp 192.168.1.3")
              .find("   Type: incomplete, Flags: router used \n"
                    "   NBMA address: 198.51.100.1 \n"
                    "    (Claimed NBMA address: 209.168.202.130) \n"
                    "    (no-socket) \n") != std::string::npos);
}

TEST_CASE("D10: show ip nhrp nhs, multicast, traffic, summary") {
    Network network;
    lab(network);
    auto& three = network["sv9-3"];
    CHECK(run(three, "show ip nhrp nhs") ==
          "Legend: E=Expecting replies, R=Responding, W=Waiting\n"
          "Tunnel0:\n"
          "192.168.1.1  RE priority = 0 cluster = 0\n");
    CHECK(run(three, "show ip nhrp nhs detail") ==
          "Legend: E=Expecting replies, R=Responding, W=Waiting\n"
          "Tunnel0:\n"
          "192.168.1.1  RE priority = 0 cluster = 0  req-sent 1  req-failed 0  repl-recv 1 "
          "(00:00:11 ago)\n");
    CHECK(run(network["sv9-2"], "show ip nhrp multicast") ==
          "  I/F     NBMA address\n"
          "Tunnel0    209.168.202.130  Flags: dynamic  (Enabled)\n"
          "Tunnel0    209.168.202.131  Flags: dynamic  (Enabled)\n");
    CHECK(run(three, "show ip nhrp multicast").find("209.168.202.225  Flags: static") !=
          std::string::npos);
    CHECK(run(three, "show ip nhrp traffic") ==
          "Tunnel0: Max-send limit:10000Pkts/10Sec, Usage:0%\n"
          "   Sent: Total 1\n"
          "         0 Resolution Request  0 Resolution Reply  1 Registration Request \n"
          "         0 Registration Reply  0 Purge Request  0 Purge Reply \n"
          "         0 Error Indication  0 Traffic Indication  0 Redirect Suppress \n"
          "   Rcvd: Total 1\n"
          "         0 Resolution Request  0 Resolution Reply  0 Registration Request \n"
          "         1 Registration Reply  0 Purge Request  0 Purge Reply \n"
          "         0 Error Indication  0 Traffic Indication  0 Redirect Suppress \n");
    run(three, "clear ip nhrp counters");
    CHECK(run(three, "show ip nhrp traffic").find("Sent: Total 0") != std::string::npos);
    CHECK(run(network["sv9-2"], "show ip nhrp summary").find("IP NHRP cache 2 entries") == 0);
    run(network["sv9-2"], "clear ip nhrp 192.168.1.3");
    CHECK(network["sv9-2"].engine->cache().size() == 1);
    run(network["sv9-2"], "clear ip nhrp");
    CHECK(network["sv9-2"].engine->cache().size() == 0);
}

TEST_CASE("D10: show dmvpn as IOS lays it out") {
    Network network;
    lab(network);
    auto& three = network["sv9-3"];
    const auto hub = run(network["sv9-2"], "show dmvpn");
    CHECK(hub.find("Legend: Attrb --> S - Static, D - Dynamic, I - Incomplete\n") == 0);
    CHECK(hub.find("Interface: Tunnel0, IPv4 NHRP Details \n"
                   "Type:Hub, NHRP Peers:2, \n"
                   "\n"
                   " # Ent  Peer NBMA Addr Peer Tunnel Add State  UpDn Tm Attrb\n"
                   " ----- --------------- --------------- ----- -------- -----\n"
                   "     1 209.168.202.130     192.168.1.3    UP 00:00:11     D\n"
                   "     1 209.168.202.131     192.168.1.2    UP 00:00:11     D\n") !=
          std::string::npos);
    const auto spoke = run(three, "show dmvpn");
    CHECK(spoke.find("Type:Spoke, NHRP Peers:1, \n") != std::string::npos);
    CHECK(spoke.find("     1 209.168.202.225     192.168.1.1    UP 00:00:12     S\n") !=
          std::string::npos);

    const Ipsec ipsec;
    const auto detail = show_dmvpn(*three.engine, &ipsec, network.now, Detail::detail);
    CHECK(detail.find("Interface Tunnel0 is up/up, Addr. is 192.168.1.2, VRF \"\" \n"
                      "   Tunnel Src./Dest. addr: 209.168.202.131/MGRE, Tunnel VRF \"\"\n"
                      "   Protocol/Transport: \"multi-GRE/IP\", Protect \"cisco\" \n") !=
          std::string::npos);
    CHECK(detail.find("IPv4 NHS:\n192.168.1.1  RE priority = 0 cluster = 0\n"
                      "Type:Spoke, Total NBMA Peers (v4/v6): 1\n") != std::string::npos);
    CHECK(detail.find("    1 209.168.202.225     192.168.1.1    UP 00:00:12     S     "
                      "192.168.1.1/32\n") != std::string::npos);
    CHECK(detail.find("Session: 209.168.202.225\n") != std::string::npos);

    // The hub goes: first the SAs are missing.
    network["sv9-2"].power_off();
    network.drop_sas(network["sv9-2"]);
    network.run_for(1s);
    CHECK(run(three, "show dmvpn").find("     1 209.168.202.225     192.168.1.1   IKE") !=
          std::string::npos);
    CHECK(show_dmvpn(*three.engine, &ipsec, network.now, Detail::normal).find(" IPSEC ") !=
          std::string::npos);
    CHECK(run(three, "show dmvpn").find("    SX\n") != std::string::npos);
}

TEST_CASE("D10: show ip nhrp shortcut: router nhop rib nho") {
    Network network;
    network.document003();
    network["sv9-2"].interface().nhrp.redirect = true;
    auto& three = network["sv9-3"];
    three.interface().nhrp.shortcut = true;
    three.routes.add("3.3.3.0/24", kTunnel0, "192.168.1.1");
    for (auto& [name, node] : network.nodes_) {
        node->configure();
    }
    network.run_for(5s);
    for (int i = 0; i < 5; ++i) {
        network.at(network.now + i * 1s, [&] {
            three.route_packet(ip("2.2.2.2"), ip("3.3.3.3"), kNoInterface, {}, 255);
        });
    }
    network.run_for(5s);
    const auto text = run(three, "show ip nhrp shortcut");
    CHECK(text.find("3.3.3.0/24 via 192.168.1.3\n") != std::string::npos);
    CHECK(text.find("   Type: dynamic, Flags: router rib nho \n"
                    "   NBMA address: 209.168.202.130 \n") != std::string::npos);
    CHECK(text.find("   Type: dynamic, Flags: router used nhop \n") != std::string::npos);
    CHECK(run(network["sv9-4"], "show ip nhrp local").find("Flags: local") != std::string::npos);
    CHECK(run(three, "show dmvpn").find("DT2\n") != std::string::npos);
}

}  // namespace viaduct::nhrp::test
