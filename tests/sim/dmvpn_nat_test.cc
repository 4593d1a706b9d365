// Spokes behind a NAT: the lab of document 003 with one or both spokes behind one outside address. The routers are told
// to be of a release that knows the NAT extension.
#include "tests/sim/dmvpn_fixture.h"
#include "tests/sim/nat_box.h"

namespace viaduct::sim {

namespace {

constexpr Ipv4Address kOutside{209, 168, 202, 200};

/// Moves a spoke's outside interface to `link`, where the NAT is 172.16.0.1.
void move_inside(lab::Topology& topology,
                 std::string_view router,
                 const std::string& link,
                 const std::string& address) {
    if (std::ranges::find(topology.links, link, &lab::LinkSpec::name) == topology.links.end()) {
        topology.links.push_back({link, {}});
    }
    for (auto& spec : topology.routers) {
        if (spec.name != router) {
            continue;
        }
        spec.ports.front().link = link;
        const auto old = router == "sv9-3" ? "209.168.202.131" : "209.168.202.130";
        replace(spec.config_text, std::string("ip address ") + old, "ip address " + address);
        replace(spec.config_text,
                "ip route 0.0.0.0 0.0.0.0 209.168.202.225",
                "ip route 0.0.0.0 0.0.0.0 172.16.0.1");
    }
}

lab::Topology modern(bool transport = true) {
    auto topology = example("dmvpn");
    for (auto& spec : topology.routers) {
        replace(spec.config_text, "version 12.3", "version 15.1");
        if (transport) {
            replace(spec.config_text,
                    "esp-3des esp-md5-hmac\n",
                    "esp-3des esp-md5-hmac\n mode transport\n");
        }
    }
    return topology;
}

}  // namespace

TEST_CASE(
    "D3 D5: two spokes behind one NAT, apart from each other: both registered, by the hub, none "
    "lost") {
    auto topology = modern();
    move_inside(topology, "sv9-3", "inside-3", "172.16.0.3");
    move_inside(topology, "sv9-4", "inside-4", "172.16.0.4");
    const auto lab = make_lab(topology);
    NatBox nat(
        *lab, {"cloud", kOutside}, {{"inside-3", {172, 16, 0, 1}}, {"inside-4", {172, 16, 0, 1}}});
    CloudTap tap(*lab);
    REQUIRE(wait_converged(*lab, 120s));
    const auto known = lab->ask("sv9-2", "show ip nhrp");
    INFO(known);
    CHECK(has(known, "192.168.1.2/32 via 192.168.1.2"));
    CHECK(has(known, "192.168.1.3/32 via 192.168.1.3"));
    CHECK(occurrences(known, "NBMA address: 209.168.202.200") == 2);
    CHECK(has(known, "(Claimed NBMA address: 172.16.0.3)"));
    CHECK(has(known, "(Claimed NBMA address: 172.16.0.4)"));
    const auto dmvpn = lab->ask("sv9-2", "show dmvpn");
    INFO(dmvpn);
    CHECK(occurrences(dmvpn, " DN\n") == 2);
    // Each its own SA, also while the other's attempts at a direct tunnel come to nothing.
    CHECK(lossless(lab->ask("pc-hub", "ping 2.2.2.10 count 5")));
    CHECK(lossless(lab->ask("pc-hub", "ping 3.3.3.10 count 5")));
    CHECK(lossless(lab->ask("pc-3", "ping 3.3.3.10 count 200")));
    CHECK(lossless(lab->ask("pc-4", "ping 2.2.2.10 count 200")));
    CHECK(tap.gre == 0);
    // One that goes takes nothing of the other along.
    configure(*lab, "sv9-3", {"interface Tunnel0", "shutdown"});
    CHECK(lossless(lab->ask("pc-hub", "ping 3.3.3.10 count 150")));
    configure(*lab, "sv9-3", {"interface Tunnel0", "no shutdown"});
    REQUIRE(wait_converged(*lab, 120s));
    CHECK(lossless(lab->ask("pc-hub", "ping 2.2.2.10 count 5")));
    CHECK(lossless(lab->ask("pc-hub", "ping 3.3.3.10 count 5")));
    CHECK(tap.gre == 0);
}

// GRE's addresses are inside ESP then: each station goes by its own, and the hub alone reaches it.
TEST_CASE("D3 D5: spokes behind a NAT in tunnel mode: all goes by the hub, none lost") {
    auto topology = modern(false);
    move_inside(topology, "sv9-3", "inside-3", "172.16.0.3");
    move_inside(topology, "sv9-4", "inside-4", "172.16.0.4");
    const auto lab = make_lab(topology);
    NatBox nat(
        *lab, {"cloud", kOutside}, {{"inside-3", {172, 16, 0, 1}}, {"inside-4", {172, 16, 0, 1}}});
    CloudTap tap(*lab);
    REQUIRE(wait_converged(*lab, 120s));
    const auto known = lab->ask("sv9-2", "show ip nhrp");
    INFO(known);
    CHECK(has(known, "NBMA address: 172.16.0.3"));
    CHECK(has(known, "NBMA address: 172.16.0.4"));
    CHECK(lossless(lab->ask("pc-hub", "ping 2.2.2.10 count 5")));
    CHECK(lossless(lab->ask("pc-3", "ping 3.3.3.10 count 200")));
    configure(*lab, "sv9-3", {"interface Tunnel0", "shutdown"});
    CHECK(lossless(lab->ask("pc-hub", "ping 3.3.3.10 count 150")));
    configure(*lab, "sv9-3", {"interface Tunnel0", "no shutdown"});
    REQUIRE(wait_converged(*lab, 120s));
    CHECK(lossless(lab->ask("pc-hub", "ping 2.2.2.10 count 5")));
    CHECK(tap.gre == 0);
}

TEST_CASE("D5: two spokes behind one NAT that reach each other inside talk directly") {
    auto topology = modern();
    move_inside(topology, "sv9-3", "inside", "172.16.0.3");
    move_inside(topology, "sv9-4", "inside", "172.16.0.4");
    const auto lab = make_lab(topology);
    NatBox nat(*lab, {"cloud", kOutside}, {{"inside", {172, 16, 0, 1}}});
    CloudTap inside(*lab, "inside");
    REQUIRE(wait_converged(*lab, 120s));
    CHECK(lossless(lab->ask("pc-3", "ping 3.3.3.10 count 20")));
    lab->run_for(5s);
    inside.forget();
    CHECK(lossless(lab->ask("pc-3", "ping 3.3.3.10 count 50")));
    CHECK(CloudTap::sum(inside.esp_between, "172.16.0.3", "172.16.0.4") >= 100);
    CHECK(inside.gre == 0);
    const auto known = lab->ask("sv9-3", "show ip nhrp 3.3.3.10");
    INFO(known);
    CHECK(has(known, "172.16.0.4"));
}

TEST_CASE("D5: a spoke behind a NAT and one that is not, whoever begins") {
    for (const bool inside_begins : {true, false}) {
        CAPTURE(inside_begins);
        auto topology = modern();
        move_inside(topology, "sv9-3", "inside", "172.16.0.3");
        const auto lab = make_lab(topology);
        NatBox nat(*lab, {"cloud", kOutside}, {{"inside", {172, 16, 0, 1}}});
        CloudTap tap(*lab);
        REQUIRE(wait_converged(*lab, 120s));
        const auto* from = inside_begins ? "pc-3" : "pc-4";
        const auto* ping = inside_begins ? "ping 3.3.3.10 count 20" : "ping 2.2.2.10 count 20";
        CHECK(lossless(lab->ask(from, ping)));
        lab->run_for(10s);
        CHECK(lossless(lab->ask(from, ping)));
        tap.forget();
        CHECK(lossless(lab->ask(from, ping)));
        const auto hub = CloudTap::sum(tap.any_between, "209.168.202.200", kHub);
        const auto direct = CloudTap::sum(tap.any_between, "209.168.202.200", kSpoke4);
        CAPTURE(hub, direct);
        CHECK(direct >= 40);
        CHECK(hub < 30);
        // It rekeys every two minutes and stays.
        CHECK(lossless(
            lab->ask(from, inside_begins ? "ping 3.3.3.10 count 300" : "ping 2.2.2.10 count 300")));
        CHECK(tap.gre == 0);
    }
}

}  // namespace viaduct::sim
