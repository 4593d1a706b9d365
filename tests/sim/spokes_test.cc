// A DMVPN hub with many spokes in one lab: all come up, and what it costs is printed.
#include <fmt/format.h>
#include <iostream>

#include "tests/sim/sim_fixture.h"

namespace viaduct::sim {

namespace {

constexpr std::string_view kIpsec =
    "crypto isakmp policy 10\n encr aes\n authentication pre-share\n group 2\n"
    "crypto isakmp key k address 0.0.0.0 0.0.0.0\n"
    "crypto ipsec transform-set t esp-aes esp-sha-hmac\n mode transport\n"
    "crypto ipsec profile p\n set transform-set t\n";

std::string tunnel(const std::string& address, bool hub) {
    auto text = fmt::format(
        "interface Tunnel0\n ip address {} 255.255.240.0\n ip mtu 1400\n ip nhrp authentication "
        "secret\n"
        " ip nhrp network-id 1\n ip nhrp holdtime 600\n tunnel source FastEthernet0/0\n tunnel "
        "mode gre multipoint\n"
        " tunnel key 1\n tunnel protection ipsec profile p\n",
        address);
    text += hub ? " ip nhrp map multicast dynamic\n no ip split-horizon eigrp 1\n"
                : " ip nhrp map 172.16.0.1 10.0.0.1\n ip nhrp map multicast 10.0.0.1\n ip nhrp nhs "
                  "172.16.0.1\n";
    return text;
}

/// One hub 10.0.0.1 and n spokes 10.0.1.1 … on one cloud; spoke i has 10.64+x.y.0/24 behind it, announced by EIGRP.
lab::Topology star(unsigned n) {
    lab::Topology out;
    lab::LinkParameters cloud;
    cloud.delay = 5ms;
    cloud.jitter = 5ms;
    out.links.push_back({"cloud", cloud});
    const auto outside = *config::InterfaceName::parse("FastEthernet0/0");
    const auto add = [&](const std::string& name,
                         const std::string& nbma,
                         const std::string& inside,
                         const std::string& lan) {
        const auto config = fmt::format(
            "hostname {}\n{}{}interface FastEthernet0/0\n ip address {} 255.255.0.0\n"
            "interface Loopback0\n ip address {} 255.255.255.0\n"
            "router eigrp 1\n network 172.16.0.0\n network {} 0.0.0.255\n no auto-summary\n",
            name,
            kIpsec,
            tunnel(inside, name == "hub"),
            nbma,
            lan,
            lan);
        out.routers.push_back({name, name + ".cfg", config, {{outside, "cloud"}}});
    };
    add("hub", "10.0.0.1", "172.16.0.1", "10.32.0.1");
    for (unsigned i = 0; i < n; ++i) {
        const auto high = i / 250;
        const auto low = i % 250 + 1;
        add(fmt::format("s{}", i),
            fmt::format("10.0.{}.{}", high + 1, low),
            fmt::format("172.16.{}.{}", high + 1, low),
            fmt::format("10.{}.{}.1", high + 64, low));
    }
    return out;
}

/// Spokes that the hub's routing table has.
unsigned known_spokes(lab::Lab& lab, unsigned n) {
    const auto routes = lab.ask("hub", "show ip route");
    unsigned known = 0;
    for (unsigned i = 0; i < n; ++i) {
        known +=
            routes.find(fmt::format("10.{}.{}.0", i / 250 + 64, i % 250 + 1)) != std::string::npos
                ? 1
                : 0;
    }
    return known;
}

void measure(unsigned n, Duration time, const char* what) {
    using SteadyClock = std::chrono::steady_clock;
    const auto start = SteadyClock::now();
    const auto lab = make_lab(star(n));
    CHECK(lab->problems().empty());
    lab->run_for(time);
    const auto known = known_spokes(*lab, n);
    std::cout << fmt::format("{} spokes, {}: {:.1f} s, {} events, {} spokes known to the hub\n",
                             n,
                             what,
                             std::chrono::duration<double>(SteadyClock::now() - start).count(),
                             lab->events(),
                             known);
    CHECK(known == n);
}

}  // namespace

TEST_CASE("fifty spokes register and are known to the hub within a minute") {
    measure(50, 60s, "one minute");
}

// Not part of the suite: sim_spokes "[measure]".
TEST_CASE("a thousand spokes for one hour", "[.measure]") {
    measure(1000, 1h, "one hour");
}

}  // namespace viaduct::sim
