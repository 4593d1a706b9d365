// The hash of address translation's keys: seeded, so that nobody outside can choose where they fall.
#pragma once

#include <cstdint>

namespace viaduct::dataplane {

inline std::uint32_t nat_hash(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const auto product = static_cast<Wide>(a) * b;
    const auto h = static_cast<std::uint64_t>(product >> 64U) ^ static_cast<std::uint64_t>(product);
    return static_cast<std::uint32_t>(h ^ h >> 32U);
}

}  // namespace viaduct::dataplane
