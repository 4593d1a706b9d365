// Addresses that no packet is forwarded from or to.
#pragma once

#include <array>
#include <cstdint>

namespace viaduct::dataplane {

/// By first octet. RFC 1812, section 5.3.7: "A router SHOULD NOT forward any packet that has an invalid
/// IP source address or a source address on network 0 … 127"; multicast and class E are no sources;
/// as destinations they are not for the fused pass either.
inline constexpr auto kNeverForwarded = [] {
    std::array<std::uint8_t, 256> t{};
    t[0] = 1;
    t[127] = 1;
    for (std::size_t i = 224; i < 256; ++i) {
        t[i] = 1;
    }
    return t;
}();

constexpr std::uint8_t never_forwarded(std::uint32_t address) {
    return kNeverForwarded[address >> 24U];
}

}  // namespace viaduct::dataplane
