// Ethernet in, with the short ways through. A packet that came in by an interface without features and
// leaves by another such one is checked, looked up, rewritten and queued here, without metadata. One for
// this router that input_features would let through unseen goes to `local`, or to `esp_in` at once.
#include "dataplane/wire/ethernet.h"

#include <array>

#include "dataplane/stages/ip4_checks.h"
#include "dataplane/stages/stages.h"
#include "dataplane/wire/esp.h"
#include "dataplane/wire/ipv4.h"
#include "dataplane/wire/udp.h"

namespace viaduct::dataplane {

namespace {

constexpr std::size_t kPrefetchHeaders = 8;  // packets ahead
constexpr std::size_t kPrefetchData = 4;
constexpr std::uint64_t kMacMask = 0x0000FFFFFFFFFFFFU;

/// A packet that passed the checks of the fused pass.
struct Quick {
    rte_mbuf* buffer;
    std::uint8_t* ip;
    std::uint32_t destination;
    std::uint16_t length;
    RouteTable::Entry entry;
    const NextHopRecord* next_hop;
    std::uint32_t next_hop_id;
};

PacketMeta& place(Worker& w,
                  Vector& vector,
                  rte_mbuf* buffer,
                  std::uint8_t* ip,
                  std::uint16_t length,
                  std::uint16_t in) {
    const auto at = w.frame.take();
    auto& p = w.frame[at];
    p = PacketMeta{};
    p.buffer = buffer;
    p.l3 = ip;
    p.length = length;
    p.in = in;
    vector.push(at);
    return p;
}

bool is_fragment(const std::uint8_t* ip) {
    constexpr unsigned kAnyFragment = wire::kIpMoreFragments | wire::kIpOffsetMask;
    return (wire::read16(ip + wire::kIpFragment) & kAnyFragment) != 0;
}

/// A whole packet of ESP, or of UDP to port 4500.
bool is_esp_or_nat_t(const std::uint8_t* ip, std::uint16_t length) {
    const auto protocol = ip[wire::kIpProtocol];
    if (protocol == kProtoEsp.value()) {
        return !is_fragment(ip);
    }
    return protocol == kProtoUdp.value() && length >= wire::kIpv4Bytes + wire::kUdpBytes &&
           wire::read16(ip + wire::kIpv4Bytes + 2) == kPortNatT.value() && !is_fragment(ip);
}

/// The same for a packet that is_plain() has looked at.
inline PacketMeta& place_plain(Worker& w, Vector& vector, const Quick& q, std::uint16_t in) {
    const auto at = w.frame.take();
    auto& p = w.frame[at];
    p = PacketMeta{};
    p.buffer = q.buffer;
    p.l3 = q.ip;
    p.source = wire::read32(q.ip + wire::kIpSource);
    p.destination = q.destination;
    p.length = q.length;
    p.in = in;
    p.protocol = q.ip[wire::kIpProtocol];
    const auto fragment = wire::read16(q.ip + wire::kIpFragment);
    constexpr unsigned kAnyFragment = wire::kIpMoreFragments | wire::kIpOffsetMask;
    if ((fragment & kAnyFragment) != 0) [[unlikely]] {
        p.set((fragment & wire::kIpOffsetMask) != 0 ? kFragment | kLaterFragment : kFragment);
    }
    vector.push(at);
    return p;
}

void drop_frame(Worker& w, rte_mbuf* buffer, std::uint16_t in, Drop reason) {
    w.tally(in).in_drops.add(1);
    w.drop_buffer(buffer, reason);
}

/// Everything but a plain unicast IPv4 packet for our address on this wire. Stands apart: within the loop over
/// plain packets it would take their registers.
[[gnu::noinline]] void classify(Worker& w, rte_mbuf* buffer, const InterfaceRecord& in) {
    const Packet packet{buffer};
    const auto interface = in.index.value();
    if (packet.length() < wire::kEthernetBytes) {
        drop_frame(w, buffer, interface, Drop::ethernet_runt);
        return;
    }
    const auto header = wire::read<wire::Ethernet>(packet.data());
    const bool multicast = (header.destination[0] & 1U) != 0;
    std::uint64_t destination = 0;
    std::memcpy(&destination, header.destination, sizeof(header.destination));
    if (multicast) {
        w.tally(interface).in_multicasts.add(1);
    } else if (destination != in.mac_word) {
        drop_frame(w, buffer, interface, Drop::ethernet_not_for_us);
        return;
    }
    auto* payload = packet.data() + wire::kEthernetBytes;
    const auto length = static_cast<std::uint16_t>(packet.length() - wire::kEthernetBytes);
    switch (header.type.value()) {
    case wire::kEtherIpv4: {
        auto& p = place(w, w.frame.ip4_input, buffer, payload, length, interface);
        if (multicast) {
            p.set(kLinkBroadcast);
        }
        return;
    }
    case wire::kEtherArp: {
        constexpr std::uint16_t kArpBytes = 28;
        if (length < kArpBytes) {
            drop_frame(w, buffer, interface, Drop::arp_truncated);
            return;
        }
        PacketMeta p;
        p.buffer = buffer;
        p.l3 = packet.data();
        p.length = packet.length();
        p.in = interface;
        w.punt(p, PuntReason::arp);
        return;
    }
    case wire::kEtherVlan:
    case wire::kEtherQinQ:
        drop_frame(w, buffer, interface, Drop::ethernet_vlan);
        return;
    default:
        drop_frame(w, buffer, interface, Drop::ethernet_unknown_type);
    }
}

/// The checks that a plain packet passes: Ethernet to us, IPv4 without options, whole, right checksum,
/// no address that is never forwarded.
inline bool is_plain(const std::uint8_t* frame,
                     std::uint16_t frame_length,
                     std::uint64_t mac_word,
                     Quick& q) {
    std::uint64_t destination_mac = 0;
    std::memcpy(&destination_mac, frame, sizeof(destination_mac));
    std::uint16_t type = 0;
    std::memcpy(&type, frame + 12, sizeof(type));
    const auto* ip = frame + wire::kEthernetBytes;
    const auto source = wire::read32(ip + wire::kIpSource);
    q.destination = wire::read32(ip + wire::kIpDestination);
    q.length = wire::read16(ip + wire::kIpTotalLength);
    const std::uint64_t wrong = ((destination_mac & kMacMask) ^ mac_word) |
                                static_cast<std::uint64_t>(type ^ big_endian(wire::kEtherIpv4)) |
                                unusual(ip, source, q.destination);
    return wrong == 0 && q.length >= wire::kIpv4Bytes &&
           q.length + wire::kEthernetBytes <= frame_length;
}

/// First pass: checks. What is not plain goes its own way; returns the number of plain packets.
std::size_t check_frames(Worker& w,
                         std::span<rte_mbuf*> frames,
                         const InterfaceRecord& in,
                         std::array<Quick, kVector>& quick) {
    const auto count = frames.size();
    auto* const* const buffers = frames.data();
    const auto mac_word = in.mac_word;
    const auto routes = w.routes;
    std::uint64_t bytes = 0;
    auto* q = quick.data();
    for (std::size_t i = 0; i < std::min(count, kPrefetchHeaders); ++i) {
        prefetch(buffers[i]);
    }
    for (std::size_t i = 0; i < std::min(count, kPrefetchData); ++i) {
        prefetch(Packet{buffers[i]}.data());
    }
    const auto check = [&](rte_mbuf* buffer) {
        const Packet packet{buffer};
        auto* data = packet.data();
        const auto length = packet.length();
        bytes += length;
        if (is_plain(data, length, mac_word, *q)) [[likely]] {
            q->buffer = buffer;
            q->ip = data + wire::kEthernetBytes;
            prefetch(routes.root_entry(q->destination));
            ++q;
        } else {
            classify(w, buffer, in);
        }
    };
    std::size_t i = 0;
    for (; i + kPrefetchHeaders < count; ++i) {
        prefetch(buffers[i + kPrefetchHeaders]);
        prefetch(Packet{buffers[i + kPrefetchData]}.data());
        check(buffers[i]);
    }
    for (; i < count; ++i) {
        if (i + kPrefetchData < count) {
            prefetch(Packet{buffers[i + kPrefetchData]}.data());
        }
        check(buffers[i]);
    }
    auto& t = w.tally(in.index.value());
    t.in_packets.add(count);
    t.in_bytes.add(bytes);
    return static_cast<std::size_t>(q - quick.data());
}

/// Second and third pass: the trie's levels one after another over all packets, so that a vector's
/// misses overlap.
void look_up(const Worker& w, std::span<Quick> quick) {
    const auto routes = w.routes;
    const auto next_hops = w.next_hops;
    for (auto& q : quick) {
        q.entry = routes.start(q.destination);
    }
    for (auto& q : quick) {
        q.next_hop_id = routes.finish(q.entry, q.destination);
        q.next_hop = next_hops.at(q.next_hop_id);
        prefetch(q.next_hop);
    }
}

/// For this router: to esp_in what local.cc would hand it, else to local.
void place_local(Worker& w, const Quick& q, std::uint16_t in) {
    auto& f = w.frame;
    const bool esp = q.ip[wire::kIpProtocol] == kProtoEsp.value() && !is_fragment(q.ip) &&
                     q.length >= wire::kIpv4Bytes + wire::kEspBytes;
    place_plain(w, esp ? f.esp_in : f.local, q, in);
}

/// By an interface with features. What it asks of ESP and of ESP in UDP is access lists and address
/// translation alone: the policy on clear text lets through what carries security for this router, TED and
/// the segment size are other protocols' (input_features). Where it asks neither, such packets for this
/// router need no more looking at.
void place_by_features(Worker& w, std::span<Quick> quick, const InterfaceRecord& in) {
    constexpr unsigned kOfAll = kInDown | kInAcl | kInNat;
    const bool asked = (in.features & kOfAll) != 0;
    const auto number = in.index.value();
    std::uint32_t last = 0;  // destination that was looked up last
    bool last_local = false;
    for (auto& q : quick) {
        if (asked || !is_esp_or_nat_t(q.ip, q.length)) {
            place_plain(w, w.frame.input_features, q, number);
            continue;
        }
        if (q.destination != last) {
            last = q.destination;
            last_local = w.next_hops.at(w.routes.lookup(last))->kind == NextHop::Kind::local;
        }
        if (last_local) [[likely]] {
            place_local(w, q, number);
        } else {
            place_plain(w, w.frame.input_features, q, number);
        }
    }
}

/// What does not leave whole by an Ethernet port at once: to the stage with the one more thing to do, the rest to routed.
[[gnu::noinline]] void send_on(
    Worker& w, const Quick& q, std::uint16_t in, bool inside, bool back) {
    using Way = NextHopRecord::Way;
    const auto& hop = *q.next_hop;
    if (hop.kind == NextHop::Kind::local && !inside) {
        place_local(w, q, in);
        return;
    }
    if (hop.way == Way::any || q.ip[wire::kIpTtl] <= 1 || back) {
        place_plain(w, w.frame.routed, q, in).next_hop = q.next_hop_id;
        return;
    }
    wire::decrement_ttl(q.ip);
    auto& f = w.frame;
    auto& next = hop.way == Way::port      ? f.adjacency
                 : hop.way == Way::gre_out ? f.gre_out
                 : hop.way == Way::nat44   ? f.nat44_out
                                           : f.crypto_map;
    auto& p = place_plain(w, next, q, in);
    p.next_hop = q.next_hop_id;
    p.out = hop.out;
    p.gateway = hop.gateway != 0 ? hop.gateway : q.destination;
}

/// Last pass: rewrites and queues.
void send_quick(Worker& w, std::span<Quick> quick, std::uint16_t in) {
    using Way = NextHopRecord::Way;
    // An inside host may mean another one behind our address: routed asks for that.
    const bool inside = w.nat.table != nullptr && (w.interface(in).features & kNatInside) != 0;
    for (const auto& q : quick) {
        const auto& hop = *q.next_hop;
        const bool back = hop.out == in && (hop.features & kOutRedirect) != 0;
        const bool whole = hop.way == Way::port && q.length <= hop.mtu;
        if (!whole || q.ip[wire::kIpTtl] <= 1 || back) [[unlikely]] {
            send_on(w, q, in, inside, back);
            continue;
        }
        wire::decrement_ttl(q.ip);
        auto* frame = q.ip - wire::kEthernetBytes;
        std::memcpy(frame, hop.l2, wire::kEthernetBytes);
        const auto length = static_cast<std::uint16_t>(q.length + wire::kEthernetBytes);
        if (Packet{q.buffer}.length() != length) {
            Packet{q.buffer}.seal(frame, length);
        }
        w.send(hop.port, q.buffer, length);
    }
}

}  // namespace

void ethernet(Worker& w, std::span<rte_mbuf*> frames, const InterfaceRecord& in) {
    if ((in.features & kInDown) != 0) {
        for (auto* buffer : frames) {
            drop_frame(w, buffer, in.index.value(), Drop::ethernet_interface_down);
        }
        return;
    }
    std::array<Quick, kVector> quick;
    const auto count = check_frames(w, frames, in, quick);
    const auto plain = std::span(quick).first(count);
    if ((in.features & kInFeatures) == 0) {
        look_up(w, plain);
        send_quick(w, plain, in.index.value());
        return;
    }
    if ((in.features & kInFeatures) == kInNat) {
        for (auto& q : plain) {
            place_plain(w, w.frame.nat44_in, q, in.index.value());
        }
        return;
    }
    place_by_features(w, plain, in);
}

}  // namespace viaduct::dataplane
