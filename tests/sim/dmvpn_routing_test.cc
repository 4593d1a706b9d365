// EIGRP over the document's tunnels as the whole routers do it: what is multicast goes to each registered peer by its
// own SA, neighbours are told when one goes, and the switches of `router eigrp` act.
#include <fmt/format.h>
#include <set>

#include "controlplane/router/router.h"
#include "tests/sim/dmvpn_fixture.h"

namespace viaduct::sim {

namespace {

/// ESP by its two ends and SPI.
struct SpiTap {
    std::map<std::pair<std::string, std::string>, std::map<std::uint32_t, unsigned>> spis;
    unsigned multicast = 0;

    explicit SpiTap(lab::Lab& lab) {
        lab.link("cloud").add_tap([this](TimePoint, BytesView frame) { look(frame); });
    }

    void look(BytesView frame) {
        const auto ethernet = lab::read_ethernet(frame);
        const auto packet = ethernet && ethernet->type == lab::kEtherTypeIpv4
                                ? lab::read_quoted_ipv4(ethernet->payload)
                                : std::nullopt;
        if (!packet) {
            return;
        }
        multicast += packet->destination.is_multicast() ? 1U : 0U;
        if (packet->protocol == kProtoEsp && packet->payload.size() >= 4) {
            ByteReader reader(packet->payload);
            ++spis[{packet->source.to_string(), packet->destination.to_string()}][reader.u32()];
        }
    }

    unsigned packets(const char* from, const char* to) {
        unsigned sum = 0;
        for (const auto& [spi, count] : spis[{from, to}]) {
            sum += count;
        }
        return sum;
    }
};

}  // namespace

TEST_CASE("D2 D4: what the hub multicasts goes to each registered peer, for each by its own SA") {
    const auto lab = running_lab();
    SpiTap tap(*lab);
    lab->run_for(60s);
    // Hellos every five seconds, and nothing else on a quiet network.
    for (const auto* spoke : {kSpoke3, kSpoke4}) {
        const auto count = tap.packets(kHub, spoke);
        CAPTURE(spoke, count);
        CHECK(count >= 11);
        CHECK(count <= 20);
    }
    CHECK(tap.multicast == 0);
    std::set<std::uint32_t> three;
    for (const auto& [spi, count] : tap.spis[{kHub, kSpoke3}]) {
        three.insert(spi);
        // The spoke's own inbound SA.
        const auto sas = lab->ask("sv9-3", "show crypto ipsec sa");
        CHECK((has(sas, fmt::format("0x{:X}(", spi)) || tap.spis[{kHub, kSpoke3}].size() > 1));
    }
    for (const auto& [spi, count] : tap.spis[{kHub, kSpoke4}]) {
        CHECK_FALSE(three.contains(spi));
    }
    // A peer that is no longer registered gets none.
    lab->ask("sv9-2", "clear ip nhrp 192.168.1.3");
    lab->run_for(1s);
    tap.spis.clear();
    lab->run_for(4s);
    CHECK(tap.packets(kHub, kSpoke3) <= 2);
}

TEST_CASE("D4: neighbours are told when an interface is shut down, and when the router restarts") {
    const auto lab = running_lab();
    configure(*lab, "sv9-3", {"interface Tunnel0", "shutdown"});
    lab->run_for(100ms);
    CHECK(has(lab->ask("sv9-2", "show logging"),
              "Neighbor 192.168.1.2 (Tunnel0) is down: Interface Goodbye received"));
    CHECK_FALSE(has(lab->ask("sv9-2", "show ip route"), "2.2.2.0"));
    configure(*lab, "sv9-3", {"interface Tunnel0", "no shutdown"});
    CHECK(wait_converged(*lab, 120s));
    configure(*lab, "sv9-4", {"no router eigrp 90"});
    lab->run_for(100ms);
    CHECK(has(lab->ask("sv9-2", "show logging"),
              "Neighbor 192.168.1.3 (Tunnel0) is down: Interface Goodbye received"));
    lab->router("sv9-3")->leave(lab->now());
    lab->run_for(2s);
    CHECK(occurrences(lab->ask("sv9-2", "show logging"),
                      "Neighbor 192.168.1.2 (Tunnel0) is down: Interface Goodbye received") == 2);
}

TEST_CASE("D4: offset lists and distribute lists change what the routers have") {
    const auto lab = running_lab();
    const auto before = lab->ask("sv9-2", "show ip route 3.3.3.0");
    configure(*lab,
              "sv9-2",
              {"access-list 7 permit 3.3.3.0 0.0.0.255",
               "router eigrp 90",
               "offset-list 7 in 100000 Tunnel0"});
    lab->run_for(30s);
    const auto metric = [&](const char* prefix) {
        const auto text = lab->ask("sv9-2", "show ip route");
        const auto at = text.find(std::string(prefix) + " [90/");
        return at == std::string::npos
                   ? 0L
                   : std::atol(text.c_str() + at + std::string(prefix).size() + 5);
    };
    INFO(lab->ask("sv9-2", "show ip route"));
    CHECK(metric("3.3.3.0/24") == metric("2.2.2.0/24") + 100000);
    configure(*lab,
              "sv9-2",
              {"ip prefix-list no-three seq 5 deny 3.3.3.0/24",
               "ip prefix-list no-three seq 10 permit 0.0.0.0/0 le 32",
               "router eigrp 90",
               "distribute-list prefix no-three in Tunnel0"});
    lab->run_for(30s);
    CHECK(metric("3.3.3.0/24") == 0);
    CHECK(metric("2.2.2.0/24") != 0);
    configure(*lab,
              "sv9-2",
              {"router eigrp 90",
               "no distribute-list prefix no-three in Tunnel0",
               "no offset-list 7 in 100000 Tunnel0"});
    lab->run_for(30s);
    CHECK(metric("3.3.3.0/24") == metric("2.2.2.0/24"));
    CHECK(metric("3.3.3.0/24") != 0);
}

TEST_CASE("D4: static neighbours: no multicast any more, and the routes are there") {
    const auto lab = running_lab();
    configure(*lab,
              "sv9-2",
              {"router eigrp 90", "neighbor 192.168.1.2 Tunnel0", "neighbor 192.168.1.3 Tunnel0"});
    configure(*lab, "sv9-3", {"router eigrp 90", "neighbor 192.168.1.1 Tunnel0"});
    configure(*lab, "sv9-4", {"router eigrp 90", "neighbor 192.168.1.1 Tunnel0"});
    lab->run_for(30s);
    CHECK(wait_converged(*lab, 60s));
    CHECK(has(lab->ask("sv9-2", "show ip eigrp neighbors"), "192.168.1.2"));
    CHECK(lossless(lab->ask("pc-3", "ping 1.1.1.10 count 5")));
    // One that is not named is not listened to.
    configure(*lab, "sv9-2", {"router eigrp 90", "no neighbor 192.168.1.3 Tunnel0"});
    lab->run_for(60s);
    CHECK_FALSE(has(lab->ask("sv9-2", "show ip eigrp neighbors"), "192.168.1.3"));
    CHECK(has(lab->ask("sv9-2", "show ip eigrp neighbors"), "192.168.1.2"));
}

}  // namespace viaduct::sim
