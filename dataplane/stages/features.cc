// What an interface asks of its packets beside forwarding: access lists, security policy on what comes in
// in the clear, TED probes, the TCP segment size.
#include "dataplane/base/checksum.h"
#include "dataplane/stages/layer4.h"
#include "dataplane/stages/stages.h"

namespace viaduct::dataplane {

AclKey acl_key_of(const PacketMeta& p) {
    AclKey k;
    k.source = p.source;
    k.destination = p.destination;
    k.protocol = p.protocol;
    k.tos = p.l3[wire::kIpTos];
    k.later_fragment = p.has(kLaterFragment);
    k.has_layer4 = has_layer4(p, 4);
    const auto ports = ports_of(p);
    if (p.protocol == kProtoIcmp.value()) {
        k.icmp_type = static_cast<std::uint8_t>(ports.destination >> 8U);
        k.icmp_code = static_cast<std::uint8_t>(ports.destination);
    } else {
        k.source_port = ports.source;
        k.destination_port = ports.destination;
    }
    if (p.protocol == kProtoTcp.value() && has_layer4(p, wire::kTcpBytes)) {
        k.tcp_flags = layer4(p)[wire::kTcpFlags];
    }
    return k;
}

namespace {

bool permitted(const Worker& w, AclId id, const PacketMeta& p) {
    const auto* acl = w.tables.acls.find(id);
    // IOS: a list that does not exist permits everything
    return acl == nullptr || acl->permits(acl_key_of(p), w.index);
}

/// Lowers the MSS option of a SYN to `limit` and mends the checksum.
void clamp_mss(const PacketMeta& p, std::uint16_t limit) {
    constexpr std::uint8_t kEnd = 0;
    constexpr std::uint8_t kNop = 1;
    constexpr std::uint8_t kMss = 2;
    if (p.protocol != kProtoTcp.value() || !has_layer4(p, wire::kTcpBytes)) {
        return;
    }
    auto* tcp = p.l3 + p.header_bytes;
    const std::size_t header = (tcp[wire::kTcpDataOffset] >> 4U) * std::size_t{4};
    if ((tcp[wire::kTcpFlags] & wire::kTcpSyn) == 0 || header < wire::kTcpBytes ||
        !has_layer4(p, header)) {
        return;
    }
    for (std::size_t at = wire::kTcpBytes; at + 1 < header;) {
        const auto kind = tcp[at];
        if (kind == kEnd) {
            return;
        }
        if (kind == kNop) {
            ++at;
            continue;
        }
        const std::size_t length = tcp[at + 1];
        if (length < 2 || at + length > header) {
            return;
        }
        if (kind == kMss && length == 4) {
            const auto old = wire::read16(tcp + at + 2);
            if (old > limit) {
                wire::write16(tcp + at + 2, limit);
                // The option may stand at an odd place: then its bytes are the other way round in the sum.
                const bool odd = at % 2 != 0;
                const auto turn = [odd](std::uint16_t v) {
                    return odd ? static_cast<std::uint16_t>(v << 8U | v >> 8U) : v;
                };
                wire::write16(tcp + wire::kTcpChecksum,
                              checksum_update(
                                  wire::read16(tcp + wire::kTcpChecksum), turn(old), turn(limit)));
            }
            return;
        }
        at += length;
    }
}

bool is_ted_probe(const PacketMeta& p) {
    if (p.protocol != kProtoUdp.value() ||
        !has_layer4(p, wire::kUdpBytes + wire::kIsakmpExchange + 1)) {
        return false;
    }
    return wire::read16(layer4(p) + 2) == kPortIsakmp.value() &&
           layer4(p)[wire::kUdpBytes + wire::kIsakmpExchange] == wire::kIsakmpTedProbe;
}

/// What goes to us and carries security itself is not asked for it: ESP, IKE.
bool is_security_for_us(const Worker& w, const PacketMeta& p) {
    const bool esp = p.protocol == kProtoEsp.value();
    const auto port = p.protocol == kProtoUdp.value() ? ports_of(p).destination : std::uint16_t{0};
    if (!esp && port != kPortIsakmp.value() && port != kPortNatT.value() && !p.has(kFragment)) {
        return false;
    }
    return w.next_hops.at(w.routes.lookup(p.destination))->kind == NextHop::Kind::local;
}

/// The policy of this interface says that what comes this way has to be protected.
bool is_protected_flow(const Worker& w, const InterfaceRecord& in, const PacketMeta& p) {
    const auto* policy = w.tables.policies.find(in.policy);
    if (policy == nullptr) {
        return false;
    }
    bool too_deep = false;
    const auto* rule = policy->find(mirrored_flow_of(p), p.has(kLaterFragment), too_deep);
    return rule != nullptr || too_deep;
}

/// RFC 4301, section 5.2: "If … the packet arrived without IPsec protection but the SPD says it must be
/// protected, it MUST be discarded".
bool should_have_been_encrypted(const Worker& w, const InterfaceRecord& in, const PacketMeta& p) {
    return !is_security_for_us(w, p) && is_protected_flow(w, in, p);
}

/// A probe about a flow that this interface's map protects: for control. Others are transit like any packet,
/// and one to an address of ours reaches control as IKE does.
bool is_probe_for_us(const Worker& w, const InterfaceRecord& in, const PacketMeta& p) {
    return is_ted_probe(p) && is_protected_flow(w, in, p) &&
           w.next_hops.at(w.routes.lookup(p.destination))->kind != NextHop::Kind::local;
}

/// False: the packet is gone.
bool input_one(Worker& w, PacketMeta& p) {
    const auto& in = w.interface(p.in);
    const Ipv4Address destination{p.destination};
    if (!p.has(kDecrypted)) {
        if ((in.features & kInAcl) != 0 && !permitted(w, in.acl_in, p)) {
            constexpr std::uint8_t kAdministrativelyProhibited = 13;
            p.code = kAdministrativelyProhibited;
            w.drop_and_punt(p, Drop::acl_in_denied, PuntReason::unreachable);
            return false;
        }
        if ((in.features & kInTed) != 0 && is_probe_for_us(w, in, p)) {
            w.punt(p, PuntReason::ted_probe);
            return false;
        }
        if ((in.features & kInPolicy) != 0 && should_have_been_encrypted(w, in, p)) {
            w.drop(p, Drop::policy_clear_text);
            return false;
        }
    }
    if (destination.is_link_local_multicast() || destination.is_broadcast()) {
        w.punt(p, PuntReason::link_multicast);
        return false;
    }
    if ((in.features & kInMss) != 0) {
        clamp_mss(p, in.tcp_mss);
    }
    return true;
}

}  // namespace

void input_features(Worker& w) {
    auto& f = w.frame;
    for (const auto at : f.input_features.places()) {
        if (input_one(w, f[at])) {
            const bool nat = (w.interface(f[at].in).features & kInNat) != 0;
            (nat ? f.nat44_in : f.route).push(at);
        }
    }
    f.input_features.clear();
}

void output_features(Worker& w) {
    auto& f = w.frame;
    for (const auto at : f.output_features.places()) {
        auto& p = f[at];
        const auto& out = w.interface(p.out);
        if ((out.features & kOutAcl) != 0 && !p.has(kOurs) && !permitted(w, out.acl_out, p)) {
            constexpr std::uint8_t kAdministrativelyProhibited = 13;
            p.code = kAdministrativelyProhibited;
            w.drop_and_punt(p, Drop::acl_out_denied, PuntReason::unreachable);
            continue;
        }
        if ((out.features & kOutMss) != 0 && !p.has(kRawGre)) {
            clamp_mss(p, out.tcp_mss);
        }
        if ((out.features & kOutTunnel) != 0) {
            f.gre_out.push(at);
        } else if ((out.features & kOutPolicy) != 0 && !p.has(kEncrypted | kBypassPolicy)) {
            f.crypto_map.push(at);
        } else {
            f.adjacency.push(at);
        }
    }
    f.output_features.clear();
}

}  // namespace viaduct::dataplane
