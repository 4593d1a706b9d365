// show crypto isakmp …
#include <algorithm>

#include "config/ios/text.h"
#include "controlplane/ike/keyring.h"
#include "controlplane/ike/show.h"

namespace viaduct::ike {

namespace {

std::string_view method_text(config::IkeAuthentication method) {
    switch (method) {
    case config::IkeAuthentication::pre_share:
        return "Pre-Shared Key";
    case config::IkeAuthentication::rsa_sig:
        return "Rivest-Shamir-Adleman Signature";
    case config::IkeAuthentication::rsa_encr:
        return "Rivest-Shamir-Adleman Encryption";
    }
    return "";
}

std::string suite_text(const config::IsakmpPolicy& policy) {
    return fmt::format(
        "        encryption algorithm:   {}\n"
        "        hash algorithm:         {}\n"
        "        authentication method:  {}\n"
        "        Diffie-Hellman group:   {}\n"
        "        lifetime:               {} seconds, no volume limit\n",
        crypto::info(policy.encryption).show_name,
        crypto::info(policy.hash).show_name,
        method_text(policy.authentication),
        crypto::info(policy.group).show_name,
        policy.lifetime_s);
}

std::string capabilities(const Engine::State& core, const IkeSa& sa) {
    std::string out;
    const auto* profile = profile_named(core.crypto(), sa.profile);
    if (profile != nullptr && profile->client_configuration != config::ConfigMode::none) {
        out += 'C';
    }
    const bool keepalive = core.crypto().keepalive || (profile != nullptr && profile->keepalive);
    if (keepalive && sa.peer.dpd) {
        out += 'D';
    }
    if (sa.nat.detected()) {
        out += 'N';
    }
    if (sa.suite.authentication > 65000) {
        out += 'X';
    }
    return out;
}

std::string_view auth_word(const IkeSa& sa) {
    if (sa.suite.authentication == kAuthPreShared) {
        return "psk";
    }
    return sa.suite.authentication == kAuthRsaSignature ? "rsig" : "";
}

/// "3des", "aes", "des": without the key length, as the narrow column has it.
std::string cipher_word(const IkeSa& sa) {
    const std::string name(crypto::info(sa.suite.cipher).ios_ike_name);
    return name.substr(0, name.find(' '));
}

void append_keys(std::string& out,
                 const std::string& keyring,
                 const std::vector<config::PreSharedKey>& keys) {
    for (const auto& key : keys) {
        const auto who =
            key.hostname.empty()
                ? fmt::format("{:<15} [{}]", key.address.to_string(), key.mask.to_string())
                : key.hostname;
        out += fmt::format("{:<21} {:<34} {}\n", keyring, who, key.key.text);
    }
}

std::string match_text(const config::IdentityMatch& m) {
    using Kind = config::IdentityMatch::Kind;
    switch (m.kind) {
    case Kind::address:
        return fmt::format("ip-address {} {}", m.address.to_string(), m.mask.to_string());
    case Kind::group:
        return "group " + m.text;
    case Kind::host:
        return "fqdn " + m.text;
    case Kind::host_domain:
        return "fqdn domain " + m.text;
    case Kind::user:
        return "user-fqdn " + m.text;
    case Kind::user_domain:
        return "user-fqdn domain " + m.text;
    }
    return "";
}

}  // namespace

std::string interface_text(const Engine::State& core, IfIndex index) {
    for (const auto& interface : core.interfaces) {
        if (interface.index == index) {
            return interface.name.to_string();
        }
    }
    return "<none>";
}

std::string show_isakmp_policy(const Engine::State& core) {
    std::string out = "\nGlobal IKE policy\n";
    for (const auto& [priority, policy] : core.crypto().policies) {
        out += fmt::format("Protection suite of priority {}\n{}", priority, suite_text(policy));
    }
    out += "Default protection suite\n" + suite_text({});
    return out;
}

std::string show_isakmp_sa(const Engine::State& core) {
    std::string out = "dst             src             state          conn-id slot\n";
    for (const auto& [id, sa] : core.ikes) {
        const auto& responder = sa->initiator() ? sa->remote : sa->local;
        const auto& initiator = sa->initiator() ? sa->local : sa->remote;
        out += fmt::format("{:<15} {:<15} {:<14} {:>7} {:>4}\n",
                           responder.address.to_string(),
                           initiator.address.to_string(),
                           show_state(sa->state),
                           id.value(),
                           0);
    }
    return out + "\n";
}

std::string show_isakmp_sa_detail(const Engine::State& core, TimePoint now) {
    std::string out =
        "Codes: C - IKE configuration mode, D - Dead Peer Detection\n"
        "       K - Keepalives, N - NAT-traversal\n"
        "       X - IKE Extended Authentication\n"
        "       psk - Preshared key, rsig - RSA signature\n"
        "       renc - RSA encryption\n\n"
        "C-id  Local           Remote          I-VRF    Encr Hash   Auth DH Lifetime Cap.\n";
    for (const auto& [id, sa] : core.ikes) {
        if (!sa->complete()) {
            continue;
        }
        const auto left = sa->established + std::chrono::seconds(sa->suite.lifetime_s) - now;
        out += fmt::format("{:<5} {:<15} {:<15} {:<8} {:<4} {:<6} {:<4} {:<2} {:<8} {}\n",
                           id.value(),
                           sa->local.address.to_string(),
                           sa->remote.address.to_string(),
                           "",
                           cipher_word(*sa),
                           crypto::info(sa->suite.hash).ios_name,
                           auth_word(*sa),
                           static_cast<unsigned>(sa->suite.group),
                           ios::clock_text(left),
                           capabilities(core, *sa));
    }
    return out + "\n";
}

std::string show_isakmp_key(const Engine::State& core) {
    std::string out = "Keyring               Hostname/Address                   Preshared Key\n\n";
    append_keys(out, "default", core.crypto().keys);
    for (const auto& [name, ring] : core.crypto().keyrings) {
        append_keys(out, name, ring.keys);
    }
    return out;
}

std::string show_isakmp_peers(const Engine::State& core) {
    std::string out;
    for (const auto& [id, sa] : core.ikes) {
        if (sa->complete() && core.phase1.is_newest(*sa)) {
            out += fmt::format("Peer: {} Port: {} Local: {}\n Phase1 id: {}\n",
                               sa->remote.address.to_string(),
                               sa->remote.port.value(),
                               sa->local.address.to_string(),
                               sa->peer_id.text());
        }
    }
    return out;
}

std::string show_isakmp_profile(const Engine::State& core) {
    std::string out;
    for (const auto& [name, profile] : core.crypto().profiles) {
        out += fmt::format("ISAKMP PROFILE {}\n", name);
        if (!profile.description.empty()) {
            out += fmt::format("   Description: {}\n", profile.description);
        }
        out += "   Identities matched are:\n";
        for (const auto& line : profile.matches) {
            out += fmt::format("    {}\n", match_text(line));
        }
        if (!profile.keyring.empty()) {
            out += fmt::format("   Keyring(s): {}\n", profile.keyring);
        }
        if (!profile.client_authentication_list.empty()) {
            out += fmt::format("   client authentication list: {}\n",
                               profile.client_authentication_list);
        }
        if (!profile.authorization_list.empty()) {
            out += fmt::format("   isakmp authorization list: {}\n", profile.authorization_list);
        }
    }
    return out;
}

std::string show_isakmp_stats(const Engine::State& core) {
    std::string out;
    for (std::size_t i = 0; i < kCounterNames.size(); ++i) {
        out +=
            fmt::format("{:<26} {}\n", kCounterNames[i], core.counters.of(static_cast<Counter>(i)));
    }
    out += fmt::format("{:<26} {}\n{:<26} {}\n{:<26} {}\n",
                       "isakmp_sas_now",
                       core.ikes.size(),
                       "half_open_now",
                       core.half_open.size(),
                       "ipsec_pairs_now",
                       core.children.all().size());
    return out;
}

}  // namespace viaduct::ike
