// Hours of continuous rekeying in virtual time over a bad network: at every instant what a side encrypts
// can be decrypted by the other.
#include <catch2/catch.hpp>

#include "tests/unit/ike/world.h"

namespace viaduct::ike::test {

namespace {

std::string first_trouble(const World& world) {
    return world.trouble.empty() ? "" : world.trouble.front();
}

/// Each outbound half has its inbound counterpart at the peer.
std::size_t orphans(const Node& from, const Node& to) {
    std::size_t n = 0;
    for (const auto& [proxies, id] : from.current_of) {
        const auto& pair = from.pairs.at(id);
        const bool taken = std::any_of(to.pairs.begin(), to.pairs.end(), [&](const auto& entry) {
            return entry.second.spi_in == pair.spi_out &&
                   std::ranges::equal(entry.second.keys_in.cipher_key.view(),
                                      pair.keys_out.cipher_key.view());
        });
        n += taken ? 0U : 1U;
    }
    return n;
}

}  // namespace

TEST_CASE("D2: 120 s lifetimes for hours without loss") {
    World world(3);
    auto& a = world.add("a", Ipv4Address(10, 0, 0, 1));
    auto& b = world.add("b", Ipv4Address(10, 0, 0, 2));
    configure_dmvpn(a);
    configure_dmvpn(b);
    a.acquire(dmvpn_acquire(a, b));
    world.start_traffic();
    world.run(4h);
    CHECK(world.esp_sent >= 2 * 4 * 3590);
    INFO(first_trouble(world));
    CHECK(world.esp_lost_by_sa == 0);
    CHECK(a.pairs.size() <= 3);
    CHECK(a.counter(Counter::quick_established) > 100);
    CHECK(a.counter(Counter::quick_failed) == 0);
    CHECK(a.established_count() == 1);
    // Up once, never down.
    CHECK(a.states.size() == 1);
    CHECK(b.states.size() == 1);
}

TEST_CASE("D2 D9: continuous rekeying under loss, duplication and reordering") {
    const auto seed = GENERATE(range(1, 25));
    World world(static_cast<std::uint64_t>(seed) * 7919);
    auto& a = world.add("a", Ipv4Address(10, 0, 0, 1));
    auto& b = world.add("b", Ipv4Address(10, 0, 0, 2));
    configure_dmvpn(a);
    configure_dmvpn(b);
    world.link = {20ms, 400ms, 0.15, 0.1};
    a.acquire(dmvpn_acquire(a, b));
    b.acquire(dmvpn_acquire(b, a));
    REQUIRE(world.run_until(120s, [&] { return !a.current_of.empty() && !b.current_of.empty(); }));
    world.start_traffic();
    std::size_t bad = 0;
    for (int i = 0; i < 2 * 3600; ++i) {
        world.run(1s);
        bad += orphans(a, b) + orphans(b, a);
        if (a.current_of.empty() || b.current_of.empty()) {
            ++world.no_outbound;
        }
    }
    INFO("seed " << seed << ": " << first_trouble(world));
    CHECK(world.esp_lost_by_sa == 0);
    CHECK(bad == 0);
    CHECK(world.no_outbound == 0);
    CHECK(a.counter(Counter::quick_established) > 60);
    CHECK(a.pairs.size() <= 6);
    CHECK(b.pairs.size() <= 6);
    CHECK(a.ike_count() <= 4);
    // Then all is quiet, and one working pair is left.
    world.link = Link{};
    world.run(400s);
    CHECK(a.pairs.size() <= 2);
    CHECK(orphans(a, b) + orphans(b, a) == 0);
}

TEST_CASE("D8: both ends start at once and end with one working pair") {
    const auto seed = GENERATE(range(1, 41));
    World world(static_cast<std::uint64_t>(seed));
    auto& a = world.add("a", Ipv4Address(10, 0, 0, 1));
    auto& b = world.add("b", Ipv4Address(10, 0, 0, 2));
    configure_dmvpn(a);
    configure_dmvpn(b);
    a.acquire(dmvpn_acquire(a, b));
    world.run(Duration(seed % 4 * 2ms));
    b.acquire(dmvpn_acquire(b, a));
    world.start_traffic();
    world.run(50s);
    INFO(first_trouble(world));
    CHECK(world.esp_lost_by_sa == 0);
    CHECK(a.established_count() == 1);
    CHECK(b.established_count() == 1);
    CHECK(a.pairs.size() == 1);
    CHECK(b.pairs.size() == 1);
    CHECK(orphans(a, b) + orphans(b, a) == 0);
}

TEST_CASE("D8: the peer reboots, its new phase 1 takes over") {
    World world(5);
    auto& hub = world.add("hub", Ipv4Address(10, 0, 0, 1));
    auto& spoke = world.add("spoke", Ipv4Address(10, 0, 0, 2));
    configure_dmvpn(hub);
    configure_dmvpn(spoke);
    spoke.acquire(dmvpn_acquire(spoke, hub));
    world.run(5s);
    const auto old = hub.pairs.begin()->first;
    spoke.reboot();
    spoke.acquire(dmvpn_acquire(spoke, hub));
    world.run(5s);
    CHECK(hub.pairs.size() == 1);
    CHECK(hub.pairs.begin()->first != old);
    CHECK(hub.established_count() == 1);
    CHECK(orphans(hub, spoke) + orphans(spoke, hub) == 0);
}

}  // namespace viaduct::ike::test
