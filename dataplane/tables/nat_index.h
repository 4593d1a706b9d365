// A worker's hash index: open addressing, eight entries a cache line, at most half full. An entry is the whole hash
// and a reference that its owner gives a meaning (not 0). Taking one out moves the following ones up, so there are
// no graves and a look-up ends at the first free place.
#pragma once

#include <bit>
#include <cstdint>

#include <rte_prefetch.h>

#include "dataplane/tables/nat_memory.h"

namespace viaduct::dataplane {

class NatIndex {
public:
    explicit NatIndex(std::size_t keys) : entries_(std::bit_ceil(keys + keys / 3 + 8)) {}

    void prefetch(std::uint32_t hash) const { rte_prefetch0(&entries_[hash & mask()]); }

    /// The reference that stands first for this hash; 0: none. A hint: it may be another key's.
    [[nodiscard]] std::uint32_t first(std::uint32_t hash) const {
        for (auto at = hash & mask(); entries_[at].reference != 0; at = (at + 1) & mask()) {
            if (entries_[at].hash == hash) {
                return entries_[at].reference;
            }
        }
        return 0;
    }

    /// The first reference of this hash of which `is_it` says yes; 0: none.
    template <typename IsIt>
    [[nodiscard]] std::uint32_t find(std::uint32_t hash, IsIt&& is_it) const {
        for (auto at = hash & mask(); entries_[at].reference != 0; at = (at + 1) & mask()) {
            if (entries_[at].hash == hash && is_it(entries_[at].reference)) {
                return entries_[at].reference;
            }
        }
        return 0;
    }

    /// The caller sees to it that there are never more than the keys it asked for.
    void insert(std::uint32_t hash, std::uint32_t reference) {
        auto at = hash & mask();
        while (entries_[at].reference != 0) {
            at = (at + 1) & mask();
        }
        entries_[at] = {hash, reference};
    }

    void erase(std::uint32_t hash, std::uint32_t reference) {
        auto hole = hash & mask();
        while (entries_[hole].reference != reference) {
            if (entries_[hole].reference == 0) {
                return;
            }
            hole = (hole + 1) & mask();
        }
        for (auto at = (hole + 1) & mask(); entries_[at].reference != 0; at = (at + 1) & mask()) {
            const auto home = entries_[at].hash & mask();
            if (((at - home) & mask()) >= ((at - hole) & mask())) {
                entries_[hole] = entries_[at];
                hole = at;
            }
        }
        entries_[hole] = {};
    }

private:
    struct Entry {
        std::uint32_t hash = 0;
        std::uint32_t reference = 0;
    };

    [[nodiscard]] std::uint32_t mask() const {
        return static_cast<std::uint32_t>(entries_.size() - 1);
    }

    ZeroedArray<Entry> entries_;
};

}  // namespace viaduct::dataplane
