// EIGRP packets on the wire (RFC 7868, 6), from the EIGRP header on. Parsing gives a value or the
// name of what is wrong; writing gives bytes with a checksum.
//
//  0                   1                   2                   3
//  |Header Version | Opcode        |           Checksum            |
//  |                             Flags                             |
//  |                        Sequence Number                        |
//  |                    Acknowledgement number                     |
//  | Virtual Router ID             |   Autonomous system number    |   then TLVs
//
// Not supported: IPv6 and service families, topology ids other than 0, the community TLV 0104 and the
// extended attributes of wide routes (passed over), SHA-2 authentication.
#pragma once

#include <optional>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "controlplane/eigrp/metric.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/strong.h"

namespace viaduct::eigrp {

inline constexpr Ipv4Address kAllRouters{224, 0, 0, 10};
inline constexpr std::size_t kHeaderBytes = 20;
inline constexpr std::uint16_t kTlvAuthentication = 0x0002;
inline constexpr std::size_t kAuthenticationBytes = 40;
inline constexpr std::size_t kIpHeaderBytes = 20;

enum class Opcode : std::uint8_t {
    update = 1,
    request = 2,
    query = 3,
    reply = 4,
    hello = 5,
    sia_query = 10,
    sia_reply = 11,
};

inline constexpr std::uint32_t kFlagInit = 1;
inline constexpr std::uint32_t kFlagConditionalReceive = 2;
inline constexpr std::uint32_t kFlagRestart = 4;
inline constexpr std::uint32_t kFlagEndOfTable = 8;

/// Flags of a route TLV.
inline constexpr std::uint8_t kRouteSourceWithdraw = 1;
inline constexpr std::uint8_t kRouteCandidateDefault = 2;
inline constexpr std::uint8_t kRouteActive = 4;

/// TLV 0006: what a stub router advertises. The values are those of tshark's dissector.
inline constexpr std::uint16_t kStubConnected = 0x01;
inline constexpr std::uint16_t kStubStatic = 0x02;
inline constexpr std::uint16_t kStubSummary = 0x04;
inline constexpr std::uint16_t kStubRedistributed = 0x08;
inline constexpr std::uint16_t kStubReceiveOnly = 0x20;

struct Header {
    Opcode opcode = Opcode::hello;
    std::uint32_t flags = 0;
    std::uint32_t sequence = 0;  // 0: no acknowledgement wanted
    std::uint32_t ack = 0;  // 0: nothing is acknowledged
    std::uint16_t virtual_router = 0;
    Asn asn;

    bool operator==(const Header&) const = default;
};

struct Parameters {
    KValues k = kDefaultK;
    std::uint16_t hold_s = 15;

    bool operator==(const Parameters&) const = default;
};

/// TLV 0004, length 8 on the wire (RFC 7868's figure says 12; captures say 8).
struct SoftwareVersion {
    std::uint8_t os_major = 12;
    std::uint8_t os_minor = 4;
    std::uint8_t tlv_major = 1;
    std::uint8_t tlv_minor = 2;

    bool operator==(const SoftwareVersion&) const = default;
};

/// RFC 7868, 6.2.
enum class ExternalProtocol : std::uint8_t {
    igrp = 1,
    eigrp = 2,
    static_route = 3,
    rip = 4,
    hello = 5,
    ospf = 6,
    isis = 7,
    egp = 8,
    bgp = 9,
    idrp = 10,
    connected = 11,
};

struct External {
    Ipv4Address router_id;
    std::uint32_t asn = 0;
    std::uint32_t tag = 0;
    std::uint32_t metric = 0;
    std::uint8_t protocol = 0;
    std::uint8_t flags = 0;

    bool operator==(const External&) const = default;
};

/// One destination, of TLV 0102, 0103, 0602 or 0603.
struct RouteTlv {
    MetricStyle style = MetricStyle::classic;
    Ipv4Prefix prefix;
    Ipv4Address next_hop;  // 0.0.0.0: the sender
    Metric metric;
    std::uint8_t flags = 0;
    std::uint8_t internal_tag = 0;  // classic
    Ipv4Address originator;  // wide: router id
    std::optional<External> external;

    bool operator==(const RouteTlv&) const = default;
};

struct Packet {
    Header header;
    std::optional<Parameters> parameters;
    std::optional<SoftwareVersion> version;
    std::optional<std::vector<Ipv4Address>> sequence_list;  // TLV 0003
    std::optional<std::uint32_t> next_multicast;  // TLV 0005
    std::optional<std::uint16_t> stub;  // TLV 0006
    std::vector<Ipv4Address> terminated;  // TLV 0007
    bool authenticated = false;  // TLV 0002 with MD5 stands first
    std::vector<RouteTlv> routes;
    unsigned unknown_tlvs = 0;

    bool operator==(const Packet&) const = default;
};

/// Why a packet is no EIGRP packet of ours; each is a counter.
enum class WireError : std::uint8_t { truncated, version, checksum, tlv_length, prefix };

/// Longest packet that is looked at, and most routes in it.
inline constexpr std::size_t kMaximumPacketBytes = 65515;

/// "Malformed TLVs contained in EIGRP messages are handled by silently discarding the containing
/// message." (RFC 7868, 6.6): any bad length refuses the whole packet.
tl::expected<Packet, WireError> parse_packet(BytesView bytes);
/// Header only: enough to see whose packet it is. Checks version and checksum.
tl::expected<Header, WireError> parse_header(BytesView bytes);

std::string_view to_string(WireError e);

// Writing: TLVs are appended to a body; finish() puts the header before it.
void write_parameters(ByteWriter& out, const Parameters& p);
void write_version(ByteWriter& out, const SoftwareVersion& v);
void write_sequence_list(ByteWriter& out, const std::vector<Ipv4Address>& lagging);
void write_next_multicast(ByteWriter& out, std::uint32_t sequence);
void write_stub(ByteWriter& out, std::uint16_t flags);
void write_route(ByteWriter& out, const RouteTlv& route);
/// Bytes that write_route will append.
std::size_t route_bytes(const RouteTlv& route);

/// Header, TLVs, checksum. Authentication, if any, is put in by auth.h before the checksum.
Bytes write_packet(const Header& header, BytesView tlvs);
/// Computes the checksum of a whole packet and stores it.
void seal(Bytes& packet);

/// a comes before b in sequence numbers that wrap.
constexpr bool sequence_before(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::int32_t>(a - b) < 0;
}

}  // namespace viaduct::eigrp
