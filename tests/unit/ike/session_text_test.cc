// N12: the words of `show vpn-sessiondb` and `show crypto session` against document 000's concentrator, line by line.
#include <catch2/catch.hpp>

#include "controlplane/ike/session_rows.h"
#include "controlplane/ike/show.h"
#include "tests/unit/ike/remote_world.h"

namespace viaduct::ike::test {

namespace {

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

std::string run(Node& node, std::string_view pattern_starts, const ios::Args& args) {
    std::string out;
    ios::ExecContext context{.now = node.world.now, .wall = WallTime{}, .session = 0, .out = out};
    for (const auto& row : session_rows(*node.engine)) {
        if (row.pattern.starts_with(pattern_starts)) {
            row.run(context, args);
        }
    }
    return out;
}

ios::Args word(const std::string& one) {
    ios::Args args;
    args.set(one, one);
    return args;
}

}  // namespace

TEST_CASE("N12: the summary counts LAN-to-LAN, remote access and management, as the document's") {
    World world(60);
    auto& hub = world.add("Hub", kHub);
    auto& one = world.add("one", Ipv4Address(10, 51, 82, 100));
    auto& two = world.add("two", Ipv4Address(10, 51, 82, 101));
    configure_hub(hub);
    configure_client(one, {"testgroup", "cisco321", "user1", "secret"});
    configure_client(two, {"testgroup", "cisco321", "user2", "secret"});
    world.run(3s);
    hub.engine->set_management_sessions(2);
    hub.engine->set_management_sessions(1);
    CHECK(run(hub, "show vpn-sessiondb", word("summary")) ==
          "Session Summary\n"
          "Active     Active        Active     Total  Peak       Concurrent Total\n"
          "LAN-to-LAN Remote Access Management Active Concurrent Limit      Cumulative\n"
          "0          2             1          3      4          " +
              fmt::format("{:<10} ", kMaxIkeSas) + "4\n\n");
    two.engine->ezvpn_disconnect(world.now, "vpn");
    two.drain();
    world.run(1s);
    hub.engine->set_management_sessions(0);
    CHECK(hub.engine->state().sessions.total().active == 1);
    CHECK(hub.engine->state().sessions.total().peak == 4);
    CHECK(contains(run(hub, "show vpn-sessiondb", word("l2l")), "No LAN-to-LAN Sessions\n"));
}

TEST_CASE("N12: the details of a session say what the concentrator's page says") {
    World world(61);
    auto& hub = world.add("Hub", kHub);
    auto& client = world.add("client", Ipv4Address(10, 51, 82, 100));
    configure_hub(hub);
    configure_client(client);
    world.run(3s);
    REQUIRE(given(client) != nullptr);
    const auto detail = run(hub, "show vpn-sessiondb", word("detail"));
    INFO(detail);
    CHECK(contains(detail,
                   "IKE Session: Session ID 1, Encryption 3DES-168, Hashing SHA-1, Diffie-Hellman "
                   "Group 2 (1024-bit), Authentication Mode Pre-Shared Keys (XAUTH), IKE "
                   "Negotiation Mode Aggressive, Rekey Time Interval 86400 seconds\n"));
    CHECK(contains(detail,
                   "IPSec Session: Session ID 2, Remote Address 10.5.5.1, Local Address "
                   "0.0.0.0/255.255.255.255, Encryption 3DES-168, Hashing SHA-1, Idle Time "
                   "0:00:0"));
    CHECK(contains(detail, ", Encapsulation Tunnel, Rekey Time Interval "));
    CHECK(contains(detail, " seconds, Bytes Received 0, Bytes Transmitted 0\n"));
    // A client of Cisco's says what it is behind a colon.
    const auto& sa = *hub.engine->state().ikes.begin()->second;
    sa.client->version = "Cisco Systems VPN Client 3.6.1 (Rel):WinNT";
    CHECK(contains(run(hub, "show vpn-sessiondb", word("remote")),
                   "  Client Type: WinNT, Version: 3.6.1 (Rel)\n"));
    sa.client->version = "something else";
    CHECK(contains(run(hub, "show vpn-sessiondb", word("remote")),
                   "  Client version: something else\n"));
}

TEST_CASE("N12: show crypto session: brief, and one peer, user or interface alone") {
    World world(62);
    auto& hub = world.add("Hub", kHub);
    auto& one = world.add("one", Ipv4Address(10, 51, 82, 100));
    auto& two = world.add("two", Ipv4Address(10, 51, 82, 101));
    configure_hub(hub);
    configure_client(one, {"testgroup", "cisco321", "user1", "secret"});
    configure_client(two, {"testgroup", "cisco321", "user2", "secret"});
    world.run(3s);
    const auto shown = [&](const SessionFilter& filter) {
        return show_session(hub.engine->state(), world.now, false, filter);
    };
    SessionFilter filter;
    filter.brief = true;
    const auto brief = shown(filter);
    INFO(brief);
    CHECK(
        contains(brief, "   10.51.82.100   Fa0/0 user1               testgroup          00:00:0"));
    CHECK(contains(brief, "     UA\n"));
    const auto only = [&](const SessionFilter& which) {
        const auto text = shown(which);
        return std::pair(contains(text, "10.51.82.100"), contains(text, "10.51.82.101"));
    };
    filter = {};
    filter.remote = one.address;
    CHECK(only(filter) == std::pair(true, false));
    filter = {};
    filter.user = "user2";
    CHECK(only(filter) == std::pair(false, true));
    filter = {};
    filter.local = kHub;
    CHECK(only(filter) == std::pair(true, true));
    filter.interface = *config::InterfaceName::parse("FastEthernet0/9");
    CHECK(only(filter) == std::pair(false, false));
}

}  // namespace viaduct::ike::test
