// Header, payload chain, attributes. The payloads' bodies stand in wire_payloads.cc.
#include "controlplane/ike/wire.h"

#include "dataplane/base/check.h"

namespace viaduct::ike {

namespace {

constexpr std::size_t kMaxPayloads = 64;
constexpr std::size_t kGenericHeaderBytes = 4;
constexpr std::uint16_t kBasicFlag = 0x8000;

}  // namespace

Bytes octets_of(Cookie cookie) {
    ByteWriter out;
    out.u64(cookie.value());
    return out.take();
}

Bytes octets_of(Spi spi) {
    ByteWriter out;
    out.u32(spi.value());
    return out.take();
}

std::string_view to_string(WireError error) {
    switch (error) {
    case WireError::truncated:
        return "truncated";
    case WireError::bad_version:
        return "bad version";
    case WireError::bad_length:
        return "bad length";
    case WireError::reserved_not_zero:
        return "reserved not zero";
    case WireError::bad_payload_length:
        return "bad payload length";
    case WireError::bad_body:
        return "bad payload";
    case WireError::trailing_bytes:
        return "trailing bytes";
    case WireError::too_many_payloads:
        return "too many payloads";
    }
    return "unknown";
}

Parsed<Header> parse_header(BytesView datagram) {
    ByteReader in(datagram);
    Header h;
    h.initiator = Cookie{in.u64()};
    h.responder = Cookie{in.u64()};
    h.next = PayloadType{in.u8()};
    h.version = in.u8();
    h.exchange = ExchangeType{in.u8()};
    h.flags = in.u8();
    h.message_id = MessageId{in.u32()};
    h.length = in.u32();
    if (!in.ok()) {
        return tl::unexpected(WireError::truncated);
    }
    if (h.version >> 4U != 1) {
        return tl::unexpected(WireError::bad_version);
    }
    if (h.length > datagram.size()) {
        return tl::unexpected(WireError::truncated);
    }
    if (h.length != datagram.size() || h.length > kMaxMessageBytes) {
        return tl::unexpected(WireError::bad_length);
    }
    return h;
}

Bytes write_message(Header header, BytesView body) {
    ByteWriter out;
    out.u64(header.initiator.value()).u64(header.responder.value());
    out.u8(static_cast<std::uint8_t>(header.next)).u8(header.version);
    out.u8(static_cast<std::uint8_t>(header.exchange)).u8(header.flags);
    out.u32(header.message_id.value());
    out.u32(static_cast<std::uint32_t>(kHeaderBytes + body.size()));
    out.bytes(body);
    return out.take();
}

const PayloadView* Chain::find(PayloadType type) const {
    for (const auto& p : payloads) {
        if (p.type == type) {
            return &p;
        }
    }
    return nullptr;
}

std::size_t Chain::count(PayloadType type) const {
    std::size_t n = 0;
    for (const auto& p : payloads) {
        n += p.type == type ? 1U : 0U;
    }
    return n;
}

Parsed<Chain> parse_chain(PayloadType first, BytesView bytes, Padding padding) {
    Chain chain;
    ByteReader in(bytes);
    auto type = first;
    while (type != PayloadType::none) {
        if (chain.payloads.size() == kMaxPayloads) {
            return tl::unexpected(WireError::too_many_payloads);
        }
        const PayloadType next{in.u8()};
        const auto reserved = in.u8();
        const auto length = in.u16();
        if (!in.ok()) {
            return tl::unexpected(WireError::truncated);
        }
        if (reserved != 0) {
            return tl::unexpected(WireError::reserved_not_zero);
        }
        if (length < kGenericHeaderBytes) {
            return tl::unexpected(WireError::bad_payload_length);
        }
        const auto body = in.bytes(length - kGenericHeaderBytes);
        if (!in.ok()) {
            return tl::unexpected(WireError::truncated);
        }
        chain.payloads.push_back({type, body, bytes.size() - in.remaining()});
        type = next;
    }
    if (padding == Padding::none && in.remaining() != 0) {
        return tl::unexpected(WireError::trailing_bytes);
    }
    return chain;
}

ChainWriter& ChainWriter::add(PayloadType type, BytesView body) {
    VIADUCT_CHECK(body.size() + kGenericHeaderBytes <= 0xFFFF);
    if (first_ == PayloadType::none) {
        first_ = type;
    } else {
        out_.patch_u8(last_at_, static_cast<std::uint8_t>(type));
    }
    last_at_ = out_.size();
    out_.u8(0).u8(0).u16(static_cast<std::uint16_t>(body.size() + kGenericHeaderBytes));
    out_.bytes(body);
    return *this;
}

std::optional<std::uint64_t> Attribute::number() const {
    if (const auto* basic_value = std::get_if<std::uint16_t>(&value)) {
        return *basic_value;
    }
    const auto& octets = std::get<Bytes>(value);
    if (octets.empty() || octets.size() > 8) {
        return std::nullopt;
    }
    std::uint64_t out = 0;
    for (const auto octet : octets) {
        out = out << 8U | octet;
    }
    return out;
}

std::vector<Attribute> read_attributes(ByteReader& reader) {
    std::vector<Attribute> out;
    while (reader.remaining() > 0) {
        const auto type = reader.u16();
        const auto second = reader.u16();
        Attribute attribute;
        attribute.type = type & static_cast<std::uint16_t>(~kBasicFlag);
        if ((type & kBasicFlag) != 0) {
            attribute.value = second;
        } else {
            const auto octets = reader.bytes(second);
            attribute.value = Bytes(octets.begin(), octets.end());
        }
        if (!reader.ok()) {
            return {};
        }
        out.push_back(std::move(attribute));
    }
    return out;
}

void write_attributes(ByteWriter& out, const std::vector<Attribute>& attributes) {
    for (const auto& a : attributes) {
        if (const auto* basic_value = std::get_if<std::uint16_t>(&a.value)) {
            out.u16(a.type | kBasicFlag).u16(*basic_value);
        } else {
            const auto& octets = std::get<Bytes>(a.value);
            out.u16(a.type).u16(static_cast<std::uint16_t>(octets.size())).bytes(octets);
        }
    }
}

}  // namespace viaduct::ike
