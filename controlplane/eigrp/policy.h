// What access lists, prefix lists and route maps say about a prefix, as IOS applies them to routes.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "config/model/access_list.h"
#include "config/model/routing.h"

namespace viaduct::eigrp {

/// The configuration's lists by name, as handed to configure().
struct Policies {
    std::map<std::string, config::AccessList> access_lists;
    std::map<std::string, config::PrefixList> prefix_lists;
    std::map<std::string, config::RouteMap> route_maps;

    bool operator==(const Policies&) const = default;
};

/// The lists that this process names, and those that its route maps name: a change of any other is not its business.
Policies policies_of(const config::EigrpConfig& config, const Policies& all);

/// IOS: a standard list matches the network address; an extended one matches the network by its source
/// part and the mask by its destination part. An undefined list permits everything.
bool access_list_permits(const Policies& p, const std::string& name, Ipv4Prefix prefix);
bool prefix_list_permits(const Policies& p, const std::string& name, Ipv4Prefix prefix);

/// What a route map makes of a route; nullopt: denied. An undefined map permits unchanged.
struct RouteMapVerdict {
    std::optional<std::uint32_t> metric;
    std::optional<std::uint32_t> tag;
};

std::optional<RouteMapVerdict> apply_route_map(
    const Policies& p,
    const std::string& name,
    Ipv4Prefix prefix,
    const std::optional<config::InterfaceName>& interface,
    std::uint32_t tag);

/// All `distribute-list`s of this direction that apply to the interface permit the prefix.
bool distribute_permits(const Policies& p,
                        const config::EigrpConfig& config,
                        bool inbound,
                        const config::InterfaceName& interface,
                        Ipv4Prefix prefix);
/// Sum of the `offset-list`s that apply, in the unit of the classic composite metric.
std::uint32_t offset_of(const Policies& p,
                        const config::EigrpConfig& config,
                        bool inbound,
                        const config::InterfaceName& interface,
                        Ipv4Prefix prefix);

/// The network of the address's class (A /8, B /16, C /24).
Ipv4Prefix classful_network(Ipv4Address a);
/// A `network` line covers this interface address.
bool network_covers(const config::EigrpNetwork& line, Ipv4Address address);

}  // namespace viaduct::eigrp
