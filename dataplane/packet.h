// A packet in the pipeline: one buffer, and the one struct of what is known about it.
//
// PacketMeta stands in the worker's frame, not in the buffer: a vector's metadata is 16 KB side by side
// and stays in the first-level cache. Where the IP packet begins and ends is said by PacketMeta alone
// until it leaves the pipeline (to a port, a punt ring or another worker); then seal() writes it into
// the buffer.
#pragma once

#include <cstdint>
#include <cstring>

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "dataplane/base/address.h"
#include "dataplane/base/bytes.h"
#include "dataplane/control.h"

namespace viaduct::dataplane {

/// Bits of PacketMeta::flags.
enum MetaFlag : std::uint16_t {
    kOurs = 1U << 0U,  // made or wrapped by this router: no TTL decrement, no access list out
    kEncrypted = 1U << 1U,  // an ESP packet that we made: no security policy any more
    kBypassPolicy = 1U << 2U,  // injected past the security policy (IKE)
    kDecrypted = 1U << 3U,  // out of an ESP tunnel: access list and clear-text check are done with
    kForcedOut = 1U << 4U,  // `out` and `next_hop_address` were given: no route look-up
    kFragment = 1U << 5U,  // more fragments or an offset
    kLaterFragment = 1U << 6U,  // an offset: no layer-4 header here
    kReassembled = 1U << 7U,  // was put together here
    kViaUdp = 1U << 8U,  // ESP that came in UDP: `nbma` and `remote_port` say from where
    kNatDone = 1U << 9U,  // translated already on this pass
    kClearPmtu = 1U << 10U,  // punts made for it carry no too_big (its maker was told already)
    kLinkBroadcast = 1U << 12U,  // came in a broadcast or multicast frame
    kRawGre = 1U << 11U,  // payload of a tunnel that is not IP: `gre_protocol`
};

/// Everything that the stages know about a packet. 64 bytes, one cache line.
struct alignas(64) PacketMeta {
    rte_mbuf* buffer = nullptr;
    std::uint8_t* l3 = nullptr;  // set by ethernet, en-/decapsulation; read by all
    std::uint32_t source = 0;  // set by ip4_input (host order); read by all behind it
    std::uint32_t destination = 0;  // the same
    std::uint32_t next_hop = 0;  // set by route; read by routed, gre_out, adjacency
    std::uint32_t sa = 0;  // set by esp_in: the SA that decrypted it; read by gre_in, punt
    std::uint32_t nbma = 0;  // set by gre_in (outer source), udp_encap (ESP's source), inject
    std::uint32_t slot = 0;  // set by crypto_map, gre_out; read by esp_out
    std::uint32_t cookie = 0;  // set by crypto_map; read by punt
    std::uint32_t gateway = 0;  // set by routed, inject: what to resolve; read by punt
    std::uint16_t length = 0;  // IP total length; set by ip4_input, en-/decapsulation
    std::uint16_t in = 0;  // interface; set by ethernet, gre_in, esp_in
    std::uint16_t out = 0;  // interface; set by routed, inject
    std::uint16_t flags = 0;  // MetaFlag
    std::uint16_t gre_protocol = 0x0800;  // set by inject; read by gre_out
    std::uint16_t remote_port = 0;  // set by udp_encap; read by esp_in
    std::uint8_t protocol = 0;  // set by ip4_input
    std::uint8_t header_bytes = 20;  // set by ip4_input
    std::uint8_t passes = 0;  // set by ip4_input: how often it came by; bounds every loop
    std::uint8_t code = 0;  // set where an ICMP error is wanted; read by punt

    [[nodiscard]] bool has(std::uint16_t bits) const { return (flags & bits) != 0; }

    void set(std::uint16_t bits) { flags = static_cast<std::uint16_t>(flags | bits); }

    void clear(std::uint16_t bits) { flags = static_cast<std::uint16_t>(flags & ~bits); }
};

static_assert(sizeof(PacketMeta) == 64);

/// A thin handle over one buffer.
class Packet {
public:
    explicit Packet(rte_mbuf* buffer) : buffer_(buffer) {}

    [[nodiscard]] std::uint8_t* data() const { return rte_pktmbuf_mtod(buffer_, std::uint8_t*); }

    [[nodiscard]] std::uint16_t length() const { return buffer_->data_len; }

    [[nodiscard]] std::uint8_t* room_begin() const {
        return static_cast<std::uint8_t*>(buffer_->buf_addr);
    }

    [[nodiscard]] std::uint8_t* room_end() const { return room_begin() + buffer_->buf_len; }

    [[nodiscard]] std::uint8_t* private_area() const {
        return reinterpret_cast<std::uint8_t*>(buffer_ + 1);
    }

    /// Writes into the buffer where its data begin and how many they are.
    void seal(const std::uint8_t* begin, std::uint16_t length) const {
        buffer_->data_off = static_cast<std::uint16_t>(begin - room_begin());
        buffer_->data_len = length;
        buffer_->pkt_len = length;
    }

    [[nodiscard]] BytesView view() const { return {data(), length()}; }

private:
    rte_mbuf* buffer_;
};

inline std::size_t headroom(const PacketMeta& p) {
    return static_cast<std::size_t>(p.l3 - Packet{p.buffer}.room_begin());
}

inline std::size_t tailroom(const PacketMeta& p) {
    return static_cast<std::size_t>(Packet{p.buffer}.room_end() - (p.l3 + p.length));
}

inline void prefetch(const void* at) {
    rte_prefetch0(at);
}

inline std::uint64_t cycles_now() {
    return rte_rdtsc();
}

// ── buffers: the process's one pool, with a second one for packets over the first one's room ──

/// One empty buffer with room for `bytes` behind the headroom; nullptr when there is none.
rte_mbuf* allocate_buffer(std::size_t bytes);
/// A buffer with a copy of `bytes`; nullptr when there is none.
rte_mbuf* buffer_of(BytesView bytes);
void free_buffer(rte_mbuf* buffer);
void free_buffers(rte_mbuf** buffers, std::size_t count);
/// Buffers of the process that are in use now: for leak tests.
std::size_t buffers_in_use();

}  // namespace viaduct::dataplane
