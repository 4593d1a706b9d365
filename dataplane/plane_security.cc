// The part of the Plane that belongs to security: until it lands, nothing can be installed, and what asks
// for protection is told so.
#include "dataplane/plane.h"

namespace viaduct::dataplane {

namespace {
constexpr const char* kNoEsp = "this dataplane carries no ESP yet";
}

void Plane::publish_acl(AclId, std::span<const AclRule>) {}

void Plane::remove_acl(AclId) {}

void Plane::publish_policy(PolicyId, std::span<const PolicyRule>) {}

void Plane::remove_policy(PolicyId) {}

void Plane::add_flow(PolicyId, const PolicyRule&) {}

void Plane::remove_flow(PolicyId, const PolicyRule&) {}

SlotId Plane::add_slot() {
    return kNoSlot;
}

void Plane::remove_slot(SlotId) {}

void Plane::set_slot(SlotId, SaIndex) {}

std::optional<InboundReservation> Plane::reserve_inbound() {
    return std::nullopt;
}

void Plane::release_inbound(SaIndex) {}

Result<void> Plane::install_inbound(SaIndex, const SaParameters&) {
    return failure(kNoEsp);
}

Result<SaIndex> Plane::install_outbound(const SaParameters&) {
    return failure(kNoEsp);
}

void Plane::update_sa_remote(SaIndex, Ipv4Address, std::optional<UdpEncapsulation>) {}

void Plane::update_sa_path_mtu(SaIndex, std::uint16_t) {}

void Plane::remove_sa(SaIndex) {}

SaCounters Plane::sa_counters(SaIndex) const {
    return {};
}

std::uint64_t Plane::acl_hits(AclId, std::size_t) const {
    return 0;
}

std::string Plane::cipher_path() const {
    return "none";
}

}  // namespace viaduct::dataplane
