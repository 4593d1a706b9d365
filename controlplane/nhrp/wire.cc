#include "controlplane/nhrp/wire.h"

#include <algorithm>

#include "dataplane/base/checksum.h"

namespace viaduct::nhrp {
namespace {

constexpr std::uint16_t kAfnIpv4 = 1;
constexpr std::uint16_t kProtocolIpv4 = 0x0800;
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kFixedBytes = 20;
constexpr std::size_t kPacketSizeAt = 10;
constexpr std::size_t kChecksumAt = 12;
constexpr std::size_t kExtensionOffsetAt = 14;
constexpr std::uint8_t kLengthBits = 0x3F;  // of a type/length byte: 0, type 1, length 6
constexpr std::uint16_t kCompulsory = 0x8000;
constexpr std::uint16_t kExtensionTypeBits = 0x3FFF;
constexpr std::uint16_t kSpiCleartext = 1;
constexpr std::size_t kMaxContents = 1500;

/// Length byte of an address: 0 (absent) or 4.
std::optional<Ipv4Address> read_address(ByteReader& reader, std::uint8_t length) {
    if (length == 0) {
        return std::nullopt;
    }
    if (length != 4) {
        reader.fail();
        return std::nullopt;
    }
    return reader.address();
}

std::optional<Cie> read_cie(ByteReader& reader) {
    Cie cie;
    cie.code = reader.u8();
    cie.prefix_length = reader.u8();
    reader.skip(2);
    cie.mtu = reader.u16();
    cie.holding_time_s = reader.u16();
    const std::uint8_t nbma_length = reader.u8() & kLengthBits;
    const std::uint8_t subaddress_length = reader.u8() & kLengthBits;
    const std::uint8_t protocol_length = reader.u8();
    cie.preference = reader.u8();
    if (subaddress_length != 0) {
        reader.fail();
    }
    cie.nbma = read_address(reader, nbma_length);
    cie.protocol = read_address(reader, protocol_length);
    return reader.ok() ? std::optional{cie} : std::nullopt;
}

void write_cie(ByteWriter& out, const Cie& cie) {
    out.u8(cie.code).u8(cie.prefix_length).u16(0).u16(cie.mtu).u16(cie.holding_time_s);
    out.u8(cie.nbma ? 4 : 0).u8(0).u8(cie.protocol ? 4 : 0).u8(cie.preference);
    if (cie.nbma) {
        out.address(*cie.nbma);
    }
    if (cie.protocol) {
        out.address(*cie.protocol);
    }
}

tl::expected<std::vector<Extension>, ParseError> read_extensions(BytesView bytes) {
    ByteReader reader(bytes);
    std::vector<Extension> out;
    while (true) {
        const std::uint16_t head = reader.u16();
        const std::uint16_t length = reader.u16();
        const BytesView data = reader.bytes(length);
        if (!reader.ok()) {
            return tl::unexpected(ParseError::bad_extension);
        }
        const auto type = static_cast<std::uint16_t>(head & kExtensionTypeBits);
        if (type == static_cast<std::uint16_t>(ExtensionType::end)) {
            // RFC 2332, 5.3.0: the end of the extensions is the last thing in the packet.
            if (length != 0 || !reader.done()) {
                return tl::unexpected(ParseError::bad_extension);
            }
            return out;
        }
        if (out.size() == kMaxExtensions) {
            return tl::unexpected(ParseError::too_many_entries);
        }
        out.push_back({type, (head & kCompulsory) != 0, Bytes(data.begin(), data.end())});
    }
}

struct FixedPart {
    std::uint8_t hop_count = 0;
    std::uint16_t extension_offset = 0;
    PacketType type = PacketType::resolution_request;
    std::uint8_t source_nbma_length = 0;
};

tl::expected<FixedPart, ParseError> read_fixed(BytesView bytes) {
    ByteReader reader(bytes);
    FixedPart out;
    const auto family = reader.u16();
    const auto protocol = reader.u16();
    reader.skip(5);  // ar$pro.snap: of no meaning with a short protocol type
    out.hop_count = reader.u8();
    const auto size = reader.u16();
    reader.skip(2);  // the checksum, which is checked over the whole
    out.extension_offset = reader.u16();
    const auto version = reader.u8();
    const auto type = reader.u8();
    out.source_nbma_length = reader.u8() & kLengthBits;
    const std::uint8_t subaddress_length = reader.u8() & kLengthBits;
    if (!reader.ok()) {
        return tl::unexpected(ParseError::truncated);
    }
    if (size != bytes.size() || size > kMaxPacketBytes) {
        return tl::unexpected(size > bytes.size() ? ParseError::truncated : ParseError::bad_length);
    }
    if (internet_checksum(bytes) != 0) {
        return tl::unexpected(ParseError::bad_checksum);
    }
    if (version != kVersion) {
        return tl::unexpected(ParseError::bad_version);
    }
    if (family != kAfnIpv4 || protocol != kProtocolIpv4) {
        return tl::unexpected(ParseError::bad_address_family);
    }
    if (type < 1 || type >= kPacketTypes) {
        return tl::unexpected(ParseError::unknown_type);
    }
    if (subaddress_length != 0) {
        return tl::unexpected(ParseError::bad_address_length);
    }
    out.type = static_cast<PacketType>(type);
    return out;
}

bool has_contents(PacketType type) {
    return type == PacketType::error_indication || type == PacketType::traffic_indication;
}

tl::expected<Packet, ParseError> read_mandatory(const FixedPart& fixed, BytesView bytes) {
    Packet packet;
    packet.type = fixed.type;
    packet.hop_count = fixed.hop_count;
    ByteReader reader(bytes);
    const auto source_length = reader.u8();
    const auto destination_length = reader.u8();
    if (fixed.type == PacketType::error_indication) {
        reader.skip(2);
        packet.error_code = reader.u16();
        packet.error_offset = reader.u16();
    } else {
        packet.flags = reader.u16();
        packet.request_id = reader.u32();
    }
    if (!reader.ok()) {
        return tl::unexpected(ParseError::truncated);
    }
    const bool sizes_known = source_length == 4 && destination_length == 4 &&
                             (fixed.source_nbma_length == 0 || fixed.source_nbma_length == 4);
    if (!sizes_known) {
        return tl::unexpected(ParseError::bad_address_length);
    }
    packet.source_nbma = read_address(reader, fixed.source_nbma_length).value_or(Ipv4Address{});
    packet.source_protocol = reader.address();
    packet.destination_protocol = reader.address();
    if (!reader.ok()) {
        return tl::unexpected(ParseError::truncated);
    }
    if (has_contents(fixed.type)) {
        const auto rest = reader.rest();
        packet.contents.assign(rest.begin(), rest.end());
        return packet;
    }
    while (reader.remaining() != 0) {
        if (packet.cies.size() == kMaxCies) {
            return tl::unexpected(ParseError::too_many_entries);
        }
        const auto cie = read_cie(reader);
        if (!cie) {
            return tl::unexpected(ParseError::truncated);
        }
        packet.cies.push_back(*cie);
    }
    return packet;
}

}  // namespace

std::string_view to_string(PacketType type) {
    switch (type) {
    case PacketType::resolution_request:
        return "Resolution Request";
    case PacketType::resolution_reply:
        return "Resolution Reply";
    case PacketType::registration_request:
        return "Registration Request";
    case PacketType::registration_reply:
        return "Registration Reply";
    case PacketType::purge_request:
        return "Purge Request";
    case PacketType::purge_reply:
        return "Purge Reply";
    case PacketType::error_indication:
        return "Error Indication";
    case PacketType::traffic_indication:
        return "Traffic Indication";
    }
    return "unknown";
}

std::string_view to_string(CieCode code) {
    switch (code) {
    case CieCode::success:
        return "no error";
    case CieCode::administratively_prohibited:
        return "administratively prohibited";
    case CieCode::insufficient_resources:
        return "insufficient resources";
    case CieCode::no_binding:
        return "no address binding exists";
    case CieCode::binding_not_unique:
        return "binding exists but is not unique";
    case CieCode::unique_already_registered:
        return "unique address registered already";
    }
    return "unknown";
}

std::string_view to_string(ErrorCode code) {
    switch (code) {
    case ErrorCode::unrecognized_extension:
        return "unrecognized extension";
    case ErrorCode::loop_detected:
        return "loop detected";
    case ErrorCode::protocol_address_unreachable:
        return "protocol address unreachable";
    case ErrorCode::protocol_error:
        return "protocol generic error";
    case ErrorCode::sdu_size_exceeded:
        return "sdu size exceeded";
    case ErrorCode::invalid_extension:
        return "invalid extension";
    case ErrorCode::invalid_resolution_reply:
        return "invalid resolution reply received";
    case ErrorCode::authentication_failure:
        return "authentication failure";
    case ErrorCode::hop_count_exceeded:
        return "hop count exceeded";
    }
    return "unknown";
}

const Extension* Packet::find(ExtensionType wanted) const {
    const auto it =
        std::ranges::find(extensions, static_cast<std::uint16_t>(wanted), &Extension::type);
    return it == extensions.end() ? nullptr : &*it;
}

Extension* Packet::find(ExtensionType wanted) {
    const auto it =
        std::ranges::find(extensions, static_cast<std::uint16_t>(wanted), &Extension::type);
    return it == extensions.end() ? nullptr : &*it;
}

tl::expected<Packet, ParseError> parse(BytesView bytes) {
    const auto fixed = read_fixed(bytes);
    if (!fixed) {
        return tl::unexpected(fixed.error());
    }
    // RFC 2332, 5.2: ar$extoff is 0 when there are no extensions.
    const std::size_t end = fixed->extension_offset == 0 ? bytes.size() : fixed->extension_offset;
    if (end < kFixedBytes || end > bytes.size()) {
        return tl::unexpected(ParseError::bad_length);
    }
    auto packet = read_mandatory(*fixed, bytes.subspan(kFixedBytes, end - kFixedBytes));
    if (!packet || fixed->extension_offset == 0) {
        return packet;
    }
    auto extensions = read_extensions(bytes.subspan(end));
    if (!extensions) {
        return tl::unexpected(extensions.error());
    }
    packet->extensions = std::move(*extensions);
    return packet;
}

Bytes build(const Packet& packet) {
    ByteWriter out;
    out.u16(kAfnIpv4).u16(kProtocolIpv4).zeros(5).u8(packet.hop_count);
    out.u16(0).u16(0).u16(0).u8(kVersion).u8(static_cast<std::uint8_t>(packet.type)).u8(4).u8(0);
    out.u8(4).u8(4);
    if (packet.type == PacketType::error_indication) {
        out.u16(0).u16(packet.error_code).u16(packet.error_offset);
    } else {
        out.u16(packet.flags).u32(packet.request_id);
    }
    out.address(packet.source_nbma).address(packet.source_protocol);
    out.address(packet.destination_protocol);
    for (const auto& cie : packet.cies) {
        write_cie(out, cie);
    }
    out.bytes(BytesView(packet.contents).first(std::min(packet.contents.size(), kMaxContents)));
    if (packet.type != PacketType::error_indication) {
        out.patch_u16(kExtensionOffsetAt, static_cast<std::uint16_t>(out.size()));
        for (const auto& extension : packet.extensions) {
            out.u16(static_cast<std::uint16_t>(extension.type |
                                               (extension.compulsory ? kCompulsory : 0U)));
            out.u16(static_cast<std::uint16_t>(extension.data.size())).bytes(extension.data);
        }
        out.u16(kCompulsory).u16(0);
    }
    out.patch_u16(kPacketSizeAt, static_cast<std::uint16_t>(out.size()));
    out.patch_u16(kChecksumAt, internet_checksum(out.view()));
    return out.take();
}

std::optional<std::vector<Cie>> parse_cies(BytesView data) {
    ByteReader reader(data);
    std::vector<Cie> out;
    while (reader.remaining() != 0) {
        const auto cie = out.size() < kMaxCies ? read_cie(reader) : std::nullopt;
        if (!cie) {
            return std::nullopt;
        }
        out.push_back(*cie);
    }
    return out;
}

Extension make_extension(ExtensionType type, std::span<const Cie> cies) {
    ByteWriter out;
    for (const auto& cie : cies) {
        write_cie(out, cie);
    }
    // IOS: all are compulsory but the NAT address (captures of real gear).
    return {static_cast<std::uint16_t>(type), type != ExtensionType::nat_address, out.take()};
}

Extension make_authentication(std::string_view password) {
    ByteWriter out;
    out.u16(0).u16(kSpiCleartext).text(password);
    return {static_cast<std::uint16_t>(ExtensionType::authentication), true, out.take()};
}

bool authentication_matches(const Extension& extension, std::string_view password) {
    ByteReader reader(extension.data);
    reader.skip(2);
    const auto spi = reader.u16();
    const auto text = reader.rest();
    if (!reader.ok() || spi != kSpiCleartext || text.size() != password.size()) {
        return false;
    }
    unsigned difference = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        difference |= static_cast<unsigned>(text[i] ^ static_cast<std::uint8_t>(password[i]));
    }
    return difference == 0;
}

}  // namespace viaduct::nhrp
