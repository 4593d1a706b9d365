// What is asked of every IPv4 header, in one pass: the addresses that no packet is forwarded from or to, and
// the look of a header that gives no stage anything to say.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/packet.h"
#include "dataplane/wire/ipv4.h"

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

/// 0 for a header without options, with the right checksum, from and to addresses that are forwarded: then,
/// if its total length fits what carries it, ip4_input's checks (check_header, check_addresses) all pass.
/// There are 20 bytes at `ip`; source and destination are the header's own.
inline std::uint64_t unusual(const std::uint8_t* ip,
                             std::uint32_t source,
                             std::uint32_t destination) {
    constexpr std::uint8_t kNoOptions = 0x45;
    return static_cast<std::uint64_t>(ip[0] ^ kNoOptions) |
           static_cast<std::uint64_t>(wire::header_sum(ip, 5) ^ 0xFFFFU) | never_forwarded(source) |
           never_forwarded(destination);
}

/// What came out of a tunnel becomes the packet, if its header is plain and there are `bytes` for it: then ip4_input has
/// nothing to say about it but how often it came by. False: nothing was changed.
inline bool take_plain_header(PacketMeta& p, std::uint8_t* ip, std::uint32_t bytes) {
    if (bytes < wire::kIpv4Bytes) {
        return false;
    }
    const auto source = wire::read32(ip + wire::kIpSource);
    const auto destination = wire::read32(ip + wire::kIpDestination);
    const auto length = wire::read16(ip + wire::kIpTotalLength);
    const auto fragment = wire::read16(ip + wire::kIpFragment);
    constexpr unsigned kAnyFragment = wire::kIpMoreFragments | wire::kIpOffsetMask;
    if (unusual(ip, source, destination) != 0 || (fragment & kAnyFragment) != 0 ||
        length < wire::kIpv4Bytes || length > bytes) [[unlikely]] {
        return false;
    }
    p.l3 = ip;
    p.source = source;
    p.destination = destination;
    p.length = length;
    p.protocol = ip[wire::kIpProtocol];
    p.header_bytes = wire::kIpv4Bytes;
    p.clear(kFragment | kLaterFragment);
    return true;
}

}  // namespace viaduct::dataplane
