// Packets that come back into the frame: injected by control, or deferred to a later vector.
#include "dataplane/pipeline.h"
#include "dataplane/stages/stages.h"
#include "dataplane/wire/ipv4.h"

namespace viaduct::dataplane {

namespace {

/// The way out was given. Multicast and broadcast need no neighbour; for the rest the route to the next
/// hop (a connected one) says who it is.
void forced_out(Worker& w, Place at) {
    auto& p = w.frame[at];
    const auto& interface = w.interface(p.out);
    if (!interface.exists || (interface.features & kOutDown) != 0) {
        w.drop(p, Drop::inject_no_interface);
        return;
    }
    if ((interface.features & kOutTunnel) != 0) {
        w.frame.output_features.push(at);
        return;
    }
    const Ipv4Address destination{p.destination};
    if (p.gateway == 0 && (destination.is_multicast() || destination.is_broadcast())) {
        p.next_hop = 0;
        w.frame.output_features.push(at);
        return;
    }
    p.gateway = p.gateway != 0 ? p.gateway : p.destination;
    p.next_hop = w.routes.lookup(p.gateway);
    const auto& hop = *w.next_hops.at(p.next_hop);
    if (hop.out != p.out ||
        (hop.kind != NextHop::Kind::ethernet && hop.kind != NextHop::Kind::glean)) {
        w.drop(p, Drop::inject_no_next_hop);
        return;
    }
    w.frame.output_features.push(at);
}

void send_frame(Worker& w, const PacketMeta& p) {
    const auto& interface = w.interface(p.out);
    if (interface.port == kNoPort || !interface.up) {
        w.drop(p, Drop::inject_no_interface);
        return;
    }
    w.send(interface.port, p.buffer, p.length);
}

}  // namespace

void inject_packet(Worker& w, Place at) {
    auto& p = w.frame[at];
    if (p.has(kForcedOut)) {
        forced_out(w, at);
    } else if (w.nat.table != nullptr && p.protocol == kProtoIcmp.value()) {
        // An error about a packet that was translated is for its inside host.
        w.frame.nat44_in.push(at);
    } else {
        w.frame.route.push(at);
    }
}

void resume(Worker& w, Parcel& parcel) {
    auto& f = w.frame;
    if (parcel.resume == Parcel::Resume::frame) {
        send_frame(w, parcel.meta);
        return;
    }
    const auto at = f.take();
    auto& p = f[at];
    p = parcel.meta;
    switch (parcel.resume) {
    case Parcel::Resume::route:
        inject_packet(w, at);
        return;
    case Parcel::Resume::nat44_in:
        f.nat44_in.push(at);
        return;
    case Parcel::Resume::nat44_out:
        f.nat44_out.push(at);
        return;
    case Parcel::Resume::gre_out:
        f.gre_out.push(at);
        return;
    case Parcel::Resume::esp_out:
        f.esp_out.push(at);
        return;
    case Parcel::Resume::adjacency:
        f.adjacency.push(at);
        return;
    case Parcel::Resume::local:
        f.local.push(at);
        return;
    case Parcel::Resume::frame:
        return;
    }
}

}  // namespace viaduct::dataplane
