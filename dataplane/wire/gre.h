// GRE (RFC 2784) with key and sequence number (RFC 2890).
#pragma once

#include "dataplane/wire/ethernet.h"

namespace viaduct::wire {

inline constexpr std::size_t kGreBytes = 4;
inline constexpr std::uint16_t kGreChecksum = 0x8000;
inline constexpr std::uint16_t kGreRouting = 0x4000;
inline constexpr std::uint16_t kGreKey = 0x2000;
inline constexpr std::uint16_t kGreSequence = 0x1000;
inline constexpr std::uint16_t kGreVersion = 0x0007;
inline constexpr std::uint16_t kGreNhrp = 0x2001;
inline constexpr std::uint16_t kGreKeepalive = 0;

//  ├ flags, version (2) ┼ protocol (2) ┼ [checksum (2), reserved (2)] ┼ [key (4)] ┼ [sequence (4)] ┤
struct Gre {
    Be16 flags;
    Be16 protocol;
};

static_assert(sizeof(Gre) == kGreBytes && alignof(Gre) == 1);

}  // namespace viaduct::wire
