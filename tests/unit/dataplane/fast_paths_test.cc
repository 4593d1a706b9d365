// The fused ways against the long ones: the same random packets by both, with the same outcome.
//
//     ESP ── plain header ───────▶ 2 [ fast ] 1 ──▶ 10.2.0.2
//     ESP ── an access list ─────▶ 2 [ slow ] 1 ──▶ 10.2.0.2     (no short way from ethernet to esp_in)
//     what is in it, in clear ───▶ 2 [ open ] 1 ──▶ 10.2.0.2     (ip4_input, where the header is unusual)
//     clear ──▶ 2 [ tunnel 9 ] ──▶ 2     with and without an access list on the way out
#include <catch2/catch.hpp>

#include "crypto/esp_reference.h"
#include "dataplane/base/checksum.h"
#include "tests/unit/dataplane/gateways.h"

namespace viaduct::dataplane::test {

namespace {

constexpr Spi kSpi{0x12345678};

SaParameters parameters(bool udp, const Selector& selector) {
    SeededRandom random{5};
    SaParameters p;
    p.spi = kSpi;
    p.local = ip("192.0.2.2");
    p.remote = ip("192.0.2.1");
    p.cipher = crypto::Cipher::aes_gcm_128;
    p.cipher_key = Secret(random.bytes(20));
    p.selector = selector;
    p.interface = IfIndex{2};
    if (udp) {
        p.udp = UdpEncapsulation{kPortNatT, kPortNatT};
    }
    return p;
}

/// A gateway with one SA; `access_list`: one that permits everything stands before it.
struct Receiver {
    explicit Receiver(bool access_list) {
        router.add_ethernet(1, "10.2.0.1/24");
        router.add_ethernet(2, "192.0.2.2/24");
        router.add_neighbour(1, "10.2.0.2", 101);
        if (access_list) {
            AclRule all;
            all.permit = true;
            router.plane.publish_acl(AclId{1}, std::vector{all});
            router.change(2, [](Interface& i) { i.acl_in = AclId{1}; });
        }
    }

    void install(const SaParameters& p) {
        const auto reserved = router.plane.reserve_inbound();
        REQUIRE(reserved);
        index = reserved->index;
        REQUIRE(router.plane.install_inbound(index, p));
    }

    /// All that can be seen of what happened to one packet.
    std::string outcome(const Bytes& packet) {
        router.plane.clear_counters();
        router.receive(2, packet);
        router.run();
        std::string out = router.all_drops();
        for (const std::uint16_t i : {1, 2}) {
            for (const auto& frame : router.sent(i)) {
                out += " sent " + std::to_string(i) + " " + hex(frame);
            }
        }
        for (const auto& punt : router.punts()) {
            out +=
                " punt " + std::to_string(static_cast<int>(punt.reason)) + " " + hex(punt.packet);
        }
        return out;
    }

    [[nodiscard]] std::string sa_counters() const {
        const auto c = router.plane.sa_counters(index);
        std::string out;
        for (const auto n :
             {c.packets, c.bytes, c.replayed, c.bad_icv, c.bad_selector, c.malformed, c.sequence}) {
            out += std::to_string(n) + " ";
        }
        return out;
    }

    static std::string hex(const Bytes& bytes) {
        constexpr const char* kDigits = "0123456789abcdef";
        std::string out;
        for (const auto b : bytes) {
            out += kDigits[b >> 4U];
            out += kDigits[b & 0xFU];
        }
        return out;
    }

    Router router;
    SaIndex index;
};

void mend_checksum(Bytes& packet) {
    packet[10] = packet[11] = 0;
    const auto header = std::min<std::size_t>((packet[0] & 0xFU) * 4U, packet.size());
    const auto sum = internet_checksum(BytesView(packet).first(header));
    packet[10] = static_cast<std::uint8_t>(sum >> 8U);
    packet[11] = static_cast<std::uint8_t>(sum);
}

/// A packet for 10.2.0.2, with something odd about most of them.
Bytes random_packet(Random& random) {
    static const char* const kAddresses[] = {"10.2.0.2",
                                             "10.2.0.9",
                                             "172.16.0.1",
                                             "127.0.0.1",
                                             "0.0.0.0",
                                             "224.0.0.5",
                                             "239.1.2.3",
                                             "240.0.0.1",
                                             "192.0.2.2",
                                             "10.2.0.1",
                                             "255.255.255.255"};
    const auto any_address = [&] { return kAddresses[random.below(std::size(kAddresses))]; };
    Ip p;
    p.source = random.below(4) == 0 ? any_address() : "10.1.0.2";
    p.destination = random.below(4) == 0 ? any_address() : "10.2.0.2";
    p.ttl = static_cast<std::uint8_t>(random.below(3) == 0 ? random.below(4) : 64);
    p.tos = static_cast<std::uint8_t>(random.below(256));
    p.protocol = random.below(2) == 0
                     ? kProtoUdp
                     : IpProtocol{static_cast<std::uint8_t>(100 + random.below(50))};
    if (random.below(8) == 0) {
        p.options = Bytes{1, 1, 1, 1};
    }
    if (random.below(8) == 0) {
        static constexpr std::uint16_t kOdd[] = {0x4000, 0x2000, 0x0010, 0x2005};
        p.fragment = kOdd[random.below(std::size(kOdd))];
    }
    p.payload = p.protocol == kProtoUdp ? udp(static_cast<std::uint16_t>(1000 + random.below(3)),
                                              2000,
                                              random.bytes(random.below(200)))
                                        : random.bytes(random.below(200));
    auto packet = p.build();
    switch (random.below(12)) {
    case 0:
        packet[10 + random.below(2)] ^= static_cast<std::uint8_t>(1 + random.below(255));
        break;
    case 1:
        packet[0] = static_cast<std::uint8_t>(random.below(256));
        mend_checksum(packet);
        break;
    case 2:
        packet[2] = static_cast<std::uint8_t>(random.below(2));
        packet[3] = static_cast<std::uint8_t>(random.below(256));
        mend_checksum(packet);
        break;
    case 3:  // traffic-flow confidentiality: bytes behind the packet
        packet.resize(packet.size() + 1 + random.below(40));
        break;
    default:
        break;
    }
    return packet;
}

/// The packet in ESP, made by the other implementation; sometimes damaged.
Bytes in_esp(const SaParameters& sa,
             std::uint32_t sequence,
             const Bytes& inner,
             Random& random,
             bool odd,
             std::uint8_t next = 4) {
    const auto reference =
        crypto::EspReference::make(sa.cipher, sa.auth, sa.cipher_key.view(), sa.auth_key.view());
    REQUIRE(reference);
    std::size_t padding = (4 - (inner.size() + 2) % 4) % 4;
    if (odd && random.below(4) == 0) {
        padding += 4 * random.below(60);
    }
    ByteWriter w;
    w.u32(kSpi.value()).u32(sequence).u64(0).bytes(inner);
    for (std::size_t i = 1; i <= padding; ++i) {
        w.u8(static_cast<std::uint8_t>(i));
    }
    w.u8(static_cast<std::uint8_t>(padding)).u8(next);
    auto plain = w.take();
    if (odd && random.below(10) == 0) {
        // Wrong padding, pad length or next header.
        plain[plain.size() - 1 - random.below(std::min<std::size_t>(plain.size() - 16, 6))] ^= 1;
    }
    const auto esp = reference->encrypt(plain, random.bytes(8));
    REQUIRE(esp);
    Ip outer;
    outer.source = "192.0.2.1";
    outer.destination = "192.0.2.2";
    outer.protocol = kProtoEsp;
    outer.payload = *esp;
    if (odd && random.below(10) == 0) {
        outer.payload[random.below(outer.payload.size())] ^= 0x40;
    }
    if (sa.udp) {
        outer.protocol = kProtoUdp;
        outer.payload = udp(4500, 4500, outer.payload);
    }
    if (odd && random.below(20) == 0) {
        outer.ttl = 1;  // for us: not asked
    }
    if (odd && random.below(20) == 0) {
        outer.source = "192.0.2.7";
    }
    if (odd && random.below(20) == 0) {
        outer.payload.resize(random.below(40));
    }
    return outer.build();
}

/// A router with a tunnel behind which 10.2.0.0/24 is; `access_list`: one that permits everything on the way
/// out, so that the outer packet goes by all stages.
struct Encapsulator : Receiver {
    Encapsulator(bool access_list, const TunnelParameters& t) : Receiver(false) {
        router.add_neighbour(2, "192.0.2.1", 2);
        Interface i;
        i.index = IfIndex{9};
        i.kind = InterfaceKind::tunnel_point_to_point;
        i.up = true;
        i.mtu = 17916;
        i.ip_mtu = 180;
        i.tunnel = t;
        router.add_interface(i);
        if (access_list) {
            AclRule all;
            all.permit = true;
            router.plane.publish_acl(AclId{1}, std::vector{all});
            router.change(2, [](Interface& out) { out.acl_out = AclId{1}; });
        }
        NextHop n;
        n.kind = NextHop::Kind::tunnel;
        n.interface = i.index;
        const auto tunnel = router.next_hop(n);
        router.add_route("10.2.0.0/24", tunnel);
        router.add_route("10.2.0.2/32", tunnel);
    }

    [[nodiscard]] std::string tunnel_counters() const {
        const auto c = router.plane.interface_counters(IfIndex{9});
        return std::to_string(c.out_packets) + " " + std::to_string(c.out_bytes);
    }
};

}  // namespace

TEST_CASE("GRE out: the outer packet leaves at once as it would by all stages") {
    TunnelParameters t;
    t.source = ip("192.0.2.2");
    t.destination = ip("192.0.2.1");
    t.path_mtu_discovery = GENERATE(false, true);
    const auto kind = GENERATE(0, 1, 2);
    if (kind == 1) {
        t.key = 7;
        t.tos = std::uint8_t{0x20};
    } else if (kind == 2) {
        t.key = 8;
        t.checksum = true;
        t.sequence = true;
    }
    Encapsulator fast{false, t};
    Encapsulator slow{true, t};
    SeededRandom random{13};
    int sent = 0;
    for (int i = 0; i < 1000; ++i) {
        const auto packet = random_packet(random);
        INFO("packet " << i << " " << Receiver::hex(packet));
        const auto outcome = fast.outcome(packet);
        REQUIRE(outcome == slow.outcome(packet));
        REQUIRE(fast.tunnel_counters() == slow.tunnel_counters());
        sent += outcome.starts_with(" sent") ? 1 : 0;
    }
    CHECK(sent > 200);
}

TEST_CASE(
    "ESP in: the short way from the wire and the one by all stages do the same to every packet") {
    const auto udp = GENERATE(false, true);
    auto selector = between("10.1.0.0/16", "10.2.0.0/16");
    selector.source_port_first = 1000;
    selector.source_port_last = 1001;
    const auto sa = parameters(udp, mirror(selector));
    Receiver fast{false};
    Receiver slow{true};
    fast.install(sa);
    slow.install(sa);
    SeededRandom random{11};
    std::uint32_t sequence = 1;
    for (int i = 0; i < 3000; ++i) {
        sequence += static_cast<std::uint32_t>(random.below(5) == 0 ? 0 : 1 + random.below(2));
        const auto back = random.below(10) == 0 ? random.below(80) : 0;
        const auto number = sequence > back ? sequence - static_cast<std::uint32_t>(back) : 0;
        const auto packet = in_esp(sa, number, random_packet(random), random, true);
        INFO("packet " << i << " " << Receiver::hex(packet));
        const auto outcome = fast.outcome(packet);
        REQUIRE(outcome == slow.outcome(packet));
        REQUIRE(fast.sa_counters() == slow.sa_counters());
    }
    // Most ways were gone: what was let through, and what was refused for each reason.
    const auto c = fast.router.plane.sa_counters(fast.index);
    CHECK(c.packets > 1000);
    CHECK(c.replayed > 100);
    CHECK(c.bad_icv > 50);
    CHECK(c.bad_selector > 50);
    CHECK(c.malformed > 50);
}

namespace {

/// A gateway with a protected tunnel; `access_list`: one that permits everything on the outside interface and on the
/// tunnel, so that GRE goes by ip4_input and `local`, and what is in it by all stages. Behind 10.3.0.0/24 is the tunnel itself: what comes out of it goes into it again.
struct ProtectedReceiver : Receiver {
    explicit ProtectedReceiver(bool access_list) : Receiver(access_list) {
        router.add_neighbour(2, "192.0.2.1", 2);
        Interface i;
        i.index = IfIndex{9};
        i.kind = InterfaceKind::tunnel_point_to_point;
        i.up = true;
        i.mtu = 17916;
        i.ip_mtu = 1400;
        i.tunnel.source = ip("192.0.2.2");
        i.tunnel.destination = ip("192.0.2.1");
        i.tunnel.key = 7;
        i.tunnel.protected_by_ipsec = true;
        router.add_interface(i);
        if (access_list) {
            router.change(9, [](Interface& tunnel) { tunnel.acl_in = AclId{1}; });
        }
        NextHop n;
        n.kind = NextHop::Kind::tunnel;
        n.interface = i.index;
        router.add_route("10.3.0.0/24", router.next_hop(n));
    }

    [[nodiscard]] std::string tunnel_counters() const {
        const auto c = router.plane.interface_counters(IfIndex{9});
        return std::to_string(c.in_packets) + " " + std::to_string(c.in_bytes) + " " +
               std::to_string(c.in_drops);
    }
};

}  // namespace

/// Mostly right.
Bytes in_gre(const Bytes& inner, Random& random) {
    ByteWriter w;
    const auto odd = random.below(12);
    w.u16(odd == 0 ? std::uint16_t{0} : std::uint16_t{0x2000});
    w.u16(odd == 1   ? std::uint16_t{0x2001}
          : odd == 2 ? std::uint16_t{0x86DD}
                     : std::uint16_t{0x0800});
    w.u32(odd == 3 ? 8 : 7).bytes(inner);
    auto out = w.take();
    if (odd == 4) {
        out.resize(random.below(out.size()));
    }
    return out;
}

TEST_CASE("GRE in a protected tunnel: from esp_in at once as by all stages") {
    auto sa = parameters(GENERATE(false, true), Selector{});
    sa.tunnel_mode = false;
    sa.protects_tunnel = true;
    sa.interface = IfIndex{9};
    ProtectedReceiver fast{false};
    ProtectedReceiver slow{true};
    fast.install(sa);
    slow.install(sa);
    SeededRandom random{14};
    int sent = 0;
    for (int i = 0; i < 3000; ++i) {
        auto inner = random_packet(random);
        if (inner.size() >= 20 && random.below(8) == 0) {
            inner[17] = 3;  // to 10.3.0.0/24
            mend_checksum(inner);
        }
        const auto next = static_cast<std::uint8_t>(random.below(20) == 0 ? 4 : kProtoGre.value());
        const auto packet = in_esp(sa,
                                   static_cast<std::uint32_t>(i + 1),
                                   in_gre(inner, random),
                                   random,
                                   random.below(2) == 0,
                                   next);
        INFO("packet " << i << " " << Receiver::hex(packet));
        const auto outcome = fast.outcome(packet);
        REQUIRE(outcome == slow.outcome(packet));
        REQUIRE(fast.tunnel_counters() == slow.tunnel_counters());
        REQUIRE(fast.sa_counters() == slow.sa_counters());
        sent += outcome.starts_with(" sent") ? 1 : 0;
    }
    CHECK(sent > 500);
}

TEST_CASE("what an ESP tunnel brought meets the same checks as what came in clear") {
    const auto mss = GENERATE(false, true);  // with it, packets go by input_features
    Selector any;
    const auto sa = parameters(false, any);
    Receiver tunnel{false};
    Receiver open{false};
    tunnel.install(sa);
    if (mss) {
        tunnel.router.change(2, [](Interface& i) { i.tcp_mss = 1000; });
    }
    SeededRandom random{12};
    int forwarded = 0;
    for (int i = 0; i < 3000; ++i) {
        const auto inner = random_packet(random);
        INFO("packet " << i << " " << Receiver::hex(inner));
        auto clear = open.outcome(inner);
        const auto number = static_cast<std::uint32_t>(i + 1);
        const auto decrypted = tunnel.outcome(in_esp(sa, number, inner, random, false));
        // ESP has one name for what ip4_input has four for.
        for (const auto* reason : {"ip4_input_too_short=1",
                                   "ip4_input_bad_version=1",
                                   "ip4_input_bad_header_length=1",
                                   "ip4_input_bad_total_length=1"}) {
            clear = clear == reason ? "esp_in_bad_inner=1" : clear;
        }
        REQUIRE(decrypted == clear);
        forwarded += clear.starts_with(" sent") ? 1 : 0;
    }
    CHECK(forwarded > 500);
}

}  // namespace viaduct::dataplane::test
