// Phase 3: the hub summarises, tells spokes of the shorter way (`ip nhrp redirect`), and they take it (`ip nhrp
// shortcut`).
#include "tests/sim/dmvpn_fixture.h"

namespace viaduct::sim {

namespace {

void replace(lab::Topology& topology,
             std::string_view router,
             std::string_view old,
             std::string_view fresh) {
    for (auto& spec : topology.routers) {
        if (spec.name == router) {
            const auto at = spec.config_text.find(old);
            REQUIRE(at != std::string::npos);
            spec.config_text.replace(at, old.size(), fresh);
        }
    }
}

/// Document 003 as phase 3: no static routes to the other spoke; the hub tells of 0.0.0.0/1 alone.
lab::Topology phase3() {
    auto topology = example("dmvpn");
    insert_lines(topology,
                 "sv9-2",
                 " ip nhrp network-id 1",
                 " ip nhrp redirect\n ip summary-address eigrp 90 0.0.0.0 128.0.0.0\n");
    for (const auto* spoke : {"sv9-3", "sv9-4"}) {
        insert_lines(topology, spoke, " ip nhrp network-id 1", " ip nhrp shortcut\n");
    }
    replace(topology, "sv9-3", "ip route 3.3.3.0 255.255.255.0 Tunnel0\n", "");
    replace(topology, "sv9-4", "ip route 2.2.2.0 255.255.255.0 Tunnel0\n", "");
    return topology;
}

}  // namespace

TEST_CASE("D5 D7: phase 3: the spokes learn a shortcut as an H route and use it") {
    const auto lab = make_lab(phase3());
    CHECK(lab->problems().empty());
    REQUIRE(wait_for(*lab, "sv9-3", "show ip route", "0.0.0.0/1 [90/", 90s));
    REQUIRE(wait_for(*lab, "sv9-4", "show ip route", "0.0.0.0/1 [90/", 90s));
    CHECK_FALSE(has(lab->ask("sv9-3", "show ip route"), "3.3.3.0"));
    CloudTap tap(*lab);
    const auto first = lab->ask("pc-3", "ping 3.3.3.10 count 20 size 1000");
    INFO(first);
    CHECK(lossless(first));
    const auto routes = lab->ask("sv9-3", "show ip route");
    INFO(routes);
    CHECK(has(routes, "H        3.3.3.0/24"));
    tap.forget();
    CHECK(lossless(lab->ask("pc-3", "ping 3.3.3.10 count 50 size 1000")));
    CHECK(CloudTap::sum(tap.large_esp_between, kSpoke3, kSpoke4) >= 100);
    CHECK(CloudTap::sum(tap.large_esp_between, kSpoke3, kHub) == 0);
    CHECK(CloudTap::sum(tap.large_esp_between, kSpoke4, kHub) == 0);
    CHECK(tap.gre == 0);
}

TEST_CASE(
    "D5 D7: phase 3 over a route of the same prefix: its next hop is overridden, and comes back") {
    auto topology = phase3();
    // No summary: the hub tells of each network, with itself as next hop.
    replace(topology, "sv9-2", " ip summary-address eigrp 90 0.0.0.0 128.0.0.0\n", "");
    replace(topology, "sv9-2", " no ip next-hop-self eigrp 90\n", "");
    const auto lab = make_lab(topology);
    REQUIRE(wait_for(*lab, "sv9-3", "show ip route", "3.3.3.0/24 [90/", 90s));
    REQUIRE(wait_for(*lab, "sv9-4", "show ip route", "2.2.2.0/24 [90/", 90s));
    CHECK(has(lab->ask("sv9-3", "show ip route"),
              "D        3.3.3.0/24 [90/310046976] via 192.168.1.1"));
    CloudTap tap(*lab);
    CHECK(lossless(lab->ask("pc-3", "ping 3.3.3.10 count 20 size 1000")));
    const auto routes = lab->ask("sv9-3", "show ip route");
    INFO(routes);
    // The route stands as EIGRP told it; what is used instead is said where it is asked for.
    CHECK(has(routes, "D   %    3.3.3.0/24 [90/310046976] via 192.168.1.1, "));
    const auto overrides = lab->ask("sv9-3", "show ip route next-hop-override");
    INFO(overrides);
    CHECK(has(overrides, "D   %    3.3.3.0/24 [90/310046976] via 192.168.1.1, "));
    CHECK(has(overrides, "\n                     [NHO][90/1] via 192.168.1.3, 00:00:"));
    CHECK_FALSE(has(overrides, "1.1.1.0/24"));
    CHECK_FALSE(has(routes, "\nH "));
    tap.forget();
    CHECK(lossless(lab->ask("pc-3", "ping 3.3.3.10 count 50 size 1000")));
    CHECK(CloudTap::sum(tap.large_esp_between, kSpoke3, kSpoke4) >= 100);
    CHECK(CloudTap::sum(tap.large_esp_between, kSpoke3, kHub) == 0);
    CHECK(has(lab->ask("sv9-3", "show dmvpn"), "DT2\n"));
    // Without the entry the route is EIGRP's again, and nothing is lost while it comes back.
    lab->ask("sv9-3", "clear ip nhrp");
    CHECK(has(lab->ask("sv9-3", "show ip route"),
              "D        3.3.3.0/24 [90/310046976] via 192.168.1.1"));
    CHECK(lossless(lab->ask("pc-3", "ping 3.3.3.10 count 20 size 1000")));
    CHECK(has(lab->ask("sv9-3", "show ip route"), "D   %    3.3.3.0/24"));
    CHECK(tap.gre == 0);
}

}  // namespace viaduct::sim
