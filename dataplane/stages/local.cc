// For this router: fragments are put together, ESP and GRE go on in the dataplane, the rest to control.
#include <algorithm>
#include <array>

#include "dataplane/stages/layer4.h"
#include "dataplane/stages/stages.h"
#include "dataplane/wire/esp.h"
#include "dataplane/wire/udp.h"

namespace viaduct::dataplane {

namespace {

/// IKE may come by the same port, behind a marker; or nothing but ESP does.
enum class UdpEncap : std::uint8_t { with_ike, esp_only };

/// RFC 3948, sections 2.1–2.3: on port 4500 the first four bytes are 0 for IKE and the SPI for ESP; a
/// single byte 0xFF is a keepalive. Cisco's IPsec over UDP is the same on a port of its own, without IKE.
void esp_in_udp(Worker& w, Place at, UdpEncap kind) {
    constexpr std::uint8_t kKeepalive = 0xFF;
    constexpr std::size_t kMarker = 4;
    auto& p = w.frame[at];
    const std::size_t udp_length = wire::read16(layer4(p) + 4);
    if (udp_length < wire::kUdpBytes || udp_length > p.length - std::size_t{p.header_bytes}) {
        w.drop(p, Drop::udp_encap_too_short);
        return;
    }
    const auto* payload = layer4(p) + wire::kUdpBytes;
    const auto bytes = udp_length - wire::kUdpBytes;
    if (bytes == 1 && payload[0] == kKeepalive) {
        w.drop(p, Drop::udp_encap_keepalive);
        return;
    }
    if (bytes < kMarker) {
        w.drop(p, Drop::udp_encap_too_short);
        return;
    }
    if (kind == UdpEncap::with_ike && wire::read32(payload) == 0) {
        w.punt(p, PuntReason::ike);
        return;
    }
    if (bytes < wire::kEspBytes) {
        w.drop(p, Drop::esp_in_too_short);
        return;
    }
    p.length = static_cast<std::uint16_t>(p.header_bytes + udp_length);
    p.set(kViaUdp);
    p.remote_port = wire::read16(layer4(p));
    w.frame.esp_in.push(at);
}

void udp(Worker& w, Place at) {
    auto& p = w.frame[at];
    if (!has_layer4(p, wire::kUdpBytes)) {
        w.punt(p, PuntReason::local);
        return;
    }
    const auto port = wire::read16(layer4(p) + 2);
    if (port == kPortNatT.value()) {
        esp_in_udp(w, at, UdpEncap::with_ike);
        return;
    }
    if (w.tables.esp_udp_ports.contains(port)) {
        esp_in_udp(w, at, UdpEncap::esp_only);
        return;
    }
    w.punt(p, port == kPortIsakmp.value() ? PuntReason::ike : PuntReason::local);
}

/// The worker that puts this fragment's packet together: the same for all its fragments.
unsigned owner_of(const Worker& w, const PacketMeta& p) {
    if (!w.shared) {
        return w.index;
    }
    constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15U;
    const auto pair = std::uint64_t{p.source} << 32U | p.destination;
    const auto rest = std::uint64_t{wire::read16(p.l3 + wire::kIpId)} << 8U | p.protocol;
    return static_cast<unsigned>(((pair ^ rest * kOdd) * kOdd) >> 40U) % w.tables.workers;
}

void local_one(Worker& w, Place at) {
    auto& f = w.frame;
    if (f[at].has(kFragment)) {
        if (const auto owner = owner_of(w, f[at]); owner != w.index) {
            w.hand_over(f[at], owner, Parcel::Resume::local);
            return;
        }
        if (!w.reassembly().add(w, f[at])) {
            return;  // kept, or dropped
        }
    }
    auto& p = f[at];
    switch (p.protocol) {
    case kProtoEsp.value():
        if (!has_layer4(p, wire::kEspBytes)) {
            w.drop(p, Drop::esp_in_too_short);
            return;
        }
        f.esp_in.push(at);
        return;
    case kProtoUdp.value():
        udp(w, at);
        return;
    case kProtoGre.value():
        f.gre_in.push(at);
        return;
    default:
        w.punt(p, PuntReason::local);
    }
}

/// Whole ESP packets came here before us; one that was in fragments arrived between them, with its last one. A
/// GRE tunnel with sequence numbers drops what is overtaken. Places are given out as packets arrive.
void in_order_of_arrival(Vector& vector) {
    std::array<Place, kPlaces> places{};
    const auto end = std::copy(vector.places().begin(), vector.places().end(), places.begin());
    std::sort(places.begin(), end);
    vector.clear();
    std::for_each(places.begin(), end, [&](Place at) { vector.push(at); });
}

}  // namespace

void local(Worker& w) {
    auto& f = w.frame;
    const auto direct = f.esp_in.size();
    for (const auto at : f.local.places()) {
        local_one(w, at);
    }
    f.local.clear();
    if (direct != 0 && f.esp_in.size() != direct) [[unlikely]] {
        in_order_of_arrival(f.esp_in);
    }
}

}  // namespace viaduct::dataplane
