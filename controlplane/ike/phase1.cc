#include "controlplane/ike/phase1.h"

#include <algorithm>

#include "controlplane/ike/core.h"
#include "controlplane/ike/debug_text.h"
#include "controlplane/ike/keyring.h"
#include "dataplane/base/check.h"

namespace viaduct::ike {

std::string_view to_string(Phase1State state) {
    switch (state) {
    case Phase1State::ready:
        return "IKE_READY";
    case Phase1State::i_mm1:
        return "IKE_I_MM1";
    case Phase1State::i_mm2:
        return "IKE_I_MM2";
    case Phase1State::i_mm3:
        return "IKE_I_MM3";
    case Phase1State::i_mm4:
        return "IKE_I_MM4";
    case Phase1State::i_mm5:
        return "IKE_I_MM5";
    case Phase1State::i_mm6:
        return "IKE_I_MM6";
    case Phase1State::r_mm1:
        return "IKE_R_MM1";
    case Phase1State::r_mm2:
        return "IKE_R_MM2";
    case Phase1State::r_mm3:
        return "IKE_R_MM3";
    case Phase1State::r_mm4:
        return "IKE_R_MM4";
    case Phase1State::r_mm5:
        return "IKE_R_MM5";
    case Phase1State::i_am1:
        return "IKE_I_AM1";
    case Phase1State::i_am2:
        return "IKE_I_AM2";
    case Phase1State::r_am1:
        return "IKE_R_AM_AAA_AWAIT";
    case Phase1State::r_am2:
        return "IKE_R_AM2";
    case Phase1State::p1_complete:
        return "IKE_P1_COMPLETE";
    case Phase1State::dead_sa:
        return "IKE_DEST_SA";
    }
    return "";
}

std::string_view show_state(Phase1State state) {
    switch (state) {
    case Phase1State::ready:
    case Phase1State::i_mm1:
    case Phase1State::dead_sa:
        return "MM_NO_STATE";
    case Phase1State::i_mm2:
    case Phase1State::i_mm3:
    case Phase1State::r_mm1:
    case Phase1State::r_mm2:
        return "MM_SA_SETUP";
    case Phase1State::i_mm4:
    case Phase1State::i_mm5:
    case Phase1State::i_mm6:
    case Phase1State::r_mm3:
    case Phase1State::r_mm4:
    case Phase1State::r_mm5:
        return "MM_KEY_EXCH";
    case Phase1State::i_am1:
    case Phase1State::i_am2:
    case Phase1State::r_am1:
    case Phase1State::r_am2:
        return "AG_INIT_EXCH";
    case Phase1State::p1_complete:
        return "QM_IDLE";
    }
    return "";
}

std::string_view to_string(Input input) {
    switch (input) {
    case Input::from_peer:
        return "IKE_MESG_FROM_PEER";
    case Input::from_ipsec:
        return "IKE_MESG_FROM_IPSEC";
    case Input::internal:
        return "IKE_MESG_INTERNAL";
    case Input::from_timer:
        return "IKE_MESG_FROM_TIMER";
    }
    return "";
}

std::string IkeSa::tag() const {
    return fmt::format("ISAKMP (0:{})", id.value());
}

Phase1Material IkeSa::material() const {
    return {suite.hash, suite.cipher, cookie_i, cookie_r, nonce_i, nonce_r, public_i, public_r};
}

// ── entering and leaving the tables ─────────────────────────────────────────────────────────────

bool Phase1::make_room(const Endpoint& remote) {
    const auto source = core_.half_open_of_source.find(remote.address);
    if (source != core_.half_open_of_source.end() && source->second >= kMaxHalfOpenPerSource) {
        core_.counters.count(Counter::half_open_source_limit);
        return false;
    }
    if (core_.half_open.size() >= kMaxHalfOpen) {
        core_.counters.count(Counter::half_open_limit);
        // The oldest that nobody has confirmed makes room; if all are confirmed the newcomer waits.
        const auto oldest =
            std::find_if(core_.half_open.begin(), core_.half_open.end(), [&](const auto& entry) {
                const auto state = core_.ike(entry.second)->state;
                return state == Phase1State::r_mm2 || state == Phase1State::r_am2;
            });
        if (oldest == core_.half_open.end()) {
            return false;
        }
        destroy(oldest->second, "half-open limit", Notify::no);
    }
    return true;
}

bool Phase1::repeats_first(const PacketIn& packet, const Header& header, Phase1State waiting) {
    const auto known = core_.by_first_message.find({packet.remote, header.initiator});
    if (known == core_.by_first_message.end()) {
        return false;
    }
    auto* sa = core_.ike(known->second);
    if (sa->state == waiting && std::ranges::equal(sa->last_received, packet.payload)) {
        repeat_answer(*sa);
    } else {
        core_.counters.count(Counter::duplicates);
    }
    return true;
}

IkeSa* Phase1::respond(const PacketIn& packet, const Header& header, BytesView sa_body) {
    core_.log.debug(Debug::crypto_isakmp,
                    "ISAKMP (0:0): received packet from {} dport {} sport {} Global (N) NEW SA",
                    packet.remote.address.to_string(),
                    packet.local.port.value(),
                    packet.remote.port.value());
    auto* sa = create(Role::responder, packet.local, packet.remote, header.initiator);
    if (sa == nullptr) {
        return nullptr;
    }
    core_.log.debug(Debug::crypto_isakmp,
                    "ISAKMP: insert sa successfully sa = {:X}",
                    0x63000000U + sa->id.value() * 0x1C4U);
    core_.counters.count(Counter::phase1_responded);
    sa->exchange = header.exchange;
    sa->last_received.assign(packet.payload.begin(), packet.payload.end());
    sa->sa_body.assign(sa_body.begin(), sa_body.end());
    return sa;
}

IkeSa* Phase1::create(Role role, const Endpoint& local, const Endpoint& remote, Cookie cookie_i) {
    if (core_.ikes.size() >= kMaxIkeSas) {
        core_.counters.count(Counter::established_limit);
        return nullptr;
    }
    if (role == Role::responder && !make_room(remote)) {
        return nullptr;
    }
    auto owned = std::make_unique<IkeSa>();
    auto& sa = *owned;
    sa.id = ConnectionId{core_.last_connection.value() + 1};
    core_.last_connection = sa.id;
    sa.role = role;
    sa.local = local;
    sa.remote = remote;
    sa.first_remote = remote;
    sa.cookie_i = cookie_i;
    sa.created = core_.now;
    sa.last_heard = core_.now;
    if (const auto* interface = core_.interface_with(local.address)) {
        sa.interface = interface->index;
    }
    core_.ikes.emplace(sa.id, std::move(owned));
    core_.by_remote.emplace(remote.address, sa.id);
    if (role == Role::initiator) {
        core_.by_initiator_cookie.emplace(cookie_i, sa.id);
    } else {
        core_.by_first_message.emplace(std::pair(remote, cookie_i), sa.id);
        core_.half_open.emplace(sa.created, sa.id);
        ++core_.half_open_of_source[remote.address];
    }
    core_.timers.set({TimerKind::phase1_setup, sa.id.value()},
                     core_.now + (role == Role::initiator ? kSetupTime : kUnconfirmedTime));
    core_.log.debug(Debug::crypto_isakmp,
                    "ISAKMP: local port {}, remote port {}",
                    local.port.value(),
                    remote.port.value());
    return &sa;
}

void Phase1::set_responder_cookie(IkeSa& sa, Cookie cookie) {
    core_.by_initiator_cookie.erase(sa.cookie_i);
    sa.cookie_r = cookie;
    core_.by_cookies[{sa.cookie_i, sa.cookie_r}] = sa.id;
}

namespace {

void leave_half_open(Engine::State& core, const IkeSa& sa) {
    if (core.half_open.erase({sa.created, sa.id}) == 0) {
        return;
    }
    const auto source = core.half_open_of_source.find(sa.remote.address);
    if (source != core.half_open_of_source.end() && --source->second == 0) {
        core.half_open_of_source.erase(source);
    }
}

void leave_by_remote(Engine::State& core, const IkeSa& sa) {
    const auto [first, last] = core.by_remote.equal_range(sa.remote.address);
    const auto it =
        std::find_if(first, last, [&](const auto& entry) { return entry.second == sa.id; });
    if (it != last) {
        core.by_remote.erase(it);
    }
}

}  // namespace

void Phase1::transition(IkeSa& sa, Input input, std::string_view event, Phase1State next) {
    core_.log.debug(Debug::crypto_isakmp, "{}: Input = {}, {}", sa.tag(), to_string(input), event);
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: Old State = {} New State = {}",
                    sa.tag(),
                    to_string(sa.state),
                    to_string(next));
    sa.state = next;
}

// ── messages ────────────────────────────────────────────────────────────────────────────────────

void Phase1::send(IkeSa& sa, Bytes message) {
    debug_sending(core_.log, sa, show_state(sa.state));
    core_.send_datagram(sa.local, sa.remote, message);
    sa.last_sent = std::move(message);
    sa.answers_repeated = 0;
}

void Phase1::await_answer(IkeSa& sa) {
    sa.retransmits = 0;
    core_.timers.set({TimerKind::phase1_retransmit, sa.id.value()},
                     core_.now + kRetransmitInterval);
}

void Phase1::repeat_answer(IkeSa& sa) {
    core_.counters.count(Counter::duplicates);
    // Only the responder repeats: two ends that both answered repetitions would never stop.
    if (sa.initiator() || sa.last_sent.empty() || sa.answers_repeated >= kMaxAnswersRepeated) {
        return;
    }
    ++sa.answers_repeated;
    core_.log.debug(
        Debug::crypto_isakmp, "{}: phase 1 packet is a duplicate of a previous packet.", sa.tag());
    core_.log.debug(Debug::crypto_isakmp, "{}: retransmitting due to retransmit phase 1", sa.tag());
    core_.counters.count(Counter::retransmissions);
    core_.send_datagram(sa.local, sa.remote, sa.last_sent);
}

// ── the end of phase 1 ──────────────────────────────────────────────────────────────────────────

void Phase1::set_lifetime(IkeSa& sa) {
    const auto owner = sa.id.value();
    const auto life = std::chrono::seconds(sa.suite.lifetime_s);
    core_.timers.set({TimerKind::phase1_hard, owner}, sa.established + life);
    // Before the end, the first initiator well before the other so that they do not meet.
    const auto margin = std::clamp<Duration>(life / 10, 20s, 600s) * (sa.initiator() ? 2 : 1) / 2;
    const auto jitter = Duration(static_cast<std::int64_t>(core_.random.below(
        static_cast<std::uint64_t>(std::max<std::int64_t>(1, (margin / 4).count())))));
    if (life > 2 * margin) {
        core_.timers.set({TimerKind::phase1_soft, owner}, sa.established + life - margin - jitter);
    }
}

void Phase1::finish(IkeSa& sa, Input input, std::string_view event) {
    transition(sa, input, event, Phase1State::p1_complete);
    const auto id = sa.id;
    complete(sa);
    if (auto* still = core_.ike(id)) {
        transition(*still, Input::internal, "IKE_PHASE1_COMPLETE", Phase1State::p1_complete);
    }
}

void Phase1::complete(IkeSa& sa) {
    const auto owner = sa.id.value();
    core_.timers.cancel({TimerKind::phase1_setup, owner});
    core_.timers.cancel({TimerKind::phase1_retransmit, owner});
    leave_half_open(core_, sa);
    sa.established = core_.now;
    sa.last_heard = core_.now;
    sa.dh.reset();
    core_.counters.count(Counter::phase1_established);
    set_lifetime(sa);
    core_.informational.arm(sa);
    if (sa.replaces) {
        core_.timers.set({TimerKind::phase1_delete, sa.replaces->value()}, core_.now + kDrain);
    }
    if (sa.announce_lifetime) {
        core_.log.debug(Debug::crypto_isakmp,
                        "ISAKMP: Sending phase 1 responder lifetime {}",
                        sa.suite.lifetime_s);
        core_.informational.send_responder_lifetime(sa);
    }
    const auto id = sa.id;
    core_.transactions.begin(sa);
    if (core_.ike(id) == nullptr || !Transactions::ready(sa)) {
        return;  // refused, or the requests wait until the user is known
    }
    const auto waiting = std::exchange(sa.waiting, {});
    for (const auto request : waiting) {
        if (core_.ike(id) != nullptr) {
            core_.requests.on_phase1_ready(request, sa);
        }
    }
}

void Phase1::destroy(ConnectionId id, std::string_view reason, Notify notify) {
    auto* found = core_.ike(id);
    if (found == nullptr) {
        return;
    }
    auto& sa = *found;
    core_.transactions.close(sa, reason, notify);
    if (notify == Notify::yes && sa.complete()) {
        core_.informational.send_delete_ike(sa);
    }
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: deleting SA reason \"{}\" state ({}) {} (peer {})",
                    sa.tag(),
                    reason,
                    sa.initiator() ? 'I' : 'R',
                    show_state(sa.state),
                    sa.remote.address.to_string());
    if (sa.state != Phase1State::dead_sa) {
        transition(sa, Input::internal, "IKE_PHASE1_DEL", Phase1State::dead_sa);
    }
    const auto owner = id.value();
    for (const auto kind : {TimerKind::phase1_setup,
                            TimerKind::phase1_retransmit,
                            TimerKind::phase1_soft,
                            TimerKind::phase1_hard,
                            TimerKind::phase1_delete,
                            TimerKind::dpd,
                            TimerKind::nat_keepalive}) {
        core_.timers.cancel({kind, owner});
    }
    leave_half_open(core_, sa);
    leave_by_remote(core_, sa);
    core_.by_cookies.erase({sa.cookie_i, sa.cookie_r});
    core_.by_first_message.erase({sa.first_remote, sa.cookie_i});
    core_.by_initiator_cookie.erase(sa.cookie_i);
    if (sa.job != 0) {
        core_.jobs.erase(sa.job);
    }
    // The object outlives its place in the table until its exchanges have been told.
    const auto owned = std::move(core_.ikes.extract(id).mapped());
    core_.quick_mode.abandon_all(*owned, reason);
    for (const auto request : std::exchange(owned->waiting, {})) {
        core_.requests.on_phase1_lost(request, *owned, reason);
    }
}

void Phase1::fail(IkeSa& sa, std::string_view reason) {
    core_.counters.count(Counter::phase1_failed);
    destroy(sa.id, reason, Notify::no);
}

// ── finding ─────────────────────────────────────────────────────────────────────────────────────

IkeSa* Phase1::find_complete(Ipv4Address local,
                             Ipv4Address remote,
                             std::optional<L4Port> port,
                             const std::string& profile) const {
    IkeSa* best = nullptr;
    const auto [first, last] = core_.by_remote.equal_range(remote);
    for (auto it = first; it != last; ++it) {
        auto* sa = core_.ike(it->second);
        if (sa == nullptr || !sa->complete() || !Transactions::ready(*sa) ||
            sa->local.address != local || (port && sa->remote.port != *port) ||
            (!profile.empty() && sa->profile != profile)) {
            continue;
        }
        if (best == nullptr || sa->established > best->established ||
            (sa->established == best->established && sa->id > best->id)) {
            best = sa;
        }
    }
    return best;
}

bool Phase1::others_at_its_address(const IkeSa& sa) const {
    const auto [first, last] = core_.by_remote.equal_range(sa.remote.address);
    return std::any_of(first, last, [&](const auto& entry) {
        const auto* other = core_.ike(entry.second);
        return other != nullptr && other->complete() && other->remote.port != sa.remote.port;
    });
}

IkeSa* Phase1::find_initiating(Ipv4Address local, Ipv4Address remote) const {
    const auto [first, last] = core_.by_remote.equal_range(remote);
    for (auto it = first; it != last; ++it) {
        auto* sa = core_.ike(it->second);
        if (sa != nullptr && !sa->complete() && sa->initiator() && sa->local.address == local) {
            return sa;
        }
    }
    return nullptr;
}

bool Phase1::is_newest(const IkeSa& sa) const {
    return find_complete(sa.local.address, sa.remote.address, sa.remote.port, sa.profile) == &sa;
}

void Phase1::follow(IkeSa& sa, const Endpoint& local, const Endpoint& remote) {
    // Only what a NAT does is followed: the float to port 4500, and mappings that change.
    const bool by_udp = sa.client && sa.client->esp_udp_port;
    const bool allowed = sa.complete() ? sa.nat.remote_behind || by_udp : sa.nat.detected();
    if ((sa.local == local && sa.remote == remote) || !allowed) {
        return;
    }
    const auto before = sa.remote;
    leave_by_remote(core_, sa);
    if (!sa.complete() && !sa.initiator()) {
        // The half-open count goes by source address.
        leave_half_open(core_, sa);
        core_.half_open.emplace(sa.created, sa.id);
        ++core_.half_open_of_source[remote.address];
    }
    sa.local = local;
    sa.remote = remote;
    core_.by_remote.emplace(remote.address, sa.id);
    if (sa.complete()) {
        core_.log.debug(Debug::crypto_isakmp,
                        "{}: peer {} port {} moved to {} port {}",
                        sa.tag(),
                        before.address.to_string(),
                        before.port.value(),
                        remote.address.to_string(),
                        remote.port.value());
        core_.children.move_peer(local.address, before, remote, sa.id);
    }
}

// ── timers ──────────────────────────────────────────────────────────────────────────────────────

void Phase1::on_timer_setup(ConnectionId id) {
    if (auto* sa = core_.ike(id); sa != nullptr && !sa->complete()) {
        fail(*sa, "Phase1 SA negotiation timed out");
    }
}

void Phase1::on_timer_retransmit(ConnectionId id) {
    auto* sa = core_.ike(id);
    if (sa != nullptr && sa->state == Phase1State::r_am2) {
        core_.aggressive.on_timer_silent(*sa);
        return;
    }
    if (sa == nullptr || sa->complete() || sa->last_sent.empty()) {
        return;
    }
    if (sa->retransmits >= kMaxRetransmits) {
        fail(*sa, "Death by retransmission P1");
        return;
    }
    ++sa->retransmits;
    core_.counters.count(Counter::retransmissions);
    core_.log.debug(
        Debug::crypto_isakmp, "{}: retransmitting phase 1 {}...", sa->tag(), show_state(sa->state));
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: incrementing error counter on sa: retransmit phase 1",
                    sa->tag());
    debug_sending(core_.log, *sa, show_state(sa->state));
    core_.send_datagram(sa->local, sa->remote, sa->last_sent);
    core_.timers.set({TimerKind::phase1_retransmit, id.value()}, core_.now + kRetransmitInterval);
}

void Phase1::on_timer_soft(ConnectionId id) {
    auto* sa = core_.ike(id);
    // A user's next phase 1 is his client's affair: it begins with his password.
    if (sa == nullptr || !sa->complete() || sa->client || !is_newest(*sa) ||
        !core_.children.any_with(sa->local.address, sa->remote.address)) {
        return;
    }
    if (find_initiating(sa->local.address, sa->remote.address) != nullptr) {
        return;
    }
    Cookie cookie{core_.random.u64() | 1U};
    auto* next = create(Role::initiator, sa->local, sa->remote, cookie);
    if (next == nullptr) {
        return;
    }
    next->replaces = id;
    next->profile = sa->profile;
    if (!core_.main_mode.start(*next)) {
        fail(*next, "no policy for the next phase 1");
    }
}

void Phase1::on_timer_hard(ConnectionId id) {
    destroy(id, "SA lifetime expired", Notify::yes);
}

}  // namespace viaduct::ike
