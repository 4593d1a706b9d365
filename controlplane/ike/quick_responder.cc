// Quick mode as responder: messages 1 and 3 in, message 2 out.
#include <algorithm>

#include "controlplane/ike/core.h"
#include "controlplane/ike/debug_text.h"
#include "controlplane/ike/quick_payloads.h"

namespace viaduct::ike {

namespace {

Notification lifetime_notify(const ChildSuite& suite, Spi spi) {
    Notification n;
    n.protocol = kProtocolEsp;
    n.type = NotifyType::responder_lifetime;
    n.spi = octets_of(spi);
    ByteWriter seconds;
    seconds.u32(*suite.lifetime_s);
    ByteWriter out;
    write_attributes(out,
                     {{static_cast<std::uint16_t>(IpsecAttribute::life_type), kLifeSeconds},
                      {static_cast<std::uint16_t>(IpsecAttribute::life_duration), seconds.take()}});
    n.data = out.take();
    return n;
}

/// Proposals with the same number are one bundle; we run ESP alone.
bool alone(const SaBody& sa, const Proposal& proposal) {
    return std::count_if(sa.proposals.begin(), sa.proposals.end(), [&](const auto& other) {
               return other.number == proposal.number;
           }) == 1;
}

}  // namespace

void QuickMode::on_first(IkeSa& sa, const PacketIn& packet, const Header& header) {
    if (sa.exchanges.size() >= kMaxExchanges) {
        core_.counters.count(Counter::exchange_limit);
        return;
    }
    Bytes iv;
    const auto message = open_first(core_, sa, packet, header, iv);
    if (!message) {
        return;
    }
    const auto message_id = static_cast<std::int32_t>(header.message_id.value());
    debug_received(core_.log, sa, packet);
    core_.log.debug(Debug::crypto_isakmp, "ISAKMP: set new node {} to QM_IDLE", message_id);
    auto& x = sa.exchanges[header.message_id];
    x.id = header.message_id;
    x.role = Role::responder;
    x.started = core_.now;
    x.iv = std::move(iv);
    x.last_received.assign(packet.payload.begin(), packet.payload.end());
    core_.counters.count(Counter::quick_responded);
    core_.log.debug(
        Debug::crypto_engine, "CryptoEngine0: generate hmac context for conn id {}", sa.id.value());
    core_.log.debug(
        Debug::crypto_isakmp, "{}: processing HASH payload. message ID = {}", sa.tag(), message_id);
    if (!read_first(sa, x, message->chain)) {
        fail(sa, header.message_id, "QM rejected", false);
        return;
    }
    core_.log.debug(Debug::crypto_isakmp, "{}: asking for 1 spis from ipsec", sa.tag());
    transition(sa, x, Input::from_peer, "IKE_QM_EXCH", QuickState::spi_starve);
    if (x.pfs) {
        x.job = core_.submit_dh({sa.id, x.id}, *x.pfs, std::nullopt, x.peer_public);
    } else {
        send_second(sa, x);
    }
}

bool QuickMode::read_first(IkeSa& sa, QuickExchange& x, const Chain& chain) {
    const auto message_id = static_cast<std::int32_t>(x.id.value());
    const auto* sa_payload = chain.find(PayloadType::sa);
    const auto* nonce = chain.find(PayloadType::nonce);
    const auto offered = parse_sa(sa_payload);
    if (!offered || nonce == nullptr || nonce->body.size() < 8 || nonce->body.size() > 256) {
        core_.counters.count(Counter::malformed_payload);
        return false;
    }
    x.nonce_i.assign(nonce->body.begin(), nonce->body.end());
    std::vector<Proxy> ids;
    for (const auto& payload : chain.payloads) {
        if (payload.type != PayloadType::identification) {
            continue;
        }
        const auto identity = parse_identity(payload.body);
        const auto proxy = identity ? proxy_of(*identity) : std::nullopt;
        if (!proxy || ids.size() == 2) {
            core_.counters.count(Counter::bad_identity);
            return false;
        }
        ids.push_back(*proxy);
        (ids.size() == 1 ? x.id_i : x.id_r).assign(payload.body.begin(), payload.body.end());
    }
    if (ids.size() == 1) {
        core_.counters.count(Counter::bad_identity);
        return false;
    }
    x.ids_sent = ids.size() == 2;
    x.peer_original = peer_nat_oa(chain, true);
    x.proxies = x.ids_sent ? ProxyPair{ids[1], ids[0]} : proxies_of_ends(sa);
    if (const auto* ke = chain.find(PayloadType::key_exchange)) {
        x.peer_public.assign(ke->body.begin(), ke->body.end());
    }
    core_.log.debug(
        Debug::crypto_isakmp, "{}: processing SA payload. message ID = {}", sa.tag(), message_id);
    if (!choose(sa, x, *offered)) {
        return false;
    }
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: processing NONCE payload. message ID = {}",
                    sa.tag(),
                    message_id);
    for (std::size_t i = 0; i < ids.size(); ++i) {
        core_.log.debug(Debug::crypto_isakmp,
                        "{}: processing ID payload. message ID = {}",
                        sa.tag(),
                        message_id);
    }
    return true;
}

/// Policy by the proxies, then the first proposal that one of its transform sets fits.
bool QuickMode::choose(IkeSa& sa, QuickExchange& x, const SaBody& offered) {
    const auto ref = core_.policies.select(sa, x.proxies);
    const auto* policy = ref ? core_.policies.of(*ref) : nullptr;
    const auto refuse = [&](Counter counter, NotifyType type) {
        core_.counters.count(counter);
        Notification n;
        n.protocol = kProtocolEsp;
        n.type = type;
        if (!offered.proposals.empty()) {
            n.spi = offered.proposals.front().spi;
        }
        core_.informational.send_notify(sa, n);
        return false;
    };
    const bool ends =
        proxies_are_ends(x.proxies, sa.local.address, sa.remote.address) || sa.nat.detected();
    for (const auto& proposal : offered.proposals) {
        core_.log.debug(
            Debug::crypto_isakmp, "{}: Checking IPSec proposal {}", sa.tag(), proposal.number);
        ByteReader spi(proposal.spi);
        const Spi peer_spi{spi.u32()};
        for (const auto& transform : proposal.transforms) {
            debug_child_transform(core_.log, proposal.protocol, transform);
            auto suite = child_suite_of(proposal.protocol, transform);
            const bool group_fits =
                suite &&
                (!suite->group || x.peer_public.size() == crypto::info(*suite->group).public_bytes);
            if (!suite || !spi.done() || peer_spi.value() < 256 || !alone(offered, proposal) ||
                !group_fits) {
                core_.log.debug(Debug::crypto_isakmp, "{}: atts not acceptable.", sa.tag());
                continue;
            }
            core_.log.debug(Debug::crypto_isakmp, "{}: atts are acceptable.", sa.tag());
            debug_validate_proposal(core_.log, sa, x.proxies, *suite, ref ? head_of(*ref) : "");
            if (policy == nullptr) {
                core_.log.debug(
                    Debug::crypto_ipsec,
                    "IPSEC(validate_transform_proposal): proxy identities not supported");
                return refuse(Counter::no_policy_for_proxies, NotifyType::no_proposal_chosen);
            }
            if (!core_.policies.accepts(*policy, *suite, ends, sa)) {
                core_.log.debug(Debug::crypto_ipsec,
                                "IPSEC(validate_transform_proposal): transform proposal not "
                                "supported for identity: {{{}}}",
                                transform_text(suite->cipher, suite->auth));
                core_.log.debug(
                    Debug::crypto_isakmp, "{}: IPSec policy invalidated proposal", sa.tag());
                continue;
            }
            SaBody answer = offered;
            answer.proposals = {proposal};
            answer.proposals.front().transforms = {transform};
            x.answer = std::move(answer);
            const auto own_s = core_.policies.lifetime_s(*policy);
            const auto own_kb = core_.policies.lifetime_kb(*policy);
            x.responder_lifetime = own_s < suite->lifetime_s.value_or(28800);
            // RFC 2407, 4.5: without a lifetime eight hours are assumed.
            suite->lifetime_s = std::min(own_s, suite->lifetime_s.value_or(28800));
            if (own_kb != 0) {
                suite->lifetime_kb = std::min(own_kb, suite->lifetime_kb.value_or(own_kb));
            }
            x.policy = *ref;
            x.pfs = suite->group;
            x.chosen = suite;
            x.peer_spi = peer_spi;
            return true;
        }
    }
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: phase 2 SA policy not acceptable! (local {} remote {})",
                    sa.tag(),
                    sa.local.address.to_string(),
                    sa.remote.address.to_string());
    return refuse(Counter::no_proposal_chosen, NotifyType::no_proposal_chosen);
}

void QuickMode::send_second(IkeSa& sa, QuickExchange& x) {
    x.reserved = core_.spis.reserve();
    if (!x.reserved) {
        core_.counters.count(Counter::no_spi);
        fail(sa, x.id, "no SPI", false);
        return;
    }
    const auto spi = x.reserved->spi;
    core_.log.debug(Debug::crypto_ipsec, "IPSEC(key_engine): got a queue event...");
    core_.log.debug(Debug::crypto_ipsec,
                    "IPSEC(spi_response): getting spi {} for SA from {} to {} for prot 3",
                    spi.value(),
                    sa.local.address.to_string(),
                    sa.remote.address.to_string());
    core_.log.debug(Debug::crypto_isakmp, "ISAKMP: received ke message (2/1)");
    x.nonce_r = core_.random.bytes(kNonceBytes);
    x.answer.proposals.front().spi = octets_of(spi);
    std::vector<std::pair<PayloadType, Bytes>> payloads;
    payloads.emplace_back(PayloadType::sa, write_sa(x.answer));
    payloads.emplace_back(PayloadType::nonce, x.nonce_r);
    if (x.pfs) {
        payloads.emplace_back(PayloadType::key_exchange, x.dh->public_value);
    }
    if (x.ids_sent) {
        payloads.emplace_back(PayloadType::identification, x.id_i);
        payloads.emplace_back(PayloadType::identification, x.id_r);
    }
    if (x.chosen->udp() && !x.chosen->tunnel()) {
        add_nat_oa(sa, payloads, false);
    }
    if (x.responder_lifetime) {
        payloads.emplace_back(PayloadType::notification,
                              write_notification(lifetime_notify(*x.chosen, spi)));
    }
    make_child(sa, x);
    core_.log.debug(
        Debug::crypto_engine, "CryptoEngine0: generate hmac context for conn id {}", sa.id.value());
    const auto chain = with_phase2_hash(sa, x.id, x.nonce_i, payloads);
    send(sa, x, seal_message(sa, ExchangeType::quick, x.id, x.iv, chain));
    transition(sa, x, Input::from_ipsec, "IKE_SPI_REPLY", QuickState::r_qm2);
    core_.timers.set({TimerKind::exchange_retransmit, sa.id.value(), x.id.value()},
                     core_.now + kRetransmitInterval);
}

void QuickMode::on_third(IkeSa& sa, QuickExchange& x, const OpenedMessage& message) {
    (void)message;
    core_.log.debug(
        Debug::crypto_engine, "CryptoEngine0: generate hmac context for conn id {}", sa.id.value());
    establish_responder(sa, x);
}

void QuickMode::establish_responder(IkeSa& sa, QuickExchange& x) {
    if (x.state != QuickState::r_qm2 || !x.child) {
        return;
    }
    const auto child = *x.child;
    debug_creating(core_.log, sa, *core_.children.find(child));
    finish(sa, x, false, "quick mode done (await)");
    transition(sa, x, Input::from_peer, "IKE_QM_EXCH", QuickState::phase2_complete);
    debug_created(core_.log, *core_.children.find(child), head_of(x.policy));
    core_.children.establish(child);
}

}  // namespace viaduct::ike
