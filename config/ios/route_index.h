// Finds a static route by its prefix, so that a file with a hundred thousand routes loads in no time.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "config/model/routing.h"

namespace viaduct::ios {

/// Kept by one session beside the model, which others may change: places are checked when they are used, and
/// a list that became shorter is looked through again.
class RouteIndex {
public:
    /// The route of the same way (prefix, interface, gateway, dhcp); nullptr if there is none.
    config::StaticRoute* find(std::vector<config::StaticRoute>& routes,
                              const config::StaticRoute& wanted) {
        if (routes.size() < known_) {
            clear();
        }
        for (; known_ < routes.size(); ++known_) {
            places_.emplace(routes[known_].prefix, static_cast<std::uint32_t>(known_));
        }
        const auto [begin, end] = places_.equal_range(wanted.prefix);
        for (auto at = begin; at != end; ++at) {
            auto& route = routes[at->second];
            if (route.prefix == wanted.prefix && route.interface == wanted.interface &&
                route.gateway == wanted.gateway && route.dhcp == wanted.dhcp) {
                return &route;
            }
        }
        return nullptr;
    }

    /// After routes were taken out.
    void clear() {
        places_.clear();
        known_ = 0;
    }

private:
    std::unordered_multimap<Ipv4Prefix, std::uint32_t> places_;
    std::size_t known_ = 0;
};

}  // namespace viaduct::ios
