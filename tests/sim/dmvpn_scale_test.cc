// 1,000 spokes on one hub: all registered, all EIGRP neighbours, hosts reach each other. A suite of its own: it takes
// 2.5 GB and a minute.
#include <fmt/format.h>
#include <iostream>
#include <sys/resource.h>

#include "tests/sim/dmvpn_fixture.h"

namespace viaduct::sim {

namespace {

constexpr unsigned kSpokes = 1000;
constexpr unsigned kHosts = 20;

/// Router 0 is the hub.
std::string configuration(unsigned i) {
    const auto high = (i + 1) >> 8U;
    const auto low = (i + 1) & 255U;
    // IOS's 9 kbit/s of a tunnel would make EIGRP's pacing take minutes with so many neighbours.
    std::string out = fmt::format(
        "version 12.3\nhostname r{}\n"
        "crypto isakmp policy 10\n hash md5\n authentication pre-share\n"
        "crypto isakmp key cisco123 address 0.0.0.0 0.0.0.0\n"
        "crypto ipsec transform-set strong esp-3des esp-md5-hmac\n"
        "crypto ipsec profile cisco\n set transform-set strong\n"
        "interface Tunnel0\n ip address 192.168.{}.{} 255.255.0.0\n no ip redirects\n"
        " bandwidth 100000\n ip mtu 1400\n ip nhrp authentication cisco123\n"
        " ip nhrp map multicast dynamic\n ip nhrp network-id 1\n",
        i,
        high,
        low);
    if (i > 0) {
        out +=
            " ip nhrp map 192.168.0.1 10.0.0.1\n ip nhrp map multicast 10.0.0.1\n"
            " ip nhrp nhs 192.168.0.1\n";
    }
    out += fmt::format(
        " no ip split-horizon eigrp 90\n no ip next-hop-self eigrp 90\n"
        " tunnel source FastEthernet0/0\n tunnel mode gre multipoint\n tunnel key 0\n"
        " tunnel protection ipsec profile cisco\n"
        "interface FastEthernet0/0\n ip address 10.0.{}.{} 255.255.0.0\n"
        "interface FastEthernet0/1\n ip address 172.{}.{}.1 255.255.255.0\n"
        "router eigrp 90\n network 172.16.0.0 0.15.255.255\n network 192.168.0.0 0.0.255.255\n"
        " no auto-summary\nend\n",
        high,
        low,
        16 + (i >> 8U),
        i & 255U);
    return out;
}

config::InterfaceName interface(std::string_view name) {
    const auto parsed = config::InterfaceName::parse(name);
    REQUIRE(parsed);
    return *parsed;
}

lab::Topology large_cloud() {
    auto topology = example("dmvpn");  // its cloud, and a host to copy
    auto cloud = topology.links.front();
    REQUIRE(cloud.name == "cloud");
    cloud.parameters = {};
    cloud.parameters.delay = 5ms;
    topology = {};
    topology.links.push_back(cloud);
    for (unsigned i = 0; i <= kSpokes; ++i) {
        const auto lan = fmt::format("lan{}", i);
        topology.links.push_back({lan, {}});
        topology.routers.push_back(
            {fmt::format("r{}", i),
             "generated",
             configuration(i),
             {{interface("FastEthernet0/0"), "cloud"}, {interface("FastEthernet0/1"), lan}}});
    }
    return topology;
}

}  // namespace

TEST_CASE("D3 D4 D5: a thousand spokes on one hub", "[scale]") {
    const auto began = std::chrono::steady_clock::now();
    auto topology = large_cloud();
    for (unsigned i = 1; i <= kHosts; ++i) {
        lab::HostSpec host;
        host.name = fmt::format("h{}", i);
        host.link = fmt::format("lan{}", i);
        host.address.address = *Ipv4Address::parse(fmt::format("172.16.{}.10", i));
        host.address.prefix_length = 24;
        host.address.gateway = *Ipv4Address::parse(fmt::format("172.16.{}.1", i));
        topology.hosts.push_back(host);
    }
    const auto lab = make_lab(topology);
    CHECK(lab->problems().empty());
    CloudTap tap(*lab);
    const auto power_on = lab->now();
    const auto all_there = [&] {
        return occurrences(lab->ask("r0", "show ip nhrp"), "registered") == kSpokes &&
               occurrences(lab->ask("r0", "show ip eigrp neighbors"), " Tu0 ") == kSpokes;
    };
    for (unsigned i = 0; i < 30 && !all_there(); ++i) {
        lab->run_for(5s);
    }
    CHECK(occurrences(lab->ask("r0", "show ip nhrp"), "registered") == kSpokes);
    CHECK(occurrences(lab->ask("r0", "show ip eigrp neighbors"), " Tu0 ") == kSpokes);
    const auto converged_after = lab->now() - power_on;
    lab->run_for(30s);
    CHECK(occurrences(lab->ask("r0", "show ip route"), "[90/") == kSpokes);
    CHECK(occurrences(lab->ask("r1", "show ip route"), "[90/") == kSpokes);
    CHECK(occurrences(lab->ask("r1000", "show ip route"), "[90/") == kSpokes);
    for (unsigned i = 1; i <= kHosts; ++i) {
        const auto to = i % kHosts + 1;
        CAPTURE(i, to);
        CHECK(lossless(lab->ask(fmt::format("h{}", i),
                                fmt::format("ping 172.16.{}.10 count 5 interval 200ms", to))));
    }
    CHECK(tap.gre == 0);
    const auto wall =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - began);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::cout << fmt::format(
        "{} spokes: neighbours after {} s of virtual time; {} s of wall, {} s of CPU, {} MB\n",
        kSpokes,
        std::chrono::duration_cast<std::chrono::seconds>(converged_after).count(),
        wall.count(),
        usage.ru_utime.tv_sec + usage.ru_stime.tv_sec,
        usage.ru_maxrss / 1024);
    // CPU seconds, which do not depend on what else this machine does.
    CHECK(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec < 300);
    CHECK(usage.ru_maxrss / 1024 < 8192);
}

}  // namespace viaduct::sim
