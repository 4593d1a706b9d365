// AES in CBC mode, enciphering, of many packets at once with AVX-512 and VAES. CBC is serial inside a packet,
// so a lane is a packet: sixteen of them, a block of each in four vectors, each with its own key. A lane that
// is done takes the next packet; the caller hands the longest over first, then lanes are full to the end.
// Measured against IPsec-MB's lanes: half the cycles, because no job is looked at between blocks.
// Internal to crypto/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace viaduct::crypto {

/// One packet.
struct CbcRun {
    const std::uint8_t* schedule = nullptr;  // round keys of 16 bytes, in order
    const std::uint8_t* iv = nullptr;  // 16 bytes
    std::uint8_t* data = nullptr;  // in place
    std::uint32_t blocks = 0;  // of 16 bytes, at least one
};

class CbcLanes {
public:
    /// The CPU has AVX-512 F and VAES.
    static bool available();

    CbcLanes();
    ~CbcLanes();
    CbcLanes(const CbcLanes&) = delete;
    CbcLanes& operator=(const CbcLanes&) = delete;
    CbcLanes(CbcLanes&&) = delete;
    CbcLanes& operator=(CbcLanes&&) = delete;

    /// All with keys of the same length: 16, 24 or 32 bytes.
    void encrypt(std::span<const CbcRun> runs, std::size_t key_bytes);

private:
    struct Scratch;

    template <std::size_t kRounds>
    void run_lanes(std::span<const CbcRun> runs);

    std::unique_ptr<Scratch> scratch_;
};

}  // namespace viaduct::crypto
