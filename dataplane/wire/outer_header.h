// The IPv4 header that a tunnel or an SA puts in front, written in whole words.
#pragma once

#include <array>
#include <cstring>

#include "dataplane/wire/ipv4.h"

namespace viaduct::wire {

/// RFC 4301, section 5.1.2.1, and RFC 2003: version 4, no options, length computed, ID of our own.
struct OuterHeader {
    std::uint32_t fixed_sum = 0;  // of what is below this line, as fixed_outer_sum() made it
    std::uint32_t source = 0;
    std::uint32_t destination = 0;
    std::uint8_t ttl = 0;
    std::uint8_t protocol = 0;
};

/// Sum of the header's words that are the same for all packets (version, TTL, protocol, addresses), in
/// memory order, folded to 16 bits.
inline std::uint16_t fixed_outer_sum(const OuterHeader& h) {
    std::uint64_t sum = 0x45U;
    sum += h.ttl | std::uint32_t{h.protocol} << 8U;
    sum += big_endian(h.source);
    sum += big_endian(h.destination);
    sum = (sum & 0xFFFFU) + (sum >> 16U & 0xFFFFU) + (sum >> 32U);
    sum = (sum & 0xFFFFU) + (sum >> 16U);
    return static_cast<std::uint16_t>((sum & 0xFFFFU) + (sum >> 16U));
}

/// 20 bytes at `ip`. `id` is asked for only where the packet may be cut: RFC 6864, section 4.1: "The IPv4 ID
/// field of non-atomic datagrams … MUST NOT repeat within MDL"; an atomic one (DF, no fragment) may have any.
inline void write_outer_header(std::uint8_t* ip,
                               const OuterHeader& h,
                               std::uint8_t tos,
                               std::uint16_t total,
                               std::uint16_t id,
                               bool df) {
    const std::uint16_t fragment = df ? kIpDontFragment : std::uint16_t{0};
    // Sums work in memory order.
    const std::uint32_t tos_word = big_endian(std::uint16_t{tos});
    const std::uint32_t length_word = big_endian(total);
    const std::uint32_t id_word = big_endian(id);
    const std::uint32_t fragment_word = big_endian(fragment);
    std::uint32_t sum = h.fixed_sum + tos_word + length_word + id_word + fragment_word;
    sum = (sum & 0xFFFFU) + (sum >> 16U);
    sum = (sum & 0xFFFFU) + (sum >> 16U);
    // Whole words, each stored once: a header put together byte by byte and then copied stalls.
    const std::array<std::uint32_t, 5> words{
        0x45U | tos_word | length_word << 16U,
        id_word | fragment_word << 16U,
        h.ttl | std::uint32_t{h.protocol} << 8U | (~sum & 0xFFFFU) << 16U,
        big_endian(h.source),
        big_endian(h.destination)};
    std::memcpy(ip, words.data(), kIpv4Bytes);
}

}  // namespace viaduct::wire
