#include "controlplane/nhrp/cache.h"

#include <ranges>

#include "dataplane/base/check.h"

namespace viaduct::nhrp {

CacheEntry* Cache::find(const CacheKey& key) {
    const auto it = entries_.find(key);
    return it == entries_.end() ? nullptr : &it->second;
}

CacheEntry* Cache::longest(IfIndex tunnel,
                           Ipv4Address address,
                           const std::function<bool(const CacheEntry&)>& condition) {
    const auto lengths = lengths_.find(tunnel);
    if (lengths == lengths_.end()) {
        return nullptr;
    }
    for (const auto length : std::views::keys(lengths->second) | std::views::reverse) {
        auto* entry = find({tunnel, Ipv4Prefix{address, length}});
        if (entry != nullptr && condition(*entry)) {
            return entry;
        }
    }
    return nullptr;
}

std::vector<CacheEntry*> Cache::of_nbma(IfIndex tunnel, Ipv4Address nbma_address) {
    std::vector<CacheEntry*> out;
    for (auto it = by_nbma_.lower_bound({tunnel, nbma_address, {}});
         it != by_nbma_.end() && it->tunnel == tunnel && it->nbma == nbma_address;
         ++it) {
        out.push_back(find(it->entry));
    }
    return out;
}

CacheEntry& Cache::add(const CacheKey& key) {
    const auto [it, added] = entries_.try_emplace(key);
    VIADUCT_CHECK(added);
    auto& entry = it->second;
    entry.key = key;
    entry.id = ++next_id_;
    entry.next_hop = key.target.network();
    ++lengths_[key.tunnel][key.target.length()];
    by_nbma_.insert({key.tunnel, entry.nbma.address, key});
    return entry;
}

void Cache::set_nbma(CacheEntry& entry, const Nbma& nbma) {
    by_nbma_.erase({entry.key.tunnel, entry.nbma.address, entry.key});
    entry.nbma = nbma;
    by_nbma_.insert({entry.key.tunnel, entry.nbma.address, entry.key});
}

void Cache::remove(const CacheKey& key) {
    const auto it = entries_.find(key);
    VIADUCT_CHECK(it != entries_.end());
    by_nbma_.erase({key.tunnel, it->second.nbma.address, key});
    entries_.erase(it);
    const auto lengths = lengths_.find(key.tunnel);
    if (--lengths->second[key.target.length()] == 0) {
        lengths->second.erase(key.target.length());
    }
}

}  // namespace viaduct::nhrp
