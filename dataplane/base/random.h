// Randomness as an argument: engines are handed a source; the lab's is seeded, the router's is the
// operating system's.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/base/bytes.h"

namespace viaduct {

class Random {
public:
    Random() = default;
    Random(const Random&) = delete;
    Random& operator=(const Random&) = delete;
    Random(Random&&) = delete;
    Random& operator=(Random&&) = delete;
    virtual ~Random() = default;

    virtual void fill(std::span<std::uint8_t> out) = 0;

    std::uint64_t u64() {
        std::uint8_t raw[8];
        fill(raw);
        std::uint64_t value = 0;
        std::memcpy(&value, raw, sizeof(value));
        return value;
    }

    std::uint32_t u32() { return static_cast<std::uint32_t>(u64()); }

    /// Evenly 0 … bound-1; bound > 0.
    std::uint64_t below(std::uint64_t bound) {
        __extension__ using Wide = unsigned __int128;
        return static_cast<std::uint64_t>((static_cast<Wide>(u64()) * bound) >> 64U);
    }

    /// 0 ≤ x < 1.
    double unit() { return static_cast<double>(u64() >> 11U) * 0x1.0p-53; }

    Bytes bytes(std::size_t n) {
        Bytes out(n);
        fill(out);
        return out;
    }
};

/// Deterministic, not for secrets on a real network: labs, tests and fuzzers (splitmix64).
class SeededRandom final : public Random {
public:
    explicit SeededRandom(std::uint64_t seed) : state_(seed) {}

    void fill(std::span<std::uint8_t> out) override;

private:
    std::uint64_t state_;
};

}  // namespace viaduct
