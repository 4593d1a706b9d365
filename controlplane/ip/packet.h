// IPv4, UDP and ICMP packets as values, for the control plane: parsed whole, written whole.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/base/address.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/strong.h"

namespace viaduct::ip {

/// An IPv4 packet (RFC 791). `payload` points into the bytes that were parsed.
struct Packet {
    std::uint8_t tos = 0;
    std::uint16_t id = 0;
    bool dont_fragment = false;
    bool more_fragments = false;
    std::uint16_t fragment_offset = 0;  // bytes
    std::uint8_t ttl = 255;
    IpProtocol protocol;
    Ipv4Address source;
    Ipv4Address destination;
    BytesView options;
    BytesView payload;
};

/// nullopt: too short, not version 4, a length or header checksum that is wrong.
std::optional<Packet> parse(BytesView bytes);
/// With checksum; options are not written.
Bytes write(const Packet& packet);

struct Udp {
    L4Port source;
    L4Port destination;
    BytesView payload;
};

/// nullopt: too short, a length that does not fit, or a checksum that is there and wrong (RFC 768).
std::optional<Udp> parse_udp(const Packet& packet);
/// UDP header and payload with checksum over the pseudo-header.
Bytes write_udp(Ipv4Address source, Ipv4Address destination, const Udp& udp);

}  // namespace viaduct::ip
