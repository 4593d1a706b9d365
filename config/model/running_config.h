// The whole running configuration: plain values. Defaults stand here and nowhere else; the language
// (config/ios, config/pix) fills it in and writes it back; the Router reconciles old and new.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/model/access_list.h"
#include "config/model/crypto.h"
#include "config/model/interface.h"
#include "config/model/routing.h"
#include "config/model/services.h"
#include "config/model/system.h"

namespace viaduct::config {

/// A line of the global mode, or a section with its sub-lines, that is known to the language but has
/// no effect on a virtual router. Written back as it was.
struct KeptSection {
    std::string line;
    std::vector<std::string> sub_lines;

    bool operator==(const KeptSection&) const = default;
};

/// `arp A MAC arpa`.
struct StaticArp {
    Ipv4Address address;
    MacAddress mac;

    bool operator==(const StaticArp&) const = default;
};

enum class Dialect : std::uint8_t { ios, pix };

/// Its special members stand in running_config.cc: made anew in every file that copies or compares one, they
/// were a large part of the build.
struct RunningConfig {
    RunningConfig();
    RunningConfig(const RunningConfig&);
    RunningConfig(RunningConfig&&) noexcept;
    RunningConfig& operator=(const RunningConfig&);
    RunningConfig& operator=(RunningConfig&&) noexcept;
    ~RunningConfig();

    Dialect dialect = Dialect::ios;
    SystemConfig system;
    std::map<InterfaceName, InterfaceConfig> interfaces;
    std::vector<StaticRoute> static_routes;  // in the file's order
    std::vector<StaticArp> static_arp;
    std::map<std::string, AccessList> access_lists;  // by number or name
    std::map<std::string, PrefixList> prefix_lists;
    std::map<std::string, RouteMap> route_maps;
    CryptoConfig crypto;
    NatConfig nat;
    DhcpConfig dhcp;
    AaaConfig aaa;
    std::map<std::string, AddressPool> address_pools;  // `ip local pool`
    std::map<Asn, EigrpConfig> eigrp;
    std::map<std::string, KeyChain> key_chains;
    std::vector<KeptSection> kept;
    /// PIX only: names given by `nameif`, lines kept, checksum …; filled by config/pix.
    std::map<std::string, std::string> pix_names;  // "ethernet0" → "outside"
    std::map<std::string, std::uint8_t> pix_security;  // "outside" → 0
    std::vector<std::string> pix_kept;

    bool operator==(const RunningConfig&) const;
};

}  // namespace viaduct::config
