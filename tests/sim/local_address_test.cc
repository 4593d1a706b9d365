// D2: `crypto map M local-address Loopback0`: the tunnel ends at the loopbacks, whichever of two ways it takes.
//
//  pc-west 10.1.0.10 ── lan-west ── west ══ path-a, path-b ══ east ── lan-east ── pc-east 10.2.0.10
//                                10.9.0.1                   10.9.0.2
#include "tests/sim/sim_fixture.h"

namespace viaduct::sim {

using Catch::Matchers::Contains;

namespace {

/// Number 1 is west, number 2 east. `entry` is the crypto map's: with a peer, or a template.
std::string router(int own, const std::string& entry) {
    const auto number = [](int n) { return std::to_string(n); };
    const int peer = 3 - own;
    const std::string lan = " 10." + number(peer) + ".0.0 255.255.255.0 ";
    const std::string end = " 10.9.0." + number(peer) + " 255.255.255.255 ";
    std::string text =
        "version 12.4\nhostname r" + number(own) +
        "\nlogging buffered 65536\n"
        "crypto isakmp policy 10\n authentication pre-share\n group 2\n"
        "crypto isakmp key both-ways address 0.0.0.0 0.0.0.0\n"
        "crypto ipsec transform-set strong esp-aes esp-sha-hmac\n" +
        entry + "crypto map out local-address Loopback0\ninterface Loopback0\n ip address 10.9.0." +
        number(own) + " 255.255.255.255\ninterface FastEthernet0/0\n ip address 10." + number(own) +
        ".0.1 255.255.255.0\n";
    for (const auto* path : {"1", "2"}) {
        text += std::string("interface FastEthernet") + path + "/0\n ip address 192.0." + path +
                "." + number(own) + " 255.255.255.0\n crypto map out\n";
        const auto distance = std::string(path) == "1" ? "\n" : " 200\n";
        const auto gateway = std::string("192.0.") + path + "." + number(peer) + distance;
        text += "ip route" + lan + gateway + "ip route" + end + gateway;
    }
    return text + "access-list 100 permit ip 10." + number(own) + ".0.0 0.0.0.255 10." +
           number(peer) + ".0.0 0.0.0.255\nend\n";
}

std::string with_peer(int peer) {
    return "crypto map out 10 ipsec-isakmp\n set peer 10.9.0." + std::to_string(peer) +
           "\n set transform-set strong\n match address 100\n";
}

const std::string kTemplate =
    "crypto dynamic-map any 10\n set transform-set strong\n"
    "crypto map out 10 ipsec-isakmp dynamic any\n";

std::unique_ptr<lab::Lab> two_paths(const std::string& west, const std::string& east) {
    const auto port = [](const char* name) { return *config::InterfaceName::parse(name); };
    const auto ports = [&](const char* lan) {
        return std::vector<lab::PortSpec>{
            {port("Fa0/0"), lan}, {port("Fa1/0"), "path-a"}, {port("Fa2/0"), "path-b"}};
    };
    lab::Topology topology;
    topology.routers = {{"west", "west.cfg", router(1, west), ports("lan-west")},
                        {"east", "east.cfg", router(2, east), ports("lan-east")}};
    for (const std::uint8_t n : {std::uint8_t{1}, std::uint8_t{2}}) {
        lab::HostSpec spec;
        spec.name = n == 1 ? "pc-west" : "pc-east";
        spec.address.address = Ipv4Address{10, n, 0, 10};
        spec.address.prefix_length = 24;
        spec.address.gateway = Ipv4Address{10, n, 0, 1};
        spec.link = n == 1 ? "lan-west" : "lan-east";
        topology.hosts.push_back(spec);
    }
    topology.links = {{"lan-west", {}}, {"lan-east", {}}, {"path-a", {}}, {"path-b", {}}};
    auto lab = make_lab(topology);
    INFO(lab->problems());
    CHECK(lab->problems().empty());
    lab->run_for(2s);
    return lab;
}

bool answers(lab::Lab& lab, const char* from, const char* to) {
    return lab.ask(from, std::string("ping ") + to + " count 5").find("64 bytes from") !=
           std::string::npos;
}

std::string spi(lab::Lab& lab, const char* name) {
    const auto text = lab.ask(name, "show crypto ipsec sa");
    const auto at = text.find("current outbound spi: ");
    return at == std::string::npos ? "" : text.substr(at, text.find('\n', at) - at);
}

}  // namespace

TEST_CASE("D2: local-address, both routers as responder, with peers and with a template") {
    SECTION("west begins") {
        const auto lab = two_paths(with_peer(2), with_peer(1));
        CHECK(answers(*lab, "pc-west", "10.2.0.10"));
        CHECK_THAT(lab->ask("west", "show crypto ipsec sa"), Contains("local addr. 10.9.0.1"));
        CHECK_THAT(lab->ask("east", "show crypto ipsec sa"), Contains("local addr. 10.9.0.2"));
    }
    SECTION("east begins") {
        const auto lab = two_paths(with_peer(2), with_peer(1));
        CHECK(answers(*lab, "pc-east", "10.1.0.10"));
    }
    SECTION("east has a template") {
        const auto lab = two_paths(with_peer(2), kTemplate);
        CHECK(answers(*lab, "pc-west", "10.2.0.10"));
    }
}

TEST_CASE(
    "D2: local-address, SAs outlive a change elsewhere, and go with the line or the address") {
    const auto lab = two_paths(with_peer(2), with_peer(1));
    REQUIRE(answers(*lab, "pc-west", "10.2.0.10"));
    for (const auto* name : {"west", "east"}) {
        const auto before = spi(*lab, name);
        REQUIRE(!before.empty());
        lab->ask(name, "configure terminal");
        lab->ask(name, "interface FastEthernet0/0");
        lab->ask(name, "description elsewhere");
        lab->ask(name, "end");
        lab->run_for(1s);
        CHECK(spi(*lab, name) == before);
    }
    lab->ask("west", "configure terminal");
    lab->ask("west", "no crypto map out local-address Loopback0");
    lab->ask("west", "end");
    lab->run_for(1s);
    CHECK(spi(*lab, "west").empty());
    CHECK_THAT(lab->ask("west", "show crypto ipsec sa"), Contains("local addr. 192.0.1.1"));
}

TEST_CASE("D2: local-address, the flow goes on by the other interface when a path falls") {
    const auto lab = two_paths(with_peer(2), with_peer(1));
    ClearCount count;
    lab->link("path-b").add_tap([&](TimePoint, BytesView frame) { count.look(frame); });
    REQUIRE(answers(*lab, "pc-west", "10.2.0.10"));
    CHECK(count.esp == 0);
    lab->link("path-a").set_up(lab->now(), false);
    lab->run_for(2s);
    CHECK(answers(*lab, "pc-west", "10.2.0.10"));
    CHECK(answers(*lab, "pc-east", "10.1.0.10"));
    CHECK(count.esp >= 10);
    CHECK(count.clear == 0);
    lab->link("path-a").set_up(lab->now(), true);
    lab->run_for(2s);
    CHECK(answers(*lab, "pc-west", "10.2.0.10"));
}

}  // namespace viaduct::sim
