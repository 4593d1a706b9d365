// Translations beside ports: statics, the outside's, ESP, ICMP and its errors, fragments, hairpins.
#include <catch2/catch.hpp>

#include "dataplane/packet.h"
#include "tests/unit/dataplane/nat_rig.h"

namespace viaduct::dataplane::test {

namespace {

NatStatic whole(std::string_view local, std::string_view global, std::uint8_t length = 32) {
    NatStatic s;
    s.id = 20;
    s.local = ip(local);
    s.global = ip(global);
    s.length = length;
    return s;
}

NatStatic port(IpProtocol protocol,
               std::string_view local,
               std::uint16_t local_port,
               std::string_view global,
               std::uint16_t global_port) {
    auto s = whole(local, global);
    s.protocol = protocol;
    s.local_port = local_port;
    s.global_port = global_port;
    return s;
}

}  // namespace

TEST_CASE("NAT44: static translations of a port, an address and a network", "[nat]") {
    NatRig r;
    r.overload();
    r.policy.statics = {port(kProtoTcp, "10.1.0.3", 80, "203.0.113.1", 8080),
                        whole("10.1.0.4", "198.51.100.4"),
                        whole("10.2.0.0", "198.51.101.0", 24)};
    r.publish_policy();
    const auto server = r.in(checked_tcp("203.0.113.9", 999, "203.0.113.1", 8080, kSyn));
    REQUIRE(server);
    CHECK(*server == with_ttl(checked_tcp("203.0.113.9", 999, "10.1.0.3", 80, kSyn), 63));
    const auto answer = r.out(checked_tcp("10.1.0.3", 80, "203.0.113.9", 999, kSyn | kAck));
    REQUIRE(answer);
    CHECK(*answer ==
          with_ttl(checked_tcp("203.0.113.1", 8080, "203.0.113.9", 999, kSyn | kAck), 63));
    // The static's host speaks by the rule otherwise, and never with the static's port.
    const auto other = r.out(checked_tcp("10.1.0.3", 8080, "203.0.113.9", 999, kSyn));
    REQUIRE(other);
    CHECK(*other == with_ttl(checked_tcp("203.0.113.1", 1024, "203.0.113.9", 999, kSyn), 63));

    const auto in = r.in(checked_udp("203.0.113.9", 1, "198.51.100.4", 2, "x"));
    REQUIRE(in);
    CHECK(*in == with_ttl(checked_udp("203.0.113.9", 1, "10.1.0.4", 2, "x"), 63));
    const auto net_out = r.out(checked_udp("10.2.0.77", 1, "203.0.113.9", 2, "x"));
    REQUIRE(net_out);
    CHECK(*net_out == with_ttl(checked_udp("198.51.101.77", 1, "203.0.113.9", 2, "x"), 63));
    const auto ping = r.in(icmp_echo("203.0.113.9", "198.51.100.4", 8, 5));
    REQUIRE(ping);
    CHECK(*ping == with_ttl(icmp_echo("203.0.113.9", "10.1.0.4", 8, 5), 63));
    const auto pong = r.out(icmp_echo("10.1.0.4", "203.0.113.9", 0, 5));
    REQUIRE(pong);
    CHECK(*pong == with_ttl(icmp_echo("198.51.100.4", "203.0.113.9", 0, 5), 63));
    const auto s = r.plane.nat_statistics();
    CHECK(s.statics == 3);
    CHECK(s.extended == 1);
    CHECK(s.active == 4);
    CHECK(r.plane.nat_sessions(2).size() == 2);
}

TEST_CASE("NAT44: the outside's addresses, static and from a pool, with the inside's", "[nat]") {
    NatRig r;
    r.overload();
    auto outside = whole("10.99.0.9", "203.0.113.9");
    outside.outside = true;
    r.policy.statics = {outside};
    r.publish_policy();
    const auto out = r.out(checked_udp("10.1.0.2", 5000, "10.99.0.9", 53, "x"));
    REQUIRE(out);
    CHECK(*out == with_ttl(checked_udp("203.0.113.1", 5000, "203.0.113.9", 53, "x"), 63));
    const auto in = r.in(checked_udp("203.0.113.9", 53, "203.0.113.1", 5000, "y"));
    REQUIRE(in);
    CHECK(*in == with_ttl(checked_udp("10.99.0.9", 53, "10.1.0.2", 5000, "y"), 63));
    const auto sessions = r.plane.nat_sessions(10);
    REQUIRE(sessions.size() == 2);
    CHECK(sessions[1].outside_local == ip("10.99.0.9"));
    CHECK(sessions[1].outside_global == ip("203.0.113.9"));
    const auto ping = r.out(icmp_echo("10.1.0.2", "10.99.0.9", 8, 5));
    REQUIRE(ping);
    CHECK(*ping == with_ttl(icmp_echo("203.0.113.1", "203.0.113.9", 8, 5), 63));

    NatDynamic pool;
    pool.id = 30;
    pool.outside = true;
    pool.match = AclId{1};
    pool.range = {ip("10.98.0.1"), ip("10.98.0.5")};
    r.policy.statics = {whole("10.1.0.4", "198.51.100.4")};
    r.policy.dynamics.push_back(pool);
    r.publish_policy();
    const auto guest = r.in(checked_udp("203.0.113.8", 1, "198.51.100.4", 2, "x"));
    REQUIRE(guest);
    CHECK(*guest == with_ttl(checked_udp("10.98.0.1", 1, "10.1.0.4", 2, "x"), 63));
    const auto reply = r.out(checked_udp("10.1.0.4", 2, "10.98.0.1", 1, "x"));
    REQUIRE(reply);
    CHECK(*reply == with_ttl(checked_udp("198.51.100.4", 2, "203.0.113.8", 1, "x"), 63));
}

TEST_CASE("NAT44: ESP of several inside hosts to one gateway, told apart by SPI", "[nat]") {
    NatRig r;
    r.overload();
    REQUIRE(r.out(esp_packet("10.1.0.2", "203.0.113.9", 0xA1)));
    const auto a = r.in(esp_packet("203.0.113.9", "203.0.113.1", 0xB1));
    REQUIRE(a);
    CHECK(*a == with_ttl(esp_packet("203.0.113.9", "10.1.0.2", 0xB1), 63));
    REQUIRE(r.out(esp_packet("10.1.0.3", "203.0.113.9", 0xA2)));
    REQUIRE(r.out(esp_packet("10.1.0.4", "203.0.113.9", 0xA3)));
    // The one that started last gets the first answer, and keeps it.
    const auto c = r.in(esp_packet("203.0.113.9", "203.0.113.1", 0xB3));
    REQUIRE(c);
    CHECK(*c == with_ttl(esp_packet("203.0.113.9", "10.1.0.4", 0xB3), 63));
    CHECK(r.in(esp_packet("203.0.113.9", "203.0.113.1", 0xB2)) ==
          with_ttl(esp_packet("203.0.113.9", "10.1.0.3", 0xB2), 63));
    CHECK(r.in(esp_packet("203.0.113.9", "203.0.113.1", 0xB1)) == a);
    CHECK(r.in(esp_packet("203.0.113.9", "203.0.113.1", 0xB3)) == c);
    // Nobody waits for one more: it is for the router.
    CHECK_FALSE(r.in(esp_packet("203.0.113.9", "203.0.113.1", 0xB4)));
    CHECK(r.drops("esp_in_unknown_spi") == 1);
    CHECK(r.plane.nat_sessions(10).size() == 3);
}

TEST_CASE("NAT44: other protocols: one inside host for each remote one", "[nat]") {
    NatRig r;
    r.overload();
    auto gre = [](std::string_view from, std::string_view to) {
        Ip p;
        p.source = from;
        p.destination = to;
        p.protocol = kProtoGre;
        p.payload = counting(40);
        return p.build();
    };
    CHECK(r.out(gre("10.1.0.2", "203.0.113.9")) == with_ttl(gre("203.0.113.1", "203.0.113.9"), 63));
    CHECK(r.in(gre("203.0.113.9", "203.0.113.1")) == with_ttl(gre("203.0.113.9", "10.1.0.2"), 63));
    CHECK_FALSE(r.out(gre("10.1.0.3", "203.0.113.9")));
    CHECK(r.drops("nat44_exhausted") == 1);
    CHECK(r.out(gre("10.1.0.3", "203.0.113.8")));
}

TEST_CASE("NAT44: ICMP queries by identifier", "[nat]") {
    NatRig r;
    r.overload();
    CHECK(r.out(icmp_echo("10.1.0.2", "203.0.113.9", 8, 77)) ==
          with_ttl(icmp_echo("203.0.113.1", "203.0.113.9", 8, 77), 63));
    CHECK(r.out(icmp_echo("10.1.0.3", "203.0.113.9", 8, 77)) ==
          with_ttl(icmp_echo("203.0.113.1", "203.0.113.9", 8, 0), 63));
    CHECK(r.in(icmp_echo("203.0.113.9", "203.0.113.1", 0, 0)) ==
          with_ttl(icmp_echo("203.0.113.9", "10.1.0.3", 0, 77), 63));
    CHECK(r.in(icmp_echo("203.0.113.9", "203.0.113.1", 0, 77)) ==
          with_ttl(icmp_echo("203.0.113.9", "10.1.0.2", 0, 77), 63));
}

TEST_CASE("NAT44: ICMP errors carry translated packets, both ways (RFC 5508)", "[nat]") {
    NatRig r;
    r.overload();
    REQUIRE(r.out(checked_udp("10.1.0.3", 5000, "203.0.113.9", 9, "first")));
    const auto sent = r.out(checked_udp("10.1.0.2", 5000, "203.0.113.9", 9, "second"));
    REQUIRE(sent);
    // From a router outside, about what left.
    for (const std::size_t quoted : {28U, 34U}) {
        const auto in = r.in(icmp_error("203.0.113.8", "203.0.113.1", 11, 0, *sent, quoted));
        REQUIRE(in);
        const auto original =
            with_ttl(checked_udp("10.1.0.2", 5000, "203.0.113.9", 9, "second"), 63);
        CHECK(*in == with_ttl(icmp_error("203.0.113.8", "10.1.0.2", 11, 0, original, quoted), 63));
    }
    // From the host, about an answer.
    const auto answer = checked_udp("203.0.113.9", 9, "203.0.113.1", 1024, "answer");
    const auto inside = r.in(answer);
    REQUIRE(inside);
    const auto out = r.out(icmp_error("10.1.0.2", "203.0.113.9", 3, 3, *inside, 28));
    REQUIRE(out);
    CHECK(*out ==
          with_ttl(icmp_error("203.0.113.1", "203.0.113.9", 3, 3, with_ttl(answer, 63), 28), 63));
    // TCP, of which eight bytes are quoted: its checksum is not there.
    const auto tcp = r.out(checked_tcp("10.1.0.2", 6000, "203.0.113.9", 80, kSyn));
    REQUIRE(tcp);
    CHECK(r.in(icmp_error("203.0.113.8", "203.0.113.1", 3, 4, *tcp, 28)) ==
          with_ttl(icmp_error("203.0.113.8",
                              "10.1.0.2",
                              3,
                              4,
                              with_ttl(checked_tcp("10.1.0.2", 6000, "203.0.113.9", 80, kSyn), 63),
                              28),
                   63));
    // About no packet that we know: outwards dropped, inwards the router's own.
    const auto strange = checked_udp("203.0.113.9", 9, "10.1.0.2", 4444, "strange");
    CHECK_FALSE(r.out(icmp_error("10.1.0.2", "203.0.113.9", 3, 3, strange, 28)));
    CHECK(r.drops("nat44_no_translation") == 1);
    CHECK_FALSE(r.in(icmp_error("203.0.113.8", "203.0.113.1", 11, 0, strange, 28)));
    REQUIRE(r.punts().size() == 1);
}

TEST_CASE("NAT44: an ICMP error cut short anywhere does no harm", "[nat]") {
    NatRig r;
    r.overload();
    const auto sent = r.out(checked_tcp("10.1.0.2", 5000, "203.0.113.9", 9, kSyn));
    REQUIRE(sent);
    for (std::size_t quoted = 0; quoted <= sent->size(); ++quoted) {
        const auto in = r.in(icmp_error("203.0.113.8", "203.0.113.1", 11, 0, *sent, quoted));
        CHECK(in.has_value() == (quoted >= 24));
        if (in) {
            CHECK(checksums_are_right(*in));
        }
    }
}

TEST_CASE(
    "NAT44: errors that the router makes itself are translated for the inside and for the outside",
    "[nat]") {
    NatRig r;
    r.overload();
    r.policy.statics = {whole("10.1.0.4", "198.51.100.4")};
    r.publish_policy();
    const auto sent = r.out(checked_udp("10.1.0.2", 5000, "203.0.113.9", 9, "big"));
    REQUIRE(sent);
    // "Fragmentation needed" about what was translated already: control sends it to our own address.
    REQUIRE(r.plane.inject(icmp_error("203.0.113.1", "203.0.113.1", 3, 4, *sent, 28), {}));
    r.run();
    const auto in = r.sent_ip(1);
    REQUIRE(in.size() == 1);
    CHECK(checksums_are_right(in[0]));
    CHECK(BytesView(in[0]).subspan(16, 4)[3] == 2);
    // "Time exceeded" about what came in to a static host: it does not say the inside address.
    const auto inside = with_ttl(checked_udp("203.0.113.9", 1, "10.1.0.4", 2, "x"), 1);
    REQUIRE(r.plane.inject(icmp_error("203.0.113.1", "203.0.113.9", 11, 0, inside, 28), {}));
    r.run();
    const auto out = r.sent_ip(2);
    REQUIRE(out.size() == 1);
    const auto outside = with_ttl(checked_udp("203.0.113.9", 1, "198.51.100.4", 2, "x"), 1);
    CHECK(out[0] == icmp_error("203.0.113.1", "203.0.113.9", 11, 0, outside, 28));
}

TEST_CASE("NAT44: fragments in any order, both ways", "[nat]") {
    NatRig r;
    r.overload();
    const std::string text(2000, 'f');
    const auto whole_out = checked_udp("10.1.0.2", 5000, "203.0.113.9", 9, text);
    const auto cut = [](const Bytes& p, std::size_t at) {
        const auto piece = [&](std::size_t from, std::size_t to, bool more) {
            Bytes f(p.begin(), p.begin() + 20);
            f.insert(f.end(),
                     p.begin() + 20 + static_cast<std::ptrdiff_t>(from),
                     p.begin() + 20 + static_cast<std::ptrdiff_t>(to));
            f[2] = static_cast<std::uint8_t>(f.size() >> 8U);
            f[3] = static_cast<std::uint8_t>(f.size());
            f[6] = static_cast<std::uint8_t>((more ? 0x20U : 0U) | from / 8 >> 8U);
            f[7] = static_cast<std::uint8_t>(from / 8);
            return with_ttl(f, 64);
        };
        return std::pair{piece(0, at, true), piece(at, p.size() - 20, false)};
    };
    const auto join = [](const std::vector<Bytes>& pieces) {
        Bytes out = pieces.at(0);
        for (std::size_t i = 1; i < pieces.size(); ++i) {
            out.insert(out.end(), pieces[i].begin() + 20, pieces[i].end());
        }
        out[2] = static_cast<std::uint8_t>(out.size() >> 8U);
        out[3] = static_cast<std::uint8_t>(out.size());
        out[6] = out[7] = 0;
        return with_ttl(out, 63);
    };
    for (const bool first_first : {true, false}) {
        const auto [a, b] = cut(whole_out, 1000);
        r.receive(1, first_first ? a : b);
        r.receive(1, first_first ? b : a);
        r.run();
        const auto sent = r.sent_ip(2);
        REQUIRE(sent.size() == 2);
        CHECK(join(sent) == with_ttl(checked_udp("203.0.113.1", 5000, "203.0.113.9", 9, text), 63));
        const auto [c, d] = cut(checked_udp("203.0.113.9", 9, "203.0.113.1", 5000, text), 800);
        r.receive(2, first_first ? c : d);
        r.receive(2, first_first ? d : c);
        r.run();
        const auto in = r.sent_ip(1);
        REQUIRE(in.size() == 2);
        CHECK(join(in) == with_ttl(checked_udp("203.0.113.9", 9, "10.1.0.2", 5000, text), 63));
    }
}

TEST_CASE("NAT44: an inside host reaches another by its global address (RFC 4787, REQ-9)",
          "[nat]") {
    NatRig r;
    r.overload();
    r.policy.statics = {port(kProtoTcp, "10.1.0.3", 80, "203.0.113.1", 8080)};
    r.publish_policy();
    r.receive(1, checked_tcp("10.1.0.2", 5000, "203.0.113.1", 8080, kSyn));
    r.run();
    auto in = r.sent_ip(1);
    REQUIRE(in.size() == 1);
    // The external source address and port, as REQ-9a has it.
    CHECK(in[0] == with_ttl(checked_tcp("203.0.113.1", 5000, "10.1.0.3", 80, kSyn), 63));
    r.receive(1, checked_tcp("10.1.0.3", 80, "203.0.113.1", 5000, kSyn | kAck));
    r.run();
    in = r.sent_ip(1);
    REQUIRE(in.size() == 1);
    CHECK(in[0] == with_ttl(checked_tcp("203.0.113.1", 8080, "10.1.0.2", 5000, kSyn | kAck), 63));
    CHECK(r.sent(2).empty());
    // To the router itself: not a hairpin.
    r.receive(1, checked_tcp("10.1.0.2", 5001, "203.0.113.1", 22, kSyn));
    r.run();
    REQUIRE(r.punts().size() == 1);
}

TEST_CASE("NAT44: a UDP checksum of 0 stays 0, and no other becomes 0", "[nat]") {
    NatRig r;
    r.overload();
    auto without = checked_udp("10.1.0.2", 5000, "203.0.113.9", 9, "none");
    without[26] = without[27] = 0;
    const auto out = r.out(without);
    REQUIRE(out);
    CHECK((*out)[26] == 0);
    CHECK((*out)[27] == 0);
    // All payloads of two bytes: each sum comes by.
    for (unsigned word = 0; word < 65536; word += 7) {
        const std::string text{static_cast<char>(word >> 8U), static_cast<char>(word)};
        const auto p = r.out(checked_udp("10.1.0.2", 5000, "203.0.113.9", 9, text));
        REQUIRE(p);
        REQUIRE(*p == with_ttl(checked_udp("203.0.113.1", 5000, "203.0.113.9", 9, text), 63));
    }
}

TEST_CASE("NAT44: what the router sends itself is not translated", "[nat]") {
    NatRig r;
    r.overload();
    const auto own = checked_udp("203.0.113.1", 500, "203.0.113.9", 500, "ike");
    REQUIRE(r.plane.inject(own, {}));
    r.run();
    const auto sent = r.sent_ip(2);
    REQUIRE(sent.size() == 1);
    CHECK(sent[0] == own);
    CHECK(r.plane.nat_sessions(10).empty());
}

TEST_CASE("NAT44: layer 4 cut off: dropped where a rule wants it", "[nat]") {
    NatRig r;
    r.overload();
    const auto good = checked_tcp("10.1.0.2", 5000, "203.0.113.9", 9, kSyn);
    for (std::size_t bytes = 20; bytes < 40; ++bytes) {
        Bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(bytes));
        cut[3] = static_cast<std::uint8_t>(bytes);
        CHECK_FALSE(r.out(with_ttl(cut, 64)));
    }
    CHECK(r.drops("nat44_malformed") == 20);
}

TEST_CASE("NAT44: stands before the crypto map and the access list out", "[nat]") {
    NatRig r;
    r.overload();
    AclRule only;
    only.permit = true;
    only.selector.source = ip("203.0.113.1");
    only.selector.source_mask = mask_of(32);
    r.plane.publish_acl(AclId{2}, std::vector{only});
    r.change(2, [](Interface& i) { i.acl_out = AclId{2}; });
    CHECK(r.out(checked_udp("10.1.0.2", 5000, "203.0.113.9", 9, "x")));
    // An access list in sees global addresses.
    AclRule in;
    in.permit = true;
    in.selector.destination = ip("203.0.113.1");
    in.selector.destination_mask = mask_of(32);
    r.plane.publish_acl(AclId{3}, std::vector{in});
    r.change(2, [](Interface& i) { i.acl_in = AclId{3}; });
    CHECK(r.in(checked_udp("203.0.113.9", 9, "203.0.113.1", 5000, "x")));
}

}  // namespace viaduct::dataplane::test
