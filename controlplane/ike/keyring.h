// Which pre-shared key, and which ISAKMP profile, belongs to a peer.
#pragma once

#include <optional>
#include <string>

#include "config/model/running_config.h"
#include "controlplane/ike/wire.h"
#include "controlplane/log/log.h"
#include "dataplane/base/secret.h"

namespace viaduct::ike {

struct FoundKey {
    Secret key;
    std::string keyring;  // "default" for the global keys
    bool no_xauth = false;
};

/// The plain text of a configured key; type 7 is decoded.
Secret plain_key(const config::Password& password);

/// The key for a peer's address: longest mask within a keyring; the global keys first, then the keyrings
/// in the order of the profiles that name them. With `only_keyring` not empty no other one is asked.
std::optional<FoundKey> find_key(const config::RunningConfig& config,
                                 Log& log,
                                 Ipv4Address peer,
                                 const std::string& only_keyring);
/// The key for a peer that names itself (FQDN or user FQDN).
std::optional<FoundKey> find_key_by_name(const config::RunningConfig& config,
                                         const std::string& name,
                                         const std::string& only_keyring);

/// The first profile, in the file's order, one of whose `match identity` lines fits.
const std::pair<std::string, config::IsakmpProfile>* match_profile(
    const config::CryptoConfig& config, const Identity& identity);
/// By its name; nullptr if there is none.
const config::IsakmpProfile* profile_named(const config::CryptoConfig& config,
                                           const std::string& name);

/// Our own ID payload: address, or `crypto isakmp identity hostname`, or the profile's self-identity.
Identity own_identity(const config::RunningConfig& config,
                      const config::IsakmpProfile* profile,
                      Ipv4Address local,
                      bool behind_nat);

}  // namespace viaduct::ike
