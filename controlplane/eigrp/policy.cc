#include "controlplane/eigrp/policy.h"

#include <algorithm>

namespace viaduct::eigrp {

namespace {

bool list_permits(const Policies& p, const config::EigrpFilter& f, Ipv4Prefix prefix) {
    return f.prefix_list ? prefix_list_permits(p, f.access_list, prefix)
                         : access_list_permits(p, f.access_list, prefix);
}

bool applies(const config::EigrpFilter& f, bool inbound, const config::InterfaceName& interface) {
    return f.inbound == inbound && (!f.interface || *f.interface == interface);
}

bool entry_matches(const Policies& p,
                   const config::RouteMapEntry& e,
                   Ipv4Prefix prefix,
                   const std::optional<config::InterfaceName>& interface,
                   std::uint32_t tag) {
    if (e.match_interface && interface != e.match_interface) {
        return false;
    }
    if (e.match_tag && *e.match_tag != tag) {
        return false;
    }
    const auto any = [](const auto& names, const auto& permits) {
        return names.empty() || std::any_of(names.begin(), names.end(), permits);
    };
    return any(e.match_access_lists,
               [&](const auto& n) { return access_list_permits(p, n, prefix); }) &&
           any(e.match_prefix_lists,
               [&](const auto& n) { return prefix_list_permits(p, n, prefix); });
}

template <typename Lists>
void take(Lists& to, const Lists& from, const std::string& name) {
    if (const auto found = from.find(name); found != from.end()) {
        to.insert(*found);
    }
}

}  // namespace

Policies policies_of(const config::EigrpConfig& config, const Policies& all) {
    Policies out;
    for (const auto* filters : {&config.distribute_lists, &config.offset_lists}) {
        for (const auto& f : *filters) {
            if (f.prefix_list) {
                take(out.prefix_lists, all.prefix_lists, f.access_list);
            } else {
                take(out.access_lists, all.access_lists, f.access_list);
            }
        }
    }
    for (const auto& line : config.redistributions) {
        take(out.route_maps, all.route_maps, line.route_map);
    }
    for (const auto& [name, map] : out.route_maps) {
        for (const auto& [sequence, entry] : map) {
            for (const auto& list : entry.match_access_lists) {
                take(out.access_lists, all.access_lists, list);
            }
            for (const auto& list : entry.match_prefix_lists) {
                take(out.prefix_lists, all.prefix_lists, list);
            }
        }
    }
    return out;
}

bool access_list_permits(const Policies& p, const std::string& name, Ipv4Prefix prefix) {
    const auto list = p.access_lists.find(name);
    if (list == p.access_lists.end()) {
        return true;
    }
    for (const auto& e : list->second.entries) {
        if (!e.remark.empty() || !e.source.matches(prefix.network())) {
            continue;
        }
        if (list->second.extended && !e.destination.matches(prefix.mask())) {
            continue;
        }
        return e.action == config::AclAction::permit;
    }
    return false;
}

bool prefix_list_permits(const Policies& p, const std::string& name, Ipv4Prefix prefix) {
    const auto list = p.prefix_lists.find(name);
    if (list == p.prefix_lists.end()) {
        return true;
    }
    for (const auto& e : list->second.entries) {
        const unsigned low = e.ge ? *e.ge : e.prefix.length();
        const unsigned high = e.le ? *e.le : (e.ge ? 32U : e.prefix.length());
        if (e.prefix.contains(prefix) && prefix.length() >= low && prefix.length() <= high) {
            return e.action == config::AclAction::permit;
        }
    }
    return false;
}

std::optional<RouteMapVerdict> apply_route_map(
    const Policies& p,
    const std::string& name,
    Ipv4Prefix prefix,
    const std::optional<config::InterfaceName>& interface,
    std::uint32_t tag) {
    if (name.empty()) {
        return RouteMapVerdict{};
    }
    const auto map = p.route_maps.find(name);
    if (map == p.route_maps.end()) {
        return RouteMapVerdict{};
    }
    for (const auto& [sequence, entry] : map->second) {
        if (!entry_matches(p, entry, prefix, interface, tag)) {
            continue;
        }
        if (entry.action == config::AclAction::deny) {
            return std::nullopt;
        }
        return RouteMapVerdict{entry.set_metric, entry.set_tag};
    }
    return std::nullopt;
}

bool distribute_permits(const Policies& p,
                        const config::EigrpConfig& config,
                        bool inbound,
                        const config::InterfaceName& interface,
                        Ipv4Prefix prefix) {
    return std::all_of(
        config.distribute_lists.begin(), config.distribute_lists.end(), [&](const auto& f) {
            return !applies(f, inbound, interface) || list_permits(p, f, prefix);
        });
}

std::uint32_t offset_of(const Policies& p,
                        const config::EigrpConfig& config,
                        bool inbound,
                        const config::InterfaceName& interface,
                        Ipv4Prefix prefix) {
    std::uint32_t sum = 0;
    for (const auto& f : config.offset_lists) {
        if (!applies(f, inbound, interface)) {
            continue;
        }
        // IOS: list 0 means every network.
        if (f.access_list == "0" || list_permits(p, f, prefix)) {
            sum += f.offset;
        }
    }
    return sum;
}

Ipv4Prefix classful_network(Ipv4Address a) {
    const auto first = a.value() >> 24U;
    return {a, first < 128 ? 8U : (first < 192 ? 16U : 24U)};
}

bool network_covers(const config::EigrpNetwork& line, Ipv4Address address) {
    if (line.address.is_unspecified() && !line.wildcard) {
        return true;  // `network 0.0.0.0`: every interface
    }
    if (!line.wildcard) {
        return classful_network(line.address).contains(address);
    }
    return config::AddressMatch{line.address, *line.wildcard}.matches(address);
}

}  // namespace viaduct::eigrp
