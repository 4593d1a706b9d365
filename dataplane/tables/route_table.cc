#include "dataplane/tables/route_table.h"

#include <algorithm>
#include <sys/mman.h>

#include "dataplane/base/check.h"

namespace viaduct::dataplane {

namespace {

constexpr std::size_t kRootEntries = 65536;
constexpr std::size_t kChunkEntries = 256;
/// From this many chunks on (4 MB) the arena asks for huge pages: fewer translation misses.
constexpr std::uint32_t kHugeFromChunks = 4096;

RouteTable::Entry* reserve(std::size_t entries) {
    void* at = mmap(nullptr,
                    entries * sizeof(RouteTable::Entry),
                    PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1,
                    0);
    VIADUCT_CHECK(at != MAP_FAILED);
    return static_cast<RouteTable::Entry*>(at);
}

}  // namespace

RouteTable::RouteTable(Rcu& rcu)
    : rcu_(rcu), root_(reserve(kRootEntries)), arena_(reserve(kMaxChunks * kChunkEntries)) {}

RouteTable::~RouteTable() {
    (void)munmap(root_, kRootEntries * sizeof(Entry));
    (void)munmap(arena_, kMaxChunks * kChunkEntries * sizeof(Entry));
}

void RouteTable::set(const Ipv4Prefix& prefix, NextHopId next_hop) {
    staged_[prefix] = {next_hop};
}

void RouteTable::remove(const Ipv4Prefix& prefix) {
    staged_[prefix] = {std::nullopt};
}

void RouteTable::commit() {
    // New routes first: a prefix that is replaced by more specific ones never leaves a hole.
    for (const auto& [prefix, change] : staged_) {
        if (change.next_hop) {
            apply(prefix, change.next_hop);
        }
    }
    for (const auto& [prefix, change] : staged_) {
        if (!change.next_hop) {
            apply(prefix, std::nullopt);
        }
    }
    staged_.clear();
}

void RouteTable::apply(const Ipv4Prefix& prefix, std::optional<NextHopId> next_hop) {
    const auto known = routes_.find(prefix);
    const auto length = prefix.length();
    if (next_hop) {
        if (known != routes_.end() && known->second == *next_hop) {
            return;
        }
        if (known == routes_.end()) {
            ++lengths_used_[length];
        }
        routes_[prefix] = *next_hop;
        const auto id = next_hop->value() & kNextHopMask;
        if (length == 0) {
            default_.store(id, std::memory_order_release);
        } else {
            replace(prefix, {length, leaf(length, id), false});
        }
        return;
    }
    if (known == routes_.end()) {
        return;
    }
    routes_.erase(known);
    --lengths_used_[length];
    if (length == 0) {
        default_.store(0, std::memory_order_release);
    } else {
        replace(prefix, {length, covering(prefix), true});
    }
}

RouteTable::Entry RouteTable::covering(const Ipv4Prefix& prefix) const {
    for (unsigned length = prefix.length() - 1; length > 0; --length) {
        if (lengths_used_[length] == 0) {
            continue;
        }
        const auto found = routes_.find(Ipv4Prefix{prefix.network(), length});
        if (found != routes_.end()) {
            return leaf(length, found->second.value() & kNextHopMask);
        }
    }
    return 0;
}

template <unsigned kLevelsBelow>
void RouteTable::replace_entries(Entry* entries,
                                 unsigned first,
                                 unsigned last,
                                 const Replacement& r) {
    for (unsigned i = first; i <= last; ++i) {
        Entry* at = entries + i;
        const Entry e = *at;
        if ((e & kChunk) != 0) {
            if constexpr (kLevelsBelow > 0) {
                replace_entries<kLevelsBelow - 1>(chunk_at(e), 0, kChunkEntries - 1, r);
                fold(at);
            }
            continue;
        }
        const auto owner = length_of(e);
        if (r.removing ? owner == r.length : owner <= r.length) {
            store(at, r.with);
        }
    }
}

void RouteTable::replace(const Ipv4Prefix& prefix, const Replacement& r) {
    const auto first = prefix.network().value();
    const auto last = prefix.broadcast().value();
    if (r.length <= 16) {
        replace_entries<2>(root_, first >> 16U, last >> 16U, r);
        return;
    }
    Entry* top = root_ + (first >> 16U);
    if (!split(top)) {
        ++refused_;
        return;
    }
    Entry* middle = chunk_at(*top);
    if (r.length <= 24) {
        replace_entries<1>(middle, first >> 8U & 0xFFU, last >> 8U & 0xFFU, r);
    } else {
        Entry* at = middle + (first >> 8U & 0xFFU);
        if (!split(at)) {
            ++refused_;
            return;
        }
        replace_entries<0>(chunk_at(*at), first & 0xFFU, last & 0xFFU, r);
        fold(at);
    }
    fold(top);
}

bool RouteTable::split(Entry* at) {
    if ((*at & kChunk) != 0) {
        return true;
    }
    const auto chunk = new_chunk(*at);
    if (!chunk) {
        return false;
    }
    store(at, kChunk | *chunk);
    return true;
}

/// A chunk whose entries are all one leaf becomes that leaf again. A chunk whose leaves come from one
/// prefix longer than the chunk's own span never has 256 equal entries, so nothing is lost.
void RouteTable::fold(Entry* at) {
    const Entry* entries = chunk_at(*at);
    const Entry first = entries[0];
    if ((first & kChunk) != 0 ||
        !std::all_of(entries, entries + kChunkEntries, [first](Entry e) { return e == first; })) {
        return;
    }
    const auto chunk = *at & ~kChunk;
    store(at, first);
    rcu_.retire([this, chunk] { free_chunks_.push_back(chunk); });
}

std::optional<std::uint32_t> RouteTable::new_chunk(Entry fill) {
    std::uint32_t chunk = chunk_count_;
    if (!free_chunks_.empty()) {
        chunk = free_chunks_.back();
        free_chunks_.pop_back();
    } else if (chunk_count_ == kMaxChunks) {
        return std::nullopt;
    } else {
        ++chunk_count_;
        if (chunk_count_ == kHugeFromChunks) {
            (void)madvise(arena_, kMaxChunks * kChunkEntries * sizeof(Entry), MADV_HUGEPAGE);
        }
    }
    std::fill_n(arena_ + std::size_t{chunk} * kChunkEntries, kChunkEntries, fill);
    return chunk;
}

std::size_t RouteTable::memory_bytes() const {
    return kRootEntries * sizeof(Entry) + std::size_t{chunk_count_} * kChunkEntries * sizeof(Entry);
}

std::uint32_t RouteTable::lookup_slow(Ipv4Address address) const {
    for (unsigned length = 33; length-- > 0;) {
        const auto found = routes_.find(Ipv4Prefix{address, length});
        if (found != routes_.end()) {
            return found->second.value();
        }
    }
    return 0;
}

}  // namespace viaduct::dataplane
