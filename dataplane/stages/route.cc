// Longest-prefix look-up, and what each kind of next hop means.
#include "dataplane/stages/stages.h"
#include "dataplane/wire/ipv4.h"

namespace viaduct::dataplane {

void route(Worker& w) {
    auto& f = w.frame;
    for (const auto at : f.route.places()) {
        prefetch(w.routes.root_entry(f[at].destination));
    }
    for (const auto at : f.route.places()) {
        auto& p = f[at];
        p.next_hop = w.routes.lookup(p.destination);
        f.routed.push(at);
    }
    f.route.clear();
}

namespace {

/// A flow's packets take one way: addresses, protocol and, where they can be read, ports.
std::uint32_t flow_hash(const PacketMeta& p) {
    std::uint64_t h = std::uint64_t{p.source} << 32U | p.destination;
    const bool has_ports = (p.protocol == kProtoTcp.value() || p.protocol == kProtoUdp.value()) &&
                           !p.has(kFragment) && p.length >= p.header_bytes + 4;
    const auto ports = has_ports ? wire::read32(p.l3 + p.header_bytes) : 0;
    h = (h ^ (std::uint64_t{p.protocol} << 32U | ports)) * 0x9E3779B97F4A7C15U;
    return static_cast<std::uint32_t>(h >> 32U);
}

/// Follows multipath and `resolve … meanwhile` to a next hop that says where to go; nullptr: in a circle.
const NextHopRecord* settle(Worker& w, PacketMeta& p) {
    const auto* hop = w.next_hops.at(p.next_hop);
    for (unsigned depth = 0; depth < 4; ++depth) {
        if (hop->kind != NextHop::Kind::multipath) {
            return hop;
        }
        if (hop->member_count == 0) {
            return w.next_hops.at(0);
        }
        p.next_hop = hop->members[flow_hash(p) % hop->member_count];
        hop = w.next_hops.at(p.next_hop);
    }
    return nullptr;
}

/// Phase 3 of DMVPN: what comes in by a tunnel and leaves by one of the same NHRP network could take a
/// shorter way.
void tell_nhrp(Worker& w, PacketMeta& p, const NextHopRecord& hop) {
    const auto& in = w.interface(p.in).config;
    const auto& out = w.interface(hop.out).config;
    if (in.nhrp_redirect && in.nhrp_network != 0 && in.nhrp_network == out.nhrp_network) {
        p.out = hop.out;
        w.punt_copy(p, PuntReason::redirect_nhrp);
    }
}

/// False: the packet may not be forwarded, and is gone.
bool may_forward(Worker& w, PacketMeta& p, const NextHopRecord& hop) {
    if (p.has(kOurs)) {
        return true;
    }
    // RFC 1812, section 5.3.4: "A router MUST NOT forward any packet that the router received as a Link
    // Layer broadcast".
    if (p.has(kLinkBroadcast)) {
        w.drop(p, Drop::ip4_input_link_broadcast);
        return false;
    }
    // RFC 1812, section 5.3.1: "If the TTL is reduced to zero (or less), the packet MUST be discarded,
    // and if the destination is not a multicast address the router MUST send an ICMP Time Exceeded".
    if (p.l3[wire::kIpTtl] <= 1) {
        w.drop_and_punt(p, Drop::route_ttl_expired, PuntReason::ttl_expired);
        return false;
    }
    if (hop.out == p.in && (hop.features & kOutRedirect) != 0 && !p.has(kDecrypted | kNatDone)) {
        w.punt_copy(p, PuntReason::redirect);
    }
    if ((hop.features & kOutNhrpRedirect) != 0 && p.in != 0) {
        tell_nhrp(w, p, hop);
    }
    wire::decrement_ttl(p.l3);
    return true;
}

constexpr std::uint8_t kHostUnreachable = 1;

void unreachable(Worker& w, PacketMeta& p, Drop why) {
    if (p.has(kOurs)) {
        w.drop(p, why);
        return;
    }
    p.code = kHostUnreachable;
    w.drop_and_punt(p, why, PuntReason::unreachable);
}

void forward(Worker& w, Place at, const NextHopRecord& hop) {
    auto& p = w.frame[at];
    p.out = hop.out;
    p.gateway = hop.gateway != 0 ? hop.gateway : p.destination;
    if ((hop.features & kOutDown) != 0) {
        unreachable(w, p, Drop::route_interface_down);
        return;
    }
    if (may_forward(w, p, hop)) {
        auto& f = w.frame;
        ((hop.features & kOutNat) != 0 ? f.nat44_out : f.output_features).push(at);
    }
}

/// NHRP is wanted. The packet goes on by the next hop that stands in meanwhile.
void resolve_next_hop(Worker& w, Place at, const NextHopRecord& hop) {
    auto& p = w.frame[at];
    p.out = hop.out;
    p.gateway = hop.gateway != 0 ? hop.gateway : p.destination;
    if (hop.meanwhile.value() == 0) {
        w.drop_and_punt(p, Drop::route_unresolved, PuntReason::resolve);
        return;
    }
    w.punt_copy(p, PuntReason::resolve);
    p.next_hop = hop.meanwhile.value();
    const auto* other = settle(w, p);
    if (other == nullptr ||
        (other->kind != NextHop::Kind::tunnel && other->kind != NextHop::Kind::ethernet)) {
        w.drop(p, Drop::route_unresolved);
        return;
    }
    forward(w, at, *other);
}

void route_one(Worker& w, Place at) {
    auto& p = w.frame[at];
    const auto* hop = settle(w, p);
    if (hop == nullptr) {
        w.drop(p, Drop::route_multipath_loop);
        return;
    }
    switch (hop->kind) {
    case NextHop::Kind::drop:
    case NextHop::Kind::multipath:
        unreachable(w, p, Drop::route_unreachable);
        return;
    case NextHop::Kind::null0:
        w.drop(p, Drop::route_null0);
        return;
    case NextHop::Kind::local:
        // An inside host may mean another one behind our address.
        (w.nat.table != nullptr && (w.interface(p.in).features & kNatInside) != 0 && !p.has(kOurs)
             ? w.frame.nat44_out
             : w.frame.local)
            .push(at);
        return;
    case NextHop::Kind::glean:
    case NextHop::Kind::ethernet:
    case NextHop::Kind::tunnel:
        forward(w, at, *hop);
        return;
    case NextHop::Kind::resolve:
        resolve_next_hop(w, at, *hop);
        return;
    }
}

}  // namespace

void routed(Worker& w) {
    auto& f = w.frame;
    for (const auto at : f.routed.places()) {
        route_one(w, at);
    }
    f.routed.clear();
}

}  // namespace viaduct::dataplane
