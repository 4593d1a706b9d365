#include "controlplane/router/forwarding.h"

#include <utility>

namespace viaduct {

Forwarding::Forwarding(dataplane::Plane& plane, Describe describe)
    : plane_(plane), describe_(std::move(describe)) {}

dataplane::NextHopId Forwarding::acquire(const Path& path) {
    auto [found, fresh] = hops_.try_emplace(path);
    auto& hop = found->second;
    if (fresh) {
        hop.contents = describe_(path);
        hop.id = plane_.add_next_hop(hop.contents);
        by_id_[hop.id.value()] = path;
    }
    ++hop.references;
    return hop.id;
}

void Forwarding::release(const Path& path) {
    const auto found = hops_.find(path);
    if (found == hops_.end() || --found->second.references != 0) {
        return;
    }
    by_id_.erase(found->second.id.value());
    plane_.remove_next_hop(found->second.id);
    hops_.erase(found);
}

void Forwarding::keep(const Path& path) {
    if (kept_.insert(path).second) {
        acquire(path);
    }
}

void Forwarding::drop(const Path& path) {
    if (kept_.erase(path) != 0) {
        release(path);
    }
}

std::optional<dataplane::NextHopId> Forwarding::find(const Path& path) const {
    const auto found = hops_.find(path);
    return found == hops_.end() ? std::nullopt : std::optional(found->second.id);
}

std::optional<Forwarding::Path> Forwarding::path_of(dataplane::NextHopId id) const {
    const auto found = by_id_.find(id.value());
    return found == by_id_.end() ? std::nullopt : std::optional(found->second);
}

void Forwarding::redescribe(const Path& path, Hop& hop) {
    auto contents = describe_(path);
    if (contents != hop.contents) {
        hop.contents = std::move(contents);
        plane_.update_next_hop(hop.id, hop.contents);
    }
}

void Forwarding::install(const Ipv4Prefix& prefix, Prefix& entry) {
    // A route of the RIB for the very address goes before the neighbour's host route.
    std::vector<Path> wanted = entry.rib_paths;
    if (wanted.empty() && entry.host) {
        wanted.push_back(*entry.host);
    }
    if (wanted == entry.used) {
        return;
    }
    const auto before = std::exchange(entry.used, wanted);
    const auto old_multipath = std::exchange(entry.multipath, dataplane::NextHopId{});
    staged_ = true;
    if (wanted.empty()) {
        plane_.remove_route(prefix);
    } else if (wanted.size() == 1) {
        plane_.set_route(prefix, acquire(wanted.front()));
    } else {
        dataplane::NextHop group;
        group.kind = dataplane::NextHop::Kind::multipath;
        for (const auto& path : wanted) {
            group.members.push_back(acquire(path));
        }
        entry.multipath = plane_.add_next_hop(group);
        plane_.set_route(prefix, entry.multipath);
    }
    if (old_multipath.value() != 0) {
        plane_.remove_next_hop(old_multipath);
    }
    for (const auto& path : before) {
        release(path);
    }
}

void Forwarding::apply(const std::vector<rib::Change>& changes) {
    for (const auto& change : changes) {
        auto& entry = prefixes_[change.prefix];
        entry.rib_paths = change.paths;
        install(change.prefix, entry);
        if (entry.used.empty()) {
            prefixes_.erase(change.prefix);
        }
    }
}

void Forwarding::neighbor_changed(IfIndex interface, Ipv4Address address, bool host_route) {
    const Path path{interface, address, false, false};
    if (const auto found = hops_.find(path); found != hops_.end()) {
        redescribe(path, found->second);
    }
    if (host_route) {
        const Ipv4Prefix prefix{address, 32};
        auto& entry = prefixes_[prefix];
        entry.host = path;
        install(prefix, entry);
    }
}

void Forwarding::neighbor_gone(IfIndex interface, Ipv4Address address) {
    const Path path{interface, address, false, false};
    const Ipv4Prefix prefix{address, 32};
    if (const auto found = prefixes_.find(prefix);
        found != prefixes_.end() && found->second.host == path) {
        found->second.host.reset();
        install(prefix, found->second);
        if (found->second.used.empty()) {
            prefixes_.erase(found);
        }
    }
    if (const auto found = hops_.find(path); found != hops_.end()) {
        redescribe(path, found->second);
    }
}

void Forwarding::interface_changed(IfIndex interface) {
    for (auto& [path, hop] : hops_) {
        if (path.interface == interface) {
            redescribe(path, hop);
        }
    }
}

void Forwarding::commit() {
    if (std::exchange(staged_, false)) {
        plane_.commit_routes();
    }
}

}  // namespace viaduct
