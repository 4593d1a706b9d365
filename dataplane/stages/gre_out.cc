// GRE out: sizes, encapsulation, and for protected tunnels the slot; the outer packet is routed again.
#include "dataplane/base/checksum.h"
#include "dataplane/stages/fragment.h"
#include "dataplane/stages/outer_route.h"
#include "dataplane/stages/stages.h"
#include "dataplane/wire/gre.h"
#include "dataplane/wire/ipv4.h"

namespace viaduct::dataplane {

namespace {

/// Where a packet goes through a tunnel.
struct Target {
    std::uint32_t nbma = 0;
    std::uint32_t slot = 0;
};

Target target_of(const Worker& w, const InterfaceRecord& tunnel, const PacketMeta& p) {
    const auto& t = tunnel.config.tunnel;
    Target to;
    if (p.has(kForcedOut)) {
        to = {p.nbma, p.slot};
    } else {
        const auto& hop = *w.next_hops.at(p.next_hop);
        to = {hop.nbma, hop.slot.value()};
    }
    if (tunnel.kind == InterfaceKind::tunnel_point_to_point) {
        to.nbma = t.destination.value();
        to.slot = to.slot != 0 ? to.slot : t.slot.value();
    }
    return to;
}

std::uint16_t gre_bytes(const TunnelParameters& t) {
    return static_cast<std::uint16_t>(wire::kGreBytes + (t.checksum ? 4U : 0U) + (t.key ? 4U : 0U) +
                                      (t.sequence ? 4U : 0U));
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
    const auto& t = tunnel.config.tunnel;
    unsigned limit = tunnel.ip_mtu;
    if (!t.path_mtu_discovery || !dont_fragment(p)) {
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
    const auto own = static_cast<unsigned>(wire::kIpv4Bytes) + gre_bytes(t);
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
    const auto limit = inner_limit(w, tunnel, p, target_of(w, tunnel, p));
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

void write_gre(const InterfaceRecord& tunnel,
               const PacketMeta& p,
               std::uint8_t* gre,
               std::uint16_t header) {
    const auto& t = tunnel.config.tunnel;
    const unsigned flags = (t.checksum ? wire::kGreChecksum : 0U) | (t.key ? wire::kGreKey : 0U) |
                           (t.sequence ? wire::kGreSequence : 0U);
    wire::Gre base{};
    base.flags = static_cast<std::uint16_t>(flags);
    base.protocol = p.gre_protocol;
    wire::write(gre, base);
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
        wire::write16(checksum, internet_checksum({gre, std::size_t{header} + p.length}));
    }
}

void write_outer(Worker& w,
                 const InterfaceRecord& tunnel,
                 const PacketMeta& p,
                 std::uint8_t* ip,
                 std::uint32_t nbma,
                 std::uint16_t total) {
    const auto& t = tunnel.config.tunnel;
    constexpr std::uint8_t kInternetControl = 0xC0;
    const bool df = t.path_mtu_discovery && !p.has(kRawGre) && dont_fragment(p);
    const auto inner_tos = p.has(kRawGre) ? kInternetControl : p.l3[wire::kIpTos];
    wire::Ipv4 h{};
    h.version_ihl = 0x45;
    h.tos = t.tos.value_or(inner_tos);
    h.total_length = total;
    h.id = df ? std::uint16_t{0} : w.next_ip_id();
    h.fragment = df ? wire::kIpDontFragment : std::uint16_t{0};
    h.ttl = t.ttl;
    h.protocol = kProtoGre.value();
    h.source = t.source.value();
    h.destination = nbma;
    wire::write(ip, h);
    wire::store_header_checksum(ip);
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

/// Routes the outer packet; a route that leads into the same tunnel again would never end.
void send_outer(Worker& w, Place at, std::uint16_t tunnel, std::atomic<std::uint64_t>* cache) {
    auto& p = w.frame[at];
    p.next_hop = cache == nullptr ? w.routes.lookup(p.destination)
                                  : outer_next_hop(w, *cache, p.destination);
    const auto& hop = *w.next_hops.at(p.next_hop);
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

void encapsulate(Worker& w, Place at) {
    auto& p = w.frame[at];
    const auto number = p.out;
    const auto& tunnel = w.interface(number);
    const auto to = target_of(w, tunnel, p);
    const auto* hop = p.has(kForcedOut) ? nullptr : w.next_hops.at(p.next_hop);
    if (!may_leave(w, tunnel, p, to)) {
        return;
    }
    const auto header = gre_bytes(tunnel.config.tunnel);
    const auto added = static_cast<std::uint16_t>(wire::kIpv4Bytes + header);
    if (headroom(p) < added + wire::kEthernetBytes) {
        w.drop(p, Drop::gre_out_no_room);
        return;
    }
    auto& t = w.tally(number);
    t.out_packets.add(1);
    t.out_bytes.add(p.length);
    auto* ip = p.l3 - added;
    write_gre(tunnel, p, ip + wire::kIpv4Bytes, header);
    const auto total = static_cast<std::uint16_t>(p.length + added);
    write_outer(w, tunnel, p, ip, to.nbma, total);
    p.l3 = ip;
    p.length = total;
    p.header_bytes = wire::kIpv4Bytes;
    p.protocol = kProtoGre.value();
    p.source = tunnel.config.tunnel.source.value();
    p.destination = to.nbma;
    p.set(kOurs);
    p.clear(kFragment | kLaterFragment | kRawGre | kForcedOut | kBypassPolicy);
    if (hop != nullptr && hop->use != nullptr) {
        hop->use->used.store(true, std::memory_order_relaxed);
    }
    if (tunnel.protected_tunnel) {
        p.slot = to.slot;
        w.frame.esp_out.push(at);
        return;
    }
    send_outer(
        w, at, number, hop == nullptr || hop->use == nullptr ? nullptr : &hop->use->outer_cache);
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
    for (const auto at : ready.places()) {
        encapsulate(w, at);
    }
}

}  // namespace viaduct::dataplane
