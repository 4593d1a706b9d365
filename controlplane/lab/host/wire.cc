#include "controlplane/lab/host/wire.h"

#include <algorithm>

#include "dataplane/base/checksum.h"

namespace viaduct::lab {

namespace {

constexpr std::size_t kMinimumFrame = 60;
constexpr std::uint16_t kDontFragment = 0x4000;
constexpr std::uint16_t kMoreFragments = 0x2000;

MacAddress read_mac(ByteReader& in) {
    MacAddress::Octets octets{};
    const auto bytes = in.bytes(octets.size());
    std::copy(bytes.begin(), bytes.end(), octets.begin());
    return MacAddress{octets};
}

std::uint64_t pseudo_header(Ipv4Address source,
                            Ipv4Address destination,
                            IpProtocol protocol,
                            std::size_t length) {
    const auto words = [](Ipv4Address a) {
        return std::uint64_t{a.value() >> 16U} + (a.value() & 0xFFFFU);
    };
    return words(source) + words(destination) + protocol.value() + length;
}

std::optional<Ipv4View> read_header(BytesView packet, bool quoted) {
    ByteReader in(packet);
    const auto first = in.u8();
    Ipv4View out;
    out.tos = in.u8();
    const std::size_t total = in.u16();
    out.id = in.u16();
    const auto fragment = in.u16();
    out.dont_fragment = (fragment & kDontFragment) != 0;
    out.more_fragments = (fragment & kMoreFragments) != 0;
    out.fragment_offset = static_cast<std::uint16_t>((fragment & 0x1FFFU) * 8U);
    out.ttl = in.u8();
    out.protocol = IpProtocol{in.u8()};
    in.skip(2);
    out.source = in.address();
    out.destination = in.address();
    const std::size_t header = (first & 0xFU) * std::size_t{4};
    if (!in.ok() || first >> 4U != 4 || header < 20 || header > packet.size() || total < header) {
        return std::nullopt;
    }
    if (!quoted && (total > packet.size() || internet_checksum(packet.first(header)) != 0)) {
        return std::nullopt;
    }
    out.payload = packet.subspan(header, std::min(total, packet.size()) - header);
    return out;
}

}  // namespace

std::optional<EthernetView> read_ethernet(BytesView frame) {
    ByteReader in(frame);
    EthernetView out;
    out.destination = read_mac(in);
    out.source = read_mac(in);
    out.type = in.u16();
    out.payload = in.rest();
    return in.ok() ? std::optional{out} : std::nullopt;
}

Bytes write_ethernet(const EthernetView& frame) {
    Bytes start;
    start.reserve(std::max(kMinimumFrame, frame.payload.size() + 14));
    ByteWriter out(std::move(start));
    out.bytes(frame.destination.octets()).bytes(frame.source.octets()).u16(frame.type);
    out.bytes(frame.payload);
    if (out.size() < kMinimumFrame) {
        out.zeros(kMinimumFrame - out.size());
    }
    return out.take();
}

std::optional<ArpPacket> read_arp(BytesView packet) {
    ByteReader in(packet);
    const auto hardware = in.u16();
    const auto protocol = in.u16();
    const auto lengths = in.u16();
    ArpPacket out;
    out.operation = in.u16();
    out.sender_mac = read_mac(in);
    out.sender = in.address();
    out.target_mac = read_mac(in);
    out.target = in.address();
    if (!in.ok() || hardware != 1 || protocol != kEtherTypeIpv4 || lengths != 0x0604) {
        return std::nullopt;
    }
    return out;
}

Bytes write_arp(const ArpPacket& packet) {
    ByteWriter out;
    out.u16(1).u16(kEtherTypeIpv4).u16(0x0604).u16(packet.operation);
    out.bytes(packet.sender_mac.octets()).address(packet.sender);
    out.bytes(packet.target_mac.octets()).address(packet.target);
    return out.take();
}

std::optional<Ipv4View> read_ipv4(BytesView packet) {
    return read_header(packet, false);
}

std::optional<Ipv4View> read_quoted_ipv4(BytesView packet) {
    return read_header(packet, true);
}

Bytes write_ipv4(const Ipv4View& packet) {
    ByteWriter out;
    auto fragment = static_cast<std::uint16_t>(packet.fragment_offset / 8U);
    fragment = static_cast<std::uint16_t>(fragment | (packet.dont_fragment ? kDontFragment : 0) |
                                          (packet.more_fragments ? kMoreFragments : 0));
    out.u8(0x45).u8(packet.tos).u16(static_cast<std::uint16_t>(packet.payload.size() + 20));
    out.u16(packet.id).u16(fragment).u8(packet.ttl).u8(packet.protocol.value()).u16(0);
    out.address(packet.source).address(packet.destination);
    out.patch_u16(10, internet_checksum(out.view()));
    out.bytes(packet.payload);
    return out.take();
}

std::optional<IcmpView> read_icmp(BytesView message) {
    ByteReader in(message);
    IcmpView out;
    out.type = in.u8();
    out.code = in.u8();
    in.skip(2);
    out.rest = in.u32();
    out.payload = in.rest();
    if (!in.ok() || internet_checksum(message) != 0) {
        return std::nullopt;
    }
    return out;
}

Bytes write_icmp(const IcmpView& message) {
    ByteWriter out;
    out.u8(message.type).u8(message.code).u16(0).u32(message.rest).bytes(message.payload);
    out.patch_u16(2, internet_checksum(out.view()));
    return out.take();
}

std::optional<UdpView> read_udp(Ipv4Address source, Ipv4Address destination, BytesView datagram) {
    ByteReader in(datagram);
    UdpView out;
    out.source = L4Port{in.u16()};
    out.destination = L4Port{in.u16()};
    const std::size_t length = in.u16();
    const auto checksum = in.u16();
    if (!in.ok() || length < 8 || length > datagram.size()) {
        return std::nullopt;
    }
    const auto whole = datagram.first(length);
    if (checksum != 0 && checksum_finish(pseudo_header(source, destination, kProtoUdp, length) +
                                         checksum_sum(whole)) != 0) {
        return std::nullopt;
    }
    out.payload = whole.subspan(8);
    return out;
}

Bytes write_udp(Ipv4Address source, Ipv4Address destination, const UdpView& datagram) {
    ByteWriter out;
    const auto length = datagram.payload.size() + 8;
    out.u16(datagram.source.value()).u16(datagram.destination.value());
    out.u16(static_cast<std::uint16_t>(length)).u16(0).bytes(datagram.payload);
    const auto checksum = checksum_finish(pseudo_header(source, destination, kProtoUdp, length) +
                                          checksum_sum(out.view()));
    // RFC 768: "If the computed checksum is zero, it is transmitted as all ones"
    out.patch_u16(6, checksum == 0 ? std::uint16_t{0xFFFF} : checksum);
    return out.take();
}

std::optional<TcpView> read_tcp(Ipv4Address source, Ipv4Address destination, BytesView segment) {
    ByteReader in(segment);
    TcpView out;
    out.source = L4Port{in.u16()};
    out.destination = L4Port{in.u16()};
    out.sequence = in.u32();
    out.acknowledgement = in.u32();
    const std::size_t header = (in.u8() >> 4U) * std::size_t{4};
    const auto flags = in.u8();
    out.window = in.u16();
    in.skip(4);
    if (!in.ok() || header < 20 || header > segment.size() ||
        checksum_finish(pseudo_header(source, destination, kProtoTcp, segment.size()) +
                        checksum_sum(segment)) != 0) {
        return std::nullopt;
    }
    out.fin = (flags & 0x01U) != 0;
    out.syn = (flags & 0x02U) != 0;
    out.reset = (flags & 0x04U) != 0;
    out.push = (flags & 0x08U) != 0;
    out.ack = (flags & 0x10U) != 0;
    ByteReader options(segment.subspan(20, header - 20));
    while (options.remaining() > 0) {
        const auto kind = options.u8();
        if (kind == 0) {
            break;
        }
        if (kind == 1) {
            continue;
        }
        const auto length = options.u8();
        if (length < 2) {
            return std::nullopt;
        }
        if (kind == 2 && length == 4) {
            out.mss = options.u16();
        } else {
            options.skip(length - 2U);
        }
    }
    if (!options.ok()) {
        return std::nullopt;
    }
    out.payload = segment.subspan(header);
    return out;
}

Bytes write_tcp(Ipv4Address source, Ipv4Address destination, const TcpView& segment) {
    ByteWriter out;
    const unsigned flags = (segment.fin ? 0x01U : 0U) | (segment.syn ? 0x02U : 0U) |
                           (segment.reset ? 0x04U : 0U) | (segment.push ? 0x08U : 0U) |
                           (segment.ack ? 0x10U : 0U);
    out.u16(segment.source.value()).u16(segment.destination.value());
    out.u32(segment.sequence).u32(segment.acknowledgement);
    out.u8(segment.mss ? 0x60 : 0x50).u8(static_cast<std::uint8_t>(flags));
    out.u16(segment.window).u16(0).u16(0);
    if (segment.mss) {
        out.u8(2).u8(4).u16(*segment.mss);
    }
    out.bytes(segment.payload);
    out.patch_u16(16,
                  checksum_finish(pseudo_header(source, destination, kProtoTcp, out.size()) +
                                  checksum_sum(out.view())));
    return out.take();
}

}  // namespace viaduct::lab
