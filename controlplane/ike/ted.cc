// The asking side; the answering side is ted_answer.cc.
#include "controlplane/ike/ted.h"

#include <algorithm>
#include <array>

#include "controlplane/ike/core.h"
#include "controlplane/ike/debug_text.h"
#include "controlplane/ike/show.h"
#include "controlplane/ike/ted_debug.h"

namespace viaduct::ike {

namespace {

constexpr std::array<Duration, 3> kWaits{5s, Ted::kAnswerTime, Ted::kAnswerTime};
constexpr Duration kPostponed = 1s;  // no token for a repetition
constexpr Duration kPurge = 1s;  // IOS: the discovery's SA is purged a second after its end
constexpr Duration kForget =
    300s;  // after its silence has ended, how often a flow was silent is forgotten
constexpr std::uint32_t kWaiting = 0;  // timer details
constexpr std::uint32_t kPurging = 1;

bool contains(const ProxyPair& proxies, const DiscoverRequest& request) {
    return proxies.local.contains(request.source) && proxies.remote.contains(request.destination);
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

}  // namespace

bool is_station(Ipv4Address address) {
    return !address.is_unspecified() && !address.is_multicast() && !address.is_broadcast() &&
           address.value() >> 24U != 127 && address.value() >> 24U != 0;
}

bool TedBucket::take(TimePoint now) {
    const std::chrono::duration<double> passed = now - filled_;
    tokens_ = std::min(burst_, tokens_ + passed.count() * rate_);
    filled_ = now;
    if (tokens_ < 1) {
        return false;
    }
    tokens_ -= 1;
    return true;
}

ConnectionId Ted::next_number() {
    core_.last_connection = ConnectionId{core_.last_connection.value() + 1};
    return core_.last_connection;
}

// ── when not to ask ─────────────────────────────────────────────────────────────────────────────

bool Ted::left_alone(const Flow& flow, const DiscoverRequest& request) {
    std::erase_if(refused_, [&](const auto& entry) { return entry.until <= core_.now; });
    const auto silent = silent_.find(flow);
    const bool is_silent = silent != silent_.end() && silent->second.until > core_.now;
    const bool is_refused = std::any_of(refused_.begin(), refused_.end(), [&](const auto& entry) {
        return entry.policy == request.policy && contains(entry.proxies, request);
    });
    return is_silent || is_refused;
}

/// SAs for the flow are being negotiated, or stand already.
bool Ted::under_way(const DiscoverRequest& request) const {
    const auto is_for = [&](const PolicyRef& policy, const ProxyPair& proxies) {
        return policy == request.policy && contains(proxies, request);
    };
    const auto& requests = core_.requests.all();
    const bool asked = std::any_of(requests.begin(), requests.end(), [&](const auto& entry) {
        return is_for(entry.second.acquire.policy, entry.second.acquire.proxies);
    });
    const auto& children = core_.children.all();
    return asked || std::any_of(children.begin(), children.end(), [&](const auto& entry) {
               const auto& child = *entry.second;
               return is_for(child.parameters.policy, child.parameters.proxies) &&
                      core_.children.stands(child.parameters.policy, child.parameters.proxies);
           });
}

bool Ted::room_for(const Flow& flow) {
    if (probes_.size() >= kMaxProbes) {
        core_.counters.count(Counter::ted_probe_limit);
        return false;
    }
    const auto of_source = probes_of_source_.find(flow.source);
    if (of_source != probes_of_source_.end() && of_source->second >= kMaxProbesOfSource) {
        core_.counters.count(Counter::ted_source_limit);
        return false;
    }
    if (!probe_bucket_.take(core_.now)) {
        core_.counters.count(Counter::ted_rate_limit);
        return false;
    }
    return true;
}

void Ted::remember_silent(const Flow& flow) {
    std::erase_if(silent_, [&](const auto& e) { return e.second.until + kForget <= core_.now; });
    if (silent_.size() >= kMaxSilent && !silent_.contains(flow)) {
        silent_.erase(std::min_element(silent_.begin(), silent_.end(), [](auto& a, auto& b) {
            return a.second.until < b.second.until;
        }));
    }
    auto& entry = silent_[flow];
    constexpr unsigned kDoublings = 3;
    const auto length = kSilence * (1U << std::min(entry.failures, kDoublings));
    entry.until = core_.now + std::min<Duration>(length, kLongestSilence);
    ++entry.failures;
}

// ── asking ──────────────────────────────────────────────────────────────────────────────────────

void Ted::discover(const DiscoverRequest& request) {
    const Flow flow{request.policy.interface, request.source, request.destination};
    if (probes_.contains(flow)) {
        return;
    }
    if (!is_station(request.source) || !is_station(request.destination) ||
        left_alone(flow, request)) {
        core_.counters.count(Counter::ted_left_alone);
        return;
    }
    if (under_way(request) || !room_for(flow)) {
        return;
    }
    auto& probe = probes_[flow];
    ++probes_of_source_[flow.source];
    probe.number = next_number();
    probe.request = request;
    probe.cookie = Cookie{core_.random.u64() | 1U};
    say_beginning(probe);
    probe.message = write_ted_probe({probe.cookie, request.local, request.local_proxy, true},
                                    core_.random.u64());
    send(probe);
}

void Ted::say_beginning(const Probe& probe) const {
    const auto& request = probe.request;
    const auto number = probe.number.value();
    if (core_.log.enabled(Debug::crypto_ipsec)) {
        core_.log.debug(Debug::crypto_ipsec, "{}", discover_text(core_, request));
    }
    debug("ISAKMP: received ke message (1/1)");
    debug("ISAKMP: GOT A PEER DISCOVERY MESSAGE FROM THE SA MANAGER!!!");
    debug("src = {} to {}, protocol 3, transform 2, hmac 1",
          request.source.to_string(),
          request.destination.to_string());
    debug("proxy source is {} and my address (not used now) is {}",
          subnet_text(request.local_proxy),
          request.local.to_string());
    debug("ISAKMP: local port 500, remote port 500");
    debug("ISAKMP (0:{}): no idb in request", number);
    debug("ISAKMP ({}): ID payload next-payload : 5 type : 1 protocol : 17 port : 500 length : 8",
          number);
    debug("ISAKMP ({}): Total payload length: 12", number);
    debug("1st ID is {}", request.local.to_string());
    debug("2nd ID is {}", subnet_text(request.local_proxy));
    debug("ISAKMP (0:{}): beginning peer discovery exchange", number);
}

void Ted::send(Probe& probe) {
    const auto& request = probe.request;
    debug("ISAKMP (0:{}): sending packet to {} (I) PEER_DISCOVERY via {}:{}",
          probe.number.value(),
          request.destination.to_string(),
          interface_text(core_, request.policy.interface),
          request.next_hop.to_string());
    core_.counters.count(Counter::ted_probes_out);
    core_.actions.emplace_back(SendPacket{
        {request.source, kPortIsakmp}, {request.destination, kPortIsakmp}, probe.message, true});
    core_.timers.set({TimerKind::ted, probe.number.value(), kWaiting},
                     core_.now + kWaits[probe.sent]);
    ++probe.sent;
}

void Ted::on_timer(ConnectionId number, std::uint32_t detail) {
    if (detail == kPurging) {
        debug("ISAKMP (0:{}): purging SA., sa={:X}, delme={:X}",
              number.value(),
              number.value(),
              number.value());
        debug("ISAKMP (0:{}): purging node 0", number.value());
        core_.log.debug(
            Debug::crypto_engine, "CryptoEngine0: delete connection {}", number.value());
        return;
    }
    const auto it = std::find_if(
        probes_.begin(), probes_.end(), [&](const auto& e) { return e.second.number == number; });
    if (it == probes_.end()) {
        return;
    }
    auto& probe = it->second;
    const auto flow = it->first;
    const bool waiting = probe.sent < kWaits.size() && !under_way(probe.request);
    if (waiting && !probe_bucket_.take(core_.now)) {
        core_.timers.set({TimerKind::ted, number.value(), kWaiting}, core_.now + kPostponed);
        return;
    }
    if (waiting) {
        send(probe);
        return;
    }
    if (!under_way(probe.request)) {
        debug("ISAKMP (0:{}): no answer to the peer discovery probe for {}",
              number.value(),
              flow.destination.to_string());
        core_.counters.count(Counter::ted_no_answer);
        remember_silent(flow);
    }
    throw_away(number, "I", flow.destination);
    forget(flow);
}

void Ted::forget(const Flow& flow) {
    const auto it = probes_.find(flow);
    core_.timers.cancel({TimerKind::ted, it->second.number.value(), kWaiting});
    probes_.erase(it);
    if (const auto of_source = probes_of_source_.find(flow.source); --of_source->second == 0) {
        probes_of_source_.erase(of_source);
    }
}

// ── the answer ──────────────────────────────────────────────────────────────────────────────────

/// Asymmetric routes: an answer may come in by another interface than the probe went out, but by one that
/// faces other gateways.
bool Ted::discovers(IfIndex interface) const {
    const auto at = std::find_if(core_.interfaces.begin(),
                                 core_.interfaces.end(),
                                 [&](const auto& row) { return row.index == interface; });
    if (at == core_.interfaces.end()) {
        return false;
    }
    const auto map = core_.crypto().maps.find(at->crypto_map);
    return map != core_.crypto().maps.end() &&
           std::any_of(map->second.entries.begin(), map->second.entries.end(), [](const auto& e) {
               return e.second.discover;
           });
}

std::optional<Counter> Ted::refusal(const Probe& probe,
                                    const TedReply& reply,
                                    const PacketIn& packet) const {
    const auto& request = probe.request;
    const bool here = packet.local == Endpoint{request.local, kPortIsakmp};
    if (!here || (packet.interface != request.policy.interface && !discovers(packet.interface))) {
        return Counter::ted_wrong_interface;
    }
    if (reply.gateway != packet.remote.address || packet.remote.port != kPortIsakmp) {
        return Counter::ted_nat;
    }
    const auto* entry = core_.policies.entry_of(request.policy);
    const auto peers =
        entry == nullptr ? std::vector<Ipv4Address>{} : core_.policies.peers_of(*entry);
    const bool allowed =
        peers.empty() || std::find(peers.begin(), peers.end(), reply.gateway) != peers.end();
    if (entry == nullptr || !allowed || !is_station(reply.gateway) ||
        core_.interface_with(reply.gateway) != nullptr) {
        return Counter::ted_wrong_peer;
    }
    // "The initiator SHOULD double-check that the provisional set of proxies are acceptable given the SPD, and
    // that the original packet would fall within it."
    const auto remote = narrower(request.remote_proxy, reply.proxy);
    if (!remote || !remote->contains(request.destination) ||
        !request.local_proxy.contains(request.source)) {
        return Counter::ted_wrong_proxies;
    }
    return std::nullopt;
}

void Ted::on_reply(const PacketIn& packet, const Header& header) {
    core_.counters.count(Counter::ted_replies_in);
    const auto reply = read_ted_reply(header, packet.payload);
    if (!reply) {
        core_.counters.count(Counter::ted_malformed);
        return;
    }
    const auto it = std::find_if(probes_.begin(), probes_.end(), [&](const auto& e) {
        return e.second.cookie == reply->initiator;
    });
    if (it == probes_.end()) {
        core_.counters.count(Counter::ted_no_probe);
        return;
    }
    const auto flow = it->first;
    const auto probe = it->second;
    say_answer(probe, *reply, packet);
    if (const auto why = refusal(probe, *reply, packet)) {
        core_.counters.count(*why);
        debug("ISAKMP (0:{}): response to my peer discovery probe refused: {}",
              probe.number.value(),
              kCounterNames[static_cast<std::size_t>(*why)]);
        if (*why == Counter::ted_nat) {
            say_nat(fmt::format("discovery reply from {} port {} names {}",
                                packet.remote.address.to_string(),
                                packet.remote.port.value(),
                                reply->gateway.to_string()));
        }
        return;
    }
    silent_.erase(flow);
    forget(flow);
    // Of theirs the addresses alone, and no more of them than our line has; the rest stays as our line says.
    const auto narrowed = *narrower(probe.request.remote_proxy, reply->proxy);
    Proxy far = probe.request.remote_proxy;
    far.address = narrowed.address;
    far.mask = narrowed.mask;
    accept(probe, packet.remote.address, far);
}

void Ted::say_answer(const Probe& probe, const TedReply& reply, const PacketIn& packet) const {
    const auto number = probe.number.value();
    debug("ISAKMP (0:{}): received packet from {} (I) PEER_DISCOVERY",
          number,
          packet.remote.address.to_string());
    if (reply.ios) {
        debug("ISAKMP (0:{}): processing vendor id payload", number);
        debug("ISAKMP (0:{}): speaking to another IOS box!", number);
    }
    debug("ISAKMP (0:{}): processing ID payload. message ID = 0", number);
    // IOS: its inner number for 239.
    debug("ISAKMP:received payload type {}", reply.ios ? 16 : 5);
}

void Ted::accept(const Probe& probe, Ipv4Address peer, const Proxy& far) {
    const auto& request = probe.request;
    const auto number = probe.number.value();
    debug("ISAKMP (0:{}): received response to my peer discovery probe!", number);
    debug("ISAKMP (0:{}): ted negotiated proxies: 0 {}:{}, {}:{}",
          number,
          subnet_text(request.local_proxy),
          request.local_proxy.port,
          subnet_text(far),
          far.port);
    debug("ISAKMP (0:{}): initiating IKE to {} in response to probe.", number, peer.to_string());
    Acquire acquire;
    acquire.policy = request.policy;
    acquire.local = request.local;
    acquire.peers = {peer};
    acquire.proxies = {request.local_proxy, far};
    acquire.discovery = number;
    core_.requests.add(acquire, std::nullopt);
    throw_away(probe.number, "I", request.destination);
    // What else was asked about and is answered by this.
    std::vector<Flow> answered;
    for (const auto& [flow, other] : probes_) {
        if (other.request.policy == request.policy && contains(acquire.proxies, other.request)) {
            answered.push_back(flow);
        }
    }
    for (const auto& flow : answered) {
        forget(flow);
    }
}

void Ted::throw_away(ConnectionId number, std::string_view role, Ipv4Address peer) {
    debug("ISAKMP (0:{}): peer does not do paranoid keepalives.", number.value());
    debug(
        "ISAKMP (0:{}): deleting SA reason \"delete_me flag/throw\" state ({}) PEER_DISCOVERY "
        "(peer {}) input queue 0",
        number.value(),
        role,
        peer.to_string());
    if (role == "R") {
        debug("ISAKMP (0:{}): deleting node 0 error TRUE reason \"delete_me flag/throw\"",
              number.value());
    }
    if (core_.log.enabled(Debug::crypto_isakmp) || core_.log.enabled(Debug::crypto_isakmp_ted)) {
        core_.timers.set({TimerKind::ted, number.value(), kPurging}, core_.now + kPurge);
    }
}

void Ted::on_request_failed(const Acquire& acquire) {
    if (acquire.discovery == 0) {
        return;
    }
    core_.counters.count(Counter::ted_not_negotiated);
    if (refused_.size() >= kMaxRefused) {
        refused_.erase(refused_.begin());
    }
    refused_.push_back({acquire.policy, acquire.proxies, core_.now + kSilence});
}

void Ted::forget_negative() {
    silent_.clear();
    refused_.clear();
}

void Ted::configure() {
    std::vector<Flow> gone;
    for (const auto& [flow, probe] : probes_) {
        const auto* interface = core_.interface_with(probe.request.local);
        if (interface == nullptr || !discovers(flow.interface) ||
            core_.policies.of(probe.request.policy) == nullptr) {
            gone.push_back(flow);
        }
    }
    for (const auto& flow : gone) {
        forget(flow);
    }
    forget_negative();  // what was refused or unanswered may have been the configuration's fault
}

}  // namespace viaduct::ike
