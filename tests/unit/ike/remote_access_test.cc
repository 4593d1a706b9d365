// Remote access in virtual time: document 004's hub, clients of our own EzVPN role, LAN-to-LAN peers.
//
//   client 10.51.82.100 ─┐                    ┌─ Hub 10.48.67.181 (pool 10.5.5.1–254)
//   clients 192.168.1.x ─┤ NAT 171.69.89.78 ──┤
//   spoke 10.100.2.102 ──┘                    └─
#include <catch2/catch.hpp>

#include "controlplane/ike/show.h"
#include "tests/unit/ike/remote_world.h"

namespace viaduct::ike::test {

namespace {

constexpr Ipv4Address kPat{171, 69, 89, 78};

ProxyPair turned(const ProxyPair& p) {
    return {p.remote, p.local};
}

/// Logged in, with SAs whose keys agree at both ends.
bool connected(const Node& client, const Node& hub) {
    const auto* what = given(client);
    if (what == nullptr || !what->address) {
        return false;
    }
    const auto proxies = client_proxies(*what->address);
    const auto* own = client.current(proxies);
    const auto* theirs = hub.current(turned(proxies));
    return own != nullptr && theirs != nullptr && keys_agree(*own, *theirs);
}

}  // namespace

TEST_CASE("N1 N4 N5 N6 P5: a client of document 004 logs in and gets what its group has") {
    World world(1);
    auto& hub = world.add("Hub", kHub);
    auto& client = world.add("client", Ipv4Address(10, 51, 82, 100));
    configure_hub(hub);
    hub.log.set(Debug::crypto_isakmp, true);
    configure_client(client);
    world.run(5s);
    REQUIRE(given(client) != nullptr);
    const auto& what = *given(client);
    CHECK(what.address == Ipv4Address(10, 5, 5, 1));
    CHECK(what.dns == std::vector{Ipv4Address(1, 1, 1, 1), Ipv4Address(2, 2, 2, 2)});
    CHECK(what.domain == "cisco.com");
    CHECK(what.split_include.empty());
    REQUIRE(connected(client, hub));
    const auto& pair = *hub.current(turned(client_proxies(*what.address)));
    CHECK(pair.parameters.policy.dynamic_map == "dynmap");
    CHECK(pair.parameters.policy.dynamic_sequence == 5);
    CHECK(pair.parameters.user == "gfullage");
    CHECK(pair.parameters.assigned_address == what.address);
    CHECK_FALSE(pair.parameters.udp_encapsulation);
    // The document's own lines.
    CHECK(hub.lines.contains("peer matches VPNclient profile"));
    CHECK(hub.lines.contains("ISAKMP: auth XAUTHInitPreShared"));
    CHECK(hub.lines.contains("New State = IKE_R_AM_AAA_AWAIT"));
    CHECK(hub.lines.contains("Old State = IKE_R_AM_AAA_AWAIT New State = IKE_R_AM2"));
    CHECK(hub.lines.contains("Need XAUTH"));
    CHECK(hub.lines.contains("ISAKMP/xauth: request attribute XAUTH_USER_NAME_V2"));
    CHECK(hub.lines.contains("Old State = IKE_XAUTH_SET_SENT New State = IKE_P1_COMPLETE"));
    CHECK(hub.lines.contains("allocating address 10.5.5.1"));
    CHECK(hub.lines.contains("ISAKMP: Sending IP4_NBNS server address: 3.3.3.3"));
    const auto& sessions = hub.engine->state().sessions;
    CHECK(sessions.remote().active == 1);
    CHECK(sessions.lan_to_lan().active == 0);
}

TEST_CASE(
    "N3 N9 P1: two clients behind one address and a LAN-to-LAN peer, wildcard keys for both "
    "kinds") {
    World world(2);
    auto& hub = world.add("Hub", kHub);
    auto& one = world.add("one", Ipv4Address(192, 168, 1, 2));
    auto& two = world.add("two", Ipv4Address(192, 168, 1, 3));
    auto& spoke = world.add("spoke", Ipv4Address(10, 100, 2, 102));
    world.nats.push_back({kPat, {one.address, two.address}, {}, 1025});
    configure_hub(hub);
    configure_client(one, {"testgroup", "cisco321", "user1", "secret"});
    configure_client(two, {"testgroup", "cisco321", "user2", "secret"});
    const Ipv4Address lan(10, 2, 2, 0);
    configure_spoke(spoke, lan);
    spoke.acquire(spoke_acquire(spoke, lan));
    world.run(5s);
    REQUIRE(connected(one, hub));
    REQUIRE(connected(two, hub));
    CHECK(given(one)->address != given(two)->address);
    const auto& of_one = *hub.current(turned(client_proxies(*given(one)->address)));
    const auto& of_two = *hub.current(turned(client_proxies(*given(two)->address)));
    CHECK(of_one.parameters.udp_encapsulation);
    CHECK(of_one.parameters.local.port == kPortNatT);
    CHECK(of_one.parameters.remote.address == kPat);
    CHECK(of_one.parameters.remote.port != of_two.parameters.remote.port);
    const auto* site = hub.current(turned(spoke_acquire(spoke, lan).proxies));
    REQUIRE(site != nullptr);
    CHECK(site->parameters.policy.dynamic_sequence == 10);
    CHECK(site->parameters.user.empty());
    CHECK(hub.engine->state().sessions.remote().active == 2);
    CHECK(hub.engine->state().sessions.lan_to_lan().active == 1);
    CHECK(hub.engine->state().sessions.total().peak == 3);

    SECTION("INITIAL-CONTACT of one does not touch the other") {
        one.reboot();
        world.run(10s);
        CHECK(connected(one, hub));
        CHECK(connected(two, hub));
        CHECK(hub.engine->state().sessions.remote().active == 2);
        CHECK(hub.engine->state().transactions.pools.in_use() == 2);
    }
    SECTION("N10: rekeying goes over the floated ports, nothing is lost") {
        world.start_traffic();
        world.run(3h);
        CHECK(world.esp_lost_by_sa == 0);
        CHECK(hub.counter(Counter::quick_established) >= 8);
        CHECK(connected(one, hub));
        CHECK(connected(two, hub));
    }
    SECTION("a mapping that moves to another port is followed") {
        auto& ports = world.nats[0].ports;
        for (auto& [inside, port] : ports) {
            if (inside == Endpoint{one.address, kPortNatT}) {
                port = L4Port{40000};
            }
        }
        // The next authenticated message of the client comes from there.
        one.engine->clear_ipsec(world.now, std::nullopt, "");
        one.drain();
        world.run(1s);
        const auto& ikes = hub.engine->state().ikes;
        CHECK(std::any_of(ikes.begin(), ikes.end(), [](const auto& e) {
            return e.second->remote.port == L4Port{40000};
        }));
    }
}

TEST_CASE("N4: a wrong password is refused, tried again, then torn down") {
    World world(3);
    auto& hub = world.add("Hub", kHub);
    auto& client = world.add("client", Ipv4Address(10, 51, 82, 100));
    configure_hub(hub);
    configure_client(client, {"testgroup", "cisco321", "gfullage", "wrong"});
    world.run(5s);
    CHECK(given(client) == nullptr);
    CHECK(hub.pairs.empty());
    CHECK(hub.ike_count() == 0);
    CHECK(hub.counter(Counter::xauth_failed) == 3);
    CHECK(
        hub.lines.contains("user 'gfullage' group 'testgroup' peer 10.51.82.100 failed (3 of 3): "
                           "wrong user name or password"));
    CHECK(client.lines.contains("the server refuses name or password"));
    CHECK(hub.engine->state().sessions.remote().cumulative == 0);
}

TEST_CASE(
    "N1: an unknown group and a wrong key get the same answer, and our log says which it was") {
    World world(4);
    auto& hub = world.add("Hub", kHub);
    auto& wrong = world.add("wrong", Ipv4Address(10, 51, 82, 100));
    auto& unknown = world.add("unknown", Ipv4Address(10, 51, 82, 101));
    configure_hub(hub);
    configure_client(wrong, {"testgroup", "guess", "gfullage", "gfullage"});
    configure_client(unknown, {"nogroup", "guess", "gfullage", "gfullage"});
    world.run(2s);
    REQUIRE(hub.sent.size() == 2);
    CHECK(hub.sent[0].payload.size() == hub.sent[1].payload.size());
    CHECK(hub.established_count() == 0);
    CHECK(hub.lines.contains(
        "failed with host 10.51.82.100: wrong pre-shared key for group testgroup"));
    CHECK(hub.lines.contains("failed with host 10.51.82.101: group nogroup is not configured"));
    CHECK(wrong.lines.contains("wrong pre-shared key, or the group is not configured there"));
    world.run(60s);
    CHECK(hub.counter(Counter::phase1_established) == 0);
}

TEST_CASE("P5: the address is kept for the same user, and an empty pool is said at both ends") {
    World world(5);
    auto& hub = world.add("Hub", kHub);
    auto& one = world.add("one", Ipv4Address(10, 51, 82, 100));
    auto& two = world.add("two", Ipv4Address(10, 51, 82, 101));
    configure_hub(hub,
                  "no ip local pool ippool\n"
                  "ip local pool ippool 10.5.5.1 10.5.5.2\n");
    configure_client(one, {"testgroup", "cisco321", "user1", "secret"});
    world.run(2s);
    configure_client(two, {"testgroup", "cisco321", "user2", "secret"});
    world.run(2s);
    REQUIRE(connected(one, hub));
    REQUIRE(connected(two, hub));
    CHECK(given(one)->address == Ipv4Address(10, 5, 5, 1));
    CHECK(given(two)->address == Ipv4Address(10, 5, 5, 2));

    SECTION("reconnect: the same address") {
        two.engine->ezvpn_disconnect(world.now, "vpn");
        two.drain();
        one.engine->ezvpn_disconnect(world.now, "vpn");
        one.drain();
        world.run(2s);
        CHECK(hub.pairs.empty());
        CHECK(hub.engine->state().transactions.pools.in_use() == 0);
        CHECK(hub.engine->state().sessions.remote().active == 0);
        two.engine->ezvpn_connect(world.now, "vpn");
        two.drain();
        world.run(2s);
        REQUIRE(connected(two, hub));
        CHECK(given(two)->address == Ipv4Address(10, 5, 5, 2));
    }
    SECTION("a third finds nothing") {
        auto& three = world.add("three", Ipv4Address(10, 51, 82, 102));
        configure_client(three, {"testgroup", "cisco321", "user3", "secret"});
        world.run(2s);
        CHECK(given(three) == nullptr);
        CHECK(hub.lines.contains("address pool 'ippool' is empty"));
        CHECK(hub.counter(Counter::pool_empty) == 1);
        CHECK(three.lines.contains("EZVPN_CONNECTION_DOWN"));
        CHECK(three.lines.contains("10.48.67.181 says: address pool 'ippool' is empty"));
        CHECK(hub.engine->state().sessions.remote().active == 2);
        two.engine->ezvpn_disconnect(world.now, "vpn");
        two.drain();
        world.run(60s);
        CHECK(connected(three, hub));
    }
    SECTION("a reboot without a goodbye: INITIAL-CONTACT frees the old session") {
        one.reboot();
        world.run(10s);
        REQUIRE(connected(one, hub));
        CHECK(given(one)->address == Ipv4Address(10, 5, 5, 1));
        CHECK(hub.engine->state().sessions.remote().active == 2);
    }
}

TEST_CASE("N8: a client that died is found dead and its address freed") {
    World world(6);
    auto& hub = world.add("Hub", kHub);
    auto& client = world.add("client", Ipv4Address(10, 51, 82, 100));
    configure_hub(hub, "crypto isakmp keepalive 10 2\n");
    configure_client(client);
    world.run(2s);
    REQUIRE(connected(client, hub));
    world.filter = [&](const Endpoint& from, const Endpoint&, const Bytes&) {
        return from.address != client.address;
    };
    world.run(60s);
    CHECK(hub.pairs.empty());
    CHECK(hub.ike_count() == 0);
    CHECK(hub.counter(Counter::dpd_dead_peers) == 1);
    CHECK(hub.engine->state().transactions.pools.in_use() == 0);
    CHECK(hub.engine->state().sessions.remote().active == 0);
    CHECK(hub.engine->state().sessions.remote().peak == 1);
}

TEST_CASE("N5: Unity attributes of a group with everything") {
    World world(7);
    auto& hub = world.add("Hub", kHub);
    auto& client = world.add("client", Ipv4Address(10, 51, 82, 100));
    configure_hub(hub,
                  "access-list 120 permit ip 10.1.0.0 0.0.1.255 any\n"
                  "access-list 120 permit ip host 10.9.9.9 any\n"
                  "crypto isakmp client configuration group testgroup\n"
                  " acl 120\n"
                  " netmask 255.255.255.0\n"
                  " save-password\n"
                  " pfs\n"
                  " backup-gateway 10.48.67.182\n"
                  " split-dns cisco.com\n");
    configure_client(client);
    world.run(5s);
    REQUIRE(given(client) != nullptr);
    CHECK(given(client)->netmask == Ipv4Address(255, 255, 255, 0));
    CHECK(given(client)->split_include == std::vector{Ipv4Prefix(Ipv4Address(10, 1, 0, 0), 23),
                                                      Ipv4Prefix(Ipv4Address(10, 9, 9, 9), 32)});
    // Two networks, two pairs.
    CHECK(client.current_of.size() == 2);
    CHECK(hub.current_of.size() == 2);
}

TEST_CASE("N5: max-users, max-logins, access-restrict, group-lock") {
    World world(8);
    auto& hub = world.add("Hub", kHub);
    auto& one = world.add("one", Ipv4Address(10, 51, 82, 100));
    auto& two = world.add("two", Ipv4Address(10, 51, 82, 101));
    const std::string group = "crypto isakmp client configuration group testgroup\n";

    SECTION("max-users") {
        configure_hub(hub, group + " max-users 1\n");
        configure_client(one, {"testgroup", "cisco321", "user1", "secret"});
        world.run(2s);
        configure_client(two, {"testgroup", "cisco321", "user2", "secret"});
        world.run(2s);
        CHECK(connected(one, hub));
        CHECK(given(two) == nullptr);
        CHECK(hub.lines.contains("max-users"));
        CHECK(two.lines.contains("says: the group has all its users (max-users)"));
    }
    SECTION("max-logins") {
        configure_hub(hub, group + " max-logins 1\n");
        configure_client(one, {"testgroup", "cisco321", "user1", "secret"});
        world.run(2s);
        configure_client(two, {"testgroup", "cisco321", "user1", "secret"});
        world.run(2s);
        CHECK(connected(one, hub));
        CHECK(given(two) == nullptr);
        CHECK(hub.lines.contains("max-logins"));
        CHECK(two.lines.contains(
            "the server refuses the user: the user is logged in too often (max-logins)"));
    }
    SECTION("access-restrict") {
        configure_hub(hub, group + " access-restrict FastEthernet0/1\n");
        configure_client(one);
        world.run(2s);
        CHECK(given(one) == nullptr);
        CHECK(hub.lines.contains("access-restrict"));
    }
    SECTION("group-lock") {
        configure_hub(hub, group + " group-lock\n");
        configure_client(one, {"testgroup", "cisco321", "user1@testgroup", "secret"});
        configure_client(two, {"testgroup", "cisco321", "user1@other", "secret"});
        world.run(3s);
        CHECK(connected(one, hub));
        CHECK(given(two) == nullptr);
        CHECK(hub.lines.contains("group-lock"));
    }
}

TEST_CASE("P6: the older way by the crypto map, and no-xauth for a LAN-to-LAN peer") {
    World world(9);
    auto& hub = world.add("Hub", kHub);
    auto& spoke = world.add("spoke", Ipv4Address(10, 100, 2, 102));
    auto& client = world.add("client", Ipv4Address(10, 51, 82, 100));
    const std::string older =
        "no crypto isakmp profile L2L\n"
        "no crypto isakmp profile VPNclient\n"
        "crypto dynamic-map dynmap 5\n"
        " no set isakmp-profile VPNclient\n"
        "crypto dynamic-map dynmap 10\n"
        " no set isakmp-profile L2L\n"
        "crypto map mymap client authentication list clientauth\n"
        "crypto map mymap isakmp authorization list groupauthor\n"
        "crypto map mymap client configuration address respond\n";
    const Ipv4Address lan(10, 2, 2, 0);
    configure_spoke(spoke, lan);

    SECTION("with no-xauth the peer is not asked") {
        configure_hub(hub, older + "crypto isakmp key cisco123 address 10.100.2.102 no-xauth\n");
        configure_client(client);
        spoke.acquire(spoke_acquire(spoke, lan));
        world.run(5s);
        CHECK(connected(client, hub));
        CHECK(spoke.current(spoke_acquire(spoke, lan).proxies) != nullptr);
    }
    SECTION("the map ends at another interface's address") {
        auto loopback = hub.interfaces[0];
        loopback.index = IfIndex{2};
        loopback.name = *config::InterfaceName::parse("Loopback0");
        hub.interfaces[0].address = Ipv4Address(10, 48, 67, 182);
        hub.interfaces.push_back(loopback);
        configure_hub(hub,
                      older +
                          "crypto map mymap local-address Loopback0\n"
                          "crypto isakmp key cisco123 address 10.100.2.102 no-xauth\n");
        configure_client(client);
        spoke.acquire(spoke_acquire(spoke, lan));
        world.run(5s);
        CHECK(connected(client, hub));
        CHECK(spoke.current(spoke_acquire(spoke, lan).proxies) != nullptr);
    }
    SECTION("without it the peer is asked, and cannot answer") {
        configure_hub(hub, older + "crypto isakmp key cisco123 address 10.100.2.102\n");
        spoke.acquire(spoke_acquire(spoke, lan));
        world.run(5s);
        CHECK(spoke.current(spoke_acquire(spoke, lan).proxies) == nullptr);
        CHECK(hub.pairs.empty());
    }
}

TEST_CASE("N4: no quick mode before the user is known") {
    World world(10);
    auto& hub = world.add("Hub", kHub);
    auto& client = world.add("client", Ipv4Address(10, 51, 82, 100));
    configure_hub(hub, "crypto isakmp xauth timeout 30\n");
    hub.on_login = nullptr;  // AAA does not answer
    configure_client(client);
    world.run(10s);
    CHECK(hub.established_count() == 1);
    CHECK(hub.pairs.empty());
    CHECK(hub.engine->state().sessions.remote().active == 0);
    world.run(25s);
    CHECK(hub.ike_count() == 0);
    CHECK(hub.lines.contains("did not finish extended authentication in time"));
}

TEST_CASE(
    "N13: IPsec over UDP for a client that asks and does not speak NAT-T; NAT-T goes before it") {
    World world(12);
    auto& hub = world.add("Hub", kHub);
    auto& client = world.add("client", Ipv4Address(192, 168, 1, 2));
    world.nats.push_back({kPat, {client.address}, {}, 1025});
    configure_hub(hub,
                  "crypto isakmp client configuration group testgroup\n"
                  " ipsec-udp enable\n"
                  " ipsec-udp-port 10001\n");
    client.config.crypto.nat_transparency = false;
    bool nat_t = false;
    SECTION("without NAT-T") {}
    SECTION("with NAT-T") {
        nat_t = true;
        client.config.crypto.nat_transparency = true;
    }
    configure_client(client);
    world.run(5s);
    REQUIRE(connected(client, hub));
    const auto& pair = *hub.current(turned(client_proxies(*given(client)->address)));
    const auto& own = *client.current(client_proxies(*given(client)->address));
    CHECK(pair.parameters.udp_encapsulation);
    CHECK(own.parameters.udp_encapsulation);
    if (nat_t) {
        CHECK_FALSE(pair.parameters.esp_udp);
        CHECK_FALSE(own.parameters.esp_udp);
        return;
    }
    const L4Port port{10001};
    CHECK(pair.parameters.esp_udp == EspUdpPorts{port, port});
    CHECK(own.parameters.esp_udp == EspUdpPorts{port, port});
    CHECK(own.parameters.remote == Endpoint{kHub, kPortIsakmp});
    // The translator gives the client's ESP a port of its own; IKE's stays.
    const auto id = pair.parameters.id;
    const auto ike_port = pair.parameters.remote.port;
    hub.engine->on_peer_moved(world.now, id, {kPat, L4Port{1030}});
    hub.drain();
    const auto& moved = hub.engine->state().children.find(id)->parameters;
    CHECK(moved.esp_udp == EspUdpPorts{port, L4Port{1030}});
    CHECK(moved.remote == Endpoint{kPat, ike_port});
    const auto session = show_session(hub.engine->state(), world.now, true);
    CHECK(
        session.find(
            "Username: gfullage\nProfile: VPNclient\nGroup: testgroup\nAssigned address: 10.5.5.1\n"
            "Uptime: 00:00:0") != std::string::npos);
    CHECK(session.find("Capabilities:CDX connid:") != std::string::npos);
    CHECK(session.find("ESP in UDP: local port 10001, peer's port 1030\n") != std::string::npos);
    client.engine->ezvpn_disconnect(world.now, "vpn");
    client.drain();
    world.run(2s);
    CHECK(hub.pairs.empty());
}

TEST_CASE("N3: NAT transparency switched off: no float, raw ESP") {
    World world(11);
    auto& hub = world.add("Hub", kHub);
    auto& client = world.add("client", Ipv4Address(192, 168, 1, 2));
    world.nats.push_back({kPat, {client.address}, {}, 1025});
    configure_hub(hub, "no crypto ipsec nat-transparency udp-encapsulation\n");
    configure_client(client);
    world.run(5s);
    REQUIRE(connected(client, hub));
    const auto& pair = *hub.current(turned(client_proxies(*given(client)->address)));
    CHECK_FALSE(pair.parameters.udp_encapsulation);
    CHECK(pair.parameters.remote.address == kPat);
}

}  // namespace viaduct::ike::test
