// Hub and spokes on one multipoint tunnel: split horizon and next-hop-self off, loss, and a thousand
// spokes.
#include <chrono>
#include <iostream>

#include <catch2/catch.hpp>

#include "simulator.h"

namespace viaduct::eigrp::test {
namespace {

struct HubAndSpokes {
    HubAndSpokes(std::uint64_t seed, std::size_t count, std::size_t lans, std::uint32_t bandwidth)
        : net(seed) {
        hub = net.add("hub");
        std::vector<std::pair<std::size_t, IfIndex>> ports;
        ports.emplace_back(hub, tunnel(hub, Ipv4Address(192, 168, 0, 1), bandwidth));
        net.node(hub).eigrp(IfIndex{1}).split_horizon = false;
        net.node(hub).eigrp(IfIndex{1}).next_hop_self = false;
        net.lan(hub, prefix("1.1.1.0/24"));
        for (std::size_t s = 0; s < count; ++s) {
            const auto n = net.add("spoke" + std::to_string(s));
            spokes.push_back(n);
            ports.emplace_back(n, tunnel(n, spoke_address(s), bandwidth));
            for (std::size_t l = 0; l < lans; ++l) {
                net.lan(n, spoke_lan(s, l));
            }
        }
        cloud = net.segment(ports);
        net.segment(cloud).hub = 0;
        net.segment(cloud).delay_minimum = 5ms;
        net.segment(cloud).delay_maximum = 20ms;
    }

    static Ipv4Address spoke_address(std::size_t s) {
        return Ipv4Address{0xC0A80002U + static_cast<std::uint32_t>(s)};
    }

    static Ipv4Prefix spoke_lan(std::size_t s, std::size_t l) {
        return {Ipv4Address{0x0A000000U + static_cast<std::uint32_t>((s * 16 + l) << 8U)}, 24};
    }

    IfIndex tunnel(std::size_t n, Ipv4Address a, std::uint32_t bandwidth) {
        const auto i = net.interface(n, a, 16);
        auto& s = net.node(n).state(i);
        s.name = *config::InterfaceName::parse("Tunnel0");
        s.multipoint = true;
        s.bandwidth_kbps = bandwidth;
        s.delay_10us = 50'000;
        s.ip_mtu = 1440;
        return i;
    }

    Network net;
    std::size_t hub = 0;
    std::vector<std::size_t> spokes;
    std::size_t cloud = 0;
};

TEST_CASE("D4: spokes hear of each other with the far spoke as next hop") {
    HubAndSpokes w(11, 2, 1, 100'000);
    w.net.start();
    w.net.run(10s);
    const auto& a = w.net.node(w.spokes[0]).rib.at(HubAndSpokes::spoke_lan(1, 0));
    CHECK(a.next_hops.at(0).gateway == HubAndSpokes::spoke_address(1));
    CHECK(w.net.node(w.hub).rib.at(HubAndSpokes::spoke_lan(1, 0)).next_hops.at(0).gateway ==
          HubAndSpokes::spoke_address(1));
    CHECK(w.net.has_route(w.spokes[0], "1.1.1.0/24"));
    CHECK(w.net.node(w.spokes[0]).rib.at(prefix("1.1.1.0/24")).next_hops.at(0).gateway ==
          Ipv4Address(192, 168, 0, 1));

    SECTION("next-hop-self again: the hub is the next hop") {
        w.net.node(w.hub).eigrp(IfIndex{1}).next_hop_self = true;
        w.net.apply(w.hub);
        w.net.run(10s);
        CHECK(w.net.node(w.hub).sink.has("is down: next-hop-self value changed"));
        CHECK(
            w.net.node(w.spokes[0]).rib.at(HubAndSpokes::spoke_lan(1, 0)).next_hops.at(0).gateway ==
            Ipv4Address(192, 168, 0, 1));
    }
    SECTION("split horizon again: spokes do not hear of each other") {
        w.net.node(w.hub).eigrp(IfIndex{1}).split_horizon = true;
        w.net.apply(w.hub);
        w.net.run(10s);
        CHECK_FALSE(w.net.node(w.spokes[0]).rib.contains(HubAndSpokes::spoke_lan(1, 0)));
        CHECK(w.net.has_route(w.spokes[0], "1.1.1.0/24"));
    }
    SECTION("D8: the hub reboots, the spokes recover") {
        w.net.power_off(w.hub);
        w.net.run(20s);
        CHECK(w.net.node(w.spokes[0])
                  .sink.has("192.168.0.1 (Tunnel0) is down: holding time expired"));
        CHECK_FALSE(w.net.has_route(w.spokes[0], "1.1.1.0/24"));
        w.net.power_on(w.hub);
        w.net.run(10s);
        CHECK(w.net.has_route(w.spokes[0], "1.1.1.0/24"));
        CHECK(w.net.node(w.spokes[0]).rib.contains(HubAndSpokes::spoke_lan(1, 0)));
    }
    SECTION("D8: the hub reboots within the hold time") {
        w.net.power_off(w.hub);
        w.net.run(2s);
        w.net.power_on(w.hub);
        w.net.run(10s);
        CHECK(w.net.node(w.spokes[0]).sink.has("is down: peer restarted"));
        CHECK(w.net.node(w.spokes[0]).rib.contains(HubAndSpokes::spoke_lan(1, 0)));
        CHECK(w.net.node(w.hub).rib.contains(HubAndSpokes::spoke_lan(1, 0)));
    }
    SECTION("a spoke's network goes away for all") {
        w.net.node(w.spokes[1]).state(IfIndex{2}).up = false;
        w.net.apply(w.spokes[1]);
        w.net.run(5s);
        CHECK_FALSE(w.net.node(w.spokes[0]).rib.contains(HubAndSpokes::spoke_lan(1, 0)));
        CHECK_FALSE(w.net.node(w.hub).rib.contains(HubAndSpokes::spoke_lan(1, 0)));
    }
}

TEST_CASE("D4: the default bandwidth of a tunnel (9 kbit/s) paces, and works") {
    HubAndSpokes w(12, 2, 3, 9);
    w.net.start();
    w.net.run(60s);
    CHECK(w.net.node(w.spokes[0]).rib.contains(HubAndSpokes::spoke_lan(1, 2)));
    CHECK(w.net.node(w.hub).sink.flaps == 0);
    Interface i;
    i.state.bandwidth_kbps = 9;
    CHECK(Process::pacing_ms(i, 40) == 71);
    CHECK(Process::pacing_ms(i, 1520) == 2702);
    i.state.bandwidth_kbps = 64;
    CHECK(Process::pacing_ms(i, 1520) == 380);
}

TEST_CASE("D9: a virtual day with 20 % loss, duplicates and reorder: no flap, right routes") {
    for (const std::uint64_t seed : {21U, 22U}) {
        HubAndSpokes w(seed, 4, 2, 100'000);
        auto& s = w.net.segment(w.cloud);
        s.loss = 0.2;
        s.duplicate = 0.1;
        s.delay_minimum = 1ms;
        s.delay_maximum = 60ms;
        w.net.start();
        w.net.run(60s);
        for (std::size_t n = 0; n < w.net.size(); ++n) {
            w.net.node(n).sink.flaps = 0;
        }
        // Every minute a network of some spoke goes or comes.
        SeededRandom random(seed);
        for (int minute = 0; minute < 24 * 60; ++minute) {
            const auto spoke = w.spokes[random.below(w.spokes.size())];
            auto& state = w.net.node(spoke).state(IfIndex{2});
            state.up = !state.up;
            w.net.apply(spoke);
            w.net.run(60s);
        }
        CHECK(w.net.lost > 10'000);
        for (std::size_t n = 0; n < w.net.size(); ++n) {
            INFO(w.net.node(n).name);
            CHECK(w.net.node(n).sink.flaps == 0);
            CHECK(w.net.node(n).engine->is_consistent());
            for (std::size_t other = 0; other < w.spokes.size(); ++other) {
                if (w.spokes[other] == n) {
                    continue;
                }
                for (std::size_t l = 0; l < 2; ++l) {
                    const bool up = w.net.node(w.spokes[other])
                                        .state(IfIndex{static_cast<std::uint16_t>(2 + l)})
                                        .up;
                    CHECK(w.net.node(n).rib.contains(HubAndSpokes::spoke_lan(other, l)) == up);
                }
            }
        }
        const auto& c = w.net.node(w.hub).process().counters();
        CHECK(c[Counter::liveness_probe_sent] > 0);
        CHECK(c[Counter::retransmitted] > 0);
    }
}

void measure(std::size_t count, std::size_t lans) {
    using Wall = std::chrono::steady_clock;
    const auto began = Wall::now();
    const auto seconds = [](Wall::time_point from) {
        return std::chrono::duration<double>(Wall::now() - from).count();
    };
    HubAndSpokes w(31, count, lans, 1'000'000);
    for (const auto n : w.spokes) {
        w.net.node(n).keep_rib = false;
        w.net.node(n).sink.keep = false;
    }
    w.net.node(w.hub).sink.keep = false;
    w.net.start();
    const auto from = w.net.now();
    const auto total = count * lans + 2;  // and the hub's LAN, and the tunnel
    const auto converged = [&] {
        return std::all_of(w.spokes.begin(), w.spokes.end(), [&](std::size_t n) {
            return w.net.node(n).process().routes().size() == total;
        });
    };
    while (!converged() && w.net.now() - from < 600s) {
        w.net.run(500ms);
    }
    REQUIRE(converged());
    const auto up = seconds(began);
    const auto virtual_up = std::chrono::duration<double>(w.net.now() - from).count();
    const auto packets = w.net.delivered;
    REQUIRE(w.net.node(w.hub).process().interfaces().at(IfIndex{1}).neighbors.size() == count);
    CHECK(w.net.node(w.hub).sink.flaps == 0);
    // One spoke is gone: the hub asks all the others.
    const auto fail_from = Wall::now();
    w.net.power_off(w.spokes[0]);
    const auto gone_at = w.net.now();
    const auto without = [&] {
        return w.net.node(w.hub).process().active_routes() == 0 &&
               w.net.node(w.hub).process().routes().size() == total - lans &&
               std::all_of(w.spokes.begin() + 1, w.spokes.end(), [&](std::size_t n) {
                   return w.net.node(n).process().routes().size() == total - lans;
               });
    };
    while (!without() && w.net.now() - gone_at < 120s) {
        w.net.run(100ms);
    }
    REQUIRE(without());
    const auto gone = std::chrono::duration<double>(w.net.now() - gone_at).count();
    CHECK(w.net.node(w.hub).engine->is_consistent());
    std::cout << count << " spokes x " << lans << " prefixes: all up in " << virtual_up
              << " s virtual, " << up << " s wall, " << packets
              << " packets; a spoke lost: " << gone << " s virtual (15 s of them hold time), "
              << seconds(fail_from) << " s wall\n";
}

TEST_CASE("D4: two hundred spokes on one hub") {
    measure(200, 5);
}

TEST_CASE("D4: a thousand spokes with ten prefixes each on one hub", "[.][scale]") {
    measure(1000, 10);
}

}  // namespace
}  // namespace viaduct::eigrp::test
