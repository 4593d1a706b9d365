// Memory of the records that packets touch at random.
#include "dataplane/tables/line_memory.h"

#include <algorithm>
#include <set>
#include <vector>

#include <catch2/catch.hpp>

#include "dataplane/base/random.h"

namespace viaduct::dataplane::test {

TEST_CASE(
    "line memory: records of all sizes keep what is in them, apart and aligned, while others come "
    "and go") {
    LineMemory memory;
    SeededRandom random{3};

    struct Record {
        std::uint8_t* at;
        std::size_t bytes;
        std::uint8_t fill;
    };

    std::vector<Record> records;
    for (int i = 0; i < 20000; ++i) {
        if (!records.empty() && random.below(3) == 0) {
            const auto n = random.below(records.size());
            const auto r = records[n];
            REQUIRE(std::count(r.at, r.at + r.bytes, r.fill) ==
                    static_cast<std::ptrdiff_t>(r.bytes));
            memory.deallocate(r.at, r.bytes, LineMemory::kLine);
            records[n] = records.back();
            records.pop_back();
            continue;
        }
        static constexpr std::size_t kSizes[] = {64, 128, 320, 1088, 2048, 3000};
        const auto bytes = kSizes[random.below(std::size(kSizes))];
        auto* at = static_cast<std::uint8_t*>(memory.allocate(bytes, LineMemory::kLine));
        REQUIRE(reinterpret_cast<std::uintptr_t>(at) % LineMemory::kLine == 0);
        const auto fill = static_cast<std::uint8_t>(random.below(256));
        std::fill_n(at, bytes, fill);
        records.push_back({at, bytes, fill});
    }
    for (const auto& r : records) {
        REQUIRE(std::count(r.at, r.at + r.bytes, r.fill) == static_cast<std::ptrdiff_t>(r.bytes));
        memory.deallocate(r.at, r.bytes, LineMemory::kLine);
    }
    // All of it is free: as much again costs nothing.
    const auto reserved = memory.reserved();
    std::set<void*> again;
    for (const auto& r : records) {
        if (r.bytes == 1088) {
            again.insert(memory.allocate(r.bytes, LineMemory::kLine));
        }
    }
    CHECK(memory.reserved() == reserved);
    for (auto* at : again) {
        memory.deallocate(at, 1088, LineMemory::kLine);
    }
}

TEST_CASE("line memory: a few records take little, and a large array stands by itself") {
    LineMemory memory;
    auto* small = memory.allocate(64, 64);
    CHECK(memory.reserved() <= 16384);
    constexpr std::size_t kLarge = std::size_t{3} << 20U;
    auto* large = static_cast<std::uint8_t*>(memory.allocate(kLarge, 8));
    large[0] = large[kLarge - 1] = 1;
    CHECK(memory.reserved() <= 16384);
    memory.deallocate(large, kLarge, 8);
    memory.deallocate(small, 64, 64);
}

}  // namespace viaduct::dataplane::test
