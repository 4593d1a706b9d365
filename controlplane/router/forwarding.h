// From routes to the dataplane's next hops.
//
// Two layers lie over each other for one prefix: what the RIB resolved, and host routes of neighbours that ARP
// or NHRP resolved on a connected network. Next hops are shared: one for each (interface, gateway), and what
// it says changes in place when the neighbour is resolved, so a million routes follow by one store.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "controlplane/rib/rib.h"
#include "dataplane/plane.h"

namespace viaduct {

class Forwarding {
public:
    using Path = rib::ResolvedPath;
    /// Says what a next hop is now (asks ARP, NHRP, the interfaces).
    using Describe = std::function<dataplane::NextHop(const Path&)>;

    Forwarding(dataplane::Plane& plane, Describe describe);

    void apply(const std::vector<rib::Change>& changes);
    /// A neighbour on a link came or changed: its next hop is described anew; `host_route` adds the /32.
    void neighbor_changed(IfIndex interface, Ipv4Address address, bool host_route);
    void neighbor_gone(IfIndex interface, Ipv4Address address);
    /// Everything on this interface is described anew (it went up or down, its tunnel settings changed).
    void interface_changed(IfIndex interface);
    void commit();

    /// Keeps the next hop of this neighbour even while no route uses it; drop() is the way back.
    void keep(const Path& path);
    void drop(const Path& path);
    [[nodiscard]] std::optional<dataplane::NextHopId> find(const Path& path) const;
    /// The (interface, gateway) behind a next hop that the dataplane reports as used.
    [[nodiscard]] std::optional<Path> path_of(dataplane::NextHopId id) const;

private:
    struct Hop {
        dataplane::NextHopId id;
        std::uint32_t references = 0;
        dataplane::NextHop contents;
    };

    struct Prefix {
        std::vector<Path> rib_paths;  // empty: none
        std::optional<Path> host;  // a neighbour's /32
        std::vector<Path> used;  // what is referenced now
        dataplane::NextHopId multipath;  // 0: single
    };

    dataplane::NextHopId acquire(const Path& path);
    void release(const Path& path);
    void redescribe(const Path& path, Hop& hop);
    void install(const Ipv4Prefix& prefix, Prefix& entry);

    dataplane::Plane& plane_;
    Describe describe_;
    std::map<Path, Hop> hops_;
    std::set<Path> kept_;
    std::map<std::uint32_t, Path> by_id_;
    std::map<Ipv4Prefix, Prefix> prefixes_;
    bool staged_ = false;
};

}  // namespace viaduct
