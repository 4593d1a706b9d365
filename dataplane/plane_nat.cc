// Plane's part for address translation.
#include "dataplane/plane_impl.h"

namespace viaduct::dataplane {

void Plane::publish_nat(const NatPolicy& policy) {
    impl_->tables.nat.publish(policy);
}

std::vector<NatSession> Plane::nat_sessions(std::size_t limit) const {
    return impl_->tables.nat.sessions(limit);
}

NatStatistics Plane::nat_statistics() const {
    return impl_->tables.nat.statistics();
}

std::size_t Plane::clear_nat(const NatFilter& filter) {
    return impl_->tables.nat.clear(filter);
}

}  // namespace viaduct::dataplane
