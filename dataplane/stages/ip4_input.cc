// IPv4 in, in full: every reason by its name (RFC 1812, section 5.2.2 and 5.3.7).
#include "dataplane/stages/ip4_checks.h"
#include "dataplane/stages/stages.h"
#include "dataplane/wire/ipv4.h"

namespace viaduct::dataplane {

void read_header(PacketMeta& p) {
    const auto h = wire::read<wire::Ipv4>(p.l3);
    p.source = h.source.value();
    p.destination = h.destination.value();
    p.length = h.total_length.value();
    p.protocol = h.protocol;
    p.header_bytes = static_cast<std::uint8_t>((h.version_ihl & 0xFU) * 4U);
    const auto fragment = h.fragment.value();
    if ((fragment & (wire::kIpMoreFragments | wire::kIpOffsetMask)) != 0) {
        p.set(kFragment);
        if ((fragment & wire::kIpOffsetMask) != 0) {
            p.set(kLaterFragment);
        }
    }
}

namespace {

/// RFC 1812, section 5.2.2: "(1) The packet length reported by the Link Layer must be large enough to
/// hold the minimum length legal IP datagram (20 bytes). (2) The IP checksum must be correct. (3) The IP
/// version number must be 4. … (4) The IP header length field must be large enough to hold the minimum
/// length legal IP datagram (20 bytes = 5 words). (5) The IP total length field must be large enough to
/// hold the IP datagram header, whose length is specified in the IP header length field."
/// The checksum comes last here: how far it reaches is said by the header length.
Drop check_header(const PacketMeta& p) {
    if (p.length < wire::kIpv4Bytes) {
        return Drop::ip4_input_too_short;
    }
    const auto h = wire::read<wire::Ipv4>(p.l3);
    if (h.version_ihl >> 4U != 4) {
        return Drop::ip4_input_bad_version;
    }
    const unsigned words = h.version_ihl & 0xFU;
    if (words < 5 || words * 4 > p.length) {
        return Drop::ip4_input_bad_header_length;
    }
    const auto total = h.total_length.value();
    if (total < words * 4 || total > p.length) {
        return Drop::ip4_input_bad_total_length;
    }
    // Nearly all headers have five words, which is a loop the compiler need not make.
    const auto sum = words == 5 ? wire::header_sum(p.l3, 5) : wire::header_sum(p.l3, words);
    if (sum != 0xFFFF) {
        return Drop::ip4_input_bad_checksum;
    }
    return Drop::kCount;
}

/// DHCP's clients send from 0.0.0.0 to everybody (RFC 2131, section 4.1); nothing else may.
Drop check_addresses(const PacketMeta& p) {
    const Ipv4Address source{p.source};
    const Ipv4Address destination{p.destination};
    if (never_forwarded(p.source) != 0 &&
        !(source.is_unspecified() && destination.is_broadcast())) {
        return Drop::ip4_input_martian_source;
    }
    if (destination.is_multicast()) {
        return destination.is_link_local_multicast() ? Drop::kCount : Drop::ip4_input_multicast;
    }
    if (never_forwarded(p.destination) != 0 && !destination.is_broadcast()) {
        return Drop::ip4_input_martian_destination;
    }
    return Drop::kCount;
}

}  // namespace

void ip4_input(Worker& w) {
    auto& f = w.frame;
    for (const auto at : f.ip4_input.places()) {
        auto& p = f[at];
        auto reason = check_header(p);
        if (reason == Drop::kCount) {
            read_header(p);
            reason = check_addresses(p);
        }
        if (++p.passes > kMaxPasses) {
            reason = Drop::ip4_input_passes_exceeded;
        }
        if (reason != Drop::kCount) {
            w.drop(p, reason);
            continue;
        }
        if (never_forwarded(p.destination) == 0 && goes_straight(w, p)) {
            prefetch(w.routes.root_entry(p.destination));
            f.straight.push(at);
        } else {
            f.input_features.push(at);
        }
    }
    f.ip4_input.clear();
}

}  // namespace viaduct::dataplane
