// Routers as VPN clients, end to end in the lab: the ready labs run their own scripts to the end; and what the hub tells of
// them.
#include "tests/sim/sim_fixture.h"

namespace viaduct::sim {

namespace {

void run_demo(const std::string& name) {
    const auto lab = make_lab(example(name));
    INFO(lab->problems());
    const auto text = lab::read_text_file(example_file(name, "demo.script"));
    REQUIRE(text);
    std::string transcript;
    const auto message = run_script(*lab, *text, name + "/demo.script", transcript);
    INFO(transcript);
    if (!message.empty()) {
        FAIL(message);
    }
}

using Catch::Matchers::Contains;

std::string& text_of(lab::Topology& topology, const std::string& router) {
    for (auto& one : topology.routers) {
        if (one.name == router) {
            return one.config_text;
        }
    }
    FAIL("no router " + router);
    return topology.routers.front().config_text;
}

bool lossless(const std::string& out) {
    return out.find(" 0% packet loss") != std::string::npos ||
           out.find("Success rate is 100 percent") != std::string::npos;
}

}  // namespace

TEST_CASE("N16: network plus: the branch's network, and an address that is the router's own") {
    auto topology = example("ezvpn");
    replace(text_of(topology, "branch"), "mode network-extension", "mode network-plus");
    auto& hub = text_of(topology, "Hub");
    replace(hub, " domain example.com\n", " domain example.com\n pool ippool\n");
    replace(hub, "!\nend", "!\nip local pool ippool 10.5.5.1 10.5.5.254\n!\nend");
    const auto lab = make_lab(topology);
    INFO(lab->problems());
    lab->run_for(20s);
    const auto client = lab->ask("branch", "show crypto ipsec client ezvpn");
    INFO(client);
    CHECK_THAT(client, Contains("Current State: IPSEC_ACTIVE"));
    CHECK_THAT(client, Contains("Address: 10.5.5.1 (applied on Loopback10000)"));
    CHECK_THAT(lab->ask("branch", "show ip interface brief"),
               Contains("Loopback10000              10.5.5.1 "));
    CHECK(lossless(lab->ask("pc-branch", "ping 10.1.1.10 count 5")));
    CHECK(lossless(lab->ask("pc-hub", "ping 10.2.2.10 count 3")));
    CHECK(lossless(lab->ask("pc-hub", "ping 10.5.5.1 count 3")));
    CHECK(lossless(lab->ask("branch", "ping 10.1.1.10 source 10.5.5.1")));
    const auto session = lab->ask("Hub", "show vpn-sessiondb");
    INFO(session);
    CHECK_THAT(session, Contains("Management"));
    CHECK_THAT(session, Contains("10.5.5.1"));
    CHECK_THAT(session, Contains("No LAN-to-LAN Sessions"));
    lab->ask("branch", "clear crypto ipsec client ezvpn hub");
    lab->run_for(2s);
    CHECK_THAT(lab->ask("Hub", "show vpn-sessiondb remote"), Contains("No Remote Access Sessions"));
}

TEST_CASE("N15: the hub's event log has what the concentrator's has, with no debug switched on") {
    auto topology = example("ezvpn");
    replace(
        text_of(topology, "Hub"),
        "hostname Hub\n",
        "hostname Hub\nevent class IKEDBG severity-to-log 9\nevent class IKEDECODE severity-to-log "
        "9\ncrypto logging session\ncrypto logging ezvpn\n");
    const auto lab = make_lab(topology);
    INFO(lab->problems());
    lab->run_for(20s);
    const auto decoded = lab->ask("Hub", "show event-log class IKEDECODE severity 8");
    INFO(decoded);
    CHECK_THAT(decoded,
               Contains(" SEV=8 IKEDECODE/0 RPT=1\nISAKMP HEADER : ( Version 1.0 )\n"
                        "  Initiator Cookie(8): "));
    CHECK_THAT(decoded, Contains("  Exchange Type  :Oakley Quick Mode\n"));
    CHECK_THAT(decoded, Contains("with payloads :\nHDR + HASH (8) + SA (1) + NONCE (10)"));
    CHECK_THAT(lab->ask("Hub", "show event-log class IKEDBG"), Contains("SEV=8 IKEDBG/0"));
    CHECK_THAT(lab->ask("Hub", "show event-log class IKE severity 5"),
               Contains("IKE/SESSION_STATUS RPT=1\nCrypto tunnel is UP"));
    CHECK(lab->ask("Hub", "show event-log class IPSECDBG").empty());
    CHECK(lab->ask("Hub", "show debugging").empty());
    CHECK(lab->ask("Hub", "show logging").find("ISAKMP HEADER") == std::string::npos);
    // Nothing is recorded where nobody asked.
    CHECK(lab->ask("branch", "show event-log class IKEDBG").empty());
    lab->ask("Hub", "clear event-log");
    CHECK(lab->ask("Hub", "show event-log class IKE").empty());
}

TEST_CASE("N16: network extension: the branch's network is reached with its own addresses") {
    run_demo("ezvpn");
}

TEST_CASE(
    "N16: client mode: the hosts share the assigned address; traffic brings the tunnel up, and up "
    "again") {
    run_demo("ezvpn-client");
}

}  // namespace viaduct::sim
