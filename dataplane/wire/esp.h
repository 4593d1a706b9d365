// ESP (RFC 4303) and its UDP encapsulation (RFC 3948).
#pragma once

#include "dataplane/wire/ethernet.h"

namespace viaduct::wire {

inline constexpr std::size_t kEspBytes = 8;
inline constexpr std::size_t kEspTrailerBytes = 2;  // pad length, next header
inline constexpr std::uint8_t kNextIpv4 = 4;
inline constexpr std::uint8_t kNextDummy = 59;

//  ├ SPI (4) ┼ sequence (4) ┼ IV ┼ payload, padding ┼ pad length ┼ next header ┼ ICV ┤
struct Esp {
    Be32 spi;
    Be32 sequence;
};

static_assert(sizeof(Esp) == kEspBytes && alignof(Esp) == 1);

}  // namespace viaduct::wire
