// N16: EzVPN's network-plus: an address of its own, and the networks behind the client beside it.
#include <algorithm>

#include <catch2/catch.hpp>

#include "tests/unit/ike/remote_world.h"

namespace viaduct::ike::test {

namespace {

constexpr ProxyPair from(Ipv4Address network, Ipv4Address mask) {
    return {{network, mask, std::nullopt, 0}, {Ipv4Address{}, Ipv4Address{}, std::nullopt, 0}};
}

void network_plus(Node& client, Ipv4Address inside, std::uint8_t length) {
    client.config.crypto.ezvpn_clients["vpn"].mode = config::EzvpnClient::Mode::network_plus;
    auto& port = client.config.interfaces[*config::InterfaceName::parse("FastEthernet0/1")];
    port.ezvpn_client = "vpn";
    port.ezvpn_inside = true;
    port.address = config::InterfaceAddress{inside, length};
}

}  // namespace

TEST_CASE("N16: network-plus: the assigned address and the inside network are both protected") {
    World world(90);
    auto& hub = world.add("Hub", kHub);
    auto& client = world.add("client", Ipv4Address(10, 51, 82, 100));
    configure_hub(hub);
    network_plus(client, Ipv4Address(10, 2, 2, 1), 24);
    configure_client(client);
    world.run(5s);
    REQUIRE(given(client) != nullptr);
    REQUIRE(given(client)->address);
    const auto address = client_proxies(*given(client)->address);
    const auto network = from(Ipv4Address(10, 2, 2, 0), mask_of(24));
    CHECK(client.current(address) != nullptr);
    CHECK(client.current(network) != nullptr);
    CHECK(client.pairs.size() == 2);
    CHECK(hub.pairs.size() == 2);
    // One session, and both pairs are its.
    CHECK(hub.engine->state().sessions.remote().active == 1);
    client.engine->ezvpn_disconnect(world.now, "vpn");
    client.drain();
    world.run(2s);
    CHECK(hub.pairs.empty());
    CHECK(hub.engine->state().transactions.pools.in_use() == 0);
}

TEST_CASE("N16: `acl` names further subnets behind a client that keeps its addresses") {
    World world(92);
    auto& hub = world.add("Hub", kHub);
    auto& client = world.add("client", Ipv4Address(10, 51, 82, 100));
    configure_hub(hub);
    network_plus(client, Ipv4Address(10, 2, 2, 1), 24);
    auto& vpn = client.config.crypto.ezvpn_clients["vpn"];
    vpn.mode = config::EzvpnClient::Mode::network_extension;
    vpn.acl = "101";
    config::AccessEntry line;
    line.sequence = 10;
    line.source = {Ipv4Address(10, 2, 16, 0), Ipv4Address{0x0FFF}};
    client.config.access_lists["101"].entries = {line};
    configure_client(client);
    world.run(5s);
    CHECK(client.pairs.size() == 2);
    CHECK(client.current(from(Ipv4Address(10, 2, 2, 0), mask_of(24))) != nullptr);
    CHECK(client.current(from(Ipv4Address(10, 2, 16, 0), mask_of(20))) != nullptr);
}

TEST_CASE("N16 P5: network-plus does not reach for an address that another user leases") {
    World world(91);
    auto& hub = world.add("Hub", kHub);
    auto& honest = world.add("honest", Ipv4Address(10, 51, 82, 100));
    auto& thief = world.add("thief", Ipv4Address(10, 51, 82, 101));
    configure_hub(hub);
    configure_client(honest);
    world.run(3s);
    REQUIRE(given(honest) != nullptr);
    std::uint8_t length = 24;
    SECTION("a network around it") {}
    SECTION("the host itself") {
        length = 32;
    }
    network_plus(thief, *given(honest)->address, length);
    configure_client(thief, {"testgroup", "cisco321", "user2", "secret"});
    world.run(3s);
    REQUIRE(given(thief) != nullptr);
    CHECK(thief.pairs.size() == 1);
    CHECK(hub.pairs.size() == 2);
    CHECK(hub.counter(Counter::no_policy_for_proxies) >= 1);
}

}  // namespace viaduct::ike::test
