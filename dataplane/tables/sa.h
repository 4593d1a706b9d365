// One security association as workers see it: what never changes while packets flow (Sa), what every
// packet changes (SaState), and the key. Three places of a cache line or two each, prefetched together.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "crypto/esp_cipher.h"
#include "dataplane/control.h"

namespace viaduct::dataplane {

/// TTL of the outer header of ESP.
inline constexpr std::uint8_t kOuterTtl = 255;

/// The replay window (RFC 4303, section 3.4.3) in the block-wise way of RFC 6479, made safe for several
/// workers: a word holds 32 packets' bits together with the number of the block that they belong to, so
/// moving the window on, testing and setting are one compare-and-swap.
///
///     word = block number (sequence / 32) in the high half, one bit a packet in the low half
class ReplayWindow {
public:
    enum class Verdict : std::uint8_t { fresh, replayed, too_old };

    using Words = std::atomic<std::uint64_t>;

    /// Before decryption: nothing is changed.
    static Verdict look(const Words* words,
                        std::uint32_t mask,
                        std::uint32_t window,
                        std::uint32_t highest,
                        std::uint32_t sequence) {
        if (sequence + std::uint64_t{window} <= highest) {
            return Verdict::too_old;
        }
        const auto block = sequence >> 5U;
        const auto word = words[block & mask].load(std::memory_order_relaxed);
        const auto at = static_cast<std::uint32_t>(word >> 32U);
        if (at != block) {
            return at > block ? Verdict::too_old : Verdict::fresh;
        }
        return (word >> (sequence & 31U) & 1U) != 0 ? Verdict::replayed : Verdict::fresh;
    }

    /// After the ICV was found good: of two packets with one number exactly one is fresh. `shared`: other
    /// workers may mark at the same time; a worker alone needs no locked instruction.
    static Verdict mark(Words* words, std::uint32_t mask, std::uint32_t sequence, bool shared) {
        const auto block = sequence >> 5U;
        const auto bit = std::uint64_t{1} << (sequence & 31U);
        auto& word = words[block & mask];
        auto seen = word.load(std::memory_order_relaxed);
        // Each failed attempt means that another worker's succeeded; 32 bits and a few blocks bound it.
        for (unsigned attempt = 0; attempt < 256; ++attempt) {
            const auto at = static_cast<std::uint32_t>(seen >> 32U);
            if (at > block) {
                return Verdict::too_old;
            }
            if (at == block && (seen & bit) != 0) {
                return Verdict::replayed;
            }
            const auto next = at == block ? seen | bit : std::uint64_t{block} << 32U | bit;
            if (!shared) {
                word.store(next, std::memory_order_relaxed);
                return Verdict::fresh;
            }
            if (word.compare_exchange_weak(seen, next, std::memory_order_relaxed)) {
                return Verdict::fresh;
            }
        }
        return Verdict::too_old;
    }

    /// Words for a window: a power of two, and one block more than the window spans.
    static std::uint32_t words_for(std::uint32_t window) {
        std::uint32_t words = 4;
        while (words * 32 < window + 32) {
            words *= 2;
        }
        return words;
    }
};

/// What packets change. Workers: rw, control: ro. The first line is touched by every packet.
struct alignas(64) SaState {
    std::atomic<std::uint64_t> sequence{0};  // last sent, or highest received
    std::atomic<std::uint64_t> packets{0};
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<std::int64_t> last_used{0};
    /// Inbound: the replay window up to 64. Outbound: [0] caches generation and next hop of the outer
    /// route.
    std::array<ReplayWindow::Words, 4> words{};
    // Second line: rare.
    std::atomic<std::uint64_t> replayed{0};
    std::atomic<std::uint64_t> bad_icv{0};
    std::atomic<std::uint64_t> bad_selector{0};
    std::atomic<std::uint64_t> malformed{0};
    std::unique_ptr<ReplayWindow::Words[]> large_window;
};

/// What a packet is held against: a 5-tuple under masks.
struct PackedSelector {
    std::uint32_t source = 0;
    std::uint32_t source_mask = 0;
    std::uint32_t destination = 0;
    std::uint32_t destination_mask = 0;
    std::uint16_t source_port_first = 0;
    std::uint16_t source_port_last = 65535;
    std::uint16_t destination_port_first = 0;
    std::uint16_t destination_port_last = 65535;
    std::uint8_t protocol = 0;
    bool any_protocol = true;

    static PackedSelector of(const Selector& s);

    [[nodiscard]] bool any_ports() const {
        return source_port_first == 0 && source_port_last == 65535 && destination_port_first == 0 &&
               destination_port_last == 65535;
    }
};

/// Control writes it once; a change makes a new one. The first line is read for every packet.
struct alignas(64) Sa {
    Spi spi;
    std::uint32_t index = 0;
    std::uint32_t local = 0;
    std::uint32_t remote = 0;
    const crypto::EspKey* key = nullptr;
    SaState* state = nullptr;
    ReplayWindow::Words* window = nullptr;  // inbound; nullptr: no check
    std::uint16_t window_packets = 0;
    std::uint16_t window_mask = 0;
    std::uint16_t interface = 0;
    std::uint16_t local_port = 0;  // of the UDP encapsulation; 0: none
    std::uint16_t remote_port = 0;
    std::uint16_t path_mtu = 1500;
    std::uint16_t outer_sum = 0;  // of the outer header's words that never change
    bool inbound = false;
    bool tunnel_mode = true;
    std::uint8_t before_bytes = 0;  // outer header (tunnel mode), UDP, ESP, IV
    std::uint8_t icv_bytes = 0;
    std::uint8_t block_mask = 0;  // padding unit minus one
    bool protects_tunnel = false;
    DfPolicy df = DfPolicy::copy;
    bool any_selector = false;
    bool has_limits = false;
    std::uint8_t open_bytes = 0;  // ESP header and IV
    // Second line: limits and selector.
    bool fragment_before = true;
    std::uint64_t soft_packets = 0;
    std::uint64_t soft_bytes = 0;
    std::uint64_t hard_bytes = 0;
    PackedSelector selector;  // inbound: mirrored already

    [[nodiscard]] bool has_udp() const { return remote_port != 0 || local_port != 0; }
};

static_assert(offsetof(Sa, open_bytes) < 64);

}  // namespace viaduct::dataplane
