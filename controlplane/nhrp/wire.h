// NHRP packets on the wire (RFC 2332) with Cisco's extensions: parsing into values and building from
// them. IPv4 over an IPv4 NBMA network only. Knows nothing of caches, timers or routes.
//
//   fixed part                                     mandatory part (types 1–6)
//   |ar$afn 2 |ar$pro.type 2|ar$pro.snap 5|         |src proto len|dst proto len|flags 2|request id 4|
//   |ar$hopcnt 1|ar$pktsz 2|ar$chksum 2|            |source NBMA 4|source protocol 4|dest protocol 4|
//   |ar$extoff 2|ar$op.version 1|ar$op.type 1|      |CIE …
//   |ar$shtl 1|ar$sstl 1|                           extensions: |C|u|type 14|length 2|data …|
//
//   CIE: |code 1|prefix length 1|unused 2|MTU 2|holding time 2|addr T/L 1|saddr T/L 1|proto len 1|
//        |preference 1|NBMA 0 or 4|protocol 0 or 4|
//
// Type 7 (error indication) has error code and offset in place of flags and request id … and the
// offending packet behind the addresses; type 8 (Cisco's traffic indication) has the flags and the
// request id zero and the first bytes of the offending IP packet behind the addresses.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "dataplane/base/bytes.h"

namespace viaduct::nhrp {

enum class PacketType : std::uint8_t {
    resolution_request = 1,
    resolution_reply = 2,
    registration_request = 3,
    registration_reply = 4,
    purge_request = 5,
    purge_reply = 6,
    error_indication = 7,
    traffic_indication = 8,
};
inline constexpr std::size_t kPacketTypes = 9;  // for tables indexed by type

/// "Resolution Request", … as IOS's debug lines say.
std::string_view to_string(PacketType type);

/// RFC 2332, 5.2.0.1: the code of a client information entry in a reply.
enum class CieCode : std::uint8_t {
    success = 0,
    administratively_prohibited = 4,
    insufficient_resources = 5,
    no_binding = 12,
    binding_not_unique = 13,
    unique_already_registered = 14,
};
/// "no error", "administratively prohibited", … in IOS's words; "unknown" for other numbers.
std::string_view to_string(CieCode code);

/// RFC 2332, 5.2.7.
enum class ErrorCode : std::uint16_t {  // NOLINT(performance-enum-size): as on the wire
    unrecognized_extension = 1,
    loop_detected = 3,
    protocol_address_unreachable = 6,
    protocol_error = 7,
    sdu_size_exceeded = 8,
    invalid_extension = 9,
    invalid_resolution_reply = 10,
    authentication_failure = 11,
    hop_count_exceeded = 15,
};
std::string_view to_string(ErrorCode code);

// Flags of the mandatory part. The same bit means different things in different types.
inline constexpr std::uint16_t kRegistrationUnique = 0x8000;
inline constexpr std::uint16_t kResolutionRouter = 0x8000;  // Q: the source is a router
inline constexpr std::uint16_t kResolutionAuthoritative = 0x4000;  // A
inline constexpr std::uint16_t kResolutionDestinationStable = 0x2000;  // D
inline constexpr std::uint16_t kResolutionUnique = 0x1000;  // U
inline constexpr std::uint16_t kResolutionSourceStable = 0x0800;  // S
inline constexpr std::uint16_t kPurgeNoReply = 0x8000;  // N
inline constexpr std::uint16_t kNatSupported = 0x0002;  // Cisco: "nat", in every type with flags

inline constexpr std::uint8_t kPrefixUnique = 0xFF;  // one host, nobody else may register it

enum class ExtensionType : std::uint16_t {  // NOLINT(performance-enum-size): as on the wire
    end = 0,
    responder_address = 3,
    forward_transit = 4,
    reverse_transit = 5,
    authentication = 7,
    nat_address = 9,  // Cisco
};

struct Cie {
    std::uint8_t code = 0;
    std::uint8_t prefix_length = 0;
    std::uint16_t mtu = 0;
    std::uint16_t holding_time_s = 0;
    std::uint8_t preference = 0;
    std::optional<Ipv4Address> nbma;
    std::optional<Ipv4Address> protocol;

    bool operator==(const Cie&) const = default;
};

struct Extension {
    std::uint16_t type = 0;
    bool compulsory = true;
    Bytes data;

    bool operator==(const Extension&) const = default;
};

struct Packet {
    PacketType type = PacketType::resolution_request;
    std::uint8_t hop_count = 255;
    std::uint16_t flags = 0;
    std::uint32_t request_id = 0;
    std::uint16_t error_code = 0;  // type 7 only
    std::uint16_t error_offset = 0;  // type 7 only
    Ipv4Address source_nbma;
    Ipv4Address source_protocol;
    Ipv4Address destination_protocol;
    std::vector<Cie> cies;  // types 1–6
    Bytes contents;  // types 7 and 8: the packet that caused this one
    std::vector<Extension> extensions;  // in wire order, without the end

    [[nodiscard]] const Extension* find(ExtensionType wanted) const;
    [[nodiscard]] Extension* find(ExtensionType wanted);

    bool operator==(const Packet&) const = default;
};

/// Why bytes are no NHRP packet of ours. Each is a counter of the engine.
enum class ParseError : std::uint8_t {
    truncated,
    bad_length,
    bad_checksum,
    bad_version,
    bad_address_family,
    bad_address_length,
    unknown_type,
    bad_extension,
    too_many_entries,
};

inline constexpr std::size_t kMaxPacketBytes = 4096;
inline constexpr std::size_t kMaxCies = 32;  // in the mandatory part, and in one extension
inline constexpr std::size_t kMaxExtensions = 16;  // without the end

/// The whole packet, no byte more or less.
tl::expected<Packet, ParseError> parse(BytesView bytes);

/// Sizes, offsets and the checksum are computed here. The extensions part is written, with its end,
/// for every type but the error indication: those go to strangers, who must not see our password.
Bytes build(const Packet& packet);

/// The entries in an extension's data; nullopt if the data is anything else.
std::optional<std::vector<Cie>> parse_cies(BytesView data);
Extension make_extension(ExtensionType type, std::span<const Cie> cies);

/// IOS: cleartext authentication is a reserved half-word, SPI 1 and the string's bytes, without the
/// source address that RFC 2332 puts between and without padding (captures of real gear).
Extension make_authentication(std::string_view password);
/// True if the extension carries exactly this string; takes the same time wherever they differ.
bool authentication_matches(const Extension& extension, std::string_view password);

}  // namespace viaduct::nhrp
