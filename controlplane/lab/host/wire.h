// The headers that a lab host reads and writes. Written for the host alone and on purpose not shared with the
// routers: a wrong field in one of them is not repaired by the same mistake in the other.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/base/address.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/strong.h"

namespace viaduct::lab {

inline constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherTypeArp = 0x0806;

struct EthernetView {
    MacAddress destination;
    MacAddress source;
    std::uint16_t type = 0;
    BytesView payload;  // with padding
};

std::optional<EthernetView> read_ethernet(BytesView frame);
Bytes write_ethernet(const EthernetView& frame);

struct ArpPacket {
    std::uint16_t operation = 1;  // 1 request, 2 reply
    MacAddress sender_mac;
    Ipv4Address sender;
    MacAddress target_mac;
    Ipv4Address target;
};

/// Ethernet and IPv4 only; trailing padding is allowed.
std::optional<ArpPacket> read_arp(BytesView packet);
Bytes write_arp(const ArpPacket& packet);

struct Ipv4View {
    std::uint8_t tos = 0;
    std::uint16_t id = 0;
    bool dont_fragment = false;
    bool more_fragments = false;
    std::uint16_t fragment_offset = 0;  // bytes
    std::uint8_t ttl = 64;
    IpProtocol protocol;
    Ipv4Address source;
    Ipv4Address destination;
    BytesView payload;  // without padding

    [[nodiscard]] bool is_fragment() const { return more_fragments || fragment_offset != 0; }
};

/// Nothing if the version, a length or the header checksum is wrong. Options are passed over.
std::optional<Ipv4View> read_ipv4(BytesView packet);
/// The same for the beginning of a packet inside an ICMP error: the payload may be cut, the checksum is not asked.
std::optional<Ipv4View> read_quoted_ipv4(BytesView packet);
Bytes write_ipv4(const Ipv4View& packet);

struct IcmpView {
    std::uint8_t type = 0;
    std::uint8_t code = 0;
    std::uint32_t rest = 0;  // echo: identifier and sequence; too big: the MTU in the low half
    BytesView payload;
};

inline constexpr std::uint8_t kIcmpEchoReply = 0;
inline constexpr std::uint8_t kIcmpUnreachable = 3;
inline constexpr std::uint8_t kIcmpRedirect = 5;
inline constexpr std::uint8_t kIcmpEcho = 8;
inline constexpr std::uint8_t kIcmpTimeExceeded = 11;
inline constexpr std::uint8_t kIcmpParameterProblem = 12;
inline constexpr std::uint8_t kIcmpTooBig = 4;  // code of kIcmpUnreachable
std::optional<IcmpView> read_icmp(BytesView message);
Bytes write_icmp(const IcmpView& message);

struct UdpView {
    L4Port source;
    L4Port destination;
    BytesView payload;
};

/// A checksum of 0 is "none" (RFC 768).
std::optional<UdpView> read_udp(Ipv4Address source, Ipv4Address destination, BytesView datagram);
Bytes write_udp(Ipv4Address source, Ipv4Address destination, const UdpView& datagram);

struct TcpView {
    L4Port source;
    L4Port destination;
    std::uint32_t sequence = 0;
    std::uint32_t acknowledgement = 0;
    bool fin = false;
    bool syn = false;
    bool reset = false;
    bool push = false;
    bool ack = false;
    std::uint16_t window = 0;
    std::optional<std::uint16_t> mss;  // option 2
    BytesView payload;
};

std::optional<TcpView> read_tcp(Ipv4Address source, Ipv4Address destination, BytesView segment);
Bytes write_tcp(Ipv4Address source, Ipv4Address destination, const TcpView& segment);

}  // namespace viaduct::lab
