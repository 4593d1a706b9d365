// Addresses of `ip local pool`: who has which, and who had which. A user gets the address back that he had
// last, if it is free; a new one gets the first that was never given out, then the one that was freed first.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "config/model/services.h"
#include "controlplane/ike/engine.h"

namespace viaduct::ike {

class AddressPools {
public:
    /// Users whose last address is remembered.
    static constexpr std::size_t kMaxRemembered = 65536;

    using User = std::pair<std::string, std::string>;  // group, user

    /// nullopt: the pool is empty. Constant time but for the search's start.
    std::optional<Ipv4Address> allocate(const std::string& name,
                                        const config::AddressPool& pool,
                                        const User& user,
                                        ConnectionId owner);
    /// A certain address (RADIUS Framed-IP-Address). False: somebody has it.
    bool take(Ipv4Address address, ConnectionId owner);
    void release(Ipv4Address address, ConnectionId owner);
    /// The address stays in use, under another ISAKMP SA.
    void hand_over(Ipv4Address address, ConnectionId to);

    [[nodiscard]] std::size_t in_use() const { return owners_.size(); }

    /// An address among these is leased by another SA.
    [[nodiscard]] bool leased_to_others(Ipv4Address network,
                                        Ipv4Address mask,
                                        ConnectionId own) const;
    [[nodiscard]] std::optional<ConnectionId> owner_of(Ipv4Address address) const;

private:
    struct Pool {
        config::AddressPool config;
        std::size_t range = 0;  // the first address never given out
        std::uint32_t offset = 0;
        std::deque<Ipv4Address> freed;
        std::set<Ipv4Address> queued;  // each address stands once in `freed`
    };

    std::optional<Ipv4Address> next_fresh(Pool& pool) const;

    std::map<std::string, Pool> pools_;
    std::map<Ipv4Address, ConnectionId> owners_;
    std::map<Ipv4Address, std::string> pool_of_;
    std::map<User, Ipv4Address> remembered_;
    std::deque<User> remembered_order_;
};

}  // namespace viaduct::ike
