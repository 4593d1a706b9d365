// EIGRP's wire format against captures of IOS and known digests, and every cut of every packet.
#include "controlplane/eigrp/wire.h"

#include <set>

#include <catch2/catch.hpp>

#include "controlplane/eigrp/auth.h"
#include "dataplane/base/random.h"
#include "pcap.h"

namespace viaduct::eigrp::test {
namespace {

std::vector<Captured> all_captures() {
    std::vector<Captured> out;
    if (const auto folder = captures()) {
        for (const auto* name : {"EIGRP_adjacency.pcap", "EIGRP_subnet_up.pcap"}) {
            const auto more = read_pcap(*folder / name);
            out.insert(out.end(), more.begin(), more.end());
        }
    }
    return out;
}

/// Writes a parsed packet again, in the order in which IOS has its TLVs.
Bytes rewrite(const Packet& p) {
    ByteWriter out;
    if (p.parameters) {
        write_parameters(out, *p.parameters);
    }
    if (p.version) {
        write_version(out, *p.version);
    }
    if (p.stub) {
        write_stub(out, *p.stub);
    }
    if (p.sequence_list) {
        write_sequence_list(out, *p.sequence_list);
    }
    if (p.next_multicast) {
        write_next_multicast(out, *p.next_multicast);
    }
    for (const auto& r : p.routes) {
        write_route(out, r);
    }
    return write_packet(p.header, out.view());
}

std::vector<Bytes> samples() {
    std::vector<Bytes> out;
    for (const auto style : {MetricStyle::classic, MetricStyle::wide}) {
        for (const bool external : {false, true}) {
            for (const unsigned length : {0U, 8U, 9U, 24U, 32U}) {
                RouteTlv t;
                t.style = style;
                t.prefix = {Ipv4Address(192, 168, 255, 255), length};
                t.next_hop = Ipv4Address(10, 0, 0, 9);
                t.metric = {delay_from_10us(50'000), 9, 1440, 3, 255, 1};
                if (style == MetricStyle::wide) {
                    t.originator = Ipv4Address(10, 0, 0, 1);
                }
                if (external) {
                    t.external = External{Ipv4Address(1, 2, 3, 4), 7, 77, 5, 3, 0};
                }
                ByteWriter body;
                write_route(body, t);
                CHECK(body.size() == route_bytes(t));
                out.push_back(write_packet({Opcode::update, 8, 5, 4, 0, Asn{90}}, body.view()));
            }
        }
    }
    ByteWriter hello;
    write_parameters(hello, {kDefaultK, 15});
    write_version(hello, {});
    write_stub(hello, kStubConnected | kStubSummary);
    write_sequence_list(hello, {Ipv4Address(10, 0, 0, 1), Ipv4Address(10, 0, 0, 2)});
    write_next_multicast(hello, 99);
    out.push_back(write_packet({Opcode::hello, 0, 0, 0, 0, Asn{90}}, hello.view()));
    return out;
}

TEST_CASE("D4: captures of IOS are read whole and written again to the byte") {
    const auto packets = all_captures();
    if (packets.empty()) {
        WARN("skipped: ../shared/fixtures/captures is not there");
        return;
    }
    CHECK(packets.size() == 68);
    for (const auto& c : packets) {
        CHECK(c.ttl == 2);
        CHECK(c.tos == 0xC0);
        const auto p = parse_packet(c.payload);
        REQUIRE(p);
        CHECK(p->unknown_tlvs == 0);
        CHECK(to_hex(rewrite(*p)) == to_hex(c.payload));
    }
}

TEST_CASE("what is written is read back") {
    for (const auto& bytes : samples()) {
        const auto p = parse_packet(bytes);
        REQUIRE(p);
        CHECK(rewrite(*p) == bytes);
    }
}

TEST_CASE("every cut of a packet is refused or is a whole packet of fewer TLVs") {
    auto list = samples();
    for (const auto& c : all_captures()) {
        list.push_back(c.payload);
    }
    for (const auto& bytes : list) {
        // Where TLVs end a packet may end too, when its checksum says so.
        std::set<std::size_t> ends{kHeaderBytes};
        for (std::size_t at = kHeaderBytes; at + 4 <= bytes.size();) {
            at += std::size_t{bytes[at + 2]} << 8U | bytes[at + 3];
            ends.insert(at);
        }
        for (std::size_t n = 0; n < bytes.size(); ++n) {
            Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
            if (n >= kHeaderBytes) {
                seal(cut);
                CHECK(parse_packet(cut).has_value() == ends.contains(n));
            }
        }
    }
}

TEST_CASE("absurd lengths and random bytes are refused without harm") {
    SeededRandom random(5);
    auto list = samples();
    for (int round = 0; round < 20000; ++round) {
        Bytes b = list[random.below(list.size())];
        const auto changes = 1 + random.below(4);
        for (std::uint64_t c = 0; c < changes; ++c) {
            b[kHeaderBytes + random.below(b.size() - kHeaderBytes)] =
                static_cast<std::uint8_t>(random.u32());
        }
        seal(b);
        const auto p = parse_packet(b);
        if (p) {
            for (const auto& r : p->routes) {
                CHECK(r.prefix.length() <= 32);
            }
        }
    }
    Bytes bad = list[0];
    bad[kHeaderBytes + 2] = 0;
    bad[kHeaderBytes + 3] = 3;
    seal(bad);
    CHECK(parse_packet(bad).error() == WireError::tlv_length);
    bad[kHeaderBytes + 2] = 0xFF;
    seal(bad);
    CHECK(parse_packet(bad).error() == WireError::tlv_length);
    bad[2] ^= 1U;
    CHECK(parse_packet(bad).error() == WireError::checksum);
    bad[0] = 1;
    CHECK(parse_packet(bad).error() == WireError::version);
}

// Digests of IOS 12.4 and 15.4 hellos, collected by the John the Ripper project.
TEST_CASE("D4: MD5 digests are those of IOS") {
    const auto check = [](const char* head, const char* rest, const char* key, const char* digest) {
        auto packet = from_hex(head);
        const auto d = from_hex(digest);
        packet.insert(packet.end(), d.begin(), d.end());
        const auto more = from_hex(rest);
        packet.insert(packet.end(), more.begin(), more.end());
        const Secret secret{as_bytes(key)};
        CHECK(key_id_of(packet) == 1U);
        CHECK(verify(packet, secret));
        auto again = packet;
        std::fill(again.begin() + 44, again.begin() + 60, std::uint8_t{0});
        sign(again, secret);
        CHECK(again == packet);
        packet[50] ^= 1U;
        CHECK_FALSE(verify(packet, secret));
        CHECK_FALSE(verify(again, Secret{as_bytes("other")}));
        for (std::size_t size = 0; size < 60; ++size) {
            CHECK_FALSE(key_id_of(BytesView{again}.first(size)));
        }
    };
    const char* as42 =
        "020500000000000000000000000000000000002a000200280002001000000001000000000000000000000000";
    const char* as1 =
        "0205000000000000000000000000000000000001000200280002001000000001000000000000000000000000";
    const char* hello = "0001000c010001000000000f0004000805000300";
    check(as42, hello, "password12345", "1a42aaf8ebe2f766100ea1fa05a5fa55");
    check(as42, hello, "1234567812345", "f29e7d44351d37e6fc71e2aacca63d28");
    check(as42, hello, "123456789012345678901234567890", "61f237e29d28538a372f01121f2cd12f");
    check(as1, hello, "ninja", "212acb1cb76b31a810a9752c5cf6f554");
    // A hello with a sequence TLV: 49 bytes of TLVs, of which the last 20 are not covered.
    check(as42,
          "0001000c010001000000000f000400080500030000f5000c0000000400000000"
          "00030009040a00000100050008"
          "00000019",
          "password12345",
          "560c87396267310978883da92c0cff90");
}

TEST_CASE("type 7 key strings") {
    const auto k = plain_key({7, "02050D480809"});
    REQUIRE(k);
    CHECK(std::string(k->view().begin(), k->view().end()) == "cisco");
    CHECK_FALSE(plain_key({7, "zz"}));
}

TEST_CASE("classic values survive the way through the wide units") {
    for (const std::uint32_t s : {1U, 3U, 2560U, 25600U, 28160U, 0xFFFFFFFEU}) {
        CHECK(classic_delay(delay_from_classic(s)) == s);
    }
    CHECK(classic_delay(kUnreachableDelay) == kClassicUnreachable);
    for (const std::uint32_t kbps : {9U, 56U, 64U, 1544U, 10'000U, 100'000U, 1'000'000U}) {
        const auto scaled = classic_bandwidth(kbps);
        CHECK(classic_bandwidth(bandwidth_from_classic(scaled)) == scaled);
    }
    CHECK(composite({delay_from_10us(100), 10'000, 1500, 0, 255, 1},
                    kDefaultK,
                    MetricStyle::classic) == 281'600);
    CHECK(composite({delay_from_10us(50'000), 9, 1500, 0, 255, 1},
                    kDefaultK,
                    MetricStyle::classic) == 297'244'416);
    // RFC 7868, 5.6.2: 10^7 * 65536 / 10^6 kbit/s + 10 us * 65536 / 10^6
    CHECK(composite({delay_from_10us(1), 1'000'000, 1500, 0, 255, 1},
                    kDefaultK,
                    MetricStyle::wide) == 655'360 + 655'360);
}

}  // namespace
}  // namespace viaduct::eigrp::test
