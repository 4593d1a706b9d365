#include "config/ios/scope.h"

#include <algorithm>
#include <array>

#include "dataplane/base/check.h"

namespace viaduct::ios {

namespace {

struct ModeRow {
    Mode mode;
    Mode parent;
    std::string_view prompt;
    std::string_view title;
};

constexpr std::array<ModeRow, static_cast<std::size_t>(Mode::kCount)> kModes{{
    {Mode::global, Mode::global, "(config)", "global configuration"},
    {Mode::interface, Mode::global, "(config-if)", "interface configuration"},
    {Mode::router_eigrp, Mode::global, "(config-router)", "EIGRP configuration"},
    {Mode::line, Mode::global, "(config-line)", "line configuration"},
    {Mode::isakmp_policy, Mode::global, "(config-isakmp)", "ISAKMP policy"},
    {Mode::keyring, Mode::global, "(conf-keyring)", "keyring"},
    {Mode::isakmp_profile, Mode::global, "(conf-isa-prof)", "ISAKMP profile"},
    {Mode::client_group, Mode::global, "(config-isakmp-group)", "client group"},
    {Mode::isakmp_peer, Mode::global, "(config-isakmp-peer)", "ISAKMP peer"},
    {Mode::transform_set, Mode::global, "(cfg-crypto-trans)", "transform set"},
    {Mode::ipsec_profile, Mode::global, "(ipsec-profile)", "IPsec profile"},
    {Mode::crypto_map, Mode::global, "(config-crypto-map)", "crypto map entry"},
    {Mode::dynamic_map, Mode::global, "(config-crypto-map)", "dynamic crypto map entry"},
    {Mode::ezvpn, Mode::global, "(config-crypto-ezvpn)", "EzVPN client"},
    {Mode::trustpoint, Mode::global, "(ca-trustpoint)", "trustpoint"},
    {Mode::dhcp_pool, Mode::global, "(dhcp-config)", "DHCP pool"},
    {Mode::access_list_standard, Mode::global, "(config-std-nacl)", "standard access list"},
    {Mode::access_list_extended, Mode::global, "(config-ext-nacl)", "extended access list"},
    {Mode::route_map, Mode::global, "(config-route-map)", "route map"},
    {Mode::key_chain, Mode::global, "(config-keychain)", "key chain"},
    {Mode::key_chain_key, Mode::key_chain, "(config-keychain-key)", "key of a key chain"},
    {Mode::kept_section, Mode::global, "(config-kept)", "section without effect"},
}};

const ModeRow& row_of(Mode mode) {
    return kModes.at(static_cast<std::size_t>(mode));
}

using config::RunningConfig;

const config::CryptoMapEntry* map_entry(const RunningConfig& config, const Scope& scope) {
    const auto& maps =
        scope.mode == Mode::dynamic_map ? config.crypto.dynamic_maps : config.crypto.maps;
    const auto map = maps.find(scope.name);
    if (map == maps.end()) {
        return nullptr;
    }
    const auto entry = map->second.entries.find(scope.number);
    return entry != map->second.entries.end() ? &entry->second : nullptr;
}

const config::KeyChainKey* chain_key(const RunningConfig& config, const Scope& scope) {
    const auto chain = config.key_chains.find(scope.name);
    if (chain == config.key_chains.end()) {
        return nullptr;
    }
    const auto key = chain->second.find(scope.number);
    return key != chain->second.end() ? &key->second : nullptr;
}

const config::RouteMapEntry* route_map_entry(const RunningConfig& config, const Scope& scope) {
    const auto map = config.route_maps.find(scope.name);
    if (map == config.route_maps.end()) {
        return nullptr;
    }
    const auto entry = map->second.find(scope.number);
    return entry != map->second.end() ? &entry->second : nullptr;
}

const config::IsakmpProfile* profile(const RunningConfig& config, const Scope& scope) {
    const auto found = std::find_if(config.crypto.profiles.begin(),
                                    config.crypto.profiles.end(),
                                    [&scope](const auto& row) { return row.first == scope.name; });
    return found != config.crypto.profiles.end() ? &found->second : nullptr;
}

const config::LineConfig* line(const RunningConfig& config, const Scope& scope) {
    return scope.number < config.system.lines.size() ? &config.system.lines[scope.number] : nullptr;
}

template <typename Map, typename Key>
bool has(const Map& map, const Key& key) {
    return map.find(key) != map.end();
}

template <typename T>
const T& checked(const T* object) {
    VIADUCT_CHECK(object != nullptr);
    return *object;
}

template <typename Map, typename Key>
const auto& at(const Map& map, const Key& key) {
    const auto found = map.find(key);
    VIADUCT_CHECK(found != map.end());
    return found->second;
}

}  // namespace

std::string_view prompt_of(Mode mode) {
    return row_of(mode).prompt;
}

std::string_view title_of(Mode mode) {
    return row_of(mode).title;
}

Mode parent_of(Mode mode) {
    return row_of(mode).parent;
}

bool exists(const RunningConfig& config, const Scope& scope) {
    switch (scope.mode) {
    case Mode::global:
    case Mode::kCount:
        return true;
    case Mode::interface:
        return has(config.interfaces, scope.interface);
    case Mode::router_eigrp:
        return has(config.eigrp, Asn{static_cast<std::uint16_t>(scope.number)});
    case Mode::line:
        return line(config, scope) != nullptr;
    case Mode::isakmp_policy:
        return has(config.crypto.policies, scope.number);
    case Mode::keyring:
        return has(config.crypto.keyrings, scope.name);
    case Mode::isakmp_profile:
        return profile(config, scope) != nullptr;
    case Mode::client_group:
        return has(config.crypto.client_groups, scope.name);
    case Mode::isakmp_peer:
        return has(config.crypto.aggressive_peers, scope.name);
    case Mode::transform_set:
        return has(config.crypto.transform_sets, scope.name);
    case Mode::ipsec_profile:
        return has(config.crypto.ipsec_profiles, scope.name);
    case Mode::crypto_map:
    case Mode::dynamic_map:
        return map_entry(config, scope) != nullptr;
    case Mode::ezvpn:
        return has(config.crypto.ezvpn_clients, scope.name);
    case Mode::trustpoint:
        return has(config.crypto.trustpoints, scope.name);
    case Mode::dhcp_pool:
        return has(config.dhcp.pools, scope.name);
    case Mode::access_list_standard:
    case Mode::access_list_extended:
        return true;  // a list without entries does not exist yet, but may be written into
    case Mode::route_map:
        return route_map_entry(config, scope) != nullptr;
    case Mode::key_chain:
        return has(config.key_chains, scope.name);
    case Mode::key_chain_key:
        return chain_key(config, scope) != nullptr;
    case Mode::kept_section:
        return std::any_of(config.kept.begin(), config.kept.end(), [&scope](const auto& section) {
            return section.line == scope.name;
        });
    }
    return false;
}

template <>
const config::SystemConfig& object_of(const RunningConfig& config, const Scope& /*scope*/) {
    return config.system;
}

template <>
const config::LoggingConfig& object_of(const RunningConfig& config, const Scope& /*scope*/) {
    return config.system.logging;
}

template <>
const config::CryptoConfig& object_of(const RunningConfig& config, const Scope& /*scope*/) {
    return config.crypto;
}

template <>
const config::NatConfig& object_of(const RunningConfig& config, const Scope& /*scope*/) {
    return config.nat;
}

template <>
const config::NatTimeouts& object_of(const RunningConfig& config, const Scope& /*scope*/) {
    return config.nat.timeouts;
}

template <>
const config::DhcpConfig& object_of(const RunningConfig& config, const Scope& /*scope*/) {
    return config.dhcp;
}

template <>
const config::AaaConfig& object_of(const RunningConfig& config, const Scope& /*scope*/) {
    return config.aaa;
}

template <>
const config::InterfaceConfig& object_of(const RunningConfig& config, const Scope& scope) {
    return at(config.interfaces, scope.interface);
}

template <>
const config::TunnelConfig& object_of(const RunningConfig& config, const Scope& scope) {
    return at(config.interfaces, scope.interface).tunnel;
}

template <>
const config::NhrpConfig& object_of(const RunningConfig& config, const Scope& scope) {
    return at(config.interfaces, scope.interface).nhrp;
}

template <>
const config::EigrpConfig& object_of(const RunningConfig& config, const Scope& scope) {
    return at(config.eigrp, Asn{static_cast<std::uint16_t>(scope.number)});
}

template <>
const config::LineConfig& object_of(const RunningConfig& config, const Scope& scope) {
    return checked(line(config, scope));
}

template <>
const config::IsakmpPolicy& object_of(const RunningConfig& config, const Scope& scope) {
    return at(config.crypto.policies, scope.number);
}

template <>
const config::Keyring& object_of(const RunningConfig& config, const Scope& scope) {
    return at(config.crypto.keyrings, scope.name);
}

template <>
const config::IsakmpProfile& object_of(const RunningConfig& config, const Scope& scope) {
    return checked(profile(config, scope));
}

template <>
const config::ClientGroup& object_of(const RunningConfig& config, const Scope& scope) {
    return at(config.crypto.client_groups, scope.name);
}

template <>
const config::PerPeerAggressive& object_of(const RunningConfig& config, const Scope& scope) {
    return at(config.crypto.aggressive_peers, scope.name);
}

template <>
const config::TransformSet& object_of(const RunningConfig& config, const Scope& scope) {
    return at(config.crypto.transform_sets, scope.name);
}

template <>
const config::CryptoMapEntry& object_of(const RunningConfig& config, const Scope& scope) {
    return checked(map_entry(config, scope));
}

template <>
const config::CryptoPolicy& object_of(const RunningConfig& config, const Scope& scope) {
    if (scope.mode == Mode::ipsec_profile) {
        return at(config.crypto.ipsec_profiles, scope.name);
    }
    return checked(map_entry(config, scope));
}

template <>
const config::EzvpnClient& object_of(const RunningConfig& config, const Scope& scope) {
    return at(config.crypto.ezvpn_clients, scope.name);
}

template <>
const config::Trustpoint& object_of(const RunningConfig& config, const Scope& scope) {
    return at(config.crypto.trustpoints, scope.name);
}

template <>
const config::DhcpPool& object_of(const RunningConfig& config, const Scope& scope) {
    return at(config.dhcp.pools, scope.name);
}

template <>
const config::RouteMapEntry& object_of(const RunningConfig& config, const Scope& scope) {
    return checked(route_map_entry(config, scope));
}

template <>
const config::KeyChainKey& object_of(const RunningConfig& config, const Scope& scope) {
    return checked(chain_key(config, scope));
}

}  // namespace viaduct::ios
