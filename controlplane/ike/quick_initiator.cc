// Quick mode as initiator: messages 1 and 3 out, message 2 in.
#include <algorithm>

#include "controlplane/ike/core.h"
#include "controlplane/ike/debug_text.h"
#include "controlplane/ike/quick_payloads.h"

namespace viaduct::ike {

void QuickMode::start(IkeSa& sa, const Request& request) {
    const auto* policy = core_.policies.of(request.acquire.policy);
    const auto& proxies = request.acquire.proxies;
    if (policy == nullptr || sa.exchanges.size() >= kMaxExchanges) {
        core_.counters.count(Counter::exchange_limit);
        core_.requests.on_quick_failed(request.id, "no policy, or too many exchanges", false);
        return;
    }
    const bool ends = proxies_are_ends(proxies, sa.local.address, sa.remote.address);
    auto offered = core_.policies.suites(*policy, ends, sa);
    if (offered.empty()) {
        core_.requests.on_quick_failed(request.id, "no transform set to offer", false);
        return;
    }
    const auto id = fresh_message_id(core_, sa);
    auto& x = sa.exchanges[id];
    x.id = id;
    x.started = core_.now;
    x.policy = request.acquire.policy;
    x.proxies = proxies;
    x.request = request.id;
    x.offered = std::move(offered);
    x.pfs = policy->pfs;
    x.iv = phase2_iv(sa.suite.hash, sa.suite.cipher, sa.iv, id);
    x.nonce_i = core_.random.bytes(kNonceBytes);
    core_.counters.count(Counter::quick_initiated);
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: beginning Quick Mode exchange, M-ID of {}",
                    sa.tag(),
                    static_cast<std::int32_t>(id.value()));
    if (x.pfs) {
        x.job = core_.submit_dh({sa.id, id}, *x.pfs, std::nullopt, {});
    } else {
        send_first(sa, x);
    }
}

void QuickMode::send_first(IkeSa& sa, QuickExchange& x) {
    x.reserved = core_.spis.reserve();
    if (!x.reserved) {
        core_.counters.count(Counter::no_spi);
        fail(sa, x.id, "no SPI", false);
        return;
    }
    // What stands now is what this exchange replaces.
    x.replaces = core_.children.live_of_flow(flow_of(x, sa));
    SaBody body;
    for (const auto& suite : x.offered) {
        Proposal p;
        p.number = static_cast<std::uint8_t>(body.proposals.size() + 1);
        p.protocol = kProtocolEsp;
        p.spi = octets_of(x.reserved->spi);
        p.transforms.push_back(transform_of(suite, 1));
        body.proposals.push_back(std::move(p));
    }
    std::vector<std::pair<PayloadType, Bytes>> payloads;
    payloads.emplace_back(PayloadType::sa, write_sa(body));
    payloads.emplace_back(PayloadType::nonce, x.nonce_i);
    if (x.dh) {
        payloads.emplace_back(PayloadType::key_exchange, x.dh->public_value);
    }
    payloads.emplace_back(PayloadType::identification,
                          write_identity(identity_of(x.proxies.local)));
    payloads.emplace_back(PayloadType::identification,
                          write_identity(identity_of(x.proxies.remote)));
    if (x.offered.front().udp() && !x.offered.front().tunnel()) {
        add_nat_oa(sa, payloads, true);
    }
    const auto chain = with_phase2_hash(sa, x.id, {}, payloads);
    core_.log.debug(
        Debug::crypto_engine, "CryptoEngine0: generate hmac context for conn id {}", sa.id.value());
    send(sa, x, seal_message(sa, ExchangeType::quick, x.id, x.iv, chain));
    transition(sa, x, Input::internal, "IKE_INIT_QM", QuickState::i_qm1);
    core_.timers.set({TimerKind::exchange_retransmit, sa.id.value(), x.id.value()},
                     core_.now + patience(x));
}

void QuickMode::on_second(IkeSa& sa, QuickExchange& x, const OpenedMessage& message) {
    const auto message_id = static_cast<std::int32_t>(x.id.value());
    core_.log.debug(
        Debug::crypto_engine, "CryptoEngine0: generate hmac context for conn id {}", sa.id.value());
    core_.log.debug(
        Debug::crypto_isakmp, "{}: processing HASH payload. message ID = {}", sa.tag(), message_id);
    core_.timers.cancel({TimerKind::exchange_retransmit, sa.id.value(), x.id.value()});
    if (!read_answer(sa, x, message.chain)) {
        fail(sa, x.id, "answer not acceptable", false);
        return;
    }
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: processing NONCE payload. message ID = {}",
                    sa.tag(),
                    message_id);
    for (std::size_t i = 0; i < message.chain.count(PayloadType::identification); ++i) {
        core_.log.debug(Debug::crypto_isakmp,
                        "{}: processing ID payload. message ID = {}",
                        sa.tag(),
                        message_id);
    }
    if (x.pfs) {
        x.job = core_.submit_dh({sa.id, x.id}, *x.pfs, x.dh, x.peer_public);
    } else {
        complete_initiator(sa, x);
    }
}

namespace {

/// The one suite of ours that the peer chose, with the smaller lifetimes.
std::optional<ChildSuite> chosen_suite(const QuickExchange& x,
                                       const SaBody& answer,
                                       Log& log,
                                       const IkeSa& sa) {
    if (answer.proposals.size() != 1 || answer.proposals.front().transforms.size() != 1) {
        return std::nullopt;
    }
    const auto& proposal = answer.proposals.front();
    log.debug(Debug::crypto_isakmp, "{}: Checking IPSec proposal {}", sa.tag(), proposal.number);
    debug_child_transform(log, proposal.protocol, proposal.transforms.front());
    const auto suite = child_suite_of(proposal.protocol, proposal.transforms.front());
    if (!suite) {
        return std::nullopt;
    }
    const auto same = [&](const ChildSuite& ours) {
        return ours.cipher == suite->cipher && ours.auth == suite->auth &&
               ours.group == suite->group && ours.encapsulation == suite->encapsulation;
    };
    const auto ours = std::find_if(x.offered.begin(), x.offered.end(), same);
    if (ours == x.offered.end()) {
        return std::nullopt;
    }
    return *ours;
}

/// RESPONDER-LIFETIME inside message 2 (RFC 2407, 4.6.3.1): honoured where it is shorter.
void take_responder_lifetime(const Chain& chain, ChildSuite& suite) {
    for (const auto& payload : chain.payloads) {
        const auto n = payload.type == PayloadType::notification
                           ? parse_notification(payload.body)
                           : Parsed<Notification>(tl::unexpected(WireError::bad_body));
        if (!n || n->type != NotifyType::responder_lifetime || n->protocol != kProtocolEsp) {
            continue;
        }
        ByteReader in(n->data);
        std::uint64_t life_type = 0;
        for (const auto& a : read_attributes(in)) {
            const auto value = a.number().value_or(0);
            if (a.type == static_cast<std::uint16_t>(IpsecAttribute::life_type)) {
                life_type = value;
            } else if (a.type == static_cast<std::uint16_t>(IpsecAttribute::life_duration) &&
                       value > 0) {
                auto& mine = life_type == kLifeSeconds ? suite.lifetime_s : suite.lifetime_kb;
                mine = static_cast<std::uint32_t>(
                    std::min<std::uint64_t>(mine.value_or(0xFFFFFFFFU), value));
            }
        }
    }
}

bool ids_fit(const QuickExchange& x, const Chain& chain) {
    std::vector<Bytes> ids;
    for (const auto& payload : chain.payloads) {
        if (payload.type == PayloadType::identification) {
            ids.emplace_back(payload.body.begin(), payload.body.end());
        }
    }
    // RFC 2409, 5.5: the responder returns the same; an answer without them leaves ours as they are.
    return ids.empty() ||
           (ids.size() == 2 && ids[0] == write_identity(identity_of(x.proxies.local)) &&
            ids[1] == write_identity(identity_of(x.proxies.remote)));
}

}  // namespace

bool QuickMode::read_answer(IkeSa& sa, QuickExchange& x, const Chain& chain) {
    const auto* sa_payload = chain.find(PayloadType::sa);
    const auto* nonce = chain.find(PayloadType::nonce);
    const auto* ke = chain.find(PayloadType::key_exchange);
    const auto answer = parse_sa(sa_payload);
    if (!answer || nonce == nullptr || nonce->body.size() < 8 || nonce->body.size() > 256) {
        core_.counters.count(Counter::malformed_payload);
        return false;
    }
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: processing SA payload. message ID = {}",
                    sa.tag(),
                    static_cast<std::int32_t>(x.id.value()));
    auto suite = chosen_suite(x, *answer, core_.log, sa);
    ByteReader spi(answer->proposals.empty() ? BytesView{}
                                             : BytesView(answer->proposals.front().spi));
    x.peer_spi = Spi{spi.u32()};
    if (!suite || !spi.done() || x.peer_spi.value() < 256) {
        core_.counters.count(Counter::no_proposal_chosen);
        return false;
    }
    if (x.pfs && (ke == nullptr || ke->body.size() != crypto::info(*x.pfs).public_bytes)) {
        core_.counters.count(Counter::bad_key_exchange);
        return false;
    }
    if (!ids_fit(x, chain)) {
        core_.counters.count(Counter::bad_identity);
        return false;
    }
    core_.log.debug(Debug::crypto_isakmp, "{}: atts are acceptable.", sa.tag());
    debug_validate_proposal(core_.log, sa, x.proxies, *suite, head_of(x.policy));
    take_responder_lifetime(chain, *suite);
    x.peer_original = peer_nat_oa(chain, false);
    x.chosen = suite;
    x.nonce_r.assign(nonce->body.begin(), nonce->body.end());
    if (ke != nullptr) {
        x.peer_public.assign(ke->body.begin(), ke->body.end());
    }
    return true;
}

void QuickMode::complete_initiator(IkeSa& sa, QuickExchange& x) {
    const auto request = std::exchange(x.request, std::nullopt);
    auto& child = make_child(sa, x);
    child.exchange.reset();
    debug_creating(core_.log, sa, child);
    debug_created(core_.log, child, head_of(x.policy));
    core_.children.establish(child.id());
    ChainWriter chain;
    chain.add(PayloadType::hash, third_hash(sa, x));
    send(sa, x, seal_message(sa, ExchangeType::quick, x.id, x.iv, chain));
    finish(sa, x, false, "");
    transition(sa, x, Input::from_peer, "IKE_QM_EXCH", QuickState::phase2_complete);
    if (request) {
        core_.requests.on_quick_done(*request);
    }
}

}  // namespace viaduct::ike
