// Static routes, EIGRP processes and key chains as configured.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/model/access_list.h"
#include "config/model/interface.h"
#include "dataplane/base/address.h"

namespace viaduct::config {

/// `ip route …`. At least one of gateway and interface is set; interface null means Null0.
struct StaticRoute {
    Ipv4Prefix prefix;
    std::optional<InterfaceName> interface;
    std::optional<Ipv4Address> gateway;
    bool dhcp = false;  // `ip route P M dhcp`
    std::uint8_t distance = 1;
    std::optional<std::uint32_t> tag;
    std::string name;
    bool permanent = false;

    bool operator==(const StaticRoute&) const = default;
};

struct EigrpNetwork {
    Ipv4Address address;
    std::optional<Ipv4Address> wildcard;  // nullopt: classful

    bool operator==(const EigrpNetwork&) const = default;
};

/// bandwidth kbit/s, delay tens of microseconds, reliability and load 0–255, MTU bytes.
struct EigrpSeedMetric {
    std::uint32_t bandwidth_kbps = 0;
    std::uint32_t delay_10us = 0;
    std::uint8_t reliability = 255;
    std::uint8_t load = 1;
    std::uint32_t mtu = 1500;

    bool operator==(const EigrpSeedMetric&) const = default;
};

struct EigrpRedistribution {
    enum class Source : std::uint8_t { connected, static_routes, eigrp };
    Source source = Source::connected;
    Asn asn;  // Source::eigrp
    std::optional<EigrpSeedMetric> metric;
    std::string route_map;

    bool operator==(const EigrpRedistribution&) const = default;
};

/// `distribute-list …` or `offset-list …`: which list, which way, on which interface (none: all).
struct EigrpFilter {
    std::string access_list;
    bool prefix_list = false;
    bool inbound = true;
    std::optional<InterfaceName> interface;
    std::uint32_t offset = 0;  // offset-list only

    bool operator==(const EigrpFilter&) const = default;
};

struct EigrpStub {
    bool enabled = false;
    bool connected = true;
    bool summary = true;
    bool static_routes = false;
    bool redistributed = false;
    bool receive_only = false;

    bool operator==(const EigrpStub&) const = default;
};

/// `neighbor A.B.C.D [INTERFACE]`: spoken to by unicast.
struct EigrpNeighbor {
    Ipv4Address address;
    std::optional<InterfaceName> interface;  // none: whichever has the address in its network

    bool operator==(const EigrpNeighbor&) const = default;
};

/// `router eigrp ASN`.
struct EigrpConfig {
    std::vector<EigrpNetwork> networks;
    bool auto_summary = true;  // IOS 12.x default; written as `no auto-summary` when off
    std::vector<InterfaceName> passive_interfaces;
    bool passive_default = false;
    std::vector<InterfaceName> not_passive;
    std::vector<EigrpRedistribution> redistributions;
    std::optional<EigrpSeedMetric> default_metric;
    std::uint8_t variance = 1;
    std::uint8_t maximum_paths = 4;  // 1–16
    std::uint8_t distance_internal = 90;
    std::uint8_t distance_external = 170;
    std::optional<Ipv4Address> router_id;
    EigrpStub stub;
    bool log_neighbor_changes = true;
    bool log_neighbor_warnings = true;
    std::vector<EigrpFilter> distribute_lists;
    std::vector<EigrpFilter> offset_lists;
    std::uint8_t k[6] = {1, 0, 1, 0, 0, 0};
    std::optional<std::uint16_t> active_time_minutes;  // default 3; 0 in the file: disabled
    bool active_time_disabled = false;
    std::vector<EigrpNeighbor> neighbors;
    std::uint32_t maximum_prefix = 0;  // 0: none
    bool shutdown = false;

    bool operator==(const EigrpConfig&) const = default;
};

/// `accept-lifetime`, `send-lifetime`: from when until when a key is good. Seconds since 1970-01-01 00:00 of UTC, or of
/// the router's own time zone where `local`.
struct KeyLifetime {
    bool local = false;
    std::int64_t start_s = 0;
    std::optional<std::int64_t> end_s;  // not good any more at this second; none: never ends
    bool as_duration = false;  // the end was told as `duration N`, and is written so

    bool operator==(const KeyLifetime&) const = default;
};

struct KeyChainKey {
    Password key_string;
    std::optional<KeyLifetime> accept_lifetime;  // none: always
    std::optional<KeyLifetime> send_lifetime;

    bool operator==(const KeyChainKey&) const = default;
};

/// Keys by id.
using KeyChain = std::map<std::uint32_t, KeyChainKey>;

}  // namespace viaduct::config
