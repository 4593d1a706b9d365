// The next hop of an outer header, remembered until routes change.
#pragma once

#include "dataplane/stages/stages.h"

namespace viaduct::dataplane {

/// `cache` holds generation and next hop. Two workers that write it at once write the same.
inline std::uint32_t outer_next_hop(Worker& w,
                                    std::atomic<std::uint64_t>& cache,
                                    std::uint32_t destination) {
    const auto cached = cache.load(std::memory_order_relaxed);
    if (cached >> 32U == w.route_generation) [[likely]] {
        return static_cast<std::uint32_t>(cached);
    }
    const auto next_hop = w.routes.lookup(destination);
    cache.store(std::uint64_t{w.route_generation} << 32U | next_hop, std::memory_order_relaxed);
    return next_hop;
}

}  // namespace viaduct::dataplane
