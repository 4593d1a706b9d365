// The last step of most packets: Ethernet header, buffer sealed, queued at the port.
#pragma once

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

}  // namespace viaduct::dataplane
