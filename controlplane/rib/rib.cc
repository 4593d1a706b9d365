#include "controlplane/rib/rib.h"

#include <algorithm>
#include <array>

namespace viaduct::rib {

namespace {

constexpr unsigned kMaxRecursion = 8;
constexpr std::size_t kMaxPaths = 16;

bool better(const Route& a, const Route& b) {
    return std::tie(a.distance, a.metric) < std::tie(b.distance, b.metric);
}

bool is_recursive(const Route& route) {
    return std::any_of(route.paths.begin(), route.paths.end(), [](const Path& p) {
        return !p.interface && !p.null0;
    });
}

}  // namespace

void Rib::offer(Route route) {
    auto& offers = candidates_[route.prefix].offers;
    const auto same = std::find_if(offers.begin(), offers.end(), [&](const Route& r) {
        return r.source == route.source && r.distance == route.distance;
    });
    dirty_.insert(route.prefix);
    if (is_recursive(route)) {
        recursive_.insert(route.prefix);
    }
    if (same != offers.end()) {
        if (same->paths == route.paths && same->metric == route.metric) {
            route.since = same->since;
        }
        *same = std::move(route);
    } else {
        offers.push_back(std::move(route));
    }
    std::stable_sort(offers.begin(), offers.end(), better);
}

void Rib::withdraw(const Ipv4Prefix& prefix, Source source, std::optional<std::uint8_t> distance) {
    const auto found = candidates_.find(prefix);
    if (found == candidates_.end()) {
        return;
    }
    const auto removed = std::erase_if(found->second.offers, [&](const Route& r) {
        return r.source == source && (!distance || r.distance == *distance);
    });
    if (removed != 0) {
        dirty_.insert(prefix);
    }
}

void Rib::replace_all(Source source, std::vector<Route> routes) {
    std::set<std::pair<Ipv4Prefix, std::uint8_t>> wanted;
    for (const auto& route : routes) {
        wanted.insert({route.prefix, route.distance});
    }
    for (auto& [prefix, entry] : candidates_) {
        const auto removed = std::erase_if(entry.offers, [&](const Route& r) {
            return r.source == source && !wanted.contains({prefix, r.distance});
        });
        if (removed != 0) {
            dirty_.insert(prefix);
        }
    }
    for (auto& route : routes) {
        const auto& offers = candidates_[route.prefix].offers;
        const auto same = std::find_if(offers.begin(), offers.end(), [&](const Route& r) {
            return r.source == source && r.distance == route.distance;
        });
        if (same == offers.end() || same->paths != route.paths || same->metric != route.metric ||
            same->tag != route.tag) {
            offer(std::move(route));
        }
    }
}

const Rib::Installed* Rib::best_match(Ipv4Address address, const Ipv4Prefix* not_this) const {
    for (unsigned length = 33; length-- > 0;) {
        const auto& table = by_length_[length];
        if (table.empty()) {
            continue;
        }
        const auto network = address.value() & mask_of(length).value();
        const auto found = table.find(network);
        if (found == table.end()) {
            continue;
        }
        const bool excluded = not_this != nullptr && not_this->length() == length &&
                              not_this->network().value() == network;
        if (!excluded) {
            return found->second;
        }
    }
    return nullptr;
}

std::vector<ResolvedPath> Rib::resolve_gateway(Ipv4Address gateway,
                                               const Ipv4Prefix& asking,
                                               unsigned depth) const {
    // A route may not resolve through itself: the look-up passes over the prefix that asks. Nor through the
    // default route unless it is the default route's business: IOS lets a static next hop resolve by it.
    const auto* via = best_match(gateway, &asking);
    if (via == nullptr) {
        return {};
    }
    std::vector<ResolvedPath> out;
    for (auto path : resolve(via->route, depth + 1)) {
        if (path.local) {
            continue;  // the gateway is one of our own addresses
        }
        if (!path.gateway && !path.null0) {
            path.gateway = gateway;
        }
        out.push_back(path);
    }
    return out;
}

std::vector<ResolvedPath> Rib::resolve(const Route& route, unsigned depth) const {
    std::vector<ResolvedPath> out;
    if (depth > kMaxRecursion) {
        return out;
    }
    for (const auto& path : route.paths) {
        if (path.null0) {
            out.push_back({IfIndex{}, std::nullopt, false, true});
        } else if (path.interface) {
            out.push_back({*path.interface, path.gateway, route.source == Source::local, false});
        } else if (path.gateway) {
            const auto resolved = resolve_gateway(*path.gateway, route.prefix, depth);
            out.insert(out.end(), resolved.begin(), resolved.end());
        }
    }
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    if (out.size() > kMaxPaths) {
        out.resize(kMaxPaths);
    }
    return out;
}

bool Rib::settle(const Ipv4Prefix& prefix, std::vector<Change>& changes) {
    const auto entry = candidates_.find(prefix);
    const Route* best = nullptr;
    std::vector<ResolvedPath> paths;
    if (entry != candidates_.end()) {
        for (const auto& offered : entry->second.offers) {
            paths = resolve(offered, 0);
            if (!paths.empty()) {
                best = &offered;
                break;
            }
        }
    }
    const auto current = installed_.find(prefix);
    if (best == nullptr) {
        if (current == installed_.end()) {
            return false;
        }
        by_length_[prefix.length()].erase(prefix.network().value());
        installed_.erase(current);
        changes.push_back({prefix, {}});
        return true;
    }
    const bool same = current != installed_.end() && current->second.paths == paths;
    auto& installed = installed_[prefix];
    installed.route = *best;
    by_length_[prefix.length()][prefix.network().value()] = &installed;
    if (same) {
        return false;
    }
    installed.paths = paths;
    changes.push_back({prefix, std::move(paths)});
    return true;
}

std::vector<Change> Rib::commit() {
    std::vector<Change> changes;
    if (dirty_.empty()) {
        return changes;
    }
    // Shorter prefixes first, so that what others resolve through is settled early; recursive routes are gone
    // over again until nothing moves (bounded by the depth of recursion).
    auto work = dirty_;
    dirty_.clear();
    for (unsigned round = 0; round <= kMaxRecursion; ++round) {
        bool moved = false;
        for (const auto& prefix : work) {
            moved = settle(prefix, changes) || moved;
        }
        if (!moved || recursive_.empty()) {
            break;
        }
        work = recursive_;
    }
    for (auto it = recursive_.begin(); it != recursive_.end();) {
        const auto entry = candidates_.find(*it);
        const bool still =
            entry != candidates_.end() &&
            std::any_of(entry->second.offers.begin(), entry->second.offers.end(), is_recursive);
        it = still ? std::next(it) : recursive_.erase(it);
    }
    std::erase_if(candidates_, [this](const auto& item) {
        return item.second.offers.empty() && !installed_.contains(item.first);
    });
    // A prefix may have been settled more than once: the last word counts.
    std::map<Ipv4Prefix, std::vector<ResolvedPath>> last;
    for (auto& change : changes) {
        last[change.prefix] = std::move(change.paths);
    }
    changes.clear();
    for (auto& [prefix, paths] : last) {
        changes.push_back({prefix, std::move(paths)});
    }
    if (!changes.empty()) {
        ++generation_;
    }
    return changes;
}

Lookup Rib::look_up(Ipv4Address address) const {
    const auto* found = best_match(address, nullptr);
    if (found == nullptr) {
        return {};
    }
    return {&found->route, found->paths};
}

std::pair<std::optional<Route>, std::vector<ResolvedPath>> Rib::look_up_without(
    Ipv4Address address, Source source) const {
    for (unsigned length = 33; length-- > 0;) {
        const auto found = by_length_[length].find(address.value() & mask_of(length).value());
        if (found == by_length_[length].end()) {
            continue;
        }
        if (found->second->route.source != source) {
            return {found->second->route, found->second->paths};
        }
        // What it stands in front of, if anything does.
        for (const auto& offered : candidates_.at(found->second->route.prefix).offers) {
            auto paths =
                offered.source == source ? std::vector<ResolvedPath>{} : resolve(offered, 0);
            if (!paths.empty()) {
                return {offered, std::move(paths)};
            }
        }
    }
    return {};
}

const Route* Rib::find(const Ipv4Prefix& prefix) const {
    const auto found = installed_.find(prefix);
    return found == installed_.end() ? nullptr : &found->second.route;
}

std::vector<const Route*> Rib::installed() const {
    std::vector<const Route*> out;
    out.reserve(installed_.size());
    for (const auto& [prefix, entry] : installed_) {
        out.push_back(&entry.route);
    }
    return out;
}

std::vector<const Route*> Rib::unresolved() const {
    std::vector<const Route*> out;
    for (const auto& [prefix, entry] : candidates_) {
        for (const auto& offered : entry.offers) {
            if (resolve(offered, 0).empty()) {
                out.push_back(&offered);
            }
        }
    }
    return out;
}

}  // namespace viaduct::rib
