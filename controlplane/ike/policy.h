// Which piece of the configuration protects a flow: crypto map entries, dynamic maps, tunnel protection;
// and what it demands of the SAs.
#pragma once

#include <optional>
#include <vector>

#include "controlplane/ike/engine.h"
#include "controlplane/ike/proposals.h"

namespace viaduct::ike {

struct IkeSa;

class Policies {
public:
    explicit Policies(Engine::State& core) : core_(core) {}

    /// The entry that a reference names: map entry, template entry or IPsec profile. nullptr if gone.
    [[nodiscard]] const config::CryptoPolicy* of(const PolicyRef& ref) const;
    /// The map entry (template entry for dynamic ones); nullptr for tunnel protection.
    [[nodiscard]] const config::CryptoMapEntry* entry_of(const PolicyRef& ref) const;

    /// As responder: what protects these proxies with this peer.
    [[nodiscard]] std::optional<PolicyRef> select(const IkeSa& sa, const ProxyPair& proxies) const;
    /// Still true for a pair of SAs that stands?
    [[nodiscard]] bool still_allows(const PolicyRef& ref,
                                    const ProxyPair& proxies,
                                    Ipv4Address local,
                                    Ipv4Address remote) const;

    /// The transform sets of a policy as suites, in order; lifetimes and PFS group filled in.
    /// `transport_possible`: the proxies are the two ends themselves. `udp`: the encapsulation numbers
    /// of the peer's NAT dialect are used.
    [[nodiscard]] std::vector<ChildSuite> suites(const config::CryptoPolicy& policy,
                                                 bool transport_possible,
                                                 const IkeSa& sa) const;
    /// As responder: does an offered suite fit one of the policy's sets?
    [[nodiscard]] bool accepts(const config::CryptoPolicy& policy,
                               const ChildSuite& offered,
                               bool transport_possible,
                               const IkeSa& sa) const;

    /// The local side of the first line of an access list that decides about a flow; nullopt: denied.
    [[nodiscard]] std::optional<Proxy> protected_side(const std::string& acl,
                                                      Ipv4Address local,
                                                      Ipv4Address remote) const;
    [[nodiscard]] std::uint32_t lifetime_s(const config::CryptoPolicy& policy) const;
    [[nodiscard]] std::uint32_t lifetime_kb(const config::CryptoPolicy& policy) const;
    [[nodiscard]] std::uint16_t replay_window(const config::CryptoPolicy& policy) const;
    [[nodiscard]] std::optional<std::uint32_t> idle_s(const config::CryptoPolicy& policy) const;
    [[nodiscard]] std::vector<Ipv4Address> peers_of(const config::CryptoMapEntry& entry) const;

private:
    [[nodiscard]] std::optional<PolicyRef> select_tunnel(const IkeSa& sa,
                                                         const ProxyPair& proxies) const;
    [[nodiscard]] std::optional<PolicyRef> select_map(const LocalInterface& interface,
                                                      const IkeSa& sa,
                                                      const ProxyPair& proxies) const;
    [[nodiscard]] bool static_entry_fits(const config::CryptoMap& map,
                                         const config::CryptoMapEntry& entry,
                                         const IkeSa& sa,
                                         const ProxyPair& proxies) const;
    [[nodiscard]] bool acl_permits(const std::string& name, const ProxyPair& proxies) const;

    Engine::State& core_;
};

/// True if the proxies are just the two endpoints (transport mode is possible).
bool proxies_are_ends(const ProxyPair& proxies, Ipv4Address local, Ipv4Address remote);

}  // namespace viaduct::ike
