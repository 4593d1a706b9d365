// The fused way of packets that came out of ESP or GRE, or were translated, and have nothing else to do: look-up,
// TTL, away, or into the next tunnel.
//
// Who pushes to `straight` has made ip4_input's checks and asked goes_straight(): of input_features nothing
// would have acted. What `routed` would have to say (no Ethernet next hop, TTL, size, redirect) goes there.
#include "dataplane/stages/send_on.h"
#include "dataplane/stages/stages.h"
#include "dataplane/wire/ipv4.h"

namespace viaduct::dataplane {

bool goes_straight(const Worker& w, const PacketMeta& p) {
    const auto features = w.interface(p.in).features & kInFeatures;
    // What an ESP tunnel brought was let in by the SA's selector; the access list saw the ESP packet.
    const auto asked = p.has(kDecrypted) ? features & (kInDown | kInNat | kInMss) : features;
    return asked == 0 && !p.has(kLinkBroadcast);
}

void straight(Worker& w) {
    using Way = NextHopRecord::Way;
    auto& f = w.frame;
    const auto places = f.straight.places();
    auto& entries = w.scratch.numbers;
    auto& hops = w.scratch.hops;
    for (std::size_t i = 0; i < places.size(); ++i) {
        entries[i] = w.routes.start(f[places[i]].destination);
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
        auto& p = f[places[i]];
        p.next_hop = w.routes.finish(entries[i], p.destination);
        hops[i] = w.next_hops.at(p.next_hop);
        prefetch(hops[i]);
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
        auto& p = f[places[i]];
        const auto& hop = *hops[i];
        const bool back =
            hop.out == p.in && (hop.features & kOutRedirect) != 0 && !p.has(kDecrypted);
        const bool goes_on = p.l3[wire::kIpTtl] > 1 && !back;
        if (hop.way == Way::port && p.length <= hop.mtu && goes_on) [[likely]] {
            wire::decrement_ttl(p.l3);
            send_whole(w, p, hop.port, hop.l2);
        } else if ((hop.way == Way::gre_out || hop.way == Way::crypto_map) && goes_on) {
            wire::decrement_ttl(p.l3);
            p.out = hop.out;
            p.gateway = hop.gateway != 0 ? hop.gateway : p.destination;
            (hop.way == Way::gre_out ? f.gre_out : f.crypto_map).push(places[i]);
        } else {
            f.routed.push(places[i]);
        }
    }
    f.straight.clear();
}

}  // namespace viaduct::dataplane
