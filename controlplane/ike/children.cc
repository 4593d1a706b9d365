#include "controlplane/ike/children.h"

#include <algorithm>

#include "controlplane/ike/core.h"
#include "controlplane/ike/debug_text.h"
#include "controlplane/ike/nat_path.h"
#include "dataplane/base/check.h"

namespace viaduct::ike {

namespace {

/// Two pairs of one flow, one begun by each end, within this time of each other: neither end can have
/// meant to replace the other's.
constexpr Duration kCollisionWindow = 60s;
constexpr Duration kHalfStays = 60s;
constexpr Duration kUnknownSpiInterval = 10s;

template <typename Map>
void erase_pair(Map& map, const typename Map::key_type& key, ChildId id) {
    const auto [first, last] = map.equal_range(key);
    const auto it =
        std::find_if(first, last, [&](const auto& entry) { return entry.second == id; });
    if (it != last) {
        map.erase(it);
    }
}

bool contains(const std::vector<ChildId>& ids, ChildId id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

bool same_peer(const Child& child, Ipv4Address local, const Endpoint& remote) {
    return child.parameters.local.address == local &&
           child.parameters.remote.address == remote.address &&
           (!child.parameters.udp_encapsulation || child.parameters.remote.port == remote.port);
}

ChildState state_of(const Child& child, bool up, std::string_view reason) {
    const auto& p = child.parameters;
    return {p.policy,
            p.local.address,
            p.remote.address,
            p.proxies,
            p.remote_original,
            up,
            std::string(reason)};
}

/// Begun by either end without knowledge of the other's.
bool collide(const Child& a, const Child& b) {
    if (a.role == b.role) {
        return false;
    }
    const auto& ours = a.role == Role::initiator ? a : b;
    const auto& theirs = a.role == Role::initiator ? b : a;
    return !contains(ours.replaces, theirs.id()) && theirs.begun - ours.begun < kCollisionWindow;
}

}  // namespace

FlowKey flow_of(const ChildParameters& parameters) {
    const auto& policy = parameters.policy;
    FlowKey key;
    key.interface = policy.interface;
    key.policy = !policy.crypto_map.empty() ? policy.crypto_map
                 : !policy.ezvpn.empty()    ? policy.ezvpn
                                            : policy.ipsec_profile;
    key.proxies = parameters.proxies;
    key.remote.address = parameters.remote.address;
    if (parameters.udp_encapsulation) {
        key.remote.port = parameters.remote.port;
    }
    return key;
}

Child* Children::get(ChildId id) {
    const auto it = children_.find(id);
    return it == children_.end() ? nullptr : it->second.get();
}

const Child* Children::find(ChildId id) const {
    const auto it = children_.find(id);
    return it == children_.end() ? nullptr : it->second.get();
}

// ── coming ──────────────────────────────────────────────────────────────────────────────────────

void Children::enter_flow(const Child& child) {
    flows_[flow_of(child.parameters)].pairs.push_back(child.id());
    by_remote_.emplace(child.parameters.remote.address, child.id());
}

void Children::leave_flow(const Child& child) {
    const auto it = flows_.find(flow_of(child.parameters));
    VIADUCT_CHECK(it != flows_.end());
    std::erase(it->second.pairs, child.id());
    if (it->second.current == child.id()) {
        it->second.current.reset();
    }
    if (it->second.pairs.empty()) {
        flows_.erase(it);
    }
    erase_pair(by_remote_, child.parameters.remote.address, child.id());
}

Child& Children::make(Child child, const Made& keys) {
    child.connection = next_connection_;
    next_connection_ += 2;
    child.installed = core_.now;
    child.keys_out = keys.keys_out;
    core_.actions.emplace_back(
        InstallInbound{child.parameters, child.reserved, child.spi_in, keys.keys_in});
    const auto id = child.id();
    auto& entered = *children_.emplace(id, std::make_unique<Child>(std::move(child))).first->second;
    by_spi_out_.emplace(entered.spi_out, id);
    enter_flow(entered);
    return entered;
}

void Children::arm(Child& child) {
    const auto life = Duration(std::chrono::seconds(child.parameters.lifetime_s));
    const auto id = child.id().value();
    // In time for several repetitions, and not both ends at once: the one that initiated comes first.
    auto margin = std::clamp<Duration>(life * 9 / 20, 20s, 300s);
    if (child.role == Role::responder) {
        margin /= 2;
    }
    const auto jitter = Duration(static_cast<std::int64_t>(
        core_.random.below(static_cast<std::uint64_t>((margin / 4).count()))));
    core_.timers.set({TimerKind::child_soft, id},
                     child.begun + std::max<Duration>(life - margin - jitter, life / 2));
    core_.timers.set({TimerKind::child_outbound_end, id}, child.begun + life);
    core_.timers.set({TimerKind::child_hard, id}, core_.now + life + kInboundGrace);
    const auto* policy = core_.policies.of(child.parameters.policy);
    if (const auto idle = policy != nullptr ? core_.policies.idle_s(*policy) : std::nullopt) {
        core_.timers.set({TimerKind::child_idle, id}, core_.now + std::chrono::seconds(*idle));
    }
}

/// A live pair of the same flow that both ends prefer to this one; nullptr if there is none.
const Child* Children::winner_over(const Child& child) const {
    const auto flow = flows_.find(flow_of(child.parameters));
    const auto rank = std::min(child.spi_in, child.spi_out);
    for (const auto id : flow->second.pairs) {
        const auto* other = find(id);
        if (other != &child && other->stage == ChildStage::live && !other->superseded &&
            collide(child, *other) && std::min(other->spi_in, other->spi_out) < rank) {
            return other;
        }
    }
    return nullptr;
}

void Children::make_current(Child& child) {
    auto& flow = flows_.at(flow_of(child.parameters));
    flow.current = child.id();
    core_.actions.emplace_back(InstallOutbound{child.parameters, child.spi_out, child.keys_out});
}

void Children::establish(ChildId id) {
    auto* child = get(id);
    if (child == nullptr || child->stage != ChildStage::half) {
        return;
    }
    child->stage = ChildStage::live;
    child->exchange.reset();
    child->established = core_.now;
    core_.counters.count(Counter::quick_established);
    arm(*child);
    const auto key = flow_of(child->parameters);
    const bool was_up = flows_.at(key).current.has_value();
    if (winner_over(*child) == nullptr) {
        for (const auto other_id : flows_.at(key).pairs) {
            auto* other = get(other_id);
            const bool replaced =
                child->role == Role::initiator
                    ? contains(child->replaces, other_id)
                    : other->stage != ChildStage::half && !collide(*child, *other);
            if (other != child && replaced) {
                other->superseded = true;
                core_.timers.cancel({TimerKind::child_soft, other_id.value()});
            }
        }
        make_current(*child);
    }
    settle_collisions(key);
    if (!was_up) {
        core_.actions.emplace_back(state_of(*child, true, ""));
    }
    watch_nat_path(core_, *child);
    if (core_.crypto().logging_session && !was_up) {
        core_.log.message("CRYPTO",
                          Severity::notifications,
                          "SESSION_STATUS",
                          "Crypto tunnel is UP  .  Peer {}:{}",
                          child->parameters.remote.address.to_string(),
                          child->parameters.remote.port.value());
    }
}

void Children::leave_half(ChildId id) {
    auto* child = get(id);
    if (child != nullptr && child->stage == ChildStage::half) {
        child->exchange.reset();
        core_.timers.set({TimerKind::child_hard, id.value()}, core_.now + kHalfStays);
    }
}

/// Of pairs that met, the loser goes, removed by the end that initiated it.
void Children::settle_collisions(const FlowKey& key) {
    for (const auto id : flows_.at(key).pairs) {
        auto* child = get(id);
        if (child->stage != ChildStage::live || child->superseded ||
            winner_over(*child) == nullptr) {
            continue;
        }
        child->superseded = true;
        core_.timers.cancel({TimerKind::child_soft, id.value()});
        core_.counters.count(Counter::collision_yielded);
        if (child->role == Role::initiator) {
            core_.timers.set({TimerKind::child_drain, id.value()}, core_.now + kDrain);
        }
    }
}

void Children::on_first_packet(ChildId id) {
    auto* child = get(id);
    if (child == nullptr) {
        return;
    }
    if (child->stage == ChildStage::half) {
        // The peer encrypts with the new keys: message 3 was lost, its meaning has arrived.
        child->exchange ? core_.quick_mode.confirm(*child) : establish(id);
        child = get(id);
    }
    if (child == nullptr || child->peer_uses_it) {
        return;
    }
    child->peer_uses_it = true;
    if (child->role == Role::initiator) {
        for (const auto old : child->replaces) {
            if (get(old) != nullptr) {
                core_.timers.set({TimerKind::child_drain, old.value()}, core_.now + kDrain);
            }
        }
    }
}

// ── going ───────────────────────────────────────────────────────────────────────────────────────

void Children::remove(ChildId id, std::string_view reason, Notify notify) {
    auto* child = get(id);
    if (child == nullptr) {
        return;
    }
    if (notify == Notify::yes) {
        auto* sa = core_.phase1.find_complete(child->parameters.local.address,
                                              child->parameters.remote.address,
                                              child->parameters.udp_encapsulation
                                                  ? std::optional(child->parameters.remote.port)
                                                  : std::nullopt,
                                              "");
        if (sa != nullptr) {
            core_.informational.send_delete_child(*sa, child->spi_in);
        }
    }
    debug_deleting(core_.log, *child);
    for (const auto kind : {TimerKind::child_soft,
                            TimerKind::child_outbound_end,
                            TimerKind::child_hard,
                            TimerKind::child_drain,
                            TimerKind::child_idle,
                            TimerKind::child_nat_path}) {
        core_.timers.cancel({kind, id.value()});
    }
    const auto key = flow_of(child->parameters);
    const bool was_current = current_of(key) == id;
    auto& past = flows_.at(key).past;
    const auto usage = core_.usage.usage(id);
    past.packets_in += usage.packets_in;
    past.packets_out += usage.packets_out;
    past.errors_in += usage.errors_in;
    past.errors_out += usage.errors_out;
    leave_flow(*child);
    erase_pair(by_spi_out_, child->spi_out, id);
    core_.actions.emplace_back(RemoveChild{id, false});
    const auto gone = std::move(children_.extract(id).mapped());
    if (!was_current) {
        return;
    }
    choose_another(key);
    if (!current_of(key)) {
        core_.actions.emplace_back(state_of(*gone, false, reason));
        if (core_.crypto().logging_session) {
            core_.log.message("CRYPTO",
                              Severity::notifications,
                              "SESSION_STATUS",
                              "Crypto tunnel is DOWN.  Peer {}:{}",
                              gone->parameters.remote.address.to_string(),
                              gone->parameters.remote.port.value());
        }
    }
}

/// The pair in use is gone: the newest of the others whose both halves stand takes over.
void Children::choose_another(const FlowKey& key) {
    const auto flow = flows_.find(key);
    if (flow == flows_.end() || flow->second.current) {
        return;
    }
    Child* best = nullptr;
    for (const auto id : flow->second.pairs) {
        auto* other = get(id);
        if (other->stage == ChildStage::live &&
            (best == nullptr || other->established > best->established)) {
            best = other;
        }
    }
    if (best != nullptr) {
        best->superseded = false;
        make_current(*best);
    }
}

void Children::on_peer_deleted(const IkeSa& sa, Spi spi) {
    const auto [first, last] = by_spi_out_.equal_range(spi);
    for (auto it = first; it != last; ++it) {
        const auto* child = find(it->second);
        if (!same_peer(*child, sa.local.address, sa.remote)) {
            continue;
        }
        const auto id = child->id();
        const auto key = flow_of(child->parameters);
        if (current_of(key) == id && live_of_flow(key).size() == 1) {
            // Whoever deletes the only pair in use while another is being made has completed that one.
            const auto pairs = flows_.at(key).pairs;
            for (const auto other_id : pairs) {
                const auto* other = find(other_id);
                if (other != nullptr && other->stage == ChildStage::half) {
                    core_.quick_mode.confirm(*other);
                }
            }
        }
        remove(id, "deleted by the peer", Notify::no);
        return;
    }
}

void Children::on_invalid_spi(const IkeSa& sa, Spi spi) {
    core_.log.debug(
        Debug::crypto_isakmp, "{}: peer does not know SPI 0x{:X}", sa.tag(), spi.value());
    const auto [first, last] = by_spi_out_.equal_range(spi);
    for (auto it = first; it != last; ++it) {
        if (same_peer(*find(it->second), sa.local.address, sa.remote)) {
            remove(it->second, "peer has lost it", Notify::no);
            return;
        }
    }
}

void Children::remove_of_peer(Ipv4Address local,
                              const Endpoint& remote,
                              TimePoint before,
                              std::string_view reason) {
    for (const auto id : ids_with(remote.address)) {
        const auto* child = find(id);
        if (child != nullptr && same_peer(*child, local, remote) && child->begun < before) {
            remove(id, reason, Notify::no);
        }
    }
}

void Children::remove_disallowed() {
    for (const auto id : ids_with(std::nullopt)) {
        const auto* child = find(id);
        if (child == nullptr) {
            continue;
        }
        const auto& p = child->parameters;
        const auto* policy = core_.policies.of(p.policy);
        const auto* sa = core_.ike(child->ike);
        bool allowed =
            policy != nullptr &&
            core_.policies.still_allows(p.policy, p.proxies, p.local.address, p.remote.address);
        if (allowed && sa != nullptr) {
            allowed = core_.policies.accepts(
                *policy,
                child->suite,
                proxies_are_ends(p.proxies, p.local.address, p.remote.address),
                *sa);
        }
        if (!allowed) {
            remove(id, "configuration changed", Notify::yes);
        }
    }
}

void Children::on_unknown_spi(Ipv4Address local, Ipv4Address remote, Spi spi) {
    core_.counters.count(Counter::unknown_spi);
    // Anyone can send ESP: one answer and one log line a source and interval.
    std::erase_if(unknown_spi_answered_, [&](const auto& entry) {
        return core_.now - entry.second >= kUnknownSpiInterval;
    });
    if (unknown_spi_answered_.contains(remote) || unknown_spi_answered_.size() >= kMaxUnknownSpi) {
        return;
    }
    unknown_spi_answered_.emplace(remote, core_.now);
    core_.log.message("CRYPTO",
                      Severity::warnings,
                      "RECVD_PKT_INV_SPI",
                      "decaps: rec'd IPSEC packet has invalid spi for destaddr={}, prot=50, "
                      "spi=0x{:X}({}), srcaddr={}",
                      local.to_string(),
                      spi.value(),
                      spi.value(),
                      remote.to_string());
    if (auto* sa = core_.phase1.find_complete(local, remote, std::nullopt, "")) {
        // Of several peers behind one NAT nobody knows whose packet it was. The wrong one would be told of an SPI that it
        // never had, and clients hang up on that.
        if (!core_.phase1.others_at_its_address(*sa)) {
            core_.informational.send_invalid_spi(*sa, spi);
        }
        return;
    }
    // IOS: without an ISAKMP SA only if so configured: a new one, whose INITIAL_CONTACT tells the peer.
    if (!core_.crypto().invalid_spi_recovery || core_.interface_with(local) == nullptr ||
        core_.phase1.find_initiating(local, remote) != nullptr) {
        return;
    }
    auto* sa = core_.phase1.create(Role::initiator,
                                   {local, kPortIsakmp},
                                   {remote, kPortIsakmp},
                                   Cookie{core_.random.u64() | 1U});
    if (sa != nullptr && !core_.main_mode.start(*sa)) {
        core_.phase1.fail(*sa, "no key for the peer");
    }
}

// ── limits and timers ───────────────────────────────────────────────────────────────────────────

/// The peer is at it already: its new pair is half there.
bool Children::peer_renews(const FlowKey& key) const {
    const auto& pairs = flows_.at(key).pairs;
    return std::any_of(pairs.begin(), pairs.end(), [&](ChildId id) {
        return find(id)->stage == ChildStage::half;
    });
}

void Children::rekey(Child& child) {
    const auto key = flow_of(child.parameters);
    if (child.superseded || child.stage != ChildStage::live || current_of(key) != child.id()) {
        return;
    }
    if (peer_renews(key)) {
        retry_later(child.id());
        return;
    }
    Acquire again;
    again.policy = child.parameters.policy;
    again.local = child.parameters.local.address;
    again.peers = {child.parameters.remote.address};
    again.proxies = child.parameters.proxies;
    core_.requests.add(again, child.id());
}

void Children::on_timer_soft(ChildId id) {
    auto* child = get(id);
    if (child == nullptr) {
        return;
    }
    // IOS: what nobody used is not renewed.
    const auto usage = core_.usage.usage(id);
    if (usage.packets_in + usage.packets_out > 0) {
        rekey(*child);
    }
}

bool Children::retry_later(ChildId id) {
    const auto* child = find(id);
    if (child == nullptr || child->superseded || child->stage != ChildStage::live) {
        return false;
    }
    const auto end = core_.timers.of({TimerKind::child_outbound_end, id.value()});
    if (!end || core_.now + 5s >= *end) {
        return false;
    }
    core_.timers.set({TimerKind::child_soft, id.value()}, core_.now + 5s);
    return true;
}

void Children::on_limit(ChildId id, SaNotice notice) {
    auto* child = get(id);
    if (child == nullptr) {
        return;
    }
    switch (notice) {
    case SaNotice::soft_limit:
        rekey(*child);
        return;
    case SaNotice::hard_limit:
        if (child->stage == ChildStage::inbound) {
            return;
        }
        // The new keys are on their way, perhaps lost: nothing is sent until they are there. To delete the pair would
        // make the peer begin anew as well.
        if (peer_renews(flow_of(child->parameters)) ||
            (core_.quick_mode.hasten(id) && (child = get(id)) != nullptr)) {
            stop_sending(*child, "lifetime in kilobytes expired");
            core_.timers.set({TimerKind::child_hard, id.value()}, core_.now + kInboundGrace);
            return;
        }
        remove(id, "lifetime in kilobytes expired", Notify::yes);
        return;
    case SaNotice::first_packet:
        on_first_packet(id);
        return;
    case SaNotice::idle:
        remove(id, "idle", Notify::yes);
        return;
    }
}

void Children::on_timer_outbound_end(ChildId id) {
    auto* child = get(id);
    if (child == nullptr || child->stage != ChildStage::live) {
        return;
    }
    stop_sending(*child, "lifetime expired");
}

void Children::stop_sending(Child& child, std::string_view reason) {
    child.stage = ChildStage::inbound;
    core_.actions.emplace_back(RemoveChild{child.id(), true});
    const auto key = flow_of(child.parameters);
    if (current_of(key) != child.id()) {
        return;
    }
    flows_.at(key).current.reset();
    choose_another(key);
    if (!current_of(key)) {
        core_.actions.emplace_back(state_of(child, false, reason));
    }
}

void Children::on_timer_hard(ChildId id) {
    remove(id, "lifetime expired", Notify::yes);
}

void Children::on_timer_drain(ChildId id) {
    const auto* child = find(id);
    if (child == nullptr || current_of(flow_of(child->parameters)) == id) {
        return;
    }
    // A peer that still encrypts with it has not seen what we have: wait until it is quiet.
    if (core_.now - core_.usage.usage(id).last_in < kDrain / 2) {
        core_.timers.set({TimerKind::child_drain, id.value()}, core_.now + kDrain / 2);
        return;
    }
    remove(id, "replaced", Notify::yes);
}

void Children::on_timer_idle(ChildId id) {
    const auto* child = find(id);
    const auto* policy = child != nullptr ? core_.policies.of(child->parameters.policy) : nullptr;
    const auto idle = policy != nullptr ? core_.policies.idle_s(*policy) : std::nullopt;
    if (!idle) {
        return;
    }
    const auto usage = core_.usage.usage(id);
    const auto last = std::max({usage.last_in, usage.last_out, child->established});
    const auto end = last + std::chrono::seconds(*idle);
    if (end <= core_.now) {
        remove(id, "idle", Notify::yes);
    } else {
        core_.timers.set({TimerKind::child_idle, id.value()}, end);
    }
}

// ── peers that move ─────────────────────────────────────────────────────────────────────────────

void Children::on_peer_moved(ChildId id, Endpoint remote) {
    auto* child = get(id);
    if (child == nullptr || !child->parameters.udp_encapsulation) {
        return;
    }
    if (auto& ports = child->parameters.esp_udp) {
        // ESP has a mapping of its own; that of IKE shows with IKE's next message.
        ports->remote = remote.port;
        const Endpoint ike{remote.address, child->parameters.remote.port};
        if (child->parameters.remote == ike) {
            core_.actions.emplace_back(MoveChild{id, ike, remote.port});
            return;
        }
        remote = ike;
    }
    if (child->parameters.remote == remote) {
        return;
    }
    const auto from = child->parameters.remote;
    const auto local = child->parameters.local.address;
    const auto ike = child->ike;
    // The SA that it was made under is the peer's for certain; by its place another peer may be found, which took the
    // port that this one left.
    auto* sa = core_.ike(ike);
    if (sa == nullptr) {
        sa = core_.phase1.find_complete(local, from.address, from.port, "");
    }
    if (sa != nullptr && sa->complete() && sa->remote == from) {
        core_.phase1.follow(*sa, sa->local, remote);
    }
    move_peer(local, from, remote, ike);
}

void Children::move_peer(Ipv4Address local,
                         const Endpoint& from,
                         const Endpoint& to,
                         ConnectionId peer) {
    for (const auto id : ids_with(from.address)) {
        auto* child = get(id);
        if (!same_peer(*child, local, from) || !child->parameters.udp_encapsulation) {
            continue;
        }
        if (child->ike != peer && core_.ike(child->ike) != nullptr) {
            continue;  // another peer's, in the place that this one left: its own SA knows where it is
        }
        const auto was_current = current_of(flow_of(child->parameters)) == id;
        leave_flow(*child);
        child->parameters.remote = to;
        enter_flow(*child);
        if (was_current) {
            flows_.at(flow_of(child->parameters)).current = id;
        }
        const auto& ports = child->parameters.esp_udp;
        core_.actions.emplace_back(
            MoveChild{id, to, ports ? std::optional(ports->remote) : std::nullopt});
    }
}

// ── asking ──────────────────────────────────────────────────────────────────────────────────────

std::vector<ChildId> Children::ids_with(std::optional<Ipv4Address> remote) const {
    std::vector<ChildId> out;
    if (remote) {
        const auto [first, last] = by_remote_.equal_range(*remote);
        for (auto it = first; it != last; ++it) {
            out.push_back(it->second);
        }
        return out;
    }
    for (const auto& entry : children_) {
        out.push_back(entry.first);
    }
    return out;
}

std::vector<ChildId> Children::live_of_flow(const FlowKey& flow) const {
    const auto it = flows_.find(flow);
    std::vector<ChildId> out;
    if (it != flows_.end()) {
        std::copy_if(it->second.pairs.begin(),
                     it->second.pairs.end(),
                     std::back_inserter(out),
                     [&](ChildId id) { return find(id)->stage == ChildStage::live; });
    }
    return out;
}

Children::Progress Children::progress(const PolicyRef& policy,
                                      const ProxyPair& proxies,
                                      const IkeSa& sa) const {
    ChildParameters probe;
    probe.policy = policy;
    probe.proxies = proxies;
    probe.remote = sa.remote;
    probe.udp_encapsulation = sa.nat.detected() || (sa.client && sa.client->esp_udp_port);
    const auto it = flows_.find(flow_of(probe));
    if (it == flows_.end()) {
        return Progress::none;
    }
    const auto& pairs = it->second.pairs;
    if (std::any_of(pairs.begin(), pairs.end(), [&](ChildId id) {
            return find(id)->stage == ChildStage::half;
        })) {
        return Progress::half;
    }
    return it->second.current ? Progress::live : Progress::none;
}

SaUsage Children::past_usage(const FlowKey& flow) const {
    const auto it = flows_.find(flow);
    return it == flows_.end() ? SaUsage{} : it->second.past;
}

std::optional<ChildId> Children::current_of(const FlowKey& flow) const {
    const auto it = flows_.find(flow);
    return it == flows_.end() ? std::nullopt : it->second.current;
}

bool Children::any_with(Ipv4Address local, Ipv4Address remote) const {
    const auto [first, last] = by_remote_.equal_range(remote);
    return std::any_of(first, last, [&](const auto& entry) {
        return find(entry.second)->parameters.local.address == local;
    });
}

bool Children::stands(const PolicyRef& policy, const ProxyPair& proxies) const {
    return std::any_of(flows_.begin(), flows_.end(), [&](const auto& entry) {
        return entry.second.current && entry.first.proxies == proxies &&
               find(*entry.second.current)->parameters.policy == policy;
    });
}

bool Children::stands_with(IfIndex interface,
                           Ipv4Address remote,
                           std::optional<Ipv4Address> remote_original) const {
    const auto stands = [&](const Child& child) {
        return child.parameters.policy.interface == interface && child.stage == ChildStage::live;
    };
    const auto [first, last] = by_remote_.equal_range(remote);
    return std::any_of(first,
                       last,
                       [&](const auto& entry) {
                           const auto* child = find(entry.second);
                           return stands(*child) &&
                                  same_station(remote_original, child->parameters.remote_original);
                       }) ||
           // In tunnel mode a station behind a NAT goes by its own address.
           std::any_of(children_.begin(), children_.end(), [&](const auto& entry) {
               return stands(*entry.second) && entry.second->parameters.tunnel_mode &&
                      entry.second->parameters.proxies.remote.address == remote;
           });
}

std::optional<L4Port> Children::port_of(Ipv4Address remote, Ipv4Address original) const {
    const auto [first, last] = by_remote_.equal_range(remote);
    for (auto it = first; it != last; ++it) {
        const auto& parameters = find(it->second)->parameters;
        if (parameters.remote_original == original) {
            return parameters.remote.port;
        }
    }
    return std::nullopt;
}

Children::Traffic Children::traffic_with(Ipv4Address local, const Endpoint& remote) const {
    Traffic out;
    const auto [first, last] = by_remote_.equal_range(remote.address);
    for (auto it = first; it != last; ++it) {
        const auto* child = find(it->second);
        if (same_peer(*child, local, remote)) {
            const auto usage = core_.usage.usage(it->second);
            out.last_in = std::max(out.last_in, usage.last_in);
            out.last_out = std::max(out.last_out, usage.last_out);
        }
    }
    return out;
}

void Children::check_invariants() const {
    for (const auto& [key, flow] : flows_) {
        VIADUCT_CHECK(!flow.pairs.empty());
        bool any_live = false;
        for (const auto id : flow.pairs) {
            const auto* child = find(id);
            VIADUCT_CHECK(child != nullptr);
            any_live = any_live || child->stage == ChildStage::live;
        }
        // A flow that has a whole pair uses one.
        VIADUCT_CHECK(flow.current.has_value() == any_live);
        VIADUCT_CHECK(!flow.current || find(*flow.current)->stage == ChildStage::live);
    }
    VIADUCT_CHECK(by_remote_.size() == children_.size());
    VIADUCT_CHECK(by_spi_out_.size() == children_.size());
}

}  // namespace viaduct::ike
