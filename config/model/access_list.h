// Access lists, prefix lists and route maps as configured.
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

enum class AclAction : std::uint8_t { permit, deny };

/// Address and IOS wildcard mask (1 bits are "don't care"; holes are allowed).
struct AddressMatch {
    Ipv4Address address;
    Ipv4Address wildcard{0xFFFFFFFFU};

    [[nodiscard]] bool any() const { return wildcard.value() == 0xFFFFFFFFU; }

    [[nodiscard]] bool matches(Ipv4Address a) const {
        return ((a.value() ^ address.value()) & ~wildcard.value()) == 0;
    }

    bool operator==(const AddressMatch&) const = default;
};

enum class PortOperator : std::uint8_t { any, eq, neq, lt, gt, range };

struct PortMatch {
    PortOperator op = PortOperator::any;
    std::uint16_t first = 0;
    std::uint16_t last = 0;  // range only

    [[nodiscard]] bool matches(std::uint16_t port) const {
        switch (op) {
        case PortOperator::any:
            return true;
        case PortOperator::eq:
            return port == first;
        case PortOperator::neq:
            return port != first;
        case PortOperator::lt:
            return port < first;
        case PortOperator::gt:
            return port > first;
        case PortOperator::range:
            return port >= first && port <= last;
        }
        return false;
    }

    bool operator==(const PortMatch&) const = default;
};

/// One line of an access list ("ACE"), or a remark.
struct AccessEntry {
    std::uint32_t sequence = 0;  // 10, 20, … as IOS numbers; unique in its list
    AclAction action = AclAction::permit;
    std::string remark;  // not empty: the line is only a remark
    std::optional<IpProtocol> protocol;  // nullopt: ip
    AddressMatch source;
    PortMatch source_port;
    AddressMatch destination;
    PortMatch destination_port;
    std::optional<std::uint8_t> icmp_type;
    std::optional<std::uint8_t> icmp_code;
    bool established = false;  // TCP with ACK or RST
    bool fragments = false;  // only non-initial fragments
    std::optional<std::uint8_t> tos;
    std::optional<std::uint8_t> precedence;
    std::optional<std::uint8_t> dscp;
    bool log = false;

    bool operator==(const AccessEntry&) const = default;
};

struct AccessList {
    bool extended = true;
    bool named = false;  // `ip access-list …` rather than `access-list N`
    std::vector<AccessEntry> entries;

    bool operator==(const AccessList&) const = default;
};

struct PrefixListEntry {
    std::uint32_t sequence = 0;
    AclAction action = AclAction::permit;
    Ipv4Prefix prefix;
    std::optional<std::uint8_t> ge;
    std::optional<std::uint8_t> le;

    bool operator==(const PrefixListEntry&) const = default;
};

struct PrefixList {
    std::string description;
    std::vector<PrefixListEntry> entries;

    bool operator==(const PrefixList&) const = default;
};

struct RouteMapEntry {
    AclAction action = AclAction::permit;
    std::vector<std::string> match_access_lists;  // `match ip address …`
    std::vector<std::string> match_prefix_lists;
    std::optional<InterfaceName> match_interface;
    std::optional<std::uint32_t> match_tag;
    std::optional<std::uint32_t> set_metric;
    std::optional<std::uint32_t> set_tag;
    std::optional<Ipv4Address> set_next_hop;

    bool operator==(const RouteMapEntry&) const = default;
};

/// Keyed by sequence number.
using RouteMap = std::map<std::uint32_t, RouteMapEntry>;

}  // namespace viaduct::config
