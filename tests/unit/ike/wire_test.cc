// ISAKMP on the wire: captures of real gear parse whole and are written back byte for byte; every
// truncation is refused.
#include "controlplane/ike/wire.h"

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "controlplane/ike/vendor_ids.h"

namespace viaduct::ike {

namespace {

const std::filesystem::path kCaptures = "../shared/fixtures/captures";

/// UDP payloads of port 500 and 4500 (without marker) of a classic pcap file of Ethernet frames.
std::vector<Bytes> isakmp_datagrams(const std::string& file) {
    auto path = kCaptures / file;
    if (const char* root = std::getenv("VIADUCT_SOURCE_ROOT")) {
        path = std::filesystem::path(root) / path;
    }
    std::ifstream in(path, std::ios::binary);
    std::vector<Bytes> out;
    const Bytes all{std::istreambuf_iterator<char>(in), {}};
    const auto number = [&](std::size_t at) {
        std::uint32_t value = 0;
        std::memcpy(&value, all.data() + at, 4);
        return all[0] == 0xA1 ? big_endian(value) : value;
    };
    for (std::size_t at = 24; at + 16 <= all.size();) {
        const auto length = number(at + 8);
        ByteReader frame(BytesView(all).subspan(at + 16, length));
        at += 16 + length;
        frame.skip(12);
        if (frame.u16() != 0x0800) {
            continue;
        }
        const auto ip_head = frame.u8();
        frame.skip(8);
        const auto protocol = frame.u8();
        frame.skip(10 + (ip_head & 0xFU) * 4U - 20U);
        const auto source = frame.u16();
        const auto destination = frame.u16();
        const auto udp_length = frame.u16();
        frame.skip(2);
        if (!frame.ok() || protocol != 17 || udp_length < 8) {
            continue;
        }
        auto payload = frame.bytes(udp_length - 8U);
        if (source == 4500 || destination == 4500) {
            if (payload.size() < 4 || payload[0] != 0 || payload[1] != 0 || payload[2] != 0 ||
                payload[3] != 0) {
                continue;  // ESP or keepalive
            }
            payload = payload.subspan(4);
        } else if (source != 500 && destination != 500) {
            continue;
        }
        out.emplace_back(payload.begin(), payload.end());
    }
    return out;
}

/// Parses all that is in the clear and writes it back.
Bytes again(const Bytes& datagram, std::size_t& n_payloads) {
    const auto header = parse_header(datagram);
    REQUIRE(header.has_value());
    const auto body = BytesView(datagram).subspan(kHeaderBytes);
    if (header->encrypted()) {
        return write_message(*header, body);
    }
    const auto chain = parse_chain(header->next, body, Padding::none);
    REQUIRE(chain.has_value());
    ChainWriter out;
    for (const auto& payload : chain->payloads) {
        ++n_payloads;
        if (payload.type == PayloadType::sa) {
            const auto sa = parse_sa(payload.body);
            REQUIRE(sa.has_value());
            out.add(payload.type, write_sa(*sa));
        } else {
            out.add(payload.type, payload.body);
        }
    }
    return write_message(*header, out.view());
}

template <typename Parse>
void every_prefix_is_refused(const Bytes& valid, Parse parse) {
    REQUIRE(parse(BytesView(valid)));
    for (std::size_t n = 0; n < valid.size(); ++n) {
        INFO("prefix of " << n << " octets");
        CHECK_FALSE(parse(BytesView(valid).first(n)));
    }
    auto longer = valid;
    longer.push_back(0);
    CHECK_FALSE(parse(BytesView(longer)));
}

}  // namespace

TEST_CASE("N2 N3: captures of real gear parse and are written back byte for byte") {
    const auto file = GENERATE(as<std::string>{}, "ISAKMP_sa_setup.pcap", "isakmp4500.pcap");
    const auto datagrams = isakmp_datagrams(file);
    if (datagrams.empty()) {
        WARN("skipped: ../shared/fixtures/captures is not there");
        return;
    }
    std::size_t n_payloads = 0;
    for (const auto& datagram : datagrams) {
        CHECK(again(datagram, n_payloads) == datagram);
    }
    CHECK(n_payloads >= 19);
}

TEST_CASE("N2: the vendor IDs of the IOS capture are known, its own is told by the cookie") {
    const auto datagrams = isakmp_datagrams("ISAKMP_sa_setup.pcap");
    if (datagrams.empty()) {
        WARN("skipped: ../shared/fixtures/captures is not there");
        return;
    }
    std::size_t ios = 0;
    std::size_t unknown = 0;
    for (const auto& datagram : datagrams) {
        const auto header = parse_header(datagram);
        if (header->encrypted()) {
            continue;
        }
        const auto chain =
            parse_chain(header->next, BytesView(datagram).subspan(kHeaderBytes), Padding::none);
        for (const auto& payload : chain->payloads) {
            if (payload.type != PayloadType::vendor_id) {
                continue;
            }
            if (is_ios_vendor_id(payload.body, header->initiator) ||
                is_ios_vendor_id(payload.body, header->responder)) {
                ++ios;
            } else if (!recognise_vendor_id(payload.body)) {
                ++unknown;
            }
        }
    }
    CHECK(ios == 2);
    CHECK(unknown == 0);
}

TEST_CASE("IKE wire: a header with another length, version or nothing behind it is refused") {
    Header h;
    h.initiator = Cookie{1};
    h.next = PayloadType::sa;
    const auto valid = write_message(h, Bytes(8));
    every_prefix_is_refused(valid, [](BytesView b) { return parse_header(b).has_value(); });
    auto other = valid;
    other[17] = 0x20;  // IKEv2
    CHECK(parse_header(other).error() == WireError::bad_version);
}

TEST_CASE("IKE wire: truncated bodies are refused") {
    SaBody sa;
    Proposal proposal;
    proposal.protocol = kProtocolEsp;
    proposal.spi = {1, 2, 3, 4};
    proposal.transforms.push_back({1, 12, {{4, std::uint16_t{1}}, {2, Bytes{0, 0x46, 0x50, 0}}}});
    proposal.transforms.push_back({2, 3, {{4, std::uint16_t{1}}}});
    sa.proposals = {proposal, proposal};
    every_prefix_is_refused(write_sa(sa), [](BytesView b) { return parse_sa(b).has_value(); });
    CHECK(parse_sa(write_sa(sa)).value() == sa);

    const Identity subnet{IdType::ipv4_subnet, 0, 0, {10, 1, 0, 0, 255, 255, 0, 0}};
    every_prefix_is_refused(write_identity(subnet),
                            [](BytesView b) { return parse_identity(b).has_value(); });
    CHECK(parse_identity(write_identity(subnet)).value() == subnet);

    Deletion d;
    d.protocol = kProtocolEsp;
    d.spis = {{1, 2, 3, 4}, {5, 6, 7, 8}};
    every_prefix_is_refused(write_deletion(d),
                            [](BytesView b) { return parse_deletion(b).has_value(); });
    CHECK(parse_deletion(write_deletion(d)).value() == d);

    Notification n;
    n.spi = Bytes(16, 7);
    const auto body = write_notification(n);
    for (std::size_t i = 0; i < body.size(); ++i) {
        CHECK_FALSE(parse_notification(BytesView(body).first(i)).has_value());
    }
    n.data = {0, 0, 0, 1};
    CHECK(parse_notification(write_notification(n)).value() == n);

    ConfigBody c;
    c.type = ConfigType::reply;
    c.identifier = 7;
    c.attributes = {{1, Bytes{10, 5, 5, 1}}};
    CHECK(parse_config(write_config(c)).value() == c);
    const auto config = write_config(c);
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK_FALSE(parse_config(BytesView(config).first(i)).has_value());
    }

    every_prefix_is_refused(write_nat_oa(Ipv4Address(10, 0, 0, 1)),
                            [](BytesView b) { return parse_nat_oa(b).has_value(); });
}

TEST_CASE(
    "IKE wire: a chain is refused at every truncation, with reserved octets, and beyond its "
    "limit") {
    ChainWriter chain;
    chain.add(PayloadType::key_exchange, Bytes(96, 3)).add(PayloadType::nonce, Bytes(20, 4));
    const Bytes valid(chain.view().begin(), chain.view().end());
    every_prefix_is_refused(valid, [&](BytesView b) {
        return parse_chain(chain.first(), b, Padding::none).has_value();
    });
    CHECK(parse_chain(PayloadType::nonce, Bytes{0, 1, 0, 4}, Padding::none).error() ==
          WireError::reserved_not_zero);
    CHECK(parse_chain(PayloadType::nonce, Bytes{0, 0, 0, 3}, Padding::none).error() ==
          WireError::bad_payload_length);
    ChainWriter many;
    for (int i = 0; i < 65; ++i) {
        many.add(PayloadType::vendor_id, Bytes(1));
    }
    CHECK(parse_chain(many.first(), many.view(), Padding::none).error() ==
          WireError::too_many_payloads);
}

}  // namespace viaduct::ike
