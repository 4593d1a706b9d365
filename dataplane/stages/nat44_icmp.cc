// ICMP errors (RFC 5508, section 4): the packet that an error is about is translated with the error's own header.
//
//     IP   source A, destination B
//     ICMP type, code, checksum, 4 bytes
//     IP   of the packet in question: it went the other way, so its source is where the error goes
//     8 bytes or more of its layer 4
#include "dataplane/stages/nat44.h"

namespace viaduct::dataplane::nat44 {

namespace {

constexpr std::size_t kIcmpBytes = 8;

/// The packet in an error, bounds-checked.
struct Embedded {
    std::uint8_t* ip = nullptr;
    std::uint8_t* layer4 = nullptr;
    std::size_t layer4_bytes = 0;
    std::uint8_t protocol = 0;
    std::uint32_t source = 0;
    std::uint32_t destination = 0;
};

std::optional<Embedded> embedded_in(const PacketMeta& p) {
    const std::size_t bytes = p.length - std::size_t{p.header_bytes};
    if (bytes < kIcmpBytes + wire::kIpv4Bytes) {
        return std::nullopt;
    }
    Embedded e;
    e.ip = p.l3 + p.header_bytes + kIcmpBytes;
    const auto left = bytes - kIcmpBytes;
    const std::size_t header = (e.ip[0] & 0xFU) * std::size_t{4};
    if (e.ip[0] >> 4U != 4 || header < wire::kIpv4Bytes || header > left) {
        return std::nullopt;
    }
    if ((wire::read16(e.ip + wire::kIpFragment) & wire::kIpOffsetMask) != 0) {
        return std::nullopt;  // a later fragment: it says no ports
    }
    e.layer4 = e.ip + header;
    e.layer4_bytes = left - header;
    e.protocol = e.ip[wire::kIpProtocol];
    e.source = wire::read32(e.ip + wire::kIpSource);
    e.destination = wire::read32(e.ip + wire::kIpDestination);
    return e;
}

/// Writes another word into the packet in question; the error's checksum covers it.
class Patch {
public:
    explicit Patch(std::uint8_t* icmp) : icmp_(icmp) {}

    void word(std::uint8_t* at, std::uint16_t value) {
        const auto old = wire::read16(at);
        wire::write16(at, value);
        const bool odd = (at - icmp_) % 2 != 0;
        const auto turn = [odd](std::uint16_t v) {
            return odd ? static_cast<std::uint16_t>(v << 8U | v >> 8U) : v;
        };
        mend(icmp_ + 2, change_of(turn(old), turn(value)));
    }

    /// Mends a checksum inside, and the error's own for it.
    void checksum(std::uint8_t* at, std::uint64_t change) {
        std::uint8_t copy[2]{at[0], at[1]};
        mend(copy, change);
        word(at, wire::read16(copy));
    }

private:
    std::uint8_t* icmp_;
};

void rewrite_embedded(PacketMeta& p, const Embedded& e, End end, NatEndpoint to) {
    Patch patch(p.l3 + p.header_bytes);
    const bool source = end == End::source;
    const auto change = change_of(source ? e.source : e.destination, to.address);
    auto* address = e.ip + (source ? wire::kIpSource : wire::kIpDestination);
    patch.word(address, static_cast<std::uint16_t>(to.address >> 16U));
    patch.word(address + 2, static_cast<std::uint16_t>(to.address));
    patch.checksum(e.ip + wire::kIpChecksum, change);
    if (has_ports(e.protocol)) {
        auto* port = e.layer4 + (source ? 0 : 2);
        const auto both = change + change_of(wire::read16(port), to.port);
        patch.word(port, to.port);
        // The checksum may be beyond what was quoted.
        const std::size_t at = e.protocol == kProtoTcp.value() ? wire::kTcpChecksum : 6;
        const bool udp_without = e.protocol == kProtoUdp.value() && e.layer4_bytes >= 8 &&
                                 wire::read16(e.layer4 + 6) == 0;
        if (e.layer4_bytes >= at + 2 && !udp_without) {
            patch.checksum(e.layer4 + at, both);
        }
    } else if (e.protocol == kProtoIcmp.value()) {
        const auto old = wire::read16(e.layer4 + 4);
        patch.word(e.layer4 + 4, to.port);
        patch.checksum(e.layer4 + 2, change_of(old, to.port));
    }
}

}  // namespace

std::optional<NatKey> key_of_error(const PacketMeta& p, NatWay way) {
    const auto e = embedded_in(p);
    if (!e) {
        return std::nullopt;
    }
    // The packet in question went the other way: what is local of it stands at its other end.
    const bool in = way == NatWay::in;
    NatKey key;
    key.local = in ? e->source : e->destination;
    key.remote = in ? e->destination : e->source;
    key.protocol = e->protocol;
    if (!key_at(e->layer4, e->layer4_bytes, e->protocol, in, key.ports)) {
        return std::nullopt;
    }
    return key;
}

Verdict translate_error(Worker& w, PacketMeta& p, NatWay way) {
    const bool in = way == NatWay::in;
    const auto key = key_of_error(p, way);
    const auto to = !key ? std::nullopt : in ? known_local(w, *key) : known_global(w, *key);
    if (!to) {
        return Verdict::unchanged;
    }
    const auto e = embedded_in(p);
    rewrite_embedded(p, *e, in ? End::source : End::destination, *to);
    if (in) {
        // RFC 5508, REQ-4: "the NAT device MUST translate the … destination IP address".
        rewrite(p, End::destination, *to);
    } else if (!p.has(kOurs)) {
        // REQ-5: from the host itself or from a router behind us: both are the same address outside.
        rewrite(p, End::source, *to);
    }
    return Verdict::translated;
}

}  // namespace viaduct::dataplane::nat44
