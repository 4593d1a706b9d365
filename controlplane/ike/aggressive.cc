#include "controlplane/ike/aggressive.h"

#include <algorithm>

#include "controlplane/ike/core.h"
#include "controlplane/ike/debug_text.h"
#include "controlplane/ike/keyring.h"
#include "controlplane/ike/phase1_payloads.h"
#include "crypto/primitives.h"

namespace viaduct::ike {

namespace {

constexpr std::size_t kRandomKeyBytes = 16;
constexpr Duration kAggressiveSilence = 5s;
constexpr unsigned kLinesPerSecond = 10;

Header aggressive_header(const IkeSa& sa, PayloadType first) {
    Header h;
    h.initiator = sa.cookie_i;
    h.responder = sa.cookie_r;
    h.next = first;
    h.exchange = ExchangeType::aggressive;
    return h;
}

/// Which NATs there are, seen from message 3. It may come from the floated port already, while its hashes
/// speak of the ports before or after: an end is in place if either fits.
void read_nat_d_of_third(Engine::State& core,
                         IkeSa& sa,
                         const Chain& chain,
                         const PacketIn& packet) {
    const auto before = sa.nat;
    const auto local = sa.local;
    const auto remote = sa.remote;
    read_nat_d(core, sa, chain);
    const auto first = sa.nat;
    if (local == packet.local && remote == packet.remote) {
        return;
    }
    sa.nat = before;
    sa.local = packet.local;
    sa.remote = packet.remote;
    read_nat_d(core, sa, chain);
    sa.local = local;
    sa.remote = remote;
    sa.nat.local_behind = sa.nat.local_behind && first.local_behind;
    sa.nat.remote_behind = sa.nat.remote_behind && first.remote_behind;
}

/// Somebody's map on the interface hands out group policies in the older way.
bool map_authorizes(const Engine::State& core, const IkeSa& sa) {
    const auto* map = core.map_at(sa.local.address);
    return map != nullptr &&
           (!map->authorization_list.empty() || !map->client_authentication_list.empty());
}

}  // namespace

// ── limits on strangers ─────────────────────────────────────────────────────────────────────────

void FirstMessageLimit::forget_idle(TimePoint now) {
    std::erase_if(sources_, [&](const auto& entry) {
        return entry.second.idle(now, kPerSource, kBurstOfSource);
    });
}

bool FirstMessageLimit::allow(TimePoint now, Ipv4Address source) {
    if (sources_.size() >= kMaxSources) {
        forget_idle(now);
    }
    auto it = sources_.find(source);
    if (it == sources_.end()) {
        if (sources_.size() >= kMaxSources) {
            return total_.take(now, kTotal, kBurstTotal);
        }
        it = sources_.emplace(source, TokenBucket{kBurstOfSource, now}).first;
    }
    return it->second.take(now, kPerSource, kBurstOfSource) &&
           total_.take(now, kTotal, kBurstTotal);
}

// ── responder, message 1 ────────────────────────────────────────────────────────────────────────

void AggressiveMode::on_first(const PacketIn& packet, const Header& header) {
    if (core_.phase1.repeats_first(packet, header, Phase1State::r_am2)) {
        return;
    }
    if (core_.crypto().aggressive_disable) {
        core_.counters.count(Counter::aggressive_refused);
        return;
    }
    const auto chain =
        parse_chain(header.next, packet.payload.subspan(kHeaderBytes), Padding::none);
    const auto* sa_payload = chain ? chain->find(PayloadType::sa) : nullptr;
    const auto offered = parse_sa(sa_payload);
    const auto* id_payload = chain ? chain->find(PayloadType::identification) : nullptr;
    const auto identity = id_payload != nullptr
                              ? parse_identity(id_payload->body)
                              : Parsed<Identity>(tl::unexpected(WireError::bad_body));
    if (!offered || !identity || header.encrypted() ||
        chain->payloads.front().type != PayloadType::sa) {
        core_.counters.count(Counter::malformed_payload);
        return;
    }
    if (!limit_.allow(core_.now, packet.remote.address)) {
        core_.counters.count(Counter::aggressive_rate_limit);
        return;
    }
    auto* sa = core_.phase1.respond(packet, header, sa_payload->body);
    if (sa == nullptr) {
        return;
    }
    sa->peer_id = *identity;
    sa->peer_id_body.assign(id_payload->body.begin(), id_payload->body.end());
    if (!read_first(*sa, *chain, *offered)) {
        core_.counters.count(Counter::phase1_failed);
        core_.phase1.destroy(sa->id, "aggressive mode refused", Phase1::Notify::no);
        return;
    }
    core_.phase1.set_responder_cookie(*sa, Cookie{core_.random.u64() | 1U});
    core_.phase1.transition(*sa, Input::from_peer, "IKE_AM_EXCH", Phase1State::r_am1);
    core_.log.debug(Debug::crypto_engine, "CryptoEngine0: generate alg parameter");
    sa->job = core_.submit_dh({sa->id, MessageId{}}, sa->suite.group, std::nullopt, sa->public_i);
}

/// Which key the identity stands for. Who is not known gets one that nobody has.
void AggressiveMode::choose_key(IkeSa& sa) {
    const auto& crypto = core_.crypto();
    const auto* match = match_profile(crypto, sa.peer_id);
    if (match != nullptr) {
        core_.log.debug(
            Debug::crypto_isakmp, "{}: peer matches {} profile", sa.tag(), match->first);
        sa.profile = match->first;
    } else {
        core_.log.debug(Debug::crypto_isakmp, "{}: peer matches *none* of the profiles", sa.tag());
    }
    const auto only_keyring = match != nullptr ? match->second.keyring : std::string{};
    const std::string name(sa.peer_id.data.begin(), sa.peer_id.data.end());
    sa.client = std::make_unique<RemoteClient>();
    sa.pre_shared_key = Secret(core_.random.bytes(kRandomKeyBytes));
    if (sa.peer_id.type == IdType::key_id) {
        sa.client->group = name;
        const auto group = crypto.client_groups.find(name);
        sa.client->group_known = group != crypto.client_groups.end() &&
                                 !group->second.key.text.empty() &&
                                 (match != nullptr || map_authorizes(core_, sa));
        if (sa.client->group_known) {
            sa.pre_shared_key = plain_key(group->second.key);
        }
        return;
    }
    auto found = sa.peer_id.type == IdType::ipv4_address
                     ? std::nullopt
                     : find_key_by_name(*core_.config, name, only_keyring);
    if (!found) {
        found = find_key(*core_.config, core_.log, sa.remote.address, only_keyring);
    }
    sa.client->group_known = found.has_value();
    if (found) {
        sa.pre_shared_key = std::move(found->key);
        sa.keyring = std::move(found->keyring);
        sa.no_xauth = found->no_xauth;
    }
}

bool AggressiveMode::key_stands(const IkeSa& sa) const {
    const auto& crypto = core_.crypto();
    const auto same = [&](const Secret& key) {
        return crypto::equal_constant_time(key.view(), sa.pre_shared_key.view());
    };
    if (sa.initiator()) {
        return !sa.client || same(core_.ezvpn.key_of(sa.client->ezvpn));
    }
    const auto* profile = profile_named(crypto, sa.profile);
    if (!sa.profile.empty() && profile == nullptr) {
        return false;
    }
    if (sa.peer_id.type == IdType::key_id) {
        const std::string name(sa.peer_id.data.begin(), sa.peer_id.data.end());
        const auto group = crypto.client_groups.find(name);
        return group != crypto.client_groups.end() && same(plain_key(group->second.key));
    }
    const auto only_keyring = profile != nullptr ? profile->keyring : std::string{};
    auto found =
        sa.peer_id.type == IdType::ipv4_address
            ? std::nullopt
            : find_key_by_name(
                  *core_.config, {sa.peer_id.data.begin(), sa.peer_id.data.end()}, only_keyring);
    if (!found) {
        found = find_key(*core_.config, core_.log, sa.remote.address, only_keyring);
    }
    return found && same(found->key);
}

bool AggressiveMode::read_first(IkeSa& sa, const Chain& chain, const SaBody& offered) {
    core_.log.debug(Debug::crypto_isakmp, "{}: processing SA payload. message ID = 0", sa.tag());
    core_.log.debug(Debug::crypto_isakmp, "{}: processing ID payload. message ID = 0", sa.tag());
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: ID payload next-payload : 13 type : {} {} : {} protocol : {} port : {} "
                    "length : {}",
                    sa.tag(),
                    static_cast<unsigned>(sa.peer_id.type),
                    sa.peer_id.type == IdType::key_id ? "group id" : "id",
                    sa.peer_id.text(),
                    sa.peer_id.protocol,
                    sa.peer_id.port,
                    sa.peer_id_body.size());
    choose_key(sa);
    read_vendor_ids(core_, sa, chain);
    const auto* ke = chain.find(PayloadType::key_exchange);
    auto suites = suites_of(core_.crypto(), SuiteWishes{true, false, true});
    // RFC 2409, 5.4: the group is not negotiated: the public value stands in the same message.
    std::erase_if(suites, [&](const auto& suite) {
        return ke == nullptr || crypto::info(suite.group).public_bytes != ke->body.size();
    });
    core_.log.debug(Debug::crypto_isakmp,
                    "{} Authentication by xauth preshared ISAKMP transforms against the configured "
                    "ISAKMP policy.",
                    sa.tag());
    const auto chosen = choose_suite(suites, offered, core_.log, sa.tag());
    if (!chosen) {
        core_.log.debug(Debug::crypto_isakmp, "{}: no offers accepted!", sa.tag());
        core_.counters.count(Counter::no_proposal_chosen);
        core_.informational.send_unprotected(sa, NotifyType::no_proposal_chosen);
        return false;
    }
    sa.suite = chosen->suite;
    sa.announce_lifetime = chosen->own_lifetime_shorter;
    sa.answer_body = write_sa(chosen->answer);
    return read_key_exchange(core_, sa, chain);
}

// ── Diffie-Hellman is done ──────────────────────────────────────────────────────────────────────

void AggressiveMode::resume(IkeSa& sa, crypto::DhResult result) {
    sa.job = 0;
    const bool own_only = sa.state == Phase1State::ready;
    if (result.own.public_value.empty() || (!own_only && !result.shared)) {
        core_.counters.count(result.own.public_value.empty() ? Counter::offload_refused
                                                             : Counter::bad_key_exchange);
        core_.phase1.fail(sa, "Diffie-Hellman failed");
        return;
    }
    core_.log.debug(Debug::crypto_engine, "CRYPTO_ENGINE: Dh phase 1 status: 0");
    sa.dh = std::move(result.own);
    if (own_only) {
        send_first(sa);
        return;
    }
    if (!sa.initiator()) {
        sa.public_r = sa.dh->public_value;
        sa.nonce_r = core_.random.bytes(kNonceBytes);
    }
    core_.log.debug(
        Debug::crypto_engine, "CryptoEngine0: create ISAKMP SKEYID for conn id {}", sa.id.value());
    sa.keys = keys_of_pre_shared(sa.material(), sa.pre_shared_key.view(), result.shared->view());
    sa.iv = sa.keys.iv;
    sa.keyed = true;
    core_.log.debug(Debug::crypto_isakmp, "{}: SKEYID state generated", sa.tag());
    if (sa.initiator()) {
        send_third(sa);
    } else {
        send_second(sa);
    }
}

void AggressiveMode::send_second(IkeSa& sa) {
    set_own_identity(core_, sa, PayloadType::hash);
    ChainWriter chain;
    chain.add(PayloadType::sa, sa.answer_body);
    chain.add(PayloadType::key_exchange, sa.public_r);
    chain.add(PayloadType::nonce, sa.nonce_r);
    chain.add(PayloadType::identification, sa.own_id);
    core_.log.debug(
        Debug::crypto_engine, "CryptoEngine0: generate hmac context for conn id {}", sa.id.value());
    chain.add(PayloadType::hash,
              authentication_hash(sa.material(), sa.keys, false, sa.sa_body, sa.own_id));
    add_ability_vendor_ids(core_, sa, chain);
    if (sa.nat.vendor) {
        add_nat_vendor_id(core_, sa, *sa.nat.vendor, chain);
        add_nat_d(sa, chain);
    }
    core_.phase1.send(sa, write_message(aggressive_header(sa, chain.first()), chain.view()));
    core_.phase1.transition(sa, Input::internal, "PRESHARED_KEY_REPLY", Phase1State::r_am2);
    core_.timers.set({TimerKind::phase1_retransmit, sa.id.value()}, core_.now + kAggressiveSilence);
}

// ── everything after message 1 ──────────────────────────────────────────────────────────────────

void AggressiveMode::on_message(IkeSa& sa, const PacketIn& packet, const Header& header) {
    if (sa.job != 0 || std::ranges::equal(sa.last_received, packet.payload)) {
        core_.counters.count(Counter::duplicates);
        return;
    }
    if (sa.state == Phase1State::r_am2) {
        on_third(sa, packet, header);
    } else if (sa.state == Phase1State::i_am1) {
        on_second(sa, packet, header);
    } else {
        core_.counters.count(Counter::unexpected_message);
    }
}

void AggressiveMode::on_timer_silent(IkeSa& sa) {
    say_why(sa, true);
}

void AggressiveMode::say_why(IkeSa& sa, bool silent) {
    core_.counters.count(Counter::authentication_failed);
    if (sa.complained) {
        return;
    }
    sa.complained = true;
    // A flood of first messages is no flood of log lines.
    if (core_.now - said_since_ >= 1s) {
        said_since_ = core_.now;
        said_ = 0;
    }
    if (++said_ > kLinesPerSecond) {
        return;
    }
    const auto& client = *sa.client;
    const auto who = sa.peer_id.type == IdType::key_id ? "group " + client.group
                                                       : "identity " + sa.peer_id.text();
    core_.log.message("CRYPTO",
                      Severity::informational,
                      "IKMP_AUTH_FAIL",
                      "Authentication method {} failed with host {}: {}{}",
                      sa.suite.authentication,
                      sa.remote.address.to_string(),
                      silent ? "no third message came; " : "",
                      client.group_known
                          ? "wrong pre-shared key for " + who
                          : who + (sa.peer_id.type == IdType::key_id
                                       ? " is not configured or no profile matches it"
                                       : " has no pre-shared key"));
}

void AggressiveMode::on_unprotected_notify(const IkeSa& sa, NotifyType type) {
    // Anyone can send it: it ends nothing. But it is why message 3 will not come.
    auto* own = core_.ike(sa.id);
    if (own != nullptr && sa.state == Phase1State::r_am2 &&
        (type == NotifyType::authentication_failed ||
         type == NotifyType::invalid_hash_information ||
         type == NotifyType::invalid_key_information)) {
        say_why(*own, false);
    }
}

/// Responder, message 3.
void AggressiveMode::on_third(IkeSa& sa, const PacketIn& packet, const Header& header) {
    auto iv = sa.iv;
    std::optional<OpenedMessage> opened;
    Parsed<Chain> chain = tl::unexpected(WireError::bad_body);
    if (header.encrypted()) {
        opened = open_message(core_, sa, iv, header, packet.payload);
        if (opened) {
            chain = opened->chain;
        }
    } else {
        // RFC 2409, 5.4 leaves the last message in the clear.
        chain = parse_chain(header.next, packet.payload.subspan(kHeaderBytes), Padding::none);
        if (!chain) {
            core_.counters.count(Counter::malformed_payload);
            return;
        }
    }
    const auto* hash = chain ? chain->find(PayloadType::hash) : nullptr;
    const auto expected =
        authentication_hash(sa.material(), sa.keys, true, sa.sa_body, sa.peer_id_body);
    // Under a wrong key nothing can be read: that looks like a message that makes no sense.
    if (hash == nullptr || !crypto::equal_constant_time(expected, hash->body)) {
        say_why(sa, false);
        return;
    }
    debug_received(core_.log, sa, packet);
    core_.log.debug(Debug::crypto_isakmp, "{}: processing HASH payload. message ID = 0", sa.tag());
    core_.log.debug(
        Debug::crypto_engine, "CryptoEngine0: generate hmac context for conn id {}", sa.id.value());
    sa.iv = std::move(iv);
    sa.last_received.assign(packet.payload.begin(), packet.payload.end());
    read_nat_d_of_third(core_, sa, *chain, packet);
    core_.phase1.follow(sa, packet.local, packet.remote);
    read_vendor_ids(core_, sa, *chain);
    read_phase1_notifies(core_, sa, *chain);
    core_.log.debug(Debug::crypto_isakmp, "{}: SA authentication status: authenticated", sa.tag());
    if (sa.saw_initial_contact) {
        process_initial_contact(core_, sa);
    }
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: SA has been authenticated with {}",
                    sa.tag(),
                    sa.remote.address.to_string());
    core_.phase1.finish(sa, Input::from_peer, "IKE_AM_EXCH");
}

// ── initiator ───────────────────────────────────────────────────────────────────────────────────

bool AggressiveMode::start(IkeSa& sa, const Credentials& credentials) {
    auto own = suites_of(core_.crypto(), SuiteWishes{true, false, sa.client != nullptr});
    if (own.empty()) {
        return false;
    }
    // One group for all of the offer, the first policy's.
    const auto group = own.front().group;
    std::erase_if(own, [&](const auto& suite) { return suite.group != group; });
    sa.exchange = ExchangeType::aggressive;
    sa.suite = own.front();
    sa.pre_shared_key = credentials.key;
    sa.own_id = write_identity(credentials.own);
    sa.sa_body = write_sa(offer_of(own));
    core_.counters.count(Counter::phase1_initiated);
    sa.job = core_.submit_dh({sa.id, MessageId{}}, group, std::nullopt, {});
    return true;
}

void AggressiveMode::send_first(IkeSa& sa) {
    sa.public_i = sa.dh->public_value;
    sa.nonce_i = core_.random.bytes(kNonceBytes);
    ChainWriter chain;
    chain.add(PayloadType::sa, sa.sa_body);
    chain.add(PayloadType::key_exchange, sa.public_i);
    chain.add(PayloadType::nonce, sa.nonce_i);
    chain.add(PayloadType::identification, sa.own_id);
    add_ability_vendor_ids(core_, sa, chain);
    add_nat_vendor_ids(core_, sa, chain);
    if (sa.client) {
        chain.add(PayloadType::vendor_id, vendor_id_body(VendorId::xauth));
    }
    core_.phase1.transition(sa, Input::from_ipsec, "IKE_SA_REQ_AM", Phase1State::i_am1);
    core_.log.debug(Debug::crypto_isakmp, "{}: beginning Aggressive Mode exchange", sa.tag());
    core_.phase1.send(sa, write_message(aggressive_header(sa, chain.first()), chain.view()));
    core_.phase1.await_answer(sa);
}

/// Initiator, message 2.
void AggressiveMode::on_second(IkeSa& sa, const PacketIn& packet, const Header& header) {
    if (header.encrypted() || header.responder == Cookie{} || packet.remote != sa.remote ||
        packet.local != sa.local) {
        core_.counters.count(Counter::unexpected_message);
        return;
    }
    const auto chain =
        parse_chain(header.next, packet.payload.subspan(kHeaderBytes), Padding::none);
    const auto* sa_payload = chain ? chain->find(PayloadType::sa) : nullptr;
    const auto answer = parse_sa(sa_payload);
    const auto* id = chain ? chain->find(PayloadType::identification) : nullptr;
    const auto* hash = chain ? chain->find(PayloadType::hash) : nullptr;
    const auto identity = id != nullptr ? parse_identity(id->body)
                                        : Parsed<Identity>(tl::unexpected(WireError::bad_body));
    if (!answer || !identity || hash == nullptr) {
        core_.counters.count(Counter::malformed_payload);
        return;
    }
    debug_received(core_.log, sa, packet);
    auto own = suites_of(core_.crypto(), SuiteWishes{true, false, sa.client != nullptr});
    std::erase_if(own, [&](const auto& suite) { return suite.group != sa.suite.group; });
    const auto chosen =
        answer->proposals.size() == 1 && answer->proposals.front().transforms.size() == 1
            ? choose_suite(own, *answer, core_.log, sa.tag())
            : std::nullopt;
    if (!chosen) {
        core_.counters.count(Counter::no_proposal_chosen);
        core_.phase1.fail(sa, "peer chose what was not offered");
        return;
    }
    sa.suite = chosen->suite;
    core_.phase1.set_responder_cookie(sa, header.responder);
    sa.peer_id = *identity;
    sa.peer_id_body.assign(id->body.begin(), id->body.end());
    read_vendor_ids(core_, sa, *chain);
    if (!read_key_exchange(core_, sa, *chain)) {
        core_.phase1.fail(sa, "bad key exchange");
        return;
    }
    read_nat_d(core_, sa, *chain);
    core_.timers.cancel({TimerKind::phase1_retransmit, sa.id.value()});
    sa.parked.assign(hash->body.begin(), hash->body.end());
    sa.last_received.assign(packet.payload.begin(), packet.payload.end());
    core_.phase1.transition(sa, Input::from_peer, "IKE_AM_EXCH", Phase1State::i_am2);
    sa.job = core_.submit_dh({sa.id, MessageId{}}, sa.suite.group, sa.dh, sa.public_r);
}

void AggressiveMode::send_third(IkeSa& sa) {
    const auto expected =
        authentication_hash(sa.material(), sa.keys, false, sa.sa_body, sa.peer_id_body);
    const auto received = std::exchange(sa.parked, {});
    if (!crypto::equal_constant_time(expected, received)) {
        core_.counters.count(Counter::authentication_failed);
        core_.log.message("CRYPTO",
                          Severity::informational,
                          "IKMP_AUTH_FAIL",
                          "Authentication method {} failed with host {}: wrong pre-shared key, or "
                          "the group is not configured there",
                          sa.suite.authentication,
                          sa.remote.address.to_string());
        core_.informational.send_unprotected(sa, NotifyType::authentication_failed);
        core_.phase1.fail(sa, "HASH payload of the peer does not fit");
        return;
    }
    ChainWriter chain;
    chain.add(PayloadType::hash,
              authentication_hash(sa.material(), sa.keys, true, sa.sa_body, sa.own_id));
    add_nat_d(sa, chain);
    if (is_first_contact(core_, sa)) {
        Notification n;
        n.type = NotifyType::initial_contact;
        chain.add(PayloadType::notification, write_notification(n));
    }
    if (sa.nat.detected() && sa.local.port == kPortIsakmp) {
        core_.phase1.follow(sa, {sa.local.address, kPortNatT}, {sa.remote.address, kPortNatT});
    }
    core_.phase1.send(sa, seal_message(sa, ExchangeType::aggressive, MessageId{}, sa.iv, chain));
    core_.phase1.finish(sa, Input::from_peer, "IKE_AM_EXCH");
}

}  // namespace viaduct::ike
