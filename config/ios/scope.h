// Where a configuration line stands: the mode, and which object of the model its lines are about.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/model/running_config.h"

namespace viaduct::ios {

enum class Mode : std::uint8_t {
    global,
    interface,
    router_eigrp,
    line,
    isakmp_policy,
    keyring,
    isakmp_profile,
    client_group,
    isakmp_peer,
    transform_set,
    ipsec_profile,
    crypto_map,
    dynamic_map,
    ezvpn,
    trustpoint,
    dhcp_pool,
    access_list_standard,
    access_list_extended,
    route_map,
    key_chain,
    key_chain_key,
    kept_section,
    kCount,
};

/// "(config-if)" and the like, without '#'.
std::string_view prompt_of(Mode mode);
/// "interface configuration" and the like, for the manual and messages.
std::string_view title_of(Mode mode);
/// The mode that `exit` leads to; global's is global.
Mode parent_of(Mode mode);

struct Scope {
    Mode mode = Mode::global;
    std::string name = {};  // map, profile, list, pool, …
    std::uint32_t number = 0;  // sequence, priority, autonomous system, key id, line
    config::InterfaceName interface = {};
};

/// The object of type T that the scope's lines are about; it exists as long as the scope is open.
/// SystemConfig, LoggingConfig, CryptoConfig, NatConfig, NatTimeouts, DhcpConfig and AaaConfig are there in every
/// scope.
template <typename T>
const T& object_of(const config::RunningConfig& config, const Scope& scope);

template <typename T>
T& object_of(config::RunningConfig& config, const Scope& scope) {
    // The object is part of `config`, which the caller may change.
    return const_cast<T&>(object_of<T>(static_cast<const config::RunningConfig&>(config), scope));
}

/// Whether the scope's object still exists (another session may have removed it).
bool exists(const config::RunningConfig& config, const Scope& scope);

}  // namespace viaduct::ios
