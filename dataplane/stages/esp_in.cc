// ESP in (RFC 4303): from an ESP packet to us to the packet that was inside.
//
// The frame's vector holds packets whose ESP header is known to be there (local.cc looked); kViaUdp says
// that it stands behind a UDP header.
//
// Passes over the vector: SPIs ▶ SAs, fetched ▶ checks ▶ ciphers ▶ inner packets. An inner packet of a tunnel
// with nothing unusual about its header is held against ip4_input's checks here, while the header is in
// hand, and goes on behind them; any other meets ip4_input itself, which has a name for what is wrong. What is in a
// protected tunnel's transport mode goes to gre_in at once.
#include <algorithm>
#include <array>

#include "dataplane/stages/ip4_checks.h"
#include "dataplane/stages/layer4.h"
#include "dataplane/stages/sa_account.h"
#include "dataplane/stages/stages.h"
#include "dataplane/tables/sa.h"
#include "dataplane/wire/esp.h"

namespace viaduct::dataplane {

namespace {

constexpr std::size_t kMostPadding = 16;  // of a peer that pads to a cipher's block, and no more

std::uint8_t* esp_header(const PacketMeta& p) {
    return p.l3 + p.header_bytes + (p.has(kViaUdp) ? wire::kUdpBytes : 0U);
}

/// Bytes from the ESP header to the end of the packet.
std::uint32_t esp_bytes(const PacketMeta& p) {
    return static_cast<std::uint32_t>(p.l3 + p.length - esp_header(p));
}

void add_one(std::atomic<std::uint64_t>& counter) {
    counter.fetch_add(1, std::memory_order_relaxed);
}

/// Everything that can be said before the cipher runs; kCount: go on.
Drop check_before(const Sa& sa, const PacketMeta& p, std::uint32_t sequence) {
    if (p.destination != sa.local) {
        return Drop::esp_in_wrong_destination;
    }
    if (p.has(kViaUdp) != sa.has_udp()) {
        return Drop::esp_in_encapsulation_mismatch;
    }
    // Behind a NAT the source may change: then the ICV decides (RFC 3947, section 5).
    if (!p.has(kViaUdp) && p.source != sa.remote) {
        return Drop::esp_in_wrong_source;
    }
    // RFC 4303, section 2.2: the first packet has number 1.
    if (sequence == 0) {
        return Drop::esp_in_sequence_zero;
    }
    if (esp_bytes(p) < sa.open_bytes + wire::kEspTrailerBytes + sa.icv_bytes) {
        return Drop::esp_in_bad_length;
    }
    if (sa.window == nullptr) {
        return Drop::kCount;
    }
    const auto highest =
        static_cast<std::uint32_t>(sa.state->sequence.load(std::memory_order_relaxed));
    switch (ReplayWindow::look(sa.window, sa.window_mask, sa.window_packets, highest, sequence)) {
    case ReplayWindow::Verdict::fresh:
        return Drop::kCount;
    case ReplayWindow::Verdict::replayed:
        return Drop::esp_in_replayed;
    case ReplayWindow::Verdict::too_old:
        return Drop::esp_in_too_old;
    }
    return Drop::kCount;
}

void refuse(Worker& w, const Sa& sa, const PacketMeta& p, Drop reason) {
    auto& s = *sa.state;
    switch (reason) {
    case Drop::esp_in_replayed:
    case Drop::esp_in_too_old:
        add_one(s.replayed);
        break;
    case Drop::esp_in_bad_icv:
        add_one(s.bad_icv);
        break;
    case Drop::esp_in_bad_selector:
        add_one(s.bad_selector);
        break;
    default:
        add_one(s.malformed);
    }
    w.drop(p, reason);
}

/// First passes: finds the SAs and fetches what belongs to them; fills the scratch's ops, and beside each
/// its place, SA and sequence number.
std::size_t prepare(Worker& w) {
    auto& f = w.frame;
    const auto places = f.esp_in.places();
    auto& sas = w.scratch.sas;
    auto& spis = w.scratch.numbers;
    for (std::size_t i = 0; i < places.size(); ++i) {
        spis[i] = wire::read32(esp_header(f[places[i]]));
        prefetch(w.sas.hint(spis[i]));
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
        prefetch(w.sas.candidate(spis[i]));
    }
    const Sa* last = nullptr;
    for (std::size_t i = 0; i < places.size(); ++i) {
        sas[i] = w.sas.inbound(spis[i]);
        if (sas[i] != last && sas[i] != nullptr) {
            prefetch(sas[i]->state);
            prefetch(&sas[i]->selector);
            crypto::EspEngine::fetch(*sas[i]->key);
            last = sas[i];
        }
    }
    std::size_t count = 0;
    for (std::size_t i = 0; i < places.size(); ++i) {
        auto& p = f[places[i]];
        const auto* sa = sas[i];
        if (sa == nullptr) [[unlikely]] {
            w.drop_and_punt(p, Drop::esp_in_unknown_spi, PuntReason::unknown_spi);
            continue;
        }
        auto* esp = esp_header(p);
        const auto sequence = wire::read32(esp + 4);
        const auto reason = check_before(*sa, p, sequence);
        if (reason != Drop::kCount) [[unlikely]] {
            refuse(w, *sa, p, reason);
            continue;
        }
        // Written at or before where this loop reads.
        w.scratch.places[count] = places[i];
        sas[count] = sa;
        spis[count] = sequence;
        auto& op = w.scratch.ops[count++];
        op.key = sa->key;
        op.esp = esp;
        op.esp_length = esp_bytes(p) - sa->icv_bytes;
        op.iv = 0;
    }
    f.esp_in.clear();
    return count;
}

void raise_highest(Worker& w, SaState& state, std::uint32_t sequence) {
    auto highest = state.sequence.load(std::memory_order_relaxed);
    if (!w.shared) {
        if (sequence > highest) {
            state.sequence.store(sequence, std::memory_order_relaxed);
        }
        return;
    }
    // Each failure means that another worker raised it.
    while (sequence > highest &&
           !state.sequence.compare_exchange_weak(highest, sequence, std::memory_order_relaxed)) {
    }
}

/// The ICV was good: the packet is the peer's. Replay window, counters, events.
Drop accept(Worker& w, const Sa& sa, const PacketMeta& p, std::uint32_t sequence) {
    auto& state = *sa.state;
    const auto highest = static_cast<std::uint32_t>(state.sequence.load(std::memory_order_relaxed));
    if (sa.window != nullptr) {
        // Look again: an earlier packet of this vector may have been the same.
        auto verdict =
            ReplayWindow::look(sa.window, sa.window_mask, sa.window_packets, highest, sequence);
        if (verdict == ReplayWindow::Verdict::fresh) {
            verdict = ReplayWindow::mark(sa.window, sa.window_mask, sequence, w.shared);
        }
        if (verdict != ReplayWindow::Verdict::fresh) {
            return verdict == ReplayWindow::Verdict::replayed ? Drop::esp_in_replayed
                                                              : Drop::esp_in_too_old;
        }
    }
    if (highest == 0) [[unlikely]] {
        w.event({SaEvent::Kind::first_packet, sa.index, 0, 0});
    }
    // Only the newest packet tells where the peer is now: an old one may have been held back.
    const bool moved = p.has(kViaUdp) && (p.source != sa.remote || p.remote_port != sa.remote_port);
    if (moved && sequence > highest) [[unlikely]] {
        w.event({SaEvent::Kind::peer_moved, sa.index, p.source, p.remote_port});
    }
    raise_highest(w, state, sequence);
    return Drop::kCount;
}

/// RFC 4303, section 2.4: padding is 1, 2, 3 …; "the receiver SHOULD inspect the Padding field".
/// Up to 16 bytes at once; behind an ESP header and an IV there are always 16 bytes to read before `end`.
bool padding_is_right(const std::uint8_t* end, std::uint32_t padding, std::uint32_t open_bytes) {
    static constexpr std::array<std::uint8_t, 2 * kMostPadding> kRight{
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  0,  0,  0,  0,  0,  0,
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    static constexpr std::array<std::uint8_t, 2 * kMostPadding> kAsked = [] {
        std::array<std::uint8_t, 2 * kMostPadding> asked{};
        std::fill(asked.begin() + kMostPadding, asked.end(), std::uint8_t{0xFF});
        return asked;
    }();
    if (padding <= kMostPadding && open_bytes >= kMostPadding) [[likely]] {
        using Lanes = std::array<std::uint64_t, 2>;
        Lanes there;
        Lanes right;
        Lanes asked;
        std::memcpy(there.data(), end - kMostPadding, kMostPadding);
        std::memcpy(right.data(), kRight.data() + padding, kMostPadding);
        std::memcpy(asked.data(), kAsked.data() + padding, kMostPadding);
        return (((there[0] ^ right[0]) & asked[0]) | ((there[1] ^ right[1]) & asked[1])) == 0;
    }
    const auto* at = end - padding;
    std::uint32_t wrong = 0;
    for (std::uint32_t i = 0; i < padding; ++i) {
        wrong |= at[i] ^ (i + 1);
    }
    return wrong == 0;
}

/// Where a decrypted packet goes on.
enum class Onward : std::uint8_t {
    ip4_input,
    straight,  // ip4_input's checks are made, and input_features has nothing to do
    input_features,  // ip4_input's checks are made
    gre_in,  // of a protected tunnel
};

/// Tunnel mode, the rule: an inner packet with a plain header. False: it is to be looked at more closely,
/// and nothing was changed.
bool open_plain_tunnel(const Worker& w,
                       const Sa& sa,
                       PacketMeta& p,
                       std::uint8_t* payload,
                       std::uint32_t bytes,
                       Onward& onward) {
    if (sa.protects_tunnel || p.passes >= kMaxPasses || !take_plain_header(p, payload, bytes)) {
        return false;
    }
    p.clear(kViaUdp);
    p.set(kDecrypted);
    p.in = sa.interface != 0 ? sa.interface : p.in;
    ++p.passes;
    prefetch(w.routes.root_entry(p.destination));
    onward = goes_straight(w, p) ? Onward::straight : Onward::input_features;
    return true;
}

/// Tunnel mode: the inner packet; whether it fits the selector is asked by open().
Drop open_tunnel(const Sa& sa, PacketMeta& p, std::uint8_t* payload, std::uint32_t bytes) {
    if (bytes < wire::kIpv4Bytes || payload[0] >> 4U != 4) {
        return Drop::esp_in_bad_inner;
    }
    const auto inner_length = wire::read16(payload + wire::kIpTotalLength);
    const auto inner_header = (payload[0] & 0xFU) * 4U;
    if (inner_header < wire::kIpv4Bytes || inner_length < inner_header || inner_length > bytes) {
        return Drop::esp_in_bad_inner;
    }
    p.l3 = payload;
    p.clear(kFragment | kLaterFragment | kViaUdp);
    read_header(p);
    if (sa.protects_tunnel) {
        if (p.protocol != kProtoGre.value()) {
            return Drop::esp_in_bad_selector;
        }
    } else {
        p.set(kDecrypted);
    }
    p.in = sa.interface != 0 ? sa.interface : p.in;
    return Drop::kCount;
}

/// Transport mode: the outer header moves to the payload and becomes the packet's.
Drop open_transport(
    const Sa& sa, PacketMeta& p, std::uint8_t* payload, std::uint32_t bytes, std::uint8_t next) {
    auto* ip = payload - p.header_bytes;
    std::memmove(ip, p.l3, p.header_bytes);
    ip[wire::kIpProtocol] = next;
    wire::write16(ip + wire::kIpTotalLength, static_cast<std::uint16_t>(p.header_bytes + bytes));
    wire::store_header_checksum(ip, p.header_bytes / 4U);
    p.l3 = ip;
    p.length = static_cast<std::uint16_t>(p.header_bytes + bytes);
    p.protocol = next;
    p.clear(kViaUdp);
    if (sa.protects_tunnel) {
        // Its addresses are the SA's own (checked before); as GRE, and as nothing else, it is accepted.
        return next == kProtoGre.value() ? Drop::kCount : Drop::esp_in_bad_selector;
    }
    p.set(kDecrypted);
    return Drop::kCount;
}

/// GRE of a protected tunnel, by transport mode: its header is the ESP packet's, which came to us by the same addresses,
/// so that ip4_input, the look-up and `local` would let it through unseen. Behind gre_in nobody reads that header, so it
/// is not written. False: it goes the long way, and nothing was changed.
bool open_to_gre(const Worker& w, PacketMeta& p, std::uint8_t* payload, std::uint32_t bytes) {
    // An inside host may mean another one behind our address: routed asks for that.
    const bool inside = w.nat.table != nullptr && (w.interface(p.in).features & kNatInside) != 0;
    if (p.header_bytes != wire::kIpv4Bytes || p.has(kFragment) || p.passes >= kMaxPasses ||
        inside || !goes_straight(w, p)) {
        return false;
    }
    p.l3 = payload - wire::kIpv4Bytes;
    p.length = static_cast<std::uint16_t>(wire::kIpv4Bytes + bytes);
    p.protocol = kProtoGre.value();
    p.clear(kViaUdp);
    ++p.passes;
    return true;
}

/// A decrypted packet: trailer, counters, inner packet.
Drop open(Worker& w,
          Accountant& accountant,
          const Sa& sa,
          std::uint32_t sequence,
          PacketMeta& p,
          const crypto::EspOp& op,
          Onward& onward) {
    auto reason = accept(w, sa, p, sequence);
    if (reason != Drop::kCount) {
        return reason;
    }
    auto* payload = op.esp + sa.open_bytes;
    const auto* end = op.esp + op.esp_length - wire::kEspTrailerBytes;
    const std::uint32_t padding = end[0];
    const auto next = end[1];
    const auto room = static_cast<std::uint32_t>(end - payload);
    if (padding > room || !padding_is_right(end, padding, sa.open_bytes)) {
        return Drop::esp_in_bad_padding;
    }
    const auto bytes = room - padding;
    if (!accountant.account(sa, bytes)) {
        return Drop::esp_in_hard_limit;
    }
    // RFC 4303, section 2.6: "protocol value 59 (which means "no next header") MUST be used to designate a
    // "dummy" packet. … a receiver MUST be prepared to discard" it.
    if (next == wire::kNextDummy) {
        return Drop::esp_in_dummy;
    }
    p.sa = sa.index;
    if (!sa.tunnel_mode) {
        if (sa.protects_tunnel && next == kProtoGre.value() && open_to_gre(w, p, payload, bytes)) {
            onward = Onward::gre_in;
            return Drop::kCount;
        }
        reason = open_transport(sa, p, payload, bytes, next);
        if (sa.protects_tunnel) {
            return reason;
        }
    } else if (next != wire::kNextIpv4) {
        return Drop::esp_in_bad_next_header;
    } else if (!open_plain_tunnel(w, sa, p, payload, bytes, onward)) {
        reason = open_tunnel(sa, p, payload, bytes);
    }
    if (reason != Drop::kCount) {
        return reason;
    }
    return sa.any_selector || fits(sa.selector, p) ? Drop::kCount : Drop::esp_in_bad_selector;
}

/// Behind the cipher: what has a good ICV is opened and goes on.
void open_all(Worker& w, std::size_t count) {
    auto& f = w.frame;
    const auto& x = w.scratch;
    Accountant accountant(w);
    for (std::size_t i = 0; i < count; ++i) {
        const auto at = x.places[i];
        auto& p = f[at];
        const auto& sa = *x.sas[i];
        auto onward = Onward::ip4_input;
        const auto reason = x.ops[i].ok ? open(w, accountant, sa, x.numbers[i], p, x.ops[i], onward)
                                        : Drop::esp_in_bad_icv;
        if (reason != Drop::kCount) [[unlikely]] {
            refuse(w, sa, p, reason);
            continue;
        }
        switch (onward) {
        case Onward::straight:
            f.straight.push(at);
            break;
        case Onward::input_features:
            f.input_features.push(at);
            break;
        case Onward::gre_in:
            f.gre_in.push(at);
            break;
        case Onward::ip4_input:
            f.ip4_input.push(at);
            break;
        }
    }
    accountant.flush();
}

}  // namespace

void esp_in(Worker& w) {
    const auto count = prepare(w);
    if (count == 0) {
        return;
    }
    w.part_done(Stage::esp_in);
    w.engine()->decrypt(std::span(w.scratch.ops).first(count));
    w.stage_done(Stage::cipher, count);
    open_all(w, count);
}

}  // namespace viaduct::dataplane
