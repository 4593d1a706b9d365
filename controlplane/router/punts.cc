// What comes up from the dataplane, handed to whoever knows what it means.
#include "controlplane/ip/packet.h"
#include "controlplane/router/core.h"

namespace viaduct {

namespace {

constexpr std::uint8_t kCodeProtocolUnreachable = 2;
constexpr std::uint8_t kCodePortUnreachable = 3;
constexpr std::uint8_t kCodeFragmentationNeeded = 4;
constexpr std::uint8_t kTypeUnreachable = 3;

}  // namespace

Ipv4Address RouterCore::answer_from(IfIndex in) const {
    const auto* at = status(in);
    return at == nullptr ? Ipv4Address{} : at->primary().value_or(Ipv4Address{});
}

void RouterCore::on_punt(dataplane::Punt& punt) {
    using dataplane::PuntReason;
    switch (punt.reason) {
    case PuntReason::arp:
        arp.on_frame(now, punt.in, punt.packet);
        carry_arp();
        break;
    case PuntReason::ike:
        on_ike(punt);
        break;
    case PuntReason::local:
    case PuntReason::link_multicast:
        on_local(punt);
        break;
    case PuntReason::glean:
        arp.on_wanted(now, punt.out, punt.address, punt.in, std::move(punt.packet));
        carry_arp();
        break;
    case PuntReason::acquire:
        if (const auto acquire = protection.acquire_for(punt)) {
            ike.on_acquire(now, *acquire);
        } else if (const auto client = protection.client_for(punt)) {
            ike.ezvpn_connect(now, *client);
        }
        break;
    case PuntReason::discover:
        if (auto request = protection.discover_for(punt)) {
            const auto way = rib.look_up(request->destination);
            if (!way.paths.empty()) {
                request->next_hop = way.paths.front().gateway.value_or(request->destination);
            }
            ike.on_discover(now, *request);
        }
        break;
    case PuntReason::ted_probe:
        on_ike(punt);
        break;
    case PuntReason::ttl_expired:
        icmp.send_time_exceeded(now, punt.packet, answer_from(punt.in));
        break;
    case PuntReason::unreachable:
        if (const auto* config = settings(punt.in); config == nullptr || config->ip_unreachables) {
            icmp.send_unreachable(now, punt.packet, answer_from(punt.in), punt.code);
        }
        break;
    case PuntReason::too_big:
        icmp.send_unreachable(
            now, punt.packet, answer_from(punt.in), kCodeFragmentationNeeded, punt.mtu);
        break;
    case PuntReason::redirect:
        icmp.send_redirect(now, punt.packet, answer_from(punt.in), punt.address);
        break;
    case PuntReason::unknown_spi:
        if (const auto packet = ip::parse(punt.packet); packet && packet->payload.size() >= 4) {
            ByteReader reader(packet->payload);
            ike.on_unknown_spi(now, packet->destination, packet->source, Spi{reader.u32()});
        }
        break;
    case PuntReason::nhrp:
        on_nhrp_packet(punt);
        break;
    case PuntReason::resolve:
        on_resolve(punt);
        break;
    case PuntReason::redirect_nhrp:
        nhrp.on_redirect(now, punt.in, punt.out, punt.nbma, punt.packet);
        break;
    case PuntReason::gre_keepalive:
        keepalives.on_answer(punt.in);
        break;
    case PuntReason::options:
    case PuntReason::kCount:
        ++punts_dropped;
        break;
    }
}

void RouterCore::on_ike(const dataplane::Punt& punt) {
    const auto packet = ip::parse(punt.packet);
    const auto udp = packet ? ip::parse_udp(*packet) : std::nullopt;
    if (!udp) {
        ++punts_dropped;
        return;
    }
    auto payload = udp->payload;
    if (udp->destination == kPortNatT ||
        (udp->destination != kPortIsakmp && udp->source == kPortNatT)) {
        // RFC 3948, 2.2: four zero bytes where ESP has its SPI.
        constexpr std::size_t kMarker = 4;
        if (payload.size() < kMarker) {
            ++punts_dropped;
            return;
        }
        payload = payload.subspan(kMarker);
    }
    ike.on_packet(
        now,
        {punt.in, {packet->destination, udp->destination}, {packet->source, udp->source}, payload});
}

void RouterCore::on_local(const dataplane::Punt& punt) {
    const auto packet = ip::parse(punt.packet);
    if (!packet) {
        ++punts_dropped;
        return;
    }
    const bool unicast = !packet->destination.is_multicast() &&
                         !packet->destination.is_broadcast() &&
                         punt.reason == dataplane::PuntReason::local;
    if (packet->protocol == kProtoIcmp) {
        icmp.on_packet(now, *packet);
        on_icmp_reports();
        return;
    }
    if (packet->protocol == kProtoEigrp) {
        eigrp.on_packet(now, punt.in, packet->source, packet->destination, packet->payload);
        return;
    }
    if (packet->protocol == kProtoUdp) {
        const auto udp = ip::parse_udp(*packet);
        if (udp &&
            (udp->destination == dhcp::kClientPort || udp->destination == dhcp::kServerPort)) {
            on_dhcp(punt, *packet, *udp);
            return;
        }
        if (udp && unicast && aaa.is_radius_port(udp->destination)) {
            aaa.on_packet(now, packet->source, udp->source, udp->destination, udp->payload);
            return;
        }
        if (unicast) {
            icmp.send_unreachable(now, punt.packet, packet->destination, kCodePortUnreachable);
        }
        return;
    }
    if (unicast && packet->protocol != kProtoTcp) {
        icmp.send_unreachable(now, punt.packet, packet->destination, kCodeProtocolUnreachable);
    }
    ++punts_dropped;
}

void RouterCore::on_icmp_reports() {
    for (const auto& report : icmp.take_reports()) {
        if (report.type != kTypeUnreachable || report.code != kCodeFragmentationNeeded) {
            continue;
        }
        ByteReader inner(report.inner);
        const std::size_t header = (inner.u8() & 0xFU) * std::size_t{4};
        inner.skip(8);
        const IpProtocol protocol{inner.u8()};
        inner.skip(6);
        const auto destination = inner.address();
        inner.skip(header - 20);
        if (protocol == kProtoUdp) {
            inner.skip(
                8);  // ESP in UDP; RFC 792's 64 bits end here, RFC 1812 lets a router quote more
        }
        const Spi spi{inner.u32()};
        if (inner.ok() && (protocol == kProtoEsp || protocol == kProtoUdp)) {
            protection.path_mtu(destination, spi, report.mtu);
        }
    }
}

}  // namespace viaduct
