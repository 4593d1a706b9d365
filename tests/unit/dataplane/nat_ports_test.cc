// Which global endpoint an inside host gets, when it ends, and what happens when there is none left.
#include <set>

#include <catch2/catch.hpp>

#include "dataplane/packet.h"
#include "tests/unit/dataplane/nat_rig.h"

namespace viaduct::dataplane::test {

namespace {

std::uint16_t source_port(const Bytes& p) {
    return static_cast<std::uint16_t>(p[20] << 8U | p[21]);
}

Ipv4Address source(const Bytes& p) {
    return Ipv4Address{static_cast<std::uint32_t>(p[12]) << 24U |
                       static_cast<std::uint32_t>(p[13]) << 16U |
                       static_cast<std::uint32_t>(p[14]) << 8U | p[15]};
}

/// The port that this host's packet leaves with; 0: it did not leave.
std::uint16_t port_of(NatRig& r,
                      std::string_view host,
                      std::uint16_t port,
                      std::uint16_t to = 7000) {
    const auto p = r.out(checked_udp(host, port, "203.0.113.9", to, "x"));
    return p ? source_port(*p) : std::uint16_t{0};
}

std::string host(unsigned n) {
    return "10.1." + std::to_string(n / 250 + 1) + "." + std::to_string(n % 250 + 2);
}

}  // namespace

TEST_CASE("NAT44: a mapping is the same for all remote hosts (RFC 4787, REQ-1)", "[nat]") {
    NatRig r;
    r.overload();
    REQUIRE(port_of(r, "10.1.0.2", 5000) == 5000);
    const auto first = port_of(r, "10.1.0.3", 5000);
    REQUIRE(first == 1024);  // 5000 is the other host's
    CHECK(port_of(r, "10.1.0.3", 5000, 7001) == first);
    const auto other = r.out(checked_udp("10.1.0.3", 5000, "203.0.113.8", 53, "x"));
    REQUIRE(other);
    CHECK(source_port(*other) == first);
    CHECK(r.plane.nat_sessions(100).size() == 4);
    CHECK(r.plane.nat_statistics().rules.at(0).addresses_in_use == 1);
}

TEST_CASE("NAT44: ports stay in their class, 1 to 511, 512 to 1023 and above", "[nat]") {
    NatRig r;
    r.overload();
    CHECK(port_of(r, "10.1.0.2", 500) == 500);
    CHECK(port_of(r, "10.1.0.3", 500) == 1);
    CHECK(port_of(r, "10.1.0.2", 700) == 700);
    CHECK(port_of(r, "10.1.0.3", 700) == 512);
    CHECK(port_of(r, "10.1.0.2", 4500) == 4500);
    CHECK(port_of(r, "10.1.0.3", 4500) == 1024);
    // What TCP has is another matter.
    const auto tcp = r.out(checked_tcp("10.1.0.3", 700, "203.0.113.9", 80, kSyn));
    REQUIRE(tcp);
    CHECK(source_port(*tcp) == 700);
}

TEST_CASE("NAT44: a router with a crypto map keeps UDP 500 and 4500, and always DHCP's ports",
          "[nat]") {
    NatRig r;
    r.overload();
    r.change(2, [](Interface& i) { i.policy = PolicyId{3}; });
    CHECK(port_of(r, "10.1.0.2", 500) == 1);
    CHECK(port_of(r, "10.1.0.2", 4500) == 1024);
    CHECK(port_of(r, "10.1.0.2", 67) == 2);
    CHECK(port_of(r, "10.1.0.2", 68) == 3);
    // Its own IKE comes in as ever.
    r.receive(2, checked_udp("203.0.113.9", 500, "203.0.113.1", 500, "ike"));
    r.run();
    const auto punts = r.punts();
    REQUIRE(punts.size() == 1);
    CHECK(punts[0].reason == PuntReason::ike);
}

TEST_CASE("NAT44: a class without a free port: dropped, counted, and not sent as it is", "[nat]") {
    NatRig r;
    r.overload();
    std::set<std::uint16_t> seen;
    for (unsigned n = 0; n < 512; ++n) {
        const auto port = port_of(r, host(n), 600);
        REQUIRE(port >= 512);
        REQUIRE(port <= 1023);
        REQUIRE(seen.insert(port).second);
    }
    CHECK(port_of(r, host(512), 600) == 0);
    CHECK(r.drops("nat44_exhausted") == 1);
    CHECK(r.plane.nat_statistics().exhausted == 1);
    CHECK(port_of(r, host(512), 6000) == 6000);  // another class has ports
    r.pass(400s);
    CHECK(port_of(r, host(512), 600) != 0);  // they came back
}

TEST_CASE("NAT44: a range of addresses is filled one after the other", "[nat]") {
    NatRig r;
    r.overload();
    r.policy.dynamics[0].range = {ip("198.51.100.1"), ip("198.51.100.3")};
    r.publish_policy();
    std::map<Ipv4Address, unsigned> addresses;
    for (unsigned n = 0; n < 512 * 3; ++n) {
        const auto p = r.out(checked_udp(host(n), 600, "203.0.113.9", 1, "x"));
        REQUIRE(p);
        ++addresses[source(*p)];
        REQUIRE(checksums_are_right(*p));
    }
    CHECK(addresses.size() == 3);
    CHECK(addresses[ip("198.51.100.2")] == 512);
    CHECK(r.plane.nat_statistics().rules.at(0).addresses_in_use == 3);
    CHECK_FALSE(r.out(checked_udp(host(2000), 600, "203.0.113.9", 1, "x")));
}

TEST_CASE("NAT44: a pool without overload gives each host an address of its own", "[nat]") {
    NatRig r;
    r.overload();
    r.policy.dynamics[0].range = {ip("198.51.100.1"), ip("198.51.100.2")};
    r.policy.dynamics[0].overload = false;
    r.publish_policy();
    const auto a = r.out(checked_udp("10.1.0.2", 5000, "203.0.113.9", 53, "x"));
    REQUIRE(a);
    CHECK(*a == with_ttl(checked_udp("198.51.100.1", 5000, "203.0.113.9", 53, "x"), 63));
    const auto b = r.out(checked_tcp("10.1.0.3", 5000, "203.0.113.9", 53, kSyn));
    REQUIRE(b);
    CHECK(*b == with_ttl(checked_tcp("198.51.100.2", 5000, "203.0.113.9", 53, kSyn), 63));
    // Anybody may answer a whole address.
    const auto in = r.in(checked_udp("203.0.113.8", 9, "198.51.100.2", 77, "hello"));
    REQUIRE(in);
    CHECK(*in == with_ttl(checked_udp("203.0.113.8", 9, "10.1.0.3", 77, "hello"), 63));
    CHECK_FALSE(r.out(checked_udp("10.1.0.4", 5000, "203.0.113.9", 53, "x")));
    CHECK(r.drops("nat44_exhausted") == 1);
    const auto sessions = r.plane.nat_sessions(10);
    REQUIRE(sessions.size() == 2);
    CHECK_FALSE(sessions[0].protocol.has_value());
    CHECK(r.plane.nat_statistics().rules.at(0).addresses_in_use == 2);
    r.pass(86401s);
    CHECK(r.plane.nat_sessions(10).empty());
    CHECK(r.out(checked_udp("10.1.0.4", 5000, "203.0.113.9", 53, "x")));
}

TEST_CASE("NAT44: a rule without an address yet drops what it matches", "[nat]") {
    NatRig r;
    r.overload();
    r.policy.dynamics[0].range = {};
    r.publish_policy();
    CHECK_FALSE(r.out(checked_udp("10.1.0.2", 5000, "203.0.113.9", 53, "x")));
    CHECK(r.drops("nat44_no_address") == 1);
}

TEST_CASE("NAT44: a full session table drops and counts, and takes new ones when old ones are over",
          "[nat]") {
    PlaneOptions options;
    options.nat_sessions = 100;
    NatRig r(options);
    r.overload();
    for (std::uint16_t n = 0; n < 100; ++n) {
        REQUIRE(port_of(r, "10.1.0.2", static_cast<std::uint16_t>(2000 + n)) != 0);
    }
    CHECK(port_of(r, "10.1.0.2", 3000) == 0);
    CHECK(r.drops("nat44_table_full") == 1);
    CHECK(r.plane.nat_statistics().refused == 1);
    CHECK(r.plane.nat_statistics().active == 100);
    CHECK(r.plane.nat_statistics().peak == 100);
    CHECK(port_of(r, "10.1.0.2", 2050) == 2050);  // known ones go on
    SECTION("by time") {
        r.pass(301s);
        CHECK(port_of(r, "10.1.0.2", 3000) == 3000);
    }
    SECTION("by a greater limit, which keeps the old ones") {
        r.policy.max_sessions = 200;
        r.publish_policy();
        CHECK(port_of(r, "10.1.0.2", 3000) == 3000);
        CHECK(port_of(r, "10.1.0.3", 2000) == 1024);
        CHECK(r.in(checked_udp("203.0.113.9", 7000, "203.0.113.1", 2099, "x")));
        CHECK(r.plane.nat_statistics().active == 102);
        r.plane.reclaim();
    }
    SECTION("by a smaller limit: nothing ends") {
        r.policy.max_sessions = 50;
        r.publish_policy();
        CHECK(port_of(r, "10.1.0.2", 2050) == 2050);
        CHECK(r.plane.nat_statistics().active == 100);
    }
}

TEST_CASE("NAT44: idle times by protocol, refreshed by use", "[nat]") {
    NatRig r;
    r.overload();
    REQUIRE(r.out(checked_udp("10.1.0.2", 5000, "203.0.113.9", 53, "dns")));
    REQUIRE(r.out(checked_udp("10.1.0.2", 5000, "203.0.113.9", 54, "other")));
    REQUIRE(r.out(icmp_echo("10.1.0.2", "203.0.113.9", 8, 77)));
    CHECK(r.plane.nat_sessions(10).size() == 3);
    r.pass(50s);
    REQUIRE(r.in(checked_udp("203.0.113.9", 54, "203.0.113.1", 5000, "x")));
    r.pass(11s);
    CHECK(r.plane.nat_sessions(10).size() == 1);
    r.pass(240s);
    CHECK(r.plane.nat_sessions(10).size() == 1);
    CHECK(r.in(checked_udp("203.0.113.9", 54, "203.0.113.1", 5000, "x")));
    r.pass(301s);
    CHECK(r.plane.nat_sessions(10).empty());
    CHECK_FALSE(r.in(checked_udp("203.0.113.9", 54, "203.0.113.1", 5000, "x")));
    for (int turn = 0; turn < 10; ++turn) {
        r.pass(1s);
    }
    CHECK(r.plane.nat_statistics().active == 0);
    CHECK(r.plane.nat_statistics().expired == 3);
    CHECK(r.plane.nat_statistics().rules.at(0).sessions == 0);
    CHECK(r.plane.nat_statistics().rules.at(0).addresses_in_use == 0);
}

TEST_CASE("NAT44: clearing, all or by what they are", "[nat]") {
    NatRig r;
    r.overload();
    REQUIRE(port_of(r, "10.1.0.2", 5000) != 0);
    REQUIRE(port_of(r, "10.1.0.3", 5000) != 0);
    REQUIRE(r.out(checked_tcp("10.1.0.3", 5000, "203.0.113.9", 80, kSyn)));
    NatFilter filter;
    filter.protocol = kProtoUdp;
    filter.inside_local = ip("10.1.0.3");
    CHECK(r.plane.clear_nat(filter) == 1);
    r.run();
    CHECK(r.plane.nat_sessions(10).size() == 2);
    CHECK(r.plane.clear_nat({}) == 2);
    r.run();
    CHECK(r.plane.nat_sessions(10).empty());
    CHECK(r.plane.nat_statistics().active == 0);
    CHECK_FALSE(r.in(checked_udp("203.0.113.9", 7000, "203.0.113.1", 5000, "x")));
}

TEST_CASE("NAT44: new rules end the sessions that they do not give, and no others", "[nat]") {
    NatRig r;
    r.overload();
    REQUIRE(port_of(r, "10.1.0.2", 5000) == 5000);
    r.publish_policy();  // the same once more
    CHECK(r.in(checked_udp("203.0.113.9", 7000, "203.0.113.1", 5000, "x")));
    SECTION("another address (DHCP)") {
        r.policy.dynamics[0].range = {ip("198.51.100.7"), ip("198.51.100.7")};
        r.publish_policy();
        const auto p = r.out(checked_udp("10.1.0.2", 5000, "203.0.113.9", 7000, "x"));
        REQUIRE(p);
        CHECK(source(*p) == ip("198.51.100.7"));
        CHECK_FALSE(r.in(checked_udp("203.0.113.9", 7000, "203.0.113.1", 5000, "x")));
        CHECK(r.plane.nat_statistics().active == 1);
    }
    SECTION("a rule with another id") {
        r.policy.dynamics[0].id = 8;
        r.publish_policy();
        CHECK_FALSE(r.in(checked_udp("203.0.113.9", 7000, "203.0.113.1", 5000, "x")));
    }
    SECTION("no rules at all") {
        r.plane.publish_nat({});
        r.run();
        CHECK(r.plane.nat_sessions(10).empty());
        CHECK(r.plane.nat_statistics().active == 0);
        const auto plain = checked_udp("10.1.0.2", 5000, "203.0.113.9", 7000, "x");
        CHECK(r.out(plain) == with_ttl(plain, 63));
        r.publish_policy();
        CHECK(port_of(r, "10.1.0.2", 5000) == 5000);
        CHECK(r.plane.nat_statistics().rules.at(0).sessions == 1);
    }
    SECTION("a static for its host") {
        NatStatic s;
        s.id = 9;
        s.local = ip("10.1.0.2");
        s.global = ip("198.51.100.9");
        r.policy.statics = {s};
        r.publish_policy();
        const auto p = r.out(checked_udp("10.1.0.2", 5000, "203.0.113.9", 7000, "x"));
        REQUIRE(p);
        CHECK(source(*p) == ip("198.51.100.9"));
    }
}

}  // namespace viaduct::dataplane::test
