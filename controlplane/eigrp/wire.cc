#include "controlplane/eigrp/wire.h"

#include "dataplane/base/checksum.h"

namespace viaduct::eigrp {

namespace {

constexpr std::uint8_t kVersion = 2;
constexpr std::size_t kTlvHeaderBytes = 4;
constexpr std::uint64_t kWideUnreachable = 0xFFFFFFFFFFFFU;

constexpr std::uint16_t kTlvParameters = 0x0001;
constexpr std::uint16_t kTlvSequence = 0x0003;
constexpr std::uint16_t kTlvVersion = 0x0004;
constexpr std::uint16_t kTlvNextMulticast = 0x0005;
constexpr std::uint16_t kTlvStub = 0x0006;
constexpr std::uint16_t kTlvPeerTermination = 0x0007;
constexpr std::uint16_t kTlvInternal = 0x0102;
constexpr std::uint16_t kTlvExternal = 0x0103;
constexpr std::uint16_t kTlvWideInternal = 0x0602;
constexpr std::uint16_t kTlvWideExternal = 0x0603;

constexpr std::uint32_t kAfiIpv4 = 1;
constexpr std::uint16_t kAuthMd5 = 2;
constexpr std::uint16_t kMd5Bytes = 16;

std::size_t prefix_bytes(unsigned length) {
    return (length + 7U) / 8U;
}

std::uint64_t u48(ByteReader& in) {
    const std::uint64_t high = in.u16();
    return high << 32U | in.u32();
}

void write_u48(ByteWriter& out, std::uint64_t v) {
    out.u16(static_cast<std::uint16_t>(v >> 32U));
    out.u32(static_cast<std::uint32_t>(v));
}

// RFC 7868, 6.8.4: a bit count and as many octets as it needs.
std::optional<Ipv4Prefix> read_prefix(ByteReader& in) {
    const unsigned length = in.u8();
    if (!in.ok() || length > 32) {
        return std::nullopt;
    }
    std::uint32_t value = 0;
    const auto octets = in.bytes(prefix_bytes(length));
    for (std::size_t i = 0; i < octets.size(); ++i) {
        value |= std::uint32_t{octets[i]} << (24U - 8U * i);
    }
    return Ipv4Prefix{Ipv4Address{value}, length};
}

void write_prefix(ByteWriter& out, Ipv4Prefix p) {
    out.u8(static_cast<std::uint8_t>(p.length()));
    for (std::size_t i = 0; i < prefix_bytes(p.length()); ++i) {
        out.u8(static_cast<std::uint8_t>(p.network().value() >> (24U - 8U * i)));
    }
}

External read_external(ByteReader& in) {
    External e;
    e.router_id = in.address();
    e.asn = in.u32();
    e.tag = in.u32();
    e.metric = in.u32();
    in.u16();
    e.protocol = in.u8();
    e.flags = in.u8();
    return e;
}

bool read_classic_route(ByteReader in, bool external, RouteTlv& r) {
    r.style = MetricStyle::classic;
    r.next_hop = in.address();
    if (external) {
        r.external = read_external(in);
    }
    const auto delay = in.u32();
    r.metric.delay_ps =
        delay == kClassicUnreachable ? kUnreachableDelay : delay_from_classic(delay);
    r.metric.bandwidth_kbps = bandwidth_from_classic(in.u32());
    r.metric.mtu = in.u24();
    r.metric.hops = in.u8();
    r.metric.reliability = in.u8();
    r.metric.load = in.u8();
    r.internal_tag = in.u8();
    r.flags = in.u8();
    const auto prefix = read_prefix(in);
    if (!prefix || !in.done()) {
        return false;
    }
    r.prefix = *prefix;
    return true;
}

// RFC 7868, 6.9, in the form that tshark (its dissector is Cisco's) reads: TID before AFI, router id,
// wide metric, extended attributes, next hop, [exterior as in classic], destination. The RFC's figures
// have AFI first and no next hop; AFI first is accepted.
bool read_wide_route(ByteReader in, bool external, RouteTlv& r) {
    r.style = MetricStyle::wide;
    const auto tid_afi = in.u32();
    r.originator = in.address();
    const std::size_t attribute_words = in.u8();
    in.u8();
    r.metric.reliability = in.u8();
    r.metric.load = in.u8();
    r.metric.mtu = in.u24();
    r.metric.hops = in.u8();
    const auto delay = u48(in);
    r.metric.delay_ps = delay == kWideUnreachable ? kUnreachableDelay : delay;
    r.metric.bandwidth_kbps =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(u48(in), 0xFFFFFFFFU));
    in.u16();
    r.flags = static_cast<std::uint8_t>(in.u16());
    in.skip(attribute_words * 2);
    r.next_hop = in.address();
    if (external) {
        r.external = read_external(in);
    }
    const auto prefix = read_prefix(in);
    if (!prefix || !in.done() || (tid_afi != kAfiIpv4 && tid_afi != kAfiIpv4 << 16U)) {
        return false;
    }
    r.prefix = *prefix;
    return true;
}

bool read_parameters(ByteReader in, Packet& packet) {
    Parameters p;
    for (auto& k : p.k) {
        k = in.u8();
    }
    p.hold_s = in.u16();
    packet.parameters = p;
    return in.done();
}

bool read_sequence_list(ByteReader in, Packet& packet) {
    auto& list = packet.sequence_list.emplace();
    while (in.ok() && in.remaining() > 0) {
        if (in.u8() != 4) {
            return false;
        }
        list.push_back(in.address());
    }
    return in.done();
}

bool read_terminated(ByteReader in, Packet& packet) {
    // RFC 7868, 6.7.7 draws an "Address List (variable)" only; each is preceded by its length as in
    // the sequence TLV. A list without lengths is accepted too.
    const bool with_lengths = in.remaining() % 5 == 0;
    while (in.ok() && in.remaining() > 0) {
        if (with_lengths && in.u8() != 4) {
            return false;
        }
        packet.terminated.push_back(in.address());
    }
    return in.done();
}

bool read_route(ByteReader in, std::uint16_t type, Packet& packet) {
    RouteTlv route;
    const bool external = type == kTlvExternal || type == kTlvWideExternal;
    const bool wide = type == kTlvWideInternal || type == kTlvWideExternal;
    if (!(wide ? read_wide_route(in, external, route) : read_classic_route(in, external, route))) {
        return false;
    }
    packet.routes.push_back(route);
    return true;
}

bool read_fixed_tlv(std::uint16_t type, ByteReader in, Packet& packet) {
    switch (type) {
    case kTlvAuthentication:
        packet.authenticated = in.u16() == kAuthMd5 && in.u16() == kMd5Bytes;
        return true;
    case kTlvVersion:
        packet.version = SoftwareVersion{in.u8(), in.u8(), in.u8(), in.u8()};
        return in.done();
    case kTlvNextMulticast:
        packet.next_multicast = in.u32();
        return in.done();
    case kTlvStub:
        packet.stub = in.u16();
        return in.ok();
    default:
        ++packet.unknown_tlvs;
        return true;
    }
}

bool read_tlv(std::uint16_t type, ByteReader in, Packet& packet) {
    switch (type) {
    case kTlvParameters:
        return read_parameters(in, packet);
    case kTlvSequence:
        return read_sequence_list(in, packet);
    case kTlvPeerTermination:
        return read_terminated(in, packet);
    case kTlvInternal:
    case kTlvExternal:
    case kTlvWideInternal:
    case kTlvWideExternal:
        return read_route(in, type, packet);
    default:
        return read_fixed_tlv(type, in, packet);
    }
}

void write_tlv_header(ByteWriter& out, std::uint16_t type, std::size_t body) {
    out.u16(type).u16(static_cast<std::uint16_t>(kTlvHeaderBytes + body));
}

void write_external(ByteWriter& out, const External& e) {
    out.address(e.router_id).u32(e.asn).u32(e.tag).u32(e.metric);
    out.u16(0).u8(e.protocol).u8(e.flags);
}

void write_classic_route(ByteWriter& out, const RouteTlv& r) {
    write_tlv_header(
        out, r.external ? kTlvExternal : kTlvInternal, route_bytes(r) - kTlvHeaderBytes);
    out.address(r.next_hop);
    if (r.external) {
        write_external(out, *r.external);
    }
    out.u32(classic_delay(r.metric.delay_ps)).u32(classic_bandwidth(r.metric.bandwidth_kbps));
    out.u24(r.metric.mtu).u8(r.metric.hops);
    out.u8(r.metric.reliability).u8(r.metric.load).u8(r.internal_tag).u8(r.flags);
    write_prefix(out, r.prefix);
}

void write_wide_route(ByteWriter& out, const RouteTlv& r) {
    write_tlv_header(
        out, r.external ? kTlvWideExternal : kTlvWideInternal, route_bytes(r) - kTlvHeaderBytes);
    out.u32(kAfiIpv4).address(r.originator);
    out.u8(0).u8(0).u8(r.metric.reliability).u8(r.metric.load);
    out.u24(r.metric.mtu).u8(r.metric.hops);
    write_u48(out, std::min(r.metric.delay_ps, kWideUnreachable));
    write_u48(out, r.metric.bandwidth_kbps);
    out.u16(0).u16(r.flags);
    out.address(r.next_hop);
    if (r.external) {
        write_external(out, *r.external);
    }
    write_prefix(out, r.prefix);
}

}  // namespace

std::string_view to_string(WireError e) {
    switch (e) {
    case WireError::truncated:
        return "truncated";
    case WireError::version:
        return "version";
    case WireError::checksum:
        return "checksum";
    case WireError::tlv_length:
        return "TLV length";
    case WireError::prefix:
        return "prefix";
    }
    return "";
}

tl::expected<Header, WireError> parse_header(BytesView bytes) {
    if (bytes.size() < kHeaderBytes || bytes.size() > kMaximumPacketBytes) {
        return tl::unexpected(WireError::truncated);
    }
    if (bytes[0] != kVersion) {
        return tl::unexpected(WireError::version);
    }
    // "The packet is discarded if the packet checksum fails." (RFC 7868, 6.5)
    if (internet_checksum(bytes) != 0) {
        return tl::unexpected(WireError::checksum);
    }
    ByteReader in(bytes);
    Header h;
    in.u8();
    h.opcode = static_cast<Opcode>(in.u8());
    in.u16();
    h.flags = in.u32();
    h.sequence = in.u32();
    h.ack = in.u32();
    h.virtual_router = in.u16();
    h.asn = Asn{in.u16()};
    return h;
}

tl::expected<Packet, WireError> parse_packet(BytesView bytes) {
    const auto header = parse_header(bytes);
    if (!header) {
        return tl::unexpected(header.error());
    }
    Packet packet;
    packet.header = *header;
    ByteReader in(bytes.subspan(kHeaderBytes));
    while (in.remaining() > 0) {
        const auto type = in.u16();
        const std::size_t length = in.u16();
        if (!in.ok() || length < kTlvHeaderBytes) {
            return tl::unexpected(WireError::tlv_length);
        }
        const auto body = in.bytes(length - kTlvHeaderBytes);
        if (!in.ok() || !read_tlv(type, ByteReader(body), packet)) {
            return tl::unexpected(WireError::tlv_length);
        }
    }
    return packet;
}

void write_parameters(ByteWriter& out, const Parameters& p) {
    write_tlv_header(out, kTlvParameters, 8);
    for (const auto k : p.k) {
        out.u8(k);
    }
    out.u16(p.hold_s);
}

void write_version(ByteWriter& out, const SoftwareVersion& v) {
    write_tlv_header(out, kTlvVersion, 4);
    out.u8(v.os_major).u8(v.os_minor).u8(v.tlv_major).u8(v.tlv_minor);
}

void write_sequence_list(ByteWriter& out, const std::vector<Ipv4Address>& lagging) {
    write_tlv_header(out, kTlvSequence, lagging.size() * 5);
    for (const auto a : lagging) {
        out.u8(4).address(a);
    }
}

void write_next_multicast(ByteWriter& out, std::uint32_t sequence) {
    write_tlv_header(out, kTlvNextMulticast, 4);
    out.u32(sequence);
}

void write_stub(ByteWriter& out, std::uint16_t flags) {
    write_tlv_header(out, kTlvStub, 2);
    out.u16(flags);
}

std::size_t route_bytes(const RouteTlv& r) {
    const auto destination = 1 + prefix_bytes(r.prefix.length());
    if (r.style == MetricStyle::classic) {
        return kTlvHeaderBytes + 4 + (r.external ? 20 : 0) + 16 + destination;
    }
    return kTlvHeaderBytes + 8 + 24 + 4 + (r.external ? 20 : 0) + destination;
}

void write_route(ByteWriter& out, const RouteTlv& route) {
    if (route.style == MetricStyle::classic) {
        write_classic_route(out, route);
    } else {
        write_wide_route(out, route);
    }
}

Bytes write_packet(const Header& h, BytesView tlvs) {
    ByteWriter out;
    out.u8(kVersion).u8(static_cast<std::uint8_t>(h.opcode)).u16(0);
    out.u32(h.flags).u32(h.sequence).u32(h.ack).u16(h.virtual_router).u16(h.asn.value());
    out.bytes(tlvs);
    auto packet = out.take();
    seal(packet);
    return packet;
}

void seal(Bytes& packet) {
    packet[2] = 0;
    packet[3] = 0;
    const auto sum = internet_checksum(packet);
    packet[2] = static_cast<std::uint8_t>(sum >> 8U);
    packet[3] = static_cast<std::uint8_t>(sum);
}

}  // namespace viaduct::eigrp
