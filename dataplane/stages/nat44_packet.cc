// A packet's key and its rewriting.
#include "dataplane/stages/nat44.h"

namespace viaduct::dataplane::nat44 {

namespace {

constexpr std::size_t kIcmpId = 4;
constexpr std::size_t kIcmpBytes = 8;
constexpr std::size_t kSpiBytes = 4;

constexpr std::uint8_t kUnreachable = 3;
constexpr std::uint8_t kSourceQuench = 4;
constexpr std::uint8_t kTimeExceeded = 11;
constexpr std::uint8_t kParameterProblem = 12;

/// Echo, timestamp, information and mask, asked and answered (RFC 792, RFC 950).
bool is_query(std::uint8_t type) {
    constexpr std::uint8_t kEchoReply = 0;
    constexpr std::uint8_t kEcho = 8;
    constexpr std::uint8_t kTimestamp = 13;
    constexpr std::uint8_t kMaskReply = 18;
    return type == kEchoReply || type == kEcho || (type >= kTimestamp && type <= kMaskReply);
}

}  // namespace

bool is_icmp_error(const PacketMeta& p) {
    if (p.protocol != kProtoIcmp.value() || !has_layer4(p, kIcmpBytes)) {
        return false;
    }
    const auto type = layer4(p)[0];
    return type == kUnreachable || type == kSourceQuench || type == kTimeExceeded ||
           type == kParameterProblem;
}

bool key_at(const std::uint8_t* at,
            std::size_t bytes,
            std::uint8_t protocol,
            bool local_is_source,
            std::uint32_t& ports) {
    ports = 0;
    switch (protocol) {
    case kProtoTcp.value():
    case kProtoUdp.value(): {
        if (bytes < 4) {
            return false;
        }
        const auto both = wire::read32(at);
        ports = local_is_source ? both : (both << 16U | both >> 16U);
        return true;
    }
    case kProtoIcmp.value():
        if (bytes < kIcmpBytes) {
            return false;
        }
        ports = is_query(at[0]) ? std::uint32_t{wire::read16(at + kIcmpId)} << 16U : 0;
        return is_query(at[0]);
    case kProtoEsp.value():
        if (bytes < kSpiBytes) {
            return false;
        }
        ports = wire::read32(at);
        return true;
    default:
        return true;
    }
}

Kind key_of(const PacketMeta& p, NatWay way, NatKey& key) {
    const bool out = way == NatWay::out;
    key.local = out ? p.source : p.destination;
    key.remote = out ? p.destination : p.source;
    key.protocol = p.protocol;
    if (p.has(kFragment)) {
        return Kind::fragment;
    }
    if (is_icmp_error(p)) {
        return Kind::icmp_error;
    }
    const auto bytes = static_cast<std::size_t>(p.length - p.header_bytes);
    const auto least = p.protocol == kProtoTcp.value()   ? wire::kTcpBytes
                       : p.protocol == kProtoUdp.value() ? wire::kUdpBytes
                                                         : std::size_t{0};
    if (bytes < least || !key_at(layer4(p), bytes, p.protocol, out, key.ports)) {
        return Kind::malformed;
    }
    return Kind::keyed;
}

void rewrite(PacketMeta& p, End end, NatEndpoint to) {
    if (has_ports(p.protocol)) {
        rewrite_plain(p, end, to);
        return;
    }
    const bool source = end == End::source;
    auto& known = source ? p.source : p.destination;
    const auto change = change_of(known, to.address);
    known = to.address;
    wire::write32(p.l3 + (source ? wire::kIpSource : wire::kIpDestination), to.address);
    mend(p.l3 + wire::kIpChecksum, change);
    auto* l4 = p.l3 + p.header_bytes;
    // The identifier belongs to the inside host: it is changed with that end's address.
    if (p.protocol == kProtoIcmp.value() && is_query(l4[0])) {
        const auto old = wire::read16(l4 + kIcmpId);
        wire::write16(l4 + kIcmpId, to.port);
        mend(l4 + 2, change_of(old, to.port));
    }
}

}  // namespace viaduct::dataplane::nat44
