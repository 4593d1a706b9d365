#include "controlplane/aaa/engine.h"

#include <algorithm>
#include <utility>

#include "config/ios/password.h"
#include "crypto/password_hash.h"
#include "crypto/primitives.h"

namespace viaduct::aaa {

namespace {

using Method = config::AaaMethodList::Method;

Secret plain(const config::Password& password) {
    return Secret(as_bytes(ios::plain_text(password).value_or("")));
}

/// Class "OU=GROUP;" as VPN concentrators read it.
std::string group_of(const RadiusPacket& packet) {
    const auto* attribute = packet.find(kClass);
    if (attribute == nullptr) {
        return "";
    }
    std::string text(attribute->value.begin(), attribute->value.end());
    constexpr std::string_view kPrefix = "OU=";
    if (!text.starts_with(kPrefix)) {
        return "";
    }
    text.erase(0, kPrefix.size());
    return text.substr(0, text.find(';'));
}

}  // namespace

Engine::Engine(Random& random, Log& log) : random_(random), log_(log) {}

void Engine::configure(const config::RunningConfig& config) {
    login_ = config.aaa.login;
    users_ = config.system.users;
    enable_ = plain(config.system.enable_password);
    timeout_s_ = config.aaa.radius_timeout_s;
    retransmit_ = config.aaa.radius_retransmit;
    deadtime_min_ = config.aaa.radius_deadtime_min.value_or(0);
    std::vector<Server> servers;
    for (const auto& wanted : config.aaa.radius_servers) {
        Server server;
        server.config = wanted;
        server.key = plain(wanted.key.empty() ? config.aaa.radius_key : wanted.key);
        servers.push_back(std::move(server));
    }
    servers_ = std::move(servers);
}

bool Engine::local_password_is(const std::string& user, BytesView password) const {
    const auto found = users_.find(user);
    // Who is not known takes as long as somebody who is.
    const auto stand_in = std::find_if(
        users_.begin(), users_.end(), [](const auto& entry) { return entry.second.secret; });
    if (found == users_.end() && stand_in == users_.end()) {
        return false;
    }
    const auto& stored = (found != users_.end() ? found : stand_in)->second.password;
    if (stored.type != 0 && stored.type != 7) {
        const std::string typed(password.begin(), password.end());
        return crypto::secret_fits(stored.type, stored.text, typed) && found != users_.end();
    }
    const auto wanted = plain(stored);
    return !wanted.empty() && crypto::equal_constant_time(wanted.view(), password);
}

void Engine::authenticate(TimePoint now, Request request) {
    ++counters_.requests;
    Pending pending;
    const auto list = login_.find(request.list.empty() ? "default" : request.list);
    pending.methods = list == login_.end() ? std::vector{Method::local} : list->second.methods;
    log_.debug(Debug::aaa_authentication, "AAA/AUTHEN/LOGIN: Pick method list '{}'", request.list);
    pending.request = std::move(request);
    step(now, std::move(pending));
}

void Engine::step(TimePoint now, Pending pending) {
    for (; pending.method < pending.methods.size(); ++pending.method) {
        switch (pending.methods[pending.method]) {
        case Method::local:
        case Method::local_case: {
            const bool right =
                local_password_is(pending.request.user, pending.request.password.view());
            decide(pending, right, right ? "" : "wrong user name or password");
            return;
        }
        case Method::radius:
            pending.server = 0;
            if (start_radius(now, pending)) {
                return;
            }
            break;
        case Method::enable:
            if (!enable_.empty()) {
                decide(pending,
                       crypto::equal_constant_time(enable_.view(), pending.request.password.view()),
                       "");
                return;
            }
            break;
        case Method::none:
        case Method::if_authenticated:
            decide(pending, true, "");
            return;
        case Method::line:
            break;
        }
    }
    decide(pending, false, "no method of the list could answer");
}

bool Engine::start_radius(TimePoint now, Pending& pending) {
    while (pending.server < servers_.size() &&
           (servers_[pending.server].dead_until > now || servers_[pending.server].key.empty())) {
        ++pending.server;
    }
    if (pending.server >= servers_.size()) {
        return false;
    }
    if (pending_.size() >= kMaxPending) {
        ++counters_.table_full;
        return false;
    }
    while (pending_.contains(next_identifier_)) {
        ++next_identifier_;
    }
    pending.identifier = next_identifier_++;
    pending.tries = 0;
    const auto& server = servers_[pending.server];
    RadiusPacket packet;
    packet.code = static_cast<std::uint8_t>(RadiusCode::access_request);
    packet.identifier = pending.identifier;
    random_.fill(packet.authenticator);
    pending.authenticator = packet.authenticator;
    const auto add = [&packet](std::uint8_t type, BytesView value) {
        constexpr std::size_t kMaxValue = 253;
        const auto used = value.first(std::min(value.size(), kMaxValue));
        packet.attributes.push_back({type, Bytes(used.begin(), used.end())});
    };
    add(kUserName, as_bytes(pending.request.user));
    add(kUserPassword,
        hide_password(pending.request.password.view(), server.key.view(), packet.authenticator));
    add(kNasIpAddress, ByteWriter().address(nas_address_).view());
    constexpr std::uint32_t kVirtual = 5;
    add(kNasPortType, ByteWriter().u32(kVirtual).view());
    if (!pending.request.calling_station.empty()) {
        add(kCallingStationId, as_bytes(pending.request.calling_station));
    }
    pending.packet = sign_request(std::move(packet), server.key.view());
    auto& stored = pending_[pending.identifier];
    stored = std::move(pending);
    send(now, stored);
    return true;
}

void Engine::send(TimePoint now, Pending& pending) {
    auto& server = servers_[pending.server];
    ++pending.tries;
    ++server.sent;
    pending.deadline = now + std::chrono::seconds(server.config.timeout_s.value_or(timeout_s_));
    log_.debug(Debug::radius,
               "RADIUS: Send to {}:{} id {}, Access-Request",
               server.config.address.to_string(),
               server.config.auth_port,
               pending.identifier);
    actions_.emplace_back(SendPacket{
        server.config.address, L4Port{server.config.auth_port}, kLocalPort, pending.packet});
}

void Engine::on_packet(
    TimePoint now, Ipv4Address from, L4Port from_port, L4Port /*local_port*/, BytesView payload) {
    const auto packet = parse_radius(payload);
    if (!packet) {
        ++counters_.malformed;
        return;
    }
    const auto found = pending_.find(packet->identifier);
    if (found == pending_.end()) {
        ++counters_.unexpected;
        return;
    }
    auto& pending = found->second;
    if (pending.server >= servers_.size()) {
        ++counters_.unexpected;  // the server went with a change of the configuration
        return;
    }
    auto& server = servers_[pending.server];
    if (server.config.address != from || L4Port{server.config.auth_port} != from_port) {
        ++counters_.unexpected;
        return;
    }
    ByteReader length(payload.subspan(2));
    if (!response_is_genuine(
            payload.first(length.u16()), pending.authenticator, server.key.view())) {
        ++counters_.forged;
        log_.debug(Debug::radius, "RADIUS: Response ({}) failed decrypt", packet->identifier);
        return;
    }
    ++server.answered;
    server.dead_until = TimePoint{};
    auto done = std::move(pending);
    pending_.erase(found);
    std::string message;
    if (const auto* text = packet->find(kReplyMessage)) {
        message.assign(text->value.begin(), text->value.end());
    }
    std::optional<Ipv4Address> framed;
    if (const auto* value = packet->find(kFramedIpAddress);
        value != nullptr && value->value.size() == 4) {
        const auto address = ByteReader(value->value).address();
        // RFC 2865, 5.8: 0xFFFFFFFF and 0xFFFFFFFE leave the choice to the user or the NAS.
        if (address.value() < 0xFFFFFFFEU) {
            framed = address;
        }
    }
    const bool accepted = packet->code == static_cast<std::uint8_t>(RadiusCode::access_accept);
    log_.debug(Debug::radius,
               "RADIUS: Received from id {} {}:{}, {}",
               packet->identifier,
               from.to_string(),
               from_port.value(),
               accepted ? "Access-Accept" : "Access-Reject");
    decide(done, accepted, std::move(message), framed, group_of(*packet));
    (void)now;
}

void Engine::decide(const Pending& pending,
                    bool accepted,
                    std::string message,
                    std::optional<Ipv4Address> framed,
                    std::string group) {
    ++(accepted ? counters_.accepted : counters_.refused);
    log_.debug(Debug::aaa_authentication,
               "AAA/AUTHEN ({}): user '{}' status = {}",
               pending.request.id,
               pending.request.user,
               accepted ? "PASS" : "FAIL");
    actions_.emplace_back(
        Decision{pending.request.id, accepted, framed, std::move(group), std::move(message)});
}

TimePoint Engine::next_deadline() const {
    TimePoint next = kNever;
    for (const auto& [identifier, pending] : pending_) {
        next = std::min(next, pending.deadline);
    }
    return next;
}

void Engine::on_time(TimePoint now) {
    std::vector<std::uint8_t> due;
    for (const auto& [identifier, pending] : pending_) {
        if (pending.deadline <= now) {
            due.push_back(identifier);
        }
    }
    for (const auto identifier : due) {
        auto& pending = pending_.at(identifier);
        if (pending.server < servers_.size() &&
            pending.tries <= servers_[pending.server].config.retransmit.value_or(retransmit_)) {
            send(now, pending);
            continue;
        }
        ++counters_.timeouts;
        auto failed = std::move(pending);
        pending_.erase(identifier);
        if (failed.server < servers_.size()) {
            auto& server = servers_[failed.server];
            ++server.timed_out;
            server.dead_until = now + std::chrono::minutes(deadtime_min_);
            log_.message("RADIUS",
                         Severity::warnings,
                         "RADIUS_DEAD",
                         "RADIUS server {}:{} is not responding.",
                         server.config.address.to_string(),
                         server.config.auth_port);
        }
        ++failed.server;
        if (!start_radius(now, failed)) {
            ++failed.method;
            step(now, std::move(failed));
        }
    }
}

std::vector<Action> Engine::take_actions() {
    return std::exchange(actions_, {});
}

}  // namespace viaduct::aaa
