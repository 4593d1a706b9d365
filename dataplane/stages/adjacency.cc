// The way out of an Ethernet interface: MTU, Ethernet header, port.
#include "dataplane/stages/send_on.h"
#include "dataplane/stages/stages.h"
#include "dataplane/wire/ethernet.h"

namespace viaduct::dataplane {

namespace {

void send_with_header(
    Worker& w, PacketMeta& p, std::uint16_t port, std::uint16_t mtu, const std::uint8_t* header) {
    if (p.length <= mtu) [[likely]] {
        send_whole(w, p, port, header);
    } else {
        send_in_pieces(w, p, port, mtu, header);
    }
}

/// RFC 1112, section 6.4: "An IP host group address is mapped to an Ethernet multicast address by placing
/// the low-order 23-bits of the IP address into the low-order 23 bits of the Ethernet multicast address
/// 01-00-5E-00-00-00 (hex)."
void send_to_group(Worker& w, PacketMeta& p) {
    const auto& interface = w.interface(p.out);
    if (interface.port == kNoPort) {
        w.drop(p, Drop::adjacency_no_port);
        return;
    }
    std::uint8_t header[16]{};
    if (Ipv4Address{p.destination}.is_broadcast()) {
        std::memset(header, 0xFF, 6);
    } else {
        wire::write16(header, 0x0100);
        wire::write32(header + 2, 0x5E000000U | (p.destination & 0x007FFFFFU));
    }
    std::memcpy(header + 6, &interface.mac_word, 6);
    wire::write16(header + 12, wire::kEtherIpv4);
    send_with_header(w, p, interface.port, std::min(interface.mtu, interface.ip_mtu), header);
}

void send_one(Worker& w, PacketMeta& p) {
    if (p.has(kForcedOut) && p.next_hop == 0) {
        send_to_group(w, p);
        return;
    }
    const auto& hop = *w.next_hops.at(p.next_hop);
    if (hop.kind == NextHop::Kind::glean) {
        // The packet is control's now: it may hold it until the answer is there.
        w.punt(p, PuntReason::glean);
        return;
    }
    if (hop.port == kNoPort) {
        w.drop(p, Drop::adjacency_no_port);
        return;
    }
    send_with_header(w, p, hop.port, hop.mtu, hop.l2);
}

}  // namespace

void adjacency(Worker& w) {
    auto& f = w.frame;
    for (const auto at : f.adjacency.places()) {
        send_one(w, f[at]);
    }
    f.adjacency.clear();
}

}  // namespace viaduct::dataplane
