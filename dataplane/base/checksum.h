// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.h"

namespace viaduct {

/// Sum of 16-bit big-endian words, not folded and not complemented; an odd last byte is padded
/// with 0. Add sums of even-length parts, then give the total to checksum_finish.
std::uint64_t checksum_sum(BytesView bytes);

/// Folded and complemented, in host order: store it big-endian.
constexpr std::uint16_t checksum_finish(std::uint64_t sum) {
    while (sum >> 16U != 0) {
        sum = (sum & 0xFFFFU) + (sum >> 16U);
    }
    return static_cast<std::uint16_t>(~sum);
}

/// Checksum of one contiguous part. 0 when computed over data whose checksum field is right.
inline std::uint16_t internet_checksum(BytesView bytes) {
    return checksum_finish(checksum_sum(bytes));
}

/// RFC 1624, equation 3: the checksum after a 16-bit word changed from old_word to new_word.
constexpr std::uint16_t checksum_update(std::uint16_t checksum,
                                        std::uint16_t old_word,
                                        std::uint16_t new_word) {
    std::uint32_t sum = static_cast<std::uint16_t>(~checksum);
    sum += static_cast<std::uint16_t>(~old_word);
    sum += new_word;
    sum = (sum & 0xFFFFU) + (sum >> 16U);
    sum = (sum & 0xFFFFU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum);
}

}  // namespace viaduct
