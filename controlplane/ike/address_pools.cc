#include "controlplane/ike/address_pools.h"

#include <algorithm>

namespace viaduct::ike {

namespace {

bool contains(const config::AddressPool& pool, Ipv4Address address) {
    return std::any_of(pool.ranges.begin(), pool.ranges.end(), [&](const auto& range) {
        return range.first <= address && address <= range.second;
    });
}

}  // namespace

std::optional<Ipv4Address> AddressPools::next_fresh(Pool& pool) const {
    while (pool.range < pool.config.ranges.size()) {
        const auto& [first, last] = pool.config.ranges[pool.range];
        if (pool.offset > last.value() - first.value()) {
            ++pool.range;
            pool.offset = 0;
            continue;
        }
        const Ipv4Address address{first.value() + pool.offset++};
        if (!owners_.contains(address)) {
            return address;
        }
    }
    return std::nullopt;
}

std::optional<Ipv4Address> AddressPools::allocate(const std::string& name,
                                                  const config::AddressPool& config,
                                                  const User& user,
                                                  ConnectionId owner) {
    auto& pool = pools_[name];
    if (pool.config != config) {
        pool = Pool{config, 0, 0, {}, {}};
    }
    std::optional<Ipv4Address> found;
    const auto last = remembered_.find(user);
    if (last != remembered_.end() && contains(config, last->second) &&
        !owners_.contains(last->second)) {
        found = last->second;
    }
    if (!found) {
        found = next_fresh(pool);
    }
    while (!found && !pool.freed.empty()) {
        // What went back to its former user meanwhile still stands here.
        const auto candidate = pool.freed.front();
        pool.freed.pop_front();
        pool.queued.erase(candidate);
        if (!owners_.contains(candidate) && contains(config, candidate)) {
            found = candidate;
        }
    }
    if (!found) {
        return std::nullopt;
    }
    owners_[*found] = owner;
    pool_of_[*found] = name;
    if (remembered_.insert_or_assign(user, *found).second) {
        remembered_order_.push_back(user);
        if (remembered_order_.size() > kMaxRemembered) {
            remembered_.erase(remembered_order_.front());
            remembered_order_.pop_front();
        }
    }
    return found;
}

bool AddressPools::take(Ipv4Address address, ConnectionId owner) {
    return owners_.emplace(address, owner).second;
}

void AddressPools::release(Ipv4Address address, ConnectionId owner) {
    const auto it = owners_.find(address);
    if (it == owners_.end() || it->second != owner) {
        return;
    }
    owners_.erase(it);
    const auto from = pool_of_.find(address);
    if (from == pool_of_.end()) {
        return;
    }
    auto& pool = pools_[from->second];
    if (pool.queued.insert(address).second) {
        pool.freed.push_back(address);
    }
    pool_of_.erase(from);
}

void AddressPools::hand_over(Ipv4Address address, ConnectionId to) {
    const auto it = owners_.find(address);
    if (it != owners_.end()) {
        it->second = to;
    }
}

bool AddressPools::leased_to_others(Ipv4Address network, Ipv4Address mask, ConnectionId own) const {
    auto it = owners_.lower_bound(Ipv4Address{network.value() & mask.value()});
    // Of an SA's own leases there is one, so this looks at two at most.
    for (; it != owners_.end() &&
           (it->first.value() & mask.value()) == (network.value() & mask.value());
         ++it) {
        if (it->second != own) {
            return true;
        }
    }
    return false;
}

std::optional<ConnectionId> AddressPools::owner_of(Ipv4Address address) const {
    const auto it = owners_.find(address);
    return it == owners_.end() ? std::nullopt : std::optional(it->second);
}

}  // namespace viaduct::ike
