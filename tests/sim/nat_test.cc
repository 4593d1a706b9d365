// N11: address translation end to end, by IOS's lines.
//
//  pc-1 10.0.0.10 ─┐                         ┌─ neighbour 192.0.2.50
//  pc-2 10.0.0.11 ─┴ inside ── pat ── outside ┴── isp ── far ── server 203.0.113.10
//  pc-3 10.0.0.12 ─┘   10.0.0.1  192.0.2.1   192.0.2.254  203.0.113.1
#include "tests/sim/sim_fixture.h"

namespace viaduct::sim {

using Catch::Matchers::Contains;

namespace {

const std::string kPat =
    "version 12.4\nhostname pat\nlogging buffered 65536\n"
    "interface FastEthernet0/0\n ip address 192.0.2.1 255.255.255.0\n ip nat outside\n"
    "interface FastEthernet0/1\n ip address 10.0.0.1 255.255.255.0\n ip nat inside\n"
    "ip route 0.0.0.0 0.0.0.0 192.0.2.254\n"
    "access-list 1 permit 10.0.0.0 0.0.0.255\n";

const std::string kOverload = "ip nat inside source list 1 interface FastEthernet0/0 overload\n";

/// The provider knows no way to 10.0.0.0/8: what leaks gets no answer.
const std::string kIsp =
    "version 12.4\nhostname isp\n"
    "interface FastEthernet0/0\n ip address 192.0.2.254 255.255.255.0\n"
    "interface FastEthernet0/1\n ip address 203.0.113.1 255.255.255.0\n";

lab::HostSpec host(const std::string& name,
                   Ipv4Address address,
                   Ipv4Address gateway,
                   const std::string& link) {
    lab::HostSpec spec;
    spec.name = name;
    spec.address.address = address;
    spec.address.prefix_length = 24;
    spec.address.gateway = gateway;
    spec.link = link;
    return spec;
}

std::unique_ptr<lab::Lab> nat_lab(const std::string& rules) {
    const auto port = [](const char* name) { return *config::InterfaceName::parse(name); };
    lab::Topology topology;
    topology.routers = {
        {"pat",
         "pat.cfg",
         kPat + rules + "end\n",
         {{port("Fa0/0"), "outside"}, {port("Fa0/1"), "inside"}}},
        {"isp", "isp.cfg", kIsp + "end\n", {{port("Fa0/0"), "outside"}, {port("Fa0/1"), "far"}}}};
    const Ipv4Address gateway{10, 0, 0, 1};
    topology.hosts = {
        host("pc-1", {10, 0, 0, 10}, gateway, "inside"),
        host("pc-2", {10, 0, 0, 11}, gateway, "inside"),
        host("pc-3", {10, 0, 0, 12}, gateway, "inside"),
        host("neighbour", {192, 0, 2, 50}, {192, 0, 2, 254}, "outside"),
        host("server", {203, 0, 113, 10}, {203, 0, 113, 1}, "far"),
    };
    topology.links = {{"inside", {}}, {"outside", {}}, {"far", {}}};
    auto lab = make_lab(topology);
    INFO(lab->problems());
    CHECK(lab->problems().empty());
    lab->run_for(2s);
    return lab;
}

/// Packets of the outside link that name an inside address, in their head or in what an ICMP error quotes.
struct LeakCount {
    std::uint64_t packets = 0;
    std::uint64_t leaks = 0;
    std::string first;

    void look(BytesView frame) {
        const auto ethernet = lab::read_ethernet(frame);
        if (!ethernet || ethernet->type != lab::kEtherTypeIpv4) {
            return;
        }
        ++packets;
        const auto packet = lab::read_quoted_ipv4(ethernet->payload);
        bool leaked = packet && named(*packet);
        if (packet && packet->protocol == kProtoIcmp && packet->payload.size() > 28 &&
            (packet->payload[0] == 3 || packet->payload[0] == 11)) {
            const auto quoted = lab::read_quoted_ipv4(packet->payload.subspan(8));
            leaked = leaked || (quoted && named(*quoted));
        }
        if (leaked && leaks++ == 0) {
            first = to_hex(
                ethernet->payload.first(std::min<std::size_t>(64, ethernet->payload.size())));
        }
    }

    static bool named(const lab::Ipv4View& packet) {
        const Ipv4Prefix inside({10, 0, 0, 0}, 8);
        return inside.contains(packet.source) || inside.contains(packet.destination);
    }
};

bool lossless(const std::string& out) {
    return out.find(" 0% packet loss") != std::string::npos;
}

std::string translations(lab::Lab& lab) {
    return lab.ask("pat", "show ip nat translations");
}

}  // namespace

TEST_CASE("N11: hosts behind one address ping, stream, trace; no inside address is seen outside") {
    const auto lab = nat_lab(kOverload);
    LeakCount leaks;
    lab->link("outside").add_tap([&](TimePoint, BytesView frame) { leaks.look(frame); });
    CHECK(lossless(lab->ask("pc-1", "ping 203.0.113.10 count 3")));
    CHECK(lossless(lab->ask("pc-2", "ping 203.0.113.10 count 3 size 4000")));
    CHECK_THAT(lab->ask("pc-1", "tcp 203.0.113.10:5001 send 500000"), Contains("correct"));
    CHECK_THAT(lab->ask("pc-2", "tcp 203.0.113.10:5001 send 500000"), Contains("correct"));
    CHECK_THAT(lab->ask("pc-1", "udp 203.0.113.10:7 send 512 count 5"), Contains("5"));
    const auto trace = lab->ask("pc-1", "traceroute 203.0.113.10");
    INFO(trace);
    CHECK_THAT(trace, Contains("10.0.0.1"));
    CHECK_THAT(trace, Contains("192.0.2.254"));
    CHECK_THAT(trace, Contains("203.0.113.10"));
    // A port that nobody serves: the ICMP error is translated back to the host that asked.
    lab->ask("pc-2", "udp 203.0.113.10:9 send 100");
    const auto table = translations(*lab);
    INFO(table);
    CHECK_THAT(table, Contains("192.0.2.1:"));
    CHECK_THAT(table, Contains("10.0.0.10:"));
    CHECK_THAT(table, Contains("203.0.113.10:5001"));
    const auto statistics = lab->ask("pat", "show ip nat statistics");
    INFO(statistics);
    CHECK_THAT(statistics, Contains("Outside interfaces:\n  FastEthernet0/0"));
    CHECK_THAT(statistics, Contains("access-list 1 interface FastEthernet0/0 refcount"));
    INFO(leaks.first);
    CHECK(leaks.leaks == 0);
    CHECK(leaks.packets > 500);
}

TEST_CASE("N11: nobody outside reaches an inside host that did not ask; a static port is reached") {
    const auto lab =
        nat_lab(kOverload +
                "ip nat inside source static tcp 10.0.0.11 80 interface FastEthernet0/0 8080\n");
    CHECK_FALSE(lossless(lab->ask("neighbour", "ping 10.0.0.10 count 2")));
    CHECK_THAT(lab->ask("server", "tcp 192.0.2.1:8080 send 100000"), Contains("correct"));
    // Hairpin: an inside host by the outside address.
    CHECK_THAT(lab->ask("pc-1", "tcp 192.0.2.1:8080 send 100000"), Contains("correct"));
    CHECK_THAT(translations(*lab), Contains("tcp 192.0.2.1:8080     10.0.0.11:80"));
}

TEST_CASE("N11: a static address answers on the connected network, both ways; no-alias does not") {
    const auto lab = nat_lab(
        "ip nat inside source static 10.0.0.11 192.0.2.11\n"
        "ip nat inside source static 10.0.0.12 192.0.2.12 no-alias\n");
    CHECK(lossless(lab->ask("neighbour", "ping 192.0.2.11 count 3")));
    CHECK(lossless(lab->ask("pc-2", "ping 192.0.2.50 count 3")));
    CHECK_THAT(translations(*lab), Contains("--- 192.0.2.11         10.0.0.11"));
    CHECK_FALSE(lossless(lab->ask("neighbour", "ping 192.0.2.12 count 2")));
}

TEST_CASE("N11: a pool without overload gives one address each; when it is empty, it is said") {
    const auto lab = nat_lab(
        "ip nat pool P 192.0.2.101 192.0.2.102 netmask 255.255.255.0\n"
        "ip nat inside source list 1 pool P\n");
    CHECK(lossless(lab->ask("pc-1", "ping 203.0.113.10 count 3")));
    CHECK(lossless(lab->ask("pc-2", "ping 203.0.113.10 count 3")));
    CHECK_FALSE(lossless(lab->ask("pc-3", "ping 203.0.113.10 count 3")));
    lab->run_for(3s);
    CHECK_THAT(lab->ask("pat", "show logging"), Contains("%IPNAT-4-ADDR_ALLOC_FAILURE"));
    const auto statistics = lab->ask("pat", "show ip nat statistics");
    INFO(statistics);
    CHECK_THAT(statistics, Contains("total addresses 2, allocated 2 (100%)"));
    // Cleared, the addresses are for whoever comes first.
    lab->ask("pat", "clear ip nat translation *");
    lab->run_for(1s);
    CHECK(lossless(lab->ask("pc-3", "ping 203.0.113.10 count 3")));
    CHECK_THAT(translations(*lab), Contains("10.0.0.12"));
}

TEST_CASE("N11: translations end by their protocol's time") {
    const auto lab = nat_lab(
        kOverload + "ip nat translation udp-timeout 30\nip nat translation icmp-timeout 90\n");
    lab->ask("pc-1", "udp 203.0.113.10:7 send 100");
    lab->ask("pc-1", "ping 203.0.113.10 count 1");
    CHECK_THAT(translations(*lab), Contains("udp "));
    CHECK_THAT(translations(*lab), Contains("icmp "));
    lab->run_for(40s);
    CHECK(translations(*lab).find("udp ") == std::string::npos);
    CHECK_THAT(translations(*lab), Contains("icmp "));
    lab->run_for(70s);
    CHECK(translations(*lab).empty());
    // A stream that came to its end is gone after a minute; IOS keeps a live one for a day.
    CHECK_THAT(lab->ask("pc-1", "tcp 203.0.113.10:5001 send 1000"), Contains("correct"));
    lab->run_for(80s);
    CHECK(translations(*lab).empty());
    CHECK_THAT(lab->ask("pat", "show ip nat statistics"), Contains("Expired translations: 3"));
}

TEST_CASE("N11: a removed rule ends its translations, a changed address is followed") {
    const auto lab = nat_lab(kOverload);
    CHECK(lossless(lab->ask("pc-1", "ping 203.0.113.10 count 2")));
    lab->ask("pat", "configure terminal");
    lab->ask("pat", "interface FastEthernet0/0");
    lab->ask("pat", "ip address 192.0.2.2 255.255.255.0");
    lab->ask("pat", "end");
    lab->run_for(6s);
    CHECK(lossless(lab->ask("pc-1", "ping 203.0.113.10 count 2")));
    CHECK_THAT(translations(*lab), Contains("192.0.2.2:"));
    CHECK(translations(*lab).find("192.0.2.1:") == std::string::npos);
    lab->ask("pat", "configure terminal");
    lab->ask("pat", "no ip nat inside source list 1 interface FastEthernet0/0 overload");
    lab->ask("pat", "end");
    lab->run_for(6s);
    CHECK(translations(*lab).empty());
    CHECK_FALSE(lossless(lab->ask("pc-1", "ping 203.0.113.10 count 2")));
}

TEST_CASE("N11: clear ip nat translation takes out what it names") {
    const auto lab = nat_lab(kOverload);
    lab->ask("pc-1", "udp 203.0.113.10:7 send 100");
    lab->ask("pc-1", "ping 203.0.113.10 count 1");
    CHECK_THAT(lab->ask("pat", "clear ip nat translation inside 192.0.2.1 10.0.0.99"),
               Contains("%Translation not found"));
    CHECK(lab->ask("pat", "clear ip nat translation inside 192.0.2.1 10.0.0.10").empty());
    lab->run_for(1s);
    CHECK(translations(*lab).empty());
    lab->ask("pc-1", "ping 203.0.113.10 count 1");
    CHECK_THAT(translations(*lab), Contains("icmp"));
    lab->ask("pat", "clear ip nat translation *");
    lab->run_for(1s);
    CHECK(translations(*lab).empty());
    lab->ask("pat", "clear ip nat statistics");
    CHECK_THAT(lab->ask("pat", "show ip nat statistics"), Contains("Hits: 0  Misses: 0"));
}

}  // namespace viaduct::sim
