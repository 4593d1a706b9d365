// What both roles of quick mode share: messages in and out, retransmission, making the pair.
#include "controlplane/ike/quick_mode.h"

#include <algorithm>

#include "controlplane/ike/core.h"
#include "controlplane/ike/debug_text.h"
#include "controlplane/ike/quick_payloads.h"

namespace viaduct::ike {

std::string_view to_string(QuickState state) {
    switch (state) {
    case QuickState::ready:
        return "IKE_QM_READY";
    case QuickState::spi_starve:
        return "IKE_QM_SPI_STARVE";
    case QuickState::i_qm1:
        return "IKE_QM_I_QM1";
    case QuickState::r_qm2:
        return "IKE_QM_R_QM2";
    case QuickState::phase2_complete:
        return "IKE_QM_PHASE2_COMPLETE";
    }
    return "";
}

namespace {

/// A peer from which nothing came for so long may have lost its state.
constexpr Duration kQuickSilence = 45s;

}  // namespace

void QuickMode::transition(
    const IkeSa& sa, QuickExchange& x, Input input, std::string_view event, QuickState next) {
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: Node {}, Input = {}, {}",
                    sa.tag(),
                    static_cast<std::int32_t>(x.id.value()),
                    to_string(input),
                    event);
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: Old State = {} New State = {}",
                    sa.tag(),
                    to_string(x.state),
                    to_string(next));
    x.state = next;
}

void QuickMode::send(IkeSa& sa, QuickExchange& x, Bytes message) {
    debug_sending(core_.log, sa, show_state(sa.state));
    core_.send_datagram(sa.local, sa.remote, message);
    x.last_sent = std::move(message);
}

std::string QuickMode::head_of(const PolicyRef& policy) const {
    for (const auto& interface : core_.interfaces) {
        if (interface.index == policy.interface) {
            return policy_head(policy, interface.name.to_string());
        }
    }
    return policy_head(policy, "");
}

void QuickMode::on_message(IkeSa& sa, const PacketIn& packet, const Header& header) {
    const auto known = sa.exchanges.find(header.message_id);
    if (known == sa.exchanges.end()) {
        on_first(sa, packet, header);
        return;
    }
    auto& x = known->second;
    if (std::ranges::equal(x.last_received, packet.payload)) {
        core_.counters.count(Counter::duplicates);
        // Message 1 again: the same message 2. Message 2 again: the same message 3. Message 3: nothing.
        const bool answered = x.role == Role::initiator ? x.state == QuickState::phase2_complete
                                                        : x.state == QuickState::r_qm2;
        if (answered && x.answers_repeated < kMaxAnswersRepeated) {
            ++x.answers_repeated;
            core_.counters.count(Counter::retransmissions);
            core_.send_datagram(sa.local, sa.remote, x.last_sent);
        }
        return;
    }
    if (x.job != 0 || (x.state != QuickState::i_qm1 && x.state != QuickState::r_qm2)) {
        core_.counters.count(Counter::unexpected_message);
        return;
    }
    auto iv = x.iv;
    const auto message = open_message(core_, sa, iv, header, packet.payload);
    if (!message) {
        return;
    }
    const bool fits = x.state == QuickState::i_qm1 ? phase2_hash_fits(sa, x.id, *message, x.nonce_i)
                                                   : third_hash_fits(sa, x, *message);
    if (!fits) {
        core_.counters.count(Counter::bad_hash);
        return;
    }
    x.iv = std::move(iv);
    x.last_received.assign(packet.payload.begin(), packet.payload.end());
    sa.last_heard = core_.now;
    core_.phase1.follow(sa, packet.local, packet.remote);
    debug_received(core_.log, sa, packet);
    if (x.state == QuickState::i_qm1) {
        on_second(sa, x, *message);
    } else {
        on_third(sa, x, *message);
    }
}

Child& QuickMode::make_child(IkeSa& sa, QuickExchange& x) {
    const auto* policy = core_.policies.of(x.policy);
    const auto* entry = core_.policies.entry_of(x.policy);
    Child child;
    auto& p = child.parameters;
    p.id = core_.children.next_id();
    p.policy = x.policy;
    p.proxies = x.proxies;
    p.local = sa.local;
    p.remote = sa.remote;
    p.tunnel_mode = x.chosen->tunnel();
    p.udp_encapsulation = x.chosen->udp();
    if (sa.client && sa.client->esp_udp_port && !p.udp_encapsulation && x.chosen->tunnel()) {
        // Where the client's packets come from shows with the first of them.
        p.udp_encapsulation = true;
        p.esp_udp = EspUdpPorts{*sa.client->esp_udp_port, *sa.client->esp_udp_port};
    }
    p.lifetime_s = *x.chosen->lifetime_s;
    p.lifetime_kb = x.chosen->lifetime_kb.value_or(0);
    p.replay_window = policy != nullptr ? core_.policies.replay_window(*policy) : 64;
    p.df_bit = policy != nullptr ? policy->df_bit : "";
    p.reverse_route = entry != nullptr && (entry->reverse_route || entry->reverse_route_static);
    if (!p.tunnel_mode) {
        if (sa.nat.remote_behind) {
            // Without NAT-OA: the initiator's own address is in its proxies, the responder's in its identity.
            const auto said = x.role == Role::responder
                                  ? x.proxies.remote.address
                                  : sa.peer_id.address().value_or(x.proxies.remote.address);
            p.remote_original = x.peer_original.value_or(said);
        }
        // Transport mode protects what is between the two ends as they see each other.
        p.proxies.local.address = sa.local.address;
        p.proxies.remote.address = sa.remote.address;
    }
    if (sa.client && !sa.initiator()) {
        p.user = sa.client->user;
        p.assigned_address = sa.client->address;
    }
    child.suite = *x.chosen;
    child.role = x.role;
    child.ike = sa.id;
    child.reserved = x.reserved->index;
    child.spi_in = x.reserved->spi;
    child.spi_out = x.peer_spi;
    child.replaces = x.replaces;
    child.begun = x.started;
    child.exchange = x.id;
    const auto keys = [&](Spi spi) {
        ChildKeyInput input{sa.suite.hash,
                            sa.keys.skeyid_d.view(),
                            x.shared.view(),
                            spi,
                            x.nonce_i,
                            x.nonce_r,
                            x.chosen->cipher,
                            x.chosen->auth};
        auto material = child_keys(input);
        return ChildKeys{x.chosen->cipher,
                         x.chosen->auth,
                         std::move(material.cipher_key),
                         std::move(material.auth_key)};
    };
    auto& made = core_.children.make(std::move(child), {keys(x.reserved->spi), keys(x.peer_spi)});
    x.child = made.id();
    x.reserved.reset();  // the pair owns the place now
    x.shared = Secret();
    x.dh.reset();
    return made;
}

void QuickMode::finish(IkeSa& sa, QuickExchange& x, bool error, std::string_view reason) {
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: deleting node {} error {} reason \"{}\"",
                    sa.tag(),
                    static_cast<std::int32_t>(x.id.value()),
                    error ? "TRUE" : "FALSE",
                    reason);
    core_.timers.cancel({TimerKind::exchange_retransmit, sa.id.value(), x.id.value()});
    core_.timers.set({TimerKind::exchange_purge, sa.id.value(), x.id.value()},
                     core_.now + kExchangePurge);
}

/// The exchange ends without a pair; it stays a while as finished so that repetitions find it.
void QuickMode::fail(IkeSa& sa, MessageId id, std::string_view reason, bool silent) {
    auto& x = sa.exchanges.at(id);
    core_.counters.count(Counter::quick_failed);
    finish(sa, x, true, reason);
    x.state = QuickState::phase2_complete;
    x.last_sent.clear();
    x.answers_repeated = kMaxAnswersRepeated;
    if (x.job != 0) {
        core_.jobs.erase(std::exchange(x.job, 0));
    }
    if (x.reserved) {
        core_.spis.release(x.reserved->index);
        x.reserved.reset();
    }
    const auto child = std::exchange(x.child, std::nullopt);
    const auto request = std::exchange(x.request, std::nullopt);
    if (child) {
        core_.children.leave_half(*child);
    }
    if (request) {
        const auto heard = std::max(
            sa.last_heard, core_.children.traffic_with(sa.local.address, sa.remote).last_in);
        if (silent && core_.now - heard > kQuickSilence) {
            // Nothing comes back: the peer may have forgotten the ISAKMP SA. A new one shows.
            // Its IPsec SAs go like those of a peer that DPD finds dead: else a peer that began anew would be sent what it
            // cannot read until they end, and nobody who watches the tunnel would hear of it.
            const auto ike = sa.id;
            const auto local = sa.local.address;
            const auto remote = sa.remote;
            core_.requests.detach(*request);
            core_.phase1.destroy(ike, "Death by retransmission P2", Phase1::Notify::no);
            core_.requests.on_quick_failed(*request, reason, true);
            core_.children.remove_of_peer(local, remote, core_.now + 1ns, "dead peer");
            return;
        }
        core_.requests.on_quick_failed(*request, reason, false);
    }
}

void QuickMode::on_refused(IkeSa& sa, const Notification& n) {
    // RFC 2408 lets the peer name the SPI that we proposed; without it a lone exchange is meant.
    std::optional<MessageId> meant;
    std::size_t waiting = 0;
    for (const auto& [id, x] : sa.exchanges) {
        if (x.role != Role::initiator || x.state != QuickState::i_qm1) {
            continue;
        }
        ++waiting;
        ByteWriter spi;
        spi.u32(x.reserved ? x.reserved->spi.value() : 0);
        if (std::ranges::equal(spi.view(), n.spi)) {
            fail(sa, id, "refused by the peer", false);
            return;
        }
        meant = id;
    }
    if (waiting == 1 && meant) {
        fail(sa, *meant, "refused by the peer", false);
    }
}

void QuickMode::abandon_all(IkeSa& sa, std::string_view reason) {
    for (auto& [id, x] : sa.exchanges) {
        core_.timers.cancel({TimerKind::exchange_retransmit, sa.id.value(), id.value()});
        core_.timers.cancel({TimerKind::exchange_purge, sa.id.value(), id.value()});
        if (x.job != 0) {
            core_.jobs.erase(x.job);
        }
        if (x.reserved) {
            core_.spis.release(x.reserved->index);
        }
        if (x.child && x.state == QuickState::r_qm2) {
            core_.children.leave_half(*x.child);
        }
        if (x.request) {
            core_.requests.on_quick_failed(*x.request, reason, true);
        }
    }
    sa.exchanges.clear();
}

void QuickMode::on_timer_retransmit(ConnectionId ike, MessageId id) {
    auto* sa = core_.ike(ike);
    if (sa == nullptr || !sa->exchanges.contains(id)) {
        return;
    }
    auto& x = sa->exchanges.at(id);
    const bool asks = x.role == Role::initiator && x.state == QuickState::i_qm1;
    if (x.retransmits >= (rekeys(x) ? kMaxRekeyRetransmits : kMaxRetransmits)) {
        fail(*sa,
             id,
             x.role == Role::initiator ? "death by retransmission P2" : "no confirmation",
             true);
        return;
    }
    ++x.retransmits;
    if (asks) {
        // A pair that the peer has made since: whoever gets this message has it, and is to follow this exchange.
        x.replaces = core_.children.live_of_flow(flow_of(x, *sa));
    }
    core_.counters.count(Counter::retransmissions);
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: retransmitting phase 2 {} {} ...",
                    sa->tag(),
                    show_state(sa->state),
                    static_cast<std::int32_t>(id.value()));
    core_.send_datagram(sa->local, sa->remote, x.last_sent);
    core_.timers.set({TimerKind::exchange_retransmit, ike.value(), id.value()},
                     core_.now + patience(x));
}

bool QuickMode::rekeys(const QuickExchange& x) const {
    if (x.role != Role::initiator || !x.request) {
        return false;
    }
    const auto it = core_.requests.all().find(*x.request);
    return it != core_.requests.all().end() && it->second.rekeys.has_value();
}

Duration QuickMode::patience(const QuickExchange& x) const {
    if (!rekeys(x)) {
        return kRetransmitInterval;
    }
    return std::min<Duration>(kRekeyRetransmit * (1U << std::min(x.retransmits, 16U)),
                              kRetransmitInterval);
}

bool QuickMode::hasten(ChildId pair) {
    for (const auto& [id, request] : core_.requests.all()) {
        auto* sa = request.rekeys == pair && request.running && request.ike
                       ? core_.ike(*request.ike)
                       : nullptr;
        if (sa == nullptr) {
            continue;
        }
        for (auto& [message_id, x] : sa->exchanges) {
            if (x.request != id) {
                continue;
            }
            if (x.state == QuickState::i_qm1 && x.job == 0) {
                on_timer_retransmit(sa->id, message_id);
            }
            return true;
        }
    }
    return false;
}

FlowKey QuickMode::flow_of(const QuickExchange& x, const IkeSa& sa) {
    ChildParameters probe;
    probe.policy = x.policy;
    probe.proxies = x.proxies;
    probe.remote = sa.remote;
    probe.udp_encapsulation = x.offered.front().udp() || (sa.client && sa.client->esp_udp_port);
    return ike::flow_of(probe);
}

void QuickMode::on_timer_purge(ConnectionId ike, MessageId id) {
    if (auto* sa = core_.ike(ike)) {
        core_.log.debug(Debug::crypto_isakmp,
                        "{}: purging node {}",
                        sa->tag(),
                        static_cast<std::int32_t>(id.value()));
        sa->exchanges.erase(id);
    }
}

void QuickMode::resume(IkeSa& sa, MessageId id, crypto::DhResult result) {
    const auto known = sa.exchanges.find(id);
    if (known == sa.exchanges.end()) {
        return;
    }
    auto& x = known->second;
    x.job = 0;
    if (result.own.public_value.empty() || !result.shared) {
        core_.counters.count(result.own.public_value.empty() ? Counter::offload_refused
                                                             : Counter::bad_key_exchange);
        fail(sa, id, "Diffie-Hellman failed", false);
        return;
    }
    x.dh = std::move(result.own);
    x.shared = std::move(*result.shared);
    if (x.role == Role::responder) {
        send_second(sa, x);
    } else if (x.state == QuickState::ready) {
        send_first(sa, x);
    } else {
        complete_initiator(sa, x);
    }
}

void QuickMode::confirm(const Child& child) {
    auto* sa = core_.ike(child.ike);
    if (sa == nullptr || !child.exchange || !sa->exchanges.contains(*child.exchange)) {
        core_.children.establish(child.id());
        return;
    }
    establish_responder(*sa, sa->exchanges.at(*child.exchange));
}

}  // namespace viaduct::ike
