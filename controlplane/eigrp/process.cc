// Configuration and interfaces: what this process runs on, and what it originates itself.
#include "controlplane/eigrp/process.h"

#include <algorithm>

#include "dataplane/base/check.h"

namespace viaduct::eigrp {

namespace {

constexpr std::uint32_t kT1Kbps = 1544;
constexpr std::uint16_t kHelloSeconds = 5;
constexpr std::uint16_t kSlowHelloSeconds = 60;

bool listed(const std::vector<config::InterfaceName>& names, const config::InterfaceName& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// Settings of which a change makes what neighbours were told wrong.
bool same_policy(const config::EigrpConfig& a, const config::EigrpConfig& b) {
    return a.distribute_lists == b.distribute_lists && a.offset_lists == b.offset_lists &&
           a.stub == b.stub && std::equal(std::begin(a.k), std::end(a.k), std::begin(b.k));
}

/// A chain that gained or lost a key but kept another is a rollover: neighbours stay.
bool keychain_changed(const std::optional<Keys>& have, const std::optional<Keys>& want) {
    if (!have || !want) {
        return have.has_value() != want.has_value();
    }
    return (!have->by_id.empty() || !want->by_id.empty()) && !have->shares_a_key_with(*want);
}

}  // namespace

Process::Process(Asn asn,
                 Random& random,
                 Log& log,
                 const Options& options,
                 const Calendar& calendar,
                 std::vector<Action>& actions)
    : asn_(asn),
      random_(random),
      log_(log),
      options_(options),
      calendar_(calendar),
      actions_(actions),
      // IOS begins with 1. Somewhere else each time, so that a restart is not taken for a duplicate.
      sequence_(static_cast<std::uint32_t>(random.below(4096))) {}

void Process::reconcile(TimePoint now, const World& world) {
    apply_config(now, world);
    choose_router_id(world);
    apply_interfaces(now, world);
    apply_local_routes(now, world);
    flush(now);
}

void Process::apply_config(TimePoint now, const World& world) {
    const auto it = world.configuration.processes.find(asn_);
    VIADUCT_CHECK(it != world.configuration.processes.end());
    const auto& want = it->second;
    auto policies = policies_of(want, world.configuration.policies);
    const bool reset = configured_ && (!same_policy(config_, want) || policies_ != policies);
    const bool way_choice = configured_ && (config_.variance != want.variance ||
                                            config_.maximum_paths != want.maximum_paths ||
                                            config_.distance_internal != want.distance_internal ||
                                            config_.distance_external != want.distance_external);
    config_ = want;
    policies_ = std::move(policies);
    configured_ = true;
    std::copy(std::begin(want.k), std::end(want.k), k_.begin());
    if (reset) {
        std::vector<NeighborId> ids;
        for (const auto& [id, n] : by_id_) {
            ids.push_back(id);
        }
        std::sort(ids.begin(), ids.end());
        for (const auto id : ids) {
            if (Neighbor* n = find(id); n != nullptr) {
                neighbor_down(now, *n, "route configuration changed");
            }
        }
    }
    if (way_choice) {
        for (auto& [prefix, r] : routes_) {
            if (!r.is_active()) {
                uninstall(r);
                install(r);
            }
        }
    }
}

// IOS: `eigrp router-id`, else the highest address of a loopback, else of any interface that is up.
void Process::choose_router_id(const World& world) {
    if (config_.router_id) {
        router_id_ = *config_.router_id;
        return;
    }
    if (!router_id_.is_unspecified()) {
        return;  // it stays as long as the process runs
    }
    std::pair<bool, Ipv4Address> best{false, Ipv4Address{}};
    for (const auto& s : world.interfaces) {
        if (s.up && !s.address.is_unspecified()) {
            best = std::max(best, std::pair{s.loopback, s.address});
        }
    }
    router_id_ = best.second;
}

Metric Process::link_of(const Interface& i) const {
    Metric m;
    m.delay_ps = delay_from_10us(std::max<std::uint32_t>(1, i.state.delay_10us));
    m.bandwidth_kbps = std::max<std::uint32_t>(1, i.state.bandwidth_kbps);
    m.mtu = i.state.ip_mtu;
    return m;
}

Interface Process::wanted_interface(const InterfaceState& s, const World& world) const {
    Interface i;
    i.state = s;
    i.name = s.name;
    const auto covered = [&](Ipv4Address a) {
        return !a.is_unspecified() &&
               std::any_of(config_.networks.begin(), config_.networks.end(), [&](const auto& line) {
                   return network_covers(line, a);
               });
    };
    if (s.up && covered(s.address)) {
        i.subnets.push_back(s.network());
    }
    for (const auto& second : s.secondaries) {
        if (s.up && covered(second.address)) {
            i.subnets.push_back(second.network());
        }
    }
    const auto c = world.configuration.interfaces.find(s.name);
    if (c != world.configuration.interfaces.end()) {
        const auto e = c->second.eigrp.find(asn_);
        if (e != c->second.eigrp.end()) {
            i.config = e->second;
        }
    }
    i.passive = config_.passive_default ? !listed(config_.not_passive, s.name)
                                        : listed(config_.passive_interfaces, s.name);
    // IOS: 60 and 180 s on NBMA media slower than T1. A multipoint GRE tunnel is not among them:
    // DMVPN hubs with the default bandwidth of 9 kbit/s show hold times below 15 s.
    const bool slow = s.nbma && s.bandwidth_kbps <= kT1Kbps;
    i.hello_s = i.config.hello_s.value_or(slow ? kSlowHelloSeconds : kHelloSeconds);
    // IOS: the hold time does not follow a changed hello interval.
    i.hold_s = i.config.hold_s.value_or((slow ? kSlowHelloSeconds : kHelloSeconds) * 3);
    for (const auto& line : config_.neighbors) {
        const bool here = !line.interface || *line.interface == s.name;
        if (here && s.has_on_link(line.address) && line.address != s.address) {
            i.unicast_only = true;
            i.static_neighbors.push_back(line.address);
        }
    }
    for (const auto& summary : i.config.summaries) {
        if (summary.asn == asn_ || summary.asn == Asn{}) {
            i.summaries.push_back(summary);
        }
    }
    load_keys(i, world);
    return i;
}

void Process::load_keys(Interface& i, const World& world) const {
    if (!i.config.authentication_md5) {
        return;
    }
    // IOS: with the mode set but no usable key, nothing is accepted. A process-wide empty set does that.
    i.keys.emplace();
    const auto chain = world.configuration.key_chains.find(i.config.key_chain);
    if (chain == world.configuration.key_chains.end()) {
        return;
    }
    for (const auto& [id, k] : chain->second) {
        if (auto secret = plain_key(k.key_string)) {
            i.keys->by_id.emplace(id, Key{std::move(*secret), k.accept_lifetime, k.send_lifetime});
        }
    }
}

// Auto-summary (IOS 12.x default): on an interface in one major network, the subnets of another major
// network are told as that network.
void Process::add_auto_summaries(std::map<IfIndex, Interface>& interfaces) const {
    if (!config_.auto_summary) {
        return;
    }
    std::set<Ipv4Prefix> majors;
    for (const auto& [index, i] : interfaces) {
        for (const auto s : i.subnets) {
            const auto major = classful_network(s.network());
            if (major.length() < s.length()) {
                majors.insert(major);
            }
        }
    }
    for (auto& [index, i] : interfaces) {
        const auto own = classful_network(i.state.address);
        for (const auto m : majors) {
            if (m != own && !i.state.loopback) {
                i.summaries.push_back({asn_, m, 5});
            }
        }
    }
}

void Process::apply_interfaces(TimePoint now, const World& world) {
    std::map<IfIndex, Interface> want;
    for (const auto& s : world.interfaces) {
        auto i = wanted_interface(s, world);
        if (!i.subnets.empty() && !config_.shutdown) {
            want.emplace(s.index, std::move(i));
        }
    }
    add_auto_summaries(want);
    summaries_.clear();
    for (const auto& [index, i] : want) {
        for (const auto& s : i.summaries) {
            summaries_.insert(s.prefix);
            dirty_summaries_.insert(s.prefix);
        }
    }
    for (const auto& [prefix, r] : routes_) {
        if (std::any_of(r.paths.begin(), r.paths.end(), [](const Path& p) {
                return p.origin == Origin::summary;
            })) {
            dirty_summaries_.insert(prefix);
        }
    }
    for (auto it = interfaces_.begin(); it != interfaces_.end();) {
        if (!want.contains(it->first)) {
            const bool still_up =
                std::any_of(world.interfaces.begin(), world.interfaces.end(), [&](const auto& s) {
                    return s.index == it->first && s.up;
                });
            stop_interface(now, it->second, "interface down", still_up);
            it = interfaces_.erase(it);
        } else {
            ++it;
        }
    }
    for (auto& [index, i] : want) {
        const auto have = interfaces_.find(index);
        if (have == interfaces_.end()) {
            auto& fresh = interfaces_.emplace(index, std::move(i)).first->second;
            fresh.cursor = log_end();
            start_interface(now, fresh);
        } else {
            update_interface(now, have->second, std::move(i));
        }
    }
}

void Process::start_interface(TimePoint now, Interface& i) {
    if (!i.active()) {
        return;
    }
    send_hello(now, i);
    schedule_hello(now, i);
}

bool Process::transmit_goodbye(TimePoint now, Interface& i) {
    if (!i.active() || i.neighbors.empty()) {
        return false;
    }
    if (!i.unicast_only) {
        transmit_hello(now, i, kGoodbyeK, kAllRouters);
        return true;
    }
    for (const auto& [address, neighbor] : i.neighbors) {
        transmit_hello(now, i, kGoodbyeK, address);
    }
    return true;
}

bool Process::say_goodbye(TimePoint now, IfIndex index) {
    const auto found = interfaces_.find(index);
    return found != interfaces_.end() && transmit_goodbye(now, found->second);
}

void Process::stop_interface(TimePoint now,
                             Interface& i,
                             std::string_view reason,
                             bool say_goodbye) {
    if (say_goodbye) {
        transmit_goodbye(now, i);
    }
    timers_.cancel(key(Timer::hello, i.state.index.value()));
    timers_.cancel(key(Timer::flush, i.state.index.value()));
    flush_.erase(i.state.index);
    i.queries.clear();
    while (!i.neighbors.empty()) {
        neighbor_down(now, *i.neighbors.begin()->second, reason);
    }
    flush_.erase(i.state.index);
}

// Takes over what changed; neighbours are reset only for what they would be told wrong otherwise.
void Process::update_interface(TimePoint now, Interface& have, Interface&& want) {
    const bool metric = have.state.bandwidth_kbps != want.state.bandwidth_kbps ||
                        have.state.delay_10us != want.state.delay_10us ||
                        have.state.ip_mtu != want.state.ip_mtu;
    const bool was_active = have.active();
    std::string_view reset;
    if (was_active && !want.active()) {
        reset = "interface passive";
    } else if (have.state.address != want.state.address || have.state.length != want.state.length) {
        reset = "address changed";
    } else if (have.unicast_only != want.unicast_only ||
               have.static_neighbors != want.static_neighbors) {
        reset = "Static peer configuration changed";
    } else if (keychain_changed(have.keys, want.keys)) {
        reset = "keychain changed";
    } else if (have.summaries != want.summaries) {
        reset = "summary configured";
    } else if (have.config.split_horizon != want.config.split_horizon) {
        reset = "split horizon changed";
    } else if (have.config.next_hop_self != want.config.next_hop_self) {
        reset = "next-hop-self value changed";
    }
    if (!reset.empty()) {
        stop_interface(now, have, reset, !want.active());
    }
    const bool timing = have.hello_s != want.hello_s || have.hold_s != want.hold_s;
    have.state = want.state;
    have.config = std::move(want.config);
    have.passive = want.passive;
    have.unicast_only = want.unicast_only;
    have.static_neighbors = std::move(want.static_neighbors);
    have.keys = std::move(want.keys);
    have.subnets = std::move(want.subnets);
    have.summaries = std::move(want.summaries);
    have.hello_s = want.hello_s;
    have.hold_s = want.hold_s;
    if (have.active() && (!was_active || !reset.empty() || timing)) {
        start_interface(now, have);
    }
    if (metric) {
        refresh_paths(now, have);
    }
}

// The link's own metric changed: every way over it has a new distance.
void Process::refresh_paths(TimePoint now, const Interface& i) {
    for (auto& [prefix, r] : routes_) {
        bool changed = false;
        for (auto& p : r.paths) {
            if (!p.local() && p.interface == i.state.index) {
                const auto before = p.distance;
                set_distance(p);
                changed = changed || p.distance != before;
            }
        }
        const bool reachable =
            std::erase_if(r.paths, [](const Path& p) { return p.distance == kInfinity; }) == 0;
        if (changed || !reachable) {
            dual(now, r, {Input::Kind::change, kSelf});
        }
    }
}

void Process::wanted_connected(std::map<Ipv4Prefix, Path>& want) const {
    for (const auto& [index, i] : interfaces_) {
        for (const auto subnet : i.subnets) {
            Path p;
            p.origin = Origin::connected;
            p.interface = index;
            p.reported = link_of(i);
            set_distance(p);
            const auto [it, fresh] = want.try_emplace(subnet, p);
            if (!fresh && p.distance < it->second.distance) {
                it->second = p;
            }
        }
    }
}

void Process::wanted_redistributed(const World& world, std::map<Ipv4Prefix, Path>& want) const {
    for (const auto& line : config_.redistributions) {
        if (line.source == config::EigrpRedistribution::Source::eigrp) {
            continue;
        }
        const bool connected = line.source == config::EigrpRedistribution::Source::connected;
        const auto routes = world.redistributed.find(
            connected ? RedistributedSource::connected : RedistributedSource::static_routes);
        if (routes == world.redistributed.end()) {
            continue;
        }
        for (const auto& route : routes->second) {
            const auto verdict = apply_route_map(
                policies_, line.route_map, route.prefix, route.interface, route.tag);
            if (!verdict || want.contains(route.prefix)) {
                continue;
            }
            Path p;
            p.origin = Origin::redistributed;
            p.reported = seed_metric(line, route, world);
            External e;
            e.router_id = router_id_;
            e.tag = verdict->tag.value_or(route.tag);
            e.metric = verdict->metric.value_or(0);
            e.protocol = static_cast<std::uint8_t>(connected ? ExternalProtocol::connected
                                                             : ExternalProtocol::static_route);
            p.external = std::make_shared<External>(e);
            set_distance(p);
            want.emplace(route.prefix, std::move(p));
        }
    }
}

// IOS: the line's own metric, else `default-metric`, else (connected and static need none) that of the
// interface the route points to.
Metric Process::seed_metric(const config::EigrpRedistribution& line,
                            const RedistributedRoute& route,
                            const World& world) const {
    Metric m;
    if (const auto seed = line.metric ? line.metric : config_.default_metric) {
        m.delay_ps = delay_from_10us(std::max<std::uint32_t>(1, seed->delay_10us));
        m.bandwidth_kbps = std::max<std::uint32_t>(1, seed->bandwidth_kbps);
        m.reliability = seed->reliability;
        m.load = seed->load;
        m.mtu = seed->mtu;
        return m;
    }
    Interface i;
    for (const auto& s : world.interfaces) {
        if (route.interface && s.name == *route.interface) {
            i.state = s;
        }
    }
    return link_of(i);
}

void Process::apply_local_routes(TimePoint now, const World& world) {
    std::map<Ipv4Prefix, Path> want;
    wanted_connected(want);
    wanted_redistributed(world, want);
    const auto same = [](const Path& a, const Path& b) {
        return a.origin == b.origin && a.interface == b.interface && a.reported == b.reported &&
               (a.external == nullptr) == (b.external == nullptr) &&
               (a.external == nullptr || *a.external == *b.external);
    };
    std::vector<Ipv4Prefix> changed;
    for (const auto& [prefix, p] : local_) {
        const auto it = want.find(prefix);
        if (it == want.end() || !same(p, it->second)) {
            changed.push_back(prefix);
        }
    }
    // In the order of the interfaces, as IOS's topology table grows.
    std::vector<std::pair<IfIndex, Ipv4Prefix>> fresh;
    for (const auto& [prefix, p] : want) {
        if (!local_.contains(prefix)) {
            fresh.emplace_back(p.interface, prefix);
        }
    }
    std::sort(fresh.begin(), fresh.end());
    for (const auto& [interface, prefix] : fresh) {
        changed.push_back(prefix);
    }
    local_ = std::move(want);
    for (const auto prefix : changed) {
        Route& r = route_for(prefix);
        std::erase_if(r.paths, [](const Path& p) {
            return p.origin == Origin::connected || p.origin == Origin::redistributed;
        });
        if (const auto it = local_.find(prefix); it != local_.end()) {
            r.paths.push_back(it->second);
        }
        dual(now, r, {Input::Kind::change, kSelf});
    }
}

void Process::mark_summaries(Ipv4Prefix p) {
    for (const auto s : summaries_) {
        if (s.length() < p.length() && s.contains(p)) {
            dirty_summaries_.insert(s);
        }
    }
}

// A summary is as far as the nearest of what it covers (IOS), and goes to Null0.
std::optional<Path> Process::summary_path(Ipv4Prefix summary) const {
    if (!summaries_.contains(summary)) {
        return std::nullopt;
    }
    std::optional<Path> best;
    for (auto it = routes_.lower_bound(summary); it != routes_.end(); ++it) {
        const auto& [prefix, r] = *it;
        if (!summary.contains(prefix.network())) {
            break;
        }
        if (prefix.length() <= summary.length() || !r.has_successor || r.rd == kInfinity ||
            r.successor_origin == Origin::summary) {
            continue;
        }
        if (!best || (r.rd & ~kExternalBit) < best->distance) {
            best.emplace();
            best->origin = Origin::summary;
            best->reported = r.reported;
            best->distance = r.rd & ~kExternalBit;
            best->rd = 0;
        }
    }
    return best;
}

void Process::recompute_summaries(TimePoint now) {
    for (const auto summary : std::exchange(dirty_summaries_, {})) {
        const auto want = summary_path(summary);
        const auto it = routes_.find(summary);
        if (!want && it == routes_.end()) {
            continue;
        }
        Route& r = route_for(summary);
        const auto have = std::find_if(r.paths.begin(), r.paths.end(), [](const Path& p) {
            return p.origin == Origin::summary;
        });
        const bool there = have != r.paths.end();
        if (there == want.has_value() && (!there || have->reported == want->reported)) {
            continue;
        }
        if (there) {
            r.paths.erase(have);
        }
        if (want) {
            r.paths.push_back(*want);
        }
        dual(now, r, {Input::Kind::change, kSelf});
    }
}

void Process::shut_down(TimePoint now) {
    for (auto& [index, i] : interfaces_) {
        stop_interface(now, i, "route configuration changed", true);
    }
    for (auto& [prefix, r] : routes_) {
        uninstall(r);
    }
}

}  // namespace viaduct::eigrp
