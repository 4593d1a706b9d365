// Plain forwarding: Ethernet, RFC 1812's checks, routes, ARP's part, punts and injection.
//
//     10.1.0.2 ── 1 [10.1.0.1  router  10.2.0.1] 2 ── 10.2.0.2
#include <catch2/catch.hpp>

#include "tests/unit/dataplane/harness.h"

namespace viaduct::dataplane::test {

namespace {

struct TwoHosts : Router {
    TwoHosts() {
        add_ethernet(1, "10.1.0.1/24");
        add_ethernet(2, "10.2.0.1/24");
        host1 = add_neighbour(1, "10.1.0.2", 101);
        host2 = add_neighbour(2, "10.2.0.2", 102);
    }

    NextHopId host1;
    NextHopId host2;
};

}  // namespace

TEST_CASE("a packet is forwarded: MACs, TTL, checksum, the rest untouched") {
    TwoHosts r;
    const auto packet = udp_packet("10.1.0.2", "10.2.0.2", 100);
    r.receive(1, packet);
    r.run();
    const auto frames = r.sent(2);
    REQUIRE(frames.size() == 1);
    CHECK(to_hex(BytesView(frames[0]).first(14)) == "0200000000660200000000020800");
    const auto out = ip_of(frames[0]);
    CHECK(is_valid_ip(out));
    auto expected = packet;
    expected[8] = 63;
    expected[10] = out[10];
    expected[11] = out[11];
    CHECK(out == expected);
    const auto in = r.plane.interface_counters(IfIndex{1});
    const auto outwards = r.plane.interface_counters(IfIndex{2});
    CHECK(in.in_packets == 1);
    CHECK(in.in_bytes == 114);
    CHECK(outwards.out_packets == 1);
    CHECK(outwards.out_bytes == 114);
    CHECK(r.all_drops().empty());
}

TEST_CASE("every TTL's new checksum is right") {
    TwoHosts r;
    for (int i = 0; i < 2000; ++i) {
        Ip p;
        p.id = static_cast<std::uint16_t>(i * 33);
        p.ttl = static_cast<std::uint8_t>(2 + i % 254);
        r.receive(1, p.build());
    }
    r.run();
    const auto out = r.sent_ip(2);
    REQUIRE(out.size() == 2000);
    for (const auto& p : out) {
        REQUIRE(is_valid_ip(p));
    }
}

TEST_CASE("padding of short frames is not sent on") {
    TwoHosts r;
    auto f = frame(mac(1), mac(900), 0x0800, udp_packet("10.1.0.2", "10.2.0.2", 28));
    f.resize(60);
    r.receive_frame(1, f);
    r.run();
    const auto out = r.sent(2);
    REQUIRE(out.size() == 1);
    CHECK(out[0].size() == 14 + 28);
}

TEST_CASE("RFC 1812 5.2.2: what is no IP packet is dropped by its name") {
    TwoHosts r;
    const auto good = Ip{}.build();
    const auto expect_drop = [&](Bytes packet, std::string_view reason) {
        INFO(reason);
        const auto before = r.drops(reason);
        r.receive(1, packet);
        r.run();
        CHECK(r.drops(reason) == before + 1);
        CHECK(r.sent(2).empty());
        CHECK(r.punts().empty());
    };
    expect_drop(Bytes(good.begin(), good.begin() + 19), "ip4_input_too_short");
    auto p = good;
    p[0] = 0x65;
    expect_drop(p, "ip4_input_bad_version");
    p = good;
    p[0] = 0x44;
    expect_drop(p, "ip4_input_bad_header_length");
    p = good;
    p[0] = 0x4F;
    expect_drop(p, "ip4_input_bad_header_length");
    p = good;
    p[3] = 19;
    expect_drop(p, "ip4_input_bad_total_length");
    p = good;
    p[3] = static_cast<std::uint8_t>(good.size() + 1);
    expect_drop(p, "ip4_input_bad_total_length");
    p = good;
    p[10] ^= 1U;
    expect_drop(p, "ip4_input_bad_checksum");
    const auto from = [](const char* source, const char* destination) {
        Ip x;
        x.source = source;
        x.destination = destination;
        return x.build();
    };
    expect_drop(from("127.0.0.1", "10.2.0.2"), "ip4_input_martian_source");
    expect_drop(from("224.0.0.1", "10.2.0.2"), "ip4_input_martian_source");
    expect_drop(from("255.255.255.255", "10.2.0.2"), "ip4_input_martian_source");
    expect_drop(from("0.0.0.0", "10.2.0.2"), "ip4_input_martian_source");
    expect_drop(from("10.1.0.2", "127.0.0.1"), "ip4_input_martian_destination");
    expect_drop(from("10.1.0.2", "240.0.0.1"), "ip4_input_martian_destination");
    expect_drop(from("10.1.0.2", "0.1.2.3"), "ip4_input_martian_destination");
    expect_drop(from("10.1.0.2", "239.1.2.3"), "ip4_input_multicast");
    CHECK(r.plane.interface_counters(IfIndex{1}).in_drops == 15);
}

TEST_CASE("Ethernet: other people's, tagged and unknown frames are dropped by name") {
    TwoHosts r;
    const auto packet = Ip{}.build();
    r.receive_frame(1, Bytes(13, 0));
    r.receive_frame(1, frame(mac(77), mac(900), 0x0800, packet));
    r.receive_frame(1, frame(mac(1), mac(900), 0x8100, packet));
    r.receive_frame(1, frame(mac(1), mac(900), 0x86DD, packet));
    r.receive_frame(1, frame(mac(1), mac(900), 0x0806, Bytes(27, 0)));
    r.receive_frame(1, frame(MacAddress::broadcast(), mac(900), 0x0800, packet));
    r.run();
    CHECK(r.all_drops() ==
          "ethernet_runt=1 ethernet_not_for_us=1 ethernet_vlan=1 ethernet_unknown_type=1 "
          "arp_truncated=1 "
          "ip4_input_link_broadcast=1");
    r.change(1, [](Interface& i) { i.up = false; });
    r.receive(1, packet);
    r.run();
    CHECK(r.drops("ethernet_interface_down") == 1);
    CHECK(r.sent(2).empty());
}

TEST_CASE("ARP goes up as a whole frame, and an injected frame goes out as it is") {
    TwoHosts r;
    const auto request = frame(MacAddress::broadcast(), mac(900), 0x0806, counting(46));
    r.receive_frame(1, request);
    r.run();
    const auto punts = r.punts();
    REQUIRE(punts.size() == 1);
    CHECK(punts[0].reason == PuntReason::arp);
    CHECK(punts[0].in == IfIndex{1});
    CHECK(punts[0].packet == request);
    const auto reply = frame(mac(900), mac(1), 0x0806, counting(28));
    REQUIRE(r.plane.inject_frame(IfIndex{1}, reply));
    r.run();
    CHECK(r.sent(1) == std::vector<Bytes>{reply});
    REQUIRE(r.plane.inject_frame(IfIndex{9}, reply));
    r.run();
    CHECK(r.drops("inject_no_interface") == 1);
}

TEST_CASE("what is for the router goes up, by its kind") {
    TwoHosts r;
    Ip echo;
    echo.destination = "10.2.0.1";  // the far interface's address is ours as well
    echo.protocol = kProtoIcmp;
    echo.ttl = 1;  // not forwarded: no matter
    echo.payload = counting(16);
    r.receive(1, echo.build());
    Ip ike;
    ike.destination = "10.1.0.1";
    ike.payload = udp(500, 500, counting(40));
    r.receive(1, ike.build());
    Ip hello;
    hello.destination = "224.0.0.10";
    hello.protocol = kProtoEigrp;
    hello.payload = counting(20);
    r.receive_frame(
        1, frame(MacAddress::parse("0100.5e00.000a").value(), mac(900), 0x0800, hello.build()));
    Ip discover;
    discover.source = "0.0.0.0";
    discover.destination = "255.255.255.255";
    discover.payload = udp(68, 67, counting(300));
    r.receive_frame(1, frame(MacAddress::broadcast(), mac(900), 0x0800, discover.build()));
    r.run();
    const auto punts = r.punts();
    REQUIRE(punts.size() == 4);
    // The important ones first.
    CHECK(punts[0].reason == PuntReason::link_multicast);
    CHECK(punts[1].reason == PuntReason::link_multicast);
    CHECK(punts[2].reason == PuntReason::ike);
    CHECK(punts[2].packet == ike.build());
    CHECK(punts[3].reason == PuntReason::local);
    CHECK(punts[3].packet == echo.build());
    CHECK(r.plane.interface_counters(IfIndex{1}).in_multicasts == 2);
    CHECK(r.all_drops().empty());
}

TEST_CASE("an unresolved neighbour: glean; after the answer the same route forwards") {
    TwoHosts r;
    const auto packet = udp_packet("10.1.0.2", "10.2.0.9", 60);
    r.receive(1, packet);
    r.run();
    auto punts = r.punts();
    REQUIRE(punts.size() == 1);
    CHECK(punts[0].reason == PuntReason::glean);
    CHECK(punts[0].out == IfIndex{2});
    CHECK(punts[0].address == ip("10.2.0.9"));
    CHECK(is_valid_ip(punts[0].packet));
    CHECK(punts[0].packet[8] == 63);
    r.add_neighbour(2, "10.2.0.9", 109);
    // Control kept the packet; its TTL is not taken twice.
    REQUIRE(r.plane.inject(punts[0].packet, {}));
    r.run();
    const auto out = r.sent_ip(2);
    REQUIRE(out.size() == 1);
    CHECK(out[0] == punts[0].packet);
}

TEST_CASE("a gateway that is not resolved: glean names the gateway, update_next_hop resolves it") {
    TwoHosts r;
    NextHop n;
    n.kind = NextHop::Kind::glean;
    n.interface = IfIndex{2};
    n.gateway = ip("10.2.0.254");
    const auto id = r.next_hop(n);
    r.add_route("0.0.0.0/0", id);
    r.receive(1, udp_packet("10.1.0.2", "192.0.2.1", 60));
    r.run();
    const auto punts = r.punts();
    REQUIRE(punts.size() == 1);
    CHECK(punts[0].reason == PuntReason::glean);
    CHECK(punts[0].address == ip("10.2.0.254"));
    n.kind = NextHop::Kind::ethernet;
    n.mac = mac(254);
    r.plane.update_next_hop(id, n);
    r.receive(1, udp_packet("10.1.0.2", "192.0.2.1", 60));
    r.run();
    CHECK(r.sent(2).size() == 1);
    CHECK(r.plane.take_used_next_hops().empty());
}

TEST_CASE("TTL, no route, Null0: dropped by name, control hears what it must answer") {
    TwoHosts r;
    Ip old;
    old.ttl = 1;
    r.receive(1, old.build());
    r.receive(1, udp_packet("10.1.0.2", "192.0.2.1", 60));
    NextHop null;
    null.kind = NextHop::Kind::null0;
    r.add_route("198.51.100.0/24", r.next_hop(null));
    r.receive(1, udp_packet("10.1.0.2", "198.51.100.1", 60));
    r.run();
    r.change(2, [](Interface& i) { i.up = false; });
    r.receive(1, udp_packet("10.1.0.2", "10.2.0.2", 60));
    r.run();
    CHECK(r.all_drops() ==
          "route_unreachable=1 route_null0=1 route_interface_down=1 route_ttl_expired=1");
    const auto punts = r.punts();
    REQUIRE(punts.size() == 3);
    CHECK(punts[0].reason == PuntReason::ttl_expired);
    CHECK(punts[0].packet == old.build());
    CHECK(punts[1].reason == PuntReason::unreachable);
    CHECK(punts[1].code == 1);
    CHECK(punts[2].reason == PuntReason::unreachable);
}

TEST_CASE("a packet that leaves where it came in is forwarded and punted for a redirect") {
    TwoHosts r;
    r.add_neighbour(1, "10.1.0.3", 103);
    r.receive(1, udp_packet("10.1.0.2", "10.1.0.3", 60));
    r.run();
    CHECK(r.sent(1).size() == 1);
    const auto punts = r.punts();
    REQUIRE(punts.size() == 1);
    CHECK(punts[0].reason == PuntReason::redirect);
    r.change(1, [](Interface& i) { i.redirects = false; });
    r.receive(1, udp_packet("10.1.0.2", "10.1.0.3", 60));
    r.run();
    CHECK(r.sent(1).size() == 1);
    CHECK(r.punts().empty());
}

TEST_CASE("multipath: a flow keeps its way, many flows use all of them") {
    TwoHosts r;
    r.add_neighbour(2, "10.2.0.3", 103);
    NextHop many;
    many.kind = NextHop::Kind::multipath;
    NextHop other;
    other.kind = NextHop::Kind::ethernet;
    other.interface = IfIndex{1};
    other.mac = mac(104);
    many.members = {r.host2, r.next_hop(other)};
    r.add_route("192.0.2.0/24", r.next_hop(many));
    r.change(1, [](Interface& i) { i.redirects = false; });
    for (int repeat = 0; repeat < 3; ++repeat) {
        for (std::uint16_t port = 0; port < 64; ++port) {
            Ip p;
            p.destination = "192.0.2.1";
            p.payload = udp(port, 80, {});
            r.receive(1, p.build());
        }
    }
    r.run();
    const auto one = r.sent(1).size();
    const auto two = r.sent(2).size();
    CHECK(one + two == 192);
    CHECK(one % 3 == 0);
    CHECK(two % 3 == 0);
    CHECK(one > 30);
    CHECK(two > 30);
}

TEST_CASE(
    "injected packets: routed, to ourselves, to a group by an interface, to a forced next hop") {
    TwoHosts r;
    Ip p;
    p.source = "10.1.0.1";
    p.ttl = 1;
    REQUIRE(r.plane.inject(p.build(), {}));
    r.run();
    CHECK(r.sent_ip(2) == std::vector<Bytes>{p.build()});
    p.destination = "10.2.0.1";
    REQUIRE(r.plane.inject(p.build(), {}));
    r.run();
    const auto punts = r.punts();
    REQUIRE(punts.size() == 1);
    CHECK(punts[0].reason == PuntReason::local);
    p.destination = "224.0.0.10";
    InjectOptions o;
    o.interface = IfIndex{2};
    REQUIRE(r.plane.inject(p.build(), o));
    p.destination = "255.255.255.255";
    REQUIRE(r.plane.inject(p.build(), o));
    p.destination = "192.0.2.9";
    o.next_hop = ip("10.2.0.2");
    REQUIRE(r.plane.inject(p.build(), o));
    o.next_hop = ip("10.1.0.2");  // not on that interface
    REQUIRE(r.plane.inject(p.build(), o));
    r.run();
    const auto out = r.sent(2);
    REQUIRE(out.size() == 3);
    CHECK(to_hex(BytesView(out[0]).first(14)) == "01005e00000a0200000000020800");
    CHECK(to_hex(BytesView(out[1]).first(14)) == "ffffffffffff0200000000020800");
    CHECK(to_hex(BytesView(out[2]).first(14)) == "0200000000660200000000020800");
    CHECK(r.all_drops() == "inject_no_next_hop=1");
    CHECK_FALSE(r.plane.inject(Bytes(19, 0), {}));
}

TEST_CASE("more packets than a vector, and more than a send queue holds") {
    TwoHosts r;
    for (int i = 0; i < 3000; ++i) {
        r.receive(1, udp_packet("10.1.0.2", "10.2.0.2", 60));
    }
    r.run();
    CHECK(r.sent(2).size() == 3000);
    for (int i = 0; i < 4000; ++i) {
        r.receive(1, udp_packet("10.1.0.2", "10.2.0.2", 60));
    }
    r.run();
    for (int i = 0; i < 200; ++i) {
        r.receive(1, udp_packet("10.1.0.2", "10.2.0.2", 60));
    }
    r.run();
    CHECK(r.sent(2).size() == 4096);
    CHECK(r.drops("tx_queue_full") == 104);
    CHECK(r.plane.interface_counters(IfIndex{2}).out_drops == 104);
}

TEST_CASE("a flood of one kind of punt does not keep out the others") {
    TwoHosts r;
    for (int i = 0; i < 4000; ++i) {
        r.receive(1, udp_packet("10.1.0.2", "192.0.2.1", 60));
    }
    r.receive_frame(1, frame(MacAddress::broadcast(), mac(900), 0x0806, counting(46)));
    r.run();
    const auto punts = r.punts();
    REQUIRE(punts.size() == 257);
    CHECK(punts[0].reason == PuntReason::arp);
    CHECK(r.drops("route_unreachable") == 4000);
    r.now += 1s;
    for (int i = 0; i < 300; ++i) {
        r.receive(1, udp_packet("10.1.0.2", "192.0.2.1", 60));
    }
    r.run();
    CHECK(r.punts().size() == 256);
}

TEST_CASE("counters can be cleared; stages count packets and cycles") {
    TwoHosts r;
    r.receive(1, udp_packet("10.1.0.2", "10.2.0.2", 60));
    r.receive(1, Bytes(5, 0));
    r.run();
    const auto ethernet = [&] { return r.plane.stage_counters()[1]; };
    CHECK(ethernet().stage == "ethernet");
    CHECK(ethernet().packets == 2);
    CHECK(ethernet().vectors == 1);
    CHECK(ethernet().cycles > 0);
    r.plane.clear_counters();
    CHECK(ethernet().packets == 0);
    CHECK(r.all_drops().empty());
    CHECK(r.plane.interface_counters(IfIndex{1}).in_packets == 0);
}

}  // namespace viaduct::dataplane::test
