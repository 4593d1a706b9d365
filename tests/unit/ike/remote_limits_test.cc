// Remote access under bad input, floods and loss.
#include <catch2/catch.hpp>

#include "tests/unit/ike/remote_world.h"

namespace viaduct::ike::test {

namespace {

/// The first message of a client, as it went over the wire.
Bytes first_message(World& world, const ClientAs& as = {}) {
    Bytes out;
    world.filter = [&](const Endpoint&, const Endpoint& to, const Bytes& payload) {
        if (out.empty() && to.address == kHub) {
            out = payload;
        }
        return false;
    };
    auto& client = world.add("probe", Ipv4Address(10, 51, 82, 99));
    configure_client(client, as);
    client.engine->ezvpn_disconnect(world.now, "vpn");
    client.drain();
    world.filter = nullptr;
    return out;
}

void put_cookie(Bytes& message, std::uint64_t cookie) {
    for (unsigned i = 0; i < 8; ++i) {
        message[i] = static_cast<std::uint8_t>(cookie >> (8 * i));
    }
}

}  // namespace

TEST_CASE(
    "N1: half-open aggressive exchanges are limited per source and in total, and none stays") {
    World world(20);
    auto& hub = world.add("Hub", kHub);
    configure_hub(hub);
    auto message = first_message(world);
    REQUIRE(message.size() > 100);
    hub.sent.clear();
    SECTION("one source") {
        for (std::uint64_t i = 1; i <= 5000; ++i) {
            put_cookie(message, i);
            hub.engine->on_packet(
                world.now,
                {kOutside, {kHub, kPortIsakmp}, {Ipv4Address(1, 2, 3, 4), kPortIsakmp}, message});
            hub.drain();
        }
        CHECK(hub.ike_count() <= kMaxHalfOpenPerSource);
        CHECK(hub.counter(Counter::aggressive_rate_limit) >= 4900);
        CHECK(hub.sent.size() <= kMaxHalfOpenPerSource);
    }
    SECTION("a hundred thousand sources, in ten minutes") {
        for (std::uint32_t i = 1; i <= 100000; ++i) {
            put_cookie(message, i);
            hub.engine->on_packet(
                world.now,
                {kOutside,
                 {kHub, kPortIsakmp},
                 {Ipv4Address{0x0B000000U + i}, kPortIsakmp},
                 i % 100 == 0 ? BytesView(message) : BytesView(message).first(28 + i % 60)});
            hub.drain();
            world.run(6ms);
            hub.sent.clear();
        }
        CHECK(hub.engine->state().half_open.size() <= kMaxHalfOpen);
        // A user who comes in the middle of it is served.
        auto& client = world.add("client", Ipv4Address(10, 51, 82, 100));
        configure_client(client);
        world.run(5s);
        CHECK(given(client) != nullptr);
    }
    world.run(200s);
    CHECK(hub.engine->state().half_open.empty());
    CHECK(hub.engine->state().half_open_of_source.empty());
}

TEST_CASE("N1: every prefix and every flipped octet of a first message is survived") {
    World world(21);
    auto& hub = world.add("Hub", kHub);
    configure_hub(hub);
    const auto message = first_message(world);
    for (std::size_t n = 0; n < message.size(); ++n) {
        hub.engine->on_packet(world.now,
                              {kOutside,
                               {kHub, kPortIsakmp},
                               {Ipv4Address(1, 2, 3, 4), kPortIsakmp},
                               BytesView(message).first(n)});
        auto bad = message;
        bad[n] = static_cast<std::uint8_t>(bad[n] ^ 0x5AU);
        hub.engine->on_packet(
            world.now,
            {kOutside,
             {kHub, kPortIsakmp},
             {Ipv4Address{0x0C000000U + static_cast<std::uint32_t>(n)}, kPortIsakmp},
             bad});
        hub.drain();
    }
    CHECK(hub.established_count() == 0);
    world.run(100s);
    CHECK(hub.ike_count() == 0);
}

TEST_CASE("N1: aggressive mode can be switched off") {
    World world(22);
    auto& hub = world.add("Hub", kHub);
    auto& client = world.add("client", Ipv4Address(10, 51, 82, 100));
    configure_hub(hub, "crypto isakmp aggressive-mode disable\n");
    configure_client(client);
    world.run(5s);
    CHECK(hub.ike_count() == 0);
    CHECK(hub.counter(Counter::aggressive_refused) == 1);
}

TEST_CASE("N9: twenty clients behind one address over a network that loses, repeats and reorders") {
    World world(23);
    world.link = {20ms, 40ms, 0.15, 0.1};
    auto& hub = world.add("Hub", kHub);
    world.nats.push_back({Ipv4Address(171, 69, 89, 78), {}, {}, 1025});
    configure_hub(hub);
    std::vector<Node*> clients;
    for (std::uint8_t i = 1; i <= 20; ++i) {
        auto& client = world.add("c" + std::to_string(i), Ipv4Address(192, 168, 1, i));
        world.nats[0].inside.insert(client.address);
        configure_client(client, {"testgroup", "cisco321", "user" + std::to_string(i), "secret"});
        clients.push_back(&client);
    }
    const auto all_up = [&] {
        return std::all_of(clients.begin(), clients.end(), [](const Node* c) {
            return given(*c) != nullptr &&
                   c->current(client_proxies(*given(*c)->address)) != nullptr;
        });
    };
    CHECK(world.run_until(10min, all_up));
    world.link = {};
    world.run(10min);
    CHECK(all_up());
    CHECK(hub.engine->state().sessions.remote().active == 20);
    CHECK(hub.engine->state().transactions.pools.in_use() == 20);
}

TEST_CASE("P5: pools: fresh addresses first, then the one freed first, never one in use") {
    AddressPools pools;
    const config::AddressPool pool{{{Ipv4Address(10, 0, 0, 1), Ipv4Address(10, 0, 0, 2)},
                                    {Ipv4Address(10, 0, 1, 1), Ipv4Address(10, 0, 1, 1)}}};
    const auto take = [&](const std::string& user, std::uint32_t owner) {
        return pools.allocate("p", pool, {"g", user}, ConnectionId{owner});
    };
    const auto a = take("a", 1);
    const auto b = take("b", 2);
    CHECK(a == Ipv4Address(10, 0, 0, 1));
    CHECK(b == Ipv4Address(10, 0, 0, 2));
    CHECK(pools.take(Ipv4Address(10, 0, 1, 1), ConnectionId{3}));
    CHECK_FALSE(pools.take(*a, ConnectionId{4}));
    CHECK(take("c", 5) == std::nullopt);
    pools.release(*b, ConnectionId{1});  // not its owner
    CHECK(pools.in_use() == 3);
    pools.release(*b, ConnectionId{2});
    pools.release(*a, ConnectionId{1});
    CHECK(take("c", 5) == b);
    CHECK(take("a", 6) == a);
    CHECK(take("d", 7) == std::nullopt);
}

TEST_CASE("P5: nobody gets an address that another user leases, whatever he proposes") {
    World world(24);
    auto& hub = world.add("Hub", kHub);
    auto& honest = world.add("honest", Ipv4Address(10, 51, 82, 100));
    auto& thief = world.add("thief", Ipv4Address(10, 51, 82, 101));
    configure_hub(hub);
    configure_client(honest, {"testgroup", "cisco321", "user1", "secret"});
    world.run(3s);
    REQUIRE(given(honest) != nullptr);
    const auto theirs = *given(honest)->address;
    // Network extension: no address is asked for, the proxy is the inside network.
    auto& vpn = thief.config.crypto.ezvpn_clients["vpn"];
    vpn.mode = config::EzvpnClient::Mode::network_extension;
    auto& inside = thief.config.interfaces[*config::InterfaceName::parse("FastEthernet0/1")];
    inside.ezvpn_client = "vpn";
    inside.ezvpn_inside = true;
    inside.address = config::InterfaceAddress{theirs, 32};
    configure_client(thief, {"testgroup", "cisco321", "user2", "secret"});
    world.run(3s);
    REQUIRE(given(thief) != nullptr);
    CHECK(thief.pairs.empty());
    CHECK(hub.pairs.size() == 1);
    CHECK(hub.counter(Counter::no_policy_for_proxies) >= 1);
    inside.address = config::InterfaceAddress{Ipv4Address(10, 7, 7, 1), 24};
    thief.reboot();
    world.run(3s);
    CHECK(thief.pairs.size() == 1);
    CHECK(hub.pairs.size() == 2);
    // His SAs end with his session.
    thief.engine->ezvpn_disconnect(world.now, "vpn");
    thief.drain();
    world.run(1s);
    CHECK(hub.pairs.size() == 1);
    CHECK(hub.engine->state().sessions.remote().active == 1);
}

TEST_CASE("N1: a client that goes silent after message 2 is told of once, with the likely reason") {
    World world(25);
    auto& hub = world.add("Hub", kHub);
    auto& client = world.add("client", Ipv4Address(10, 51, 82, 100));
    configure_hub(hub);
    std::size_t from_client = 0;
    world.filter = [&](const Endpoint& from, const Endpoint&, const Bytes&) {
        return from.address != client.address || ++from_client == 1;
    };
    configure_client(client, {"testgroup", "wrong", "user1", "secret"});
    world.run(10s);
    CHECK(hub.lines.contains("no third message came; wrong pre-shared key for group testgroup"));
}

TEST_CASE("P2: RADIUS may assign the address, once") {
    World world(26);
    auto& hub = world.add("Hub", kHub);
    auto& one = world.add("one", Ipv4Address(10, 51, 82, 100));
    auto& two = world.add("two", Ipv4Address(10, 51, 82, 101));
    configure_hub(hub);
    hub.on_login = [&hub](const AuthenticateUser& login) {
        AuthenticationResult result;
        result.accepted = true;
        result.framed_address = Ipv4Address(10, 9, 9, 9);
        hub.engine->on_authentication(hub.world.now, login.request, result);
    };
    configure_client(one, {"testgroup", "cisco321", "user1", "secret"});
    world.run(3s);
    REQUIRE(given(one) != nullptr);
    CHECK(given(one)->address == Ipv4Address(10, 9, 9, 9));
    configure_client(two, {"testgroup", "cisco321", "user2", "secret"});
    world.run(3s);
    CHECK(given(two) == nullptr);
    CHECK(hub.lines.contains("the address that AAA assigns is in use: 10.9.9.9"));
}

}  // namespace viaduct::ike::test
