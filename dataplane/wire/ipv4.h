// IPv4 (RFC 791).
#pragma once

#include "dataplane/wire/ethernet.h"

namespace viaduct::wire {

inline constexpr std::size_t kIpv4Bytes = 20;
inline constexpr std::uint16_t kIpDontFragment = 0x4000;
inline constexpr std::uint16_t kIpMoreFragments = 0x2000;
inline constexpr std::uint16_t kIpOffsetMask = 0x1FFF;

//  0         1         2                  4
//  ├ ver ihl ┼  tos    ┼  total length    ┤
//  ├  identification   ┼ flags, offset /8 ┤
//  ├ ttl     ┼ protocol┼  header checksum ┤
//  ├             source                   ┤
//  ├           destination                ┤
struct Ipv4 {
    std::uint8_t version_ihl;
    std::uint8_t tos;
    Be16 total_length;
    Be16 id;
    Be16 fragment;  // flags and offset
    std::uint8_t ttl;
    std::uint8_t protocol;
    Be16 checksum;
    Be32 source;
    Be32 destination;
};

static_assert(sizeof(Ipv4) == kIpv4Bytes && alignof(Ipv4) == 1);

// Places in the header, for the fields that are changed alone.
inline constexpr std::size_t kIpTos = 1;
inline constexpr std::size_t kIpTotalLength = 2;
inline constexpr std::size_t kIpId = 4;
inline constexpr std::size_t kIpFragment = 6;
inline constexpr std::size_t kIpTtl = 8;
inline constexpr std::size_t kIpProtocol = 9;
inline constexpr std::size_t kIpChecksum = 10;
inline constexpr std::size_t kIpSource = 12;
inline constexpr std::size_t kIpDestination = 16;

/// Folded sum of the words of a header, in memory order (a checksum is the same in either byte order).
/// 0xFFFF when the header's checksum is right. `words` 32-bit words, 5–15.
inline std::uint16_t header_sum(const std::uint8_t* at, unsigned words) {
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < words; ++i) {
        std::uint32_t w;
        std::memcpy(&w, at + std::size_t{i} * 4, sizeof(w));
        sum += w;
    }
    sum = (sum & 0xFFFFFFFFU) + (sum >> 32U);
    sum = (sum & 0xFFFFU) + (sum >> 16U);
    sum = (sum & 0xFFFFU) + (sum >> 16U);
    sum = (sum & 0xFFFFU) + (sum >> 16U);
    return static_cast<std::uint16_t>(sum);
}

/// Computes and stores the checksum of a header of `words` 32-bit words.
inline void store_header_checksum(std::uint8_t* at, unsigned words = 5) {
    std::memset(at + kIpChecksum, 0, 2);
    const auto sum = static_cast<std::uint16_t>(~header_sum(at, words));
    std::memcpy(at + kIpChecksum, &sum, 2);
}

/// TTL minus one with the checksum mended (RFC 1141): it grows by 0x0100 as the word with the TTL in its
/// high byte shrinks by as much.
inline void decrement_ttl(std::uint8_t* ip) {
    ip[kIpTtl] = static_cast<std::uint8_t>(ip[kIpTtl] - 1);
    std::uint32_t sum = read16(ip + kIpChecksum) + std::uint32_t{0x0100};
    // The end-around carry, which also turns 0xFFFF into 0: RFC 1624, section 3: "the checksum … can never
    // be 0xFFFF" unless all words are 0.
    sum += sum >= 0xFFFFU ? 1U : 0U;
    write16(ip + kIpChecksum, static_cast<std::uint16_t>(sum));
}

}  // namespace viaduct::wire
