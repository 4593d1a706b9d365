// Interfaces as configured: names, addresses, tunnel settings and what is attached to them.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/model/common.h"
#include "dataplane/base/address.h"

namespace viaduct::config {

/// The interface types of the language, in the order in which `show running-config` writes them.
/// Everything from `bri` on is hardware that a virtual router does not have: accepted, kept, without
/// effect.
enum class InterfaceType : std::uint8_t {
    loopback,
    tunnel,
    ethernet,
    fast_ethernet,
    gigabit_ethernet,
    ten_gigabit_ethernet,
    bri,
    atm,
    serial,
    async,
    null,
};

/// "FastEthernet0/0": a type and one to three numbers.
struct InterfaceName {
    InterfaceType type = InterfaceType::fast_ethernet;
    std::vector<std::uint16_t> unit;

    /// Accepts IOS's abbreviations and an optional blank before the number ("fa0/0", "Tunnel 0").
    static std::optional<InterfaceName> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;
    /// "Fa0/0", "Tu0": as IOS abbreviates in narrow columns.
    [[nodiscard]] std::string short_string() const;

    /// A port of ours can carry it (an Ethernet of some speed).
    [[nodiscard]] bool is_ethernet() const {
        return type >= InterfaceType::ethernet && type <= InterfaceType::ten_gigabit_ethernet;
    }

    auto operator<=>(const InterfaceName&) const = default;
    bool operator==(const InterfaceName&) const = default;
};

struct InterfaceAddress {
    Ipv4Address address;
    unsigned length = 0;  // prefix length, 1–32

    [[nodiscard]] Ipv4Prefix network() const { return {address, length}; }

    bool operator==(const InterfaceAddress&) const = default;
};

enum class AddressSource : std::uint8_t { none, fixed, dhcp, negotiated, unnumbered };

enum class TunnelMode : std::uint8_t { gre_ip, gre_multipoint, ipsec_ipv4 };

/// `tunnel …` lines of an interface of type tunnel.
struct TunnelConfig {
    TunnelMode mode = TunnelMode::gre_ip;
    std::optional<InterfaceName> source_interface;
    std::optional<Ipv4Address> source_address;
    std::optional<Ipv4Address> destination;
    std::optional<std::uint32_t> key;  // RFC 2890; 0 is a key
    bool checksum = false;
    bool sequence_datagrams = false;
    std::optional<std::uint8_t> ttl;  // 1–255; IOS default 255
    std::optional<std::uint8_t> tos;  // 0–255
    bool path_mtu_discovery = false;
    std::string protection_profile;  // `tunnel protection ipsec profile NAME`; empty: none
    bool protection_shared = false;

    bool operator==(const TunnelConfig&) const = default;
};

struct NhrpStaticMap {
    Ipv4Address protocol_address;
    unsigned length = 32;
    Ipv4Address nbma_address;

    bool operator==(const NhrpStaticMap&) const = default;
};

struct NhrpServer {
    Ipv4Address protocol_address;
    std::optional<Ipv4Address> nbma_address;  // `nbma A`
    bool multicast = false;  // `… multicast`
    std::uint8_t priority = 0;  // 0–255, 0 is best
    std::uint8_t cluster = 0;  // 0–10

    bool operator==(const NhrpServer&) const = default;
};

/// `ip nhrp …` lines of a tunnel interface.
struct NhrpConfig {
    std::string authentication;  // 1–8 characters; empty: none
    std::optional<std::uint32_t> network_id;
    std::uint16_t holdtime_s = 7200;
    std::vector<NhrpStaticMap> maps;
    bool multicast_dynamic = false;
    std::vector<Ipv4Address> multicast_maps;
    std::vector<NhrpServer> servers;
    std::map<std::uint8_t, std::uint8_t>
        cluster_max_connections;  // `nhs cluster C max-connections N`
    std::optional<std::uint16_t> fallback_s;  // `nhs fallback S`
    bool redirect = false;
    bool shortcut = false;
    bool registration_no_unique = false;
    std::optional<std::uint16_t> registration_timeout_s;  // IOS default: a third of holdtime
    std::uint16_t max_send = 10000;  // packets …
    std::uint16_t max_send_every_10s = 1;  // … per 10 s units (IOS: 10000 every 10)
    bool server_only = false;
    bool record = true;

    bool operator==(const NhrpConfig&) const = default;
};

struct EigrpSummary {
    Asn asn;
    Ipv4Prefix prefix;
    std::uint8_t distance = 5;

    bool operator==(const EigrpSummary&) const = default;
};

/// Per-interface EIGRP settings for one autonomous system.
struct EigrpInterfaceConfig {
    std::optional<std::uint16_t> hello_s;
    std::optional<std::uint16_t> hold_s;
    bool split_horizon = true;
    bool next_hop_self = true;
    std::uint8_t bandwidth_percent = 50;
    bool authentication_md5 = false;
    std::string key_chain;
    std::vector<EigrpSummary> summaries;

    bool operator==(const EigrpInterfaceConfig&) const = default;
};

enum class NatSide : std::uint8_t { none, inside, outside };

struct InterfaceConfig {
    InterfaceName name;
    std::string description;
    bool shutdown = false;
    AddressSource address_source = AddressSource::none;
    std::optional<InterfaceAddress> address;  // with AddressSource::fixed
    std::vector<InterfaceAddress> secondaries;
    std::optional<InterfaceName> unnumbered;
    std::string dhcp_client_id;
    std::string dhcp_hostname;
    std::optional<MacAddress> mac_address;
    std::optional<std::uint32_t> bandwidth_kbps;
    std::optional<std::uint32_t> delay_10us;
    std::optional<std::uint16_t> mtu;  // layer 3 bytes, 64–9216
    std::optional<std::uint16_t> ip_mtu;  // 68–9216
    std::optional<std::uint16_t> tcp_adjust_mss;
    std::string duplex;  // "auto", "full", "half" or empty: kept, without effect
    std::string speed;  // "auto", "10", "100", "1000" or empty: kept, without effect
    std::optional<std::uint32_t> load_interval_s;
    bool ip_redirects = true;
    bool ip_unreachables = true;
    bool ip_proxy_arp = true;
    bool ip_directed_broadcast = false;
    bool ip_mask_reply = false;
    std::uint32_t arp_timeout_s = 14400;
    std::string access_group_in;  // access list name or number; empty: none
    std::string access_group_out;
    std::string crypto_map;
    std::string ezvpn_client;  // `crypto ipsec client ezvpn NAME [inside|outside]`
    bool ezvpn_inside = false;
    std::string crypto_df_bit;  // `crypto ipsec df-bit`: empty, "clear", "set", "copy"
    std::string crypto_fragmentation;  // empty, "before-encryption", "after-encryption"
    NatSide nat_side = NatSide::none;
    std::vector<Ipv4Address> helper_addresses;
    std::string policy_route_map;
    TunnelConfig tunnel;
    NhrpConfig nhrp;
    std::map<Asn, EigrpInterfaceConfig> eigrp;
    bool keepalive = true;
    std::optional<std::uint16_t> keepalive_period_s;  // GRE keepalives on a tunnel
    std::uint8_t keepalive_retries = 3;
    std::vector<std::string> kept;  // accepted, without effect, written back as they were

    bool operator==(const InterfaceConfig&) const = default;
};

}  // namespace viaduct::config
