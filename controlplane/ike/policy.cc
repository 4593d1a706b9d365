#include "controlplane/ike/policy.h"

#include <algorithm>

#include "controlplane/ike/core.h"
#include "controlplane/ike/keyring.h"

namespace viaduct::ike {

namespace {

/// The proxy lies within one side of an access list's line.
bool within(const Proxy& proxy, const config::AddressMatch& match, const config::PortMatch& port) {
    // Every address of the proxy must match: no bit may be free in the proxy that the line fixes.
    const auto fixed = ~match.wildcard.value();
    if ((fixed & ~proxy.mask.value()) != 0 || !match.matches(proxy.address)) {
        return false;
    }
    if (port.op == config::PortOperator::any) {
        return true;
    }
    return proxy.port != 0 && port.matches(proxy.port);
}

bool line_covers(const config::AccessEntry& line, const ProxyPair& proxies) {
    if (line.protocol && line.protocol != proxies.local.protocol) {
        return false;
    }
    return within(proxies.local, line.source, line.source_port) &&
           within(proxies.remote, line.destination, line.destination_port);
}

bool names_end(const Proxy& proxy, Ipv4Address end) {
    return proxy.address == end && proxy.mask == kSingleHost;
}

}  // namespace

bool proxies_are_ends(const ProxyPair& proxies, Ipv4Address local, Ipv4Address remote) {
    return names_end(proxies.local, local) && names_end(proxies.remote, remote);
}

const config::CryptoMapEntry* Policies::entry_of(const PolicyRef& ref) const {
    const auto& crypto = core_.crypto();
    const auto find = [](const std::map<std::string, config::CryptoMap>& maps,
                         const std::string& name,
                         std::uint32_t sequence) -> const config::CryptoMapEntry* {
        const auto map = maps.find(name);
        if (map == maps.end()) {
            return nullptr;
        }
        const auto entry = map->second.entries.find(sequence);
        return entry == map->second.entries.end() ? nullptr : &entry->second;
    };
    if (!ref.dynamic_map.empty()) {
        return find(crypto.dynamic_maps, ref.dynamic_map, ref.dynamic_sequence);
    }
    return ref.crypto_map.empty() ? nullptr : find(crypto.maps, ref.crypto_map, ref.sequence);
}

const config::CryptoPolicy* Policies::of(const PolicyRef& ref) const {
    if (!ref.crypto_map.empty()) {
        return entry_of(ref);
    }
    if (!ref.ezvpn.empty()) {
        return &core_.ezvpn.policy();
    }
    const auto it = core_.crypto().ipsec_profiles.find(ref.ipsec_profile);
    return it == core_.crypto().ipsec_profiles.end() ? nullptr : &it->second;
}

std::vector<Ipv4Address> Policies::peers_of(const config::CryptoMapEntry& entry) const {
    std::vector<Ipv4Address> out;
    const auto add = [&](const std::string& text) {
        if (const auto address = Ipv4Address::parse(text)) {
            out.push_back(*address);
        } else if (const auto host = core_.config->system.hosts.find(text);
                   host != core_.config->system.hosts.end()) {
            out.push_back(host->second);
        }
    };
    if (entry.default_peer) {
        add(*entry.default_peer);
    }
    for (const auto& text : entry.peers) {
        if (entry.default_peer != text) {
            add(text);
        }
    }
    return out;
}

bool Policies::acl_permits(const std::string& name, const ProxyPair& proxies) const {
    const auto acl = core_.config->access_lists.find(name);
    if (acl == core_.config->access_lists.end()) {
        return false;
    }
    for (const auto& line : acl->second.entries) {
        if (line.remark.empty() && line_covers(line, proxies)) {
            return line.action == config::AclAction::permit;
        }
    }
    return false;
}

std::optional<Proxy> Policies::protected_side(const std::string& acl,
                                              Ipv4Address local,
                                              Ipv4Address remote) const {
    const auto found = core_.config->access_lists.find(acl);
    if (found == core_.config->access_lists.end()) {
        return std::nullopt;
    }
    for (const auto& line : found->second.entries) {
        if (!line.remark.empty() || !line.source.matches(local) ||
            !line.destination.matches(remote)) {
            continue;
        }
        if (line.action == config::AclAction::deny) {
            return std::nullopt;
        }
        const Ipv4Address mask{~line.source.wildcard.value()};
        if (!length_of_mask(mask)) {
            return std::nullopt;  // holes in the wildcard: no proxy can say that
        }
        return Proxy{
            Ipv4Address{line.source.address.value() & mask.value()}, mask, line.protocol, 0};
    }
    return std::nullopt;
}

bool Policies::static_entry_fits(const config::CryptoMap& map,
                                 const config::CryptoMapEntry& entry,
                                 const IkeSa& sa,
                                 const ProxyPair& proxies) const {
    const auto& wanted_profile =
        entry.isakmp_profile.empty() ? map.isakmp_profile : entry.isakmp_profile;
    if (!wanted_profile.empty() && wanted_profile != sa.profile) {
        return false;
    }
    const auto peers = peers_of(entry);
    if (!peers.empty() && std::find(peers.begin(), peers.end(), sa.remote.address) == peers.end()) {
        return false;
    }
    const bool dynamic = entry.kind == config::CryptoMapEntry::Kind::dynamic;
    if (entry.match_address.empty()) {
        return dynamic;
    }
    return acl_permits(entry.match_address, proxies);
}

std::optional<PolicyRef> Policies::select_map(const LocalInterface& interface,
                                              const IkeSa& sa,
                                              const ProxyPair& proxies) const {
    const auto map = core_.crypto().maps.find(interface.crypto_map);
    if (map == core_.crypto().maps.end()) {
        return std::nullopt;
    }
    for (const auto& [sequence, entry] : map->second.entries) {
        PolicyRef ref;
        ref.interface = interface.index;
        ref.crypto_map = interface.crypto_map;
        ref.sequence = sequence;
        if (entry.kind == config::CryptoMapEntry::Kind::isakmp) {
            if (static_entry_fits(map->second, entry, sa, proxies)) {
                return ref;
            }
        } else if (entry.kind == config::CryptoMapEntry::Kind::dynamic) {
            const auto dynamic = core_.crypto().dynamic_maps.find(entry.dynamic_map);
            if (dynamic == core_.crypto().dynamic_maps.end()) {
                continue;
            }
            for (const auto& [dynamic_sequence, row] : dynamic->second.entries) {
                auto copy = row;
                copy.kind = config::CryptoMapEntry::Kind::dynamic;
                if (static_entry_fits(map->second, copy, sa, proxies)) {
                    ref.dynamic_map = entry.dynamic_map;
                    ref.dynamic_sequence = dynamic_sequence;
                    return ref;
                }
            }
        }
    }
    return std::nullopt;
}

std::optional<PolicyRef> Policies::select_tunnel(const IkeSa& sa, const ProxyPair& proxies) const {
    const bool gre = proxies.local.protocol == kProtoGre && proxies.remote.protocol == kProtoGre;
    // Behind a NAT the peer speaks of its own address, which we do not see.
    const bool remote_fits = names_end(proxies.remote, sa.remote.address) ||
                             (sa.nat.remote_behind && proxies.remote.mask == kSingleHost);
    const bool local_fits = names_end(proxies.local, sa.local.address) ||
                            (sa.nat.local_behind && proxies.local.mask == kSingleHost);
    if (!gre || !remote_fits || !local_fits) {
        return std::nullopt;
    }
    const LocalInterface* found = nullptr;
    for (const auto& interface : core_.interfaces) {
        if (interface.ipsec_profile.empty() || interface.address != sa.local.address) {
            continue;
        }
        const auto profile = core_.crypto().ipsec_profiles.find(interface.ipsec_profile);
        if (profile == core_.crypto().ipsec_profiles.end() ||
            (!profile->second.isakmp_profile.empty() &&
             profile->second.isakmp_profile != sa.profile)) {
            continue;
        }
        if (interface.tunnel_destination == sa.remote.address) {
            found = &interface;
            break;
        }
        if (interface.multipoint && found == nullptr) {
            found = &interface;
        }
    }
    if (found == nullptr) {
        return std::nullopt;
    }
    PolicyRef ref;
    ref.interface = found->index;
    ref.ipsec_profile = found->ipsec_profile;
    return ref;
}

std::optional<PolicyRef> Policies::select(const IkeSa& sa, const ProxyPair& proxies) const {
    if (sa.client && sa.initiator()) {
        return core_.ezvpn.select(sa, proxies);
    }
    if (!Transactions::owns(sa, proxies.remote)) {
        return std::nullopt;
    }
    if (auto tunnel = select_tunnel(sa, proxies)) {
        return tunnel;
    }
    for (const auto& interface : core_.interfaces) {
        if (interface.crypto_map.empty() || core_.map_address(interface) != sa.local.address) {
            continue;
        }
        if (auto ref = select_map(interface, sa, proxies)) {
            // A template takes what the peer proposes, but nobody gets an address that another one leases.
            const auto& remote = proxies.remote;
            if (!ref->dynamic_map.empty() &&
                core_.transactions.pools.leased_to_others(remote.address, remote.mask, sa.id)) {
                return std::nullopt;
            }
            return ref;
        }
    }
    return std::nullopt;
}

bool Policies::still_allows(const PolicyRef& ref,
                            const ProxyPair& proxies,
                            Ipv4Address local,
                            Ipv4Address remote) const {
    const auto interface =
        std::find_if(core_.interfaces.begin(), core_.interfaces.end(), [&](const auto& row) {
            return row.index == ref.interface;
        });
    if (interface == core_.interfaces.end() || of(ref) == nullptr) {
        return false;
    }
    if (!ref.ezvpn.empty()) {
        return core_.ezvpn.stands(ref) && interface->address == local;
    }
    if (ref.crypto_map.empty()) {
        return interface->ipsec_profile == ref.ipsec_profile && interface->address == local &&
               (interface->multipoint || interface->tunnel_destination == remote);
    }
    if (interface->crypto_map != ref.crypto_map || core_.map_address(*interface) != local) {
        return false;
    }
    const auto* entry = entry_of(ref);
    const auto peers = peers_of(*entry);
    if (!peers.empty() && std::find(peers.begin(), peers.end(), remote) == peers.end()) {
        return false;
    }
    return entry->match_address.empty() ? !ref.dynamic_map.empty()
                                        : acl_permits(entry->match_address, proxies);
}

std::vector<ChildSuite> Policies::suites(const config::CryptoPolicy& policy,
                                         bool transport_possible,
                                         const IkeSa& sa) const {
    if (&policy == &core_.ezvpn.policy()) {
        return core_.ezvpn.suites(sa);
    }
    std::vector<ChildSuite> out;
    for (const auto& name : policy.transform_sets) {
        const auto set = core_.crypto().transform_sets.find(name);
        // AH and compression are parsed and not run: such a set is never offered.
        if (set == core_.crypto().transform_sets.end() || set->second.ah_auth ||
            set->second.comp_lzs || (!set->second.esp_cipher && !set->second.esp_auth)) {
            continue;
        }
        ChildSuite suite;
        suite.cipher = set->second.esp_cipher.value_or(crypto::Cipher::null);
        suite.auth = crypto::info(suite.cipher).aead
                         ? crypto::Auth::none
                         : set->second.esp_auth.value_or(crypto::Auth::none);
        const bool transport =
            set->second.mode == config::IpsecMode::transport && transport_possible;
        suite.encapsulation = transport ? kEncapsulationTransport : kEncapsulationTunnel;
        if (sa.nat.detected()) {
            const bool draft = sa.nat.dialect == NatDialect::draft;
            suite.encapsulation =
                transport ? (draft ? kEncapsulationUdpTransportDraft : kEncapsulationUdpTransport)
                          : (draft ? kEncapsulationUdpTunnelDraft : kEncapsulationUdpTunnel);
        }
        suite.group = policy.pfs;
        suite.lifetime_s = lifetime_s(policy);
        if (lifetime_kb(policy) != 0) {
            suite.lifetime_kb = lifetime_kb(policy);
        }
        out.push_back(suite);
    }
    return out;
}

bool Policies::accepts(const config::CryptoPolicy& policy,
                       const ChildSuite& offered,
                       bool transport_possible,
                       const IkeSa& sa) const {
    // Encapsulated if and only if there is a NAT: raw ESP would not pass it.
    if (offered.udp() != sa.nat.detected()) {
        return false;
    }
    if (&policy == &core_.ezvpn.policy()) {
        const auto own = core_.ezvpn.suites(sa);
        return std::any_of(own.begin(), own.end(), [&](const auto& suite) {
            return suite.cipher == offered.cipher && suite.auth == offered.auth;
        });
    }
    // `set pfs` demands at least that group's exchange; without it the peer may still want PFS.
    if (policy.pfs && offered.group != policy.pfs) {
        return false;
    }
    for (const auto& name : policy.transform_sets) {
        const auto set = core_.crypto().transform_sets.find(name);
        if (set == core_.crypto().transform_sets.end() || set->second.ah_auth ||
            set->second.comp_lzs) {
            continue;
        }
        const auto cipher = set->second.esp_cipher.value_or(crypto::Cipher::null);
        const auto auth = crypto::info(cipher).aead
                              ? crypto::Auth::none
                              : set->second.esp_auth.value_or(crypto::Auth::none);
        const bool transport = set->second.mode == config::IpsecMode::transport;
        const bool mode_fits = offered.tunnel() ? !transport || !set->second.mode_require
                                                : transport && transport_possible;
        if (cipher == offered.cipher && auth == offered.auth && mode_fits) {
            return true;
        }
    }
    return false;
}

std::uint32_t Policies::lifetime_s(const config::CryptoPolicy& policy) const {
    return policy.lifetime.seconds.value_or(core_.crypto().lifetime.seconds.value_or(3600));
}

std::uint32_t Policies::lifetime_kb(const config::CryptoPolicy& policy) const {
    return policy.lifetime.kilobytes.value_or(core_.crypto().lifetime.kilobytes.value_or(4608000));
}

std::uint16_t Policies::replay_window(const config::CryptoPolicy& policy) const {
    if (policy.replay_disable || (core_.crypto().replay_disable && !policy.replay_window)) {
        return 0;
    }
    return policy.replay_window.value_or(core_.crypto().replay_window.value_or(64));
}

std::optional<std::uint32_t> Policies::idle_s(const config::CryptoPolicy& policy) const {
    return policy.idle_time_s ? policy.idle_time_s : core_.crypto().idle_time_s;
}

}  // namespace viaduct::ike
