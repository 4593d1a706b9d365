#include "crypto/sha1_lanes.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <openssl/crypto.h>

// From here on AVX-512 code; it runs only where Sha1Lanes::available() said so. Standard headers stand
// above, so that none of their inline functions is compiled for AVX-512.
#include <immintrin.h>
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl"))), \
                             apply_to = function)
#else
// gcc 12 warns of its own intrinsics' placeholders.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl")
#endif

namespace viaduct::crypto {

namespace {

constexpr std::size_t kLanes = 16;
constexpr std::size_t kBlock = 64;
constexpr std::size_t kWords = 5;  // of the state
constexpr std::uint32_t kIdle = 0xFFFFFFFFU;

using Vec = __m512i;

/// The state of sixteen messages: word by word, a lane an element.
struct alignas(64) States {
    std::array<std::array<std::uint32_t, kLanes>, kWords> word;
};

struct Registers {
    Vec a;
    Vec b;
    Vec c;
    Vec d;
    Vec e;
};

inline Registers load(const States& s) {
    return {_mm512_load_si512(s.word[0].data()),
            _mm512_load_si512(s.word[1].data()),
            _mm512_load_si512(s.word[2].data()),
            _mm512_load_si512(s.word[3].data()),
            _mm512_load_si512(s.word[4].data())};
}

inline void store(States& s, const Registers& r) {
    _mm512_store_si512(s.word[0].data(), r.a);
    _mm512_store_si512(s.word[1].data(), r.b);
    _mm512_store_si512(s.word[2].data(), r.c);
    _mm512_store_si512(s.word[3].data(), r.d);
    _mm512_store_si512(s.word[4].data(), r.e);
}

[[gnu::always_inline]] inline Vec swap_bytes(Vec v) {
    const Vec order = _mm512_set4_epi32(0x0C0D0E0F, 0x08090A0B, 0x04050607, 0x00010203);
    return _mm512_shuffle_epi8(v, order);
}

/// FIPS 180-4, section 6.1.2, step 3, round t; the three-input functions of section 4.1.1 are one
/// instruction each by their truth tables.
template <int kTable, bool kExpand>
[[gnu::always_inline]] inline void round(Registers& r, Vec* w, int t, Vec k) {
    Vec& word = w[t & 15];
    if constexpr (kExpand) {
        constexpr int kXor = 0x96;
        const Vec x =
            _mm512_ternarylogic_epi32(w[(t + 13) & 15], w[(t + 8) & 15], w[(t + 2) & 15], kXor);
        word = _mm512_rol_epi32(_mm512_xor_si512(x, word), 1);
    }
    const Vec f = _mm512_ternarylogic_epi32(r.b, r.c, r.d, kTable);
    const Vec early = _mm512_add_epi32(_mm512_add_epi32(r.e, k), word);
    const Vec next = _mm512_add_epi32(_mm512_add_epi32(early, f), _mm512_rol_epi32(r.a, 5));
    r.e = r.d;
    r.d = r.c;
    r.c = _mm512_rol_epi32(r.b, 30);
    r.b = r.a;
    r.a = next;
}

constexpr int kChoose = 0xCA;
constexpr int kParity = 0x96;
constexpr int kMajority = 0xE8;

/// One block of all lanes; `w` is used up.
[[gnu::always_inline]] inline void compress(Registers& r, Vec* w) {
    const Registers before = r;
    Vec k = _mm512_set1_epi32(0x5A827999);
#pragma GCC unroll 16
    for (int t = 0; t < 16; ++t) {
        round<kChoose, false>(r, w, t, k);
    }
#pragma GCC unroll 4
    for (int t = 16; t < 20; ++t) {
        round<kChoose, true>(r, w, t, k);
    }
    k = _mm512_set1_epi32(0x6ED9EBA1);
#pragma GCC unroll 20
    for (int t = 20; t < 40; ++t) {
        round<kParity, true>(r, w, t, k);
    }
    k = _mm512_set1_epi32(static_cast<int>(0x8F1BBCDCU));
#pragma GCC unroll 20
    for (int t = 40; t < 60; ++t) {
        round<kMajority, true>(r, w, t, k);
    }
    k = _mm512_set1_epi32(static_cast<int>(0xCA62C1D6U));
#pragma GCC unroll 20
    for (int t = 60; t < 80; ++t) {
        round<kParity, true>(r, w, t, k);
    }
    r.a = _mm512_add_epi32(r.a, before.a);
    r.b = _mm512_add_epi32(r.b, before.b);
    r.c = _mm512_add_epi32(r.c, before.c);
    r.d = _mm512_add_epi32(r.d, before.d);
    r.e = _mm512_add_epi32(r.e, before.e);
}

/// Sixteen blocks of 16 words, a vector each, become 16 vectors of one word of every block.
[[gnu::always_inline]] inline void transpose(Vec* v) {
    Vec t[16];
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) {
        const Vec ab_low = _mm512_unpacklo_epi32(v[4 * q], v[4 * q + 1]);
        const Vec ab_high = _mm512_unpackhi_epi32(v[4 * q], v[4 * q + 1]);
        const Vec cd_low = _mm512_unpacklo_epi32(v[4 * q + 2], v[4 * q + 3]);
        const Vec cd_high = _mm512_unpackhi_epi32(v[4 * q + 2], v[4 * q + 3]);
        // t[4q + k]: in its quarter s the words 4s + k of blocks 4q … 4q + 3.
        t[4 * q] = _mm512_unpacklo_epi64(ab_low, cd_low);
        t[4 * q + 1] = _mm512_unpackhi_epi64(ab_low, cd_low);
        t[4 * q + 2] = _mm512_unpacklo_epi64(ab_high, cd_high);
        t[4 * q + 3] = _mm512_unpackhi_epi64(ab_high, cd_high);
    }
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
        const Vec low01 = _mm512_shuffle_i32x4(t[k], t[4 + k], 0x44);
        const Vec high01 = _mm512_shuffle_i32x4(t[k], t[4 + k], 0xEE);
        const Vec low23 = _mm512_shuffle_i32x4(t[8 + k], t[12 + k], 0x44);
        const Vec high23 = _mm512_shuffle_i32x4(t[8 + k], t[12 + k], 0xEE);
        v[k] = _mm512_shuffle_i32x4(low01, low23, 0x88);
        v[4 + k] = _mm512_shuffle_i32x4(low01, low23, 0xDD);
        v[8 + k] = _mm512_shuffle_i32x4(high01, high23, 0x88);
        v[12 + k] = _mm512_shuffle_i32x4(high01, high23, 0xDD);
    }
}

/// `blocks` blocks of every lane, from where it points.
void compress_blocks(States& states,
                     const std::array<const std::uint8_t*, kLanes>& at,
                     std::size_t blocks) {
    auto r = load(states);
    for (std::size_t i = 0; i < blocks; ++i) {
        Vec w[16];
#pragma GCC unroll 16
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            w[lane] = swap_bytes(_mm512_loadu_si512(at[lane] + i * kBlock));
        }
        transpose(w);
        compress(r, w);
    }
    store(states, r);
}

}  // namespace

struct Sha1Lanes::Scratch {
    States inner;  // of what is in the lanes
    alignas(64) std::array<std::uint32_t, kLanes> left;  // blocks to go; kIdle
    std::array<const std::uint8_t*, kLanes> at;
    std::array<std::uint16_t, kLanes> run;  // that is in the lane
    std::array<bool, kLanes> in_tail;
    alignas(64) std::array<std::array<std::uint8_t, 2 * kBlock>, kLanes> tails;
    std::array<States, kMaxRuns / kLanes> digests;  // of what is done, by run

    void start(std::size_t lane, std::size_t number, const HmacRun& run);
    void start_tail(std::size_t lane, const HmacRun& run);
    void finish_inner(std::size_t lane);
    void outer(std::span<const HmacRun> runs, const States& digests);
};

bool Sha1Lanes::available() {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl");
}

Sha1Lanes::Sha1Lanes() : scratch_(std::make_unique<Scratch>()) {}

// What is left in the lanes is as good as a key.
Sha1Lanes::~Sha1Lanes() {
    OPENSSL_cleanse(scratch_.get(), sizeof(Scratch));
}

void Sha1Lanes::Scratch::start(std::size_t lane, std::size_t number, const HmacRun& r) {
    std::array<std::uint32_t, kWords> words;
    std::memcpy(words.data(), r.inner, sizeof(words));
    for (std::size_t i = 0; i < kWords; ++i) {
        inner.word[i][lane] = words[i];
    }
    run[lane] = static_cast<std::uint16_t>(number);
    in_tail[lane] = false;
    at[lane] = r.data;
    left[lane] = r.length / kBlock;
    if (left[lane] == 0) {
        start_tail(lane, r);
    }
}

/// FIPS 180-4, section 5.1.1: a bit 1, zeros, and the length in bits, to the end of a block; the block of
/// the key stood before the message.
void Sha1Lanes::Scratch::start_tail(std::size_t lane, const HmacRun& r) {
    constexpr std::size_t kLengthAt = kBlock - 8;
    const std::size_t rest = r.length % kBlock;
    const __mmask64 there = (std::uint64_t{1} << rest) - 1;
    // Nothing behind the message is read: masked elements are not.
    Vec last = _mm512_maskz_loadu_epi8(there, r.data + (r.length - rest));
    last = _mm512_mask_blend_epi8(there + 1, last, _mm512_set1_epi8(static_cast<char>(0x80)));
    const auto bits =
        static_cast<long long>(__builtin_bswap64((kBlock + std::uint64_t{r.length}) * 8));
    constexpr __mmask8 kLastElement = 0x80;
    auto* tail = tails[lane].data();
    const bool fits = rest < kLengthAt;
    const Vec length = _mm512_maskz_set1_epi64(kLastElement, bits);
    _mm512_store_si512(tail, fits ? _mm512_or_si512(last, length) : last);
    if (!fits) {
        _mm512_store_si512(tail + kBlock, length);
    }
    at[lane] = tail;
    left[lane] = fits ? 1 : 2;
    in_tail[lane] = true;
}

void Sha1Lanes::Scratch::finish_inner(std::size_t lane) {
    auto& to = digests[run[lane] / kLanes];
    for (std::size_t i = 0; i < kWords; ++i) {
        to.word[i][run[lane] % kLanes] = inner.word[i][lane];
    }
}

/// RFC 2104: H(K ⊕ opad, H(K ⊕ ipad, text)): one block, of which all but the digest is the same.
void Sha1Lanes::Scratch::outer(std::span<const HmacRun> runs, const States& digest) {
    States states{};
    for (std::size_t lane = 0; lane < runs.size(); ++lane) {
        std::array<std::uint32_t, kWords> words;
        std::memcpy(words.data(), runs[lane].outer, sizeof(words));
        for (std::size_t i = 0; i < kWords; ++i) {
            states.word[i][lane] = words[i];
        }
    }
    constexpr int kBits = (kBlock + kWords * 4) * 8;
    Vec w[16];
    for (std::size_t i = 0; i < kWords; ++i) {
        w[i] = _mm512_load_si512(digest.word[i].data());
    }
    w[kWords] = _mm512_set1_epi32(static_cast<int>(0x80000000U));
    for (std::size_t i = kWords + 1; i < 15; ++i) {
        w[i] = _mm512_setzero_si512();
    }
    w[15] = _mm512_set1_epi32(kBits);
    auto r = load(states);
    compress(r, w);
    store(states,
          {swap_bytes(r.a), swap_bytes(r.b), swap_bytes(r.c), swap_bytes(r.d), swap_bytes(r.e)});
    for (std::size_t lane = 0; lane < runs.size(); ++lane) {
        std::array<std::uint32_t, kWords> words;
        for (std::size_t i = 0; i < kWords; ++i) {
            words[i] = states.word[i][lane];
        }
        constexpr std::uint32_t kUsual = 12;
        if (runs[lane].tag_bytes == kUsual) [[likely]] {
            std::memcpy(runs[lane].tag, words.data(), kUsual);
        } else {
            std::memcpy(runs[lane].tag, words.data(), runs[lane].tag_bytes);
        }
    }
}

void Sha1Lanes::hmac(std::span<const HmacRun> runs) {
    auto& x = *scratch_;
    std::size_t next = 0;
    std::uint32_t active = 0;  // a bit a lane
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
        if (next < runs.size()) {
            x.start(lane, next, runs[next]);
            ++next;
            active |= 1U << lane;
        } else {
            x.left[lane] = kIdle;
        }
    }
    while (active != 0) {
        // An empty lane follows another, and nobody looks at what comes out.
        for (auto idle = ~active & 0xFFFFU; idle != 0; idle &= idle - 1) {
            x.at[static_cast<std::size_t>(__builtin_ctz(idle))] =
                x.at[static_cast<std::size_t>(__builtin_ctz(active))];
        }
        const auto left = _mm512_load_si512(x.left.data());
        const auto blocks = _mm512_reduce_min_epu32(left);
        compress_blocks(x.inner, x.at, blocks);
        const auto after = _mm512_mask_sub_epi32(left,
                                                 static_cast<__mmask16>(active),
                                                 left,
                                                 _mm512_set1_epi32(static_cast<int>(blocks)));
        _mm512_store_si512(x.left.data(), after);
        for (auto& at : x.at) {
            at += blocks * kBlock;
        }
        std::uint32_t ended = _mm512_testn_epi32_mask(after, after);
        for (; ended != 0; ended &= ended - 1) {
            const auto lane = static_cast<std::size_t>(__builtin_ctz(ended));
            if (!x.in_tail[lane]) {
                x.start_tail(lane, runs[x.run[lane]]);
                continue;
            }
            x.finish_inner(lane);
            if (next < runs.size()) {
                x.start(lane, next, runs[next]);
                ++next;
            } else {
                x.left[lane] = kIdle;
                active &= ~(1U << lane);
            }
        }
    }
    for (std::size_t i = 0; i < runs.size(); i += kLanes) {
        x.outer(runs.subspan(i, std::min(kLanes, runs.size() - i)), x.digests[i / kLanes]);
    }
}

}  // namespace viaduct::crypto

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#pragma GCC diagnostic pop
#endif
