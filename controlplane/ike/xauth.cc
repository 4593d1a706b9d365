// XAUTH as server: the user's name and password, and whether he may enter.
#include <algorithm>

#include "controlplane/ike/config_attributes.h"
#include "controlplane/ike/core.h"
#include "controlplane/ike/transaction.h"

namespace viaduct::ike {

namespace {

const Attribute* find(const ConfigBody& body, std::uint16_t type) {
    const auto it = std::find_if(body.attributes.begin(),
                                 body.attributes.end(),
                                 [&](const auto& a) { return a.type == type; });
    return it == body.attributes.end() ? nullptr : &*it;
}

/// One line in this time about refused logins.
constexpr Duration kLimitLineEvery = 30s;

/// "name@group", "name/group", "name\group", "name%group" (IOS, `group-lock`).
std::pair<std::string, std::string> split_user(const std::string& user) {
    const auto at = user.find_last_of("@/\\%");
    return at == std::string::npos ? std::pair(user, std::string{})
                                   : std::pair(user.substr(0, at), user.substr(at + 1));
}

/// The end of extended authentication; a refusal may carry its reason.
ConfigBody status_body(const RemoteClient& client, std::uint16_t status, std::string_view why) {
    ConfigBody body;
    body.type = ConfigType::set;
    body.identifier = client.identifier;
    body.attributes.push_back({kXauthStatus, status});
    if (!why.empty()) {
        body.attributes.push_back({kXauthMessage, Bytes(why.begin(), why.end())});
    }
    return body;
}

}  // namespace

void Transactions::ask_for_login(IkeSa& sa, std::string_view message) {
    sa.client->step = ClientStep::xauth_request;
    ConfigBody body;
    body.type = ConfigType::request;
    body.identifier = sa.client->identifier;
    if (!message.empty()) {
        body.attributes.push_back(text_attribute(kXauthMessage, message));
    }
    body.attributes.push_back(text_attribute(kXauthUserName, ""));
    body.attributes.push_back(text_attribute(kXauthUserPassword, ""));
    core_.log.debug(Debug::crypto_isakmp, "ISAKMP/xauth: request attribute XAUTH_USER_NAME_V2");
    core_.log.debug(Debug::crypto_isakmp, "ISAKMP/xauth: request attribute XAUTH_USER_PASSWORD_V2");
    start(sa, body);
    core_.log.debug(
        Debug::crypto_isakmp, "{}: Input = IKE_MSG_FROM_AAA, IKE_AAA_START_LOGIN", sa.tag());
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: Old State = IKE_XAUTH_AAA_START_LOGIN_AWAIT New State = "
                    "IKE_XAUTH_REQ_SENT",
                    sa.tag());
}

void Transactions::on_login(IkeSa& sa, const ConfigBody& body) {
    auto& client = *sa.client;
    const auto octets = [&](std::uint16_t type) -> BytesView {
        const auto* a = find(body, type);
        const auto* value = a != nullptr ? std::get_if<Bytes>(&a->value) : nullptr;
        return value != nullptr && value->size() <= kMaxUserBytes ? BytesView(*value) : BytesView{};
    };
    const auto name = octets(kXauthUserName);
    auto password = octets(kXauthUserPassword);
    if (password.empty()) {
        password = octets(kXauthPasscode);
    }
    core_.log.debug(Debug::crypto_isakmp, "ISAKMP/xauth: reply attribute XAUTH_USER_NAME_V2");
    core_.log.debug(Debug::crypto_isakmp, "ISAKMP/xauth: reply attribute XAUTH_USER_PASSWORD_V2");
    const auto* status = find(body, kXauthStatus);
    if (status != nullptr && status->number().value_or(kXauthOk) == kXauthFailed) {
        // "If the edge device … cannot fulfil the request" it says so by a status (draft, 5).
        refuse(sa, "the client gave up extended authentication");
        return;
    }
    client.user.clear();
    // Only what can stand in a log line.
    std::copy_if(name.begin(), name.end(), std::back_inserter(client.user), [](std::uint8_t c) {
        return c > 0x20 && c < 0x7F;
    });
    if (!limit_.allows(core_.now, sa.remote.address)) {
        core_.counters.count(Counter::xauth_rate_limit);
        login_failed(sa, "");
        return;
    }
    const auto* group = group_of(sa);
    AuthenticateUser ask;
    ask.request = ++last_authentication_;
    ask.list = client.list;
    ask.user = group != nullptr && group->group_lock ? split_user(client.user).first : client.user;
    ask.password = Secret(password);
    ask.remote = sa.remote;
    client.step = ClientStep::xauth_aaa;
    client.authentication = ask.request;
    authentications_[ask.request] = sa.id;
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: Old State = IKE_XAUTH_REQ_SENT New State = IKE_XAUTH_AAA_CONT_LOGIN_AWAIT",
                    sa.tag());
    core_.actions.emplace_back(std::move(ask));
}

void Transactions::on_authentication(std::uint64_t request, const AuthenticationResult& result) {
    const auto known = authentications_.find(request);
    if (known == authentications_.end()) {
        return;  // its SA has ended meanwhile
    }
    auto* sa = core_.ike(known->second);
    authentications_.erase(known);
    if (sa == nullptr || !sa->client || sa->client->authentication != request) {
        return;
    }
    auto& client = *sa->client;
    client.authentication = 0;
    core_.log.debug(Debug::crypto_isakmp, "ISAKMP: got callback 1");
    if (result.accepted) {
        client.framed = result.framed_address;
        client.group_of_user = result.group;
        if (const auto why = may_enter(*sa); !why.empty()) {
            core_.log.message("CRYPTO",
                              Severity::warnings,
                              "IKMP_LOGIN_REFUSED",
                              "remote access refused: user '{}' group '{}' peer {}: {}",
                              client.user,
                              client.group,
                              sa->remote.address.to_string(),
                              why);
            sa->client->step = ClientStep::closing;
            start(*sa, status_body(*sa->client, kXauthFailed, why));
            return;
        }
        send_status(*sa, true);
        return;
    }
    limit_.on_failed(core_.now, sa->remote.address);
    login_failed(*sa, result.message.empty() ? "wrong user name or password" : result.message);
}

/// `why` empty: there have been too many, this one was not looked at. The client is told the same.
void Transactions::login_failed(IkeSa& sa, const std::string& why) {
    auto& client = *sa.client;
    ++client.failures;
    core_.counters.count(Counter::xauth_failed);
    if (!why.empty()) {
        core_.log.message(
            "CRYPTO",
            Severity::warnings,
            "IKMP_XAUTH_FAILED",
            "extended authentication of user '{}' group '{}' peer {} failed ({} of {}): {}",
            client.user,
            client.group,
            sa.remote.address.to_string(),
            client.failures,
            kMaxLogins,
            why);
    } else if (limit_said_ == TimePoint{} || core_.now - limit_said_ >= kLimitLineEvery) {
        limit_said_ = core_.now;
        core_.log.message("CRYPTO",
                          Severity::warnings,
                          "IKMP_XAUTH_LIMIT",
                          "too many wrong names or passwords; refusing peer {} unseen",
                          sa.remote.address.to_string());
    }
    if (client.failures < kMaxLogins) {
        ask_for_login(sa, "Authentication failed, enter name and password again");
    } else {
        send_status(sa, false);
    }
}

void Transactions::send_status(IkeSa& sa, bool accepted) {
    sa.client->step = accepted ? ClientStep::xauth_set : ClientStep::closing;
    start(sa, status_body(*sa.client, accepted ? kXauthOk : kXauthFailed, ""));
    core_.log.debug(
        Debug::crypto_isakmp, "{}: Input = IKE_MSG_FROM_AAA, IKE_AAA_CONT_LOGIN", sa.tag());
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: Old State = IKE_XAUTH_AAA_CONT_LOGIN_AWAIT New State = IKE_XAUTH_SET_SENT",
                    sa.tag());
}

void Transactions::on_status_acknowledged(IkeSa& sa) {
    core_.log.debug(Debug::crypto_isakmp, "{}: XAUTH ACK Processed", sa.tag());
    if (sa.client->step == ClientStep::closing) {
        core_.phase1.destroy(sa.id, "XAUTH failed", Phase1::Notify::yes);
        return;
    }
    for (auto& [id, t] : sa.client->transactions) {
        if (t.ours && !t.finished) {
            t.finished = true;
            core_.timers.cancel({TimerKind::transaction_retransmit, sa.id.value(), id.value()});
        }
    }
    core_.log.debug(Debug::crypto_isakmp,
                    "{}: Old State = IKE_XAUTH_SET_SENT New State = IKE_P1_COMPLETE",
                    sa.tag());
    open(sa);
}

/// "" or why not. Asked when the group is known, and again when the user is.
std::string Transactions::may_enter(const IkeSa& sa) const {
    const auto* group = group_of(sa);
    if (group == nullptr) {
        return "";
    }
    const auto& client = *sa.client;
    const auto& places = group->access_restrict;
    if (!places.empty()) {
        const auto* interface = core_.interface_with(sa.local.address);
        if (interface == nullptr ||
            std::find(places.begin(), places.end(), interface->name) == places.end()) {
            return "the group may not enter by this interface (access-restrict)";
        }
    }
    if (group->max_users && core_.sessions.others_of_group(sa) >= *group->max_users) {
        return "the group has all its users (max-users)";
    }
    if (client.user.empty()) {
        return "";
    }
    if (group->max_logins && core_.sessions.others_of_user(sa) >= *group->max_logins) {
        return "the user is logged in too often (max-logins)";
    }
    if (group->group_lock) {
        const auto named =
            !client.group_of_user.empty() ? client.group_of_user : split_user(client.user).second;
        if (named != client.group) {
            return "the user belongs to another group (group-lock)";
        }
    }
    return "";
}

void Transactions::open(IkeSa& sa) {
    sa.client->step = ClientStep::open;
    core_.timers.cancel({TimerKind::client_setup, sa.id.value()});
    if (!sa.client->user.empty() || !sa.client->group.empty()) {
        sa.client->session = true;
        core_.sessions.on_login(sa);
    }
    const auto id = sa.id;
    for (const auto request : std::exchange(sa.waiting, {})) {
        if (auto* still = core_.ike(id)) {
            core_.requests.on_phase1_ready(request, *still);
        }
    }
}

}  // namespace viaduct::ike
