// ESP out (RFC 4303): from a slot to an encrypted packet with its next hop.
//
// Several passes over the vector, so that every SA's three places (record, counters, key) are fetched while
// the packets before it are worked on: slot → SA → lengths and fragments → headers → ciphers → away.
#include "dataplane/stages/fragment.h"
#include "dataplane/stages/outer_route.h"
#include "dataplane/stages/sa_account.h"
#include "dataplane/stages/send_on.h"
#include "dataplane/stages/stages.h"
#include "dataplane/tables/sa.h"
#include "dataplane/wire/esp.h"
#include "dataplane/wire/ipv4.h"
#include "dataplane/wire/outer_header.h"
#include "dataplane/wire/udp.h"

namespace viaduct::dataplane {

namespace {

constexpr std::uint64_t kSequenceEnd = 0xFFFFFFFFU;
constexpr std::size_t kMostPadding = 16;
constexpr std::uint64_t kSequenceSoft = (kSequenceEnd + 1) / 8 * 7;

EspLengths lengths_of(const Sa& sa, const PacketMeta& p) {
    EspLengths l;
    const unsigned header = sa.tunnel_mode ? 0U : p.header_bytes;
    const unsigned payload = p.length - header;
    const unsigned tail = payload + unsigned{wire::kEspTrailerBytes};
    const unsigned padding = (0U - tail) & sa.block_mask;
    l.before = sa.before_bytes;
    l.payload = static_cast<std::uint16_t>(payload);
    l.padding = static_cast<std::uint16_t>(padding);
    l.total = static_cast<std::uint16_t>(header + sa.before_bytes + tail + padding + sa.icv_bytes);
    return l;
}

/// The largest packet whose outer packet is at most `limit`.
std::uint16_t inner_mtu(const Sa& sa, const PacketMeta& p, unsigned limit) {
    const auto& key = *sa.key;
    const unsigned header = sa.tunnel_mode ? wire::kIpv4Bytes : p.header_bytes;
    const unsigned fixed = header + (sa.has_udp() ? wire::kUdpBytes : 0U) +
                           unsigned{wire::kEspBytes} + key.iv_bytes() + key.icv_bytes();
    if (limit < fixed + key.block_bytes()) {
        return 0;
    }
    const auto payload =
        (limit - fixed) / key.block_bytes() * key.block_bytes() - unsigned{wire::kEspTrailerBytes};
    return static_cast<std::uint16_t>(payload + (sa.tunnel_mode ? 0U : p.header_bytes));
}

bool outer_dont_fragment(const Sa& sa, const PacketMeta& p) {
    if (!sa.tunnel_mode) {
        return dont_fragment(p);
    }
    return sa.df == DfPolicy::set || (sa.df == DfPolicy::copy && dont_fragment(p));
}

/// A packet whose outer packet would be too long. Pushes what is to be encrypted to `ready`.
void too_long(Worker& w, Place at, const Sa& sa, unsigned limit, Vector& ready) {
    auto& p = w.frame[at];
    const auto inner = inner_mtu(sa, p, limit);
    constexpr std::uint16_t kLeast = 68;  // RFC 791: every module must forward 68 bytes
    const bool df = dont_fragment(p);
    const bool before = sa.tunnel_mode && sa.fragment_before && inner >= kLeast;
    // Before encryption a packet with DF is told its size, unless the operator has DF cleared; after
    // encryption only the outer header's DF counts.
    if (before ? df && sa.df != DfPolicy::clear : outer_dont_fragment(sa, p)) {
        w.drop_and_punt(p, Drop::esp_out_too_big, PuntReason::too_big, inner);
        return;
    }
    if (before) {
        fragment_into(w, at, inner, ready, Parcel::Resume::esp_out);
    } else {
        ready.push(at);
    }
}

/// First passes: SAs of all packets; those without one are told of; what is too long is cut. Fills the
/// scratch's sas, hops and lengths by place, and `ready`.
void find_sas(Worker& w, Vector& ready) {
    auto& f = w.frame;
    auto& sas = w.scratch.sas;
    auto& hops = w.scratch.hops;
    const auto places = f.esp_out.places();
    for (const auto at : places) {
        sas[at] = w.sas.outbound(f[at].slot);
        prefetch(sas[at]);
    }
    const Sa* last = nullptr;
    for (const auto at : places) {
        const auto* sa = sas[at];
        if (sa != last && sa != nullptr) {
            prefetch(sa->state);
            crypto::EspEngine::fetch(*sa->key);
            last = sa;
        }
    }
    const NextHopRecord* hop = nullptr;
    std::uint32_t next_hop = 0;
    unsigned limit = 0;
    last = nullptr;
    for (const auto at : places) {
        auto& p = f[at];
        const auto* sa = sas[at];
        if (sa == nullptr) [[unlikely]] {
            w.drop_and_punt(p, Drop::esp_out_no_sa, PuntReason::acquire);
            continue;
        }
        if (sa != last) {
            // The path's limit: what ICMP said of it, and the way out's own.
            next_hop = outer_next_hop(w, sa->state->words[0], sa->remote);
            hop = w.next_hops.at(next_hop);
            limit = hop->mtu == 0 ? sa->path_mtu : std::min(sa->path_mtu, hop->mtu);
            last = sa;
        }
        p.next_hop = next_hop;
        hops[at] = hop;
        w.scratch.lengths[at] = lengths_of(*sa, p);
        if (w.scratch.lengths[at].total <= limit) [[likely]] {
            ready.push(at);
            continue;
        }
        const auto from = ready.size();
        too_long(w, at, *sa, limit, ready);
        for (auto i = from; i < ready.size(); ++i) {
            sas[ready[i]] = sa;
            hops[ready[i]] = hop;
            w.scratch.lengths[ready[i]] = lengths_of(*sa, f[ready[i]]);
        }
    }
    f.esp_out.clear();
}

/// Sequence numbers for a run of packets of one SA, taken at once.
class Sequencer {
public:
    explicit Sequencer(Worker& w) : w_(w) {}

    /// The next number of `sa`, whose run has `left` packets from here on; 0: exhausted.
    std::uint64_t next(const Sa& sa, std::size_t left) {
        if (&sa != sa_ || given_ == taken_) {
            sa_ = &sa;
            taken_ = left;
            given_ = 0;
            first_ = add_to(sa.state->sequence, taken_, w_.shared);
            if (first_ < kSequenceSoft && first_ + taken_ >= kSequenceSoft) {
                w_.event({SaEvent::Kind::soft_limit, sa.index, 0, 0});
            }
            if (first_ <= kSequenceEnd && first_ + taken_ > kSequenceEnd) {
                w_.event({SaEvent::Kind::hard_limit, sa.index, 0, 0});
            }
        }
        const auto number = first_ + ++given_;
        // RFC 4303, section 3.3.3: "the sender MUST NOT send a packet on an SA if doing so would cause the
        // sequence number to cycle".
        return number > kSequenceEnd ? 0 : number;
    }

private:
    Worker& w_;
    const Sa* sa_ = nullptr;
    std::uint64_t first_ = 0;
    std::size_t taken_ = 0;
    std::size_t given_ = 0;
};

/// The outer header of tunnel mode; DF by policy.
void write_outer(
    Worker& w, const Sa& sa, std::uint8_t* ip, const EspLengths& l, std::uint8_t tos, bool df) {
    const auto protocol = sa.has_udp() ? kProtoUdp.value() : kProtoEsp.value();
    const wire::OuterHeader h{sa.outer_sum, sa.local, sa.remote, kOuterTtl, protocol};
    wire::write_outer_header(ip, h, tos, l.total, df ? std::uint16_t{0} : w.next_ip_id(), df);
}

/// Transport mode: the packet's own header moves to the front and changes protocol and length.
void move_header(const Sa& sa, const PacketMeta& p, std::uint8_t* ip, const EspLengths& l) {
    const auto protocol = sa.has_udp() ? kProtoUdp.value() : kProtoEsp.value();
    if (p.header_bytes != wire::kIpv4Bytes) [[unlikely]] {
        std::memmove(ip, p.l3, p.header_bytes);
        wire::write16(ip + wire::kIpTotalLength, l.total);
        ip[wire::kIpProtocol] = protocol;
        wire::store_header_checksum(ip, p.header_bytes / 4U);
        return;
    }
    // In words, as memory has them: length in the first, protocol and checksum in the third.
    std::array<std::uint32_t, 5> words;
    std::memcpy(words.data(), p.l3, wire::kIpv4Bytes);
    words[0] = (words[0] & 0xFFFFU) | std::uint32_t{big_endian(l.total)} << 16U;
    words[2] = (words[2] & 0xFFU) | std::uint32_t{protocol} << 8U;
    std::uint64_t sum = std::uint64_t{words[0]} + words[1] + words[2] + words[3] + words[4];
    sum = (sum & 0xFFFFFFFFU) + (sum >> 32U);
    sum = (sum & 0xFFFFU) + (sum >> 16U);
    sum = (sum & 0xFFFFU) + (sum >> 16U);
    sum = (sum & 0xFFFFU) + (sum >> 16U);
    words[2] |= static_cast<std::uint32_t>(~sum & 0xFFFFU) << 16U;
    std::memcpy(ip, words.data(), wire::kIpv4Bytes);
}

/// RFC 4303, section 2.4: "The first padding byte appended to the plaintext is numbered 1, with
/// subsequent padding bytes making up a monotonically increasing sequence". Padding is shorter than a
/// cipher's block, and the room for all of one was asked for: one copy of fixed length is enough.
void write_trailer(std::uint8_t* at, std::uint16_t padding, std::uint8_t next_header) {
    static constexpr std::array<std::uint8_t, kMostPadding> kPadding{
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    std::memcpy(at, kPadding.data(), kPadding.size());
    at[padding] = static_cast<std::uint8_t>(padding);
    at[padding + 1] = next_header;
}

void write_udp(const Sa& sa, std::uint8_t* at, std::uint16_t length) {
    wire::Udp u{};
    u.source = sa.local_port;
    u.destination = sa.remote_port;
    u.length = length;
    // RFC 3948, section 2.1: "the IPv4 UDP Checksum SHOULD be transmitted as a zero value".
    wire::write(at, u);
}

/// Everything around the payload; false: no room in the buffer.
bool encapsulate(Worker& w,
                 const Sa& sa,
                 const EspLengths& l,
                 PacketMeta& p,
                 std::uint32_t sequence,
                 crypto::EspOp& op) {
    const std::size_t behind = kMostPadding + wire::kEspTrailerBytes + sa.icv_bytes;
    if (headroom(p) < l.before + wire::kEthernetBytes || tailroom(p) < behind) {
        return false;
    }
    const bool df = outer_dont_fragment(sa, p);
    const auto tos = p.l3[wire::kIpTos];
    auto* payload = sa.tunnel_mode ? p.l3 : p.l3 + p.header_bytes;
    const auto next_header = sa.tunnel_mode ? wire::kNextIpv4 : p.protocol;
    write_trailer(payload + l.payload, l.padding, next_header);
    auto* ip = p.l3 - l.before;
    if (sa.tunnel_mode) {
        write_outer(w, sa, ip, l, tos, df);
        p.header_bytes = wire::kIpv4Bytes;
    } else {
        move_header(sa, p, ip, l);
    }
    auto* esp = ip + p.header_bytes;
    if (sa.has_udp()) {
        write_udp(sa, esp, static_cast<std::uint16_t>(l.total - p.header_bytes));
        esp += wire::kUdpBytes;
    }
    const auto header = std::uint64_t{big_endian(sequence)} << 32U | big_endian(sa.spi.value());
    std::memcpy(esp, &header, wire::kEspBytes);
    op.key = sa.key;
    op.esp = esp;
    op.esp_length = static_cast<std::uint32_t>(payload - esp) + l.payload + l.padding +
                    static_cast<std::uint32_t>(wire::kEspTrailerBytes);
    op.iv = sequence;
    p.l3 = ip;
    p.length = l.total;
    p.protocol = sa.has_udp() ? kProtoUdp.value() : kProtoEsp.value();
    if (sa.tunnel_mode) {
        p.source = sa.local;
        p.destination = sa.remote;
        p.clear(kFragment | kLaterFragment);
    }
    p.set(kOurs | kEncrypted);
    p.clear(kRawGre | kForcedOut);
    return true;
}

/// An encrypted packet's way: over Ethernet at once, else by the stages.
void send_away(Worker& w, Place at, const Sa& sa, const NextHopRecord& hop) {
    auto& p = w.frame[at];
    if (hop.kind == NextHop::Kind::ethernet && (hop.features & kOutDown) == 0 &&
        hop.port != kNoPort) [[likely]] {
        p.out = hop.out;
        if (p.length <= hop.mtu) [[likely]] {
            send_whole(w, p, hop.port, hop.l2);
        } else {
            send_in_pieces(w, p, hop.port, hop.mtu, hop.l2);
        }
        return;
    }
    if (sa.protects_tunnel && hop.out == sa.interface && hop.kind == NextHop::Kind::tunnel) {
        w.drop(p, Drop::gre_out_recursive_route);
        return;
    }
    if (++p.passes > kMaxPasses) {
        w.drop(p, Drop::ip4_input_passes_exceeded);
        return;
    }
    w.frame.routed.push(at);
}

/// Packets of the run of one SA that begins at `from`.
std::size_t run_length(const Worker& w, std::size_t from) {
    const auto& ready = w.scratch.ready;
    const auto& sas = w.scratch.sas;
    std::size_t n = 1;
    while (from + n < ready.size() && sas[ready[from + n]] == sas[ready[from]]) {
        ++n;
    }
    return n;
}

/// Headers and trailers of all that is ready; returns how many are to be encrypted.
std::size_t encapsulate_all(Worker& w) {
    auto& x = w.scratch;
    Sequencer sequencer(w);
    Accountant accountant(w);
    std::size_t count = 0;
    std::size_t run_end = 0;
    for (std::size_t i = 0; i < x.ready.size(); ++i) {
        const auto at = x.ready[i];
        auto& p = w.frame[at];
        const auto& sa = *x.sas[at];
        if (i == run_end) {
            run_end = i + run_length(w, i);
        }
        const auto sequence = sequencer.next(sa, run_end - i);
        if (sequence == 0) {
            w.drop(p, Drop::esp_out_sequence_exhausted);
        } else if (!encapsulate(w,
                                sa,
                                x.lengths[at],
                                p,
                                static_cast<std::uint32_t>(sequence),
                                x.ops[count])) {
            w.drop(p, Drop::esp_out_no_room);
        } else if (!accountant.account(sa, x.lengths[at].payload)) {
            w.drop(p, Drop::esp_out_hard_limit);
        } else {
            x.places[count++] = at;
        }
    }
    accountant.flush();
    return count;
}

}  // namespace

void esp_out(Worker& w) {
    auto& f = w.frame;
    auto& x = w.scratch;
    x.ready.clear();
    find_sas(w, x.ready);
    const auto count = encapsulate_all(w);
    if (count == 0) {
        return;
    }
    w.part_done(Stage::esp_out);
    w.engine()->encrypt(std::span(x.ops).first(count));
    w.stage_done(Stage::cipher, count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto at = x.places[i];
        if (!x.ops[i].ok) {
            w.drop(f[at], Drop::esp_out_cipher_failed);
            continue;
        }
        send_away(w, at, *x.sas[at], *x.hops[at]);
    }
}

}  // namespace viaduct::dataplane
