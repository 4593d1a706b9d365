// Main mode and quick mode between two engines, message by message.
#include <catch2/catch.hpp>

#include "tests/unit/ike/world.h"

namespace viaduct::ike::test {

namespace {

bool keys_agree(const Pair& a, const Pair& b) {
    const auto same = [](const ChildKeys& x, const ChildKeys& y) {
        return x.cipher == y.cipher && x.auth == y.auth &&
               std::ranges::equal(x.cipher_key.view(), y.cipher_key.view()) &&
               std::ranges::equal(x.auth_key.view(), y.auth_key.view());
    };
    return a.spi_in == b.spi_out && a.spi_out == b.spi_in && same(a.keys_in, b.keys_out) &&
           same(a.keys_out, b.keys_in);
}

}  // namespace

TEST_CASE("D2 D8: main mode and quick mode, SAs on both sides with equal keys") {
    World world(1);
    auto& a = world.add("sv9-3", Ipv4Address(209, 168, 202, 131));
    auto& b = world.add("sv9-4", Ipv4Address(209, 168, 202, 130));
    configure_dmvpn(a);
    configure_dmvpn(b);
    a.acquire(dmvpn_acquire(a, b));
    world.run(1s);
    REQUIRE(a.established_count() == 1);
    REQUIRE(b.established_count() == 1);
    REQUIRE(a.pairs.size() == 1);
    REQUIRE(b.pairs.size() == 1);
    const auto* of_a = a.current(dmvpn_acquire(a, b).proxies);
    const auto* of_b = b.current(dmvpn_acquire(b, a).proxies);
    REQUIRE(of_a != nullptr);
    REQUIRE(of_b != nullptr);
    CHECK(keys_agree(*of_a, *of_b));
    CHECK(of_a->keys_in.cipher_key.size() == 24);
    CHECK(of_a->keys_in.auth_key.size() == 16);
    CHECK(of_a->parameters.lifetime_s == 120);
    CHECK(of_a->parameters.tunnel_mode);
    CHECK_FALSE(of_a->parameters.udp_encapsulation);
    CHECK(world.datagrams == 9);
    REQUIRE(a.states.size() == 1);
    CHECK(a.states[0].up);
    CHECK(b.states.at(0).up);
    CHECK(a.engine->child_stands(kTunnel, b.address));
}

TEST_CASE("IKE: static crypto map between two LANs") {
    World world(2);
    auto& a = world.add("a", Ipv4Address(10, 0, 0, 1));
    auto& b = world.add("b", Ipv4Address(10, 0, 0, 2));
    const Ipv4Address lan_a(192, 168, 1, 0);
    const Ipv4Address lan_b(192, 168, 2, 0);
    configure_site(a, b, lan_a, lan_b);
    configure_site(b, a, lan_b, lan_a);
    b.acquire(site_acquire(b, a, lan_b, lan_a));
    world.run(1s);
    const auto* of_a = a.current(site_acquire(a, b, lan_a, lan_b).proxies);
    const auto* of_b = b.current(site_acquire(b, a, lan_b, lan_a).proxies);
    REQUIRE(of_a != nullptr);
    REQUIRE(of_b != nullptr);
    CHECK(keys_agree(*of_a, *of_b));
    CHECK(of_a->parameters.policy.crypto_map == "mymap");
    CHECK(of_a->parameters.policy.sequence == 10);
}

}  // namespace viaduct::ike::test
