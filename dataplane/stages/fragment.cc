#include "dataplane/stages/fragment.h"

#include "dataplane/wire/ipv4.h"

namespace viaduct::dataplane {

namespace fragmenting {

LaterHeader later_header(const PacketMeta& p) {
    constexpr std::uint8_t kEnd = 0;
    constexpr std::uint8_t kNop = 1;
    constexpr std::uint8_t kCopied = 0x80;
    LaterHeader h;
    std::memcpy(h.bytes.data(), p.l3, wire::kIpv4Bytes);
    std::size_t to = wire::kIpv4Bytes;
    for (std::size_t at = wire::kIpv4Bytes; at < p.header_bytes;) {
        const auto kind = p.l3[at];
        if (kind == kEnd) {
            break;
        }
        if (kind == kNop) {
            ++at;
            continue;
        }
        const std::size_t length = at + 1 < p.header_bytes ? p.l3[at + 1] : 0;
        if (length < 2 || at + length > p.header_bytes) {
            break;
        }
        if ((kind & kCopied) != 0) {
            std::memcpy(h.bytes.data() + to, p.l3 + at, length);
            to += length;
        }
        at += length;
    }
    while (to % 4 != 0) {
        h.bytes[to++] = kEnd;
    }
    h.length = static_cast<std::uint16_t>(to);
    h.bytes[0] = static_cast<std::uint8_t>(0x40U | to / 4);
    return h;
}

void finish_header(std::uint8_t* ip, std::uint16_t total, std::uint16_t offset, bool more) {
    wire::write16(ip + wire::kIpTotalLength, total);
    wire::write16(ip + wire::kIpFragment,
                  static_cast<std::uint16_t>(offset / 8U | (more ? wire::kIpMoreFragments : 0U)));
    wire::store_header_checksum(ip, ip[0] & 0xFU);
}

}  // namespace fragmenting

void fragment_into(
    Worker& w, Place at, std::uint16_t mtu, Vector& vector, Parcel::Resume resume_at) {
    auto& f = w.frame;
    bool first = true;
    PacketMeta whole = f[at];
    fragment_packet(w, whole, mtu, [&](const PacketMeta& piece) {
        if (first || !f.full()) {
            const auto place = first ? at : f.take();
            f[place] = piece;
            vector.push(place);
        } else if (!w.defer(piece, resume_at)) {
            w.drop(piece, Drop::fragment_no_buffer);
        }
        first = false;
    });
}

}  // namespace viaduct::dataplane
