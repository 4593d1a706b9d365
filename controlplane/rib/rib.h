// The routing information base: all routes that anybody offers, the best of each prefix, and what they
// resolve to.
//
// Idea: owners (connected, static, EIGRP, NHRP, DHCP …) offer routes; of one prefix the lowest distance
// wins, then the lowest metric. A route whose next hop has no interface is recursive: its gateway is looked
// up among the other best routes until an interface is found. commit() works out what changed and hands
// it to the Router, which turns it into the dataplane's next hops.
//
// Supported: connected and local routes, floating static routes, recursive resolution (up to 8 levels),
// several paths of equal cost (up to 16), Null0, NHRP shortcut (H) and override (%) routes.
// Not supported: VRFs, unequal-cost weights.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "dataplane/base/address.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/strong.h"

namespace viaduct::rib {

enum class Source : std::uint8_t {
    connected,
    local,  // the router's own address, /32
    static_route,
    dhcp,  // default route of a lease, `S*` as IOS shows it
    eigrp,
    eigrp_external,
    eigrp_summary,
    nhrp,  // H
    reverse,  // `reverse-route` of a crypto map: shown as S
};

struct Path {
    std::optional<IfIndex> interface;  // nullopt: recursive
    std::optional<Ipv4Address> gateway;  // nullopt: connected
    bool null0 = false;

    auto operator<=>(const Path&) const = default;
};

struct Route {
    Ipv4Prefix prefix;
    Source source = Source::static_route;
    std::uint8_t distance = 1;
    std::uint32_t metric = 0;
    std::vector<Path> paths;
    std::uint32_t tag = 0;
    TimePoint since{};
    bool override_next_hop = false;  // NHRP's %

    bool operator==(const Route&) const = default;
};

/// A path that leads somewhere now.
struct ResolvedPath {
    IfIndex interface;
    std::optional<Ipv4Address> gateway;  // nullopt: the destination itself is on the link
    bool local = false;
    bool null0 = false;

    auto operator<=>(const ResolvedPath&) const = default;
};

/// What commit() found to be different: no paths means the prefix is gone.
struct Change {
    Ipv4Prefix prefix;
    std::vector<ResolvedPath> paths;
};

struct Lookup {
    const Route* route = nullptr;  // the best route that covers the address
    std::vector<ResolvedPath> paths;  // empty: not resolvable
};

class Rib {
public:
    /// Offers or replaces: one route a prefix, source and distance (floating static routes of one prefix
    /// differ in distance).
    void offer(Route route);
    void withdraw(const Ipv4Prefix& prefix,
                  Source source,
                  std::optional<std::uint8_t> distance = {});
    /// Everything of this source that is not among `routes` goes; the rest is offered.
    void replace_all(Source source, std::vector<Route> routes);

    /// Works out the new best routes. Only prefixes that differ come back.
    std::vector<Change> commit();

    /// Longest match among the routes that resolve.
    [[nodiscard]] Lookup look_up(Ipv4Address address) const;
    /// The same as if there were no routes of this source.
    [[nodiscard]] std::pair<std::optional<Route>, std::vector<ResolvedPath>> look_up_without(
        Ipv4Address address, Source source) const;
    /// The installed route of exactly this prefix, or nullptr.
    [[nodiscard]] const Route* find(const Ipv4Prefix& prefix) const;
    /// Installed routes in order of prefix.
    [[nodiscard]] std::vector<const Route*> installed() const;
    /// Offered routes whose next hop is unreachable (row P8).
    [[nodiscard]] std::vector<const Route*> unresolved() const;

    [[nodiscard]] std::size_t size() const { return installed_.size(); }

    /// Grows with each commit that changed something: for caches of look-ups.
    [[nodiscard]] std::uint64_t generation() const { return generation_; }

private:
    struct Entry {
        std::vector<Route> offers;  // best first
    };

    struct Installed {
        Route route;
        std::vector<ResolvedPath> paths;
    };

    std::vector<ResolvedPath> resolve(const Route& route, unsigned depth) const;
    std::vector<ResolvedPath> resolve_gateway(Ipv4Address gateway,
                                              const Ipv4Prefix& asking,
                                              unsigned depth) const;
    const Installed* best_match(Ipv4Address address, const Ipv4Prefix* not_this) const;
    bool settle(const Ipv4Prefix& prefix, std::vector<Change>& changes);

    std::map<Ipv4Prefix, Entry> candidates_;
    std::map<Ipv4Prefix, Installed> installed_;
    /// Installed prefixes by length, for longest match.
    std::array<std::unordered_map<std::uint32_t, const Installed*>, 33> by_length_;
    std::set<Ipv4Prefix> dirty_;
    std::set<Ipv4Prefix> recursive_;  // prefixes with a recursive offer
    std::uint64_t generation_ = 0;
};

}  // namespace viaduct::rib
