// UDP (RFC 768) and the parts of TCP (RFC 9293) and ISAKMP that the dataplane looks at.
#pragma once

#include "dataplane/wire/ethernet.h"

namespace viaduct::wire {

inline constexpr std::size_t kUdpBytes = 8;

struct Udp {
    Be16 source;
    Be16 destination;
    Be16 length;
    Be16 checksum;
};

static_assert(sizeof(Udp) == kUdpBytes && alignof(Udp) == 1);

inline constexpr std::size_t kTcpBytes = 20;
inline constexpr std::size_t kTcpDataOffset = 12;  // words in the high four bits
inline constexpr std::size_t kTcpFlags = 13;
inline constexpr std::size_t kTcpChecksum = 16;
inline constexpr std::uint8_t kTcpSyn = 0x02;

inline constexpr std::size_t kIsakmpExchange = 18;  // place in the ISAKMP header
inline constexpr std::uint8_t kIsakmpTedProbe = 240;

}  // namespace viaduct::wire
