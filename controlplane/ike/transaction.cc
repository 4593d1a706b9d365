// Transaction exchanges themselves: protection, repetition, who may say what.
#include "controlplane/ike/transaction.h"

#include <algorithm>

#include "controlplane/ike/config_attributes.h"
#include "controlplane/ike/core.h"
#include "controlplane/ike/debug_text.h"
#include "controlplane/ike/keyring.h"

namespace viaduct::ike {

namespace {

std::string_view to_string(ConfigType type) {
    switch (type) {
    case ConfigType::request:
        return "REQUEST";
    case ConfigType::reply:
        return "REPLY";
    case ConfigType::set:
        return "SET";
    case ConfigType::ack:
        return "ACK";
    }
    return "unknown";
}

bool is_xauth(const ConfigBody& body) {
    return std::any_of(body.attributes.begin(), body.attributes.end(), [](const auto& a) {
        return a.type >= kXauthType && a.type <= kXauthStatus + 2;
    });
}

/// A pair of SAs that ends with the user's session: to his address or, in network extension, his own by name.
bool belongs(const Child& child, const IkeSa& sa, std::optional<Ipv4Address> address) {
    const auto& p = child.parameters;
    if (address) {
        return p.assigned_address == address;
    }
    return sa.client->session && !p.user.empty() && !p.assigned_address &&
           p.user == sa.client->user && p.remote.address == sa.remote.address &&
           (!p.udp_encapsulation || p.remote.port == sa.remote.port);
}

}  // namespace

Transactions::Settings Transactions::settings_of(const IkeSa& sa) const {
    if (const auto* profile = profile_named(core_.crypto(), sa.profile)) {
        return {profile->client_authentication_list,
                profile->authorization_list,
                profile->client_configuration};
    }
    const auto* map = core_.map_at(sa.local.address);
    if (map == nullptr) {
        return {};
    }
    return {map->client_authentication_list, map->authorization_list, map->client_configuration};
}

const config::ClientGroup* Transactions::group_of(const IkeSa& sa) const {
    if (!sa.client) {
        return nullptr;
    }
    const auto& groups = core_.crypto().client_groups;
    auto it = groups.find(sa.client->group);
    if (sa.client->group.empty()) {
        // A client without a group (main mode, or an address as identity) has IOS's group "default".
        it = groups.find("default");
    }
    return it == groups.end() ? nullptr : &it->second;
}

void Transactions::begin(IkeSa& sa) {
    if (sa.initiator()) {
        core_.ezvpn.on_phase1_complete(sa);
        return;
    }
    const auto settings = settings_of(sa);
    const bool wanted = !settings.list.empty() || settings.mode != config::ConfigMode::none;
    if (!wanted) {
        sa.client.reset();
        core_.sessions.on_peer_up(sa);
        return;
    }
    if (!sa.client) {
        sa.client = std::make_unique<RemoteClient>();
    }
    sa.client->list = settings.list;
    sa.client->login = core_.now;
    if (const auto why = may_enter(sa); !why.empty()) {
        refuse(sa, why);
        return;
    }
    if (settings.list.empty() || sa.no_xauth) {
        open(sa);
        return;
    }
    core_.log.debug(Debug::crypto_isakmp, "{}: Need XAUTH", sa.tag());
    const auto limit = core_.crypto().xauth_timeout_s;
    core_.timers.set({TimerKind::client_setup, sa.id.value()},
                     core_.now + (limit ? Duration(std::chrono::seconds(*limit)) : kXauthTime));
    sa.client->identifier = static_cast<std::uint16_t>(core_.random.u32());
    ask_for_login(sa, "");
}

// ── messages out ────────────────────────────────────────────────────────────────────────────────

bool Transactions::make_room(RemoteClient& client) {
    if (client.transactions.size() < kMaxTransactions) {
        return true;
    }
    auto oldest = client.transactions.end();
    for (auto it = client.transactions.begin(); it != client.transactions.end(); ++it) {
        if (it->second.finished &&
            (oldest == client.transactions.end() || it->second.order < oldest->second.order)) {
            oldest = it;
        }
    }
    if (oldest == client.transactions.end()) {
        core_.counters.count(Counter::exchange_limit);
        return false;
    }
    client.transactions.erase(oldest);
    return true;
}

void Transactions::send(IkeSa& sa, Transaction& t, MessageId id, const ConfigBody& body) {
    core_.log.debug(
        Debug::crypto_engine, "CryptoEngine0: generate hmac context for conn id {}", sa.id.value());
    const auto chain =
        with_phase2_hash(sa, id, {}, {{PayloadType::attributes, write_config(body)}});
    t.last_sent = seal_message(sa, ExchangeType::transaction, id, t.iv, chain);
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: {} peer config {} {}. ID = {}",
                    sa.tag(),
                    t.ours ? "initiating" : "responding to",
                    t.ours ? "to" : "from",
                    sa.remote.address.to_string(),
                    static_cast<std::int32_t>(id.value()));
    debug_sending(core_.log, sa, is_xauth(body) ? "CONF_XAUTH" : "CONF_ADDR");
    core_.send_datagram(sa.local, sa.remote, t.last_sent);
}

void Transactions::start(IkeSa& sa, const ConfigBody& body) {
    if (!make_room(*sa.client)) {
        return;
    }
    MessageId id = fresh_message_id(core_, sa);
    while (sa.client->transactions.contains(id)) {
        id = fresh_message_id(core_, sa);
    }
    core_.log.debug(Debug::crypto_isakmp,
                    "ISAKMP: set new node {} to CONF_XAUTH",
                    static_cast<std::int32_t>(id.value()));
    auto& t = sa.client->transactions[id];
    t.ours = true;
    t.order = ++sa.client->last_order;
    t.iv = phase2_iv(sa.suite.hash, sa.suite.cipher, sa.iv, id);
    send(sa, t, id, body);
    core_.timers.set({TimerKind::transaction_retransmit, sa.id.value(), id.value()},
                     core_.now + kRetransmitInterval);
}

void Transactions::answer(IkeSa& sa, MessageId id, const ConfigBody& body) {
    auto& t = sa.client->transactions.at(id);
    t.finished = true;
    send(sa, t, id, body);
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: deleting node {} error FALSE reason \"\"",
                    sa.tag(),
                    static_cast<std::int32_t>(id.value()));
}

void Transactions::on_timer_retransmit(ConnectionId ike, MessageId id) {
    auto* sa = core_.ike(ike);
    if (sa == nullptr || !sa->client || !sa->client->transactions.contains(id)) {
        return;
    }
    auto& t = sa->client->transactions.at(id);
    if (t.finished) {
        return;
    }
    if (t.retransmits >= kMaxRetransmits) {
        core_.phase1.destroy(ike, "death by retransmission CONF_XAUTH", Phase1::Notify::yes);
        return;
    }
    ++t.retransmits;
    core_.counters.count(Counter::retransmissions);
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: retransmitting phase 2 CONF_XAUTH {} ...",
                    sa->tag(),
                    static_cast<std::int32_t>(id.value()));
    core_.send_datagram(sa->local, sa->remote, t.last_sent);
    core_.timers.set({TimerKind::transaction_retransmit, ike.value(), id.value()},
                     core_.now + kRetransmitInterval);
}

void Transactions::on_timer_setup(ConnectionId ike) {
    auto* sa = core_.ike(ike);
    if (sa == nullptr || ready(*sa)) {
        return;
    }
    if (sa->initiator()) {
        core_.ezvpn.on_timer_step(*sa);
        return;
    }
    core_.log.message("CRYPTO",
                      Severity::warnings,
                      "IKMP_XAUTH_TIMEOUT",
                      "peer {} did not finish extended authentication in time",
                      sa->remote.address.to_string());
    core_.phase1.destroy(ike, "XAUTH timed out", Phase1::Notify::yes);
}

// ── messages in ─────────────────────────────────────────────────────────────────────────────────

std::optional<OpenedMessage> Transactions::open_answer(IkeSa& sa,
                                                       const PacketIn& packet,
                                                       const Header& header,
                                                       Bytes& iv) {
    auto message = open_message(core_, sa, iv, header, packet.payload);
    if (message && !phase2_hash_fits(sa, header.message_id, *message, {})) {
        core_.counters.count(Counter::bad_hash);
        return std::nullopt;
    }
    if (message) {
        sa.last_heard = core_.now;
        core_.phase1.follow(sa, packet.local, packet.remote);
    }
    return message;
}

void Transactions::on_message(IkeSa& sa, const PacketIn& packet, const Header& header) {
    if (!sa.client) {
        core_.counters.count(Counter::unexpected_exchange);
        return;
    }
    auto known = sa.client->transactions.find(header.message_id);
    if (known != sa.client->transactions.end() &&
        std::ranges::equal(known->second.last_received, packet.payload)) {
        core_.counters.count(Counter::duplicates);
        auto& t = known->second;
        if (!t.ours && !t.last_sent.empty() && t.answers_repeated < kMaxAnswersRepeated) {
            ++t.answers_repeated;
            core_.counters.count(Counter::retransmissions);
            core_.send_datagram(sa.local, sa.remote, t.last_sent);
        }
        return;
    }
    if (known != sa.client->transactions.end() && (known->second.finished || !known->second.ours)) {
        core_.counters.count(Counter::unexpected_message);
        return;
    }
    const bool ours = known != sa.client->transactions.end();
    auto iv = ours ? known->second.iv : Bytes{};
    const auto message =
        ours ? open_answer(sa, packet, header, iv) : open_first(core_, sa, packet, header, iv);
    if (!message) {
        return;
    }
    const auto* payload = message->chain.find(PayloadType::attributes);
    const auto body = payload != nullptr ? parse_config(payload->body)
                                         : Parsed<ConfigBody>(tl::unexpected(WireError::bad_body));
    if (!body) {
        core_.counters.count(Counter::malformed_payload);
        return;
    }
    if (!ours && !make_room(*sa.client)) {
        return;
    }
    auto& t = sa.client->transactions[header.message_id];
    t.order = ++sa.client->last_order;
    t.iv = std::move(iv);
    t.last_received.assign(packet.payload.begin(), packet.payload.end());
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: processing transaction payload from {}. message ID = {}",
                    sa.tag(),
                    sa.remote.address.to_string(),
                    static_cast<std::int32_t>(header.message_id.value()));
    core_.log.debug(Debug::crypto_isakmp, "ISAKMP: Config payload {}", to_string(body->type));
    if (ours) {
        t.finished = true;
        core_.timers.cancel(
            {TimerKind::transaction_retransmit, sa.id.value(), header.message_id.value()});
    }
    on_body(sa, header.message_id, ours, *body);
}

void Transactions::on_body(IkeSa& sa, MessageId id, bool ours, const ConfigBody& body) {
    if (sa.initiator()) {
        core_.ezvpn.on_body(sa, id, ours, body);
        return;
    }
    const auto step = sa.client->step;
    switch (body.type) {
    case ConfigType::reply:
        if (ours && step == ClientStep::xauth_request) {
            on_login(sa, body);
            return;
        }
        break;
    case ConfigType::ack:
        if (ours && (step == ClientStep::xauth_set || step == ClientStep::closing)) {
            on_status_acknowledged(sa);
            return;
        }
        break;
    case ConfigType::request:
        // The ACK may be lost: the first request after a status that says yes stands for it.
        if (!ours && step == ClientStep::xauth_set) {
            on_status_acknowledged(sa);
        }
        if (!ours && ready(sa)) {
            on_config_request(sa, id, body);
            return;
        }
        break;
    case ConfigType::set:
        if (!ours && ready(sa)) {
            // Clients tell their version and the like; nothing of it is needed.
            answer(sa, id, {ConfigType::ack, body.identifier, {}});
            return;
        }
        break;
    }
    core_.counters.count(Counter::unexpected_message);
}

// ── the end ─────────────────────────────────────────────────────────────────────────────────────

void Transactions::refuse(IkeSa& sa, std::string_view why) {
    core_.log.message("CRYPTO",
                      Severity::warnings,
                      "IKMP_LOGIN_REFUSED",
                      "remote access refused: user '{}' group '{}' peer {}: {}",
                      sa.client->user,
                      sa.client->group,
                      sa.remote.address.to_string(),
                      why);
    // RFC 2408, 3.14.1: "informational data" of an error may go with its notification; people read it at the other end.
    ByteWriter cookies;
    cookies.u64(sa.cookie_i.value()).u64(sa.cookie_r.value());
    Notification n;
    n.type = NotifyType::authentication_failed;
    n.spi = cookies.take();
    n.data.assign(why.begin(), why.end());
    core_.informational.send_notify(sa, n);
    core_.phase1.destroy(sa.id, why, Phase1::Notify::yes);
}

void Transactions::close(IkeSa& sa, std::string_view reason, Phase1::Notify notify) {
    if (!sa.client) {
        core_.sessions.on_peer_down(sa);
        return;
    }
    auto& client = *sa.client;
    core_.timers.cancel({TimerKind::client_setup, sa.id.value()});
    for (const auto& entry : client.transactions) {
        core_.timers.cancel(
            {TimerKind::transaction_retransmit, sa.id.value(), entry.first.value()});
    }
    authentications_.erase(client.authentication);
    if (sa.initiator()) {
        core_.ezvpn.on_lost(sa, reason);
        return;
    }
    const auto address = std::exchange(client.address, std::nullopt);
    for (const auto id : core_.children.ids_with(sa.remote.address)) {
        const auto* child = core_.children.find(id);
        if (child != nullptr && belongs(*child, sa, address)) {
            core_.children.remove(
                id,
                reason,
                notify == Phase1::Notify::yes ? Children::Notify::yes : Children::Notify::no);
        }
    }
    if (address) {
        core_.log.debug(
            Debug::crypto_isakmp, "{}: returning IP addr to the address pool", sa.tag());
        pools.release(*address, sa.id);
    }
    if (client.session) {
        client.session = false;
        core_.sessions.on_logout(sa, reason);
    }
}

bool Transactions::owns(const IkeSa& sa, const Proxy& remote) {
    if (!sa.client || sa.initiator() || !sa.client->address) {
        return true;
    }
    // EzVPN network-plus: the networks behind the client, as network extension has them without an address.
    const bool network = remote.mask != kSingleHost && remote.mask != Ipv4Address{};
    return network || (remote.address == *sa.client->address && remote.mask == kSingleHost);
}

}  // namespace viaduct::ike
