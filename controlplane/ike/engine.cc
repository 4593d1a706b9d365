// The engine's inputs and outputs: each sets the time, does its part and checks the invariants.
#include "controlplane/ike/engine.h"

#include <algorithm>

#include "controlplane/ike/core.h"
#include "controlplane/ike/keyring.h"
#include "controlplane/ike/nat_path.h"
#include "crypto/primitives.h"
#include "dataplane/base/check.h"

namespace viaduct::ike {

namespace {

constexpr std::size_t kMaxChecked = 64;

}  // namespace

Engine::State::State(Random& random_source,
                     Log& log_target,
                     crypto::Offload& offload_target,
                     SpiSource& spi_source,
                     const SaUsageSource& usage_source)
    : random(random_source),
      log(log_target),
      offload(offload_target),
      spis(spi_source),
      usage(usage_source),
      phase1(*this),
      main_mode(*this),
      quick_mode(*this),
      informational(*this),
      requests(*this),
      children(*this),
      policies(*this),
      fragments(*this),
      aggressive(*this),
      transactions(*this),
      sessions(*this),
      ezvpn(*this),
      ted(*this),
      signatures(*this) {}

const LocalInterface* Engine::State::interface_with(Ipv4Address address) const {
    const auto it = std::find_if(interfaces.begin(), interfaces.end(), [&](const auto& interface) {
        return interface.address == address && !interface.address.is_unspecified();
    });
    return it == interfaces.end() ? nullptr : &*it;
}

Ipv4Address Engine::State::map_address(const LocalInterface& interface) const {
    const auto map = crypto().maps.find(interface.crypto_map);
    if (map != crypto().maps.end() && map->second.local_address) {
        for (const auto& other : interfaces) {
            if (other.name == *map->second.local_address && !other.address.is_unspecified()) {
                return other.address;
            }
        }
    }
    return interface.address;
}

const config::CryptoMap* Engine::State::map_at(Ipv4Address address) const {
    for (const auto& interface : interfaces) {
        const auto map = crypto().maps.find(interface.crypto_map);
        if (map != crypto().maps.end() && map_address(interface) == address) {
            return &map->second;
        }
    }
    return nullptr;
}

void Engine::State::send_datagram(const Endpoint& local,
                                  const Endpoint& remote,
                                  BytesView message) {
    counters.count(Counter::packets_out);
    Bytes payload;
    if (local.port == kPortNatT) {
        payload.assign(4, 0);  // non-ESP marker (RFC 3948, 2.2)
    }
    payload.insert(payload.end(), message.begin(), message.end());
    actions.emplace_back(SendPacket{local, remote, std::move(payload), false});
}

std::uint64_t Engine::State::submit_dh(JobOwner owner,
                                       crypto::DhGroup group,
                                       std::optional<crypto::DhKeyPair> own,
                                       BytesView peer_public) {
    const auto id = ++last_job;
    jobs.emplace(id, owner);
    offload.submit(
        crypto::DhJob{id, group, std::move(own), Bytes(peer_public.begin(), peer_public.end())});
    return id;
}

std::uint64_t Engine::State::submit_sign(JobOwner owner,
                                         const crypto::RsaPrivateKey& key,
                                         Bytes hash) {
    const auto id = ++last_job;
    jobs.emplace(id, owner);
    offload.submit(crypto::SignJob{id, key, std::move(hash)});
    return id;
}

void Engine::State::check_invariants() const {
    // Walking everything after each input is for small tables; the large ones keep their counts.
    VIADUCT_CHECK(by_remote.size() == ikes.size() && half_open.size() <= kMaxHalfOpen);
    if (ikes.size() + children.all().size() > kMaxChecked) {
        return;
    }
    std::size_t half = 0;
    for (const auto& [id, sa] : ikes) {
        VIADUCT_CHECK(sa->id == id && sa->state != Phase1State::dead_sa);
        const bool in_table = half_open.contains({sa->created, id});
        VIADUCT_CHECK(in_table == (!sa->initiator() && !sa->complete()));
        half += in_table ? 1U : 0U;
        VIADUCT_CHECK(!sa->complete() || (sa->keyed && sa->job == 0));
        const auto owner = id.value();
        const bool setup = timers.of({TimerKind::phase1_setup, owner}).has_value();
        const bool hard = timers.of({TimerKind::phase1_hard, owner}).has_value();
        VIADUCT_CHECK(setup != sa->complete() && hard == sa->complete());
        VIADUCT_CHECK(sa->exchanges.size() <= kMaxExchanges);
    }
    VIADUCT_CHECK(half == half_open.size());
    children.check_invariants();
}

void Engine::State::run_timer(const TimerKey& key) {
    const ConnectionId ike_id{static_cast<std::uint32_t>(key.owner)};
    const ChildId child_id{key.owner};
    const MessageId message_id{key.detail};
    switch (key.kind) {
    case TimerKind::phase1_setup:
        return phase1.on_timer_setup(ike_id);
    case TimerKind::phase1_retransmit:
        return phase1.on_timer_retransmit(ike_id);
    case TimerKind::phase1_soft:
        return phase1.on_timer_soft(ike_id);
    case TimerKind::phase1_hard:
        return phase1.on_timer_hard(ike_id);
    case TimerKind::phase1_delete:
        return phase1.destroy(ike_id, "superseded", Phase1::Notify::yes);
    case TimerKind::dpd:
        return informational.on_timer_dpd(ike_id);
    case TimerKind::nat_keepalive:
        return informational.on_timer_keepalive(ike_id);
    case TimerKind::exchange_retransmit:
        return quick_mode.on_timer_retransmit(ike_id, message_id);
    case TimerKind::transaction_retransmit:
        return transactions.on_timer_retransmit(ike_id, message_id);
    case TimerKind::client_setup:
        return transactions.on_timer_setup(ike_id);
    case TimerKind::ezvpn_retry:
        return ezvpn.on_timer_retry(key.owner);
    case TimerKind::exchange_purge:
        return quick_mode.on_timer_purge(ike_id, message_id);
    case TimerKind::child_soft:
        return children.on_timer_soft(child_id);
    case TimerKind::child_outbound_end:
        return children.on_timer_outbound_end(child_id);
    case TimerKind::child_hard:
        return children.on_timer_hard(child_id);
    case TimerKind::child_drain:
        return children.on_timer_drain(child_id);
    case TimerKind::child_idle:
        return children.on_timer_idle(child_id);
    case TimerKind::child_nat_path:
        return on_timer_nat_path(*this, child_id);
    case TimerKind::fragment:
        return fragments.on_timeout(key.owner);
    case TimerKind::request:
        return requests.on_timer(RequestId{key.owner});
    case TimerKind::ted:
        return ted.on_timer(ike_id, key.detail);
    }
}

namespace {

/// Around each input: the time before it, the invariants after it.
class Turn {
public:
    Turn(Engine::State& core, TimePoint now) : core_(core) { core_.now = now; }

    ~Turn() { core_.check_invariants(); }

    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    Turn(Turn&&) = delete;
    Turn& operator=(Turn&&) = delete;

private:
    Engine::State& core_;
};

/// An ISAKMP SA whose address, key or policy is no longer configured.
bool disallowed(Engine::State& core, const IkeSa& sa) {
    if (!core.crypto().isakmp_enable || core.interface_with(sa.local.address) == nullptr) {
        return true;
    }
    if (!sa.keyed) {
        return false;
    }
    if (sa.is_signed()) {
        return !core.signatures.stands(sa) || !still_configured(core.crypto(), sa.suite);
    }
    if (sa.exchange == ExchangeType::aggressive) {
        return !core.aggressive.key_stands(sa) || !still_configured(core.crypto(), sa.suite);
    }
    std::string keyring;
    if (const auto* profile = profile_named(core.crypto(), sa.profile)) {
        keyring = profile->keyring;
    } else if (!sa.profile.empty()) {
        return true;
    }
    const auto key = find_key(*core.config, core.log, sa.remote.address, keyring);
    return !key || !crypto::equal_constant_time(key->key.view(), sa.pre_shared_key.view()) ||
           !still_configured(core.crypto(), sa.suite);
}

}  // namespace

Engine::Engine(
    Random& random, Log& log, crypto::Offload& offload, SpiSource& spis, const SaUsageSource& usage)
    : state_(std::make_unique<State>(random, log, offload, spis, usage)) {}

Engine::~Engine() = default;

void Engine::configure(TimePoint now,
                       const config::RunningConfig& config,
                       std::vector<LocalInterface> interfaces) {
    const Turn turn(*state_, now);
    state_->config = &config;
    state_->interfaces = std::move(interfaces);
    state_->requests.drop_if_gone();
    state_->children.remove_disallowed();
    std::vector<ConnectionId> gone;
    for (const auto& [id, sa] : state_->ikes) {
        if (disallowed(*state_, *sa)) {
            gone.push_back(id);
        }
    }
    for (const auto id : gone) {
        state_->phase1.destroy(id, "configuration changed", Phase1::Notify::yes);
    }
    state_->ezvpn.configure();
    state_->ted.configure();
}

void Engine::set_trustpoints(TimePoint now, std::vector<TrustpointKeys> trustpoints) {
    const Turn turn(*state_, now);
    state_->signatures.set_trustpoints(std::move(trustpoints));
}

void Engine::set_wall(TimePoint now, WallTime wall) {
    state_->signatures.set_wall(now, wall);
}

void Engine::on_packet(TimePoint now, const PacketIn& packet) {
    const Turn turn(*state_, now);
    if (state_->config != nullptr) {
        state_->receive(packet);
    }
}

void Engine::on_acquire(TimePoint now, const Acquire& acquire) {
    const Turn turn(*state_, now);
    if (state_->config != nullptr) {
        state_->requests.add(acquire, std::nullopt);
    }
}

void Engine::on_discover(TimePoint now, const DiscoverRequest& request) {
    const Turn turn(*state_, now);
    if (state_->config != nullptr) {
        state_->ted.discover(request);
    }
}

void Engine::on_sa_notice(TimePoint now, ChildId child, SaNotice notice) {
    const Turn turn(*state_, now);
    state_->children.on_limit(child, notice);
}

void Engine::on_peer_moved(TimePoint now, ChildId child, Endpoint remote) {
    const Turn turn(*state_, now);
    state_->children.on_peer_moved(child, remote);
}

void Engine::on_unknown_spi(TimePoint now, Ipv4Address local, Ipv4Address remote, Spi spi) {
    const Turn turn(*state_, now);
    if (state_->config != nullptr) {
        state_->children.on_unknown_spi(local, remote, spi);
    }
}

void Engine::on_offload(TimePoint now, crypto::JobResult result) {
    const Turn turn(*state_, now);
    auto* dh = std::get_if<crypto::DhResult>(&result);
    const auto* signature = std::get_if<crypto::SignResult>(&result);
    const auto owner = state_->jobs.find(crypto::id_of(result));
    if ((dh == nullptr && signature == nullptr) || owner == state_->jobs.end()) {
        return;  // its exchange has ended meanwhile
    }
    const auto [ike, exchange] = owner->second;
    state_->jobs.erase(owner);
    auto* sa = state_->ike(ike);
    if (sa == nullptr) {
        return;
    }
    if (signature != nullptr) {
        state_->main_mode.resume_signed(*sa, *signature);
    } else if (exchange == MessageId{} && sa->exchange == ExchangeType::aggressive) {
        state_->aggressive.resume(*sa, std::move(*dh));
    } else if (exchange == MessageId{}) {
        state_->main_mode.resume(*sa, std::move(*dh));
    } else {
        state_->quick_mode.resume(*sa, exchange, std::move(*dh));
    }
}

void Engine::on_authentication(TimePoint now,
                               std::uint64_t request,
                               const AuthenticationResult& result) {
    const Turn turn(*state_, now);
    if (state_->config != nullptr) {
        state_->transactions.on_authentication(request, result);
    }
}

void Engine::on_release(TimePoint now,
                        const PolicyRef& policy,
                        Ipv4Address remote,
                        std::optional<Ipv4Address> remote_original) {
    const Turn turn(*state_, now);
    state_->requests.drop_for(policy, remote, remote_original);
    auto ids = state_->children.ids_with(remote);
    if (ids.empty()) {
        // In tunnel mode a station behind a NAT goes by its own address.
        ids = state_->children.ids_with(std::nullopt);
        std::erase_if(ids, [&](ChildId id) {
            const auto& p = state_->children.find(id)->parameters;
            return !p.tunnel_mode || p.proxies.remote.address != remote;
        });
    }
    for (const auto id : ids) {
        const auto* child = state_->children.find(id);
        if (child != nullptr && child->parameters.policy == policy &&
            same_station(remote_original, child->parameters.remote_original)) {
            state_->children.remove(id, "released", Children::Notify::yes);
        }
    }
}

void Engine::clear_isakmp(TimePoint now, std::optional<ConnectionId> connection) {
    const Turn turn(*state_, now);
    std::vector<ConnectionId> ids;
    for (const auto& entry : state_->ikes) {
        if (!connection || entry.first == *connection) {
            ids.push_back(entry.first);
        }
    }
    for (const auto id : ids) {
        state_->phase1.destroy(id, "death by tree-walk means clear", Phase1::Notify::yes);
    }
}

void Engine::clear_ipsec(TimePoint now, std::optional<Ipv4Address> peer, const std::string& map) {
    const Turn turn(*state_, now);
    state_->ted.forget_negative();
    for (const auto id : state_->children.ids_with(peer)) {
        const auto* child = state_->children.find(id);
        if (child != nullptr && (map.empty() || child->parameters.policy.crypto_map == map)) {
            state_->children.remove(id, "cleared by the operator", Children::Notify::yes);
        }
    }
}

void Engine::clear_session(TimePoint now,
                           std::optional<Ipv4Address> peer,
                           const std::string& user) {
    const Turn turn(*state_, now);
    std::vector<ConnectionId> ids;
    for (const auto& [id, sa] : state_->ikes) {
        if ((!peer || sa->remote.address == *peer) &&
            (user.empty() || (sa->client && sa->client->user == user))) {
            ids.push_back(id);
        }
    }
    for (const auto id : state_->children.ids_with(peer)) {
        const auto* child = state_->children.find(id);
        if (child != nullptr && (user.empty() || child->parameters.user == user)) {
            state_->children.remove(id, "session cleared by the operator", Children::Notify::yes);
        }
    }
    for (const auto id : ids) {
        state_->phase1.destroy(id, "session cleared by the operator", Phase1::Notify::yes);
    }
}

void Engine::ezvpn_connect(TimePoint now, const std::string& name) {
    const Turn turn(*state_, now);
    if (state_->config != nullptr) {
        state_->ezvpn.connect(name);
    }
}

void Engine::ezvpn_disconnect(TimePoint now, const std::string& name) {
    const Turn turn(*state_, now);
    state_->ezvpn.disconnect(name);
}

void Engine::set_management_sessions(std::size_t active) {
    state_->sessions.on_management(active);
}

TimePoint Engine::next_deadline() const {
    return state_->timers.next();
}

void Engine::on_time(TimePoint now) {
    const Turn turn(*state_, now);
    while (const auto key = state_->timers.pop(now)) {
        state_->run_timer(*key);
    }
}

std::vector<Action> Engine::take_actions() {
    return std::exchange(state_->actions, {});
}

bool Engine::phase1_stands(Ipv4Address local, Ipv4Address remote) const {
    return state_->phase1.find_complete(local, remote, std::nullopt, "") != nullptr;
}

bool Engine::child_stands(IfIndex interface,
                          Ipv4Address remote,
                          std::optional<Ipv4Address> remote_original) const {
    return state_->children.stands_with(interface, remote, remote_original);
}

}  // namespace viaduct::ike
