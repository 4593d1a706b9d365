// ISAKMP: policies, pre-shared keys, keyrings, and the settings of phase 1 that are not a profile's.
#include "config/ios/rows/isakmp.h"

#include <algorithm>
#include <iterator>

#include "config/ios/fields.h"

namespace viaduct::ios {

namespace {

using config::CryptoConfig;
using config::IkeAuthentication;
using config::IsakmpPolicy;
using config::Keepalive;
using config::Keyring;
using config::PreSharedKey;

constexpr std::size_t kMaxKeys = 20000;

Row enable_row() {
    auto row = flag_row(
        Mode::global, "crypto isakmp enable", &CryptoConfig::isakmp_enable, "Enable ISAKMP");
    return at(Place::isakmp_policies, std::move(row));
}

Row policy_row() {
    Row row{
        .mode = Mode::global,
        .pattern = "crypto isakmp policy <priority:1-10000>",
        .help = "Set policy for an ISAKMP protection suite|priority: Priority of protection suite"};
    row.no = "crypto isakmp policy <priority:1-10000>";
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& policies = session.config().crypto.policies;
        const auto priority = args.number("priority");
        if (args.negated()) {
            policies.erase(priority);
            return done();
        }
        policies.try_emplace(priority);
        session.enter({.mode = Mode::isakmp_policy, .number = priority});
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& [priority, policy] : out.config().crypto.policies) {
            out.separator();
            out.section(fmt::format("crypto isakmp policy {}", priority),
                        {.mode = Mode::isakmp_policy, .number = priority});
        }
    };
    row.examples = {"crypto isakmp policy 10"};
    row.enters = true;
    return at(Place::isakmp_policies, std::move(row));
}

Row encryption_row() {
    Row row{
        .mode = Mode::isakmp_policy,
        .pattern = "encryption { des | 3des | aes [ 128 | 192 | 256 ] }",
        .help =
            "Set encryption algorithm for protection suite|des: DES - Data Encryption Standard (56 "
            "bit keys).|3des: Three key triple DES|aes: AES - Advanced Encryption Standard.|128: "
            "128 "
            "bit keys|192: 192 bit keys|256: 256 bit keys"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto cipher = IsakmpPolicy{}.encryption;
        if (args.has("3des")) {
            cipher = crypto::Cipher::tdes_cbc;
        } else if (args.has("aes")) {
            cipher = args.has("256")   ? crypto::Cipher::aes_cbc_256
                     : args.has("192") ? crypto::Cipher::aes_cbc_192
                                       : crypto::Cipher::aes_cbc_128;
        } else if (args.has("des")) {
            cipher = crypto::Cipher::des_cbc;
        }
        session.object<IsakmpPolicy>().encryption =
            args.negated() ? IsakmpPolicy{}.encryption : cipher;
        return done();
    };
    row.write = [](Writer& out) {
        const auto cipher = out.object<IsakmpPolicy>().encryption;
        if (cipher != IsakmpPolicy{}.encryption) {
            out.line("encr {}", crypto::info(cipher).ios_ike_name);
        }
    };
    row.examples = {"encr 3des", "encryption aes 256", "encr aes"};
    return row;
}

Row hash_row() {
    Row row{
        .mode = Mode::isakmp_policy,
        .pattern = "hash { md5 | sha | sha256 | sha384 | sha512 }",
        .help =
            "Set hash algorithm for protection suite|md5: Message Digest 5|sha: Secure Hash "
            "Standard|sha256: Secure Hash Standard 2 (256 bit)|sha384: Secure Hash Standard 2 (384 "
            "bit)|sha512: Secure Hash Standard 2 (512 bit)"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& hash = session.object<IsakmpPolicy>().hash;
        hash = IsakmpPolicy{}.hash;
        for (const auto& known : crypto::all_hashes()) {
            if (!args.negated() && args.has(known.ios_name)) {
                hash = known.id;
            }
        }
        return done();
    };
    row.write = [](Writer& out) {
        const auto hash = out.object<IsakmpPolicy>().hash;
        if (hash != IsakmpPolicy{}.hash) {
            out.line("hash {}", crypto::info(hash).ios_name);
        }
    };
    row.examples = {"hash md5", "hash sha512"};
    return row;
}

Row policy_authentication_row() {
    Row row{.mode = Mode::isakmp_policy,
            .pattern = "authentication { pre-share | rsa-sig | rsa-encr }",
            .help =
                "Set authentication method for protection suite|pre-share: Pre-Shared Key|rsa-sig: "
                "Rivest-Shamir-Adleman Signature|rsa-encr: Rivest-Shamir-Adleman Encryption"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto method = IsakmpPolicy{}.authentication;
        if (!args.negated() && args.has("pre-share")) {
            method = IkeAuthentication::pre_share;
        } else if (!args.negated() && args.has("rsa-encr")) {
            method = IkeAuthentication::rsa_encr;
        }
        session.object<IsakmpPolicy>().authentication = method;
        return done();
    };
    row.write = [](Writer& out) {
        switch (out.object<IsakmpPolicy>().authentication) {
        case IkeAuthentication::pre_share:
            return out.line("authentication pre-share");
        case IkeAuthentication::rsa_sig:
            return;
        case IkeAuthentication::rsa_encr:
            return out.line("authentication rsa-encr");
        }
    };
    row.examples = {"authentication pre-share", "authentication rsa-encr"};
    return row;
}

Row policy_group_row() {
    Row row{
        .mode = Mode::isakmp_policy,
        .pattern = "group { 1 | 2 | 5 | 14 | 15 | 16 | 19 | 20 | 21 }",
        .help =
            "Set the Diffie-Hellman group|1: Diffie-Hellman group 1 (768 bit)|2: Diffie-Hellman "
            "group 2 (1024 bit)|5: Diffie-Hellman group 5 (1536 bit)|14: Diffie-Hellman group 14 "
            "(2048 bit)|15: Diffie-Hellman group 15 (3072 bit)|16: Diffie-Hellman group 16 (4096 "
            "bit)|19: Diffie-Hellman group 19 (256 bit ecp)|20: Diffie-Hellman group 20 (384 bit "
            "ecp)|21: Diffie-Hellman group 21 (521 bit ecp)"};
    row.apply = [](ConfigSession& session, const Args& args) {
        const auto group = args.negated() ? std::nullopt : read_dh_group(args, "");
        session.object<IsakmpPolicy>().group = group.value_or(IsakmpPolicy{}.group);
        return done();
    };
    row.write = [](Writer& out) {
        const auto group = out.object<IsakmpPolicy>().group;
        if (group != IsakmpPolicy{}.group) {
            out.line("group {}", static_cast<unsigned>(group));
        }
    };
    row.examples = {"group 2", "group 14"};
    return row;
}

constexpr std::string_view kKeyHelp =
    "|0: Specifies an UNENCRYPTED password will follow|7: Specifies a HIDDEN password will "
    "follow|plain: The "
    "UNENCRYPTED (cleartext) user password|address: define shared key with IP address|a: Peer IP "
    "address|m: "
    "Peer IP subnet mask|hostname: define shared key with hostname|host: Peer hostname|no-xauth: "
    "Bypasses "
    "XAuth for this peer";

/// The peer of a pre-shared key line.
PreSharedKey read_peer(const Args& args) {
    PreSharedKey key;
    if (args.has("host")) {
        key.hostname = args.text("host");
        return key;
    }
    key.address = args.address("a");
    if (args.has("m")) {
        key.mask = args.address("m");
    } else if (key.address.is_unspecified()) {
        key.mask = Ipv4Address{};  // IOS: address 0.0.0.0 alone is everybody
    }
    return key;
}

Result<void> change_keys(std::vector<PreSharedKey>& keys, const Args& args) {
    auto key = read_peer(args);
    const auto same = [&key](const PreSharedKey& other) {
        return other.address == key.address && other.mask == key.mask &&
               other.hostname == key.hostname;
    };
    if (args.negated()) {
        if (!args.has("a") && !args.has("host")) {
            return failure("Incomplete command.");
        }
        std::erase_if(keys, same);
        return done();
    }
    auto password = read_password(args);
    if (!password) {
        return tl::unexpected(password.error());
    }
    key.key = *password;
    key.no_xauth = args.has("no-xauth");
    const auto found = std::find_if(keys.begin(), keys.end(), same);
    if (found != keys.end()) {
        *found = std::move(key);
        return done();
    }
    if (keys.size() >= kMaxKeys) {
        return failure(fmt::format("Pre-shared keys: limit of {}", kMaxKeys));
    }
    keys.push_back(std::move(key));
    return done();
}

std::string peer_text(const PreSharedKey& key) {
    if (!key.hostname.empty()) {
        return "hostname " + quoted(key.hostname);
    }
    // Without a mask 0.0.0.0 is everybody and any other address itself.
    const bool itself = key.mask.is_broadcast() && !key.address.is_unspecified();
    const auto mask = itself ? "" : " " + key.mask.to_string();
    return "address " + key.address.to_string() + mask;
}

Row preshared_key_row() {
    const std::string peer = "{ address <a:A.B.C.D> [ <m:mask> ] | hostname <host:WORD> }";
    Row row{
        .mode = Mode::global,
        .pattern = "crypto isakmp key " + std::string(kPasswordWord) + " " + peer + " [ no-xauth ]",
        .help = "Set pre-shared key for remote peer" + std::string(kKeyHelp)};
    row.no = "crypto isakmp key [ " + std::string(kPasswordWord) + " ] " + peer + " [ no-xauth ]";
    row.apply = [](ConfigSession& session, const Args& args) {
        return change_keys(session.config().crypto.keys, args);
    };
    row.write = [](Writer& out) {
        for (const auto& key : out.config().crypto.keys) {
            out.line("crypto isakmp key {} {}{}",
                     password_word(key.key),
                     peer_text(key),
                     key.no_xauth ? " no-xauth" : "");
        }
    };
    row.examples = {"crypto isakmp key cisco123 address 0.0.0.0 0.0.0.0",
                    "crypto isakmp key 7 121A0C041104 address 10.48.67.181 no-xauth",
                    "crypto isakmp key 0 \"two words\" hostname spoke.cisco.com"};
    return at(Place::isakmp_keys, std::move(row));
}

Row keyring_row() {
    Row row{.mode = Mode::global,
            .pattern = "crypto keyring <name:WORD>",
            .help = "Key ring commands|name: Key ring name"};
    row.no = "crypto keyring <name:WORD>";
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& keyrings = session.config().crypto.keyrings;
        const auto name = args.text("name");
        if (args.negated()) {
            keyrings.erase(name);
            return done();
        }
        keyrings.try_emplace(name);
        session.enter({.mode = Mode::keyring, .name = name});
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& [name, keyring] : out.config().crypto.keyrings) {
            out.section("crypto keyring " + quoted(name), {.mode = Mode::keyring, .name = name});
        }
    };
    row.examples = {"crypto keyring spokes"};
    row.enters = true;
    return at(Place::keyrings, std::move(row));
}

Row keyring_key_row() {
    const std::string peer = "{ address <a:A.B.C.D> [ <m:mask> ] | hostname <host:WORD> }";
    Row row{
        .mode = Mode::keyring,
        .pattern = "pre-shared-key " + peer + " key " + std::string(kPasswordWord),
        .help = "Add a pre-shared key to this keyring|key: Pre-shared key" + std::string(kKeyHelp)};
    row.no = "pre-shared-key " + peer + " [ key " + std::string(kPasswordWord) + " ]";
    row.apply = [](ConfigSession& session, const Args& args) {
        return change_keys(session.object<Keyring>().keys, args);
    };
    row.write = [](Writer& out) {
        for (const auto& key : out.object<Keyring>().keys) {
            out.line("pre-shared-key {} key {}", peer_text(key), password_word(key.key));
        }
    };
    row.examples = {"pre-shared-key address 0.0.0.0 0.0.0.0 key cisco123",
                    "pre-shared-key hostname spoke.cisco.com key 7 121A0C041104"};
    return row;
}

Row isakmp_keepalive_row() {
    Row row{
        .mode = Mode::global,
        .pattern = "crypto isakmp keepalive " + std::string(kKeepalivePattern),
        .help = "Set a keepalive interval for use with IOS peers" + std::string(kKeepaliveHelp)};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& keepalive = session.config().crypto.keepalive;
        keepalive.reset();
        if (!args.negated()) {
            keepalive = read_keepalive(args);
        }
        return done();
    };
    row.write = [](Writer& out) {
        if (const auto& keepalive = out.config().crypto.keepalive) {
            out.line("crypto isakmp keepalive {}", keepalive_text(*keepalive));
        }
    };
    row.examples = {"crypto isakmp keepalive 10",
                    "crypto isakmp keepalive 20 3 periodic",
                    "crypto isakmp keepalive 30 5 on-demand"};
    return at(Place::isakmp, std::move(row));
}

Row isakmp_peer_row() {
    Row row{
        .mode = Mode::global,
        .pattern = "crypto isakmp peer { address <a:A.B.C.D> | hostname <host:WORD> }",
        .help =
            "Set Peer Policy|address: Peer Policy with IP address|a: IP address of peer|hostname: "
            "Peer Policy with hostname|host: Hostname of peer"};
    row.no = row.pattern;
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& peers = session.config().crypto.aggressive_peers;
        const auto name = args.has("a") ? args.text("a") : args.text("host");
        if (args.negated()) {
            peers.erase(name);
            return done();
        }
        peers[name].peer = name;
        session.enter({.mode = Mode::isakmp_peer, .name = name});
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& [name, peer] : out.config().crypto.aggressive_peers) {
            out.separator();
            out.section(fmt::format("crypto isakmp peer {} {}",
                                    Ipv4Address::parse(name) ? "address" : "hostname",
                                    quoted(name)),
                        {.mode = Mode::isakmp_peer, .name = name});
        }
    };
    row.examples = {"crypto isakmp peer address 10.0.0.1", "crypto isakmp peer hostname hub"};
    row.enters = true;
    return at(Place::isakmp, std::move(row));
}

Row peer_password_row() {
    Row row{.mode = Mode::isakmp_peer,
            .pattern = "set aggressive-mode password " + std::string(kPasswordWord),
            .help = "Set Tunnel-Password|aggressive-mode: Set parameters for aggressive mode"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& password = session.object<config::PerPeerAggressive>().password;
        if (args.negated()) {
            password = {};
            return done();
        }
        auto read = read_password(args);
        if (!read) {
            return tl::unexpected(read.error());
        }
        password = *read;
        return done();
    };
    row.write = [](Writer& out) {
        const auto& password = out.object<config::PerPeerAggressive>().password;
        if (!password.empty()) {
            out.line("set aggressive-mode password {}", password_word(password));
        }
    };
    row.examples = {"set aggressive-mode password cisco123"};
    return row;
}

Row peer_endpoint_row() {
    Row row{
        .mode = Mode::isakmp_peer,
        .pattern =
            "set aggressive-mode client-endpoint { ipv4-address <a:A.B.C.D> | fqdn <name:WORD> | "
            "user-fqdn <name:WORD> }",
        .help =
            "Set Tunnel-Client-Endpoint|ipv4-address: Set IPV4 address|fqdn: Set fully qualified "
            "domain name|user-fqdn: Set user fully qualified domain name"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& endpoint = session.object<config::PerPeerAggressive>().client_endpoint;
        endpoint.clear();
        for (const auto* kind : {"ipv4-address", "fqdn", "user-fqdn"}) {
            if (!args.negated() && args.has(kind)) {
                const auto value = args.has("a") ? args.text("a") : quoted(args.text("name"));
                endpoint = std::string(kind) + " " + value;
            }
        }
        return done();
    };
    row.write = [](Writer& out) {
        const auto& endpoint = out.object<config::PerPeerAggressive>().client_endpoint;
        if (!endpoint.empty()) {
            out.line("set aggressive-mode client-endpoint {}", endpoint);
        }
    };
    row.examples = {"set aggressive-mode client-endpoint user-fqdn branch@cisco.com",
                    "set aggressive-mode client-endpoint ipv4-address 10.0.0.9"};
    return row;
}

/// What is set for all peers.
Rows global_rows() {
    return {
        at(Place::isakmp,
           choice_row(Mode::global,
                      "crypto isakmp identity",
                      {"address", "hostname", "dn"},
                      &CryptoConfig::isakmp_identity,
                      "Set the identity which ISAKMP will use|address: Use the IP address of "
                      "the interface for the identity|hostname: Use the hostname of the "
                      "router for the identity|dn: Use the distinguished name of the router "
                      "cert for the identity")),
        isakmp_keepalive_row(),
        at(Place::isakmp,
           examples(
               {"crypto isakmp nat keepalive 20"},
               number_row(
                   Mode::global,
                   "crypto isakmp nat keepalive",
                   "5-3600",
                   &CryptoConfig::nat_keepalive_s,
                   "Set a nat keepalive interval for use with IOS peers|value: Number of "
                   "seconds between keep alives|nat: Set a nat  keepalive interval for use with "
                   "IOS peers"))),
        at(Place::isakmp,
           examples({"crypto isakmp xauth timeout 30"},
                    number_row(Mode::global,
                               "crypto isakmp xauth timeout",
                               "5-90",
                               &CryptoConfig::xauth_timeout_s,
                               "Set xauth timeout|value: Xauth timeout in seconds|xauth: "
                               "Set Extended Authentication values"))),
        at(Place::isakmp,
           flag_row(Mode::global,
                    "crypto isakmp aggressive-mode disable",
                    &CryptoConfig::aggressive_disable,
                    "Disable ISAKMP aggressive mode")),
        at(Place::isakmp,
           flag_row(Mode::global,
                    "crypto isakmp invalid-spi-recovery",
                    &CryptoConfig::invalid_spi_recovery,
                    "Initiate IKE and send Invalid SPI Notify")),
        isakmp_peer_row(),
        peer_password_row(),
        peer_endpoint_row(),
        at(Place::isakmp,
           flag_row(Mode::global,
                    "crypto logging session",
                    &CryptoConfig::logging_session,
                    "Enable logging up/down session")),
        at(Place::isakmp,
           flag_row(Mode::global,
                    "crypto logging ezvpn",
                    &CryptoConfig::logging_ezvpn,
                    "Enable ezvpn logging")),
        at(Place::isakmp,
           examples(
               {"crypto call admission limit ike sa 1000"},
               number_row(Mode::global,
                          "crypto call admission limit ike sa",
                          "1-99999",
                          &CryptoConfig::call_admission_limit,
                          "Configure the maximum number of ISAKMP security associations|value: Max "
                          "active IKE SAs"))),
    };
}

}  // namespace

std::optional<crypto::DhGroup> read_dh_group(const Args& args, const std::string& prefix) {
    for (const auto& row : crypto::all_groups()) {
        if (args.has(prefix + std::to_string(static_cast<unsigned>(row.id)))) {
            return row.id;
        }
    }
    return std::nullopt;
}

Keepalive read_keepalive(const Args& args) {
    Keepalive keepalive;
    keepalive.seconds = static_cast<std::uint16_t>(args.number("seconds"));
    keepalive.retry_s = static_cast<std::uint8_t>(args.number("again", keepalive.retry_s));
    keepalive.periodic = args.has("periodic");
    return keepalive;
}

std::string keepalive_text(const Keepalive& keepalive) {
    const bool retry = keepalive.retry_s != Keepalive{}.retry_s;
    return fmt::format("{}{}{}",
                       keepalive.seconds,
                       retry ? fmt::format(" {}", keepalive.retry_s) : "",
                       keepalive.periodic ? " periodic" : "");
}

Rows keyring_rows() {
    return {
        keyring_row(),
        examples({"description keys of the spokes"},
                 text_row(Mode::keyring,
                          "description",
                          "LINE",
                          &Keyring::description,
                          "Keyring description|text: Text")),
        keyring_key_row(),
    };
}

Rows isakmp_rows() {
    Rows rows{
        enable_row(),
        policy_row(),
        encryption_row(),
        hash_row(),
        policy_authentication_row(),
        policy_group_row(),
        examples({"lifetime 3600"},
                 number_row(Mode::isakmp_policy,
                            "lifetime",
                            "60-86400",
                            &IsakmpPolicy::lifetime_s,
                            "Set lifetime for ISAKMP security association|value: "
                            "lifetime in seconds")),
        preshared_key_row(),
    };
    auto more = global_rows();
    std::move(more.begin(), more.end(), std::back_inserter(rows));
    return rows;
}

}  // namespace viaduct::ios
