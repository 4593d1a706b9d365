// What all packets that we send have in common: extensions in IOS's order, the limit of `ip nhrp
// max-send`, counters and debug lines.
#include "controlplane/nhrp/engine.h"
#include "controlplane/nhrp/timing.h"

namespace viaduct::nhrp {

void Engine::drop(Tunnel& tunnel, Drop reason) {
    ++tunnel.traffic.drops.at(static_cast<std::size_t>(reason));
}

Cie Engine::own_cie(const Tunnel& tunnel, std::uint8_t prefix_length) const {
    Cie cie;
    cie.prefix_length = prefix_length;
    cie.mtu = tunnel.interface.cie_mtu;
    cie.holding_time_s = tunnel.interface.nhrp.holdtime_s;
    cie.nbma = tunnel.interface.nbma;
    cie.protocol = tunnel.interface.address;
    return cie;
}

std::vector<Extension> Engine::request_extensions(const Tunnel& tunnel) const {
    std::vector<Extension> out;
    for (const auto type : {ExtensionType::responder_address,
                            ExtensionType::forward_transit,
                            ExtensionType::reverse_transit}) {
        out.push_back(make_extension(type, {}));
    }
    if (!tunnel.interface.nhrp.authentication.empty()) {
        out.push_back(make_authentication(tunnel.interface.nhrp.authentication));
    }
    if (tunnel.interface.nat_extension) {
        out.push_back(make_extension(ExtensionType::nat_address, {}));
    }
    return out;
}

/// RFC 2332, 5.2: a reply carries the request's source and destination as they were. Extensions of the
/// request come back filled in, in the request's order.
Packet Engine::make_reply(const Tunnel& tunnel, const Packet& request, PacketType type) const {
    Packet reply = request;
    reply.type = type;
    reply.hop_count = 255;
    reply.extensions.clear();
    for (const auto& extension : request.extensions) {
        switch (static_cast<ExtensionType>(extension.type)) {
        case ExtensionType::responder_address: {
            // IOS: the prefix length of the request's first entry comes back here.
            const auto prefix =
                request.cies.empty() ? std::uint8_t{0} : request.cies.front().prefix_length;
            const auto cie = own_cie(tunnel, prefix);
            reply.extensions.push_back(make_extension(ExtensionType::responder_address, {&cie, 1}));
            break;
        }
        case ExtensionType::authentication:
            if (!tunnel.interface.nhrp.authentication.empty()) {
                reply.extensions.push_back(
                    make_authentication(tunnel.interface.nhrp.authentication));
            }
            break;
        case ExtensionType::forward_transit:
        case ExtensionType::nat_address:
            reply.extensions.push_back(extension);
            break;
        case ExtensionType::reverse_transit:
            reply.extensions.push_back(make_extension(ExtensionType::reverse_transit, {}));
            break;
        default:  // RFC 2332, 5.3: what is not known and not compulsory is left out
            break;
        }
    }
    return reply;
}

bool Engine::send(
    TimePoint now, Tunnel& tunnel, const Hop& to, const Packet& packet, std::string_view verb) {
    const auto& interface = tunnel.interface;
    const auto window = std::chrono::seconds(10) * interface.nhrp.max_send_every_10s;
    if (now - tunnel.window_start >= window) {
        tunnel.window_start = now;
        tunnel.window_sent = 0;
    }
    if (tunnel.window_sent >= interface.nhrp.max_send) {
        drop(tunnel, Drop::max_send_exceeded);
        return false;
    }
    ++tunnel.window_sent;
    auto bytes = build(packet);
    ++tunnel.traffic.sent.at(static_cast<std::size_t>(packet.type));
    if (log_.enabled(Debug::nhrp)) {
        const bool own = verb == "Send";
        log_.debug(Debug::nhrp,
                   "NHRP: Encapsulation succeeded.  Tunnel IP addr {}",
                   to.nbma.address.to_string());
        log_.debug(Debug::nhrp,
                   "NHRP: {} {} via {}, packet size: {}",
                   verb,
                   to_string(packet.type),
                   interface.name,
                   bytes.size());
        log_.debug(Debug::nhrp,
                   " src: {}, dst: {}",
                   interface.address.to_string(),
                   (own ? to.protocol : packet.destination_protocol).to_string());
        debug_packet(packet, bytes.size());
        log_.debug(Debug::nhrp, "NHRP: {} bytes out {}", bytes.size(), interface.name);
    } else {
        debug_packet(packet, bytes.size());
    }
    actions_.emplace_back(SendPacket{interface.index, to.nbma, std::move(bytes)});
    return true;
}

namespace {

std::string flag_words(const Packet& packet) {
    std::string out;
    const auto add = [&](std::uint16_t bit, std::string_view word) {
        if ((packet.flags & bit) != 0) {
            out += word;
            out += ' ';
        }
    };
    switch (packet.type) {
    case PacketType::resolution_request:
    case PacketType::resolution_reply:
        add(kResolutionRouter, "router");
        add(kResolutionAuthoritative, "auth");
        add(kResolutionDestinationStable, "dst-stable");
        add(kResolutionUnique, "unique");
        add(kResolutionSourceStable, "src-stable");
        break;
    case PacketType::registration_request:
    case PacketType::registration_reply:
        add(kRegistrationUnique, "unique");
        break;
    case PacketType::purge_request:
    case PacketType::purge_reply:
        add(kPurgeNoReply, "no-reply");
        break;
    case PacketType::error_indication:
    case PacketType::traffic_indication:
        return out;
    }
    add(kNatSupported, "nat");
    return out;
}

std::string_view extension_name(std::uint16_t type) {
    switch (static_cast<ExtensionType>(type)) {
    case ExtensionType::end:
        return "End of Extensions";
    case ExtensionType::responder_address:
        return "Responder Address Extension";
    case ExtensionType::forward_transit:
        return "Forward Transit NHS Record Extension";
    case ExtensionType::reverse_transit:
        return "Reverse Transit NHS Record Extension";
    case ExtensionType::authentication:
        return "Authentication Extension";
    case ExtensionType::nat_address:
        return "NAT address Extension";
    }
    return "Unknown Extension";
}

void debug_cies(Log& log, Debug flag, std::span<const Cie> cies) {
    unsigned number = 0;
    for (const auto& cie : cies) {
        log.debug(flag,
                  " (C-{}) code: {}({})",
                  ++number,
                  to_string(static_cast<CieCode>(cie.code)),
                  cie.code);
        log.debug(flag,
                  "       prefix: {}, mtu: {}, hd_time: {}",
                  cie.prefix_length,
                  cie.mtu,
                  cie.holding_time_s);
        log.debug(flag,
                  "       addr_len: {}(NSAP), subaddr_len: 0(NSAP), proto_len: {}, pref: {}",
                  cie.nbma ? 4 : 0,
                  cie.protocol ? 4 : 0,
                  cie.preference);
        if (cie.nbma) {
            log.debug(flag, "       client NBMA: {}", cie.nbma->to_string());
        }
        if (cie.protocol) {
            log.debug(flag, "       client protocol: {}", cie.protocol->to_string());
        }
    }
}

}  // namespace

// IOS: `debug nhrp packet` writes the parts (F) fixed, (M) mandatory, (C-n) entries; the extensions
// come with `debug nhrp extension`. The authentication string is not shown.
void Engine::debug_packet(const Packet& packet, std::size_t size) const {
    if (log_.enabled(Debug::nhrp_packet)) {
        const auto flag = Debug::nhrp_packet;
        log_.debug(flag, " (F) afn: IPv4(1), type: IP(800), hop: {}, ver: 1", packet.hop_count);
        log_.debug(flag, "     shtl: 4(NSAP), sstl: 0(NSAP)");
        log_.debug(flag, "     pktsz: {}", size);
        if (packet.type == PacketType::error_indication) {
            log_.debug(flag,
                       " (M) error code: {}({}), offset: {}",
                       to_string(static_cast<ErrorCode>(packet.error_code)),
                       packet.error_code,
                       packet.error_offset);
        } else if (packet.type == PacketType::traffic_indication) {
            log_.debug(flag, " (M) traffic code: redirect(0)");
        } else {
            log_.debug(
                flag, " (M) flags: \"{}\", reqid: {}", flag_words(packet), packet.request_id);
        }
        log_.debug(flag, "     src NBMA: {}", packet.source_nbma.to_string());
        log_.debug(flag,
                   "     src protocol: {}, dst protocol: {}",
                   packet.source_protocol.to_string(),
                   packet.destination_protocol.to_string());
        debug_cies(log_, flag, packet.cies);
    }
    if (log_.enabled(Debug::nhrp_extension)) {
        for (const auto& extension : packet.extensions) {
            log_.debug(
                Debug::nhrp_extension, "{}({}):", extension_name(extension.type), extension.type);
            if (extension.type == static_cast<std::uint16_t>(ExtensionType::authentication)) {
                log_.debug(Debug::nhrp_extension, "  type:Cleartext(1), data:*");
            } else if (const auto cies = parse_cies(extension.data)) {
                debug_cies(log_, Debug::nhrp_extension, *cies);
            }
        }
    }
}

}  // namespace viaduct::nhrp
