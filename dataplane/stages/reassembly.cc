#include "dataplane/reassembly.h"

#include "dataplane/stages/stages.h"
#include "dataplane/wire/ipv4.h"

namespace viaduct::dataplane {

namespace {

constexpr std::size_t kHeaderRoom = 60;
constexpr std::size_t kLargest = 18000;  // fits the jumbo buffers with a header and ESP's trailer

}  // namespace

Reassembly::~Reassembly() {
    for (auto& d : datagrams_) {
        if (d.buffer != nullptr) {
            free_buffer(d.buffer);
        }
    }
}

void Reassembly::give_up(Datagram& d) {
    free_buffer(d.buffer);
    d = Datagram{};
    --in_use_;
}

Reassembly::Datagram* Reassembly::find(Worker& w, const PacketMeta& p, std::uint16_t id) {
    Datagram* found = nullptr;
    for (auto& d : datagrams_) {
        if (d.buffer == nullptr) {
            continue;
        }
        if (d.expires <= w.now) {
            w.count(Drop::local_reassembly_timeout);
            give_up(d);
        } else if (d.source == p.source && d.destination == p.destination && d.id == id &&
                   d.protocol == p.protocol) {
            found = &d;
        }
    }
    return found;
}

Reassembly::Datagram* Reassembly::begin(Worker& w, const PacketMeta& p, std::uint16_t id) {
    if (in_use_ == datagrams_.size()) {
        return nullptr;
    }
    auto* buffer = allocate_buffer(kHeaderRoom + kLargest);
    if (buffer == nullptr) {
        return nullptr;
    }
    for (auto& d : datagrams_) {
        if (d.buffer == nullptr) {
            d.buffer = buffer;
            d.expires = w.now + kTimeout;
            d.source = p.source;
            d.destination = p.destination;
            d.id = id;
            d.protocol = p.protocol;
            ++in_use_;
            return &d;
        }
    }
    free_buffer(buffer);
    return nullptr;
}

bool Reassembly::finish(Datagram& d, PacketMeta& p) {
    const Packet whole{d.buffer};
    auto* ip = whole.data() + kHeaderRoom - d.header_bytes;
    const auto total = static_cast<std::uint16_t>(d.header_bytes + d.total);
    wire::write16(ip + wire::kIpTotalLength, total);
    wire::write16(ip + wire::kIpFragment, 0);
    wire::store_header_checksum(ip, d.header_bytes / 4U);
    p.buffer = d.buffer;
    p.l3 = ip;
    p.length = total;
    p.header_bytes = d.header_bytes;
    p.clear(kFragment | kLaterFragment);
    p.set(kReassembled);
    whole.seal(ip, total);
    return true;
}

bool Reassembly::add(Worker& w, PacketMeta& p) {
    const auto id = wire::read16(p.l3 + wire::kIpId);
    const auto field = wire::read16(p.l3 + wire::kIpFragment);
    const std::uint32_t first = (field & wire::kIpOffsetMask) * 8U;
    const bool more = (field & wire::kIpMoreFragments) != 0;
    const std::uint32_t bytes = p.length - std::uint32_t{p.header_bytes};
    const std::uint32_t last = first + bytes;
    if (bytes == 0 || (more && bytes % 8 != 0)) {
        w.drop(p, Drop::local_reassembly_bad_fragment);
        return false;
    }
    auto* d = find(w, p, id);
    if (last > kLargest) {
        if (d != nullptr) {
            give_up(*d);
        }
        w.drop(p, Drop::local_reassembly_too_large);
        return false;
    }
    d = d == nullptr ? begin(w, p, id) : d;
    if (d == nullptr || d->count == d->pieces.size()) {
        w.drop(p, Drop::local_reassembly_full);
        return false;
    }
    for (std::size_t i = 0; i < d->count; ++i) {
        const auto& piece = d->pieces[i];
        if (piece.begin == first && piece.end == last) {
            w.drop(p, Drop::local_reassembly_duplicate);
            return false;
        }
        if (first < piece.end && piece.begin < last) {
            give_up(*d);
            w.drop(p, Drop::local_reassembly_overlap);
            return false;
        }
    }
    if ((!more && d->total != 0) || (d->total != 0 && last > d->total)) {
        give_up(*d);
        w.drop(p, Drop::local_reassembly_overlap);
        return false;
    }
    auto* base = Packet{d->buffer}.data() + kHeaderRoom;
    std::memcpy(base + first, p.l3 + p.header_bytes, bytes);
    if (first == 0) {
        std::memcpy(base - p.header_bytes, p.l3, p.header_bytes);
        d->header_bytes = p.header_bytes;
    }
    d->total = more ? d->total : last;
    d->pieces[d->count++] = {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last)};
    d->received += bytes;
    auto* fragment = p.buffer;
    const bool whole = d->total != 0 && d->received == d->total && d->header_bytes != 0;
    if (whole) {
        finish(*d, p);
        *d = Datagram{};
        --in_use_;
    }
    w.release(fragment);
    return whole;
}

}  // namespace viaduct::dataplane
