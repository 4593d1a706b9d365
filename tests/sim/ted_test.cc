// Discovery between gateways, end to end in virtual time (issue 4): who answers, how often is asked, what crosses the
// links. Each case has its network on top.
#include "tests/sim/ted_fixture.h"

namespace viaduct::sim {

TEST_CASE(
    "T2-T5: the first ping discovers, the others pass; nothing of the flow is ever in the clear") {
    const auto lab = started(two_gateways(kDaphneToFred, kFredToDaphne));
    const TedTap tap(*lab, "middle");
    lab->ask("pc-daphne", "ping 12.12.12.13 count 5");
    CHECK(lossless(lab->ask("pc-daphne", "ping 12.12.12.13 count 5")));
    CHECK(lossless(lab->ask("pc-fred", "ping 13.13.13.4 count 5")));
    CHECK(tap.probes.size() == 1);
    CHECK(tap.replies.size() == 1);
    CHECK(tap.clear == 0);
    CHECK(tap.esp >= 20);
    CHECK(counter(*lab, "fred", "ted_replies_out") == 1);
    CHECK(has(lab->ask("Daphne", "show crypto map"), "created from dynamic map ted-map/10"));
}

//   pc-a 13.13.13.4 ─ A 10.1.0.1 ── west ── 10.1.0.2 mid 10.2.0.1 ── east ── 10.2.0.2 B ─ pc-b 12.12.12.13
//                                           pc-m 14.14.14.4
TEST_CASE("issue 4: three gateways in a chain; the middle one protects other flows with two maps") {
    lab::Topology t;
    t.routers.push_back(router_spec(
        "A",
        gateway_config(
            "A",
            "interface FastEthernet0/0\n ip address 10.1.0.1 255.255.255.0\n crypto map tedtag\n"
            "interface FastEthernet0/1\n ip address 13.13.13.13 255.255.255.0\n"
            "ip route 0.0.0.0 0.0.0.0 10.1.0.2\n"
            "access-list 101 permit ip 13.13.13.0 0.0.0.255 12.12.12.0 0.0.0.255\n"
            "access-list 101 permit ip 13.13.13.0 0.0.0.255 14.14.14.0 0.0.0.255\n"),
        {{"FastEthernet0/0", "west"}, {"FastEthernet0/1", "lan-a"}}));
    t.routers.push_back(router_spec(
        "mid",
        gateway_config(
            "mid",
            "crypto dynamic-map to-east 10\n set transform-set ted-transforms\n match address 102\n"
            "crypto map easttag 10 ipsec-isakmp dynamic to-east discover\n"
            "interface FastEthernet0/0\n ip address 10.1.0.2 255.255.255.0\n crypto map tedtag\n"
            "interface FastEthernet0/1\n ip address 14.14.14.14 255.255.255.0\n"
            "interface FastEthernet1/0\n ip address 10.2.0.1 255.255.255.0\n crypto map easttag\n"
            "ip route 13.13.13.0 255.255.255.0 10.1.0.1\nip route 12.12.12.0 255.255.255.0 "
            "10.2.0.2\n"
            "access-list 101 permit ip 14.14.14.0 0.0.0.255 13.13.13.0 0.0.0.255\n"
            "access-list 102 permit ip 14.14.14.0 0.0.0.255 12.12.12.0 0.0.0.255\n"),
        {{"FastEthernet0/0", "west"}, {"FastEthernet0/1", "lan-m"}, {"FastEthernet1/0", "east"}}));
    t.routers.push_back(router_spec(
        "B",
        gateway_config(
            "B",
            "interface FastEthernet0/0\n ip address 10.2.0.2 255.255.255.0\n crypto map tedtag\n"
            "interface FastEthernet0/1\n ip address 12.12.12.12 255.255.255.0\n"
            "ip route 0.0.0.0 0.0.0.0 10.2.0.1\n"
            "access-list 101 permit ip 12.12.12.0 0.0.0.255 13.13.13.0 0.0.0.255\n"
            "access-list 101 permit ip 12.12.12.0 0.0.0.255 14.14.14.0 0.0.0.255\n"),
        {{"FastEthernet0/0", "east"}, {"FastEthernet0/1", "lan-b"}}));
    t.hosts = {host_spec("pc-a", "13.13.13.4", "13.13.13.13", "lan-a"),
               host_spec("pc-m", "14.14.14.4", "14.14.14.14", "lan-m"),
               host_spec("pc-b", "12.12.12.13", "12.12.12.12", "lan-b")};
    t.links = {link_spec("lan-a", 0ms),
               link_spec("lan-m", 0ms),
               link_spec("lan-b", 0ms),
               link_spec("west"),
               link_spec("east")};
    const auto lab = started(t);
    const TedTap west(*lab, "west");
    const TedTap east(*lab, "east");
    // From end to end: the middle one forwards the probe, byte for byte, and has no part in it.
    lab->ask("pc-a", "ping 12.12.12.13 count 5");
    CHECK(lossless(lab->ask("pc-a", "ping 12.12.12.13 count 5")));
    REQUIRE(west.probes.size() == 1);
    CHECK(west.probes == east.probes);
    CHECK(west.replies == east.replies);
    CHECK(counter(*lab, "mid", "ted_probes_in") == 0);
    CHECK(counter(*lab, "mid", "ipsec_pairs_now") == 0);
    CHECK(has(lab->ask("A", "show crypto isakmp sa"), "10.2.0.2"));
    // To the middle one itself, from both sides: each by its own map.
    lab->ask("pc-a", "ping 14.14.14.4 count 5");
    CHECK(lossless(lab->ask("pc-a", "ping 14.14.14.4 count 5")));
    lab->ask("pc-b", "ping 14.14.14.4 count 5");
    CHECK(lossless(lab->ask("pc-b", "ping 14.14.14.4 count 5")));
    CHECK(lossless(lab->ask("pc-m", "ping 13.13.13.4 count 5")));
    CHECK(lossless(lab->ask("pc-m", "ping 12.12.12.13 count 5")));
    CHECK(counter(*lab, "mid", "ted_replies_out") == 2);
    CHECK(ipsec_pairs(*lab, "mid") == 2);
    CHECK(ipsec_pairs(*lab, "A") == 2);
    const auto maps = lab->ask("mid", "show crypto map");
    INFO(maps);
    CHECK(has(maps, "created from dynamic map ted-map/10"));
    CHECK(has(maps, "created from dynamic map to-east/10"));
    CHECK(west.clear + east.clear == 0);
}

//                   ┌ 10.1.0.1 ── north-a ── R1 ── north-b ── 10.3.0.2 ┐
//   pc-a 13.13.13.4 A                                                  B pc-b 12.12.12.13
//                   └ 10.2.0.1 ── south-a ── R2 ── south-b ── 10.4.0.2 ┘      A sends by the north, B by the south
TEST_CASE("issue 4: asymmetric routes: probes one way, answers the other") {
    const auto gateway = [](const std::string& name,
                            const std::string& north,
                            const std::string& south,
                            const std::string& lan,
                            const std::string& next,
                            const std::string& list) {
        return gateway_config(
            name,
            "interface FastEthernet0/0\n ip address " + north +
                " 255.255.255.0\n crypto map tedtag\ninterface FastEthernet1/0\n ip address " +
                south +
                " 255.255.255.0\n crypto map tedtag\ninterface FastEthernet0/1\n ip address " +
                lan + " 255.255.255.0\nip route 0.0.0.0 0.0.0.0 " + next + "\n" + list);
    };
    const auto plain = [](const std::string& name,
                          const std::string& a,
                          const std::string& b,
                          const std::string& routes) {
        return "hostname " + name + "\ninterface FastEthernet0/0\n ip address " + a +
               " 255.255.255.0\ninterface FastEthernet0/1\n ip address " + b + " 255.255.255.0\n" +
               routes + "end\n";
    };
    lab::Topology t;
    t.routers = {
        router_spec(
            "A",
            gateway("A", "10.1.0.1", "10.2.0.1", "13.13.13.13", "10.1.0.254", kDaphneToFred),
            {{"FastEthernet0/0", "north-a"},
             {"FastEthernet1/0", "south-a"},
             {"FastEthernet0/1", "lan-a"}}),
        router_spec(
            "B",
            gateway("B", "10.3.0.2", "10.4.0.2", "12.12.12.12", "10.4.0.254", kFredToDaphne),
            {{"FastEthernet0/0", "north-b"},
             {"FastEthernet1/0", "south-b"},
             {"FastEthernet0/1", "lan-b"}}),
        router_spec("R1",
                    plain("R1",
                          "10.1.0.254",
                          "10.3.0.254",
                          "ip route 12.12.12.0 255.255.255.0 10.3.0.2\nip route 10.4.0.0 "
                          "255.255.255.0 10.3.0.2\n"),
                    {{"FastEthernet0/0", "north-a"}, {"FastEthernet0/1", "north-b"}}),
        router_spec("R2",
                    plain("R2",
                          "10.2.0.254",
                          "10.4.0.254",
                          "ip route 13.13.13.0 255.255.255.0 10.2.0.1\nip route 10.1.0.0 "
                          "255.255.255.0 10.2.0.1\n"),
                    {{"FastEthernet0/0", "south-a"}, {"FastEthernet0/1", "south-b"}})};
    t.hosts = {host_spec("pc-a", "13.13.13.4", "13.13.13.13", "lan-a"),
               host_spec("pc-b", "12.12.12.13", "12.12.12.12", "lan-b")};
    t.links = {link_spec("lan-a", 0ms),
               link_spec("lan-b", 0ms),
               link_spec("north-a"),
               link_spec("north-b"),
               link_spec("south-a"),
               link_spec("south-b")};
    const auto lab = started(t);
    const TedTap north(*lab, "north-b");
    const TedTap south(*lab, "south-a");
    lab->ask("pc-a", "ping 12.12.12.13 count 10");
    CHECK(lossless(lab->ask("pc-a", "ping 12.12.12.13 count 5")));
    CHECK(lossless(lab->ask("pc-b", "ping 13.13.13.4 count 5")));
    // A's probe went by the north, B's answer to it came by the south.
    CHECK(counter(*lab, "B", "ted_replies_out") == 1);
    CHECK(north.probes.size() == 1);
    CHECK(south.replies.size() == 1);
    CHECK(north.clear + south.clear == 0);
}

TEST_CASE("issue 4: both ends probe at once: one working pair remains") {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        const auto lab = started(two_gateways(kDaphneToFred, kFredToDaphne), seed);
        auto other = lab->begin("pc-fred", "ping 13.13.13.4 count 20");
        REQUIRE(other);
        lab->ask("pc-daphne", "ping 12.12.12.13 count 20");
        lab->run_for(120s);
        CAPTURE(seed);
        CHECK(counter(*lab, "Daphne", "ted_probes_out") == 1);
        CHECK(counter(*lab, "fred", "ted_probes_out") == 1);
        CHECK(ipsec_pairs(*lab, "Daphne") == 1);
        CHECK(ipsec_pairs(*lab, "fred") == 1);
        CHECK(lossless(lab->ask("pc-daphne", "ping 12.12.12.13 count 10")));
        CHECK(lossless(lab->ask("pc-fred", "ping 13.13.13.4 count 10")));
        CHECK(ipsec_pairs(*lab, "Daphne") == 1);
    }
}

TEST_CASE(
    "issue 4: a dynamic map with several entries, and a peer that has an IKE SA: quick mode only") {
    const auto* second =
        "crypto dynamic-map ted-map 20\n set transform-set ted-transforms\n match address 102\n";
    const auto lab = started(two_gateways(
        std::string(second) +
            "access-list 101 permit ip 13.13.13.0 0.0.0.127 12.12.12.0 0.0.0.255\n"
            "access-list 102 permit ip 13.13.13.128 0.0.0.127 12.12.12.0 0.0.0.255\n",
        std::string(second) +
            "access-list 101 permit ip 12.12.12.0 0.0.0.255 13.13.13.0 0.0.0.127\n"
            "access-list 102 permit ip 12.12.12.0 0.0.0.255 13.13.13.128 0.0.0.127\n"));
    lab->ask("pc-daphne", "ping 12.12.12.13 count 5");
    CHECK(lossless(lab->ask("pc-daphne", "ping 12.12.12.13 count 5")));
    const TedTap tap(*lab, "middle");
    lab->ask("pc-daphne200", "ping 12.12.12.13 count 3");
    CHECK(lossless(lab->ask("pc-daphne200", "ping 12.12.12.13 count 5")));
    CHECK(tap.probes.size() == 1);
    CHECK(tap.replies.size() == 1);
    CHECK(tap.others.size() == 3);  // one quick mode, no main mode
    CHECK(tap.clear == 0);
    for (const auto* router : {"Daphne", "fred"}) {
        CAPTURE(router);
        CHECK(counter(*lab, router, "phase1_established") == 1);
        CHECK(ipsec_pairs(*lab, router) == 2);
        const auto map = lab->ask(router, "show crypto map");
        INFO(map);
        CHECK(has(map, "Crypto Map \"tedtag\" 11 ipsec-isakmp"));
        CHECK(has(map, "Crypto Map \"tedtag\" 12 ipsec-isakmp"));
        CHECK(has(map, "created from dynamic map ted-map/10"));
        CHECK(has(map, "created from dynamic map ted-map/20"));
    }
}

TEST_CASE("T5: the temporary entry goes with its SAs; then the flow is discovered anew") {
    const std::string life = "crypto ipsec security-association lifetime seconds 120\n";
    const auto lab = started(two_gateways(life + kDaphneToFred, life + kFredToDaphne));
    lab->ask("pc-daphne", "ping 12.12.12.13 count 5");
    CHECK(has(lab->ask("Daphne", "show crypto map"), "created from dynamic map ted-map/10"));
    lab->run_for(300s);
    for (const auto* router : {"Daphne", "fred"}) {
        CAPTURE(router);
        CHECK_FALSE(has(lab->ask(router, "show crypto map"), "created from"));
        CHECK(ipsec_pairs(*lab, router) == 0);
    }
    const TedTap tap(*lab, "middle");
    lab->ask("pc-fred",
             "ping 13.13.13.4 count 3");  // the other way round, and with the IKE SA that stands
    CHECK(lossless(lab->ask("pc-daphne", "ping 12.12.12.13 count 5")));
    CHECK(counter(*lab, "fred", "ted_probes_out") == 1);
    CHECK(counter(*lab, "Daphne", "phase1_established") == 1);
    CHECK(tap.clear == 0);
    // In use they are renewed without a discovery.
    CHECK(lossless(lab->ask("pc-daphne", "ping 12.12.12.13 count 400")));
    CHECK(counter(*lab, "Daphne", "ted_probes_out") + counter(*lab, "fred", "ted_probes_out") == 2);
}

TEST_CASE(
    "issue 4: lines that deny: such traffic goes clear and unprobed, before and after the SAs "
    "stand") {
    const auto lab = started(
        two_gateways(std::string("access-list 101 deny ip host 13.13.13.5 12.12.12.0 0.0.0.255\n") +
                         kDaphneToFred,
                     std::string("access-list 101 deny ip 12.12.12.0 0.0.0.255 host 13.13.13.5\n") +
                         kFredToDaphne));
    TedTap tap(*lab, "middle");
    CHECK(lossless(lab->ask("pc-daphne5", "ping 12.12.12.13 count 5")));
    CHECK(tap.clear == 10);
    CHECK(tap.probes.empty());
    tap.clear = 0;
    lab->ask("pc-daphne", "ping 12.12.12.13 count 5");
    CHECK(lossless(lab->ask("pc-daphne", "ping 12.12.12.13 count 5")));
    CHECK(tap.clear == 0);
    CHECK(tap.probes.size() == 1);
    const auto esp = tap.esp;
    CHECK(lossless(lab->ask("pc-daphne5", "ping 12.12.12.13 count 5")));
    CHECK(lossless(lab->ask("pc-fred", "ping 13.13.13.5 count 5")));
    CHECK(tap.clear == 20);
    CHECK(tap.esp == esp);
    CHECK(lossless(lab->ask("pc-fred", "ping 13.13.13.4 count 5")));
    CHECK(tap.esp == esp + 10);
}

TEST_CASE("issue 4: aggressive mode with the peers that are configured for it") {
    const auto lab = started(two_gateways(
        std::string("crypto isakmp peer address 11.11.11.2\n set aggressive-mode password abc123\n"
                    " set aggressive-mode client-endpoint ipv4-address 11.11.11.1\n") +
            kDaphneToFred,
        kFredToDaphne));
    const TedTap tap(*lab, "middle");
    lab->ask("pc-daphne", "ping 12.12.12.13 count 5");
    CHECK(lossless(lab->ask("pc-daphne", "ping 12.12.12.13 count 5")));
    CHECK(lossless(lab->ask("pc-fred", "ping 13.13.13.4 count 5")));
    CHECK(tap.aggressive == 3);
    CHECK(tap.others.size() == 6);
    CHECK(isakmp_sas(*lab, "Daphne") == 1);
    CHECK(tap.clear == 0);
}

TEST_CASE("T3: a probe for an address of the far gateway itself is answered as well") {
    const auto lab = started(two_gateways(kDaphneToFred, kFredToDaphne));
    const TedTap tap(*lab, "middle");
    lab->ask("pc-daphne", "ping 12.12.12.12 count 5");
    CHECK(lossless(lab->ask("pc-daphne", "ping 12.12.12.12 count 5")));
    CHECK(tap.probes.size() == 1);
    CHECK(tap.replies.size() == 1);
    CHECK(tap.clear == 0);
}

TEST_CASE("issue 4: a gateway that lost its power discovers a peer that still has SAs") {
    const auto lab = started(two_gateways(kDaphneToFred, kFredToDaphne));
    lab->ask("pc-daphne", "ping 12.12.12.13 count 5");
    REQUIRE(lossless(lab->ask("pc-daphne", "ping 12.12.12.13 count 5")));
    REQUIRE(lab->power("fred", false));
    REQUIRE(lab->power("fred", true));
    lab->run_for(2s);
    const TedTap tap(*lab, "middle");
    lab->ask("pc-fred", "ping 13.13.13.4 count 5");
    CHECK(lossless(lab->ask("pc-fred", "ping 13.13.13.4 count 5")));
    CHECK(lossless(lab->ask("pc-daphne", "ping 12.12.12.13 count 5")));
    CHECK(tap.probes.size() == 1);
    CHECK(tap.replies.size() == 1);
    CHECK(tap.clear == 0);
}

TEST_CASE("T7: no gateway at the far end: a few probes, then silence; the message says so") {
    auto t = two_gateways(kDaphneToFred, kFredToDaphne);
    auto& text = t.routers[1].config_text;
    text.erase(text.find(" crypto map tedtag\n"), std::string(" crypto map tedtag\n").size());
    const auto lab = started(t);
    lab->ask("Daphne", "debug crypto isakmp ted");
    const TedTap tap(*lab, "lan-fred");
    lab->ask("pc-daphne", "ping 12.12.12.13 count 50");
    // A router without `discover` forwards probes to whom they are addressed.
    CHECK(tap.probes.size() == 3);
    CHECK(counter(*lab, "fred", "ted_probes_in") == 0);
    const auto shown = lab->ask("Daphne", "show crypto isakmp ted");
    INFO(shown);
    CHECK(has(shown, "13.13.13.4      -> 12.12.12.13     left alone for"));
    CHECK(counter(*lab, "Daphne", "ted_no_answer") == 1);
    CHECK(has(lab->ask("Daphne", "show logging"),
              "no answer to the peer discovery probe for 12.12.12.13"));
}

TEST_CASE("T7: an inside host that scans: bounded probes, bounded memory") {
    const auto lab = started(two_gateways(
        "access-list 101 permit ip 13.13.13.0 0.0.0.255 12.0.0.0 0.255.255.255\n", kFredToDaphne));
    std::vector<std::unique_ptr<lab::Command>> pings;
    for (int second = 0; second < 60; ++second) {
        for (int i = 1; i <= 4; ++i) {
            auto ping = lab->begin(
                "pc-daphne",
                "ping 12." + std::to_string(second) + ".0." + std::to_string(i) + " count 1");
            INFO((ping ? std::string() : ping.error().message));
            REQUIRE(ping);
            pings.push_back(std::move(*ping));
        }
        lab->run_for(1s);
        std::erase_if(pings, [](const auto& ping) { return ping->finished(); });
    }
    const auto shown = lab->ask("Daphne", "show crypto isakmp ted");
    INFO(shown);
    CHECK(has(shown, "Discovery probes outstanding: 32 (limit 256)"));
    CHECK(counter(*lab, "Daphne", "ted_source_limit") > 100);
    CHECK(counter(*lab, "Daphne", "ted_probes_out") <= 3 * 32 * 3);
    // Another host is not held up by it.
    lab->ask("pc-daphne200", "ping 12.12.12.13 count 5");
    CHECK(lossless(lab->ask("pc-daphne200", "ping 12.12.12.13 count 3")));
}

TEST_CASE(
    "issue 4: 20 % loss, duplicates and overtaking on every link; afterwards everything is whole") {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        auto t = two_gateways(kDaphneToFred, kFredToDaphne);
        for (auto& link : t.links) {
            link.parameters.loss = 0.2;
            link.parameters.duplicate = 0.1;
            link.parameters.reorder = 0.1;
        }
        const auto lab = started(t, seed);
        const TedTap tap(*lab, "middle");
        CAPTURE(seed);
        CHECK(seconds_until_answer(*lab, "pc-daphne", "12.12.12.13", 300) < 300);
        lab->ask("pc-daphne", "ping 12.12.12.13 count 30");
        for (const auto* name : {"middle", "lan-daphne", "lan-fred"}) {
            auto parameters = lab->link(name).parameters();
            parameters.loss = parameters.duplicate = parameters.reorder = 0;
            lab->link(name).set_parameters(parameters);
        }
        lab->run_for(60s);
        lab->ask("pc-daphne", "ping 12.12.12.13 count 2");
        CHECK(lossless(lab->ask("pc-daphne", "ping 12.12.12.13 count 20")));
        CHECK(lossless(lab->ask("pc-fred", "ping 13.13.13.4 count 20")));
        CHECK(tap.clear == 0);
        CHECK(tap.probes.size() <= 3 * 8);
    }
}

}  // namespace viaduct::sim
