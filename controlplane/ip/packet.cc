#include "controlplane/ip/packet.h"

#include "dataplane/base/checksum.h"

namespace viaduct::ip {

namespace {

constexpr std::uint16_t kDf = 0x4000;
constexpr std::uint16_t kMf = 0x2000;
constexpr std::uint16_t kOffsetMask = 0x1FFF;

std::uint64_t pseudo_header_sum(Ipv4Address source,
                                Ipv4Address destination,
                                IpProtocol protocol,
                                std::size_t length) {
    const auto s = source.value();
    const auto d = destination.value();
    return std::uint64_t{s >> 16U} + (s & 0xFFFFU) + (d >> 16U) + (d & 0xFFFFU) + protocol.value() +
           length;
}

}  // namespace

std::optional<Packet> parse(BytesView bytes) {
    ByteReader reader(bytes);
    const auto version_ihl = reader.u8();
    const std::size_t header = (version_ihl & 0xFU) * std::size_t{4};
    Packet packet;
    packet.tos = reader.u8();
    const std::size_t total = reader.u16();
    packet.id = reader.u16();
    const auto fragment = reader.u16();
    packet.dont_fragment = (fragment & kDf) != 0;
    packet.more_fragments = (fragment & kMf) != 0;
    packet.fragment_offset = static_cast<std::uint16_t>((fragment & kOffsetMask) * 8U);
    packet.ttl = reader.u8();
    packet.protocol = IpProtocol{reader.u8()};
    reader.u16();
    packet.source = reader.address();
    packet.destination = reader.address();
    if (!reader.ok() || version_ihl >> 4U != 4 || header < 20 || total < header ||
        total > bytes.size() || internet_checksum(bytes.first(header)) != 0) {
        return std::nullopt;
    }
    packet.options = bytes.subspan(20, header - 20);
    packet.payload = bytes.subspan(header, total - header);
    return packet;
}

Bytes write(const Packet& packet) {
    const auto fragment = static_cast<std::uint16_t>((packet.dont_fragment ? kDf : 0U) |
                                                     (packet.more_fragments ? kMf : 0U) |
                                                     packet.fragment_offset / 8U);
    ByteWriter writer;
    writer.u8(0x45).u8(packet.tos).u16(static_cast<std::uint16_t>(20 + packet.payload.size()));
    writer.u16(packet.id).u16(fragment).u8(packet.ttl).u8(packet.protocol.value()).u16(0);
    writer.address(packet.source).address(packet.destination);
    writer.patch_u16(10, internet_checksum(writer.view()));
    writer.bytes(packet.payload);
    return writer.take();
}

std::optional<Udp> parse_udp(const Packet& packet) {
    ByteReader reader(packet.payload);
    Udp udp;
    udp.source = L4Port{reader.u16()};
    udp.destination = L4Port{reader.u16()};
    const std::size_t length = reader.u16();
    const auto checksum = reader.u16();
    if (!reader.ok() || length < 8 || length > packet.payload.size()) {
        return std::nullopt;
    }
    const auto datagram = packet.payload.first(length);
    if (checksum != 0 &&
        checksum_finish(checksum_sum(datagram) +
                        pseudo_header_sum(packet.source, packet.destination, kProtoUdp, length)) !=
            0) {
        return std::nullopt;
    }
    udp.payload = datagram.subspan(8);
    return udp;
}

Bytes write_udp(Ipv4Address source, Ipv4Address destination, const Udp& udp) {
    const auto length = static_cast<std::uint16_t>(8 + udp.payload.size());
    ByteWriter writer;
    writer.u16(udp.source.value())
        .u16(udp.destination.value())
        .u16(length)
        .u16(0)
        .bytes(udp.payload);
    auto checksum = checksum_finish(checksum_sum(writer.view()) +
                                    pseudo_header_sum(source, destination, kProtoUdp, length));
    // RFC 768: "If the computed checksum is zero, it is transmitted as all ones".
    writer.patch_u16(6, checksum == 0 ? 0xFFFF : checksum);
    return writer.take();
}

}  // namespace viaduct::ip
