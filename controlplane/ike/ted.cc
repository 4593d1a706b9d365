#include "controlplane/ike/ted.h"

#include <algorithm>
#include <array>

#include "controlplane/ike/core.h"
#include "controlplane/ike/quick_payloads.h"

namespace viaduct::ike {

namespace {

constexpr std::array<Duration, 3> kWaits{5s, 10s, 20s};  // after each sending
constexpr std::string_view kTedVendor = "TED V3 Viaduct";

Identity gateway_identity(Ipv4Address address) {
    Identity id;
    id.protocol = kProtoUdp.value();
    id.port = kPortIsakmp.value();
    ByteWriter out;
    out.address(address);
    id.data = out.take();
    return id;
}

bool contains(const Proxy& outer, Ipv4Address address) {
    return ((outer.address.value() ^ address.value()) & outer.mask.value()) == 0;
}

/// The narrower of two networks, if one lies in the other.
std::optional<Proxy> narrower(const Proxy& a, const Proxy& b) {
    const auto common = a.mask.value() & b.mask.value();
    const bool nested = common == a.mask.value() || common == b.mask.value();
    if (!nested || ((a.address.value() ^ b.address.value()) & common) != 0) {
        return std::nullopt;
    }
    return common == a.mask.value() ? b : a;
}

std::string subnet_text(const Proxy& proxy) {
    return proxy.address.to_string() + "/" + proxy.mask.to_string();
}

/// ID payloads in order; TED's own number counts as one.
std::vector<Identity> identities(Engine::State& core, const Chain& chain) {
    std::vector<Identity> out;
    for (const auto& payload : chain.payloads) {
        if (payload.type != PayloadType::identification && payload.type != PayloadType::ted_proxy) {
            continue;
        }
        if (auto id = parse_identity(payload.body)) {
            out.push_back(std::move(*id));
        } else {
            core.counters.count(Counter::malformed_payload);
            return {};
        }
    }
    return out;
}

}  // namespace

// ── asking ──────────────────────────────────────────────────────────────────────────────────────

void Ted::discover(const DiscoverRequest& request) {
    const Flow flow{request.policy.interface, request.source, request.destination};
    std::erase_if(silent_, [&](const auto& entry) { return entry.second <= core_.now; });
    if (probes_.contains(flow) || silent_.contains(flow)) {
        return;
    }
    if (probes_.size() >= kMaxProbes) {
        core_.counters.count(Counter::ted_limit);
        return;
    }
    auto& probe = probes_[flow];
    probe.number = ++last_number_;
    probe.request = request;
    probe.cookie = Cookie{core_.random.u64() | 1U};
    core_.log.debug(Debug::crypto_isakmp, "ISAKMP: received ke message (1/1)");
    core_.log.debug(Debug::crypto_isakmp,
                    "ISAKMP: GOT A PEER DISCOVERY MESSAGE FROM THE SA MANAGER!!!");
    core_.log.debug(Debug::crypto_isakmp,
                    "src = {} to {}, protocol 3, transform 2, hmac 1",
                    request.source.to_string(),
                    request.destination.to_string());
    core_.log.debug(Debug::crypto_isakmp,
                    "proxy source is {} and my address (not used now) is {}",
                    subnet_text(request.local_proxy),
                    request.local.to_string());
    core_.log.debug(Debug::crypto_isakmp, "ISAKMP: local port 500, remote port 500");
    core_.log.debug(Debug::crypto_isakmp, "ISAKMP (0:{}): no idb in request", probe.number);
    core_.log.debug(
        Debug::crypto_isakmp,
        "ISAKMP ({}): ID payload next-payload : 5 type : 1 protocol : 17 port : 500 length : 8",
        probe.number);
    core_.log.debug(Debug::crypto_isakmp, "ISAKMP ({}): Total payload length: 12", probe.number);
    core_.log.debug(Debug::crypto_isakmp, "1st ID is {}", request.local.to_string());
    core_.log.debug(Debug::crypto_isakmp, "2nd ID is {}", subnet_text(request.local_proxy));
    core_.log.debug(
        Debug::crypto_isakmp, "ISAKMP (0:{}): beginning peer discovery exchange", probe.number);
    ChainWriter chain;
    chain.add(PayloadType::vendor_id, ios_vendor_id(probe.cookie, core_.random.u64()));
    chain.add(PayloadType::identification, write_identity(gateway_identity(request.local)));
    chain.add(PayloadType::identification, write_identity(identity_of(request.local_proxy)));
    chain.add(PayloadType::vendor_id, as_bytes(kTedVendor));
    Header h;
    h.initiator = probe.cookie;
    h.next = chain.first();
    h.exchange = ExchangeType::ted_probe;
    probe.message = write_message(h, chain.view());
    send(probe);
}

void Ted::send(Probe& probe) {
    const auto& request = probe.request;
    core_.log.debug(Debug::crypto_isakmp,
                    "ISAKMP (0:{}): sending packet to {} (I) PEER_DISCOVERY",
                    probe.number,
                    request.destination.to_string());
    core_.counters.count(Counter::ted_probes_out);
    core_.actions.emplace_back(SendPacket{
        {request.source, kPortIsakmp}, {request.destination, kPortIsakmp}, probe.message, true});
    core_.timers.set({TimerKind::ted, probe.number}, core_.now + kWaits[probe.sent]);
    ++probe.sent;
}

void Ted::on_timer(std::uint64_t number) {
    const auto it = std::find_if(
        probes_.begin(), probes_.end(), [&](const auto& e) { return e.second.number == number; });
    if (it == probes_.end()) {
        return;
    }
    if (it->second.sent < kWaits.size()) {
        send(it->second);
        return;
    }
    core_.log.debug(Debug::crypto_isakmp,
                    "ISAKMP (0:{}): no answer to the discovery probe for {}",
                    number,
                    it->first.destination.to_string());
    if (silent_.size() < kMaxSilent) {
        silent_.emplace(it->first, core_.now + kSilence);
    }
    probes_.erase(it);
}

void Ted::on_reply(const PacketIn& packet, const Header& header) {
    core_.counters.count(Counter::ted_replies_in);
    const auto it = std::find_if(probes_.begin(), probes_.end(), [&](const auto& e) {
        return e.second.cookie == header.initiator;
    });
    const auto chain =
        parse_chain(header.next, packet.payload.subspan(kHeaderBytes), Padding::none);
    const auto ids = chain ? identities(core_, *chain) : std::vector<Identity>{};
    if (it == probes_.end() || header.encrypted() || header.message_id != MessageId{} ||
        ids.size() < 2 || packet.local.address != it->second.request.local) {
        core_.counters.count(Counter::ted_refused);
        return;
    }
    const auto number = it->second.number;
    const auto request = it->second.request;
    core_.log.debug(Debug::crypto_isakmp,
                    "ISAKMP (0:{}): received packet from {} (I) PEER_DISCOVERY",
                    number,
                    packet.remote.address.to_string());
    for (const auto& payload : chain->payloads) {
        if (payload.type == PayloadType::vendor_id) {
            core_.log.debug(
                Debug::crypto_isakmp, "ISAKMP (0:{}): processing vendor id payload", number);
            if (is_ios_vendor_id(payload.body, header.responder)) {
                core_.log.debug(
                    Debug::crypto_isakmp, "ISAKMP (0:{}): speaking to another IOS box!", number);
            }
        } else if (payload.type == PayloadType::identification) {
            core_.log.debug(Debug::crypto_isakmp,
                            "ISAKMP (0:{}): processing ID payload. message ID = 0",
                            number);
        } else if (payload.type == PayloadType::ted_proxy) {
            core_.log.debug(Debug::crypto_isakmp, "ISAKMP:received payload type 16");
        }
    }
    if (ids[0].address() != packet.remote.address) {
        core_.counters.count(Counter::ted_refused);
        core_.log.message("CRYPTO",
                          Severity::warnings,
                          "TED_NAT",
                          "discovery reply from {} names {}: TED does not work through NAT",
                          packet.remote.address.to_string(),
                          ids[0].text());
        return;
    }
    // What both protect, the original packet in it.
    const auto theirs = proxy_of(ids[1]);
    const auto remote = theirs ? narrower(request.remote_proxy, *theirs) : std::nullopt;
    if (!remote || !contains(*remote, request.destination) ||
        !contains(request.local_proxy, request.source)) {
        core_.counters.count(Counter::ted_refused);
        return;
    }
    core_.log.debug(Debug::crypto_isakmp,
                    "ISAKMP (0:{}): received response to my peer discovery probe!",
                    number);
    Proxy far = request.remote_proxy;
    far.address = remote->address;
    far.mask = remote->mask;
    core_.log.debug(Debug::crypto_isakmp,
                    "ISAKMP (0:{}): ted negotiated proxies: 0 {}:{}, {}:{}",
                    number,
                    subnet_text(request.local_proxy),
                    request.local_proxy.port,
                    subnet_text(far),
                    far.port);
    core_.log.debug(Debug::crypto_isakmp,
                    "ISAKMP (0:{}): initiating IKE to {} in response to probe.",
                    number,
                    packet.remote.address.to_string());
    core_.timers.cancel({TimerKind::ted, number});
    probes_.erase(it);
    Acquire acquire;
    acquire.policy = request.policy;
    acquire.local = request.local;
    acquire.peers = {packet.remote.address};
    acquire.proxies = {request.local_proxy, far};
    core_.requests.add(acquire, std::nullopt);
    core_.log.debug(Debug::crypto_isakmp,
                    "ISAKMP (0:{}): deleting SA reason \"delete_me flag/throw\" state (I) "
                    "PEER_DISCOVERY (peer {}) "
                    "input queue 0",
                    number,
                    request.destination.to_string());
}

// ── answering ───────────────────────────────────────────────────────────────────────────────────

std::optional<Ted::Match> Ted::protects(Ipv4Address source, Ipv4Address destination) const {
    for (const auto& interface : core_.interfaces) {
        const auto map = core_.crypto().maps.find(interface.crypto_map);
        if (map == core_.crypto().maps.end() || interface.address.is_unspecified()) {
            continue;
        }
        for (const auto& [sequence, entry] : map->second.entries) {
            const auto dynamic = core_.crypto().dynamic_maps.find(entry.dynamic_map);
            if (!entry.discover || dynamic == core_.crypto().dynamic_maps.end()) {
                continue;
            }
            for (const auto& [dynamic_sequence, row] : dynamic->second.entries) {
                // Seen from here: our side is the probe's destination.
                if (const auto local =
                        core_.policies.protected_side(row.match_address, destination, source)) {
                    return Match{&interface, *local};
                }
            }
        }
    }
    return std::nullopt;
}

bool Ted::take_token() {
    const auto passed = core_.now - tokens_at_;
    if (passed >= 1s) {
        tokens_ = kAnswersPerSecond;
        tokens_at_ = core_.now;
    }
    if (tokens_ == 0) {
        return false;
    }
    --tokens_;
    return true;
}

void Ted::on_probe(const PacketIn& packet, const Header& header) {
    core_.counters.count(Counter::ted_probes_in);
    const auto chain =
        parse_chain(header.next, packet.payload.subspan(kHeaderBytes), Padding::none);
    const auto ids = chain ? identities(core_, *chain) : std::vector<Identity>{};
    if (header.encrypted() || header.message_id != MessageId{} || header.responder != Cookie{} ||
        ids.empty() || ids[0].type != IdType::ipv4_address) {
        core_.counters.count(Counter::ted_refused);
        return;
    }
    const auto match = protects(packet.remote.address, packet.local.address);
    if (!match) {
        core_.counters.count(Counter::ted_refused);
        return;
    }
    if (!take_token()) {
        core_.counters.count(Counter::ted_limit);
        return;
    }
    const auto asker = *ids[0].address();
    const auto number = ++last_number_;
    core_.log.debug(Debug::crypto_isakmp,
                    "ISAKMP (0:0): received packet from {} (N) NEW SA",
                    packet.remote.address.to_string());
    core_.log.debug(Debug::crypto_isakmp, "ISAKMP: local port 500, remote port 500");
    bool ios = false;
    for (const auto& payload : chain->payloads) {
        if (payload.type == PayloadType::vendor_id) {
            core_.log.debug(
                Debug::crypto_isakmp, "ISAKMP (0:{}): processing vendor id payload", number);
            if (is_ios_vendor_id(payload.body, header.initiator)) {
                ios = true;
                core_.log.debug(
                    Debug::crypto_isakmp, "ISAKMP (0:{}): speaking to another IOS box!", number);
            }
        } else if (payload.type == PayloadType::identification) {
            core_.log.debug(Debug::crypto_isakmp,
                            "ISAKMP (0:{}): processing ID payload. message ID = 0",
                            number);
        }
    }
    core_.log.debug(
        Debug::crypto_isakmp, "ISAKMP (0:{}): responding to peer discovery probe!", number);
    core_.log.debug(Debug::crypto_isakmp, "peer's address is {}", asker.to_string());
    if (const auto theirs = ids.size() > 1 ? proxy_of(ids[1]) : std::nullopt) {
        core_.log.debug(Debug::crypto_isakmp,
                        "src (him) 4, {} to dst (me) 0, 0.0.0.0/0.0.0.0",
                        subnet_text(*theirs));
    }
    core_.log.debug(Debug::crypto_isakmp,
                    "ISAKMP (0:{}): peer can handle TED V3: changing source to {} and dest to {}",
                    number,
                    asker.to_string(),
                    match->interface->address.to_string());
    Header h;
    h.initiator = header.initiator;
    h.responder = Cookie{core_.random.u64() | 1U};
    h.exchange = ExchangeType::ted_reply;
    ChainWriter answer;
    answer.add(PayloadType::vendor_id, ios_vendor_id(h.responder, core_.random.u64()));
    answer.add(PayloadType::identification,
               write_identity(gateway_identity(match->interface->address)));
    // IOS: its own payload number for the proxy, to those who know it.
    const auto proxy_type = ios ? PayloadType::ted_proxy : PayloadType::identification;
    answer.add(proxy_type, write_identity(identity_of(match->local)));
    h.next = answer.first();
    core_.log.debug(
        Debug::crypto_isakmp,
        "ISAKMP ({}): ID payload next-payload : {} type : 1 protocol : 17 port : 500 length : 8",
        number,
        static_cast<unsigned>(proxy_type));
    core_.log.debug(Debug::crypto_isakmp, "ISAKMP ({}): Total payload length: 12", number);
    const auto message = write_message(h, answer.view());
    // Nothing is amplified.
    if (message.size() > packet.payload.size()) {
        core_.counters.count(Counter::ted_refused);
        return;
    }
    core_.log.debug(Debug::crypto_isakmp,
                    "ISAKMP (0:{}): sending packet to {} (R) PEER_DISCOVERY",
                    number,
                    asker.to_string());
    core_.counters.count(Counter::ted_replies_out);
    core_.send_datagram({match->interface->address, kPortIsakmp}, {asker, kPortIsakmp}, message);
    core_.log.debug(
        Debug::crypto_isakmp, "ISAKMP (0:{}): peer does not do paranoid keepalives.", number);
    core_.log.debug(Debug::crypto_isakmp,
                    "ISAKMP (0:{}): deleting SA reason \"delete_me flag/throw\" state (R) "
                    "PEER_DISCOVERY (peer {}) "
                    "input queue 0",
                    number,
                    asker.to_string());
}

void Ted::reset() {
    for (const auto& entry : probes_) {
        core_.timers.cancel({TimerKind::ted, entry.second.number});
    }
    probes_.clear();
    silent_.clear();
}

}  // namespace viaduct::ike
