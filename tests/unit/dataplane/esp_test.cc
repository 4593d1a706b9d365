// ESP between two gateways: see gateways.h for the picture.
#include <set>

#include <catch2/catch.hpp>

#include "crypto/esp_reference.h"
#include "tests/unit/dataplane/gateways.h"

namespace viaduct::dataplane::test {

namespace {

using crypto::Auth;
using crypto::Cipher;

const UdpEncapsulation kNatT{L4Port{4500}, L4Port{4500}};

/// What arrives of a packet that crosses two routers.
Bytes after_two_hops(Bytes packet) {
    packet[8] = static_cast<std::uint8_t>(packet[8] - 2);
    packet[10] = packet[11] = 0;
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < (packet[0] & 0xFU) * 4U; i += 2) {
        sum += static_cast<std::uint32_t>(packet[i]) << 8U | packet[i + 1];
    }
    sum = (sum & 0xFFFFU) + (sum >> 16U);
    sum = (sum & 0xFFFFU) + (sum >> 16U);
    packet[10] = static_cast<std::uint8_t>(~sum >> 8U);
    packet[11] = static_cast<std::uint8_t>(~sum);
    return packet;
}

Bytes request(std::size_t length, std::uint16_t fragment = 0) {
    return udp_packet("10.1.0.2", "10.2.0.2", length, fragment);
}

/// The parts of an ESP packet on the wire.
struct Seen {
    Bytes outer;
    Bytes esp;
};

Seen split(const Bytes& packet, bool udp) {
    const std::ptrdiff_t at = 20 + (udp ? 8 : 0);
    return {Bytes(packet.begin(), packet.begin() + at), Bytes(packet.begin() + at, packet.end())};
}

}  // namespace

TEST_CASE("ESP, every cipher, tunnel and transport, with and without UDP: what goes in comes out") {
    struct Algorithms {
        Cipher cipher;
        Auth auth;
    };

    const auto algorithms = GENERATE(Algorithms{Cipher::aes_gcm_128, Auth::none},
                                     Algorithms{Cipher::aes_gcm_256, Auth::none},
                                     Algorithms{Cipher::aes_gmac_128, Auth::none},
                                     Algorithms{Cipher::aes_cbc_128, Auth::hmac_sha1_96},
                                     Algorithms{Cipher::aes_cbc_256, Auth::hmac_sha512_256},
                                     Algorithms{Cipher::tdes_cbc, Auth::hmac_md5_96},
                                     Algorithms{Cipher::des_cbc, Auth::hmac_sha256_128},
                                     Algorithms{Cipher::null, Auth::hmac_sha1_96},
                                     Algorithms{Cipher::aes_cbc_192, Auth::none});
    const auto udp = GENERATE(false, true);
    const auto tunnel = GENERATE(true, false);
    SaOptions o;
    o.cipher = algorithms.cipher;
    o.auth = algorithms.auth;
    o.tunnel_mode = tunnel;
    if (udp) {
        o.udp = kNatT;
    }
    if (!tunnel) {
        o.selector = between("192.0.2.1/32", "192.0.2.2/32");
    }
    INFO(info(o.cipher).ios_esp_name << " " << info(o.auth).ios_name << " udp " << udp << " tunnel "
                                     << tunnel);
    Gateways g;
    g.protect(o);
    g.install(o);
    const auto reference = crypto::EspReference::make(o.cipher,
                                                      o.auth,
                                                      g.a_to_b.parameters.cipher_key.view(),
                                                      g.a_to_b.parameters.auth_key.view());
    REQUIRE(reference);
    std::uint32_t sequence = 0;
    for (std::size_t length = 28; length < 300; length += 7) {
        ++sequence;
        Ip p;
        p.source = tunnel ? "10.1.0.2" : "192.0.2.1";
        p.destination = tunnel ? "10.2.0.2" : "192.0.2.2";
        p.tos = 0xB8;
        p.payload = viaduct::dataplane::test::udp(1000, 2000, counting(length - 28));
        const auto packet = p.build();
        g.wire_a_to_b.clear();
        if (tunnel) {
            g.a.receive(1, packet);
        } else {
            REQUIRE(g.a.plane.inject(packet, {}));
        }
        g.run();
        REQUIRE(g.wire_a_to_b.size() == 1);
        const auto seen = split(g.wire_a_to_b[0], udp);
        CHECK(is_valid_ip(g.wire_a_to_b[0]));
        CHECK(seen.outer[1] == 0xB8);
        CHECK(seen.outer[9] == (udp ? 17 : 50));
        ByteReader r(seen.esp);
        CHECK(r.u32() == g.a_to_b.parameters.spi.value());
        CHECK(r.u32() == sequence);
        // Another implementation opens it, and finds RFC 4303's trailer.
        const auto opened = reference->decrypt(seen.esp);
        REQUIRE(opened);
        const auto pad = (*opened)[opened->size() - 2];
        CHECK(opened->back() == (tunnel ? 4 : 17));
        for (std::size_t i = 0; i < pad; ++i) {
            CHECK((*opened)[opened->size() - 2 - pad + i] == i + 1);
        }
        if (tunnel) {
            const auto out = g.b.sent_ip(1);
            REQUIRE(out.size() == 1);
            CHECK(out[0] == after_two_hops(packet));
        } else {
            const auto punts = g.b.punts();
            REQUIRE(punts.size() == 1);
            CHECK(punts[0].reason == PuntReason::local);
            CHECK(punts[0].packet == packet);
            CHECK(punts[0].sa == g.a_to_b.inbound);
        }
    }
    CHECK(g.a.all_drops().empty());
    CHECK(g.b.all_drops().empty());
    const auto out = g.a.plane.sa_counters(g.a_to_b.outbound);
    const auto in = g.b.plane.sa_counters(g.a_to_b.inbound);
    CHECK(out.packets == sequence);
    CHECK(out.sequence == sequence);
    CHECK(in.packets == sequence);
    CHECK(in.bytes == out.bytes);
    CHECK(in.sequence == sequence);
    CHECK(in.last_used == g.b.now);
    const auto events = g.b.plane.take_events();
    REQUIRE(events.size() == 1);
    CHECK(events[0].kind == SaEvent::Kind::first_packet);
    CHECK(events[0].sa == g.a_to_b.inbound);
}

TEST_CASE("an empty slot drops and asks; set_slot(none) lets not one packet out in the clear") {
    Gateways g;
    g.protect();
    g.a.receive(1, request(100));
    g.run();
    CHECK(g.wire_a_to_b.empty());
    CHECK(g.a.all_drops() == "esp_out_no_sa=1");
    auto punts = g.a.punts();
    REQUIRE(punts.size() == 1);
    CHECK(punts[0].reason == PuntReason::acquire);
    CHECK(punts[0].slot == g.slot_a);
    CHECK(punts[0].cookie == 77);
    CHECK(punts[0].packet.size() == 100);
    g.install({});
    g.a.receive(1, request(100));
    g.run();
    CHECK(g.b.sent(1).size() == 1);
    g.a.plane.set_slot(g.slot_a, kNoSa);
    g.wire_a_to_b.clear();
    g.a.receive(1, request(100));
    g.run();
    CHECK(g.wire_a_to_b.empty());
    // Removing an SA empties the slots that name it.
    g.a.plane.set_slot(g.slot_a, g.a_to_b.outbound);
    g.a.plane.remove_sa(g.a_to_b.outbound);
    g.a.receive(1, request(100));
    g.run();
    CHECK(g.wire_a_to_b.empty());
    CHECK(g.a.drops("esp_out_no_sa") == 3);
}

TEST_CASE(
    "what should have been encrypted and was not is dropped; what belongs to security is not "
    "asked") {
    Gateways g;
    g.protect();
    g.install({});
    g.b.receive(2, request(100));
    g.b.run();
    CHECK(g.b.drops("policy_clear_text") == 1);
    CHECK(g.b.sent(1).empty());
    // Traffic that no rule names passes.
    g.b.receive(2, udp_packet("172.16.0.1", "10.2.0.2", 100));
    g.b.run();
    CHECK(g.b.sent(1).size() == 1);
    // "permit ip any any" does not shut out IKE and ESP.
    PolicyRule all;
    all.priority = 1;
    all.slot = g.slot_b;
    g.b.plane.publish_policy(PolicyId{1}, std::vector{all});
    Ip ike;
    ike.source = "192.0.2.1";
    ike.destination = "192.0.2.2";
    ike.payload = udp(500, 500, counting(100));
    g.b.receive(2, ike.build());
    g.b.run();
    CHECK(g.b.punts().size() == 1);
    g.a.receive(1, request(100));
    g.run();
    CHECK(g.b.sent(1).size() == 1);
    CHECK(g.b.drops("policy_clear_text") == 1);
}

TEST_CASE(
    "replays are dropped, reordering within the window is not, and the window's size is obeyed") {
    const auto window = GENERATE(64, 128, 256, 512, 1024);
    INFO(window);
    SaOptions o;
    o.replay_window = static_cast<std::uint16_t>(window);
    Gateways g;
    g.protect();
    g.install(o);
    std::vector<Bytes> frames;
    g.on_wire = [&](Bytes& f) {
        frames.push_back(f);
        return false;
    };
    const int count = 3 * window;
    for (int i = 0; i < count; ++i) {
        g.a.receive(1, request(60));
    }
    g.run();
    REQUIRE(frames.size() == static_cast<std::size_t>(count));
    const auto deliver = [&](int i) {
        g.b.receive_frame(2, frames[static_cast<std::size_t>(i)]);
        g.b.run();
        return g.b.sent(1).size() == 1;
    };
    CHECK(deliver(0));
    CHECK_FALSE(deliver(0));
    CHECK(g.b.drops("esp_in_replayed") == 1);
    CHECK(deliver(count - 1));
    CHECK(deliver(count - window));  // the oldest in the window
    CHECK_FALSE(deliver(count - window - 1));  // one too old
    CHECK(g.b.drops("esp_in_too_old") == 1);
    for (int i = count - 2; i > count - window; --i) {
        REQUIRE(deliver(i));
        REQUIRE_FALSE(deliver(i));
    }
    // Twice in one vector.
    g.on_wire = nullptr;
    g.a.receive(1, request(60));
    g.a.run();
    const auto twice = g.a.sent(2);
    g.b.receive_frame(2, twice.at(0));
    g.b.receive_frame(2, twice.at(0));
    g.b.run();
    CHECK(g.b.sent(1).size() == 1);
    CHECK(g.b.plane.sa_counters(g.a_to_b.inbound).replayed == g.b.drops("esp_in_replayed") + 1);
}

TEST_CASE("replay window 0 checks nothing") {
    SaOptions o;
    o.replay_window = 0;
    Gateways g;
    g.protect();
    g.install(o);
    g.a.receive(1, request(60));
    g.a.run();
    const auto frame = g.a.sent(2).at(0);
    for (int i = 0; i < 5; ++i) {
        g.b.receive_frame(2, frame);
    }
    g.b.run();
    CHECK(g.b.sent(1).size() == 5);
}

TEST_CASE("ESP in: every way to be wrong has its name") {
    Gateways g;
    g.protect();
    g.install({});
    g.a.receive(1, request(60));
    g.a.run();
    const auto good = g.a.sent_ip(2).at(0);
    const auto expect = [&](Bytes packet, std::string_view reason) {
        INFO(reason);
        // Right again in length and header checksum.
        if (packet.size() >= 20) {
            packet[2] = static_cast<std::uint8_t>(packet.size() >> 8U);
            packet[3] = static_cast<std::uint8_t>(packet.size());
            packet[8] = static_cast<std::uint8_t>(packet[8] + 2);
            packet = after_two_hops(packet);
        }
        const auto before = g.b.drops(reason);
        g.b.receive(2, packet);
        g.b.run();
        CHECK(g.b.drops(reason) == before + 1);
        CHECK(g.b.sent(1).empty());
    };
    expect(Bytes(good.begin(), good.begin() + 27), "esp_in_too_short");
    auto p = good;
    p[22] ^= 0xFF;
    expect(p, "esp_in_unknown_spi");
    p = good;
    p[23] ^= 0x01;  // the generation
    expect(p, "esp_in_unknown_spi");
    p = good;
    p[15] = 99;
    expect(p, "esp_in_wrong_source");
    p = good;
    p[16] = 10, p[17] = 2, p[18] = 0, p[19] = 1;  // another address of ours
    expect(p, "esp_in_wrong_destination");
    p = good;
    p[27] = 0;
    expect(p, "esp_in_sequence_zero");
    expect(Bytes(good.begin(), good.begin() + 20 + 8 + 8 + 16 + 1), "esp_in_bad_length");
    for (const std::size_t at : {24U, 28U, 40U, static_cast<unsigned>(good.size() - 1)}) {
        p = good;
        p[at] ^= 0x80;
        expect(p, at == 24 ? "esp_in_bad_icv" : "esp_in_bad_icv");
    }
    Ip wrapped;
    wrapped.source = "192.0.2.1";
    wrapped.destination = "192.0.2.2";
    wrapped.payload = udp(4500, 4500, BytesView(good).subspan(20));
    expect(wrapped.build(), "esp_in_encapsulation_mismatch");
    CHECK(g.b.plane.sa_counters(g.a_to_b.inbound).bad_icv == 4);
    // All that did not move the window: the good one still passes.
    g.b.receive(2, good);
    g.b.run();
    CHECK(g.b.sent(1).size() == 1);
    const auto punts = g.b.punts();
    REQUIRE(punts.size() == 2);
    CHECK(punts[0].reason == PuntReason::unknown_spi);
}

TEST_CASE("ESP in: what is inside is held against trailer, selector and mode") {
    Gateways g;
    g.protect();
    SaOptions o;
    o.cipher = Cipher::null;
    o.auth = Auth::hmac_sha1_96;
    g.install(o);
    const auto& sa = g.a_to_b.parameters;
    const auto reference = crypto::EspReference::make(sa.cipher, sa.auth, {}, sa.auth_key.view());
    REQUIRE(reference);
    std::uint32_t sequence = 0;
    const auto send = [&](BytesView payload_and_trailer) {
        ByteWriter w;
        w.u32(sa.spi.value()).u32(++sequence).bytes(payload_and_trailer);
        Ip p;
        p.source = "192.0.2.1";
        p.destination = "192.0.2.2";
        p.protocol = kProtoEsp;
        p.payload = reference->encrypt(w.view(), {}).value();
        g.b.receive(2, p.build());
        g.b.run();
    };
    const auto with_trailer = [](Bytes payload, BytesView trailer) {
        payload.insert(payload.end(), trailer.begin(), trailer.end());
        return payload;
    };
    send(with_trailer(request(32), Bytes{1, 2, 2, 4}));  // exactly as it should be, padded to 4
    send(with_trailer(request(34), Bytes{0, 4}));
    CHECK(g.b.sent(1).size() == 2);
    send(with_trailer(request(32), Bytes{1, 1, 2, 4}));
    CHECK(g.b.all_drops() == "esp_in_bad_padding=1");
    send(with_trailer(request(32), Bytes{1, 2, 200, 4}));
    CHECK(g.b.all_drops() == "esp_in_bad_padding=2");
    send(with_trailer(request(32), Bytes{1, 2, 2, 6}));
    CHECK(g.b.drops("esp_in_bad_next_header") == 1);
    send(with_trailer(Bytes(16), Bytes{1, 2, 2, 59}));
    CHECK(g.b.drops("esp_in_dummy") == 1);
    send(with_trailer(Bytes(16), Bytes{1, 2, 2, 4}));
    CHECK(g.b.drops("esp_in_bad_inner") == 1);
    auto longer = request(30);
    longer[3] = 31;
    send(with_trailer(longer, Bytes{0, 4}));
    CHECK(g.b.drops("esp_in_bad_inner") == 2);
    send(with_trailer(udp_packet("10.9.0.2", "10.2.0.2", 32), Bytes{1, 2, 2, 4}));
    send(with_trailer(udp_packet("10.1.0.2", "10.9.0.2", 32), Bytes{1, 2, 2, 4}));
    CHECK(g.b.drops("esp_in_bad_selector") == 2);
    CHECK(g.b.plane.sa_counters(g.a_to_b.inbound).bad_selector == 2);
    // The inner packet meets RFC 1812's checks like any other.
    auto sum = request(32);
    sum[10] ^= 1;
    send(with_trailer(sum, Bytes{1, 2, 2, 4}));
    CHECK(g.b.drops("ip4_input_bad_checksum") == 1);
    CHECK(g.b.sent(1).empty());
}

TEST_CASE(
    "N13: IPsec over UDP: ESP on the ports that control names, without a marker, and on no other") {
    const L4Port cisco{10000};
    SaOptions o;
    o.udp = UdpEncapsulation{cisco, cisco};
    Gateways g;
    g.protect();
    g.install(o);
    g.a.receive(1, request(60));
    g.a.run();
    const auto packets = g.a.sent_ip(2);
    REQUIRE(packets.size() == 1);
    CHECK(to_hex(BytesView(packets[0]).subspan(20, 4)) == "27102710");
    const auto to_b = [&](BytesView payload, std::uint16_t port) {
        Ip p;
        p.source = "192.0.2.1";
        p.destination = "192.0.2.2";
        p.payload = udp(10000, port, payload);
        g.b.receive(2, p.build());
        g.b.run();
    };
    const auto esp = BytesView(packets[0]).subspan(28);
    // Nobody has opened the port: it is a datagram for the router.
    to_b(esp, 10000);
    auto punts = g.b.punts();
    REQUIRE(punts.size() == 1);
    CHECK(punts[0].reason == PuntReason::local);
    g.b.plane.publish_esp_udp_ports(std::vector{L4Port{10001}, cisco});
    to_b(esp, 10000);
    CHECK(g.b.sent(1).size() == 1);
    CHECK(g.b.punts().empty());
    // No IKE here: four zero bytes are an SPI that nobody has.
    to_b(Bytes(40, 0), 10000);
    punts = g.b.punts();
    REQUIRE(punts.size() == 1);
    CHECK(punts[0].reason == PuntReason::unknown_spi);
    to_b(Bytes{0xFF}, 10001);
    CHECK(g.b.drops("udp_encap_keepalive") == 1);
    g.b.plane.publish_esp_udp_ports({});
    to_b(esp, 10000);
    CHECK(g.b.punts().size() == 1);
}

TEST_CASE("NAT-T: keepalive, marker, moved peers followed only by authenticated newer packets") {
    SaOptions o;
    o.udp = kNatT;
    Gateways g;
    g.protect();
    g.install(o);
    const auto to_b =
        [&](BytesView payload, std::uint16_t from = 4500, const char* source = "192.0.2.1") {
            Ip p;
            p.source = source;
            p.destination = "192.0.2.2";
            p.payload = udp(from, 4500, payload);
            g.b.receive(2, p.build());
            g.b.run();
        };
    to_b(Bytes{0xFF});
    CHECK(g.b.drops("udp_encap_keepalive") == 1);
    to_b(Bytes{0xFE});
    to_b(Bytes{});
    CHECK(g.b.drops("udp_encap_too_short") == 2);
    to_b(Bytes{1, 2, 3, 4, 5, 6, 7});
    CHECK(g.b.drops("esp_in_too_short") == 1);
    CHECK(g.b.punts().empty());
    to_b(Bytes{0, 0, 0, 0, 1, 2, 3});
    auto punts = g.b.punts();
    REQUIRE(punts.size() == 1);
    CHECK(punts[0].reason == PuntReason::ike);

    g.a.receive(1, request(60));
    g.a.receive(1, request(60));
    g.a.receive(1, request(60));
    g.a.run();
    const auto packets = g.a.sent_ip(2);
    REQUIRE(packets.size() == 3);
    CHECK(packets[0].size() == 20 + 8 + 8 + 8 + 64 + 16);
    CHECK(to_hex(BytesView(packets[0]).subspan(20, 8)) ==
          "119411940068"
          "0000");
    auto forged = Bytes(packets[1].begin() + 28, packets[1].end());
    forged[20] ^= 1;
    to_b(forged, 1025, "203.0.113.9");
    CHECK(g.b.drops("esp_in_bad_icv") == 1);
    CHECK(g.b.plane.take_events().empty());
    to_b(BytesView(packets[1]).subspan(28), 1025, "203.0.113.9");
    auto events = g.b.plane.take_events();
    REQUIRE(events.size() == 2);
    CHECK(events[0].kind == SaEvent::Kind::first_packet);
    CHECK(events[1].kind == SaEvent::Kind::peer_moved);
    CHECK(events[1].remote == ip("203.0.113.9"));
    CHECK(events[1].remote_port == L4Port{1025});
    // An older one, late, from yet another place: delivered, but the peer is not there.
    to_b(BytesView(packets[0]).subspan(28), 1026, "203.0.113.9");
    CHECK(g.b.plane.take_events().empty());
    CHECK(g.b.sent(1).size() == 2);
    // Control follows; answers go to the new place.
    g.b.plane.update_sa_remote(
        g.b_to_a.outbound, ip("203.0.113.9"), UdpEncapsulation{L4Port{4500}, L4Port{1025}});
    g.b.receive(1, udp_packet("10.2.0.2", "10.1.0.2", 60));
    g.b.run();
    const auto answer = g.b.sent_ip(2);
    REQUIRE(answer.size() == 1);
    CHECK(is_valid_ip(answer[0]));
    CHECK(to_hex(BytesView(answer[0]).subspan(16, 8)) == "cb00710911940401");
}

TEST_CASE("limits: soft and hard events once, the hard one stops, sequence numbers never wrap") {
    SaOptions o;
    o.soft_packets = 3;
    o.soft_bytes = 500;
    o.hard_bytes = 800;
    Gateways g;
    g.protect();
    g.install(o);
    for (int i = 0; i < 12; ++i) {
        g.a.receive(1, request(100));
    }
    g.run();
    const auto events = g.a.plane.take_events();
    REQUIRE(events.size() == 3);
    CHECK(events[0].kind == SaEvent::Kind::soft_limit);
    CHECK(events[1].kind == SaEvent::Kind::soft_limit);
    CHECK(events[2].kind == SaEvent::Kind::hard_limit);
    CHECK(g.wire_a_to_b.size() == 8);
    CHECK(g.a.drops("esp_out_hard_limit") == 4);
    CHECK(g.b.sent(1).size() == 8);
}

TEST_CASE("a thousand SAs: each packet by its own, SPIs of others' choice as well") {
    Gateways g;
    std::vector<PolicyRule> rules;
    std::vector<OneWay> ways;
    for (std::uint16_t i = 0; i < 1000; ++i) {
        SaOptions o;
        const auto subnet =
            "10." + std::to_string(100 + i / 250) + "." + std::to_string(i % 250) + ".0/24";
        o.selector = between("10.1.0.0/24", subnet);
        ways.push_back(connect(g.a, g.b, "192.0.2.1", "192.0.2.2", o, g.random));
        PolicyRule rule;
        rule.priority = i;
        rule.selector = o.selector;
        rule.slot = g.a.plane.add_slot();
        g.a.plane.set_slot(rule.slot, ways.back().outbound);
        rules.push_back(rule);
    }
    g.a.plane.publish_policy(PolicyId{1}, rules);
    g.a.change(2, [](Interface& i) { i.policy = PolicyId{1}; });
    g.b.add_route("10.100.0.0/14", g.b.add_neighbour(1, "10.2.0.2", 101));
    for (int i = 0; i < 1000; ++i) {
        g.a.receive(
            1,
            udp_packet("10.1.0.2",
                       "10." + std::to_string(100 + i / 250) + "." + std::to_string(i % 250) + ".1",
                       60));
    }
    g.run();
    CHECK(g.b.sent(1).size() == 1000);
    std::set<std::uint32_t> spis;
    for (const auto& p : g.wire_a_to_b) {
        ByteReader r(BytesView(p).subspan(20));
        spis.insert(r.u32());
    }
    CHECK(spis.size() == 1000);
    CHECK(g.b.plane.sa_counters(ways[500].inbound).packets == 1);
    // A manual SPI.
    const auto reserved = g.b.plane.reserve_inbound();
    auto manual = ways[3].parameters;
    manual.spi = Spi{0x100};
    auto in = manual;
    std::swap(in.local, in.remote);
    in.selector = mirror(in.selector);
    REQUIRE(g.b.plane.install_inbound(reserved->index, in));
    const auto out = g.a.plane.install_outbound(manual);
    REQUIRE(out);
    g.a.plane.set_slot(rules[3].slot, *out);
    g.a.receive(1, udp_packet("10.1.0.2", "10.100.3.1", 60));
    g.run();
    CHECK(g.b.sent(1).size() == 1);
    CHECK(g.b.plane.sa_counters(reserved->index).packets == 1);
    g.b.plane.remove_sa(reserved->index);
    g.a.receive(1, udp_packet("10.1.0.2", "10.100.3.1", 60));
    g.run();
    CHECK(g.b.drops("esp_in_unknown_spi") == 1);
}

TEST_CASE("SA table: full, released, given out again with another SPI") {
    PlaneOptions options;
    options.max_sas = 4;
    Router r(options);
    std::vector<InboundReservation> all;
    for (int i = 0; i < 4; ++i) {
        const auto one = r.plane.reserve_inbound();
        REQUIRE(one);
        all.push_back(*one);
    }
    CHECK_FALSE(r.plane.reserve_inbound());
    SaParameters p;
    p.cipher = Cipher::aes_gcm_128;
    p.cipher_key = Secret(counting(20));
    CHECK_FALSE(r.plane.install_outbound(p));
    r.plane.release_inbound(all[2].index);
    const auto again = r.plane.reserve_inbound();
    REQUIRE(again);
    CHECK(again->index == all[2].index);
    CHECK(again->spi != all[2].spi);
    p.cipher_key = Secret(counting(19));
    const auto wrong = r.plane.install_inbound(all[0].index, p);
    REQUIRE_FALSE(wrong);
    CHECK_FALSE(wrong.error().message.empty());
    CHECK_FALSE(r.plane.install_inbound(SaIndex{99}, p));
}

}  // namespace viaduct::dataplane::test
