// Fragmentation (RFC 791, section 3.2) for any stage that finds a packet too long.
#pragma once

#include "dataplane/stages/stages.h"
#include "dataplane/wire/ipv4.h"

namespace viaduct::dataplane {

/// Cuts `p` into fragments of at most `mtu` bytes and hands each to `take(const PacketMeta&)`, in order.
/// The packet's own buffer becomes the first; `p` is used up. The caller has looked at DF.
template <typename Take>
void fragment_packet(Worker& w, PacketMeta& p, std::uint16_t mtu, Take&& take);

/// For a stage that reads `vector`: fragments become packets of their own there, or of a later vector
/// when the frame is full. The first keeps `at`.
void fragment_into(Worker& w, Place at, std::uint16_t mtu, Vector& vector, Parcel::Resume resume);

inline bool dont_fragment(const PacketMeta& p) {
    return (wire::read16(p.l3 + wire::kIpFragment) & wire::kIpDontFragment) != 0;
}

namespace fragmenting {

/// Header of the later fragments: only options that are copied (RFC 791: the copied flag).
struct LaterHeader {
    std::array<std::uint8_t, 60> bytes;
    std::uint16_t length = 0;
};

LaterHeader later_header(const PacketMeta& p);
/// Sets length, offset (in bytes) and flag, and the checksum.
void finish_header(std::uint8_t* ip, std::uint16_t total, std::uint16_t offset, bool more);

}  // namespace fragmenting

template <typename Take>
void fragment_packet(Worker& w, PacketMeta& p, std::uint16_t mtu, Take&& take) {
    const auto later = fragmenting::later_header(p);
    const std::uint16_t header = p.header_bytes;
    const auto field = wire::read16(p.l3 + wire::kIpFragment);
    const bool more_behind = (field & wire::kIpMoreFragments) != 0;
    const auto first_offset = static_cast<std::uint16_t>((field & wire::kIpOffsetMask) * 8U);
    if (mtu < header + 8 || mtu < later.length + 8) {
        w.drop(p, Drop::fragment_too_big);
        return;
    }
    const auto first_data = static_cast<std::uint16_t>((mtu - header) & ~7);
    const auto later_data = static_cast<std::uint16_t>((mtu - later.length) & ~7);
    const auto data_bytes = static_cast<std::uint16_t>(p.length - header);
    const auto* data = p.l3 + header;
    PacketMeta first = p;
    first.length = static_cast<std::uint16_t>(header + first_data);
    first.set(kFragment);
    // The later ones are copied before the first is handed on, whoever takes it may change its bytes.
    std::array<PacketMeta, kMaxFragments> rest;
    std::size_t count = 0;
    for (std::uint32_t at = first_data; at < data_bytes; at += later_data) {
        const auto piece =
            static_cast<std::uint16_t>(std::min<std::uint32_t>(later_data, data_bytes - at));
        const auto total = static_cast<std::uint16_t>(later.length + piece);
        auto* buffer = count < rest.size() ? allocate_buffer(total) : nullptr;
        if (buffer == nullptr) {
            for (std::size_t i = 0; i < count; ++i) {
                w.drop_buffer(rest[i].buffer, Drop::fragment_no_buffer);
            }
            w.drop(p, Drop::fragment_no_buffer);
            return;
        }
        auto& r = rest[count++];
        r = first;
        r.buffer = buffer;
        r.l3 = Packet{buffer}.data();
        r.length = total;
        r.header_bytes = static_cast<std::uint8_t>(later.length);
        r.set(kLaterFragment);
        std::memcpy(r.l3, later.bytes.data(), later.length);
        std::memcpy(r.l3 + later.length, data + at, piece);
        Packet{buffer}.seal(r.l3, total);
        fragmenting::finish_header(r.l3,
                                   total,
                                   static_cast<std::uint16_t>(first_offset + at),
                                   more_behind || at + piece < data_bytes);
    }
    fragmenting::finish_header(first.l3, first.length, first_offset, true);
    take(first);
    for (std::size_t i = 0; i < count; ++i) {
        take(rest[i]);
    }
}

}  // namespace viaduct::dataplane
