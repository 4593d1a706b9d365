#include "controlplane/nhrp/engine.h"

#include <algorithm>
#include <ranges>

#include "controlplane/nhrp/timing.h"
#include "dataplane/base/check.h"

namespace viaduct::nhrp {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(Drop::kCount)> kDropNames{
    "malformed",
    "bad checksum",
    "unknown type",
    "authentication failed",
    "spoofed source",
    "source rate exceeded",
    "max-send exceeded",
    "hop count exceeded",
    "loop detected",
    "unknown extension",
    "no route",
    "no server",
    "unmatched reply",
    "invalid reply",
    "registration prohibited",
    "registration not unique",
    "purge refused",
    "cache full",
    "resolution queue full",
    "delayed queue full",
    "redirect suppressed",
    "redirect ignored",
    "tunnel failed",
};

Ipv4Prefix prefix_of(std::uint64_t value) {
    return {Ipv4Address{static_cast<std::uint32_t>(value >> 8U)},
            static_cast<unsigned>(value & 0xFFU)};
}

Ipv4Address address_of(std::uint64_t value) {
    return Ipv4Address{static_cast<std::uint32_t>(value)};
}

/// The change ends everything that was learned by the tunnel.
bool needs_restart(const Interface& a, const Interface& b) {
    return a.address != b.address || a.length != b.length || a.nbma != b.nbma ||
           a.destination != b.destination || a.multipoint != b.multipoint ||
           a.protection != b.protection || a.protection_profile != b.protection_profile ||
           a.nhrp.network_id != b.nhrp.network_id;
}

}  // namespace

std::string_view to_string(Drop drop) {
    return kDropNames.at(static_cast<std::size_t>(drop));
}

Engine::Engine(Random& random, Log& log, const RouteLookup& routes, Limits limits)
    : random_(random), log_(log), routes_(routes), limits_(limits) {
    // Not guessable: a reply from off the path has to match.
    last_request_id_ = random_.u32() >> 1U;
}

std::uint32_t Engine::next_request_id() {
    // RFC 2332, 5.2.0.1: 0 is not special there, but it marks "none under way" here.
    if (++last_request_id_ == 0) {
        ++last_request_id_;
    }
    return last_request_id_;
}

std::vector<Action> Engine::take_actions() {
    return std::exchange(actions_, {});
}

Engine::Tunnel* Engine::find_tunnel(IfIndex index) {
    const auto it = tunnels_.find(index);
    return it == tunnels_.end() ? nullptr : &it->second;
}

// ---- Configuration -----------------------------------------------------------------------------------

void Engine::configure(TimePoint now, const std::vector<Interface>& interfaces) {
    std::vector<IfIndex> gone;
    for (const auto& [index, tunnel] : tunnels_) {
        if (std::ranges::find(interfaces, index, &Interface::index) == interfaces.end()) {
            gone.push_back(index);
        }
    }
    for (const auto index : gone) {
        remove_tunnel(now, index);
    }
    for (const auto& wanted : interfaces) {
        auto* tunnel = find_tunnel(wanted.index);
        if (tunnel == nullptr) {
            auto& added = tunnels_[wanted.index];
            added.window_start = now;
            reconcile(now, added, wanted);
        } else if (needs_restart(tunnel->interface, wanted)) {
            const auto traffic = tunnel->traffic;
            remove_tunnel(now, wanted.index);
            auto& added = tunnels_[wanted.index];
            added.traffic = traffic;
            added.window_start = now;
            reconcile(now, added, wanted);
        } else if (!(tunnel->interface == wanted)) {
            reconcile(now, *tunnel, wanted);
        }
    }
}

void Engine::remove_tunnel(TimePoint now, IfIndex index) {
    auto& tunnel = tunnels_.at(index);
    for (const auto& server : tunnel.servers) {
        deregister(now, tunnel, tunnel.interface.address, server);
        timers_.cancel({Timer::registration, index, server.config.protocol_address.value()});
    }
    std::vector<CacheKey> keys;
    for (const auto& [key, entry] : cache_.entries()) {
        if (key.tunnel == index) {
            keys.push_back(key);
        }
    }
    for (const auto& key : keys) {
        remove_entry(now, key, "interface removed");
    }
    std::vector<TargetKey> questions;
    for (const auto& [key, pending] : pending_) {
        if (key.tunnel == index) {
            questions.push_back(key);
        }
    }
    for (const auto& key : questions) {
        end_resolution(key);
    }
    std::vector<std::uint32_t> ids;
    for (const auto& [id, delayed] : delayed_) {
        if (delayed.tunnel == index) {
            ids.push_back(id);
        }
    }
    for (const auto id : ids) {
        timers_.cancel({Timer::delayed, index, id});
        delayed_.erase(id);
    }
    std::erase_if(delayed_by_peer_, [&](const auto& item) { return item.first.tunnel == index; });
    for (const auto& [id, purge] : purges_) {
        if (purge.tunnel == index) {
            timers_.cancel({Timer::purge, index, id});
        }
    }
    std::erase_if(purges_, [&](const auto& item) { return item.second.tunnel == index; });
    timers_.cancel({Timer::multicast, index, 0});
    timers_.cancel({Timer::fallback, index, 0});
    actions_.emplace_back(SetMulticastPeers{index, {}});
    tunnels_.erase(index);
}

void Engine::reconcile(TimePoint now, Tunnel& tunnel, const Interface& wanted) {
    const Interface old = std::exchange(tunnel.interface, wanted);
    reconcile_statics(now, tunnel, old);
    reconcile_servers(now, tunnel);
    const bool says_other = old.nhrp.holdtime_s != wanted.nhrp.holdtime_s ||
                            old.nhrp.registration_timeout_s != wanted.nhrp.registration_timeout_s ||
                            old.nhrp.registration_no_unique != wanted.nhrp.registration_no_unique;
    for (auto& server : tunnel.servers) {
        if (says_other && server.state == ServerState::responding) {
            server.retry = {};
            send_registration(now, tunnel, server);
        }
    }
    if (old.nhrp.multicast_dynamic != wanted.nhrp.multicast_dynamic ||
        old.nhrp.multicast_maps != wanted.nhrp.multicast_maps ||
        old.nhrp.servers != wanted.nhrp.servers || old.index != wanted.index) {
        multicast_change(now, tunnel);
    }
}

void Engine::reconcile_statics(TimePoint now, Tunnel& tunnel, const Interface& old) {
    const auto& interface = tunnel.interface;
    std::map<Ipv4Prefix, Ipv4Address> wanted;
    for (const auto& map : interface.nhrp.maps) {
        wanted[{map.protocol_address, map.length}] = map.nbma_address;
    }
    for (const auto& server : interface.nhrp.servers) {
        if (server.nbma_address) {
            wanted[{server.protocol_address, 32}] = *server.nbma_address;
        } else if (interface.destination) {
            // A point-to-point tunnel has one station behind it.
            wanted.try_emplace({server.protocol_address, 32}, *interface.destination);
        }
    }
    std::vector<CacheKey> gone;
    for (const auto& [key, entry] : cache_.entries()) {
        if (key.tunnel != interface.index || entry.type != EntryType::configured) {
            continue;
        }
        const auto it = wanted.find(key.target);
        if (it == wanted.end() || it->second != entry.nbma.address) {
            gone.push_back(key);
        }
    }
    for (const auto& key : gone) {
        remove_entry(now, key, "no longer configured");
    }
    for (const auto& [target, nbma] : wanted) {
        const CacheKey key{interface.index, target};
        if (const auto* present = cache_.find(key); present != nullptr) {
            if (present->type == EntryType::configured) {
                continue;
            }
            remove_entry(now, key, "configured now");  // the operator knows better
        }
        auto& entry = cache_.add(key);
        entry.type = EntryType::configured;
        entry.created = now;
        entry.mtu = interface.cie_mtu;
        cache_.set_nbma(entry, {nbma, std::nullopt});
        complete_entry(now, tunnel, entry);
    }
    if (old.nhrp.shortcut && !interface.nhrp.shortcut) {
        std::vector<CacheKey> shortcuts;
        for (const auto& [key, entry] : cache_.entries()) {
            if (key.tunnel == interface.index && entry.route) {
                shortcuts.push_back(key);
            }
        }
        for (const auto& key : shortcuts) {
            remove_entry(now, key, "no shortcut");
        }
    }
}

void Engine::reconcile_servers(TimePoint now, Tunnel& tunnel) {
    const auto& wanted = tunnel.interface.nhrp.servers;
    std::vector<Server> next;
    for (const auto& config : wanted) {
        const auto old =
            std::ranges::find(tunnel.servers, config.protocol_address, [](const Server& s) {
                return s.config.protocol_address;
            });
        Server server = old == tunnel.servers.end() ? Server{} : *old;
        server.config = config;
        if (old == tunnel.servers.end()) {
            server.since = now;
        }
        const auto* entry = cache_.find_host(tunnel.interface.index, config.protocol_address);
        server.nbma = entry == nullptr || entry->type != EntryType::configured
                          ? std::nullopt
                          : std::optional{entry->nbma};
        next.push_back(server);
    }
    for (const auto& old : tunnel.servers) {
        if (std::ranges::find(wanted,
                              old.config.protocol_address,
                              &config::NhrpServer::protocol_address) == wanted.end()) {
            deregister(now, tunnel, tunnel.interface.address, old);
            timers_.cancel(
                {Timer::registration, tunnel.interface.index, old.config.protocol_address.value()});
        }
    }
    tunnel.servers = std::move(next);
    choose_servers(now, tunnel);
}

// ---- Time --------------------------------------------------------------------------------------------

void Engine::on_time(TimePoint now) {
    while (const auto key = timers_.pop(now)) {
        run_timer(now, *key);
    }
}

void Engine::run_timer(TimePoint now, const TimerKey& key) {
    auto* tunnel = find_tunnel(key.tunnel);
    VIADUCT_CHECK(tunnel != nullptr);
    switch (key.timer) {
    case Timer::registration:
        for (auto& server : tunnel->servers) {
            if (server.config.protocol_address == address_of(key.value)) {
                on_registration_timer(now, *tunnel, server);
                break;
            }
        }
        return;
    case Timer::fallback:
        choose_servers(now, *tunnel);
        return;
    case Timer::resolution:
        on_resolution_timer(now, {key.tunnel, address_of(key.value)});
        return;
    case Timer::entry:
        on_entry_timer(now, {key.tunnel, prefix_of(key.value)});
        return;
    case Timer::delayed: {
        // The SA did not come: the requester goes on by the hub and will ask again.
        const auto it = delayed_.find(static_cast<std::uint32_t>(key.value));
        VIADUCT_CHECK(it != delayed_.end());
        const auto requester = it->second.requester;
        drop(*tunnel, Drop::tunnel_failed);
        auto& ids = delayed_by_peer_[{key.tunnel, requester}];
        std::erase(ids, it->first);
        if (ids.empty()) {
            delayed_by_peer_.erase({key.tunnel, requester});
        }
        delayed_.erase(it);
        return;
    }
    case Timer::purge:
        on_purge_timer(now, static_cast<std::uint32_t>(key.value));
        return;
    case Timer::multicast:
        tunnel->multicast_changed = false;
        tunnel->multicast_sent = now;
        actions_.emplace_back(SetMulticastPeers{key.tunnel, multicast_peers(key.tunnel)});
        return;
    }
}

void Engine::schedule_entry(TimePoint now, const CacheEntry& entry) {
    TimePoint at = entry.expires;
    if (entry.waiting_for_sa) {
        at = std::min(at, now + kFailedTunnelLife);
    } else if (at != kNever && entry.type == EntryType::dynamic && !entry.registered) {
        // Somewhat before its end, to ask again if it is used.
        const auto life = entry.expires - now;
        at = entry.expires - std::min<Duration>(kRefreshBefore, life / 3);
        if (at <= now) {
            at = entry.expires;
        }
    }
    timers_.set({Timer::entry, entry.key.tunnel, timer_value(entry.key.target)}, at);
}

// ---- Tunnels -----------------------------------------------------------------------------------------

std::optional<Engine::Sa> Engine::sa(Ipv4Address local, const Nbma& remote) const {
    std::optional<Sa> found;
    for (auto it = sas_.lower_bound({local, Nbma{remote.address, std::nullopt}});
         it != sas_.end() && it->first.first == local && it->first.second.address == remote.address;
         ++it) {
        if (same_station(it->first.second, remote) &&
            (!found || found->state == TunnelState::down)) {
            found = it->second;
        }
    }
    return found;
}

bool Engine::sa_stands(Ipv4Address local, const Nbma& remote) const {
    const auto found = sa(local, remote);
    return found && found->state == TunnelState::up;
}

bool Engine::ready(const Tunnel& tunnel, const Nbma& remote) const {
    return !tunnel.interface.protection || sa_stands(tunnel.interface.nbma, remote);
}

void Engine::request_tunnel(const Tunnel& tunnel, const Nbma& remote) {
    actions_.emplace_back(RequestTunnel{tunnel.interface.index, tunnel.interface.nbma, remote});
}

void Engine::hold_peer(CacheEntry& entry) {
    const auto& tunnel = tunnels_.at(entry.key.tunnel);
    if (entry.holds_peer || !tunnel.interface.protection) {
        return;
    }
    entry.holds_peer = true;
    if (++peers_[{entry.key.tunnel, entry.nbma}] == 1 && !ready(tunnel, entry.nbma)) {
        request_tunnel(tunnel, entry.nbma);
    }
}

void Engine::drop_peer(CacheEntry& entry) {
    if (!std::exchange(entry.holds_peer, false)) {
        return;
    }
    const auto it = peers_.find({entry.key.tunnel, entry.nbma});
    VIADUCT_CHECK(it != peers_.end());
    if (--it->second == 0) {
        peers_.erase(it);
        actions_.emplace_back(ReleaseTunnel{
            entry.key.tunnel, tunnels_.at(entry.key.tunnel).interface.nbma, entry.nbma});
    }
}

void Engine::on_tunnel_state(TimePoint now,
                             Ipv4Address nbma_local,
                             Ipv4Address nbma_remote,
                             TunnelState state,
                             std::optional<Ipv4Address> nat_original) {
    const Nbma remote{nbma_remote, nat_original};
    const auto key = std::pair{nbma_local, remote};
    const auto it = sas_.find(key);
    if (state == TunnelState::up) {
        if (it != sas_.end()) {
            return;  // a rekey, or said twice
        }
        sas_[key] = {state, now};
    } else if (it != sas_.end()) {
        sas_.erase(it);
    }
    for (auto& [index, tunnel] : tunnels_) {
        if (tunnel.interface.nbma != nbma_local || !tunnel.interface.protection) {
            continue;
        }
        if (state == TunnelState::up) {
            tunnel_up(now, tunnel, remote);
        } else {
            tunnel_down(now, tunnel, remote);
        }
    }
}

void Engine::tunnel_up(TimePoint now, Tunnel& tunnel, const Nbma& remote) {
    const auto index = tunnel.interface.index;
    for (auto& server : tunnel.servers) {
        if (server.state != ServerState::waiting && server.nbma &&
            same_station(*server.nbma, remote)) {
            // The server may have forgotten us together with its SAs: register at once.
            server.retry = {};
            send_registration(now, tunnel, server);
        }
    }
    for (auto* entry : cache_.of_nbma(index, remote.address)) {
        if (entry->waiting_for_sa && same_station(entry->nbma, remote)) {
            log_.debug(
                Debug::nhrp,
                "NHRP: No need to delay processing of resolution event nbma src:{} nbma dst:{}",
                tunnel.interface.nbma.to_string(),
                remote.address.to_string());
            entry->waiting_for_sa = false;
            complete_entry(now, tunnel, *entry);
        }
    }
    process_delayed(now, tunnel, remote);
}

void Engine::tunnel_down(TimePoint now, Tunnel& tunnel, const Nbma& remote) {
    const auto index = tunnel.interface.index;
    std::vector<CacheKey> gone;
    for (auto* entry : cache_.of_nbma(index, remote.address)) {
        if (!same_station(entry->nbma, remote) || entry->registered) {
            continue;  // IOS: a registration stands until its hold time
        }
        if (entry->type == EntryType::configured) {
            timers_.set({Timer::entry, index, timer_value(entry->key.target)}, now + kStaticRetry);
        } else if (entry->waiting_for_sa) {
            // Not again for every packet: by the hub, until the peer comes or it is our turn again.
            drop(tunnel, Drop::tunnel_failed);
            ++entry->failures;
            schedule_entry(now, *entry);
        } else if (entry->type == EntryType::dynamic) {
            gone.push_back(entry->key);
        }
    }
    for (const auto& key : gone) {
        remove_entry(now, key, "tunnel down");  // by the hub again, and the next packet asks anew
    }
    for (auto& server : tunnel.servers) {
        if (server.state == ServerState::waiting || !server.nbma ||
            !same_station(*server.nbma, remote)) {
            continue;
        }
        set_server_state(now, tunnel, server, ServerState::expecting, "tunnel down");
        server.request_id = 0;
        server.retry = kRegistrationRetry;
        timers_.set({Timer::registration, index, server.config.protocol_address.value()},
                    now + server.retry);
    }
    choose_servers(now, tunnel);
}

// ---- Multicast ---------------------------------------------------------------------------------------

std::vector<Nbma> Engine::multicast_peers(IfIndex index) const {
    std::vector<Nbma> out;
    const auto it = tunnels_.find(index);
    if (it == tunnels_.end()) {
        return out;
    }
    const auto& tunnel = it->second;
    const auto add = [&out](const Nbma& nbma) {
        if (std::ranges::find(out, nbma) == out.end()) {
            out.push_back(nbma);
        }
    };
    if (tunnel.interface.destination) {
        add({*tunnel.interface.destination, std::nullopt});
    }
    for (const auto address : tunnel.interface.nhrp.multicast_maps) {
        add({address, std::nullopt});
    }
    for (const auto& server : tunnel.servers) {
        if (server.config.multicast && server.nbma) {
            add(*server.nbma);
        }
    }
    if (tunnel.interface.nhrp.multicast_dynamic) {
        // No search among the dynamic ones themselves: a map's keys are different.
        const auto fixed = out;
        for (const auto& nbma : std::views::keys(tunnel.dynamic_multicast)) {
            if (std::ranges::find(fixed, nbma) == fixed.end()) {
                out.push_back(nbma);
            }
        }
    }
    return out;
}

void Engine::multicast_change(TimePoint now, Tunnel& tunnel) {
    if (std::exchange(tunnel.multicast_changed, true)) {
        return;
    }
    const auto at = std::max(now, tunnel.multicast_sent + kMulticastGather);
    if (at == now) {
        run_timer(now, {Timer::multicast, tunnel.interface.index, 0});
    } else {
        timers_.set({Timer::multicast, tunnel.interface.index, 0}, at);
    }
}

void Engine::add_multicast(TimePoint now, Tunnel& tunnel, const Nbma& nbma) {
    if (++tunnel.dynamic_multicast[nbma] == 1 && tunnel.interface.nhrp.multicast_dynamic) {
        log_.debug(Debug::nhrp_cache,
                   "NHRP: {}: Creating dynamic multicast mapping NBMA: {}",
                   tunnel.interface.name,
                   nbma.address.to_string());
        multicast_change(now, tunnel);
    }
}

void Engine::remove_multicast(TimePoint now, Tunnel& tunnel, const Nbma& nbma) {
    const auto it = tunnel.dynamic_multicast.find(nbma);
    VIADUCT_CHECK(it != tunnel.dynamic_multicast.end());
    if (--it->second == 0) {
        tunnel.dynamic_multicast.erase(it);
        if (tunnel.interface.nhrp.multicast_dynamic) {
            log_.debug(Debug::nhrp_cache,
                       "NHRP: {}: Deleting dynamic multicast mapping NBMA: {}",
                       tunnel.interface.name,
                       nbma.address.to_string());
            multicast_change(now, tunnel);
        }
    }
}

// ---- Operator ----------------------------------------------------------------------------------------

void Engine::on_clear(TimePoint now, std::optional<Ipv4Address> address) {
    std::vector<CacheKey> keys;
    for (const auto& [key, entry] : cache_.entries()) {
        // IOS: "does not clear any static mappings".
        if (entry.type != EntryType::configured && (!address || key.target.contains(*address))) {
            keys.push_back(key);
        }
    }
    for (const auto& key : keys) {
        if (cache_.find(key) != nullptr) {
            remove_entry(now, key, "cleared");
        }
    }
    redirects_.clear();
    for (auto& [index, tunnel] : tunnels_) {
        for (auto& server : tunnel.servers) {
            if (!address && server.state != ServerState::waiting) {
                server.retry = {};
                send_registration(now, tunnel, server);
            }
        }
    }
}

void Engine::clear_counters() {
    for (auto& [index, tunnel] : tunnels_) {
        tunnel.traffic = {};
    }
}

bool Engine::is_consistent() const {
    std::map<PeerKey, unsigned> holders;
    for (const auto& [key, entry] : cache_.entries()) {
        const auto tunnel = tunnels_.find(key.tunnel);
        if (tunnel == tunnels_.end()) {
            return false;
        }
        if (entry.holds_peer) {
            ++holders[{key.tunnel, entry.nbma}];
        }
        const bool must_hold =
            tunnel->second.interface.protection && (entry.complete() || entry.waiting_for_sa);
        const bool ends = timers_.at({Timer::entry, key.tunnel, timer_value(key.target)}) != kNever;
        if (entry.holds_peer != must_hold || (entry.type != EntryType::configured && !ends) ||
            (entry.route && !entry.complete())) {
            return false;
        }
    }
    if (holders != peers_ || pending_.size() != pending_by_id_.size()) {
        return false;
    }
    for (const auto& [key, pending] : pending_) {
        const auto it = pending_by_id_.find(pending.request_id);
        if (it == pending_by_id_.end() || it->second != key ||
            timers_.at({Timer::resolution, key.tunnel, key.target.value()}) == kNever) {
            return false;
        }
    }
    return cache_.size() <= limits_.cache_entries && pending_.size() <= limits_.resolutions &&
           delayed_.size() <= limits_.delayed && purges_.size() <= limits_.purges &&
           redirects_.size() <= limits_.redirects && sources_.size() <= limits_.sources;
}

}  // namespace viaduct::nhrp
