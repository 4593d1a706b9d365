// Two clouds over one outside interface: two multipoint tunnels with keys of their own that share a profile.
#include <set>

#include "tests/sim/dmvpn_fixture.h"

namespace viaduct::sim {

namespace {

void add_second_tunnel(lab::RouterSpec& spec, const std::string& last, bool hub) {
    auto& text = spec.config_text;
    const std::string protection = " tunnel protection ipsec profile cisco";
    const auto at = text.find(protection);
    REQUIRE(at != std::string::npos);
    const std::string servers = hub ? ""
                                    : " ip nhrp map 10.77.0.1 209.168.202.225\n"
                                      " ip nhrp map multicast 209.168.202.225\n"
                                      " ip nhrp nhs 10.77.0.1\n";
    text.insert(at + protection.size(),
                " shared\n!\ninterface Tunnel1\n ip address 10.77.0." + last +
                    " 255.255.255.0\n ip mtu 1400\n ip nhrp map multicast dynamic\n" + servers +
                    " ip nhrp network-id 2\n tunnel source FastEthernet0/0\n tunnel mode gre "
                    "multipoint\n tunnel key 1\n" +
                    protection + " shared");
}

}  // namespace

TEST_CASE("D2: two multipoint tunnels share a profile, and with it one pair of SAs a peer") {
    auto topology = example("dmvpn");
    for (auto& spec : topology.routers) {
        add_second_tunnel(spec,
                          spec.name == "sv9-2"   ? "1"
                          : spec.name == "sv9-3" ? "2"
                                                 : "3",
                          spec.name == "sv9-2");
    }
    const auto lab = make_lab(topology);
    CloudTap tap(*lab);
    std::set<std::uint32_t> spis;
    REQUIRE(wait_converged(*lab, 120s));
    CHECK(wait_for(*lab, "sv9-2", "show ip nhrp", "10.77.0.2/32", 60s));
    CHECK(wait_for(*lab, "sv9-2", "show ip nhrp", "10.77.0.3/32", 60s));
    CHECK(has(lab->ask("sv9-3", "ping 10.77.0.1 repeat 20"), "(20/20)"));
    CHECK(has(lab->ask("sv9-3", "ping 10.77.0.3 repeat 20"), "(20/20)"));
    CHECK(lossless(lab->ask("pc-3", "ping 1.1.1.10 count 20")));
    lab->link("cloud").add_tap([&](TimePoint, BytesView frame) {
        const auto ethernet = lab::read_ethernet(frame);
        const auto packet = ethernet && ethernet->type == lab::kEtherTypeIpv4
                                ? lab::read_quoted_ipv4(ethernet->payload)
                                : std::nullopt;
        if (packet && packet->protocol == kProtoEsp && packet->source.to_string() == kSpoke3 &&
            packet->destination.to_string() == kHub) {
            ByteReader reader(packet->payload);
            spis.insert(reader.u32());
        }
    });
    CHECK(has(lab->ask("sv9-3", "ping 10.77.0.1 repeat 20"), "(20/20)"));
    CHECK(lossless(lab->ask("pc-3", "ping 1.1.1.10 count 5")));
    CHECK(spis.size() <= 2);  // one, or its successor as well
    // Over several rekeys, and when one of the two tunnels goes.
    CHECK(lossless(lab->ask("pc-3", "ping 1.1.1.10 count 400")));
    configure(*lab, "sv9-3", {"interface Tunnel1", "shutdown"});
    CHECK(lossless(lab->ask("pc-3", "ping 1.1.1.10 count 200")));
    configure(*lab, "sv9-3", {"interface Tunnel1", "no shutdown"});
    CHECK(wait_for(*lab, "sv9-2", "show ip nhrp", "10.77.0.2/32", 60s));
    CHECK(has(lab->ask("sv9-3", "ping 10.77.0.1 repeat 20"), "(20/20)"));
    CHECK(tap.gre == 0);
}

}  // namespace viaduct::sim
