// Who is connected: users of remote access, LAN-to-LAN peers and operators, now, at most, and in all (row N12).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "controlplane/ike/phase1.h"

namespace viaduct::ike {

class Sessions {
public:
    struct Count {
        std::size_t active = 0;
        std::size_t peak = 0;
        std::uint64_t cumulative = 0;
    };

    explicit Sessions(Engine::State& core) : core_(core) {}

    /// A user may work now; his session ends with the ISAKMP SA.
    void on_login(IkeSa& sa);
    void on_logout(const IkeSa& sa, std::string_view reason);
    /// An ISAKMP SA without a user: counted once a peer.
    void on_peer_up(const IkeSa& sa);
    void on_peer_down(const IkeSa& sa);

    /// So many sessions are open on the router's own console.
    void on_management(std::size_t active);

    /// Sessions of the SA's group, or of its user in the group, at other endpoints.
    [[nodiscard]] std::size_t others_of_group(const IkeSa& sa) const;
    [[nodiscard]] std::size_t others_of_user(const IkeSa& sa) const;
    /// A session of the same user at the very same endpoint: this SA follows it.
    [[nodiscard]] IkeSa* same_login(const IkeSa& sa) const;

    [[nodiscard]] const Count& remote() const { return remote_; }

    [[nodiscard]] const Count& lan_to_lan() const { return lan_to_lan_; }

    [[nodiscard]] const Count& management() const { return management_; }

    [[nodiscard]] const Count& total() const { return total_; }

    [[nodiscard]] const std::set<ConnectionId>& active() const { return active_; }

private:
    [[nodiscard]] bool peer_has_another(const IkeSa& sa) const;
    void enter(Count& count);
    void leave(Count& count);

    Engine::State& core_;
    std::set<ConnectionId> active_;
    std::map<std::string, std::size_t> of_group_;
    std::map<std::pair<std::string, std::string>, std::size_t> of_user_;
    Count remote_;
    Count lan_to_lan_;
    Count management_;
    Count total_;
};

}  // namespace viaduct::ike
