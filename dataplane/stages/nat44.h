// What the files of the NAT44 stage share: a packet's key, its rewriting, and what is known without a flow.
#pragma once

#include <optional>

#include "dataplane/stages/layer4.h"
#include "dataplane/stages/stages.h"
#include "dataplane/wire/ipv4.h"

namespace viaduct::dataplane::nat44 {

/// What a packet is for the stage.
enum class Kind : std::uint8_t {
    keyed,  // it has a key
    fragment,  // to be put together first
    icmp_error,  // about another packet
    malformed,  // its layer 4 is cut off
};

/// What this packet is looked up by on this way.
Kind key_of(const PacketMeta& p, NatWay way, NatKey& key);
/// The same of addresses and layer 4 as they stand somewhere else; false: `bytes` are too few.
bool key_at(const std::uint8_t* layer4,
            std::size_t bytes,
            std::uint8_t protocol,
            bool local_is_source,
            std::uint32_t& ports);

bool is_icmp_error(const PacketMeta& p);

inline bool has_ports(std::uint8_t protocol) {
    return protocol == kProtoTcp.value() || protocol == kProtoUdp.value();
}

/// True: the port of an endpoint is this protocol's.
inline bool has_local_port(std::uint8_t protocol) {
    return has_ports(protocol) || protocol == kProtoIcmp.value();
}

/// RFC 1624, equation 3, for a change given as the sum of new words and complements of old ones.
inline void mend(std::uint8_t* checksum, std::uint64_t change) {
    auto sum = std::uint64_t{static_cast<std::uint16_t>(~wire::read16(checksum))} + change;
    sum = (sum & 0xFFFFFFFFU) + (sum >> 32U);
    sum = (sum & 0xFFFFU) + (sum >> 16U);
    sum = (sum & 0xFFFFU) + (sum >> 16U);
    sum = (sum & 0xFFFFU) + (sum >> 16U);
    wire::write16(checksum, static_cast<std::uint16_t>(~sum));
}

inline std::uint64_t change_of(std::uint32_t before, std::uint32_t after) {
    return std::uint64_t{~before} + after;
}

inline std::uint64_t change_of(std::uint16_t before, std::uint16_t after) {
    return std::uint64_t{static_cast<std::uint16_t>(~before)} + after;
}

enum class End : std::uint8_t { source, destination };

/// The key of a TCP or UDP packet that is no fragment and whose header is all there; false: it is something else.
inline bool plain_key_of(const PacketMeta& p, NatWay way, NatKey& key) {
    const bool tcp = p.protocol == kProtoTcp.value();
    const std::size_t least = tcp ? wire::kTcpBytes : wire::kUdpBytes;
    if ((!tcp && p.protocol != kProtoUdp.value()) || p.has(kFragment) ||
        p.length < p.header_bytes + least) [[unlikely]] {
        return false;
    }
    const auto ports = wire::read32(layer4(p));
    const bool out = way == NatWay::out;
    key = {out ? p.source : p.destination,
           out ? p.destination : p.source,
           out ? ports : (ports << 16U | ports >> 16U),
           p.protocol};
    return true;
}

/// rewrite() for a packet that has a plain key.
inline void rewrite_plain(PacketMeta& p, End end, NatEndpoint to) {
    const bool source = end == End::source;
    auto& known = source ? p.source : p.destination;
    const auto change = change_of(known, to.address);
    known = to.address;
    wire::write32(p.l3 + (source ? wire::kIpSource : wire::kIpDestination), to.address);
    mend(p.l3 + wire::kIpChecksum, change);
    auto* l4 = p.l3 + p.header_bytes;
    auto* port = l4 + (source ? 0 : 2);
    const auto both = change + change_of(wire::read16(port), to.port);
    wire::write16(port, to.port);
    if (p.protocol == kProtoTcp.value()) {
        mend(l4 + wire::kTcpChecksum, both);
        return;
    }
    // RFC 768: "An all zero transmitted checksum value means that the transmitter generated no checksum".
    constexpr std::size_t kUdpChecksum = 6;
    auto* checksum = l4 + kUdpChecksum;
    if (wire::read16(checksum) != 0) {
        mend(checksum, both);
        if (wire::read16(checksum) == 0) [[unlikely]] {
            wire::write16(checksum, 0xFFFF);
        }
    }
}

/// Another address and, for protocols that have one, port (or ICMP identifier) at this end; header, TCP, UDP and ICMP
/// checksums follow. The packet has a key.
void rewrite(PacketMeta& p, End end, NatEndpoint to);

/// The inside global endpoint of an inside local one towards this remote end, as things stand; nullopt: none.
std::optional<NatEndpoint> known_global(Worker& w, const NatKey& out);
/// The inside local endpoint behind an inside global one.
std::optional<NatEndpoint> known_local(Worker& w, const NatKey& in);
/// What an outside local endpoint stands for; the same address where there is none.
NatEndpoint outside_to_global(Worker& w, std::uint8_t protocol, NatEndpoint local);

enum class Verdict : std::uint8_t { translated, unchanged, gone };

/// An ICMP error on its way out or in: the packet that it is about is translated, too. `unchanged`: it is about no
/// packet that we know.
Verdict translate_error(Worker& w, PacketMeta& p, NatWay way);
/// The key of the packet that an error is about; nullopt: it says too little.
std::optional<NatKey> key_of_error(const PacketMeta& p, NatWay way);

/// The rule whose list permits this packet; nullptr: none.
const NatRule* rule_for(const Worker& w, const PacketMeta& p);

// ── FTP's control connection (nat44_alg.cc) ──
bool is_ftp(const NatFlow& flow);
bool is_ftp(const NatKey& key);
/// Before the packet's own source is rewritten. kCount: it goes on.
Drop ftp_out(Worker& w, PacketMeta& p, NatFlow& flow);
void ftp_in(Worker& w, PacketMeta& p, const NatFlow& flow);

}  // namespace viaduct::dataplane::nat44
