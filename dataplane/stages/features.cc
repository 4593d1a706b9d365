// What an interface asks of its packets beside forwarding.
#include "dataplane/base/address.h"
#include "dataplane/stages/stages.h"

namespace viaduct::dataplane {

void input_features(Worker& w) {
    auto& f = w.frame;
    for (const auto at : f.input_features.places()) {
        auto& p = f[at];
        const Ipv4Address destination{p.destination};
        if (destination.is_link_local_multicast() || destination.is_broadcast()) {
            w.punt(p, PuntReason::link_multicast);
            continue;
        }
        f.route.push(at);
    }
    f.input_features.clear();
}

void output_features(Worker& w) {
    auto& f = w.frame;
    for (const auto at : f.output_features.places()) {
        f.adjacency.push(at);
    }
    f.output_features.clear();
}

}  // namespace viaduct::dataplane
