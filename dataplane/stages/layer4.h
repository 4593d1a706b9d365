// What the stages read of layer 4, bounds-checked.
#pragma once

#include "dataplane/packet.h"
#include "dataplane/tables/acl.h"
#include "dataplane/tables/policy.h"
#include "dataplane/wire/ipv4.h"
#include "dataplane/wire/udp.h"

namespace viaduct::dataplane {

/// True: at least `bytes` of layer 4 are in this packet, and it is not a later fragment.
inline bool has_layer4(const PacketMeta& p, std::size_t bytes) {
    return !p.has(kLaterFragment) && p.length >= p.header_bytes + bytes;
}

inline const std::uint8_t* layer4(const PacketMeta& p) {
    return p.l3 + p.header_bytes;
}

struct PortPair {
    std::uint16_t source = 0;
    std::uint16_t destination = 0;
};

/// Ports of TCP and UDP; for ICMP type and code stand as the destination port, as in RFC 4301, section
/// 4.4.1.1; 0 where there are none.
inline PortPair ports_of(const PacketMeta& p) {
    if (!has_layer4(p, 4)) {
        return {};
    }
    if (p.protocol == kProtoTcp.value() || p.protocol == kProtoUdp.value()) {
        return {wire::read16(layer4(p)), wire::read16(layer4(p) + 2)};
    }
    if (p.protocol == kProtoIcmp.value()) {
        return {0, wire::read16(layer4(p))};
    }
    return {};
}

inline FlowKey flow_of(const PacketMeta& p) {
    const auto ports = ports_of(p);
    return FlowKey::of(p.source, p.destination, p.protocol, ports.source, ports.destination);
}

/// The flow as the other direction would write it.
inline FlowKey mirrored_flow_of(const PacketMeta& p) {
    const auto ports = ports_of(p);
    return FlowKey::of(p.destination, p.source, p.protocol, ports.destination, ports.source);
}

inline bool fits(const PackedSelector& s, const PacketMeta& p) {
    if ((p.source & s.source_mask) != s.source ||
        (p.destination & s.destination_mask) != s.destination ||
        (!s.any_protocol && s.protocol != p.protocol)) {
        return false;
    }
    if (s.any_ports() || p.has(kLaterFragment)) {
        return true;
    }
    const auto ports = ports_of(p);
    return ports.source >= s.source_port_first && ports.source <= s.source_port_last &&
           ports.destination >= s.destination_port_first &&
           ports.destination <= s.destination_port_last;
}

}  // namespace viaduct::dataplane
