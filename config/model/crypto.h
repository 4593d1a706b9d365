// ISAKMP, IPsec, crypto maps, remote access groups and EzVPN clients as configured.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/model/common.h"
#include "config/model/interface.h"
#include "crypto/algorithms.h"
#include "dataplane/base/address.h"
#include "dataplane/base/bytes.h"

namespace viaduct::config {

enum class IkeAuthentication : std::uint8_t { pre_share, rsa_sig, rsa_encr };

/// `crypto isakmp policy N`, with IOS's values where the configuration is silent.
struct IsakmpPolicy {
    crypto::Cipher encryption = crypto::Cipher::des_cbc;
    crypto::Hash hash = crypto::Hash::sha1;
    crypto::DhGroup group = crypto::DhGroup::modp768;
    IkeAuthentication authentication = IkeAuthentication::rsa_sig;
    std::uint32_t lifetime_s = 86400;  // 60–86400

    bool operator==(const IsakmpPolicy&) const = default;
};

/// Whom a pre-shared key is for: an address with mask, or a host name.
struct PreSharedKey {
    Password key;
    Ipv4Address address;
    Ipv4Address mask{0xFFFFFFFFU};
    std::string hostname;  // not empty: by name, address unused
    bool no_xauth = false;

    bool operator==(const PreSharedKey&) const = default;
};

struct Keyring {
    std::string description;
    std::vector<PreSharedKey> keys;

    bool operator==(const Keyring&) const = default;
};

struct IdentityMatch {
    enum class Kind : std::uint8_t { address, group, host, host_domain, user, user_domain };
    Kind kind = Kind::address;
    Ipv4Address address;
    Ipv4Address mask{0xFFFFFFFFU};
    std::string text;

    bool operator==(const IdentityMatch&) const = default;
};

enum class ConfigMode : std::uint8_t { none, respond, initiate, both };

/// `crypto isakmp keepalive N [retry] [periodic|on-demand]`.
struct Keepalive {
    std::uint16_t seconds = 10;
    std::uint8_t retry_s = 2;
    bool periodic = false;

    bool operator==(const Keepalive&) const = default;
};

/// `crypto isakmp profile NAME`.
struct IsakmpProfile {
    std::string description;
    std::string keyring;
    std::vector<IdentityMatch> matches;
    std::string self_identity;  // "address", "fqdn", "user-fqdn X" or empty
    std::string client_authentication_list;
    std::string authorization_list;
    ConfigMode client_configuration = ConfigMode::none;
    std::optional<Keepalive> keepalive;
    bool initiate_aggressive = false;
    std::string accounting_list;

    bool operator==(const IsakmpProfile&) const = default;
};

/// `crypto isakmp client configuration group NAME`.
struct ClientGroup {
    Password key;
    std::vector<Ipv4Address> dns;  // 0–2
    std::vector<Ipv4Address> wins;  // 0–2
    std::string domain;
    std::string pool;
    std::string acl;  // split tunnelling
    std::vector<std::string> split_dns;
    std::optional<Ipv4Address> netmask;
    std::string banner;
    bool save_password = false;
    bool pfs = false;
    bool include_local_lan = false;
    std::vector<std::string> backup_gateways;
    std::vector<InterfaceName> access_restrict;
    std::optional<std::uint16_t> max_users;  // 1–5000
    std::optional<std::uint16_t> max_logins;  // 1–10
    bool group_lock = false;
    bool ipsec_udp = false;  // Cisco's IPsec over UDP, for clients that ask and do not speak NAT-T
    std::uint16_t ipsec_udp_port = 10000;  // 4001–49151, not 4500

    bool operator==(const ClientGroup&) const = default;
};

enum class IpsecMode : std::uint8_t { tunnel, transport };

/// `crypto ipsec transform-set NAME …`.
struct TransformSet {
    std::optional<crypto::Cipher> esp_cipher;  // null cipher is Cipher::null
    std::optional<crypto::Auth> esp_auth;
    std::optional<crypto::Auth> ah_auth;  // parsed; AH is not run
    bool comp_lzs = false;  // parsed; compression is not run
    IpsecMode mode = IpsecMode::tunnel;
    bool mode_require = false;

    bool operator==(const TransformSet&) const = default;
};

struct SaLifetime {
    std::optional<std::uint32_t> seconds;  // 120–2592000
    std::optional<std::uint32_t> kilobytes;  // 2560–4294967295

    bool operator==(const SaLifetime&) const = default;
};

/// One manual session key half, `set session-key inbound|outbound esp SPI cipher HEX [authenticator HEX]`.
struct SessionKey {
    std::uint32_t spi = 0;
    std::string cipher_hex;
    std::string authenticator_hex;

    bool operator==(const SessionKey&) const = default;
};

/// What a crypto map entry, a dynamic-map entry and an IPsec profile have in common.
struct CryptoPolicy {
    std::string description;
    std::vector<std::string> transform_sets;
    std::optional<crypto::DhGroup> pfs;
    SaLifetime lifetime;
    std::optional<std::uint32_t> idle_time_s;
    bool per_host = false;  // `set security-association level per-host`
    std::string isakmp_profile;
    bool replay_disable = false;  // `set security-association replay disable`
    std::optional<std::uint16_t> replay_window;
    std::string identity;
    bool nat_demux = false;
    bool nat_t_disable = false;  // no NAT traversal with the entry's peers
    std::string df_bit;

    bool operator==(const CryptoPolicy&) const = default;
};

/// `crypto map NAME SEQ …` or `crypto dynamic-map NAME SEQ`.
struct CryptoMapEntry : CryptoPolicy {
    enum class Kind : std::uint8_t { isakmp, manual, dynamic };
    Kind kind = Kind::isakmp;
    std::string match_address;  // access list
    std::vector<std::string> peers;  // dotted addresses or host names, in order
    std::optional<std::string> default_peer;
    std::string dynamic_map;  // Kind::dynamic: the template's name
    bool discover = false;  // TED
    bool reverse_route = false;
    bool reverse_route_static = false;
    std::optional<SessionKey> session_key_in;  // Kind::manual
    std::optional<SessionKey> session_key_out;

    bool operator==(const CryptoMapEntry&) const = default;
};

/// A crypto map or a dynamic map: entries by sequence number and the map-wide lines.
struct CryptoMap {
    std::map<std::uint32_t, CryptoMapEntry> entries;
    std::string client_authentication_list;  // `crypto map M client authentication list L`
    std::string authorization_list;  // `crypto map M isakmp authorization list L`
    ConfigMode client_configuration = ConfigMode::none;
    std::optional<InterfaceName> local_address;
    std::string isakmp_profile;

    bool operator==(const CryptoMap&) const = default;
};

/// `crypto ipsec client ezvpn NAME`.
struct EzvpnClient {
    enum class Connect : std::uint8_t { automatic, manual, acl };
    enum class Mode : std::uint8_t { client, network_extension, network_plus };
    Connect connect = Connect::automatic;
    std::string connect_acl;
    std::string group;
    Password key;
    Mode mode = Mode::client;
    std::vector<std::string> peers;
    std::string username;
    Password password;
    std::string acl;
    bool xauth_local = false;  // `xauth userid mode local`
    std::optional<std::uint16_t> idletime_s;

    bool operator==(const EzvpnClient&) const = default;
};

/// `crypto pki trustpoint NAME`, enough for RSA signatures from files.
struct Trustpoint {
    std::string enrollment;
    std::string subject_name;
    std::string rsakeypair;
    std::string revocation_check;
    std::string certificate_file;  // viaduct: PEM paths
    std::string key_file;
    std::string ca_file;

    bool operator==(const Trustpoint&) const = default;
};

struct PerPeerAggressive {
    std::string peer;  // address or host name
    std::string client_endpoint;
    Password password;

    bool operator==(const PerPeerAggressive&) const = default;
};

struct CryptoConfig {
    bool isakmp_enable = true;
    std::map<std::uint32_t, IsakmpPolicy> policies;  // by priority 1–10000
    std::vector<PreSharedKey> keys;  // global keyring ("default")
    std::map<std::string, Keyring> keyrings;
    std::vector<std::pair<std::string, IsakmpProfile>> profiles;  // in the file's order
    std::map<std::string, ClientGroup> client_groups;
    std::string isakmp_identity;  // "address", "hostname", "dn" or empty
    std::optional<Keepalive> keepalive;
    std::optional<std::uint16_t> nat_keepalive_s;  // `crypto isakmp nat keepalive N`
    std::optional<std::uint16_t> xauth_timeout_s;
    bool aggressive_disable = false;
    bool invalid_spi_recovery = false;
    bool nat_transparency = true;  // `crypto ipsec nat-transparency udp-encapsulation`
    bool spi_matching = false;  // `crypto ipsec nat-transparency spi-matching`
    std::vector<std::uint16_t> ctcp_ports;  // `crypto ctcp port …`
    std::map<std::string, TransformSet> transform_sets;
    SaLifetime lifetime;  // `crypto ipsec security-association lifetime`
    std::optional<std::uint32_t> idle_time_s;
    bool replay_disable = false;
    std::optional<std::uint16_t> replay_window;  // 64, 128, 256, 512, 1024
    std::string df_bit;  // global `crypto ipsec df-bit`
    std::string fragmentation;  // global `crypto ipsec fragmentation`
    std::map<std::string, CryptoPolicy> ipsec_profiles;
    std::map<std::string, CryptoMap> maps;
    std::map<std::string, CryptoMap> dynamic_maps;
    std::map<std::string, EzvpnClient> ezvpn_clients;
    std::map<std::string, Trustpoint> trustpoints;
    std::map<std::string, PerPeerAggressive> aggressive_peers;  // `crypto isakmp peer address A`
    bool logging_session = false;
    bool logging_ezvpn = false;
    std::optional<std::uint32_t> call_admission_limit;

    bool operator==(const CryptoConfig&) const = default;
};

}  // namespace viaduct::config
