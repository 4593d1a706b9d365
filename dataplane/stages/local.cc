// For this router: to the stage or to control.
#include "dataplane/stages/stages.h"
#include "dataplane/wire/ipv4.h"

namespace viaduct::dataplane {

namespace {

PuntReason reason_of(const PacketMeta& p) {
    constexpr std::uint16_t kPortsBytes = 4;
    if (p.protocol == kProtoUdp.value() && !p.has(kLaterFragment) &&
        p.length >= p.header_bytes + kPortsBytes) {
        const auto port = wire::read16(p.l3 + p.header_bytes + 2);
        if (port == kPortIsakmp.value() || port == kPortNatT.value()) {
            return PuntReason::ike;
        }
    }
    return PuntReason::local;
}

}  // namespace

void local(Worker& w) {
    auto& f = w.frame;
    for (const auto at : f.local.places()) {
        auto& p = f[at];
        w.punt(p, reason_of(p));
    }
    f.local.clear();
}

}  // namespace viaduct::dataplane
