#include "controlplane/ike/sessions.h"

#include <algorithm>

#include "controlplane/ike/core.h"

namespace viaduct::ike {

void Sessions::enter(Count& count) {
    ++count.active;
    ++count.cumulative;
    count.peak = std::max(count.peak, count.active);
}

void Sessions::leave(Count& count) {
    count.active -= count.active > 0 ? 1U : 0U;
}

void Sessions::on_login(IkeSa& sa) {
    if (!active_.insert(sa.id).second) {
        return;
    }
    enter(remote_);
    enter(total_);
    ++of_group_[sa.client->group];
    ++of_user_[{sa.client->group, sa.client->user}];
    if (core_.crypto().logging_ezvpn) {
        core_.log.message("CRYPTO",
                          Severity::informational,
                          "EZVPN_CONNECTION_UP",
                          "(Server) Mode=CLIENT Client_type=UNKNOWN User={} Group={} "
                          "Client_public_addr={} Server_public_addr={}",
                          sa.client->user,
                          sa.client->group,
                          sa.remote.address.to_string(),
                          sa.local.address.to_string());
    }
}

void Sessions::on_logout(const IkeSa& sa, std::string_view reason) {
    if (active_.erase(sa.id) == 0) {
        return;
    }
    leave(remote_);
    leave(total_);
    const auto drop = [](auto& map, const auto& key) {
        const auto it = map.find(key);
        if (it != map.end() && --it->second == 0) {
            map.erase(it);
        }
    };
    drop(of_group_, sa.client->group);
    drop(of_user_, std::pair(sa.client->group, sa.client->user));
    if (core_.crypto().logging_ezvpn) {
        core_.log.message("CRYPTO",
                          Severity::informational,
                          "EZVPN_CONNECTION_DOWN",
                          "(Server) Mode=CLIENT Client_type=UNKNOWN User={} Group={} "
                          "Client_public_addr={} Server_public_addr={} Reason={}",
                          sa.client->user,
                          sa.client->group,
                          sa.remote.address.to_string(),
                          sa.local.address.to_string(),
                          reason);
    }
}

bool Sessions::peer_has_another(const IkeSa& sa) const {
    const auto [first, last] = core_.by_remote.equal_range(sa.remote.address);
    return std::any_of(first, last, [&](const auto& entry) {
        const auto* other = core_.ike(entry.second);
        return other != nullptr && other != &sa && other->complete() && !other->client &&
               other->peer_id_body == sa.peer_id_body;
    });
}

void Sessions::on_peer_up(const IkeSa& sa) {
    if (!peer_has_another(sa)) {
        enter(lan_to_lan_);
        enter(total_);
    }
}

void Sessions::on_peer_down(const IkeSa& sa) {
    if (sa.complete() && !peer_has_another(sa)) {
        leave(lan_to_lan_);
        leave(total_);
    }
}

void Sessions::on_management(std::size_t active) {
    while (management_.active < active) {
        enter(management_);
        enter(total_);
    }
    while (management_.active > active) {
        leave(management_);
        leave(total_);
    }
}

IkeSa* Sessions::same_login(const IkeSa& sa) const {
    const auto [first, last] = core_.by_remote.equal_range(sa.remote.address);
    for (auto it = first; it != last; ++it) {
        auto* other = core_.ike(it->second);
        if (other != nullptr && other != &sa && other->client && other->client->session &&
            other->remote == sa.remote && other->local.address == sa.local.address &&
            other->client->group == sa.client->group &&
            (sa.client->user.empty() || other->client->user == sa.client->user)) {
            return other;
        }
    }
    return nullptr;
}

std::size_t Sessions::others_of_group(const IkeSa& sa) const {
    const auto it = of_group_.find(sa.client->group);
    const std::size_t all = it == of_group_.end() ? 0 : it->second;
    return all - (all > 0 && same_login(sa) != nullptr ? 1U : 0U);
}

std::size_t Sessions::others_of_user(const IkeSa& sa) const {
    const auto it = of_user_.find({sa.client->group, sa.client->user});
    const std::size_t all = it == of_user_.end() ? 0 : it->second;
    return all - (all > 0 && same_login(sa) != nullptr ? 1U : 0U);
}

}  // namespace viaduct::ike
