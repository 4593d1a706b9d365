// Plane's part for address translation.
#include "dataplane/plane_impl.h"

namespace viaduct::dataplane {

void Plane::publish_nat(const NatPolicy& policy) {
    impl_->nat_policy = policy;
}

std::vector<NatSession> Plane::nat_sessions(std::size_t limit) const {
    std::vector<NatSession> out;
    for (const auto& s : impl_->nat_policy.statics) {
        if (out.size() == limit) {
            break;
        }
        NatSession n;
        n.protocol = s.protocol;
        n.rule = s.id;
        n.is_static = true;
        n.expires = kNever;
        (s.outside ? n.outside_local : n.inside_local) = s.local;
        (s.outside ? n.outside_global : n.inside_global) = s.global;
        (s.outside ? n.outside_local_port : n.inside_local_port) = s.local_port;
        (s.outside ? n.outside_global_port : n.inside_global_port) = s.global_port;
        out.push_back(n);
    }
    return out;
}

NatStatistics Plane::nat_statistics() const {
    NatStatistics s;
    s.statics = static_cast<std::uint32_t>(impl_->nat_policy.statics.size());
    s.active = s.statics;
    for (const auto& d : impl_->nat_policy.dynamics) {
        s.rules.push_back({.id = d.id});
    }
    return s;
}

std::size_t Plane::clear_nat(const NatFilter&) {
    return 0;
}

}  // namespace viaduct::dataplane
