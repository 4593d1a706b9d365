#include "controlplane/ike/main_mode.h"

#include <algorithm>

#include "controlplane/ike/core.h"
#include "controlplane/ike/debug_text.h"
#include "controlplane/ike/phase1_payloads.h"
#include "crypto/primitives.h"

namespace viaduct::ike {

namespace {

Header main_header(const IkeSa& sa, PayloadType first) {
    Header h;
    h.initiator = sa.cookie_i;
    h.responder = sa.cookie_r;
    h.next = first;
    h.exchange = ExchangeType::main;
    return h;
}

}  // namespace

// ── initiator, message 1 ────────────────────────────────────────────────────────────────────────

bool MainMode::start(IkeSa& sa) {
    core_.log.debug(Debug::crypto_isakmp, "ISAKMP: set new node 0 to QM_IDLE");
    core_.log.debug(Debug::crypto_isakmp,
                    "ISAKMP: insert sa successfully sa = {:X}",
                    0x63000000U + sa.id.value() * 0x1C4U);
    core_.log.debug(
        Debug::crypto_isakmp, "{}: Can not start Aggressive mode, trying Main mode.", sa.tag());
    if (!find_pre_shared_key(core_, sa) && !core_.signatures.usable()) {
        core_.counters.count(Counter::no_key);
    }
    const auto own = suites_of(core_.crypto(), wishes_for(core_, sa));
    if (own.empty()) {
        core_.log.debug(Debug::crypto_isakmp,
                        "{}: No policy to offer to {}",
                        sa.tag(),
                        sa.remote.address.to_string());
        return false;
    }
    sa.sa_body = write_sa(offer_of(own));
    ChainWriter chain;
    chain.add(PayloadType::sa, sa.sa_body);
    add_nat_vendor_ids(core_, sa, chain);
    if (core_.signatures.usable()) {
        chain.add(PayloadType::vendor_id, vendor_id_body(VendorId::fragmentation));
    }
    core_.phase1.transition(sa, Input::from_ipsec, "IKE_SA_REQ_MM", Phase1State::i_mm1);
    core_.log.debug(Debug::crypto_isakmp, "{}: beginning Main Mode exchange", sa.tag());
    core_.counters.count(Counter::phase1_initiated);
    core_.phase1.send(sa, write_message(main_header(sa, chain.first()), chain.view()));
    core_.phase1.await_answer(sa);
    return true;
}

// ── responder, message 1 ────────────────────────────────────────────────────────────────────────

/// Both ends began at once. True: the packet is to be ignored, ours goes on. `own` is set if ours gives
/// way to it.
bool MainMode::yields_to(const PacketIn& packet, const Header& header, IkeSa*& own) {
    auto* ours = core_.phase1.find_initiating(packet.local.address, packet.remote.address);
    if (ours == nullptr || ours->state != Phase1State::i_mm1 || ours->remote != packet.remote ||
        ours->retransmits != 0) {
        return false;
    }
    if (ours->cookie_i < header.initiator) {
        core_.log.debug(Debug::crypto_isakmp,
                        "{}: peer began at the same time; our exchange goes on",
                        ours->tag());
        core_.counters.count(Counter::collision_yielded);
        return true;
    }
    own = ours;
    return false;
}

void MainMode::on_first(const PacketIn& packet, const Header& header) {
    if (core_.phase1.repeats_first(packet, header, Phase1State::r_mm2)) {
        return;
    }
    // Everything that needs no state comes before the state.
    const auto chain =
        parse_chain(header.next, packet.payload.subspan(kHeaderBytes), Padding::none);
    const auto* sa_payload = chain ? chain->find(PayloadType::sa) : nullptr;
    const auto offered = parse_sa(sa_payload);
    if (!offered || header.encrypted() || chain->payloads.front().type != PayloadType::sa) {
        core_.counters.count(Counter::malformed_payload);
        return;
    }
    IkeSa* own = nullptr;
    if (yields_to(packet, header, own)) {
        return;
    }
    auto* sa = core_.phase1.respond(packet, header, sa_payload->body);
    if (sa == nullptr) {
        return;
    }
    core_.phase1.transition(*sa, Input::from_peer, "IKE_MM_EXCH", Phase1State::r_mm1);
    if (!answer_first(*sa, *chain, *offered)) {
        return;
    }
    if (own != nullptr) {
        core_.counters.count(Counter::collision_yielded);
        sa->waiting = std::exchange(own->waiting, {});
        sa->replaces = own->replaces;
        core_.requests.move(sa->waiting, sa->id);
        core_.phase1.destroy(own->id, "peer's exchange goes on", Phase1::Notify::no);
    }
}

bool MainMode::answer_first(IkeSa& sa, const Chain& chain, const SaBody& offered) {
    core_.log.debug(Debug::crypto_isakmp, "{}: processing SA payload. message ID = 0", sa.tag());
    read_vendor_ids(core_, sa, chain);
    if (find_pre_shared_key(core_, sa)) {
        core_.log.debug(Debug::crypto_isakmp, "{} local preshared key found", sa.tag());
    } else if (!core_.signatures.usable()) {
        core_.counters.count(Counter::no_key);
        refuse(sa, "no key for the peer");
        return false;
    }
    core_.log.debug(Debug::crypto_isakmp, "ISAKMP : Scanning profiles for xauth ...");
    const auto chosen = choose_suite(
        suites_of(core_.crypto(), wishes_for(core_, sa)), offered, core_.log, sa.tag());
    if (!chosen) {
        core_.log.debug(Debug::crypto_isakmp, "{}: no offers accepted!", sa.tag());
        core_.counters.count(Counter::no_proposal_chosen);
        core_.informational.send_unprotected(sa, NotifyType::no_proposal_chosen);
        refuse(sa, "phase1 SA policy proposal not accepted");
        return false;
    }
    sa.suite = chosen->suite;
    sa.announce_lifetime = chosen->own_lifetime_shorter;
    read_vendor_ids(core_, sa, chain);  // IOS: once more, now that the policy is known
    core_.phase1.transition(sa, Input::internal, "IKE_PROCESS_MAIN_MODE", Phase1State::r_mm1);
    core_.phase1.set_responder_cookie(sa, Cookie{core_.random.u64() | 1U});
    ChainWriter answer;
    answer.add(PayloadType::sa, write_sa(chosen->answer));
    if (sa.nat.vendor) {
        add_nat_vendor_id(core_, sa, *sa.nat.vendor, answer);
    }
    if (sa.is_signed()) {
        answer.add(PayloadType::vendor_id, vendor_id_body(VendorId::fragmentation));
    }
    core_.phase1.send(sa, write_message(main_header(sa, answer.first()), answer.view()));
    core_.phase1.transition(sa, Input::internal, "IKE_PROCESS_COMPLETE", Phase1State::r_mm2);
    return true;
}

void MainMode::refuse(IkeSa& sa, std::string_view reason) {
    core_.counters.count(Counter::phase1_failed);
    core_.phase1.destroy(sa.id, reason, Phase1::Notify::no);
}

// ── everything after message 1 ──────────────────────────────────────────────────────────────────

void MainMode::on_message(IkeSa& sa, const PacketIn& packet, const Header& header) {
    if (std::ranges::equal(sa.last_received, packet.payload)) {
        core_.phase1.repeat_answer(sa);
        return;
    }
    if (sa.job != 0) {
        core_.counters.count(Counter::duplicates);  // parked: the peer repeats itself, differently
        return;
    }
    const bool waits_for_identity =
        sa.state == Phase1State::r_mm4 || sa.state == Phase1State::i_mm5;
    if (waits_for_identity) {
        on_identity(sa, packet, header);
        return;
    }
    const bool waits = sa.state == Phase1State::i_mm1 || sa.state == Phase1State::r_mm2 ||
                       sa.state == Phase1State::i_mm3;
    if (!waits) {
        core_.counters.count(Counter::unexpected_message);
        return;
    }
    // Unprotected messages: the sender must at least be where we sent to.
    if (header.encrypted() || packet.remote != sa.remote || packet.local != sa.local) {
        core_.counters.count(header.encrypted() ? Counter::unexpected_message
                                                : Counter::wrong_endpoint);
        return;
    }
    const auto chain =
        parse_chain(header.next, packet.payload.subspan(kHeaderBytes), Padding::none);
    if (!chain) {
        core_.counters.count(Counter::malformed_payload);
        return;
    }
    debug_received(core_.log, sa, packet);
    const auto id = sa.id;
    if (sa.state == Phase1State::i_mm1) {
        if (header.responder == Cookie{}) {
            core_.counters.count(Counter::unexpected_message);
            return;
        }
        core_.phase1.set_responder_cookie(sa, header.responder);
        on_answer(sa, *chain);
    } else {
        on_key_exchange(sa, *chain);
    }
    if (auto* still = core_.ike(id)) {
        still->last_received.assign(packet.payload.begin(), packet.payload.end());
    }
}

/// Initiator, message 2.
void MainMode::on_answer(IkeSa& sa, const Chain& chain) {
    core_.phase1.transition(sa, Input::from_peer, "IKE_MM_EXCH", Phase1State::i_mm2);
    core_.timers.cancel({TimerKind::phase1_retransmit, sa.id.value()});
    const auto* payload = chain.find(PayloadType::sa);
    const auto answer = parse_sa(payload);
    if (!answer) {
        core_.counters.count(Counter::malformed_payload);
        core_.phase1.fail(sa, "malformed SA payload");
        return;
    }
    core_.log.debug(Debug::crypto_isakmp, "{}: processing SA payload. message ID = 0", sa.tag());
    read_vendor_ids(core_, sa, chain);
    if (find_pre_shared_key(core_, sa)) {
        core_.log.debug(Debug::crypto_isakmp, "{} local preshared key found", sa.tag());
    }
    core_.log.debug(Debug::crypto_isakmp, "ISAKMP : Scanning profiles for xauth ...");
    // "The responder MUST NOT modify attributes": what it chose must be one of ours, and just one.
    const auto chosen =
        answer->proposals.size() == 1 && answer->proposals.front().transforms.size() == 1
            ? choose_suite(
                  suites_of(core_.crypto(), wishes_for(core_, sa)), *answer, core_.log, sa.tag())
            : std::nullopt;
    if (!chosen) {
        core_.counters.count(Counter::no_proposal_chosen);
        core_.phase1.fail(sa, "peer chose what was not offered");
        return;
    }
    sa.suite = chosen->suite;
    read_vendor_ids(core_, sa, chain);
    core_.log.debug(Debug::crypto_engine, "CryptoEngine0: generate alg parameter");
    sa.job = core_.submit_dh({sa.id, MessageId{}}, sa.suite.group, std::nullopt, {});
}

/// Message 3 at the responder, message 4 at the initiator.
void MainMode::on_key_exchange(IkeSa& sa, const Chain& chain) {
    const auto next = sa.initiator() ? Phase1State::i_mm4 : Phase1State::r_mm3;
    core_.phase1.transition(sa, Input::from_peer, "IKE_MM_EXCH", next);
    core_.timers.cancel({TimerKind::phase1_retransmit, sa.id.value()});
    if (!read_key_exchange(core_, sa, chain)) {
        core_.phase1.fail(sa, "bad key exchange");
        return;
    }
    if (!sa.initiator()) {
        // The sender has our cookie: it receives at its address.
        core_.timers.set({TimerKind::phase1_setup, sa.id.value()}, core_.now + kSetupTime);
    }
    core_.log.debug(Debug::crypto_engine, "CryptoEngine0: generate alg parameter");
    const auto peer_public = sa.initiator() ? sa.public_r : sa.public_i;
    sa.job = core_.submit_dh({sa.id, MessageId{}}, sa.suite.group, sa.dh, peer_public);
    // The rest of the message is read when the keys are there.
    ChainWriter rest;
    for (const auto& payload : chain.payloads) {
        if (payload.type != PayloadType::key_exchange && payload.type != PayloadType::nonce) {
            rest.add(payload.type, payload.body);
        }
    }
    sa.parked_first = rest.first();
    sa.parked.assign(rest.view().begin(), rest.view().end());
}

void MainMode::resume(IkeSa& sa, crypto::DhResult result) {
    sa.job = 0;
    if (result.own.public_value.empty() || !result.shared) {
        core_.counters.count(result.own.public_value.empty() ? Counter::offload_refused
                                                             : Counter::bad_key_exchange);
        core_.phase1.fail(sa, "Diffie-Hellman failed");
        return;
    }
    core_.log.debug(Debug::crypto_engine, "CRYPTO_ENGINE: Dh phase 1 status: 0");
    sa.dh = std::move(result.own);
    if (sa.state == Phase1State::i_mm2) {
        core_.phase1.transition(sa, Input::internal, "IKE_PROCESS_MAIN_MODE", Phase1State::i_mm2);
        sa.public_i = sa.dh->public_value;
        sa.nonce_i = core_.random.bytes(kNonceBytes);
        send_key_exchange(sa);
        core_.phase1.transition(sa, Input::internal, "IKE_PROCESS_COMPLETE", Phase1State::i_mm3);
        core_.phase1.await_answer(sa);
        return;
    }
    const bool initiator = sa.state == Phase1State::i_mm4;
    if (!initiator) {
        sa.public_r = sa.dh->public_value;
        sa.nonce_r = core_.random.bytes(kNonceBytes);
    }
    derive_keys(core_, sa, result.shared->view());
    const auto parked = std::exchange(sa.parked, {});
    if (const auto chain = parse_chain(sa.parked_first, parked, Padding::none)) {
        read_vendor_ids(core_, sa, *chain);
        read_nat_d(core_, sa, *chain);
        if (sa.is_signed()) {
            core_.signatures.choose_own(sa, *chain);
        }
    }
    if (initiator) {
        core_.phase1.transition(sa, Input::internal, "IKE_PROCESS_MAIN_MODE", Phase1State::i_mm4);
        begin_identity(sa);
    } else {
        core_.phase1.transition(sa, Input::internal, "IKE_PROCESS_MAIN_MODE", Phase1State::r_mm3);
        send_key_exchange(sa);
        core_.phase1.transition(sa, Input::internal, "IKE_PROCESS_COMPLETE", Phase1State::r_mm4);
    }
}

/// Message 3 of the initiator, message 4 of the responder.
void MainMode::send_key_exchange(IkeSa& sa) {
    ChainWriter chain;
    chain.add(PayloadType::key_exchange, sa.initiator() ? sa.public_i : sa.public_r);
    chain.add(PayloadType::nonce, sa.initiator() ? sa.nonce_i : sa.nonce_r);
    if (sa.is_signed()) {
        core_.signatures.add_requests(sa, chain);
    }
    add_ability_vendor_ids(core_, sa, chain);
    add_nat_d(sa, chain);
    core_.phase1.send(sa, write_message(main_header(sa, chain.first()), chain.view()));
}

/// Message 5 of the initiator, message 6 of the responder: at once, or when it is signed.
void MainMode::begin_identity(IkeSa& sa) {
    if (sa.initiator() && is_first_contact(core_, sa)) {
        core_.log.debug(Debug::crypto_isakmp, "{}: Send initial contact", sa.tag());
    }
    set_own_identity(core_, sa, sa.is_signed() ? PayloadType::certificate : PayloadType::hash);
    core_.log.debug(
        Debug::crypto_engine, "CryptoEngine0: generate hmac context for conn id {}", sa.id.value());
    auto hash = authentication_hash(sa.material(), sa.keys, sa.initiator(), sa.sa_body, sa.own_id);
    if (!sa.is_signed()) {
        send_identity(sa, PayloadType::hash, hash);
        return;
    }
    const auto* key = core_.signatures.key_of(sa);
    if (key == nullptr) {
        core_.phase1.fail(sa, "no trustpoint to sign with");
        return;
    }
    sa.job = core_.submit_sign({sa.id, MessageId{}}, *key, std::move(hash));
}

void MainMode::resume_signed(IkeSa& sa, const crypto::SignResult& result) {
    sa.job = 0;
    if (!result.signature) {
        core_.counters.count(Counter::offload_refused);
        core_.phase1.fail(sa, result.signature.error().message);
        return;
    }
    send_identity(sa, PayloadType::signature, *result.signature);
}

/// `proof`: HASH or SIG.
void MainMode::send_identity(IkeSa& sa, PayloadType proof, BytesView body) {
    ChainWriter chain;
    chain.add(PayloadType::identification, sa.own_id);
    if (proof == PayloadType::signature) {
        core_.signatures.add_certificates(sa, chain);
    }
    chain.add(proof, body);
    if (sa.initiator() && is_first_contact(core_, sa)) {
        Notification n;
        n.type = NotifyType::initial_contact;
        chain.add(PayloadType::notification, write_notification(n));
    }
    if (sa.initiator() && sa.nat.detected() && sa.local.port == kPortIsakmp) {
        // RFC 3947, 4: "the initiator … MUST set both the UDP source and destination ports to 4500".
        core_.phase1.follow(sa, {sa.local.address, kPortNatT}, {sa.remote.address, kPortNatT});
    }
    core_.phase1.send(sa, seal_message(sa, ExchangeType::main, MessageId{}, sa.iv, chain));
    if (sa.initiator()) {
        core_.phase1.transition(sa, Input::internal, "IKE_PROCESS_COMPLETE", Phase1State::i_mm5);
        core_.phase1.await_answer(sa);
    } else {
        core_.phase1.finish(sa, Input::internal, "IKE_PROCESS_COMPLETE");
    }
}

/// HASH or SIG of the peer. A signature that is no good ends the exchange: only who did Diffie-Hellman with
/// us can have sent it. A hash may be a forgery, or a wrong key: the right one may still come.
bool MainMode::peer_proves(IkeSa& sa,
                           const Chain& chain,
                           BytesView id_body,
                           const Identity& identity) {
    const auto expected =
        authentication_hash(sa.material(), sa.keys, !sa.initiator(), sa.sa_body, id_body);
    if (!sa.is_signed()) {
        const auto* hash = chain.find(PayloadType::hash);
        if (hash != nullptr && crypto::equal_constant_time(expected, hash->body)) {
            return true;
        }
        core_.counters.count(Counter::authentication_failed);
        core_.log.debug(Debug::crypto_isakmp,
                        "{}: HASH payload of {} does not fit",
                        sa.tag(),
                        sa.remote.address.to_string());
        return false;
    }
    const auto checked = core_.signatures.check(sa, chain, identity, expected);
    if (checked) {
        return true;
    }
    core_.counters.count(Counter::authentication_failed);
    core_.log.message("CRYPTO",
                      Severity::informational,
                      "IKMP_AUTH_FAIL",
                      "Authentication method {} failed with host {}: {}",
                      sa.suite.authentication,
                      sa.remote.address.to_string(),
                      checked.error().message);
    core_.informational.send_unprotected(sa, NotifyType::authentication_failed);
    core_.phase1.fail(sa, "signature of the peer not accepted");
    return false;
}

/// Message 5 at the responder, message 6 at the initiator.
void MainMode::on_identity(IkeSa& sa, const PacketIn& packet, const Header& header) {
    auto iv = sa.iv;
    const auto message = open_message(core_, sa, iv, header, packet.payload);
    if (!message) {
        // Most often: the keys differ.
        if (!sa.complained) {
            sa.complained = true;
            core_.log.message("CRYPTO",
                              Severity::warnings,
                              "IKMP_BAD_MESSAGE",
                              "IKE message from {} failed its sanity check or is malformed",
                              packet.remote.address.to_string());
        }
        return;
    }
    const auto* id_payload = message->chain.find(PayloadType::identification);
    const auto identity = id_payload != nullptr
                              ? parse_identity(id_payload->body)
                              : Parsed<Identity>(tl::unexpected(WireError::bad_body));
    if (!identity) {
        core_.counters.count(Counter::bad_identity);
        return;
    }
    if (!peer_proves(sa, message->chain, id_payload->body, *identity)) {
        return;  // the SA may be gone
    }
    debug_received(core_.log, sa, packet);
    const auto working = sa.initiator() ? Phase1State::i_mm6 : Phase1State::r_mm5;
    core_.phase1.transition(sa, Input::from_peer, "IKE_MM_EXCH", working);
    core_.log.debug(Debug::crypto_isakmp, "{}: processing ID payload. message ID = 0", sa.tag());
    sa.peer_id = *identity;
    sa.peer_id_body.assign(id_payload->body.begin(), id_payload->body.end());
    sa.iv = iv;
    sa.last_received.assign(packet.payload.begin(), packet.payload.end());
    core_.phase1.follow(sa, packet.local, packet.remote);
    if (!sa.initiator() && !select_profile(core_, sa)) {
        core_.counters.count(Counter::authentication_failed);
        refuse(sa, "key does not belong to the profile");
        return;
    }
    if (!sa.is_signed()) {
        core_.log.debug(
            Debug::crypto_isakmp, "{}: processing HASH payload. message ID = 0", sa.tag());
    }
    core_.log.debug(
        Debug::crypto_engine, "CryptoEngine0: generate hmac context for conn id {}", sa.id.value());
    read_phase1_notifies(core_, sa, message->chain);
    if (sa.saw_initial_contact) {
        process_initial_contact(core_, sa);
    }
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: SA has been authenticated with {}",
                    sa.tag(),
                    sa.remote.address.to_string());
    if (!select_profile(core_, sa)) {
        core_.counters.count(Counter::authentication_failed);
        core_.phase1.fail(sa, "key does not belong to the profile");
        return;
    }
    core_.phase1.transition(sa, Input::internal, "IKE_PROCESS_MAIN_MODE", working);
    if (sa.saw_initial_contact) {
        core_.log.debug(Debug::crypto_ipsec, "IPSEC(key_engine): got a queue event...");
    }
    if (sa.initiator()) {
        core_.phase1.finish(sa, Input::internal, "IKE_PROCESS_COMPLETE");
    } else {
        begin_identity(sa);
    }
}

}  // namespace viaduct::ike
