// GRE, plain and protected, between two gateways: see gateways.h for the picture; Tunnel0 is interface 9 on
// both, 172.16.0.1 and 172.16.0.2.
#include <catch2/catch.hpp>

#include "tests/unit/dataplane/gateways.h"

namespace viaduct::dataplane::test {

namespace {

struct TunnelOptions {
    bool multipoint = false;
    std::optional<std::uint32_t> key;
    bool checksum = false;
    bool sequence = false;
    bool path_mtu_discovery = false;
    bool is_protected = false;
    std::uint16_t ip_mtu = 1476;
    std::optional<std::uint8_t> tos;
};

struct Tunnels : Gateways {
    explicit Tunnels(const TunnelOptions& o, std::uint16_t lan_mtu = 1500) : Gateways(lan_mtu) {
        add(a, o, "192.0.2.1", "192.0.2.2", slot_a, "10.2.0.0/24", to_b);
        add(b, o, "192.0.2.2", "192.0.2.1", slot_b, "10.1.0.0/24", to_a);
    }

    static void add(Router& r,
                    const TunnelOptions& o,
                    const char* source,
                    const char* peer,
                    SlotId slot,
                    const char* far_lan,
                    NextHopId& hop) {
        Interface i;
        i.index = IfIndex{9};
        i.kind =
            o.multipoint ? InterfaceKind::tunnel_multipoint : InterfaceKind::tunnel_point_to_point;
        i.up = true;
        i.mtu = 17916;
        i.ip_mtu = o.ip_mtu;
        auto& t = i.tunnel;
        t.source = ip(source);
        t.key = o.key;
        t.checksum = o.checksum;
        t.sequence = o.sequence;
        t.path_mtu_discovery = o.path_mtu_discovery;
        t.protected_by_ipsec = o.is_protected;
        t.tos = o.tos;
        if (!o.multipoint) {
            t.destination = ip(peer);
            t.slot = o.is_protected ? slot : kNoSlot;
        }
        r.add_interface(i);
        NextHop n;
        n.kind = NextHop::Kind::tunnel;
        n.interface = i.index;
        if (o.multipoint) {
            n.nbma = ip(peer);
            n.slot = o.is_protected ? slot : kNoSlot;
        }
        hop = r.next_hop(n);
        r.add_route(far_lan, hop);
    }

    void install_protection(SaOptions o = {}) {
        o.protects_tunnel = true;
        o.interface = IfIndex{9};
        if (o.selector == Selector{}) {
            o.selector = between("192.0.2.1/32", "192.0.2.2/32");
            o.selector.protocol = kProtoGre;
        }
        install(o);
    }

    NextHopId to_a;
    NextHopId to_b;
};

}  // namespace

TEST_CASE("GRE, point-to-point and multipoint, key, checksum, sequence: across and back") {
    TunnelOptions o;
    o.multipoint = GENERATE(false, true);
    o.key = GENERATE(std::optional<std::uint32_t>{},
                     std::optional<std::uint32_t>{0},
                     std::optional<std::uint32_t>{7});
    o.checksum = GENERATE(false, true);
    o.sequence = GENERATE(false, true);
    Tunnels g(o);
    const auto packet = udp_packet("10.1.0.2", "10.2.0.2", 201);
    g.a.receive(1, packet);
    g.a.receive(1, packet);
    g.b.receive(1, udp_packet("10.2.0.2", "10.1.0.2", 99));
    g.run();
    CHECK(g.a.all_drops().empty());
    CHECK(g.b.all_drops().empty());
    const auto out = g.b.sent_ip(1);
    REQUIRE(out.size() == 2);
    CHECK(is_valid_ip(out[0]));
    CHECK(out[0][8] == 62);
    CHECK(Bytes(out[0].begin() + 12, out[0].end()) == Bytes(packet.begin() + 12, packet.end()));
    CHECK(g.a.sent(1).size() == 1);
    const auto& outer = g.wire_a_to_b.at(1);
    CHECK(is_valid_ip(outer));
    CHECK(outer[8] == 255);
    ByteReader r(BytesView(outer).subspan(20));
    const auto flags = r.u16();
    CHECK(flags == ((o.checksum ? 0x8000 : 0) | (o.key ? 0x2000 : 0) | (o.sequence ? 0x1000 : 0)));
    CHECK(r.u16() == 0x0800);
    if (o.checksum) {
        r.skip(4);
    }
    if (o.key) {
        CHECK(r.u32() == *o.key);
    }
    if (o.sequence) {
        CHECK(r.u32() == 1);
    }
    const auto counters = g.a.plane.interface_counters(IfIndex{9});
    CHECK(counters.out_packets == 2);
    CHECK(counters.in_packets == 1);
    const auto used = g.a.plane.take_used_next_hops();
    CHECK(used == std::vector{g.to_b});
    CHECK(g.a.plane.take_used_next_hops().empty());
}

TEST_CASE("GRE in: every way to be wrong has its name") {
    TunnelOptions o;
    o.key = 5;
    o.sequence = true;
    Tunnels g(o);
    const auto send = [&](const char* hex, const char* source = "192.0.2.1") {
        Ip p;
        p.source = source;
        p.destination = "192.0.2.2";
        p.protocol = kProtoGre;
        p.payload = from_hex(hex);
        g.b.receive(2, p.build());
        g.b.run();
    };
    send("200008");
    send("2000080000");
    CHECK(g.b.drops("gre_in_too_short") == 2);
    send("20010800 00000005");
    CHECK(g.b.drops("gre_in_bad_version") == 1);
    send("60000800 00000005");
    CHECK(g.b.drops("gre_in_routing_present") == 1);
    send("20000800 00000006");
    send("00000800 00000005");
    send("20000800 00000005", "192.0.2.9");
    CHECK(g.b.drops("gre_in_no_tunnel") == 3);
    send("a0000800 12340000 00000005");
    CHECK(g.b.drops("gre_in_bad_checksum") == 1);
    send("200086dd 00000005");
    CHECK(g.b.drops("gre_in_unknown_protocol") == 1);
    send("20000800 00000005 45");
    CHECK(g.b.drops("ip4_input_too_short") == 1);
    send("30002001 00000005 00000009 aabbcc");
    send("30002001 00000005 00000009 aabbcc");
    send("30002001 00000005 00000008 aabbcc");
    CHECK(g.b.drops("gre_in_out_of_order") == 2);
    send("20000000 00000005");
    const auto punts = g.b.punts();
    REQUIRE(punts.size() == 2);
    CHECK(punts[0].reason == PuntReason::nhrp);
    CHECK(punts[0].packet == from_hex("aabbcc"));
    CHECK(punts[0].nbma == ip("192.0.2.1"));
    CHECK(punts[0].in == IfIndex{9});
    CHECK(punts[1].reason == PuntReason::gre_keepalive);
    g.b.change(9, [](Interface& i) { i.up = false; });
    send("20000800 00000005");
    CHECK(g.b.drops("gre_in_tunnel_down") == 1);
}

TEST_CASE(
    "D2: clear GRE in one burst with protected GRE that is like it: not one packet comes in") {
    TunnelOptions o;
    o.is_protected = true;
    o.multipoint = GENERATE(false, true);
    o.key = GENERATE(std::optional<std::uint32_t>{}, std::optional<std::uint32_t>{0});
    Tunnels g(o);
    SaOptions sa;
    sa.tunnel_mode = GENERATE(false, true);
    g.install_protection(sa);
    for (int i = 0; i < 3; ++i) {
        g.a.receive(1, udp_packet("10.1.0.2", "10.2.0.2", 100));
    }
    g.a.run();
    const auto esp = g.a.sent_ip(2);
    REQUIRE(esp.size() == 3);
    const auto clear = [&](const std::string& header) {
        Ip p;
        p.source = "192.0.2.1";
        p.destination = "192.0.2.2";
        p.protocol = kProtoGre;
        p.payload = from_hex(header + to_hex(udp_packet("10.1.0.2", "10.2.0.2", 60)));
        return p.build();
    };
    const std::string like = o.key ? "2000080000000000" : "00000800";
    for (const auto& protected_packet : esp) {
        g.b.receive(2, protected_packet);
        g.b.receive(2, clear(like));
        g.b.receive(2, clear("20000800000000ff"));
    }
    g.b.run();
    CHECK(g.b.drops("gre_in_not_protected") == 3);
    CHECK(g.b.drops("gre_in_no_tunnel") == 3);
    CHECK(g.b.sent(1).size() == 3);
}

TEST_CASE("D2: tunnel protection fails closed, out and in, and an SA opens its own tunnel only") {
    TunnelOptions o;
    o.is_protected = true;
    o.multipoint = GENERATE(false, true);
    o.key = 0;
    Tunnels g(o);
    g.a.receive(1, udp_packet("10.1.0.2", "10.2.0.2", 100));
    g.run();
    CHECK(g.wire_a_to_b.empty());
    CHECK(g.a.all_drops() == "gre_out_no_sa=1");
    const auto punts = g.a.punts();
    REQUIRE(punts.size() == 1);
    CHECK(punts[0].reason == PuntReason::acquire);
    CHECK(punts[0].slot == g.slot_a);
    CHECK(punts[0].packet.size() == 100);
    CHECK(punts[0].out == IfIndex{9});
    // Clear GRE is not accepted, with or without SAs.
    Ip clear;
    clear.source = "192.0.2.1";
    clear.destination = "192.0.2.2";
    clear.protocol = kProtoGre;
    clear.payload = from_hex("2000080000000000" + to_hex(udp_packet("10.1.0.2", "10.2.0.2", 60)));
    g.b.receive(2, clear.build());
    g.b.run();
    CHECK(g.b.drops("gre_in_not_protected") == 1);
    g.install_protection();
    g.b.receive(2, clear.build());
    g.b.run();
    CHECK(g.b.drops("gre_in_not_protected") == 2);
    CHECK(g.b.sent(1).empty());
    g.a.receive(1, udp_packet("10.1.0.2", "10.2.0.2", 100));
    g.run();
    CHECK(g.b.sent(1).size() == 1);
    for (const auto& p : g.wire_a_to_b) {
        CHECK(p[9] == 50);
    }
    // Anything but GRE out of a tunnel's SA is refused (control's own echo would be accepted in the clear).
    PolicyRule sneak;
    sneak.selector = between("192.0.2.1/32", "192.0.2.2/32");
    sneak.selector.protocol = kProtoUdp;
    sneak.slot = g.slot_a;
    g.a.plane.publish_policy(PolicyId{3}, std::vector{sneak});
    g.a.change(2, [](Interface& i) { i.policy = PolicyId{3}; });
    REQUIRE(g.a.plane.inject(udp_packet("192.0.2.1", "192.0.2.2", 60), {}));
    g.run();
    CHECK(g.b.drops("esp_in_bad_selector") == 1);
    CHECK(g.b.punts().empty());
    // An SA of another tunnel does not open this one.
    Interface other;
    other.index = IfIndex{10};
    other.kind = InterfaceKind::tunnel_point_to_point;
    other.up = true;
    other.tunnel.source = ip("198.51.100.1");
    other.tunnel.protected_by_ipsec = true;
    g.b.add_interface(other);
    SaOptions wrong;
    wrong.protects_tunnel = true;
    wrong.interface = IfIndex{10};
    wrong.selector = between("192.0.2.1/32", "192.0.2.2/32");
    g.install(wrong);
    g.a.receive(1, udp_packet("10.1.0.2", "10.2.0.2", 100));
    g.run();
    CHECK(g.b.drops("gre_in_wrong_sa") == 1);
    CHECK(g.b.sent(1).empty());
}

TEST_CASE("injected: NHRP and multicast to one peer of a multipoint tunnel, by its slot") {
    TunnelOptions o;
    o.multipoint = true;
    o.is_protected = true;
    Tunnels g(o);
    g.install_protection();
    InjectOptions i;
    i.interface = IfIndex{9};
    i.nbma = ip("192.0.2.2");
    i.slot = g.slot_a;
    i.gre_protocol = 0x2001;
    REQUIRE(g.a.plane.inject(counting(84), i));
    i.gre_protocol = 0x0800;
    Ip hello;
    hello.source = "172.16.0.1";
    hello.destination = "224.0.0.10";
    hello.protocol = kProtoEigrp;
    hello.ttl = 2;
    hello.payload = counting(40);
    REQUIRE(g.a.plane.inject(hello.build(), i));
    g.run();
    CHECK(g.a.all_drops().empty());
    CHECK(g.b.all_drops().empty());
    const auto punts = g.b.punts();
    REQUIRE(punts.size() == 2);
    CHECK(punts[0].reason == PuntReason::nhrp);
    CHECK(punts[0].packet == counting(84));
    CHECK(punts[0].nbma == ip("192.0.2.1"));
    CHECK(punts[0].sa == g.a_to_b.inbound);
    CHECK(punts[1].reason == PuntReason::link_multicast);
    CHECK(punts[1].packet == hello.build());
    CHECK(punts[1].in == IfIndex{9});
    i.nbma = std::nullopt;
    REQUIRE(g.a.plane.inject(hello.build(), i));
    g.run();
    CHECK(g.a.drops("gre_out_no_destination") == 1);
}

TEST_CASE("recursive routing: a tunnel whose destination is behind itself drops by name") {
    Tunnels g({});
    g.a.add_route("192.0.2.2/32", g.to_b);
    g.a.receive(1, udp_packet("10.1.0.2", "10.2.0.2", 100));
    g.run();
    CHECK(g.a.all_drops() == "gre_out_recursive_route=1");
}

TEST_CASE(
    "phase 2 and 3: resolution is asked for while packets go by the hub; redirects are told of") {
    TunnelOptions o;
    o.multipoint = true;
    Tunnels g(o);
    NextHop null;
    null.kind = NextHop::Kind::null0;
    g.b.add_route("10.3.0.0/24", g.b.next_hop(null));
    NextHop n;
    n.kind = NextHop::Kind::resolve;
    n.interface = IfIndex{9};
    n.gateway = ip("172.16.0.3");
    const auto alone = g.a.next_hop(n);
    g.a.add_route("10.3.0.0/24", alone);
    g.a.receive(1, udp_packet("10.1.0.2", "10.3.0.1", 60));
    g.run();
    auto punts = g.a.punts();
    REQUIRE(punts.size() == 1);
    CHECK(punts[0].reason == PuntReason::resolve);
    CHECK(punts[0].address == ip("172.16.0.3"));
    CHECK(punts[0].out == IfIndex{9});
    CHECK(g.a.all_drops() == "route_unresolved=1");
    n.meanwhile = g.to_b;
    g.a.plane.update_next_hop(alone, n);
    g.a.receive(1, udp_packet("10.1.0.2", "10.3.0.1", 60));
    g.run();
    CHECK(g.a.punts().size() == 1);
    CHECK(g.wire_a_to_b.size() == 1);
    // b is the hub: what comes in by its tunnel and leaves by it is told to NHRP.
    NextHop back;
    back.kind = NextHop::Kind::tunnel;
    back.interface = IfIndex{9};
    back.nbma = ip("192.0.2.1");
    g.b.add_route("10.3.0.0/24", g.b.next_hop(back));
    g.b.change(9, [](Interface& i) {
        i.nhrp_network = 1;
        i.nhrp_redirect = true;
    });
    g.a.receive(1, udp_packet("10.1.0.2", "10.3.0.1", 60));
    g.a.run();
    for (const auto& f : g.a.sent(2)) {
        g.b.receive_frame(2, f);
    }
    g.b.run();
    punts = g.b.punts();
    REQUIRE(punts.size() == 1);
    CHECK(punts[0].reason == PuntReason::redirect_nhrp);
    CHECK(punts[0].nbma == ip("192.0.2.1"));
    CHECK(g.b.sent(2).size() == 1);
}

namespace {

/// All lengths: intact at the far end (in one or more fragments, put together here), or too_big.
void check_all_sizes(Tunnels& g, bool df, std::size_t from, std::size_t to, std::size_t step) {
    for (std::size_t length = from; length <= to; length += step) {
        INFO("length " << length << " df " << df);
        Ip p;
        p.id = static_cast<std::uint16_t>(length);
        p.fragment = df ? 0x4000 : 0;
        p.payload = udp(1, 2, counting(length - 28));
        g.a.receive(1, p.build());
        g.run();
        auto pieces = g.b.sent_ip(1);
        const auto punts = g.a.punts();
        if (pieces.empty()) {
            REQUIRE(punts.size() == 1);
            REQUIRE(df);
            REQUIRE(punts[0].reason == PuntReason::too_big);
            REQUIRE(punts[0].mtu < length);
            REQUIRE(punts[0].mtu > 1200);
            // What the sender is told does fit, and one byte more does not.
            if (length == to) {
                for (const std::size_t more : {std::size_t{0}, std::size_t{1}}) {
                    Ip fitting = p;
                    fitting.payload = udp(1, 2, counting(punts[0].mtu - 28U + more));
                    g.a.receive(1, fitting.build());
                    g.run();
                    REQUIRE(g.b.sent_ip(1).size() == 1 - more);
                }
                g.a.punts();
            }
            continue;
        }
        REQUIRE(punts.empty());
        Bytes whole(length - 20);
        std::size_t got = 0;
        for (const auto& piece : pieces) {
            REQUIRE(is_valid_ip(piece));
            const std::size_t offset = ((std::size_t{piece[6]} << 8U | piece[7]) & 0x1FFFU) * 8;
            REQUIRE(offset + piece.size() - 20 <= whole.size());
            std::copy(piece.begin() + 20,
                      piece.end(),
                      whole.begin() + static_cast<std::ptrdiff_t>(offset));
            got += piece.size() - 20;
        }
        REQUIRE(got == whole.size());
        REQUIRE(whole == p.payload);
        for (const auto& seen : g.wire_a_to_b) {
            REQUIRE(seen.size() <= 1500);
        }
        g.wire_a_to_b.clear();
    }
}

}  // namespace

TEST_CASE(
    "GRE and ESP: packets of every size up to 9000, with and without DF, arrive or are too big") {
    const auto df = GENERATE(false, true);
    const auto pmtud = GENERATE(false, true);
    const auto tunnel_mode = GENERATE(false, true);
    const auto ip_mtu = GENERATE(std::uint16_t{1400}, std::uint16_t{1476});
    TunnelOptions o;
    o.is_protected = true;
    o.path_mtu_discovery = pmtud;
    o.ip_mtu = ip_mtu;
    Tunnels g(o, 9216);
    SaOptions sa;
    sa.tunnel_mode = tunnel_mode;
    sa.fragment_before_encryption = false;
    g.install_protection(sa);
    INFO("pmtud " << pmtud << " tunnel mode " << tunnel_mode << " ip mtu " << ip_mtu);
    check_all_sizes(g, df, 28, 1300, 41);
    check_all_sizes(g, df, 1340, 1520, 1);
    check_all_sizes(g, df, 1521, 9000, 211);
    check_all_sizes(g, df, 9000, 9000, 1);
}

TEST_CASE("N14: ESP's three fragmentation policies, every size") {
    struct Policy {
        bool before;
        DfPolicy df;
    };

    const auto policy = GENERATE(Policy{true, DfPolicy::copy},
                                 Policy{true, DfPolicy::clear},
                                 Policy{false, DfPolicy::copy},
                                 Policy{false, DfPolicy::clear},
                                 Policy{true, DfPolicy::set});
    const auto df = GENERATE(false, true);
    INFO("before " << policy.before << " policy " << int(policy.df) << " df " << df);
    SaOptions o;
    o.fragment_before_encryption = policy.before;
    o.df = policy.df;
    o.cipher = crypto::Cipher::aes_cbc_128;
    o.auth = crypto::Auth::hmac_sha1_96;
    Gateways g(9216);
    g.protect(o);
    g.install(o);
    for (std::size_t length = 1380; length < 9000; length += length < 1500 ? 1 : 777) {
        Ip p;
        p.fragment = df ? 0x4000 : 0;
        p.payload = udp(1, 2, counting(length - 28));
        g.a.receive(1, p.build());
        g.run();
        const auto out = g.b.sent_ip(1);
        const bool fits =
            length <= 1438;  // 20 + 8 + 16 + (1438 + 2) + 12 = 1498; the next block does not fit
        const bool clears = policy.df == DfPolicy::clear;
        const bool told =
            !fits && (policy.before ? df && !clears : df && policy.df == DfPolicy::copy);
        REQUIRE(out.empty() == told);
        const auto punts = g.a.punts();
        REQUIRE(punts.size() == (told ? 1 : 0));
        if (told) {
            REQUIRE(punts[0].reason == PuntReason::too_big);
            REQUIRE(punts[0].mtu == 1438);
            continue;
        }
        std::size_t bytes = 0;
        for (const auto& piece : out) {
            bytes += piece.size() - 20;
        }
        REQUIRE(bytes == length - 20);
        // Fragments of ESP (after) or ESP of fragments (before).
        for (const auto& seen : g.wire_a_to_b) {
            const bool fragment = (seen[6] & 0x3FU) != 0 || seen[7] != 0;
            REQUIRE(fragment == (!policy.before && !fits));
        }
        g.wire_a_to_b.clear();
    }
}

}  // namespace viaduct::dataplane::test
