// The same seed gives the same bytes, with real routers, keys and nonces; and what a hundred of them cost.
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iostream>
#include <unistd.h>

#include "tests/sim/sim_fixture.h"

namespace viaduct::sim {

namespace {

std::string run_and_read(std::uint64_t seed, const std::filesystem::path& folder) {
    lab::LabOptions options;
    options.seed = seed;
    options.pcap_folder = folder.string();
    auto topology = example("site-to-site");
    for (auto& link : topology.links) {
        link.parameters.loss = 0.05;
    }
    const auto lab = make_lab(topology, options);
    lab->ask("pc-west", "ping 10.2.0.10 count 30");
    lab->ask("pc-east", "tcp 10.1.0.10:80 send 30000");
    static_cast<void>(lab->power("west", false));
    static_cast<void>(lab->power("west", true));
    lab->ask("pc-east", "ping 10.1.0.10 count 60");
    lab->flush_captures();
    std::ostringstream out;
    for (const auto* name : {"lan-west", "internet", "lan-east"}) {
        const std::ifstream file(folder / (std::string(name) + ".pcap"), std::ios::binary);
        out << file.rdbuf();
    }
    return out.str();
}

/// Resident memory of this process in MB.
double resident_mb() {
    std::ifstream statm("/proc/self/statm");
    double pages = 0;
    statm >> pages >> pages;
    return pages * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

/// n routers around one link, each with a host's network behind it.
lab::Topology crowd(unsigned n) {
    lab::Topology out;
    out.links.push_back({"core", {}});
    for (unsigned i = 0; i < n; ++i) {
        const auto name = fmt::format("r{}", i);
        const auto config = fmt::format(
            "hostname {0}\n"
            "crypto isakmp policy 10\n encr aes\n authentication pre-share\n group 2\n"
            "crypto isakmp key k address 0.0.0.0 0.0.0.0\n"
            "crypto ipsec transform-set t esp-aes esp-sha-hmac\n"
            "crypto map m 10 ipsec-isakmp\n set peer 10.0.0.{2}\n set transform-set t\n match "
            "address 100\n"
            "interface FastEthernet0/0\n ip address 10.0.0.{1} 255.255.255.0\n crypto map m\n"
            "interface FastEthernet0/1\n ip address 10.1.{1}.1 255.255.255.0\n"
            "ip route 0.0.0.0 0.0.0.0 10.0.0.{2}\n"
            "access-list 100 permit ip 10.1.{1}.0 0.0.0.255 10.1.{2}.0 0.0.0.255\n",
            name,
            i + 1,
            (i ^ 1U) + 1);
        const auto lan = fmt::format("lan{}", i);
        out.links.push_back({lan, {}});
        out.routers.push_back({name,
                               name + ".cfg",
                               config,
                               {{*config::InterfaceName::parse("FastEthernet0/0"), "core"},
                                {*config::InterfaceName::parse("FastEthernet0/1"), lan}}});
        const auto third = static_cast<std::uint8_t>(i + 1);
        out.hosts.push_back({fmt::format("h{}", i),
                             {Ipv4Address{10, 1, third, 10}, 24, Ipv4Address{10, 1, third, 1}},
                             lan});
    }
    return out;
}

}  // namespace

TEST_CASE("the same seed gives the same bytes on every link, another seed others") {
    const auto folder =
        std::filesystem::temp_directory_path() / fmt::format("viaduct-sim-{}", ::getpid());
    const auto first = run_and_read(7, folder / "a");
    CHECK(first.size() > 30000);
    CHECK((first == run_and_read(7, folder / "b")));
    CHECK((first != run_and_read(8, folder / "c")));
    std::filesystem::remove_all(folder);
}

TEST_CASE("a hundred routers start in under 5 s and 1.5 GB, and work") {
    using SteadyClock = std::chrono::steady_clock;
    const auto before = SteadyClock::now();
    const auto lab = make_lab(crowd(100));
    CHECK(lab->problems().empty());
    lab->run_for(1s);
    const auto seconds = std::chrono::duration<double>(SteadyClock::now() - before).count();
    std::cout << fmt::format("100 routers: {:.2f} s, {:.0f} MB resident\n", seconds, resident_mb());
    CHECK(seconds < 5);
    CHECK(resident_mb() < 1500);
    for (unsigned i = 0; i < 100; i += 2) {
        const auto out = lab->ask(fmt::format("h{}", i),
                                  fmt::format("ping 10.1.{}.10 count 5 interval 500ms", i + 2));
        INFO(out);
        CHECK(out.find("64 bytes from") != std::string::npos);
    }
    std::cout << fmt::format("50 tunnels up: {:.2f} s, {:.0f} MB resident\n",
                             std::chrono::duration<double>(SteadyClock::now() - before).count(),
                             resident_mb());
}

}  // namespace viaduct::sim
