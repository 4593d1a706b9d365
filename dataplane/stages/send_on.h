// The last step of most packets: Ethernet header, buffer sealed, queued at the port.
#pragma once

#include "dataplane/stages/fragment.h"
#include "dataplane/stages/stages.h"
#include "dataplane/wire/ethernet.h"

namespace viaduct::dataplane {

/// Every buffer has room for an Ethernet header before its IP header: it came with one, or the stage that
/// put headers in front left it.
inline void send_whole(Worker& w,
                       const PacketMeta& p,
                       std::uint16_t port,
                       const std::uint8_t* header) {
    auto* frame = p.l3 - wire::kEthernetBytes;
    std::memcpy(frame, header, wire::kEthernetBytes);
    const auto length = static_cast<std::uint16_t>(p.length + wire::kEthernetBytes);
    Packet{p.buffer}.seal(frame, length);
    w.send(port, p.buffer, length);
}

/// Cuts what the way out does not take whole (RFC 1812, section 5.2.6), or says so to the sender. A stage that sends at once
/// does this at once, too: else shorter packets behind would overtake, and a peer that looks at sequence numbers loses it.
inline void send_in_pieces(
    Worker& w, PacketMeta& p, std::uint16_t port, std::uint16_t mtu, const std::uint8_t* header) {
    if (dont_fragment(p)) {
        w.drop_and_punt(p, Drop::fragment_too_big, PuntReason::too_big, mtu);
        return;
    }
    fragment_packet(
        w, p, mtu, [&](const PacketMeta& piece) { send_whole(w, piece, port, header); });
}

}  // namespace viaduct::dataplane
