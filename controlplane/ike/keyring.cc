#include "controlplane/ike/keyring.h"

#include <algorithm>
#include <array>
#include <bit>

#include "config/ios/password.h"

namespace viaduct::ike {

namespace {

/// How well a key fits an address: number of mask bits + 1; 0: not at all.
unsigned fit(const config::RunningConfig& config,
             const config::PreSharedKey& key,
             Ipv4Address peer) {
    if (!key.hostname.empty()) {
        const auto host = config.system.hosts.find(key.hostname);
        return host != config.system.hosts.end() && host->second == peer ? 33 : 0;
    }
    if (((key.address.value() ^ peer.value()) & key.mask.value()) != 0) {
        return 0;
    }
    return static_cast<unsigned>(std::popcount(key.mask.value())) + 1;
}

const config::PreSharedKey* best(const config::RunningConfig& config,
                                 const std::vector<config::PreSharedKey>& keys,
                                 Ipv4Address peer) {
    const config::PreSharedKey* found = nullptr;
    unsigned found_fit = 0;
    for (const auto& key : keys) {
        const auto f = fit(config, key, peer);
        if (f > found_fit) {
            found = &key;
            found_fit = f;
        }
    }
    return found;
}

FoundKey found(const config::PreSharedKey& key, std::string keyring) {
    return {plain_key(key.key), std::move(keyring), key.no_xauth};
}

/// Keyrings in the order of the profiles that name them, then the others, each once.
std::vector<std::string> keyring_order(const config::CryptoConfig& config) {
    std::vector<std::string> out;
    const auto add = [&](const std::string& name) {
        if (config.keyrings.contains(name) &&
            std::find(out.begin(), out.end(), name) == out.end()) {
            out.push_back(name);
        }
    };
    for (const auto& [name, profile] : config.profiles) {
        add(profile.keyring);
    }
    for (const auto& entry : config.keyrings) {
        add(entry.first);
    }
    return out;
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    });
    return text;
}

std::string identity_text(const Identity& id) {
    return {id.data.begin(), id.data.end()};
}

std::string behind_at(const std::string& text) {
    const auto at = text.find('@');
    return at == std::string::npos ? "" : text.substr(at + 1);
}

bool matches(const config::IdentityMatch& m, const Identity& id) {
    using Kind = config::IdentityMatch::Kind;
    switch (m.kind) {
    case Kind::address: {
        const auto address = id.address();
        return id.type == IdType::ipv4_address && address &&
               ((address->value() ^ m.address.value()) & m.mask.value()) == 0;
    }
    case Kind::group:
        return id.type == IdType::key_id && identity_text(id) == m.text;
    case Kind::host:
        return id.type == IdType::fqdn && lower(identity_text(id)) == lower(m.text);
    case Kind::host_domain: {
        const auto name = lower(identity_text(id));
        return id.type == IdType::fqdn && name.ends_with("." + lower(m.text));
    }
    case Kind::user:
        return id.type == IdType::user_fqdn && lower(identity_text(id)) == lower(m.text);
    case Kind::user_domain:
        return id.type == IdType::user_fqdn && behind_at(lower(identity_text(id))) == lower(m.text);
    }
    return false;
}

}  // namespace

Secret plain_key(const config::Password& password) {
    const auto plain = ios::plain_text(password);
    return plain ? Secret(as_bytes(*plain)) : Secret();
}

std::optional<FoundKey> find_key(const config::RunningConfig& config,
                                 Log& log,
                                 Ipv4Address peer,
                                 const std::string& only_keyring) {
    const auto& crypto = config.crypto;
    const auto look = [&](const std::vector<config::PreSharedKey>& keys,
                          const std::string& name) -> std::optional<FoundKey> {
        const auto* key = best(config, keys, peer);
        log.debug(Debug::crypto_isakmp,
                  "ISAKMP: Looking for a matching key for {} in {}{}",
                  peer.to_string(),
                  name,
                  key != nullptr ? " : success" : "");
        return key != nullptr ? std::optional(found(*key, name)) : std::nullopt;
    };
    if (!only_keyring.empty()) {
        const auto ring = crypto.keyrings.find(only_keyring);
        return ring == crypto.keyrings.end() ? std::nullopt : look(ring->second.keys, only_keyring);
    }
    if (auto key = look(crypto.keys, "default")) {
        return key;
    }
    for (const auto& name : keyring_order(crypto)) {
        if (auto key = look(crypto.keyrings.at(name).keys, name)) {
            return key;
        }
    }
    return std::nullopt;
}

std::optional<FoundKey> find_key_by_name(const config::RunningConfig& config,
                                         const std::string& name,
                                         const std::string& only_keyring) {
    const auto look = [&](const std::vector<config::PreSharedKey>& keys) {
        const auto it = std::find_if(keys.begin(), keys.end(), [&](const auto& key) {
            return !key.hostname.empty() && lower(key.hostname) == lower(name);
        });
        return it == keys.end() ? nullptr : &*it;
    };
    if (only_keyring.empty()) {
        if (const auto* key = look(config.crypto.keys)) {
            return found(*key, "default");
        }
    }
    for (const auto& ring : keyring_order(config.crypto)) {
        if (only_keyring.empty() || ring == only_keyring) {
            if (const auto* key = look(config.crypto.keyrings.at(ring).keys)) {
                return found(*key, ring);
            }
        }
    }
    return std::nullopt;
}

const std::pair<std::string, config::IsakmpProfile>* match_profile(
    const config::CryptoConfig& config, const Identity& identity) {
    for (const auto& entry : config.profiles) {
        const auto& lines = entry.second.matches;
        if (std::any_of(lines.begin(), lines.end(), [&](const auto& line) {
                return matches(line, identity);
            })) {
            return &entry;
        }
    }
    return nullptr;
}

const config::IsakmpProfile* profile_named(const config::CryptoConfig& config,
                                           const std::string& name) {
    const auto it = std::find_if(config.profiles.begin(),
                                 config.profiles.end(),
                                 [&](const auto& entry) { return entry.first == name; });
    return it == config.profiles.end() ? nullptr : &it->second;
}

Identity own_identity(const config::RunningConfig& config,
                      const config::IsakmpProfile* profile,
                      Ipv4Address local,
                      bool behind_nat) {
    std::string kind = config.crypto.isakmp_identity;
    if (profile != nullptr && !profile->self_identity.empty()) {
        kind = profile->self_identity;
    }
    Identity id;
    id.protocol = kProtoUdp.value();
    // IOS: port 500, but 0 behind a NAT, where the port that arrives is another one.
    id.port = behind_nat ? 0 : kPortIsakmp.value();
    if (kind == "hostname" || kind == "fqdn") {
        id.type = IdType::fqdn;
        std::string name = config.system.hostname;
        if (!config.system.domain_name.empty()) {
            name += "." + config.system.domain_name;
        }
        id.data.assign(name.begin(), name.end());
        return id;
    }
    static constexpr std::string_view kUserFqdn = "user-fqdn ";
    if (kind.starts_with(kUserFqdn)) {
        id.type = IdType::user_fqdn;
        id.data.assign(kind.begin() + kUserFqdn.size(), kind.end());
        return id;
    }
    ByteWriter out;
    out.address(local);
    id.data = out.take();
    return id;
}

}  // namespace viaduct::ike
