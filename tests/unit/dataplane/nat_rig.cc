#include "tests/unit/dataplane/nat_rig.h"

#include <catch2/catch.hpp>

namespace viaduct::dataplane::test {

namespace {

BytesView bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::size_t header_of(BytesView p) {
    return (p[0] & 0xFU) * std::size_t{4};
}

std::uint16_t layer4_sum(BytesView p) {
    const auto header = header_of(p);
    const auto body = p.subspan(header);
    if (p[9] == kProtoIcmp.value()) {
        return internet_checksum(body);
    }
    ByteWriter w;
    w.bytes(p.subspan(12, 8)).u8(0).u8(p[9]).u16(static_cast<std::uint16_t>(body.size()));
    w.bytes(body);
    return internet_checksum(w.view());
}

/// 0: none.
std::size_t checksum_at(BytesView p) {
    const auto header = header_of(p);
    return p[9] == kProtoTcp.value()    ? header + 16
           : p[9] == kProtoUdp.value()  ? header + 6
           : p[9] == kProtoIcmp.value() ? header + 2
                                        : 0;
}

void put16(Bytes& p, std::size_t at, std::uint16_t value) {
    p[at] = static_cast<std::uint8_t>(value >> 8U);
    p[at + 1] = static_cast<std::uint8_t>(value);
}

}  // namespace

Bytes with_checksums(Bytes p) {
    put16(p, 10, 0);
    put16(p, 10, internet_checksum(BytesView(p).first(header_of(p))));
    if (const auto at = checksum_at(p); at != 0) {
        put16(p, at, 0);
        const auto sum = layer4_sum(p);
        put16(p, at, sum == 0 && p[9] == kProtoUdp.value() ? std::uint16_t{0xFFFF} : sum);
    }
    return p;
}

bool checksums_are_right(BytesView p) {
    if (internet_checksum(p.first(header_of(p))) != 0) {
        return false;
    }
    const auto at = checksum_at(p);
    return at == 0 || layer4_sum(p) == 0;
}

Bytes with_ttl(Bytes p, std::uint8_t ttl) {
    p[8] = ttl;
    put16(p, 10, 0);
    put16(p, 10, internet_checksum(BytesView(p).first(header_of(p))));
    return p;
}

Bytes checked_udp(std::string_view from,
                  std::uint16_t from_port,
                  std::string_view to,
                  std::uint16_t to_port,
                  std::string_view payload) {
    Ip p;
    p.source = from;
    p.destination = to;
    p.payload = udp(from_port, to_port, bytes_of(payload));
    return with_checksums(p.build());
}

Bytes checked_tcp(std::string_view from,
                  std::uint16_t from_port,
                  std::string_view to,
                  std::uint16_t to_port,
                  std::uint8_t flags,
                  std::string_view payload,
                  std::uint32_t sequence,
                  std::uint32_t acknowledged) {
    Ip p;
    p.source = from;
    p.destination = to;
    p.protocol = kProtoTcp;
    p.payload = tcp(from_port, to_port, flags, {}, bytes_of(payload));
    auto whole = p.build();
    for (unsigned i = 0; i < 4; ++i) {
        whole[24 + i] = static_cast<std::uint8_t>(sequence >> (24 - 8 * i));
        whole[28 + i] = static_cast<std::uint8_t>(acknowledged >> (24 - 8 * i));
    }
    return with_checksums(whole);
}

Bytes icmp_echo(std::string_view from, std::string_view to, std::uint8_t type, std::uint16_t id) {
    Ip p;
    p.source = from;
    p.destination = to;
    p.protocol = kProtoIcmp;
    ByteWriter w;
    w.u8(type).u8(0).u16(0).u16(id).u16(1).bytes(counting(32));
    p.payload = w.take();
    return with_checksums(p.build());
}

Bytes icmp_error(std::string_view from,
                 std::string_view to,
                 std::uint8_t type,
                 std::uint8_t code,
                 BytesView packet,
                 std::size_t quoted) {
    Ip p;
    p.source = from;
    p.destination = to;
    p.protocol = kProtoIcmp;
    ByteWriter w;
    w.u8(type).u8(code).u16(0).u32(0).bytes(packet.first(std::min(quoted, packet.size())));
    p.payload = w.take();
    return with_checksums(p.build());
}

Bytes esp_packet(std::string_view from, std::string_view to, std::uint32_t spi) {
    Ip p;
    p.source = from;
    p.destination = to;
    p.protocol = kProtoEsp;
    ByteWriter w;
    w.u32(spi).u32(1).bytes(counting(40));
    p.payload = w.take();
    return p.build();
}

NatRig::NatRig(const PlaneOptions& options) : Router(options) {
    add_ethernet(1, "10.1.0.1/24");
    add_ethernet(2, "203.0.113.1/24");
    for (std::uint16_t i = 2; i < 10; ++i) {
        add_neighbour(1, "10.1.0." + std::to_string(i), static_cast<std::uint16_t>(100 + i));
    }
    const auto server = add_neighbour(2, "203.0.113.9", 209);
    add_neighbour(2, "203.0.113.8", 208);
    add_route("0.0.0.0/0", server);
    change(1, [](Interface& i) { i.nat_side = 1; });
    change(2, [](Interface& i) { i.nat_side = 2; });
    AclRule permit;
    permit.permit = true;
    plane.publish_acl(AclId{1}, std::vector{permit});
}

void NatRig::overload() {
    NatDynamic d;
    d.id = 7;
    d.match = AclId{1};
    d.out = IfIndex{2};
    d.range = {ip("203.0.113.1"), ip("203.0.113.1")};
    d.overload = true;
    policy.dynamics = {d};
    publish_policy();
}

std::optional<Bytes> NatRig::out(BytesView packet) {
    receive(1, packet);
    run();
    const auto all = sent_ip(2);
    REQUIRE(all.size() <= 1);
    return all.empty() ? std::nullopt : std::optional(all[0]);
}

std::optional<Bytes> NatRig::in(BytesView packet) {
    receive(2, packet);
    run();
    const auto all = sent_ip(1);
    REQUIRE(all.size() <= 1);
    return all.empty() ? std::nullopt : std::optional(all[0]);
}

Duration NatRig::idle_time() {
    const auto all = plane.nat_sessions(10);
    REQUIRE(all.size() == 1);
    const auto exact = all[0].expires - all[0].last_used;
    // Sessions count in units of 67 ms, and give the whole one.
    return std::chrono::round<std::chrono::seconds>(exact);
}

void NatRig::pass(Duration time) {
    now += time;
    run();
}

}  // namespace viaduct::dataplane::test
