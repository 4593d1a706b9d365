// DES and triple DES in CBC mode for many packets at once, bit-sliced: the 64 bits of a block lie in
// 64 vectors, so one instruction does the same gate of 256 or 512 blocks, each with its own key.
//
//     512 blocks ──transpose──▶ 64 vectors ──16 or 48 rounds of gates──▶ 64 vectors ──transpose──▶
//
// S-boxes are circuits of AVX-512's three-input gates (vpternlog), see des_sboxes.h. Deciphering is
// parallel over all blocks of all packets. Enciphering CBC is serial inside a packet, so a lane is a
// packet, and it pays from a dozen packets on; fewer, and the ends of those longer than the others, go
// through OpenSSL. Internal to crypto/.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace viaduct::crypto {

/// One packet's CBC run.
struct DesRun {
    const std::uint8_t* keys = nullptr;  // 8 bytes a key, parity not looked at
    const std::uint8_t* iv = nullptr;  // 8 bytes
    std::uint8_t* data = nullptr;  // in place
    std::size_t blocks = 0;
};

class DesBitslice {
public:
    static constexpr std::size_t kMaxRuns = 256;
    /// Fewer packets than this are enciphered faster one by one.
    static constexpr std::size_t kMinLanes = 12;

    /// The CPU has AVX-512 F and VL.
    static bool available();

    DesBitslice();
    ~DesBitslice();
    DesBitslice(const DesBitslice&) = delete;
    DesBitslice& operator=(const DesBitslice&) = delete;
    DesBitslice(DesBitslice&&) = delete;
    DesBitslice& operator=(DesBitslice&&) = delete;

    /// `n_keys` is 1 (DES) or 3 (EDE) for all runs.
    void decrypt(std::span<const DesRun> runs, std::size_t n_keys);

    /// At most kMaxRuns runs, which are put into another order and end up empty.
    void encrypt(std::span<DesRun> runs, std::size_t n_keys);

private:
    struct Scratch;

    void encrypt_together(std::span<DesRun> runs, std::size_t n_keys);

    std::unique_ptr<Scratch> scratch_;
};

}  // namespace viaduct::crypto
