// The answering side of discovery, and what is shown of both.
#include <algorithm>

#include "controlplane/ike/core.h"
#include "controlplane/ike/debug_text.h"
#include "controlplane/ike/show.h"
#include "controlplane/ike/ted_debug.h"

namespace viaduct::ike {

namespace {

constexpr Duration kNatPause = 10s;  // between two messages about translators

std::string seconds_text(Duration time) {
    return fmt::format("{}", std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

}  // namespace

std::string subnet_text(const Proxy& proxy) {
    return proxy.address.to_string() + "/" + proxy.mask.to_string();
}

std::string discover_text(const Engine::State& core, const DiscoverRequest& request) {
    std::string transform = "none";
    unsigned seconds = 0;
    unsigned kilobytes = 0;
    if (const auto* policy = core.policies.of(request.policy)) {
        seconds = core.policies.lifetime_s(*policy);
        kilobytes = core.policies.lifetime_kb(*policy);
        for (const auto& name : policy->transform_sets) {
            const auto set = core.crypto().transform_sets.find(name);
            if (set != core.crypto().transform_sets.end()) {
                transform = transform_text(set->second.esp_cipher.value_or(crypto::Cipher::null),
                                           set->second.esp_auth.value_or(crypto::Auth::none));
                break;
            }
        }
    }
    // IOS: the gateway stands where the remote proxy will be.
    return fmt::format(
        "IPSEC(tunnel discover request): , (key eng. msg.) INBOUND local= {}, remote= {}, "
        "local_proxy= {}, remote_proxy= {}/255.255.255.255/0/0 (type=1), protocol= ESP, transform= "
        "{}, lifedur= {}s and {}kb, spi= 0x0(0), conn_id= 0, keysize= 0, flags= 0x4004 dest={}:{}",
        request.source.to_string(),
        request.destination.to_string(),
        proxy_text(request.local_proxy),
        request.local.to_string(),
        transform,
        seconds,
        kilobytes,
        interface_text(core, request.policy.interface),
        request.next_hop.to_string());
}

std::optional<Ted::Match> Ted::protects(IfIndex index,
                                        Ipv4Address source,
                                        Ipv4Address destination) const {
    const auto interface = std::find_if(core_.interfaces.begin(),
                                        core_.interfaces.end(),
                                        [&](const auto& row) { return row.index == index; });
    if (interface == core_.interfaces.end() || interface->address.is_unspecified()) {
        return std::nullopt;
    }
    const auto map = core_.crypto().maps.find(interface->crypto_map);
    if (map == core_.crypto().maps.end()) {
        return std::nullopt;
    }
    for (const auto& [sequence, entry] : map->second.entries) {
        if (entry.kind == config::CryptoMapEntry::Kind::isakmp &&
            core_.policies.protected_side(entry.match_address, destination, source)) {
            return std::nullopt;  // an entry with a peer of its own comes first
        }
        const auto dynamic = core_.crypto().dynamic_maps.find(entry.dynamic_map);
        if (!entry.discover || dynamic == core_.crypto().dynamic_maps.end()) {
            continue;
        }
        for (const auto& [dynamic_sequence, row] : dynamic->second.entries) {
            // Seen from here: our side is the probe's destination.
            if (const auto local =
                    core_.policies.protected_side(row.match_address, destination, source)) {
                return Match{&*interface, *local};
            }
        }
    }
    return std::nullopt;
}

void Ted::on_probe(const PacketIn& packet, const Header& header) {
    core_.counters.count(Counter::ted_probes_in);
    const auto probe = read_ted_probe(header, packet.payload);
    if (!probe) {
        core_.counters.count(Counter::ted_malformed);
        return;
    }
    // "the responder SHOULD examine its SPD to determine whether the source and destination within the IP
    // header would be IPSec protected"
    const auto match = protects(packet.interface, packet.remote.address, packet.local.address);
    if (!match) {
        core_.counters.count(Counter::ted_not_protected);
        return;
    }
    // Our own probe that came back to us, or an answer that could reach nobody.
    if (!is_station(probe->gateway) || core_.interface_with(probe->gateway) != nullptr) {
        core_.counters.count(Counter::ted_wrong_peer);
        return;
    }
    const bool outside_proxy = probe->proxy && !probe->proxy->contains(packet.remote.address);
    if (outside_proxy || packet.remote.port != kPortIsakmp) {
        core_.counters.count(Counter::ted_nat);
        say_nat(fmt::format("discovery probe of {} comes from {} port {}, which is not in {}",
                            probe->gateway.to_string(),
                            packet.remote.address.to_string(),
                            packet.remote.port.value(),
                            probe->proxy ? subnet_text(*probe->proxy) : "its own port"));
        return;
    }
    if (!answer_bucket_.take(core_.now)) {
        core_.counters.count(Counter::ted_answer_limit);
        return;
    }
    answer(*match, *probe, packet);
}

void Ted::say_asked(ConnectionId connection, const TedProbe& probe, const PacketIn& packet) const {
    const auto number = connection.value();
    debug("ISAKMP (0:0): received packet from {} (N) NEW SA", packet.remote.address.to_string());
    debug("ISAKMP: local port 500, remote port 500");
    if (probe.ios) {
        debug("ISAKMP (0:{}): processing vendor id payload", number);
        debug("ISAKMP (0:{}): speaking to another IOS box!", number);
    }
    debug("ISAKMP (0:{}): processing ID payload. message ID = 0", number);
    if (probe.proxy) {
        debug("ISAKMP (0:{}): processing ID payload. message ID = 0", number);
        debug("ISAKMP ({}): ID_IPV4_ADDR_SUBNET src {} prot {} port {}",
              number,
              subnet_text(*probe.proxy),
              probe.proxy->protocol ? probe.proxy->protocol->value() : 0,
              probe.proxy->port);
    }
    if (probe.ios) {
        debug("ISAKMP (0:{}): processing vendor id payload", number);
    }
    debug("ISAKMP (0:{}): responding to peer discovery probe!", number);
    debug("peer's address is {}", probe.gateway.to_string());
    if (probe.proxy) {
        debug("src (him) {}, {} to dst (me) 0, 0.0.0.0/0.0.0.0",
              probe.proxy->mask.value() == 0xFFFFFFFFU ? 1 : 4,
              subnet_text(*probe.proxy));
    }
}

void Ted::answer(const Match& match, const TedProbe& probe, const PacketIn& packet) {
    const auto number = next_number();
    say_asked(number, probe, packet);
    TedReply reply;
    reply.initiator = probe.initiator;
    reply.responder = Cookie{core_.random.u64() | 1U};
    reply.gateway = match.interface->address;
    reply.proxy = match.local;
    reply.ios = probe.ios;
    // Nothing is amplified: no answer has more bytes than came.
    const auto message = write_ted_reply(reply, core_.random.u64(), packet.payload.size());
    if (message.empty()) {
        core_.counters.count(Counter::ted_too_short);
        return;
    }
    const auto from = match.interface->address;
    debug("ISAKMP (0:{}): peer can handle TED V3: changing source to {} and dest to {}",
          number.value(),
          probe.gateway.to_string(),
          from.to_string());
    debug("ISAKMP ({}): ID payload next-payload : {} type : 1 protocol : 17 port : 500 length : 8",
          number.value(),
          static_cast<unsigned>(probe.ios ? PayloadType::ted_proxy : PayloadType::identification));
    debug("ISAKMP ({}): Total payload length: 12", number.value());
    debug("ISAKMP (0:{}): sending packet to {} (R) PEER_DISCOVERY",
          number.value(),
          probe.gateway.to_string());
    core_.counters.count(Counter::ted_replies_out);
    core_.send_datagram({from, kPortIsakmp}, {probe.gateway, kPortIsakmp}, message);
    throw_away(number, "R", probe.gateway);
}

void Ted::say_nat(const std::string& what) {
    if (nat_was_said_ && core_.now - nat_said_ < kNatPause) {
        return;
    }
    nat_was_said_ = true;
    nat_said_ = core_.now;
    core_.log.message(
        "CRYPTO", Severity::warnings, "TED_NAT", "{}: TED does not work through NAT", what);
}

std::string show_isakmp_ted(const Engine::State& core, TimePoint now) {
    const auto& ted = core.ted;
    std::string out = fmt::format(
        "Discovery probes outstanding: {} (limit {})\n", ted.probes().size(), Ted::kMaxProbes);
    for (const auto& [flow, probe] : ted.probes()) {
        out += fmt::format("  {:<15} -> {:<15} {} via {}, sent {} times\n",
                           flow.source.to_string(),
                           flow.destination.to_string(),
                           interface_text(core, flow.interface),
                           probe.request.next_hop.to_string(),
                           probe.sent);
    }
    out += fmt::format(
        "Flows without an answer: {} (limit {})\n", ted.silent().size(), Ted::kMaxSilent);
    for (const auto& [flow, silent] : ted.silent()) {
        if (silent.until > now) {
            out += fmt::format("  {:<15} -> {:<15} left alone for {} s\n",
                               flow.source.to_string(),
                               flow.destination.to_string(),
                               seconds_text(silent.until - now));
        }
    }
    out += fmt::format("Proxies that could not be negotiated: {}\n", ted.refused().size());
    for (const auto& entry : ted.refused()) {
        if (entry.until > now) {
            out += fmt::format("  {} -> {} left alone for {} s\n",
                               subnet_text(entry.proxies.local),
                               subnet_text(entry.proxies.remote),
                               seconds_text(entry.until - now));
        }
    }
    for (std::size_t i = 0; i < kCounterNames.size(); ++i) {
        if (kCounterNames[i].starts_with("ted_")) {
            out += fmt::format(
                "{:<26} {}\n", kCounterNames[i], core.counters.of(static_cast<Counter>(i)));
        }
    }
    return out;
}

}  // namespace viaduct::ike
