// NAT, DHCP and AAA as configured.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/model/common.h"
#include "config/model/interface.h"
#include "dataplane/base/address.h"
#include "dataplane/base/strong.h"

namespace viaduct::config {

/// `ip nat inside|outside source list|route-map … interface|pool … [overload]`.
struct NatDynamicRule {
    bool outside = false;
    std::string access_list;  // one of access_list and route_map is set
    std::string route_map;
    std::optional<InterfaceName> interface;  // one of interface and pool is set
    std::string pool;
    bool overload = false;

    bool operator==(const NatDynamicRule&) const = default;
};

/// `ip nat inside|outside source static [tcp|udp|esp|network] …`.
struct NatStaticRule {
    bool outside = false;
    std::optional<IpProtocol> protocol;  // nullopt: whole address
    Ipv4Address local;
    std::uint16_t local_port = 0;
    std::optional<Ipv4Address> global;
    std::optional<InterfaceName> global_interface;
    std::uint16_t global_port = 0;
    std::uint8_t network_length = 32;  // `static network`: prefix length
    bool extendable = false;
    bool no_alias = false;

    bool operator==(const NatStaticRule&) const = default;
};

struct NatPool {
    Ipv4Address first;
    Ipv4Address last;
    unsigned length = 24;
    bool rotary = false;

    bool operator==(const NatPool&) const = default;
};

/// Seconds; IOS's defaults.
struct NatTimeouts {
    std::uint32_t dynamic_s = 86400;
    std::uint32_t udp_s = 300;
    std::uint32_t dns_s = 60;
    std::uint32_t tcp_s = 86400;
    std::optional<std::uint32_t> half_closed_s;  // nullopt: as tcp_s. PIX alone can say another
    std::uint32_t finrst_s = 60;
    std::uint32_t syn_s = 60;
    std::uint32_t icmp_s = 60;
    std::uint32_t max_entries = 0;  // 0: the dataplane's own limit

    bool operator==(const NatTimeouts&) const = default;
};

struct NatConfig {
    std::vector<NatDynamicRule> dynamic_rules;
    std::vector<NatStaticRule> static_rules;
    std::map<std::string, NatPool> pools;
    NatTimeouts timeouts;
    bool pix_semantics = false;  // set by the PIX dialect: (inside) to (outside) by security level

    bool operator==(const NatConfig&) const = default;
};

struct DhcpExcluded {
    Ipv4Address first;
    Ipv4Address last;

    bool operator==(const DhcpExcluded&) const = default;
};

/// `ip dhcp pool NAME`.
struct DhcpPool {
    std::optional<Ipv4Prefix> network;
    std::optional<InterfaceAddress> host;  // manual binding
    std::string client_identifier;
    std::optional<MacAddress> hardware_address;
    std::vector<Ipv4Address> default_routers;
    std::vector<Ipv4Address> dns_servers;
    std::vector<Ipv4Address> netbios_servers;
    std::string netbios_node_type;
    std::string domain_name;
    std::optional<std::uint32_t> lease_s;  // nullopt: one day
    bool lease_infinite = false;
    std::string bootfile;
    std::optional<Ipv4Address> next_server;
    std::map<std::uint8_t, std::string> options;  // `option N ascii|hex|ip …`, as typed

    bool operator==(const DhcpPool&) const = default;
};

struct DhcpConfig {
    bool service = true;  // `service dhcp`
    std::vector<DhcpExcluded> excluded;
    std::map<std::string, DhcpPool> pools;
    std::optional<std::uint8_t> ping_packets;
    std::optional<std::uint16_t> ping_timeout_ms;

    bool operator==(const DhcpConfig&) const = default;
};

struct RadiusServer {
    Ipv4Address address;
    std::uint16_t auth_port = 1645;
    std::uint16_t acct_port = 1646;
    Password key;
    std::optional<std::uint16_t> timeout_s;
    std::optional<std::uint8_t> retransmit;

    bool operator==(const RadiusServer&) const = default;
};

/// One `aaa authentication login NAME method…` (also authorization, accounting).
struct AaaMethodList {
    enum class Method : std::uint8_t {
        local,
        local_case,
        radius,
        enable,
        line,
        none,
        if_authenticated
    };
    std::vector<Method> methods;

    bool operator==(const AaaMethodList&) const = default;
};

struct AaaConfig {
    bool new_model = false;
    std::map<std::string, AaaMethodList> login;  // by list name, "default" too
    std::map<std::string, AaaMethodList> authorization_network;
    std::map<std::string, AaaMethodList> authorization_exec;
    std::map<std::string, AaaMethodList> accounting_network;
    bool session_id_common = false;
    std::vector<RadiusServer> radius_servers;
    Password radius_key;
    std::uint16_t radius_timeout_s = 5;
    std::uint8_t radius_retransmit = 3;
    std::optional<std::uint16_t> radius_deadtime_min;
    std::optional<InterfaceName> radius_source_interface;

    bool operator==(const AaaConfig&) const = default;
};

struct AddressPool {
    std::vector<std::pair<Ipv4Address, Ipv4Address>> ranges;

    bool operator==(const AddressPool&) const = default;
};

}  // namespace viaduct::config
