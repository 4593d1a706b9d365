// Longest-prefix match for IPv4: a multi-bit trie of strides 16-8-8, leaves pushed, one store a change.
//
//     root[65536] ──(16 bits)──▶ leaf, or chunk ─(8 bits)─▶ leaf, or chunk ─(8 bits)─▶ leaf
//
// An entry is 0 (the default route), a leaf {prefix length, next hop} or the number of a chunk of 256
// entries. The root's pages are touched only where routes are, so a small table is small; the default
// route is one word. A lookup is one to three loads, whose first is nearly always in the cache.
//
// Chunks stand in one stretch of reserved address space that is touched as used, so they never move.
//
// Writers: control only. A commit stores, for every address, the final next hop over the old one: no
// packet sees a state between two commits' routes for its own destination. New chunks are complete
// before they are linked; old ones are freed by RCU.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "dataplane/base/address.h"
#include "dataplane/control.h"
#include "dataplane/tables/rcu.h"

namespace viaduct::dataplane {

class RouteTable {
public:
    using Entry = std::uint32_t;
    static constexpr Entry kChunk = 0x80000000U;
    static constexpr unsigned kNextHopBits = 25;
    static constexpr std::uint32_t kMaxChunks = 1U << 18U;
    static constexpr Entry kNextHopMask = (Entry{1} << kNextHopBits) - 1;

    /// What a worker reads during one turn.
    struct View {
        const Entry* root = nullptr;
        const Entry* chunks = nullptr;
        std::uint32_t default_next_hop = 0;

        [[nodiscard]] const Entry* root_entry(std::uint32_t destination) const {
            return root + (destination >> 16U);
        }

        [[nodiscard]] const Entry* chunk_entry(Entry chunk, std::uint32_t octet) const {
            return chunks + ((std::size_t{chunk & ~kChunk} << 8U) | (octet & 0xFFU));
        }

        [[nodiscard]] static Entry load(const Entry* at) {
            return __atomic_load_n(at, __ATOMIC_ACQUIRE);
        }

        /// The look-up in two halves, for loops over many packets: the root's entry, with what it points
        /// to on its way into the cache; and the rest.
        [[nodiscard]] Entry start(std::uint32_t destination) const {
            const Entry e = load(root_entry(destination));
            if ((e & kChunk) != 0) {
                __builtin_prefetch(chunk_entry(e, destination >> 8U));
            }
            return e;
        }

        [[nodiscard]] std::uint32_t finish(Entry e, std::uint32_t destination) const {
            if ((e & kChunk) != 0) {
                e = load(chunk_entry(e, destination >> 8U));
                if ((e & kChunk) != 0) {
                    e = load(chunk_entry(e, destination));
                }
            }
            return e != 0 ? e & kNextHopMask : default_next_hop;
        }

        /// The next hop of `destination` (host order); 0: no route.
        [[nodiscard]] std::uint32_t lookup(std::uint32_t destination) const {
            return finish(load(root_entry(destination)), destination);
        }
    };

    explicit RouteTable(Rcu& rcu);
    ~RouteTable();
    RouteTable(const RouteTable&) = delete;
    RouteTable& operator=(const RouteTable&) = delete;
    RouteTable(RouteTable&&) = delete;
    RouteTable& operator=(RouteTable&&) = delete;

    // ── control ──
    void set(const Ipv4Prefix& prefix, NextHopId next_hop);
    void remove(const Ipv4Prefix& prefix);
    void commit();

    [[nodiscard]] std::size_t size() const { return routes_.size(); }

    /// Changes that found no room (kMaxChunks): such prefixes keep their covering route.
    [[nodiscard]] std::uint64_t refused() const { return refused_; }

    [[nodiscard]] std::size_t memory_bytes() const;
    /// The next hop of the longest committed prefix that holds `address`, by the slow way: for tests.
    [[nodiscard]] std::uint32_t lookup_slow(Ipv4Address address) const;

    // ── workers ──
    [[nodiscard]] View view() const {
        return {root_, arena_, default_.load(std::memory_order_acquire)};
    }

private:
    struct Change {
        std::optional<NextHopId> next_hop;  // nullopt: removed
    };

    [[nodiscard]] static Entry leaf(unsigned length, std::uint32_t next_hop) {
        return static_cast<Entry>(length) << kNextHopBits | next_hop;
    }

    [[nodiscard]] static unsigned length_of(Entry e) { return e >> kNextHopBits & 0x3FU; }

    static void store(Entry* at, Entry e) { __atomic_store_n(at, e, __ATOMIC_RELEASE); }

    void apply(const Ipv4Prefix& prefix, std::optional<NextHopId> next_hop);

    struct Replacement {
        unsigned length;  // of the prefix that changes
        Entry with;
        bool removing;  // only its own leaves are replaced, else all that are not more specific
    };

    void replace(const Ipv4Prefix& prefix, const Replacement& r);
    template <unsigned kLevelsBelow>
    void replace_entries(Entry* entries, unsigned first, unsigned last, const Replacement& r);
    bool split(Entry* at);
    void fold(Entry* at);
    std::optional<std::uint32_t> new_chunk(Entry fill);
    [[nodiscard]] Entry covering(const Ipv4Prefix& prefix) const;

    [[nodiscard]] Entry* chunk_at(Entry e) const {
        return arena_ + (std::size_t{e & ~kChunk} << 8U);
    }

    Rcu& rcu_;
    Entry* root_;  // control: rw, workers: ro; never moves
    Entry* arena_;  // the same
    std::atomic<std::uint32_t> default_{0};  // the same
    std::uint32_t chunk_count_ = 0;  // ever used
    std::uint64_t refused_ = 0;
    std::vector<std::uint32_t> free_chunks_;
    std::unordered_map<Ipv4Prefix, NextHopId> routes_;
    std::uint32_t lengths_used_[33]{};
    std::unordered_map<Ipv4Prefix, Change> staged_;
};

}  // namespace viaduct::dataplane
