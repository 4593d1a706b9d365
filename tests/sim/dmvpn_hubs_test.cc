// Document 003's cloud with a second hub beside the first or behind it.
#include "tests/sim/dmvpn_fixture.h"

namespace viaduct::sim {

namespace {

lab::RouterSpec& router(lab::Topology& topology, std::string_view name) {
    const auto found = std::ranges::find(topology.routers, name, &lab::RouterSpec::name);
    REQUIRE(found != topology.routers.end());
    return *found;
}

/// The hub once more: 209.168.202.227, 192.168.1.4, and 1.1.1.4 on the same network inside.
void add_second_hub(lab::Topology& topology) {
    auto second = router(topology, "sv9-2");
    second.name = "hub-2";
    replace(second.config_text, "hostname sv9-2", "hostname hub-2");
    replace(second.config_text, "192.168.1.1 255", "192.168.1.4 255");
    replace(second.config_text, "209.168.202.225 255", "209.168.202.227 255");
    replace(second.config_text, "1.1.1.1 255", "1.1.1.4 255");
    topology.routers.push_back(second);
}

constexpr std::string_view kServer = " ip nhrp nhs 192.168.1.1\n";

/// Seconds until the text is there, at most `limit`.
int seconds_until(
    lab::Lab& lab, const char* node, const char* command, std::string_view text, int limit) {
    const auto start = lab.now();
    wait_for(lab, node, command, text, std::chrono::seconds(limit));
    return static_cast<int>(
        std::chrono::duration_cast<std::chrono::seconds>(lab.now() - start).count());
}

}  // namespace

TEST_CASE("D3: two hubs of one cluster: the better one alone, the other in its absence, and back") {
    auto topology = example("dmvpn");
    add_second_hub(topology);
    for (const auto* name : {"sv9-3", "sv9-4"}) {
        replace(router(topology, name).config_text,
                kServer,
                " ip nhrp map 192.168.1.4 209.168.202.227\n"
                " ip nhrp map multicast 209.168.202.227\n"
                " ip nhrp registration timeout 10\n"
                " ip nhrp nhs 192.168.1.1 priority 1 cluster 1\n"
                " ip nhrp nhs 192.168.1.4 priority 2 cluster 1\n"
                " ip nhrp nhs cluster 1 max-connections 1\n"
                " ip nhrp nhs fallback 30\n");
    }
    const auto lab = make_lab(topology);
    REQUIRE(wait_converged(*lab, 120s));
    const auto servers = lab->ask("sv9-3", "show ip nhrp nhs");
    INFO(servers);
    CHECK(has(servers, "192.168.1.1  RE priority = 1 cluster = 1"));
    CHECK(has(servers, "192.168.1.4   W priority = 2 cluster = 1"));
    CHECK_FALSE(has(lab->ask("hub-2", "show ip nhrp"), "192.168.1.2/32"));

    REQUIRE(lab->power("sv9-2", false));
    const auto gone = seconds_until(*lab, "hub-2", "show ip nhrp", "192.168.1.2/32", 300);
    CAPTURE(gone);
    CHECK(gone < 150);
    CHECK(wait_for(*lab, "hub-2", "show ip nhrp", "192.168.1.3/32", 60s));
    CHECK(has(lab->ask("sv9-3", "show logging"), "%DMVPN-5-NHRP_NHS_DOWN"));
    CHECK(wait_for(*lab, "hub-2", "show ip route", "2.2.2.0/24 [90/", 60s));
    CHECK(lossless(lab->ask("pc-4", "ping 2.2.2.10 count 10")));

    REQUIRE(lab->power("sv9-2", true));
    const auto back = seconds_until(*lab, "sv9-2", "show ip nhrp", "192.168.1.2/32", 300);
    CAPTURE(back);
    CHECK(back < 150);
    // The better one stood for the time of `fallback`: the lesser one is left.
    lab->run_for(60s);
    const auto after = lab->ask("sv9-3", "show ip nhrp nhs");
    INFO(after);
    CHECK(has(after, "192.168.1.1  RE priority = 1 cluster = 1"));
    CHECK(has(after, "192.168.1.4   W priority = 2 cluster = 1"));
    CHECK(lossless(lab->ask("pc-4", "ping 2.2.2.10 count 10")));
}

TEST_CASE("D3: two hubs at once: a spoke is registered with both, and loses neither's routes") {
    auto topology = example("dmvpn");
    add_second_hub(topology);
    for (const auto* name : {"sv9-3", "sv9-4"}) {
        replace(router(topology, name).config_text,
                kServer,
                std::string(kServer) +
                    " ip nhrp map 192.168.1.4 209.168.202.227\n"
                    " ip nhrp map multicast 209.168.202.227\n ip nhrp nhs 192.168.1.4\n"
                    " ip nhrp registration timeout 10\n");
    }
    const auto lab = make_lab(topology);
    REQUIRE(wait_converged(*lab, 120s));
    for (const auto* hub : {"sv9-2", "hub-2"}) {
        CHECK(wait_for(*lab, hub, "show ip nhrp", "192.168.1.2/32", 60s));
        CHECK(wait_for(*lab, hub, "show ip nhrp", "192.168.1.3/32", 60s));
        CHECK(wait_for(*lab, hub, "show ip eigrp neighbors", "192.168.1.3", 60s));
    }
    REQUIRE(lab->power("sv9-2", false));
    lab->run_for(30s);
    CHECK(has(lab->ask("sv9-4", "show ip route"), "1.1.1.0/24 [90/"));
    lab->run_for(60s);  // six registrations without an answer: NHRP, too, goes by the other one
    CHECK(lossless(lab->ask("pc-4", "ping 2.2.2.10 count 10")));
}

TEST_CASE("D5: a hub behind a hub: the question goes along both, the answer comes directly") {
    auto topology = example("dmvpn");
    add_second_hub(topology);
    // hub-2 is a client of the first hub, and sv9-3 one of hub-2.
    replace(router(topology, "hub-2").config_text,
            " ip nhrp network-id 1\n",
            " ip nhrp map 192.168.1.1 209.168.202.225\n ip nhrp map multicast 209.168.202.225\n"
            " ip nhrp network-id 1\n ip nhrp nhs 192.168.1.1\n");
    // The first hub has no server to ask for sv9-3: it needs hub-2 as its next hop.
    replace(router(topology, "hub-2").config_text, " no ip next-hop-self eigrp 90\n", "");
    router(topology, "hub-2").ports.pop_back();
    auto& three = router(topology, "sv9-3").config_text;
    replace(three,
            "ip nhrp map 192.168.1.1 209.168.202.225",
            "ip nhrp map 192.168.1.4 209.168.202.227");
    replace(
        three, "ip nhrp map multicast 209.168.202.225", "ip nhrp map multicast 209.168.202.227");
    replace(three, kServer, " ip nhrp nhs 192.168.1.4\n");
    const auto lab = make_lab(topology);
    CloudTap tap(*lab);
    REQUIRE(wait_converged(*lab, 180s));
    CHECK_FALSE(has(lab->ask("sv9-2", "show ip nhrp"), "192.168.1.2/32 via"));
    CHECK(lossless(lab->ask("pc-3", "ping 3.3.3.10 count 20")));
    lab->run_for(5s);
    tap.forget();
    CHECK(lossless(lab->ask("pc-3", "ping 3.3.3.10 count 20")));
    CHECK(CloudTap::sum(tap.esp_between, kSpoke3, kSpoke4) >= 40);
    CHECK(lossless(lab->ask("pc-4", "ping 2.2.2.10 count 20")));
    CHECK(tap.gre == 0);
}

}  // namespace viaduct::sim
