#include "controlplane/ike/requests.h"

#include <algorithm>

#include "controlplane/ike/core.h"
#include "controlplane/ike/keyring.h"

namespace viaduct::ike {

namespace {

constexpr Duration kUnconfirmedWait = 3s;
constexpr Duration kHalfWait = 1s;

/// `crypto isakmp peer …` of this peer, by its address or a name of `ip host`.
const config::PerPeerAggressive* peer_row(const Engine::State& core, Ipv4Address remote) {
    for (const auto& [name, row] : core.crypto().aggressive_peers) {
        const auto host = core.config->system.hosts.find(name);
        if (name == remote.to_string() ||
            (host != core.config->system.hosts.end() && host->second == remote)) {
            return &row;
        }
    }
    return nullptr;
}

/// "fqdn east.example.com" as an identity; our own address without one.
Identity endpoint_identity(const std::string& endpoint, Ipv4Address local) {
    Identity id;
    const auto space = endpoint.find(' ');
    auto value = space == std::string::npos ? std::string{} : endpoint.substr(space + 1);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
        value = value.substr(1, value.size() - 2);
    }
    if (endpoint.starts_with("fqdn ") || endpoint.starts_with("user-fqdn ")) {
        id.type = endpoint.starts_with("fqdn ") ? IdType::fqdn : IdType::user_fqdn;
        id.data.assign(value.begin(), value.end());
        return id;
    }
    ByteWriter out;
    out.address(Ipv4Address::parse(value).value_or(local));
    id.data = out.take();
    return id;
}

/// How phase 1 is begun in aggressive mode with this peer; nullopt: main mode.
// IOS: both `set aggressive-mode` lines together; without a password of its own the peer's key serves here.
std::optional<AggressiveMode::Credentials> aggressive_credentials(Engine::State& core,
                                                                  Ipv4Address local,
                                                                  Ipv4Address remote,
                                                                  const std::string& keyring) {
    const auto* row = peer_row(core, remote);
    if (row == nullptr || row->client_endpoint.empty() || core.crypto().aggressive_disable) {
        return std::nullopt;
    }
    AggressiveMode::Credentials out;
    out.own = endpoint_identity(row->client_endpoint, local);
    if (!row->password.empty()) {
        out.key = plain_key(row->password);
    } else if (auto found = find_key(*core.config, core.log, remote, keyring)) {
        out.key = std::move(found->key);
    } else {
        return std::nullopt;
    }
    return out;
}

}  // namespace

bool Requests::pending_for(const PolicyRef& policy,
                           const ProxyPair& proxies,
                           const std::optional<Ipv4Address>& remote_original) const {
    return std::any_of(requests_.begin(), requests_.end(), [&](const auto& entry) {
        const auto& acquire = entry.second.acquire;
        return acquire.policy == policy && acquire.proxies == proxies &&
               acquire.remote_original == remote_original;
    });
}

void Requests::add(const Acquire& acquire, std::optional<ChildId> rekeys) {
    if (acquire.peers.empty() || core_.policies.of(acquire.policy) == nullptr) {
        core_.actions.emplace_back(
            ChildState{acquire.policy,
                       acquire.local,
                       acquire.peers.empty() ? Ipv4Address{} : acquire.peers.front(),
                       acquire.proxies,
                       acquire.remote_original,
                       false,
                       "no policy or no peer"});
        return;
    }
    if (pending_for(acquire.policy, acquire.proxies, acquire.remote_original)) {
        return;
    }
    if (requests_.size() >= kMaxRequests) {
        core_.counters.count(Counter::request_limit);
        return;
    }
    last_ = RequestId{last_.value() + 1};
    auto& request = requests_[last_];
    request.id = last_;
    request.acquire = acquire;
    request.rekeys = rekeys;
    const auto* policy = core_.policies.of(acquire.policy);
    if (acquire.discovery == 0) {  // IOS: the discovery has its own lines
        core_.log.debug(Debug::crypto_isakmp, "ISAKMP: received ke message (1/1)");
        core_.log.debug(Debug::crypto_isakmp,
                        "ISAKMP (0:0): SA request profile is {}",
                        policy->isakmp_profile.empty() ? "(NULL)" : policy->isakmp_profile);
    }
    advance(request);
}

/// An ISAKMP SA in the making that is worth waiting for: ours, or the peer's.
IkeSa* Requests::usable_attempt(Ipv4Address local, Ipv4Address remote) const {
    if (auto* own = core_.phase1.find_initiating(local, remote)) {
        return own;
    }
    const auto [first, last] = core_.by_remote.equal_range(remote);
    for (auto it = first; it != last; ++it) {
        auto* sa = core_.ike(it->second);
        if (sa != nullptr && !sa->initiator() && !sa->complete() && sa->local.address == local) {
            return sa;
        }
    }
    return nullptr;
}

/// The port at which a station behind a NAT is known: several may stand behind one address.
std::optional<L4Port> Requests::port_of_station(Ipv4Address local,
                                                Ipv4Address remote,
                                                Ipv4Address original) const {
    if (const auto port = core_.children.port_of(remote, original)) {
        return port;
    }
    const auto [first, last] = core_.by_remote.equal_range(remote);
    for (auto it = first; it != last; ++it) {
        const auto* sa = core_.ike(it->second);
        if (sa != nullptr && sa->complete() && sa->local.address == local &&
            sa->nat.remote_behind && sa->peer_id.address() == original) {
            return sa->remote.port;
        }
    }
    return std::nullopt;
}

void Requests::advance(Request& request) {
    const auto id = request.id;
    const auto local = request.acquire.local;
    const auto remote = request.acquire.peers[request.next_peer];
    const auto* policy = core_.policies.of(request.acquire.policy);
    const auto profile = policy == nullptr ? std::string{} : policy->isakmp_profile;
    std::optional<L4Port> port;
    if (request.rekeys) {
        if (const auto* child = core_.children.find(*request.rekeys)) {
            port = child->parameters.udp_encapsulation
                       ? std::optional(child->parameters.remote.port)
                       : std::nullopt;
        }
    }
    // Another station's ISAKMP SA behind the same NAT is not this one's.
    const auto original = request.acquire.remote_original;
    if (!port && original) {
        port = port_of_station(local, remote, *original);
    }
    const bool unknown = !port && original;
    if (auto* sa = unknown ? nullptr : core_.phase1.find_complete(local, remote, port, profile)) {
        on_phase1_ready(id, *sa);
        return;
    }
    if (auto* sa =
            unknown ? core_.phase1.find_initiating(local, remote) : usable_attempt(local, remote)) {
        request.ike = sa->id;
        sa->waiting.push_back(id);
        if (sa->state == Phase1State::r_mm2) {
            // Anyone can send a first message in the peer's name: it does not hold us up for long.
            core_.timers.set({TimerKind::request, id.value()}, core_.now + kUnconfirmedWait);
        }
        return;
    }
    if (port && *port != kPortNatT && *port != kPortIsakmp) {
        give_up(id, "the peer is behind a NAT and has no ISAKMP SA");
        return;
    }
    initiate(request);
}

void Requests::initiate(Request& request) {
    const auto id = request.id;
    const auto local = request.acquire.local;
    const auto remote = request.acquire.peers[request.next_peer];
    const auto* policy = core_.policies.of(request.acquire.policy);
    if (!request.acquire.policy.ezvpn.empty()) {
        give_up(id, "the EzVPN session has ended");  // phase 1 is begun by its own rules
        return;
    }
    const Cookie cookie{core_.random.u64() | 1U};
    auto* sa =
        core_.phase1.create(Role::initiator, {local, kPortIsakmp}, {remote, kPortIsakmp}, cookie);
    if (sa == nullptr) {
        give_up(id, "too many ISAKMP SAs");
        return;
    }
    if (request.acquire.discovery != 0) {
        core_.log.debug(core_.log.enabled(Debug::crypto_isakmp_ted) ? Debug::crypto_isakmp_ted
                                                                    : Debug::crypto_isakmp,
                        "ISAKMP (0:{}): created new SA after peer-discovery with {}",
                        request.acquire.discovery,
                        remote.to_string());
    }
    sa->profile = policy == nullptr ? std::string{} : policy->isakmp_profile;
    sa->waiting.push_back(id);
    request.ike = sa->id;
    const auto* profile = profile_named(core_.crypto(), sa->profile);
    const auto aggressive = aggressive_credentials(
        core_, local, remote, profile == nullptr ? std::string{} : profile->keyring);
    const bool begun =
        aggressive ? core_.aggressive.start(*sa, *aggressive) : core_.main_mode.start(*sa);
    if (!begun) {
        core_.phase1.fail(*sa, "no key or no policy for the peer");
    }
}

void Requests::on_phase1_ready(RequestId id, IkeSa& sa) {
    const auto it = requests_.find(id);
    if (it == requests_.end()) {
        return;
    }
    auto& request = it->second;
    request.ike = sa.id;
    if (!Transactions::ready(sa)) {
        sa.waiting.push_back(id);
        return;
    }
    switch (core_.children.progress(request.acquire.policy, request.acquire.proxies, sa)) {
    case Children::Progress::half:
        // The peer is building a pair for this flow: ours would only collide with it.
        core_.timers.set({TimerKind::request, id.value()}, core_.now + kHalfWait);
        return;
    case Children::Progress::live:
        if (!request.rekeys) {
            on_quick_done(id);
            return;
        }
        break;
    case Children::Progress::none:
        break;
    }
    request.running = true;
    core_.quick_mode.start(sa, request);
}

void Requests::on_timer(RequestId id) {
    const auto it = requests_.find(id);
    if (it == requests_.end() || it->second.running) {
        return;
    }
    auto& request = it->second;
    auto* sa = request.ike ? core_.ike(*request.ike) : nullptr;
    if (sa == nullptr) {
        advance(request);
    } else if (sa->complete()) {
        on_phase1_ready(id, *sa);
    } else if (sa->state == Phase1State::r_mm2) {
        std::erase(sa->waiting, id);
        initiate(request);
    }
}

void Requests::on_phase1_lost(RequestId id, const IkeSa& sa, std::string_view reason) {
    const auto it = requests_.find(id);
    if (it == requests_.end()) {
        return;
    }
    it->second.ike.reset();
    if (!sa.initiator() && !it->second.retried) {
        // It was the peer's attempt that came to nothing: now one of our own.
        it->second.retried = true;
        advance(it->second);
        return;
    }
    next_peer(id, reason);
}

void Requests::on_quick_done(RequestId id) {
    core_.timers.cancel({TimerKind::request, id.value()});
    requests_.erase(id);
}

void Requests::detach(RequestId id) {
    const auto it = requests_.find(id);
    if (it != requests_.end()) {
        it->second.running = false;
        it->second.ike.reset();
    }
}

void Requests::on_quick_failed(RequestId id, std::string_view reason, bool silent) {
    const auto it = requests_.find(id);
    if (it == requests_.end()) {
        return;
    }
    auto& request = it->second;
    request.running = false;
    request.ike.reset();
    if (silent && !request.retried) {
        // The peer may have lost its state: the ISAKMP SA has gone with this exchange, once more anew.
        request.retried = true;
        advance(request);
        return;
    }
    next_peer(id, reason);
}

void Requests::next_peer(RequestId id, std::string_view reason) {
    auto& request = requests_.at(id);
    if (request.next_peer + 1 >= request.acquire.peers.size()) {
        give_up(id, reason);
        return;
    }
    ++request.next_peer;
    request.retried = false;
    advance(request);
}

void Requests::give_up(RequestId id, std::string_view reason) {
    core_.timers.cancel({TimerKind::request, id.value()});
    const auto request = std::move(requests_.extract(id).mapped());
    const auto remote = request.acquire.peers[request.next_peer];
    // While the pair to be replaced stands, another attempt is worth while.
    if (request.rekeys && core_.children.retry_later(*request.rekeys)) {
        return;
    }
    const auto& original = request.acquire.remote_original;
    if (original ? core_.children.stands_with(request.acquire.policy.interface, remote, original)
                 : core_.children.stands(request.acquire.policy, request.acquire.proxies)) {
        return;
    }
    core_.ted.on_request_failed(request.acquire);
    core_.actions.emplace_back(ChildState{request.acquire.policy,
                                          request.acquire.local,
                                          remote,
                                          request.acquire.proxies,
                                          request.acquire.remote_original,
                                          false,
                                          std::string(reason)});
}

void Requests::move(const std::vector<RequestId>& ids, ConnectionId to) {
    for (const auto id : ids) {
        const auto it = requests_.find(id);
        if (it != requests_.end()) {
            it->second.ike = to;
        }
    }
}

void Requests::drop_if_gone() {
    std::vector<RequestId> gone;
    for (const auto& [id, request] : requests_) {
        if (core_.policies.of(request.acquire.policy) == nullptr ||
            core_.interface_with(request.acquire.local) == nullptr) {
            gone.push_back(id);
        }
    }
    for (const auto id : gone) {
        give_up(id, "configuration changed");
    }
}

void Requests::drop_for(const PolicyRef& policy,
                        Ipv4Address remote,
                        const std::optional<Ipv4Address>& remote_original) {
    std::erase_if(requests_, [&](const auto& entry) {
        const auto& acquire = entry.second.acquire;
        return acquire.policy == policy && acquire.peers[entry.second.next_peer] == remote &&
               same_station(remote_original, acquire.remote_original);
    });
}

}  // namespace viaduct::ike
