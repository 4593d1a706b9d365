// The engine's cache entries: how they begin, what follows from them in the dataplane, how they end.
#include <algorithm>

#include "controlplane/nhrp/engine.h"
#include "controlplane/nhrp/timing.h"
#include "dataplane/base/check.h"

namespace viaduct::nhrp {

CacheEntry* Engine::make_entry(TimePoint now, Tunnel& tunnel, const CacheKey& key) {
    if (cache_.size() >= limits_.cache_entries) {
        drop(tunnel, Drop::cache_full);
        return nullptr;
    }
    auto& entry = cache_.add(key);
    entry.created = now;
    entry.asked = key.target.network();
    log_.debug(Debug::nhrp_cache,
               "NHRP: Cache add: Target {} nhop {} interface {}",
               key.target.to_string(),
               entry.next_hop.to_string(),
               tunnel.interface.name);
    return &entry;
}

void Engine::set_adjacency(CacheEntry& entry,
                           Ipv4Address address,
                           const Nbma& nbma,
                           bool temporary) {
    if (!tunnels_.at(entry.key.tunnel).interface.multipoint) {
        return;  // one station: the tunnel's destination
    }
    const TargetKey key{entry.key.tunnel, address};
    const auto it = adjacency_owner_.find(key);
    if (it != adjacency_owner_.end() && it->second != entry.key) {
        auto* owner = cache_.find(it->second);
        VIADUCT_CHECK(owner != nullptr);
        owner->adjacencies.erase(address);
    }
    adjacency_owner_[key] = entry.key;
    entry.adjacencies.insert(address);
    actions_.emplace_back(SetAdjacency{entry.key.tunnel, address, nbma, temporary});
    if (entry.adjacencies.size() > limits_.adjacencies) {
        const auto other = *entry.adjacencies.begin() == address ? *entry.adjacencies.rbegin()
                                                                 : *entry.adjacencies.begin();
        entry.adjacencies.erase(other);
        adjacency_owner_.erase({entry.key.tunnel, other});
        actions_.emplace_back(RemoveAdjacency{entry.key.tunnel, other});
    }
}

void Engine::point_adjacencies(CacheEntry& entry) {
    if (entry.adjacencies.empty()) {
        return;
    }
    auto& tunnel = tunnels_.at(entry.key.tunnel);
    const auto addresses = entry.adjacencies;
    if (entry.complete()) {
        for (const auto address : addresses) {
            set_adjacency(entry, address, entry.nbma, false);
        }
        return;
    }
    const auto server = server_hop(tunnel, entry.asked);
    for (const auto address : addresses) {
        if (server) {
            set_adjacency(entry, address, server->nbma, true);
        }
    }
}

void Engine::retarget_temporary(Tunnel& tunnel) {
    std::vector<CacheKey> keys;
    for (const auto& [key, entry] : cache_.entries()) {
        if (key.tunnel == tunnel.interface.index && !entry.complete() &&
            !entry.adjacencies.empty()) {
            keys.push_back(key);
        }
    }
    for (const auto& key : keys) {
        point_adjacencies(*cache_.find(key));
    }
}

void Engine::complete_entry(TimePoint now, Tunnel& tunnel, CacheEntry& entry) {
    const bool may_wait = entry.type == EntryType::dynamic && !entry.registered;
    entry.waiting_for_sa = may_wait && !ready(tunnel, entry.nbma);
    hold_peer(entry);
    schedule_entry(now, entry);
    if (entry.waiting_for_sa) {
        point_adjacencies(entry);
        return;
    }
    entry.failures = 0;
    if (entry.host()) {
        entry.adjacencies.insert(entry.key.target.network());
    }
    log_.debug(Debug::nhrp_cache,
               "NHRP: Adding Tunnel Endpoints (VPN: {}, NBMA: {})",
               entry.next_hop.to_string(),
               entry.nbma.address.to_string());
    point_adjacencies(entry);
    install_route(tunnel, entry);
}

void Engine::install_route(Tunnel& tunnel, CacheEntry& entry) {
    const auto& interface = tunnel.interface;
    const Ipv4Prefix subnet{interface.address, interface.length};
    const bool wanted = interface.nhrp.shortcut && entry.type == EntryType::dynamic &&
                        !entry.registered && !entry.implicit &&
                        !subnet.contains(entry.key.target) && entry.complete();
    if (!wanted) {
        return;
    }
    // A route of the same prefix stays and has its next hop overridden (`%`); else the shortcut is a
    // route of its own (`H`).
    const auto present = routes_.lookup(entry.asked);
    const auto kind = present && present->prefix == entry.key.target ? RouteKind::next_hop_override
                                                                     : RouteKind::shortcut;
    if (entry.route == kind) {
        return;
    }
    remove_route(entry);
    entry.route = kind;
    actions_.emplace_back(InstallRoute{entry.key.tunnel, entry.key.target, entry.next_hop, kind});
}

void Engine::remove_route(CacheEntry& entry) {
    if (entry.route) {
        actions_.emplace_back(
            RemoveRoute{entry.key.tunnel, entry.key.target, entry.next_hop, *entry.route});
        entry.route.reset();
    }
}

void Engine::change_nbma(TimePoint now, CacheEntry& entry, const Nbma& nbma) {
    if (entry.nbma == nbma) {
        return;
    }
    auto& tunnel = tunnels_.at(entry.key.tunnel);
    drop_peer(entry);
    if (entry.registered) {
        remove_multicast(now, tunnel, entry.nbma);
        add_multicast(now, tunnel, nbma);
    }
    // RFC 2332, 5.2.5: who was given the old binding is told that it is no longer true.
    purge_requesters(now, entry);
    cache_.set_nbma(entry, nbma);
}

void Engine::remove_entry(TimePoint now, CacheKey key, std::string_view reason) {
    auto* entry = cache_.find(key);
    VIADUCT_CHECK(entry != nullptr);
    auto& tunnel = tunnels_.at(key.tunnel);
    log_.debug(Debug::nhrp_cache,
               "NHRP: Cache delete: Target {} nhop {} interface {}, {}",
               key.target.to_string(),
               entry->next_hop.to_string(),
               tunnel.interface.name,
               reason);
    end_resolution({key.tunnel, entry->asked});
    if (entry->host()) {
        end_resolution({key.tunnel, key.target.network()});
    }
    purge_requesters(now, *entry);
    remove_route(*entry);
    for (const auto address : entry->adjacencies) {
        const auto it = adjacency_owner_.find({key.tunnel, address});
        if (it != adjacency_owner_.end() && it->second == key) {
            adjacency_owner_.erase(it);
            actions_.emplace_back(RemoveAdjacency{key.tunnel, address});
        }
    }
    if (entry->registered) {
        remove_multicast(now, tunnel, entry->nbma);
    }
    drop_peer(*entry);
    timers_.cancel({Timer::entry, key.tunnel, timer_value(key.target)});
    const bool next_hop_of_others = entry->nhop;
    const auto address = key.target.network();
    const auto nbma = entry->nbma.address;
    cache_.remove(key);
    if (!next_hop_of_others) {
        return;
    }
    // Shortcuts by way of it would lead nowhere.
    for (auto* other : cache_.of_nbma(key.tunnel, nbma)) {
        if (other->next_hop == address && other->route) {
            remove_route(*other);
            other->expires = now;
            schedule_entry(now, *other);
        }
    }
}

bool Engine::recently_used(TimePoint now, const CacheEntry& entry) {
    const auto window =
        std::min<Duration>(kRefreshBefore, std::chrono::seconds(entry.holding_time_s) / 3);
    const auto used = [&](const CacheEntry& e) {
        return e.ever_used && now - e.last_used <= window;
    };
    if (used(entry)) {
        return true;
    }
    // Packets of a shortcut are counted at its next hop's adjacency, and the other way round.
    if (const auto* hop = cache_.find_host(entry.key.tunnel, entry.next_hop);
        hop != nullptr && entry.route && used(*hop)) {
        return true;
    }
    return entry.nhop &&
           std::ranges::any_of(
               cache_.of_nbma(entry.key.tunnel, entry.nbma.address), [&](const CacheEntry* other) {
                   return other->route && other->next_hop == entry.next_hop && used(*other);
               });
}

void Engine::on_entry_timer(TimePoint now, const CacheKey& key) {
    auto* entry = cache_.find(key);
    VIADUCT_CHECK(entry != nullptr);
    auto& tunnel = tunnels_.at(key.tunnel);
    if (entry->type == EntryType::configured) {
        const bool server = std::ranges::any_of(tunnel.servers, [&](const Server& s) {
            return s.config.protocol_address == key.target.network();
        });
        if (!server && !ready(tunnel, entry->nbma)) {
            request_tunnel(tunnel, entry->nbma);  // servers: with their registrations
            timers_.set({Timer::entry, key.tunnel, timer_value(key.target)}, now + kStaticRetry);
        }
        return;
    }
    if (now >= entry->expires) {
        remove_entry(now, key, "expired");
        return;
    }
    if (entry->waiting_for_sa) {
        if (entry->failures >= kTunnelTries || !recently_used(now, *entry)) {
            remove_entry(now, key, "no tunnel");
            return;
        }
        request_tunnel(tunnel, entry->nbma);
        schedule_entry(now, *entry);
        return;
    }
    timers_.set({Timer::entry, key.tunnel, timer_value(key.target)}, entry->expires);
    if (recently_used(now, *entry)) {
        start_resolution(now, tunnel, entry->asked, Why::refresh);
    }
}

void Engine::learn_requester(TimePoint now,
                             Tunnel& tunnel,
                             const Packet& request,
                             const Nbma& nbma) {
    const auto& interface = tunnel.interface;
    const auto hold = request.cies.empty() ? 0U : request.cies.front().holding_time_s;
    const Ipv4Prefix subnet{interface.address, interface.length};
    if (hold == 0 || (interface.length < 32 && !subnet.contains(request.source_protocol))) {
        return;
    }
    const CacheKey key{interface.index, {request.source_protocol, 32}};
    auto* entry = cache_.find(key);
    if (entry != nullptr && (entry->type == EntryType::configured || entry->registered ||
                             entry->type == EntryType::local)) {
        return;
    }
    if (entry == nullptr) {
        entry = make_entry(now, tunnel, key);
        if (entry == nullptr) {
            return;
        }
        entry->implicit = true;
    } else {
        end_resolution({interface.index, request.source_protocol});
        entry->implicit = entry->implicit || entry->type == EntryType::incomplete;
        if (entry->nbma != nbma) {
            change_nbma(now, *entry, nbma);
        }
    }
    if (entry->nbma != nbma) {
        cache_.set_nbma(*entry, nbma);
    }
    entry->type = EntryType::dynamic;
    entry->negative = false;
    entry->router = (request.flags & kResolutionRouter) != 0;
    entry->nat = (request.flags & kNatSupported) != 0;
    entry->holding_time_s = static_cast<std::uint16_t>(hold);
    entry->mtu = request.cies.front().mtu;
    entry->expires =
        std::max(entry->expires == kNever ? now : entry->expires, now + std::chrono::seconds(hold));
    complete_entry(now, tunnel, *entry);
}

void Engine::set_used(TimePoint now, IfIndex tunnel, Ipv4Address protocol_address) {
    CacheEntry* entry = nullptr;
    if (const auto it = adjacency_owner_.find({tunnel, protocol_address});
        it != adjacency_owner_.end()) {
        entry = cache_.find(it->second);
    } else {
        entry = cache_.longest(
            tunnel, protocol_address, [](const CacheEntry& e) { return e.complete(); });
    }
    if (entry != nullptr) {
        entry->ever_used = true;
        entry->last_used = now;
    }
}

void Engine::on_routes_changed(TimePoint now) {
    std::vector<CacheKey> moved;
    for (const auto& [key, entry] : cache_.entries()) {
        if (entry.type == EntryType::local) {
            const auto route = routes_.lookup(entry.asked);
            if (!route || tunnels_.contains(route->out)) {
                moved.push_back(key);
            }
        }
    }
    for (const auto& key : moved) {
        remove_entry(now, key, "no longer ours");
    }
    std::vector<CacheKey> shortcuts;
    for (const auto& [key, entry] : cache_.entries()) {
        if (entry.route) {
            shortcuts.push_back(key);
        }
    }
    for (const auto& key : shortcuts) {
        auto* entry = cache_.find(key);
        if (entry == nullptr || !entry->route) {
            continue;  // went with another
        }
        // IOS: a shortcut stands only as long as the route does that it cuts short.
        const auto route = routes_.lookup(entry->asked);
        if (!route || route->out != key.tunnel) {
            remove_entry(now, key, "route gone");
        } else {
            install_route(tunnels_.at(key.tunnel), *entry);
        }
    }
}

}  // namespace viaduct::nhrp
