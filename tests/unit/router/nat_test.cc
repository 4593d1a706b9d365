// From the configuration's lines to the dataplane's rules, without a dataplane.
#include "controlplane/router/nat.h"

#include <set>

#include <catch2/catch.hpp>

#include "config/ios/parser.h"
#include "config/pix/pix.h"

namespace viaduct {
namespace {

using dataplane::NatRange;

constexpr IfIndex kOutside{1};
constexpr IfIndex kInside{2};

const std::string kInterfaces =
    "interface FastEthernet0/0\n ip address 192.0.2.1 255.255.255.0\n ip nat outside\n"
    "interface FastEthernet0/1\n ip address 10.0.0.1 255.255.255.0\n ip nat inside\n";

/// The interfaces of a configuration, as a router would have them.
struct World {
    config::RunningConfig model;
    std::map<IfIndex, InterfaceStatus> interfaces;
    std::map<config::InterfaceName, IfIndex> indices;
    NatIds ids;

    explicit World(const std::string& lines) { load(kInterfaces + lines); }

    void load(const std::string& text) {
        auto loaded = pix::load_any(text, "t.cfg");
        for (const auto& problem : loaded.problems) {
            INFO(ios::problem_text(problem));
            CHECK(problem.kind != ios::LineProblem::Kind::error);
        }
        model = std::move(loaded.config);
        for (const auto& [name, interface] : model.interfaces) {
            const IfIndex index{static_cast<std::uint16_t>(indices.size() + 1)};
            const auto at = indices.try_emplace(name, index).first->second;
            auto& status = interfaces[at];
            status.index = at;
            status.name = name;
            status.addresses.clear();
            if (interface.address) {
                status.addresses.push_back(*interface.address);
            }
        }
    }

    NatPlan plan() { return compile_nat({model, interfaces, indices}, ids); }
};

}  // namespace

TEST_CASE("N11: overload on an interface follows its address, without one it drops") {
    World w(
        "ip nat inside source list 1 interface FastEthernet0/0 overload\n"
        "access-list 1 permit 10.0.0.0 0.0.0.255\n");
    auto plan = w.plan();
    REQUIRE(plan.policy.dynamics.size() == 1);
    const auto rule = plan.policy.dynamics[0];
    CHECK(rule.overload);
    CHECK_FALSE(rule.outside);
    CHECK_FALSE(rule.out);
    CHECK(rule.range == NatRange{{192, 0, 2, 1}, {192, 0, 2, 1}});
    CHECK(plan.lists == std::vector<std::string>{"1"});
    REQUIRE(plan.access_lists.at("1").size() == 1);
    CHECK(plan.access_lists.at("1")[0].permit);
    CHECK(plan.problems.empty());
    CHECK(plan.aliases.empty());

    // A lease brings another address: the rule is the same one.
    w.interfaces.at(kOutside).addresses[0].address = Ipv4Address{192, 0, 2, 99};
    CHECK(w.plan().policy.dynamics[0].id == rule.id);
    CHECK(w.plan().policy.dynamics[0].range.first == Ipv4Address{192, 0, 2, 99});
    w.interfaces.at(kOutside).addresses.clear();
    CHECK(w.plan().policy.dynamics[0].range.first.is_unspecified());
}

TEST_CASE("N11: pools, with the addresses that ARP answers for") {
    World w(
        "ip nat pool P 192.0.2.10 192.0.2.14 netmask 255.255.255.0\n"
        "ip nat pool Q 198.51.100.1 198.51.100.9 prefix-length 24\n"
        "ip nat inside source list 1 pool P\n"
        "ip nat inside source list 2 pool Q overload\n"
        "ip nat inside source list 3 pool R\n"
        "ip nat inside source list 4 pool P\n"
        "ip nat translation max-entries 77\nip nat translation udp-timeout 33\n"
        "access-list 1 permit 10.0.0.0 0.0.0.255\naccess-list 2 permit any\n"
        "access-list 3 permit any\n");
    const auto plan = w.plan();
    REQUIRE(plan.policy.dynamics.size() == 3);
    CHECK_FALSE(plan.policy.dynamics[0].overload);
    CHECK(plan.policy.dynamics[1].overload);
    // Not defined: fails closed, and says so.
    CHECK(plan.policy.dynamics[2].range.first.is_unspecified());
    REQUIRE(plan.problems.size() == 2);
    CHECK(plan.problems[0].find("pool R is not defined") != std::string::npos);
    CHECK(plan.problems[1].find("access list 4 is not defined") != std::string::npos);
    REQUIRE(plan.aliases.size() == 1);
    CHECK(plan.aliases.at(kOutside).front() == NatRange{{192, 0, 2, 10}, {192, 0, 2, 14}});
    CHECK(plan.policy.max_sessions == 77);
    CHECK(plan.policy.times.udp == std::chrono::seconds(33));
    CHECK(plan.lines.size() == 4);
}

TEST_CASE(
    "N11: statics with ports, networks, outside ones; those to an interface wait for its address") {
    World w(
        "ip nat inside source static 10.0.0.5 192.0.2.5\n"
        "ip nat inside source static tcp 10.0.0.6 80 192.0.2.6 8080 extendable no-alias\n"
        "ip nat inside source static udp 10.0.0.7 500 interface FastEthernet0/0 500\n"
        "ip nat inside source static network 10.1.0.0 192.0.2.128 /25\n"
        "ip nat outside source static 203.0.113.9 10.0.0.9\n");
    auto plan = w.plan();
    REQUIRE(plan.policy.statics.size() == 5);
    const auto& s = plan.policy.statics;
    CHECK(s[0].local == Ipv4Address{10, 0, 0, 5});
    CHECK(s[0].global == Ipv4Address{192, 0, 2, 5});
    CHECK(s[1].protocol == kProtoTcp);
    CHECK(s[1].local_port == 80);
    CHECK(s[1].global_port == 8080);
    CHECK(s[2].global == Ipv4Address{192, 0, 2, 1});
    CHECK(s[3].length == 25);
    CHECK(s[4].outside);
    CHECK(s[4].global == Ipv4Address{203, 0, 113, 9});
    CHECK(s[4].local == Ipv4Address{10, 0, 0, 9});
    // no-alias, and the interface's own address, are not among what ARP answers for.
    REQUIRE(plan.aliases.at(kOutside).size() == 2);
    CHECK(plan.aliases.at(kOutside)[0] == NatRange{{192, 0, 2, 5}, {192, 0, 2, 5}});
    CHECK(plan.aliases.at(kOutside)[1] == NatRange{{192, 0, 2, 128}, {192, 0, 2, 255}});
    CHECK(plan.aliases.at(kInside)[0].first == Ipv4Address{10, 0, 0, 9});

    w.interfaces.at(kOutside).addresses.clear();
    CHECK(w.plan().policy.statics.size() == 4);
}

TEST_CASE("N11: a route map takes out what its deny entries name and asks for the way out") {
    World w(
        "ip nat inside source route-map nonat interface FastEthernet0/0 overload\n"
        "access-list 101 permit ip 10.0.0.0 0.0.0.255 10.9.0.0 0.0.255.255\n"
        "access-list 102 permit ip 10.0.0.0 0.0.0.255 any\n"
        "route-map nonat deny 5\n match ip address 101\n"
        "route-map nonat permit 10\n match ip address 102\n match interface FastEthernet0/0\n");
    auto plan = w.plan();
    CHECK(plan.problems.empty());
    REQUIRE(plan.policy.dynamics.size() == 1);
    CHECK(plan.policy.dynamics[0].out == kOutside);
    const auto& rules = plan.access_lists.at(plan.lists[0]);
    REQUIRE(rules.size() == 2);
    CHECK_FALSE(rules[0].permit);
    CHECK(rules[0].selector.destination == Ipv4Address{10, 9, 0, 0});
    CHECK(rules[1].permit);

    // A deny line in a list of a deny entry means "look at the next entry": it is told, not guessed.
    w.load(kInterfaces +
           "ip nat inside source route-map nonat interface FastEthernet0/0 overload\n"
           "access-list 101 deny ip host 10.0.0.3 any\n"
           "access-list 101 permit ip 10.0.0.0 0.0.0.255 10.9.0.0 0.0.255.255\n"
           "access-list 102 permit ip 10.0.0.0 0.0.0.255 any\n"
           "route-map nonat deny 5\n match ip address 101\n"
           "route-map nonat permit 10\n match ip address 102\n");
    plan = w.plan();
    CHECK(plan.policy.dynamics.empty());
    REQUIRE(plan.problems.size() == 1);
    CHECK(plan.problems[0].find("cannot be applied") != std::string::npos);
}

TEST_CASE("N11: rules keep their numbers when others come and go") {
    World w(
        "ip nat inside source list 1 interface FastEthernet0/0 overload\n"
        "ip nat inside source list 2 interface FastEthernet0/0 overload\n"
        "access-list 1 permit 10.0.0.0 0.0.0.127\naccess-list 2 permit any\n");
    const auto before = w.plan().policy.dynamics;
    w.load(kInterfaces +
           "ip nat inside source list 2 interface FastEthernet0/0 overload\n"
           "ip nat inside source list 3 interface FastEthernet0/0 overload\n"
           "access-list 3 permit 10.0.0.0 0.0.0.127\naccess-list 2 permit any\n");
    const auto after = w.plan().policy.dynamics;
    REQUIRE(before.size() == 2);
    REQUIRE(after.size() == 2);
    CHECK(after[0].id == before[1].id);
    CHECK(after[1].id != before[0].id);
}

TEST_CASE("N11: the PIX's nat and global, only for what leaves by the outside") {
    World w("");
    w.indices.clear();
    w.interfaces.clear();
    w.load(
        ": Saved\nPIX Version 6.3(3)\nnameif ethernet0 outside security0\n"
        "nameif ethernet1 inside security100\nip address outside 171.69.89.78 255.255.254.0\n"
        "ip address inside 10.10.10.1 255.255.255.0\nglobal (outside) 1 interface\n"
        "nat (inside) 1 0.0.0.0 0.0.0.0 0 0\n");
    const auto plan = w.plan();
    REQUIRE(plan.policy.dynamics.size() == 2);
    const auto& rule = plan.policy.dynamics[0];
    CHECK(rule.overload);
    // What no nat line names is not sent; nothing comes in by the outside unasked.
    CHECK(plan.policy.dynamics[1].range.first.is_unspecified());
    REQUIRE(plan.policy.gates.size() == 1);
    CHECK(plan.policy.gates[0].outside == rule.out);
    CHECK(rule.out == w.indices.at(*config::InterfaceName::parse("Ethernet0")));
    CHECK(rule.range.first == Ipv4Address{171, 69, 89, 78});
}

TEST_CASE("N11: a PIX's time-outs by class, and several global lines of one number") {
    World w("");
    w.indices.clear();
    w.interfaces.clear();
    const std::string pix =
        ": Saved\nPIX Version 6.3(3)\nip address outside 171.69.89.78 255.255.254.0\n"
        "ip address inside 10.10.10.1 255.255.255.0\n"
        "global (outside) 1 171.69.89.80-171.69.89.82 netmask 255.255.254.0\n"
        "global (outside) 1 171.69.89.90-171.69.89.91 netmask 255.255.254.0\n"
        "global (outside) 1 interface\nnat (inside) 1 0.0.0.0 0.0.0.0 0 0\n";
    w.load(pix);
    const auto plain = w.plan();
    CHECK(plain.policy.times.address == std::chrono::hours(3));
    CHECK(plain.policy.times.tcp == std::chrono::hours(1));
    CHECK(plain.policy.times.tcp_half_closed == std::chrono::minutes(10));
    CHECK(plain.policy.times.udp == std::chrono::minutes(2));
    REQUIRE(plain.policy.dynamics.size() == 4);
    std::set<std::uint32_t> ids;
    for (const auto& rule : plain.policy.dynamics) {
        ids.insert(rule.id);
    }
    CHECK(ids.size() == 4);
    CHECK(plain.policy.dynamics[0].range.first == Ipv4Address{171, 69, 89, 80});
    CHECK(plain.policy.dynamics[1].range.first == Ipv4Address{171, 69, 89, 90});
    CHECK(plain.policy.dynamics[2].range.first == Ipv4Address{171, 69, 89, 78});
    w.load(pix + "timeout conn 0:30:00 half-closed 0:05:00 udp 0:01:00\n");
    const auto said = w.plan();
    CHECK(said.policy.times.tcp == std::chrono::minutes(30));
    CHECK(said.policy.times.tcp_half_closed == std::chrono::minutes(5));
    CHECK(said.policy.times.udp == std::chrono::minutes(1));
    // IOS knows no such time: a half-closed connection lives as long as an open one.
    World ios("ip nat translation tcp-timeout 1000\n");
    CHECK(ios.plan().policy.times.tcp_half_closed == std::chrono::seconds(1000));
}

}  // namespace viaduct
