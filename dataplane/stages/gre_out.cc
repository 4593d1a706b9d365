// GRE out: sizes, encapsulation, and for protected tunnels the slot; the outer packet is routed again.
#include <utility>

#include "dataplane/base/checksum.h"
#include "dataplane/stages/fragment.h"
#include "dataplane/stages/outer_route.h"
#include "dataplane/stages/send_on.h"
#include "dataplane/stages/stages.h"
#include "dataplane/wire/gre.h"
#include "dataplane/wire/ipv4.h"
#include "dataplane/wire/outer_header.h"

namespace viaduct::dataplane {

namespace {

/// Where a packet goes through a tunnel.
struct Target {
    std::uint32_t nbma = 0;
    std::uint32_t slot = 0;
};

/// `hop` is nullptr where the way out was forced.
Target target_of(const InterfaceRecord& tunnel, const PacketMeta& p, const NextHopRecord* hop) {
    const auto& t = tunnel.config.tunnel;
    Target to;
    if (hop == nullptr) {
        to = {p.nbma, p.slot};
    } else {
        to = {hop->nbma, hop->slot.value()};
    }
    if (tunnel.kind == InterfaceKind::tunnel_point_to_point) {
        to.nbma = t.destination.value();
        to.slot = to.slot != 0 ? to.slot : t.slot.value();
    }
    return to;
}

const NextHopRecord* hop_of(const Worker& w, const PacketMeta& p) {
    return p.has(kForcedOut) ? nullptr : w.next_hops.at(p.next_hop);
}

/// Length in bytes that ESP adds at most.
unsigned esp_overhead(const Sa& sa) {
    return (sa.tunnel_mode ? unsigned{wire::kIpv4Bytes} : 0U) + (sa.has_udp() ? 8U : 0U) + 8U +
           sa.key->iv_bytes() + sa.key->block_bytes() + 1U + sa.key->icv_bytes();
}

/// With path-MTU discovery the outer packet has the inner one's DF: then what fits the whole way is
/// what may go in. Without it, the outer packet may be cut.
std::uint16_t inner_limit(Worker& w,
                          const InterfaceRecord& tunnel,
                          const PacketMeta& p,
                          const Target& to) {
    unsigned limit = tunnel.ip_mtu;
    if (!tunnel.header.path_mtu_discovery || !dont_fragment(p)) {
        return static_cast<std::uint16_t>(limit);
    }
    const auto& hop = *w.next_hops.at(w.routes.lookup(to.nbma));
    unsigned path = hop.mtu == 0 ? limit + 128 : hop.mtu;
    if (to.slot != 0) {
        const auto* sa = w.sas.outbound(to.slot);
        if (sa != nullptr) {
            path = std::min<unsigned>(path, sa->path_mtu);
            path -= std::min(path, esp_overhead(*sa));
        }
    }
    const auto own = static_cast<unsigned>(wire::kIpv4Bytes) + tunnel.header.gre_bytes;
    path -= std::min(path, own);
    return static_cast<std::uint16_t>(std::min(limit, path));
}

/// First pass: `ip mtu`, by fragments or by telling the sender.
void fit(Worker& w, Place at, Vector& ready) {
    auto& p = w.frame[at];
    const auto& tunnel = w.interface(p.out);
    if (p.has(kRawGre)) {
        ready.push(at);
        return;
    }
    if (!tunnel.header.path_mtu_discovery && p.length <= tunnel.ip_mtu) [[likely]] {
        ready.push(at);
        return;
    }
    const auto limit = inner_limit(w, tunnel, p, target_of(tunnel, p, hop_of(w, p)));
    if (p.length <= limit) {
        ready.push(at);
        return;
    }
    if (dont_fragment(p)) {
        w.drop_and_punt(p, Drop::gre_out_too_big, PuntReason::too_big, limit);
        return;
    }
    fragment_into(w, at, limit, ready, Parcel::Resume::gre_out);
}

/// Behind the key's place, or at it: what must be computed for each packet.
void write_computed(const InterfaceRecord& tunnel, const PacketMeta& p, std::uint8_t* gre) {
    const auto& t = tunnel.config.tunnel;
    auto* at = gre + wire::kGreBytes;
    auto* checksum = at;
    if (t.checksum) {
        wire::write32(at, 0);
        at += 4;
    }
    if (t.key) {
        wire::write32(at, *t.key);
        at += 4;
    }
    if (t.sequence) {
        wire::write32(at, tunnel.state->gre_sequence.fetch_add(1, std::memory_order_relaxed));
    }
    if (t.checksum) {
        wire::write16(checksum,
                      internet_checksum({gre, std::size_t{tunnel.header.gre_bytes} + p.length}));
    }
}

/// RFC 2784, section 2, RFC 2890: flags, protocol type; then what the flags say.
void write_gre(const InterfaceRecord& tunnel, const PacketMeta& p, std::uint8_t* gre) {
    const auto& h = tunnel.header;
    const std::uint32_t base = h.gre_flags | std::uint32_t{big_endian(p.gre_protocol)} << 16U;
    std::memcpy(gre, &base, wire::kGreBytes);
    if (h.computed) [[unlikely]] {
        write_computed(tunnel, p, gre);
    } else if (h.has_key) {
        std::memcpy(gre + wire::kGreBytes, &h.key, sizeof(h.key));
    }
}

void write_outer(Worker& w,
                 const TunnelHeader& t,
                 const PacketMeta& p,
                 std::uint8_t* ip,
                 std::uint32_t nbma,
                 std::uint16_t total) {
    constexpr std::uint8_t kInternetControl = 0xC0;
    const bool raw = p.has(kRawGre);
    const bool df = t.path_mtu_discovery && !raw && dont_fragment(p);
    const auto inner_tos = raw ? kInternetControl : p.l3[wire::kIpTos];
    wire::OuterHeader h{0, t.source, nbma, t.ttl, kProtoGre.value()};
    h.fixed_sum = wire::fixed_outer_sum(h);
    wire::write_outer_header(
        ip, h, t.copy_tos ? inner_tos : t.tos, total, df ? std::uint16_t{0} : w.next_ip_id(), df);
}

/// A protected packet whose slot is empty goes up as it is, in the clear: IKE is wanted for it.
bool may_leave(Worker& w, const InterfaceRecord& tunnel, PacketMeta& p, const Target& to) {
    if (to.nbma == 0) {
        w.drop(p, Drop::gre_out_no_destination);
        return false;
    }
    if (!tunnel.protected_tunnel || w.sas.outbound(to.slot) != nullptr) {
        return true;
    }
    p.slot = to.slot;
    p.nbma = to.nbma;
    w.drop_and_punt(p, Drop::gre_out_no_sa, PuntReason::acquire);
    return false;
}

/// Routes the outer packet: over Ethernet at once where nothing is asked of it on the way out, else by the
/// stages. A route that leads into the same tunnel again would never end.
void send_outer(Worker& w, Place at, std::uint16_t tunnel, std::atomic<std::uint64_t>* cache) {
    auto& p = w.frame[at];
    p.next_hop = cache == nullptr ? w.routes.lookup(p.destination)
                                  : outer_next_hop(w, *cache, p.destination);
    const auto& hop = *w.next_hops.at(p.next_hop);
    // What routed, output_features and adjacency would do with a packet of ours by such a next hop.
    if (hop.way == NextHopRecord::Way::port) [[likely]] {
        if (p.length <= hop.mtu) [[likely]] {
            send_whole(w, p, hop.port, hop.l2);
        } else {
            p.out = hop.out;
            send_in_pieces(w, p, hop.port, hop.mtu, hop.l2);
        }
        return;
    }
    if (hop.out == tunnel &&
        (hop.kind == NextHop::Kind::tunnel || hop.kind == NextHop::Kind::resolve)) {
        w.drop(p, Drop::gre_out_recursive_route);
        return;
    }
    if (++p.passes > kMaxPasses) {
        w.drop(p, Drop::ip4_input_passes_exceeded);
        return;
    }
    w.frame.routed.push(at);
}

/// Packets and bytes of the tunnel that the packets before went into, counted when another begins.
struct Tunnelled {
    std::uint16_t number = 0;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;

    void count(Worker& w, std::uint16_t tunnel, std::uint16_t length) {
        if (tunnel != number) [[unlikely]] {
            flush(w);
            number = tunnel;
        }
        ++packets;
        bytes += length;
    }

    void flush(Worker& w) {
        if (packets != 0) {
            auto& t = w.tally(number);
            t.out_packets.add(std::exchange(packets, 0));
            t.out_bytes.add(std::exchange(bytes, 0));
        }
    }
};

void encapsulate(Worker& w, Place at, Tunnelled& tunnelled) {
    auto& p = w.frame[at];
    const auto number = p.out;
    const auto& tunnel = w.interface(number);
    const auto* hop = hop_of(w, p);
    const auto to = target_of(tunnel, p, hop);
    if (!may_leave(w, tunnel, p, to)) {
        return;
    }
    const auto added = static_cast<std::uint16_t>(wire::kIpv4Bytes + tunnel.header.gre_bytes);
    if (headroom(p) < added + wire::kEthernetBytes) {
        w.drop(p, Drop::gre_out_no_room);
        return;
    }
    tunnelled.count(w, number, p.length);
    auto* ip = p.l3 - added;
    write_gre(tunnel, p, ip + wire::kIpv4Bytes);
    const auto total = static_cast<std::uint16_t>(p.length + added);
    write_outer(w, tunnel.header, p, ip, to.nbma, total);
    p.l3 = ip;
    p.length = total;
    p.header_bytes = wire::kIpv4Bytes;
    p.protocol = kProtoGre.value();
    p.source = tunnel.header.source;
    p.destination = to.nbma;
    p.set(kOurs);
    p.clear(kFragment | kLaterFragment | kRawGre | kForcedOut | kBypassPolicy);
    auto* use = hop == nullptr ? nullptr : hop->use;
    if (use != nullptr) {
        use->used.store(true, std::memory_order_relaxed);
    }
    if (tunnel.protected_tunnel) {
        p.slot = to.slot;
        w.frame.esp_out.push(at);
        return;
    }
    send_outer(w, at, number, use == nullptr ? nullptr : &use->outer_cache);
}

}  // namespace

void gre_out(Worker& w) {
    auto& f = w.frame;
    auto& ready = w.scratch.ready;
    ready.clear();
    for (const auto at : f.gre_out.places()) {
        fit(w, at, ready);
    }
    f.gre_out.clear();
    Tunnelled tunnelled;
    for (const auto at : ready.places()) {
        encapsulate(w, at, tunnelled);
    }
    tunnelled.flush(w);
}

}  // namespace viaduct::dataplane
