// HMAC-SHA1 of many messages at once with AVX-512: sixteen lanes, a 32-bit word of each in every vector.
//
//     messages ──▶ 16 lanes: whole blocks where they lie ▶ last block, padded, from the lane's own place
//                   a lane that is done takes the next message            │ inner digests
//                                                                         ▼
//              tags ◀── outer block of 16 messages at a time, made in the vectors, nothing to transpose
//
// Lanes are full until messages run out, so the caller hands the longest over first. Measured against
// IPsec-MB's lanes: no job of 200 bytes a message, no state machine a block, and the outer hash costs
// half. Internal to crypto/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace viaduct::crypto {

/// One message. States are five words in the machine's order, after the key's ipad and opad blocks.
struct HmacRun {
    const std::uint8_t* inner = nullptr;
    const std::uint8_t* outer = nullptr;
    const std::uint8_t* data = nullptr;
    std::uint8_t* tag = nullptr;
    std::uint32_t length = 0;  // bytes, any
    std::uint32_t tag_bytes = 0;  // 4–20, a multiple of 4
};

class Sha1Lanes {
public:
    static constexpr std::size_t kMaxRuns = 64;

    /// The CPU has AVX-512 F, BW and VL.
    static bool available();

    Sha1Lanes();
    ~Sha1Lanes();
    Sha1Lanes(const Sha1Lanes&) = delete;
    Sha1Lanes& operator=(const Sha1Lanes&) = delete;
    Sha1Lanes(Sha1Lanes&&) = delete;
    Sha1Lanes& operator=(Sha1Lanes&&) = delete;

    /// At most kMaxRuns.
    void hmac(std::span<const HmacRun> runs);

private:
    struct Scratch;

    std::unique_ptr<Scratch> scratch_;
};

}  // namespace viaduct::crypto
