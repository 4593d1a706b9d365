#include "controlplane/eigrp/engine.h"

#include <algorithm>

#include "controlplane/eigrp/process.h"
#include "controlplane/eigrp/wire.h"

namespace viaduct::eigrp {

Engine::Engine(Random& random, Log& log, Options options)
    : random_(random), log_(log), options_(options) {}

Engine::~Engine() = default;

void Engine::configure(TimePoint now, const Configuration& configuration) {
    configuration_ = configuration;
    calendar_.local_offset_min = configuration.local_offset_min;
    apply(now);
}

void Engine::set_interfaces(TimePoint now, std::vector<InterfaceState> interfaces) {
    if (interfaces == interfaces_) {
        return;
    }
    interfaces_ = std::move(interfaces);
    apply(now);
}

void Engine::set_redistributed(TimePoint now,
                               RedistributedSource source,
                               std::vector<RedistributedRoute> routes) {
    auto& have = redistributed_[source];
    if (have == routes) {
        return;
    }
    have = std::move(routes);
    apply(now);
}

void Engine::set_wall(TimePoint now, WallTime wall) {
    calendar_.known = true;
    calendar_.ahead = wall.time_since_epoch() - now.time_since_epoch();
}

void Engine::apply(TimePoint now) {
    for (auto it = processes_.begin(); it != processes_.end();) {
        if (configuration_.processes.contains(it->first)) {
            ++it;
        } else {
            it->second->shut_down(now);
            it = processes_.erase(it);
        }
    }
    for (const auto& [asn, config] : configuration_.processes) {
        auto& process = processes_[asn];
        if (process == nullptr) {
            process = std::make_unique<Process>(asn, random_, log_, options_, calendar_, actions_);
        }
        process->reconcile(now, {configuration_, interfaces_, redistributed_});
    }
}

void Engine::drop(TimePoint now, Counter reason, IfIndex interface, Ipv4Address source) {
    counters_.add(reason);
    const auto [it, fresh] = logged_.try_emplace(reason, now);
    if (!fresh && now - it->second < kDropLogInterval) {
        return;
    }
    it->second = now;
    log_.debug(Debug::eigrp_packets,
               "EIGRP: {}: ignored packet from {} on interface {}",
               kCounterNames[static_cast<std::size_t>(reason)],
               source.to_string(),
               interface.value());
}

void Engine::on_packet(TimePoint now,
                       IfIndex interface,
                       Ipv4Address source,
                       Ipv4Address destination,
                       BytesView payload) {
    const auto header = parse_header(payload);
    if (!header) {
        const auto reason = header.error() == WireError::checksum  ? Counter::drop_checksum
                            : header.error() == WireError::version ? Counter::drop_version
                                                                   : Counter::drop_truncated;
        drop(now, reason, interface, source);
        return;
    }
    const auto process = processes_.find(header->asn);
    if (process == processes_.end()) {
        drop(now, Counter::drop_wrong_as, interface, source);
        return;
    }
    process->second->on_packet(now, interface, source, destination, payload);
}

TimePoint Engine::next_deadline() const {
    auto next = kNever;
    for (const auto& [asn, process] : processes_) {
        next = std::min(next, process->next_deadline());
    }
    return next;
}

void Engine::on_time(TimePoint now) {
    for (auto& [asn, process] : processes_) {
        if (process->next_deadline() <= now) {
            process->on_time(now);
        }
    }
}

std::vector<Action> Engine::take_actions() {
    return std::exchange(actions_, {});
}

void Engine::clear_neighbors(TimePoint now,
                             std::optional<Ipv4Address> address,
                             const std::optional<config::InterfaceName>& interface) {
    for (auto& [asn, process] : processes_) {
        process->clear_neighbors(now, address, interface);
    }
}

bool Engine::say_goodbye(TimePoint now, const std::vector<IfIndex>& interfaces) {
    bool said = false;
    for (auto& [asn, process] : processes_) {
        for (const auto index : interfaces) {
            said = process->say_goodbye(now, index) || said;
        }
    }
    return said;
}

std::set<IfIndex> Engine::listening() const {
    std::set<IfIndex> out;
    for (const auto& [asn, process] : processes_) {
        for (const auto& [index, i] : process->interfaces()) {
            if (i.active()) {
                out.insert(index);
            }
        }
    }
    return out;
}

bool Engine::is_consistent() const {
    return std::all_of(processes_.begin(), processes_.end(), [](const auto& p) {
        return p.second->is_consistent();
    });
}

}  // namespace viaduct::eigrp
