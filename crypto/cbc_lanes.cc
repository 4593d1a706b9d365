#include "crypto/cbc_lanes.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <openssl/crypto.h>

// From here on AVX-512 code; it runs only where CbcLanes::available() said so. Standard headers stand
// above, so that none of their inline functions is compiled for AVX-512.
#include <immintrin.h>
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,vaes"))), apply_to = function)
#else
// gcc 12 warns of its own intrinsics' placeholders.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC push_options
#pragma GCC target("avx512f,vaes")
#endif

namespace viaduct::crypto {

namespace {

constexpr std::size_t kLanes = 16;
constexpr std::size_t kVectors = 4;  // of four lanes each
constexpr std::size_t kBlock = 16;
constexpr std::size_t kMostRounds = 14;
constexpr std::uint32_t kNowhereBlocks = 128;
constexpr std::uint32_t kIdle = 0xFFFFFFFFU;

using Vec = __m512i;

/// A block of each lane.
using Blocks = std::array<std::array<std::uint8_t, kBlock>, kLanes>;

[[gnu::always_inline]] inline Vec gather(std::uint8_t* const* at, std::size_t offset) {
    const auto block = [&](std::size_t lane) {
        return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at[lane] + offset));
    };
    auto v = _mm512_castsi128_si512(block(0));
    v = _mm512_inserti32x4(v, block(1), 1);
    v = _mm512_inserti32x4(v, block(2), 2);
    return _mm512_inserti32x4(v, block(3), 3);
}

[[gnu::always_inline]] inline void scatter(std::uint8_t* const* at, std::size_t offset, Vec v) {
    const auto put = [&](std::size_t lane, __m128i block) {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(at[lane] + offset), block);
    };
    put(0, _mm512_castsi512_si128(v));
    put(1, _mm512_extracti32x4_epi32(v, 1));
    put(2, _mm512_extracti32x4_epi32(v, 2));
    put(3, _mm512_extracti32x4_epi32(v, 3));
}

[[gnu::always_inline]] inline Vec load(const Blocks& b, std::size_t vector) {
    return _mm512_load_si512(b[vector * 4].data());
}

[[gnu::always_inline]] inline void store(Blocks& b, std::size_t vector, Vec v) {
    _mm512_store_si512(b[vector * 4].data(), v);
}

}  // namespace

struct CbcLanes::Scratch {
    alignas(64) std::array<Blocks, kMostRounds + 1> keys;  // by round
    alignas(64) Blocks chain;  // the ciphertext before, or the IV
    alignas(64) std::array<std::uint32_t, kLanes> left;  // blocks to go; kIdle
    std::array<std::uint8_t*, kLanes> at;
    std::array<std::uint8_t, kNowhereBlocks * kBlock> nowhere;  // what empty lanes encipher

    template <std::size_t kRounds>
    void start(std::size_t lane, const CbcRun& run) {
        for (std::size_t r = 0; r <= kRounds; ++r) {
            std::memcpy(keys[r][lane].data(), run.schedule + r * kBlock, kBlock);
        }
        std::memcpy(chain[lane].data(), run.iv, kBlock);
        at[lane] = run.data;
        left[lane] = run.blocks;
    }

    template <std::size_t kRounds>
    void encrypt_blocks(std::size_t blocks);
};

/// `blocks` blocks of every lane.
template <std::size_t kRounds>
void CbcLanes::Scratch::encrypt_blocks(std::size_t blocks) {
    constexpr int kXor = 0x96;
    std::array<std::uint8_t*, kLanes> to = at;
    Vec x[kVectors];
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kVectors; ++v) {
        x[v] = load(chain, v);
    }
    for (std::size_t offset = 0; offset != blocks * kBlock; offset += kBlock) {
#pragma GCC unroll 4
        for (std::size_t v = 0; v < kVectors; ++v) {
            x[v] = _mm512_ternarylogic_epi64(
                x[v], gather(to.data() + 4 * v, offset), load(keys[0], v), kXor);
        }
#pragma GCC unroll 14
        for (std::size_t r = 1; r < kRounds; ++r) {
#pragma GCC unroll 4
            for (std::size_t v = 0; v < kVectors; ++v) {
                x[v] = _mm512_aesenc_epi128(x[v], load(keys[r], v));
            }
        }
#pragma GCC unroll 4
        for (std::size_t v = 0; v < kVectors; ++v) {
            x[v] = _mm512_aesenclast_epi128(x[v], load(keys[kRounds], v));
            scatter(to.data() + 4 * v, offset, x[v]);
        }
    }
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kVectors; ++v) {
        store(chain, v, x[v]);
    }
}

bool CbcLanes::available() {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vaes");
}

CbcLanes::CbcLanes() : scratch_(std::make_unique<Scratch>()) {}

CbcLanes::~CbcLanes() {
    OPENSSL_cleanse(scratch_.get(), sizeof(Scratch));
}

template <std::size_t kRounds>
void CbcLanes::run_lanes(std::span<const CbcRun> runs) {
    auto& x = *scratch_;
    std::size_t next = 0;
    std::uint32_t active = 0;  // a bit a lane
    const auto fill = [&](std::size_t lane) {
        if (next < runs.size()) {
            x.start<kRounds>(lane, runs[next++]);
            active |= 1U << lane;
        } else {
            x.left[lane] = kIdle;
            active &= ~(1U << lane);
        }
    };
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
        fill(lane);
    }
    while (active != 0) {
        const auto left = _mm512_load_si512(x.left.data());
        const std::uint32_t blocks = _mm512_reduce_min_epu32(left);
        // An empty lane has no packet to write to: it writes to nowhere, as far as that reaches.
        const std::uint32_t step =
            active == (1U << kLanes) - 1 ? blocks : std::min(blocks, kNowhereBlocks);
        for (auto idle = ~active & ((1U << kLanes) - 1); idle != 0; idle &= idle - 1) {
            x.at[static_cast<std::size_t>(__builtin_ctz(idle))] = x.nowhere.data();
        }
        x.encrypt_blocks<kRounds>(step);
        const auto after = _mm512_mask_sub_epi32(
            left, static_cast<__mmask16>(active), left, _mm512_set1_epi32(static_cast<int>(step)));
        _mm512_store_si512(x.left.data(), after);
        for (auto& at : x.at) {
            at += step * kBlock;
        }
        for (std::uint32_t ended = _mm512_testn_epi32_mask(after, after); ended != 0;
             ended &= ended - 1) {
            fill(static_cast<std::size_t>(__builtin_ctz(ended)));
        }
    }
}

void CbcLanes::encrypt(std::span<const CbcRun> runs, std::size_t key_bytes) {
    switch (key_bytes) {
    case 16:
        run_lanes<10>(runs);
        break;
    case 24:
        run_lanes<12>(runs);
        break;
    default:
        run_lanes<14>(runs);
        break;
    }
}

}  // namespace viaduct::crypto

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#pragma GCC diagnostic pop
#endif
