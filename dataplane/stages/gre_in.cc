// GRE in (RFC 2784, 2890): finds the tunnel, holds the packet against its protection, and lets the inner
// packet go on as one that came in by the tunnel.
#include <utility>

#include "dataplane/base/checksum.h"
#include "dataplane/stages/ip4_checks.h"
#include "dataplane/stages/layer4.h"
#include "dataplane/stages/stages.h"
#include "dataplane/wire/gre.h"

namespace viaduct::dataplane {

namespace {

struct GreHeader {
    std::uint16_t protocol = 0;
    std::uint16_t length = 0;
    std::optional<std::uint32_t> key;
    std::optional<std::uint32_t> sequence;
    bool checksum = false;
};

/// kCount: `h` is filled.
Drop parse(const PacketMeta& p, GreHeader& h) {
    const auto* gre = layer4(p);
    const std::size_t bytes = p.length - std::size_t{p.header_bytes};
    if (bytes < wire::kGreBytes) {
        return Drop::gre_in_too_short;
    }
    const auto base = wire::read<wire::Gre>(gre);
    const auto flags = base.flags.value();
    if ((flags & wire::kGreVersion) != 0) {
        return Drop::gre_in_bad_version;
    }
    if ((flags & wire::kGreRouting) != 0) {
        return Drop::gre_in_routing_present;
    }
    h.protocol = base.protocol.value();
    h.checksum = (flags & wire::kGreChecksum) != 0;
    const bool has_key = (flags & wire::kGreKey) != 0;
    const bool has_sequence = (flags & wire::kGreSequence) != 0;
    h.length = static_cast<std::uint16_t>(wire::kGreBytes + (h.checksum ? 4U : 0U) +
                                          (has_key ? 4U : 0U) + (has_sequence ? 4U : 0U));
    if (bytes < h.length) {
        return Drop::gre_in_too_short;
    }
    const auto* at = gre + wire::kGreBytes + (h.checksum ? 4 : 0);
    if (has_key) {
        h.key = wire::read32(at);
        at += 4;
    }
    if (has_sequence) {
        h.sequence = wire::read32(at);
    }
    return Drop::kCount;
}

/// Tunnel protection fails closed: no clear GRE, and none that another tunnel's SA decrypted. Tunnels with
/// the same source may share a profile (`tunnel protection … shared`), and with it their SAs.
Drop check_protection(const Worker& w, const InterfaceRecord& tunnel, const PacketMeta& p) {
    if (!tunnel.protected_tunnel) {
        if (p.sa == 0) {
            return Drop::kCount;
        }
        const auto* sa = w.sas.sas.get(p.sa);
        return sa != nullptr && sa->protects_tunnel ? Drop::gre_in_wrong_sa : Drop::kCount;
    }
    if (p.sa == 0) {
        return Drop::gre_in_not_protected;
    }
    const auto* sa = w.sas.sas.get(p.sa);
    if (sa == nullptr || !sa->protects_tunnel) {
        return Drop::gre_in_not_protected;
    }
    if (sa->interface == tunnel.index.value()) {
        return Drop::kCount;
    }
    const auto& other = w.interface(sa->interface);
    const bool shared =
        other.protected_tunnel && other.config.tunnel.source == tunnel.config.tunnel.source;
    return shared ? Drop::kCount : Drop::gre_in_wrong_sa;
}

/// RFC 2890, section 2.2: "A packet is considered an out-of-sequence packet if the sequence number of the
/// received packet is lesser than or equal to the sequence number of last successfully decapsulated
/// packet"; such packets SHOULD be silently discarded.
bool in_sequence(InterfaceState& state, std::uint32_t sequence) {
    // Stored plus one, so that 0 says "nothing yet".
    const auto next = state.gre_received.load(std::memory_order_relaxed);
    if (next != 0 && static_cast<std::int32_t>(sequence - static_cast<std::uint32_t>(next)) < 0) {
        return false;
    }
    state.gre_received.store((std::uint64_t{1} << 32U) | static_cast<std::uint32_t>(sequence + 1),
                             std::memory_order_relaxed);
    return true;
}

Drop check(Worker& w, const InterfaceRecord& tunnel, const PacketMeta& p, const GreHeader& h) {
    if ((tunnel.features & kInDown) != 0) {
        return Drop::gre_in_tunnel_down;
    }
    const auto reason = check_protection(w, tunnel, p);
    if (reason != Drop::kCount) {
        return reason;
    }
    if (h.checksum &&
        internet_checksum({layer4(p), static_cast<std::size_t>(p.length - p.header_bytes)}) != 0) {
        return Drop::gre_in_bad_checksum;
    }
    if (h.sequence && tunnel.config.tunnel.sequence && !in_sequence(*tunnel.state, *h.sequence)) {
        return Drop::gre_in_out_of_order;
    }
    return Drop::kCount;
}

/// The packet before, if it was IP without checksum or number: one with the same addresses, SA and GRE header comes by the
/// same tunnel and is held against the same protection. Also counts the tunnel's packets, while it stays the same.
class Arrivals {
public:
    explicit Arrivals(Worker& w) : w_(w) {}

    [[nodiscard]] bool is_like_last(const PacketMeta& p) const {
        return p.source == source_ && p.destination == destination_ && p.sa == sa_ &&
               p.length >= p.header_bytes + std::size_t{header_} &&
               ((read_start(p) ^ start_) & start_mask_) == 0;
    }

    void remember(std::uint16_t number, const PacketMeta& p, const GreHeader& h) {
        if (number != number_) {
            flush();
            number_ = number;
        }
        // Nothing is like a packet from 0.0.0.0.
        const bool plain = !h.checksum && !h.sequence && h.protocol == wire::kEtherIpv4;
        source_ = plain ? p.source : 0;
        destination_ = p.destination;
        sa_ = p.sa;
        header_ = h.length;
        start_mask_ = h.key ? ~std::uint64_t{0} : std::uint64_t{0xFFFFFFFF};
        start_ = plain ? read_start(p) : 0;
    }

    void count(std::uint16_t length) {
        ++packets_;
        bytes_ += length;
    }

    void flush() {
        if (packets_ != 0) {
            auto& t = w_.tally(number_);
            t.in_packets.add(std::exchange(packets_, 0));
            t.in_bytes.add(std::exchange(bytes_, 0));
        }
    }

    [[nodiscard]] std::uint16_t number() const { return number_; }

    [[nodiscard]] std::uint16_t header() const { return header_; }

private:
    /// GRE's first words, with a key both, as memory has them. Behind the header there are always bytes of the buffer.
    static std::uint64_t read_start(const PacketMeta& p) {
        std::uint64_t start = 0;
        std::memcpy(&start, layer4(p), sizeof(start));
        return start;
    }

    Worker& w_;
    std::uint32_t source_ = 0;
    std::uint32_t destination_ = 0;
    std::uint32_t sa_ = 0;
    std::uint16_t number_ = 0;  // the tunnel
    std::uint16_t header_ = 0xFFFF;  // bytes of GRE's
    std::uint64_t start_ = 0;
    std::uint64_t start_mask_ = 0;
    std::uint64_t packets_ = 0;
    std::uint64_t bytes_ = 0;
};

/// The payload becomes the packet, which came in by the tunnel.
void decapsulate(PacketMeta& p, Arrivals& arrivals) {
    const auto before = p.header_bytes + unsigned{arrivals.header()};
    p.nbma = p.source;
    p.in = arrivals.number();
    p.l3 += before;
    p.length = static_cast<std::uint16_t>(p.length - before);
    p.clear(kDecrypted | kLinkBroadcast | kReassembled | kFragment | kLaterFragment);
    arrivals.count(p.length);
}

/// To where an inner packet goes: past ip4_input, where that would find nothing unusual about it.
void enter(Worker& w, Place at) {
    auto& p = w.frame[at];
    if (p.passes >= kMaxPasses || !take_plain_header(p, p.l3, p.length)) [[unlikely]] {
        w.frame.ip4_input.push(at);
        return;
    }
    ++p.passes;
    prefetch(w.routes.root_entry(p.destination));
    (goes_straight(w, p) ? w.frame.straight : w.frame.input_features).push(at);
}

void gre_in_one(Worker& w, Place at, Arrivals& arrivals) {
    auto& p = w.frame[at];
    if (arrivals.is_like_last(p)) [[likely]] {
        decapsulate(p, arrivals);
        enter(w, at);
        return;
    }
    GreHeader h;
    auto reason = parse(p, h);
    if (reason != Drop::kCount) {
        w.drop(p, reason);
        return;
    }
    const auto number =
        w.interfaces->find_tunnel({p.destination, p.source, h.key.value_or(0), h.key.has_value()});
    if (number == 0) {
        w.drop(p, Drop::gre_in_no_tunnel);
        return;
    }
    reason = check(w, w.interface(number), p, h);
    if (reason != Drop::kCount) {
        w.drop(p, reason);
        return;
    }
    arrivals.remember(number, p, h);
    decapsulate(p, arrivals);
    switch (h.protocol) {
    case wire::kEtherIpv4:
        enter(w, at);
        return;
    case wire::kGreNhrp:
        w.punt(p, PuntReason::nhrp);
        return;
    case wire::kGreKeepalive:
        w.punt(p, PuntReason::gre_keepalive);
        return;
    default:
        w.drop(p, Drop::gre_in_unknown_protocol);
    }
}

}  // namespace

void gre_in(Worker& w) {
    auto& f = w.frame;
    Arrivals arrivals(w);
    for (const auto at : f.gre_in.places()) {
        gre_in_one(w, at, arrivals);
    }
    arrivals.flush();
    f.gre_in.clear();
}

}  // namespace viaduct::dataplane
