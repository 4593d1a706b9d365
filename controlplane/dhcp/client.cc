#include "controlplane/dhcp/client.h"

#include <algorithm>
#include <utility>

namespace viaduct::dhcp {

namespace {

constexpr Ipv4Address kBroadcast{0xFFFFFFFFU};
constexpr std::uint32_t kForEver = 0xFFFFFFFFU;
constexpr std::uint32_t kLeastLease = 60;
constexpr unsigned kMostTries = 5;

}  // namespace

std::string_view to_string(Client::State state) {
    switch (state) {
    case Client::State::init:
        return "Initial";
    case Client::State::selecting:
        return "Selecting";
    case Client::State::requesting:
        return "Requesting";
    case Client::State::bound:
        return "Bound";
    case Client::State::renewing:
        return "Renewing";
    case Client::State::rebinding:
        return "Rebinding";
    case Client::State::released:
        return "Released";
    }
    return "";
}

void Client::configure(TimePoint now, std::vector<ClientInterface> interfaces) {
    std::map<IfIndex, ClientInterface> wanted;
    for (auto& interface : interfaces) {
        wanted[interface.index] = std::move(interface);
    }
    for (auto it = sessions_.begin(); it != sessions_.end();) {
        if (wanted.contains(it->first)) {
            ++it;
            continue;
        }
        release(now, it->first);
        it = sessions_.erase(it);
    }
    for (auto& [index, interface] : wanted) {
        auto [found, fresh] = sessions_.try_emplace(index);
        auto& session = found->second;
        const bool was_up = !fresh && session.interface.up;
        session.interface = std::move(interface);
        if (session.interface.up && !was_up && session.state != State::released) {
            session.xid = random_.u32();
            session.began = now;
            enter(now, session, State::selecting, "interface up");
        } else if (!session.interface.up && was_up) {
            lose(now, session, "interface down");
            session.deadline = kNever;
        }
    }
}

void Client::enter(TimePoint now, Session& session, State state, std::string_view reason) {
    log_.debug(Debug::dhcp,
               "DHCP: {} state {} -> {} ({})",
               session.interface.name.to_string(),
               to_string(session.state),
               to_string(state),
               reason);
    session.state = state;
    session.tries = 0;
    switch (state) {
    case State::selecting:
    case State::requesting:
    case State::renewing:
    case State::rebinding:
        send(now, session);
        break;
    case State::bound:
        session.deadline =
            session.lease->lease_s == kForEver
                ? kNever
                : session.lease->obtained + std::chrono::seconds(session.lease->renewal_s);
        break;
    case State::init:
    case State::released:
        session.deadline = kNever;
        break;
    }
}

void Client::send(TimePoint now, Session& session) {
    Message message;
    message.xid = session.xid;
    message.secs = static_cast<std::uint16_t>(std::min<std::int64_t>(
        65535, std::chrono::duration_cast<std::chrono::seconds>(now - session.began).count()));
    message.chaddr = session.interface.mac;
    const bool selecting = session.state == State::selecting;
    message.set_type(selecting ? MessageType::discover : MessageType::request);
    ClientSend out;
    out.interface = session.interface.index;
    out.destination = kBroadcast;
    if (session.state == State::renewing || session.state == State::rebinding) {
        // RFC 2131, table 5: ciaddr is filled, server identifier and requested address are not.
        message.ciaddr = session.lease->address;
        out.source = session.lease->address;
        if (session.state == State::renewing) {
            out.destination = session.lease->server;
        }
    } else {
        // RFC 2131, 4.1: a client that cannot take unicasts before it has an address sets the BROADCAST bit.
        message.broadcast = true;
        if (session.state == State::requesting) {
            message.set_address(option::kRequestedAddress, session.lease->address);
            message.set_address(option::kServerId, session.lease->server);
        } else if (session.lease) {
            message.set_address(option::kRequestedAddress, session.lease->address);
        }
    }
    if (session.interface.client_id.empty()) {
        ByteWriter id;
        id.u8(1).bytes(session.interface.mac.octets());
        message.options[option::kClientId] = id.take();
    } else {
        ByteWriter id;
        id.u8(0).text(session.interface.client_id);
        message.options[option::kClientId] = id.take();
    }
    message.set_text(option::kHostName, session.interface.hostname);
    message.options[option::kMaxSize] = ByteWriter().u16(1152).take();
    message.options[option::kParameterList] = {option::kMask,
                                               option::kRouters,
                                               option::kDnsServers,
                                               option::kDomainName,
                                               option::kNetbiosServers};
    out.payload = write(message);
    log_.debug(Debug::dhcp,
               "DHCP: Send {} on {}",
               selecting ? "DISCOVER" : "REQUEST",
               session.interface.name.to_string());
    actions_.emplace_back(std::move(out));
    retry_later(now, session);
}

void Client::retry_later(TimePoint now, Session& session) {
    const auto jitter =
        std::chrono::milliseconds(static_cast<std::int64_t>(random_.below(2000)) - 1000);
    const auto wait = std::chrono::seconds(4U << std::min(session.tries, 4U)) + jitter;
    ++session.tries;
    session.deadline = now + wait;
    if (!session.lease || session.lease->lease_s == kForEver) {
        return;
    }
    // RFC 2131, 4.4.5: half of the time that is left, at least 60 s, and never past T2 or the end.
    const auto end = session.lease->obtained + std::chrono::seconds(session.lease->lease_s);
    const auto t2 = session.lease->obtained + std::chrono::seconds(session.lease->rebinding_s);
    if (session.state == State::renewing) {
        session.deadline = std::min(t2, now + std::max<Duration>(60s, (t2 - now) / 2));
    } else if (session.state == State::rebinding) {
        session.deadline = std::min(end, now + std::max<Duration>(60s, (end - now) / 2));
    }
}

void Client::lose(TimePoint now, Session& session, std::string_view reason) {
    const bool held = session.state == State::bound || session.state == State::renewing ||
                      session.state == State::rebinding;
    if (held) {
        log_.message("DHCP",
                     Severity::informational,
                     "ADDRESS_LOST",
                     "Interface {} lost DHCP address {}: {}",
                     session.interface.name.to_string(),
                     session.lease->address.to_string(),
                     reason);
        actions_.emplace_back(LeaseChanged{session.interface.index, std::nullopt});
    }
    enter(now, session, State::init, reason);
}

std::optional<Lease> Client::lease_of(TimePoint now, const Message& message) {
    const auto server = message.address_option(option::kServerId);
    if (!server || message.yiaddr.is_unspecified() || message.yiaddr.is_multicast() ||
        message.yiaddr.is_broadcast() || message.yiaddr.is_loopback()) {
        return std::nullopt;
    }
    Lease lease;
    lease.address = message.yiaddr;
    lease.server = *server;
    lease.length =
        length_of_mask(message.address_option(option::kMask).value_or(mask_of(24))).value_or(24);
    lease.routers = message.addresses_option(option::kRouters);
    lease.dns = message.addresses_option(option::kDnsServers);
    lease.domain = message.text_option(option::kDomainName);
    lease.obtained = now;
    lease.lease_s = std::max(message.number_option(option::kLeaseTime).value_or(3600), kLeastLease);
    lease.renewal_s = message.number_option(option::kRenewalTime).value_or(lease.lease_s / 2);
    lease.rebinding_s =
        message.number_option(option::kRebindingTime).value_or(lease.lease_s / 8 * 7);
    if (lease.renewal_s >= lease.rebinding_s || lease.rebinding_s >= lease.lease_s) {
        lease.renewal_s = lease.lease_s / 2;
        lease.rebinding_s = lease.lease_s / 8 * 7;
    }
    return lease;
}

void Client::on_message(TimePoint now,
                        IfIndex interface,
                        Ipv4Address /*source*/,
                        const Message& message) {
    const auto found = sessions_.find(interface);
    const auto type = message.type();
    if (found == sessions_.end() || !message.reply || !type || message.xid != found->second.xid ||
        message.chaddr != found->second.interface.mac) {
        ++ignored_;
        return;
    }
    auto& session = found->second;
    if (*type == MessageType::offer && session.state == State::selecting) {
        on_offer(now, session, message);
    } else if (*type == MessageType::ack &&
               (session.state == State::requesting || session.state == State::renewing ||
                session.state == State::rebinding)) {
        on_ack(now, session, message);
    } else if (*type == MessageType::nak &&
               (session.state == State::requesting || session.state == State::renewing ||
                session.state == State::rebinding)) {
        lose(now, session, "the server refused it (NAK)");
        session.lease.reset();
        session.xid = random_.u32();
        session.began = now;
        enter(now, session, State::selecting, "NAK");
    } else {
        ++ignored_;
    }
}

void Client::on_offer(TimePoint now, Session& session, const Message& message) {
    auto lease = lease_of(now, message);
    if (!lease) {
        ++ignored_;
        return;
    }
    session.lease = std::move(lease);
    enter(now, session, State::requesting, "offer");
}

void Client::on_ack(TimePoint now, Session& session, const Message& message) {
    const auto before = session.state == State::requesting ? std::nullopt : session.lease;
    auto lease = lease_of(now, message);
    if (!lease) {
        ++ignored_;
        return;
    }
    session.lease = std::move(lease);
    enter(now, session, State::bound, "ack");
    const bool moved = !before || before->address != session.lease->address ||
                       before->length != session.lease->length;
    if (moved) {
        log_.message("DHCP",
                     Severity::informational,
                     "ADDRESS_ASSIGN",
                     "Interface {} assigned DHCP address {}, mask {}, hostname {}",
                     session.interface.name.to_string(),
                     session.lease->address.to_string(),
                     mask_of(session.lease->length).to_string(),
                     session.interface.hostname);
    }
    actions_.emplace_back(LeaseChanged{session.interface.index, session.lease});
}

bool Client::release(TimePoint now, IfIndex interface) {
    const auto found = sessions_.find(interface);
    if (found == sessions_.end()) {
        return false;
    }
    auto& session = found->second;
    const bool held = session.state == State::bound || session.state == State::renewing ||
                      session.state == State::rebinding;
    if (held) {
        Message message;
        message.xid = random_.u32();
        message.chaddr = session.interface.mac;
        message.ciaddr = session.lease->address;
        message.set_type(MessageType::release);
        message.set_address(option::kServerId, session.lease->server);
        actions_.emplace_back(
            ClientSend{interface, session.lease->address, session.lease->server, write(message)});
    }
    lose(now, session, "released");
    session.lease.reset();
    enter(now, session, State::released, "released by the operator");
    return true;
}

bool Client::renew(TimePoint now, IfIndex interface) {
    const auto found = sessions_.find(interface);
    if (found == sessions_.end()) {
        return false;
    }
    auto& session = found->second;
    if (session.state == State::bound) {
        session.xid = random_.u32();
        session.began = now;
        enter(now, session, State::renewing, "asked for by the operator");
    } else if (session.interface.up) {
        session.xid = random_.u32();
        session.began = now;
        enter(now, session, State::selecting, "asked for by the operator");
    }
    return true;
}

TimePoint Client::next_deadline() const {
    TimePoint next = kNever;
    for (const auto& [index, session] : sessions_) {
        next = std::min(next, session.deadline);
    }
    return next;
}

void Client::on_time(TimePoint now) {
    for (auto& [index, session] : sessions_) {
        if (session.deadline > now) {
            continue;
        }
        const auto end =
            session.lease ? session.lease->obtained + std::chrono::seconds(session.lease->lease_s)
                          : kNever;
        const auto t2 = session.lease ? session.lease->obtained +
                                            std::chrono::seconds(session.lease->rebinding_s)
                                      : kNever;
        switch (session.state) {
        case State::bound:
            session.xid = random_.u32();
            session.began = now;
            enter(now, session, State::renewing, "T1");
            break;
        case State::renewing:
            if (now >= t2) {
                enter(now, session, State::rebinding, "T2");
            } else {
                send(now, session);
            }
            break;
        case State::rebinding:
            if (now >= end) {
                lose(now, session, "the lease ended");
                session.lease.reset();
                session.xid = random_.u32();
                session.began = now;
                enter(now, session, State::selecting, "the lease ended");
            } else {
                send(now, session);
            }
            break;
        case State::requesting:
            if (session.tries >= kMostTries) {
                session.lease.reset();
                enter(now, session, State::selecting, "no answer to the request");
            } else {
                send(now, session);
            }
            break;
        case State::selecting:
            send(now, session);
            break;
        case State::init:
        case State::released:
            session.deadline = kNever;
            break;
        }
    }
}

std::vector<ClientAction> Client::take_actions() {
    return std::exchange(actions_, {});
}

}  // namespace viaduct::dhcp
