#include "crypto/des_bitslice.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <openssl/crypto.h>

#include "crypto/des.h"

// From here on AVX-512 code; it runs only where DesBitslice::available() said so. Standard headers
// stand above, so that none of their inline functions is compiled for AVX-512.
#include <immintrin.h>
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl")
#endif

#include "crypto/des_sboxes.h"

namespace viaduct::crypto {

namespace {

/// 512 lanes.
struct Wide {
    using Bits = std::uint64_t __attribute__((vector_size(64)));
    static constexpr std::size_t kLanes = 512;

    Bits v;

    template <int kTable>
    static Wide lut(Wide a, Wide b, Wide c) {
        return {reinterpret_cast<Bits>(_mm512_ternarylogic_epi64(reinterpret_cast<__m512i>(a.v),
                                                                 reinterpret_cast<__m512i>(b.v),
                                                                 reinterpret_cast<__m512i>(c.v),
                                                                 kTable))};
    }

    static Wide broadcast(std::uint64_t word) { return {Bits{} + word}; }

    template <int kBy>
    [[nodiscard]] Wide left() const {
        return {v << kBy};
    }

    template <int kBy>
    [[nodiscard]] Wide right() const {
        return {v >> kBy};
    }

    Wide operator^(Wide other) const { return {v ^ other.v}; }
};

/// 256 lanes: three gates a cycle instead of two.
struct Narrow {
    using Bits = std::uint64_t __attribute__((vector_size(32)));
    static constexpr std::size_t kLanes = 256;

    Bits v;

    template <int kTable>
    static Narrow lut(Narrow a, Narrow b, Narrow c) {
        return {reinterpret_cast<Bits>(_mm256_ternarylogic_epi64(reinterpret_cast<__m256i>(a.v),
                                                                 reinterpret_cast<__m256i>(b.v),
                                                                 reinterpret_cast<__m256i>(c.v),
                                                                 kTable))};
    }

    static Narrow broadcast(std::uint64_t word) { return {Bits{} + word}; }

    template <int kBy>
    [[nodiscard]] Narrow left() const {
        return {v << kBy};
    }

    template <int kBy>
    [[nodiscard]] Narrow right() const {
        return {v >> kBy};
    }

    Narrow operator^(Narrow other) const { return {v ^ other.v}; }
};

// --- Tables of FIPS 46-3; bits are numbered from 1 as there. ---

constexpr std::array<std::uint8_t, 64> kInitial{
    58, 50, 42, 34, 26, 18, 10, 2,  60, 52, 44, 36, 28, 20, 12, 4,  62, 54, 46, 38, 30, 22,
    14, 6,  64, 56, 48, 40, 32, 24, 16, 8,  57, 49, 41, 33, 25, 17, 9,  1,  59, 51, 43, 35,
    27, 19, 11, 3,  61, 53, 45, 37, 29, 21, 13, 5,  63, 55, 47, 39, 31, 23, 15, 7};
constexpr std::array<std::uint8_t, 32> kPermutation{16, 7, 20, 21, 29, 12, 28, 17, 1,  15, 23,
                                                    26, 5, 18, 31, 10, 2,  8,  24, 14, 32, 27,
                                                    3,  9, 19, 13, 30, 6,  22, 11, 4,  25};
constexpr std::array<std::uint8_t, 56> kChoice1{
    57, 49, 41, 33, 25, 17, 9,  1,  58, 50, 42, 34, 26, 18, 10, 2,  59, 51, 43,
    35, 27, 19, 11, 3,  60, 52, 44, 36, 63, 55, 47, 39, 31, 23, 15, 7,  62, 54,
    46, 38, 30, 22, 14, 6,  61, 53, 45, 37, 29, 21, 13, 5,  28, 20, 12, 4};
constexpr std::array<std::uint8_t, 48> kChoice2{
    14, 17, 11, 24, 1,  5,  3,  28, 15, 6,  21, 10, 23, 19, 12, 4,  26, 8,  16, 7,  27, 20, 13, 2,
    41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32};
constexpr std::array<std::uint8_t, 16> kShifts{1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1};

/// Where bit n (1–64, from the first byte's highest) of 8 bytes lies in a little-endian word.
constexpr std::size_t position(std::size_t n) {
    return (n - 1) / 8 * 8 + 7 - (n - 1) % 8;
}

/// For each round and each of the 48 inputs of the S-boxes: which bit of the key word it takes.
using KeyBits = std::array<std::array<std::uint8_t, 48>, 16>;

constexpr KeyBits make_key_bits() {
    KeyBits out{};
    std::size_t shift = 0;
    for (std::size_t round = 0; round < 16; ++round) {
        shift += kShifts[round];
        for (std::size_t i = 0; i < 48; ++i) {
            const std::size_t at = kChoice2[i] - 1U;  // in C (0–27) or D (28–55), after rotation
            const std::size_t half = at / 28 * 28;
            out[round][i] =
                static_cast<std::uint8_t>(position(kChoice1[half + (at - half + shift) % 28]));
        }
    }
    return out;
}

constexpr KeyBits kKeyBits = make_key_bits();

/// Output bit of the S-boxes (0–31) → bit of the half block after the permutation P.
constexpr std::array<std::uint8_t, 32> make_spread() {
    std::array<std::uint8_t, 32> out{};
    for (std::size_t i = 0; i < 32; ++i) {
        out[kPermutation[i] - 1U] = static_cast<std::uint8_t>(i);
    }
    return out;
}

constexpr std::array<std::uint8_t, 32> kSpread = make_spread();

// --- The cipher over vectors. ---

template <typename V>
using Word = std::array<V, 64>;

template <typename V, int kBy>
void transpose_step(Word<V>& rows, std::uint64_t low) {
    constexpr int kSelect = 0xCA;  // first ? second : third
    constexpr auto kStep = static_cast<std::size_t>(kBy);
    const V mask = V::broadcast(low);
    for (std::size_t i = 0; i < 64; i = (i + kStep + 1) & ~kStep) {
        const V a = rows[i];
        const V b = rows[i + kStep];
        rows[i] = V::template lut<kSelect>(mask, a, b.template left<kBy>());
        rows[i + kStep] = V::template lut<kSelect>(mask, a.template right<kBy>(), b);
    }
}

/// 64 × 64 bits, in each 64-bit column of the vectors apart: bit j of row i ↔ bit i of row j.
template <typename V>
void transpose(Word<V>& rows) {
    transpose_step<V, 32>(rows, 0x00000000FFFFFFFF);
    transpose_step<V, 16>(rows, 0x0000FFFF0000FFFF);
    transpose_step<V, 8>(rows, 0x00FF00FF00FF00FF);
    transpose_step<V, 4>(rows, 0x0F0F0F0F0F0F0F0F);
    transpose_step<V, 2>(rows, 0x3333333333333333);
    transpose_step<V, 1>(rows, 0x5555555555555555);
}

template <typename V, std::size_t kBox>
inline void apply_box(V* left, const V* right, const V* key, const std::uint8_t* key_bits) {
    std::array<V, 6> in;
    for (std::size_t i = 0; i < 6; ++i) {
        in[i] = right[(kBox * 4 + i + 31) % 32] ^ key[key_bits[kBox * 6 + i]];
    }
    std::array<V, 4> out;
    sbox<kBox>(in, out);
    for (std::size_t i = 0; i < 4; ++i) {
        V& target = left[kSpread[kBox * 4 + i]];
        target = target ^ out[i];
    }
}

template <typename V>
void apply_round(V* left, const V* right, const V* key, const std::uint8_t* key_bits) {
    [&]<std::size_t... kBox>(std::index_sequence<kBox...>) {
        (apply_box<V, kBox>(left, right, key, key_bits), ...);
    }(std::make_index_sequence<8>{});
}

enum class Way : std::uint8_t { encipher, decipher };

template <typename V>
struct Halves {
    std::array<V, 32> left;
    std::array<V, 32> right;
};

/// 16 rounds; the halves come out exchanged, as DES has them.
template <typename V>
void des(Halves<V>& block, const Word<V>& key, Way way) {
    for (std::size_t round = 0; round < 16; round += 2) {
        const bool forward = way == Way::encipher;
        const auto& first = kKeyBits[forward ? round : 15 - round];
        const auto& second = kKeyBits[forward ? round + 1 : 14 - round];
        apply_round(block.left.data(), block.right.data(), key.data(), first.data());
        apply_round(block.right.data(), block.left.data(), key.data(), second.data());
    }
    std::swap(block.left, block.right);
}

template <typename V>
void des_or_ede(Halves<V>& block, const std::array<Word<V>, 3>& keys, std::size_t n_keys, Way way) {
    if (n_keys == 1) {
        des(block, keys[0], way);
        return;
    }
    const bool forward = way == Way::encipher;
    des(block, keys[forward ? 0 : 2], way);
    des(block, keys[1], forward ? Way::decipher : Way::encipher);
    des(block, keys[forward ? 2 : 0], way);
}

template <typename V>
void initial_permutation(const Word<V>& word, Halves<V>& block) {
    for (std::size_t i = 0; i < 32; ++i) {
        block.left[i] = word[position(kInitial[i])];
        block.right[i] = word[position(kInitial[i + 32])];
    }
}

template <typename V>
void final_permutation(const Halves<V>& block, Word<V>& word) {
    for (std::size_t i = 0; i < 32; ++i) {
        word[position(kInitial[i])] = block.left[i];
        word[position(kInitial[i + 32])] = block.right[i];
    }
}

/// Through OpenSSL, with schedules made for the occasion: some 1,000 cycles beside 60 a byte.
void encrypt_alone(DesRun& run, std::size_t n_keys) {
    alignas(64) std::array<std::array<std::uint8_t, kDesScheduleBytes>, 3> schedules;
    for (std::size_t i = 0; i < n_keys; ++i) {
        des_expand_openssl(run.keys + i * 8, schedules[i].data());
    }
    des_cbc_openssl(&schedules, n_keys, Direction::encrypt, run.iv, run.data, run.blocks * 8);
    OPENSSL_cleanse(&schedules, sizeof(schedules));
    run.blocks = 0;
}

/// What one batch works on. A lane's block is one word of `in` and of `out`.
template <typename V>
struct Batch {
    alignas(64) std::array<std::uint64_t, V::kLanes> in;
    alignas(64) std::array<std::uint64_t, V::kLanes> out;
    alignas(64) std::array<std::array<std::uint64_t, V::kLanes>, 3> lane_keys;
    std::array<Word<V>, 3> keys;
    Word<V> word;
    Halves<V> block;

    static void load(Word<V>& rows, const std::array<std::uint64_t, V::kLanes>& lanes) {
        std::memcpy(rows.data(), lanes.data(), sizeof(rows));
        transpose(rows);
    }

    void store() {
        transpose(word);
        std::memcpy(out.data(), word.data(), sizeof(word));
    }

    void set_lane_keys(std::size_t from,
                       std::size_t count,
                       const std::uint8_t* key,
                       std::size_t n_keys) {
        for (std::size_t k = 0; k < n_keys; ++k) {
            std::uint64_t value = 0;
            std::memcpy(&value, key + k * sizeof(value), sizeof(value));
            std::fill_n(lane_keys[k].begin() + static_cast<std::ptrdiff_t>(from), count, value);
        }
    }

    void expand_keys(std::size_t n_keys) {
        for (std::size_t k = 0; k < n_keys; ++k) {
            load(keys[k], lane_keys[k]);
        }
    }

    /// The same key in all lanes.
    void expand_one_key(const std::uint8_t* key, std::size_t n_keys) {
        for (std::size_t k = 0; k < n_keys; ++k) {
            std::uint64_t value = 0;
            std::memcpy(&value, key + k * sizeof(value), sizeof(value));
            for (std::size_t bit = 0; bit < 64; ++bit) {
                keys[k][bit] = V::broadcast(0 - (value >> bit & 1U));
            }
        }
    }
};

/// A piece of a packet in the lanes of a batch.
struct Piece {
    const DesRun* run = nullptr;
    std::size_t first_block = 0;
    std::size_t blocks = 0;
};

/// Fills the lanes from runs[next] on; advances next and done (blocks of runs[next] done so far).
template <typename V>
std::size_t fill(Batch<V>& batch,
                 std::span<const DesRun> runs,
                 std::size_t& next,
                 std::size_t& done,
                 std::span<Piece> pieces) {
    std::size_t lanes = 0;
    std::size_t n = 0;
    while (lanes < V::kLanes && next < runs.size()) {
        const auto& run = runs[next];
        const auto blocks = std::min(run.blocks - done, V::kLanes - lanes);
        std::memcpy(&batch.in[lanes], run.data + done * 8, blocks * 8);
        pieces[n++] = {&run, done, blocks};
        lanes += blocks;
        done += blocks;
        if (done == run.blocks) {
            ++next;
            done = 0;
        }
    }
    return n;
}

template <typename V>
void expand_keys_of(Batch<V>& batch, std::span<const Piece> pieces, std::size_t n_keys) {
    const auto* first = pieces.front().run->keys;
    if (std::all_of(pieces.begin(), pieces.end(), [&](const Piece& piece) {
            return piece.run->keys == first;
        })) {
        batch.expand_one_key(first, n_keys);
        return;
    }
    std::size_t lane = 0;
    for (const auto& piece : pieces) {
        batch.set_lane_keys(lane, piece.blocks, piece.run->keys, n_keys);
        lane += piece.blocks;
    }
    batch.expand_keys(n_keys);
}

}  // namespace

struct DesBitslice::Scratch {
    Batch<Wide> wide;
    Batch<Narrow> narrow;
    std::array<Piece, Wide::kLanes> pieces;
    /// Last ciphertext block of the packet that goes on in the next batch.
    std::uint64_t carried = 0;

    template <typename V>
    void decrypt_batch(Batch<V>& batch, std::span<const Piece> filled, std::size_t n_keys) {
        expand_keys_of(batch, filled, n_keys);
        Batch<V>::load(batch.word, batch.in);
        initial_permutation(batch.word, batch.block);
        des_or_ede(batch.block, batch.keys, n_keys, Way::decipher);
        final_permutation(batch.block, batch.word);
        batch.store();
        std::size_t lane = 0;
        for (const auto& piece : filled) {
            std::uint64_t before = carried;
            if (piece.first_block == 0) {
                std::memcpy(&before, piece.run->iv, sizeof(before));
            }
            for (std::size_t i = 0; i < piece.blocks; ++i) {
                batch.out[lane + i] ^= i == 0 ? before : batch.in[lane + i - 1];
            }
            std::memcpy(
                piece.run->data + piece.first_block * 8, &batch.out[lane], piece.blocks * 8);
            lane += piece.blocks;
            carried = batch.in[lane - 1];
        }
    }
};

bool DesBitslice::available() {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
}

DesBitslice::DesBitslice() : scratch_(std::make_unique<Scratch>()) {}

DesBitslice::~DesBitslice() {
    OPENSSL_cleanse(scratch_.get(), sizeof(Scratch));
}

void DesBitslice::decrypt(std::span<const DesRun> runs, std::size_t n_keys) {
    std::size_t left = 0;
    for (const auto& run : runs) {
        left += run.blocks;
    }
    std::size_t next = 0;
    std::size_t done = 0;
    auto& s = *scratch_;
    const std::span pieces{s.pieces};
    while (left > 0) {
        if (left > Narrow::kLanes) {
            const auto n = fill(s.wide, runs, next, done, pieces);
            s.decrypt_batch(s.wide, pieces.first(n), n_keys);
            left -= std::min(left, Wide::kLanes);
        } else {
            const auto n = fill(s.narrow, runs, next, done, pieces);
            s.decrypt_batch(s.narrow, pieces.first(n), n_keys);
            left = 0;
        }
    }
}

void DesBitslice::encrypt(std::span<DesRun> runs, std::size_t n_keys) {
    if (runs.size() >= kMinLanes) {
        encrypt_together(runs, n_keys);
    }
    for (auto& run : runs) {
        if (run.blocks > 0) {
            encrypt_alone(run, n_keys);
        }
    }
}

/// Goes on while kMinLanes packets or more have blocks left; runs are moved past what is done.
void DesBitslice::encrypt_together(std::span<DesRun> runs, std::size_t n_keys) {
    auto& batch = scratch_->narrow;
    std::sort(runs.begin(), runs.end(), [](const DesRun& a, const DesRun& b) {
        return a.blocks > b.blocks;
    });
    for (std::size_t lane = 0; lane < runs.size(); ++lane) {
        batch.set_lane_keys(lane, 1, runs[lane].keys, n_keys);
        std::memcpy(&batch.in[lane], runs[lane].iv, 8);
    }
    batch.expand_keys(n_keys);
    Word<Narrow> chain;  // ciphertext of the step before
    Batch<Narrow>::load(chain, batch.in);
    std::size_t active = runs.size();
    const std::size_t steps = runs[kMinLanes - 1].blocks;
    for (std::size_t step = 0; step < steps; ++step) {
        while (runs[active - 1].blocks <= step) {
            --active;
        }
        for (std::size_t lane = 0; lane < active; ++lane) {
            std::memcpy(&batch.in[lane], runs[lane].data + step * 8, 8);
        }
        Batch<Narrow>::load(batch.word, batch.in);
        for (std::size_t i = 0; i < chain.size(); ++i) {
            batch.word[i] = batch.word[i] ^ chain[i];
        }
        initial_permutation(batch.word, batch.block);
        des_or_ede(batch.block, batch.keys, n_keys, Way::encipher);
        final_permutation(batch.block, batch.word);
        chain = batch.word;
        batch.store();
        for (std::size_t lane = 0; lane < active; ++lane) {
            std::memcpy(runs[lane].data + step * 8, &batch.out[lane], 8);
        }
    }
    for (auto& run : runs) {
        const auto did = std::min(run.blocks, steps);
        if (did > 0) {
            run.data += did * 8;
            run.iv = run.data - 8;
            run.blocks -= did;
        }
    }
}

}  // namespace viaduct::crypto

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
