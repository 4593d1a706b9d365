#include "controlplane/ike/ezvpn.h"

#include <algorithm>
#include <array>

#include "controlplane/ike/config_attributes.h"
#include "controlplane/ike/core.h"
#include "controlplane/ike/keyring.h"

namespace viaduct::ike {

namespace {

constexpr std::size_t kMaxValueText = 512;
constexpr std::size_t kMaxSplit = 50;

std::string text_of(const Attribute& a) {
    std::string out;
    if (const auto* octets = std::get_if<Bytes>(&a.value); octets != nullptr) {
        for (const auto c : *octets) {
            if (out.size() < kMaxValueText && c >= 0x20 && c < 0x7F) {
                out.push_back(static_cast<char>(c));
            }
        }
    }
    return out;
}

std::optional<Ipv4Address> address_of(const Attribute& a) {
    const auto* octets = std::get_if<Bytes>(&a.value);
    if (octets == nullptr || octets->size() != 4) {
        return std::nullopt;
    }
    return ByteReader(*octets).address();
}

std::vector<Ipv4Prefix> networks_of(const Attribute& a) {
    std::vector<Ipv4Prefix> out;
    const auto* octets = std::get_if<Bytes>(&a.value);
    if (octets == nullptr || octets->size() % 14 != 0) {
        return out;
    }
    ByteReader in(*octets);
    while (in.remaining() >= 14 && out.size() < kMaxSplit) {
        const auto address = in.address();
        const auto mask = in.address();
        in.skip(6);
        if (const auto length = length_of_mask(mask)) {
            out.emplace_back(address, *length);
        }
    }
    return out;
}

}  // namespace

Ezvpn::Ezvpn(Engine::State& core) : core_(core) {
    policy_.description = "EzVPN";
}

const config::EzvpnClient* Ezvpn::settings(const std::string& name) const {
    const auto it = core_.crypto().ezvpn_clients.find(name);
    return it == core_.crypto().ezvpn_clients.end() ? nullptr : &it->second;
}

const LocalInterface* Ezvpn::outside_of(const std::string& name) const {
    for (const auto& interface : core_.interfaces) {
        const auto it = core_.config->interfaces.find(interface.name);
        if (it != core_.config->interfaces.end() && it->second.ezvpn_client == name &&
            !it->second.ezvpn_inside && !interface.address.is_unspecified()) {
            return &interface;
        }
    }
    return nullptr;
}

Secret Ezvpn::key_of(const std::string& name) const {
    const auto* client = settings(name);
    return client == nullptr ? Secret{} : plain_key(client->key);
}

// ── coming and going ────────────────────────────────────────────────────────────────────────────

void Ezvpn::configure() {
    std::vector<std::string> gone;
    for (const auto& entry : clients_) {
        if (settings(entry.first) == nullptr || outside_of(entry.first) == nullptr) {
            gone.push_back(entry.first);
        }
    }
    for (const auto& name : gone) {
        disconnect(name);
        core_.timers.cancel({TimerKind::ezvpn_retry, clients_.at(name).number});
        clients_.erase(name);
    }
    for (const auto& [name, client] : core_.crypto().ezvpn_clients) {
        if (client.connect == config::EzvpnClient::Connect::automatic &&
            outside_of(name) != nullptr && !clients_.contains(name)) {
            connect(name);
        }
    }
}

void Ezvpn::connect(const std::string& name) {
    if (settings(name) == nullptr) {
        return;
    }
    auto& client = clients_[name];
    if (client.number == 0) {
        client.number = ++last_number_;
    }
    client.wanted = true;
    if (!client.ike) {
        try_peer(name);
    }
}

void Ezvpn::disconnect(const std::string& name) {
    const auto it = clients_.find(name);
    if (it == clients_.end()) {
        return;
    }
    it->second.wanted = false;
    core_.timers.cancel({TimerKind::ezvpn_retry, it->second.number});
    if (it->second.ike) {
        core_.phase1.destroy(*it->second.ike, "disconnected by the operator", Phase1::Notify::yes);
    }
}

void Ezvpn::again_later(const std::string& name) {
    auto& client = clients_.at(name);
    client.ike.reset();
    ++client.next_peer;
    if (client.wanted) {
        core_.timers.set({TimerKind::ezvpn_retry, client.number}, core_.now + kRetry);
    }
}

void Ezvpn::try_peer(const std::string& name) {
    const auto* wanted = settings(name);
    const auto* outside = outside_of(name);
    if (wanted == nullptr || outside == nullptr || wanted->peers.empty()) {
        return;
    }
    const auto& peer = wanted->peers[clients_.at(name).next_peer % wanted->peers.size()];
    auto address = Ipv4Address::parse(peer);
    if (const auto host = core_.config->system.hosts.find(peer);
        !address && host != core_.config->system.hosts.end()) {
        address = host->second;
    }
    auto* sa = address ? core_.phase1.create(Role::initiator,
                                             {outside->address, kPortIsakmp},
                                             {*address, kPortIsakmp},
                                             Cookie{core_.random.u64() | 1U})
                       : nullptr;
    if (sa == nullptr) {
        again_later(name);
        return;
    }
    clients_.at(name).ike = sa->id;
    sa->client = std::make_unique<RemoteClient>();
    sa->client->ezvpn = name;
    sa->client->group = wanted->group;
    sa->client->user = wanted->username;
    AggressiveMode::Credentials credentials;
    credentials.own.type = IdType::key_id;
    credentials.own.protocol = kProtoUdp.value();
    credentials.own.port = kPortIsakmp.value();
    credentials.own.data.assign(wanted->group.begin(), wanted->group.end());
    credentials.key = plain_key(wanted->key);
    if (!core_.aggressive.start(*sa, credentials)) {
        core_.phase1.fail(*sa, "no policy to offer");
    }
}

void Ezvpn::on_timer_retry(std::uint64_t number) {
    for (const auto& [name, client] : clients_) {
        if (client.number == number && client.wanted && !client.ike) {
            try_peer(name);
            return;
        }
    }
}

void Ezvpn::on_lost(const IkeSa& sa, std::string_view reason) {
    const auto it = clients_.find(sa.client->ezvpn);
    if (it == clients_.end() || it->second.ike != sa.id) {
        return;
    }
    core_.log.message("CRYPTO",
                      Severity::informational,
                      "EZVPN_CONNECTION_DOWN",
                      "(Client) User={} Group={} Server_public_addr={} Reason={}",
                      sa.client->user,
                      sa.client->group,
                      sa.remote.address.to_string(),
                      reason);
    if (it->second.given) {
        auto down = *std::exchange(it->second.given, std::nullopt);
        down.up = false;
        for (const auto id : core_.children.ids_with(sa.remote.address)) {
            const auto* child = core_.children.find(id);
            if (child != nullptr && child->parameters.policy.ezvpn == it->first) {
                core_.children.remove(id, reason, Children::Notify::no);
            }
        }
        core_.actions.emplace_back(std::move(down));
    }
    if (const auto* wanted = settings(it->first);
        wanted != nullptr && wanted->connect == config::EzvpnClient::Connect::acl) {
        it->second.wanted = false;  // traffic asks again
    }
    again_later(it->first);
}

// ── phase 1.5 ───────────────────────────────────────────────────────────────────────────────────

void Ezvpn::on_phase1_complete(IkeSa& sa) {
    if (!sa.client) {
        core_.sessions.on_peer_up(sa);
        return;
    }
    sa.client->step = ClientStep::xauth_wait;
    sa.client->failures = 0;
    core_.timers.set({TimerKind::client_setup, sa.id.value()}, core_.now + kStep);
    if (sa.suite.authentication == kAuthPreShared) {
        request_config(sa);
    }
}

/// Nothing has come for a while: our third message may be lost, the server repeats what is its own.
void Ezvpn::on_timer_step(IkeSa& sa) {
    if (sa.client->failures >= kMaxSteps) {
        core_.phase1.destroy(sa.id, "no answer from the server", Phase1::Notify::yes);
        return;
    }
    ++sa.client->failures;
    if (sa.client->transactions.empty()) {
        core_.counters.count(Counter::retransmissions);
        core_.send_datagram(sa.local, sa.remote, sa.last_sent);
    }
    core_.timers.set({TimerKind::client_setup, sa.id.value()}, core_.now + kStep);
}

void Ezvpn::on_body(IkeSa& sa, MessageId id, bool ours, const ConfigBody& body) {
    const auto step = sa.client->step;
    if (body.type == ConfigType::request && !ours && step == ClientStep::xauth_wait) {
        reply_login(sa, id, body);
        return;
    }
    if (body.type == ConfigType::set && !ours) {
        const auto find = [&body](std::uint16_t type) {
            return std::find_if(body.attributes.begin(),
                                body.attributes.end(),
                                [type](const auto& a) { return a.type == type; });
        };
        const auto status = find(kXauthStatus);
        const auto message = find(kXauthMessage);
        core_.transactions.answer(sa, id, {ConfigType::ack, body.identifier, {}});
        if (status == body.attributes.end() || step != ClientStep::xauth_wait) {
            return;
        }
        if (status->number().value_or(kXauthFailed) == kXauthOk) {
            request_config(sa);
        } else {
            core_.log.message(
                "CRYPTO",
                Severity::warnings,
                "EZVPN_AUTH_FAILED",
                "(Client) User={} Group={} Server_public_addr={}: the server refuses {}",
                sa.client->user,
                sa.client->group,
                sa.remote.address.to_string(),
                message != body.attributes.end() ? "the user: " + text_of(*message)
                                                 : std::string("name or password"));
        }
        return;
    }
    if (body.type == ConfigType::reply && ours && step == ClientStep::config_request) {
        on_given(sa, body);
        return;
    }
    core_.counters.count(Counter::unexpected_message);
}

void Ezvpn::reply_login(IkeSa& sa, MessageId id, const ConfigBody& body) {
    const auto* wanted = settings(sa.client->ezvpn);
    ConfigBody reply;
    reply.type = ConfigType::reply;
    reply.identifier = body.identifier;
    for (const auto& a : body.attributes) {
        if (a.type == kXauthType) {
            reply.attributes.push_back(a);
        } else if (a.type == kXauthUserName && wanted != nullptr) {
            reply.attributes.push_back(text_attribute(kXauthUserName, wanted->username));
        } else if (a.type == kXauthUserPassword && wanted != nullptr) {
            const auto password = plain_key(wanted->password);
            reply.attributes.push_back(
                {kXauthUserPassword, Bytes(password.view().begin(), password.view().end())});
        } else if (a.type == kXauthMessage) {
            core_.log.message("CRYPTO",
                              Severity::notifications,
                              "EZVPN_MESSAGE",
                              "(Client) Server_public_addr={} says: {}",
                              sa.remote.address.to_string(),
                              text_of(a));
        }
    }
    core_.transactions.answer(sa, id, reply);
}

void Ezvpn::request_config(IkeSa& sa) {
    sa.client->step = ClientStep::config_request;
    // IOS's client asks in this order (document 004).
    static constexpr std::array<std::uint16_t, 13> kWanted{kConfigAddress,
                                                           kConfigNetmask,
                                                           kConfigDns,
                                                           kConfigNbns,
                                                           kConfigExpiry,
                                                           kUnityBanner,
                                                           kUnitySavePassword,
                                                           kUnityDomain,
                                                           kUnitySplitInclude,
                                                           kUnitySplitDns,
                                                           kUnityPfs,
                                                           kUnityBackupServers,
                                                           kConfigVersion};
    const auto* wanted = settings(sa.client->ezvpn);
    const bool extension =
        wanted != nullptr && wanted->mode == config::EzvpnClient::Mode::network_extension;
    ConfigBody body;
    body.type = ConfigType::request;
    body.identifier = static_cast<std::uint16_t>(core_.random.u32());
    if (sa.nat.dialect == NatDialect::none) {
        // Without NAT-T: Cisco's IPsec over UDP, if the server offers it.
        body.attributes.push_back({kUnityNatPort, Bytes{}});
    }
    for (const auto type : kWanted) {
        // Network extension: the inside network keeps its own addresses.
        if (!extension || (type != kConfigAddress && type != kConfigNetmask)) {
            body.attributes.push_back({type, Bytes{}});
        }
    }
    core_.transactions.start(sa, body);
}

void Ezvpn::on_given(IkeSa& sa, const ConfigBody& body) {
    const auto name = sa.client->ezvpn;
    ClientConfigured given;
    given.ezvpn = name;
    given.up = true;
    given.server = sa.remote.address;
    for (const auto& a : body.attributes) {
        switch (a.type) {
        case kConfigAddress:
            given.address = address_of(a);
            break;
        case kConfigNetmask:
            given.netmask = address_of(a);
            break;
        case kConfigDns:
            if (const auto address = address_of(a)) {
                given.dns.push_back(*address);
            }
            break;
        case kUnityBanner:
            given.banner = text_of(a);
            break;
        case kUnityDomain:
            given.domain = text_of(a);
            break;
        case kUnityNatPort:
            if (const auto port = a.number().value_or(0);
                port > 1023 && port <= 0xFFFF && sa.nat.dialect == NatDialect::none) {
                sa.client->esp_udp_port = L4Port{static_cast<std::uint16_t>(port)};
                given.esp_udp_port = sa.client->esp_udp_port;
            }
            break;
        case kUnitySplitInclude:
            given.split_include = networks_of(a);
            break;
        default:
            core_.log.debug(
                Debug::crypto_isakmp, "{}: attribute 0x{:X} has no use here", sa.tag(), a.type);
        }
    }
    const auto* wanted = settings(name);
    if (wanted == nullptr ||
        (wanted->mode != config::EzvpnClient::Mode::network_extension && !given.address)) {
        core_.phase1.destroy(sa.id, "the server gave no address", Phase1::Notify::yes);
        return;
    }
    sa.client->step = ClientStep::open;
    sa.client->address = given.address;
    core_.timers.cancel({TimerKind::client_setup, sa.id.value()});
    core_.log.message("CRYPTO",
                      Severity::informational,
                      "EZVPN_CONNECTION_UP",
                      "(Client) User={} Group={} Server_public_addr={} Assigned_client_addr={}",
                      sa.client->user,
                      sa.client->group,
                      sa.remote.address.to_string(),
                      given.address ? given.address->to_string() : "none");
    clients_.at(name).given = given;
    core_.actions.emplace_back(given);
    acquire(sa, given);
}

std::vector<Proxy> Ezvpn::inside_of(const std::string& name, const ClientConfigured& given) const {
    std::vector<Proxy> out;
    if (given.address) {
        out.push_back({*given.address, kSingleHost, std::nullopt, 0});
    }
    const auto* wanted = settings(name);
    if (given.address &&
        (wanted == nullptr || wanted->mode != config::EzvpnClient::Mode::network_plus)) {
        return out;
    }
    for (const auto& [port, interface] : core_.config->interfaces) {
        if (interface.ezvpn_client == name && interface.ezvpn_inside && interface.address) {
            const auto network = interface.address->network();
            out.push_back({network.network(), mask_of(network.length()), std::nullopt, 0});
        }
    }
    // `acl`: subnets behind the inside interfaces.
    const auto list = core_.config->access_lists.find(wanted != nullptr ? wanted->acl : "");
    if (list != core_.config->access_lists.end()) {
        for (const auto& line : list->second.entries) {
            const Ipv4Address mask{~line.source.wildcard.value()};
            if (line.action == config::AclAction::permit && line.remark.empty() &&
                length_of_mask(mask) && !mask.is_unspecified() && out.size() < kMaxSplit) {
                out.push_back({Ipv4Address{line.source.address.value() & mask.value()},
                               mask,
                               std::nullopt,
                               0});
            }
        }
    }
    return out;
}

void Ezvpn::acquire(IkeSa& sa, const ClientConfigured& given) {
    Acquire wish;
    wish.policy.ezvpn = given.ezvpn;
    wish.policy.interface = sa.interface;
    wish.local = sa.local.address;
    wish.peers = {sa.remote.address};
    const auto inside = inside_of(given.ezvpn, given);
    auto outside = given.split_include;
    if (outside.empty()) {
        outside.emplace_back(Ipv4Address{}, 0);
    }
    for (const auto& local : inside) {
        for (const auto& remote : outside) {
            wish.proxies = {local, {remote.network(), mask_of(remote.length()), std::nullopt, 0}};
            core_.requests.add(wish, std::nullopt);
        }
    }
}

// ── what Policies asks ──────────────────────────────────────────────────────────────────────────

bool Ezvpn::stands(const PolicyRef& ref) const {
    const auto it = clients_.find(ref.ezvpn);
    return it != clients_.end() && it->second.given.has_value();
}

std::vector<ChildSuite> Ezvpn::suites(const IkeSa& sa) const {
    static constexpr std::array<std::pair<crypto::Cipher, crypto::Auth>, 6> kOffered{{
        {crypto::Cipher::aes_cbc_128, crypto::Auth::hmac_sha1_96},
        {crypto::Cipher::aes_cbc_256, crypto::Auth::hmac_sha1_96},
        {crypto::Cipher::tdes_cbc, crypto::Auth::hmac_sha1_96},
        {crypto::Cipher::tdes_cbc, crypto::Auth::hmac_md5_96},
        {crypto::Cipher::des_cbc, crypto::Auth::hmac_sha1_96},
        {crypto::Cipher::des_cbc, crypto::Auth::hmac_md5_96},
    }};
    std::vector<ChildSuite> out;
    for (const auto& [cipher, auth] : kOffered) {
        ChildSuite suite;
        suite.cipher = cipher;
        suite.auth = auth;
        suite.encapsulation = kEncapsulationTunnel;
        if (sa.nat.detected()) {
            suite.encapsulation = sa.nat.dialect == NatDialect::draft ? kEncapsulationUdpTunnelDraft
                                                                      : kEncapsulationUdpTunnel;
        }
        suite.lifetime_s = 28800;
        suite.lifetime_kb = 4608000;
        out.push_back(suite);
    }
    return out;
}

std::optional<PolicyRef> Ezvpn::select(const IkeSa& sa, const ProxyPair& proxies) const {
    const auto it = clients_.find(sa.client->ezvpn);
    if (it == clients_.end() || !it->second.given) {
        return std::nullopt;
    }
    const auto& given = *it->second.given;
    const auto inside = inside_of(it->first, given);
    const bool ours = std::ranges::any_of(inside, [&proxies](const Proxy& own) {
        return own.address == proxies.local.address && own.mask == proxies.local.mask;
    });
    if (given.address && !ours) {
        return std::nullopt;
    }
    PolicyRef ref;
    ref.interface = sa.interface;
    ref.ezvpn = it->first;
    return ref;
}

}  // namespace viaduct::ike
