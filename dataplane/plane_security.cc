// The part of the Plane that belongs to security: access lists, policies, SAs, slots.
#include "dataplane/plane_impl.h"

namespace viaduct::dataplane {

// ── access lists, policies ──

void Plane::publish_acl(AclId id, std::span<const AclRule> rules) {
    impl_->tables.acls.publish(id, rules);
}

void Plane::remove_acl(AclId id) {
    impl_->tables.acls.remove(id);
}

std::uint64_t Plane::acl_hits(AclId id, std::size_t rule) const {
    return impl_->tables.acls.hits(id, rule);
}

void Plane::publish_policy(PolicyId id, std::span<const PolicyRule> rules) {
    impl_->tables.policies.at(id).publish(rules);
}

void Plane::remove_policy(PolicyId id) {
    impl_->tables.policies.remove(id);
}

void Plane::add_flow(PolicyId id, const PolicyRule& rule) {
    impl_->tables.policies.at(id).add_flow(rule);
}

void Plane::remove_flow(PolicyId id, const PolicyRule& rule) {
    impl_->tables.policies.at(id).remove_flow(rule);
}

// ── security associations ──

SlotId Plane::add_slot() {
    return impl_->tables.sas.add_slot();
}

void Plane::remove_slot(SlotId slot) {
    impl_->tables.sas.remove_slot(slot);
}

void Plane::set_slot(SlotId slot, SaIndex outbound) {
    impl_->tables.sas.set_slot(slot, outbound);
}

std::optional<InboundReservation> Plane::reserve_inbound() {
    return impl_->tables.sas.reserve();
}

void Plane::release_inbound(SaIndex index) {
    impl_->tables.sas.release(index);
}

Result<void> Plane::install_inbound(SaIndex reserved, const SaParameters& parameters) {
    impl_->start_engines();
    return impl_->tables.sas.install_inbound(reserved, parameters);
}

Result<SaIndex> Plane::install_outbound(const SaParameters& parameters) {
    impl_->start_engines();
    return impl_->tables.sas.install_outbound(parameters);
}

void Plane::update_sa_remote(SaIndex index,
                             Ipv4Address remote,
                             std::optional<UdpEncapsulation> udp) {
    impl_->tables.sas.update_remote(index, remote, udp);
}

void Plane::update_sa_path_mtu(SaIndex index, std::uint16_t path_mtu) {
    impl_->tables.sas.update_path_mtu(index, path_mtu);
}

void Plane::remove_sa(SaIndex index) {
    impl_->tables.sas.remove(index);
}

SaCounters Plane::sa_counters(SaIndex index) const {
    return impl_->tables.sas.counters(index);
}

std::string Plane::cipher_path() const {
    impl_->start_engines();
    return std::string(impl_->tables.engines.front()->name());
}

}  // namespace viaduct::dataplane
