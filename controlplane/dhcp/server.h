// The DHCP server of `ip dhcp pool` (RFC 2131, section 4.3) and the relay of `ip helper-address` (RFC 1542).
//
// The pool is chosen by the subnet that the request came from: giaddr's, or that of the interface's address.
// An address is, in this order: the client's own binding, the one it asks for, the free address that was
// least recently used. Offers are held for 60 s. Limits: kMaxBindings in all, one binding a client.
//
// Not supported: pinging an address before it is offered (`ip dhcp ping` is kept), BOOTP, option 82 policies, DHCPINFORM
// for foreign subnets, bindings that survive a reload.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "config/model/services.h"
#include "controlplane/dhcp/wire.h"
#include "controlplane/log/log.h"
#include "dataplane/base/clock.h"

namespace viaduct::dhcp {

struct ServerInterface {
    IfIndex index;
    bool up = false;
    Ipv4Address address;
    unsigned length = 24;
    MacAddress mac;
    std::vector<Ipv4Address> helpers;
};

/// A UDP datagram to a client on this interface: broadcast, or a frame to `mac` (RFC 2131, 4.1).
struct ServerReply {
    IfIndex interface;
    Ipv4Address source;
    Ipv4Address destination;  // 255.255.255.255 or yiaddr
    MacAddress mac;
    Bytes payload;
};

/// A UDP datagram that is routed: to a relay agent, from the relay to a server, or a renewing client.
struct ServerUnicast {
    Ipv4Address source;
    Ipv4Address destination;
    L4Port source_port;
    L4Port destination_port;
    Bytes payload;
};

using ServerAction = std::variant<ServerReply, ServerUnicast>;

struct Binding {
    Ipv4Address address;
    Bytes client;  // option 61, or 01 + MAC address
    MacAddress mac;
    std::string pool;
    TimePoint expires = kNever;
    bool offered = false;  // not yet requested
    bool manual = false;
};

struct ServerCounters {
    std::uint64_t discover = 0;
    std::uint64_t request = 0;
    std::uint64_t decline = 0;
    std::uint64_t release = 0;
    std::uint64_t inform = 0;
    std::uint64_t offer = 0;
    std::uint64_t ack = 0;
    std::uint64_t nak = 0;
    std::uint64_t malformed = 0;
    std::uint64_t no_pool = 0;
    std::uint64_t exhausted = 0;
    std::uint64_t table_full = 0;
    std::uint64_t relayed = 0;
    std::uint64_t relay_dropped = 0;
};

class Server {
public:
    static constexpr std::size_t kMaxBindings = 65536;

    explicit Server(Log& log) : log_(log) {}

    void configure(const config::DhcpConfig& config, std::vector<ServerInterface> interfaces);
    /// A request (op 1) to port 67. `destination` tells a broadcast from a unicast.
    void on_request(TimePoint now,
                    IfIndex interface,
                    Ipv4Address source,
                    Ipv4Address destination,
                    Message message);
    /// A reply (op 2) to port 67: for a client behind our relay.
    void on_reply(TimePoint now, const Message& message);
    std::size_t clear_bindings(std::optional<Ipv4Address> address);
    [[nodiscard]] TimePoint next_deadline() const;
    void on_time(TimePoint now);
    std::vector<ServerAction> take_actions();

    [[nodiscard]] const std::map<Ipv4Address, Binding>& bindings() const { return bindings_; }

    [[nodiscard]] const config::DhcpConfig& config() const { return config_; }

    [[nodiscard]] const ServerCounters& counters() const { return counters_; }

private:
    using PoolEntry = std::pair<const std::string, config::DhcpPool>;

    [[nodiscard]] const PoolEntry* pool_for(Ipv4Address subnet_address) const;
    [[nodiscard]] const PoolEntry* manual_pool(const Bytes& client, MacAddress mac) const;
    [[nodiscard]] bool free_for(const PoolEntry& pool,
                                Ipv4Address address,
                                const Bytes& client,
                                TimePoint now) const;
    std::optional<Ipv4Address> choose(TimePoint now,
                                      const PoolEntry& pool,
                                      const Bytes& client,
                                      MacAddress mac,
                                      std::optional<Ipv4Address> wanted);
    void bind(TimePoint now,
              Ipv4Address address,
              const PoolEntry& pool,
              const Bytes& client,
              MacAddress mac,
              bool offered);
    void unbind(Ipv4Address address);
    void discover(TimePoint now,
                  const ServerInterface& on,
                  const Message& message,
                  const PoolEntry& pool);
    void request(TimePoint now,
                 const ServerInterface& on,
                 const Message& message,
                 const PoolEntry& pool);
    void answer(const ServerInterface& on,
                const Message& asked,
                const PoolEntry& pool,
                MessageType type,
                Ipv4Address address,
                Ipv4Address server_id);
    void deliver(const ServerInterface& on,
                 const Message& asked,
                 Message reply,
                 Ipv4Address server_id);
    void relay(const ServerInterface& on, Message message);

    Log& log_;
    config::DhcpConfig config_;
    std::map<IfIndex, ServerInterface> interfaces_;
    std::map<Ipv4Address, Binding> bindings_;
    std::map<Bytes, Ipv4Address> by_client_;
    std::set<std::pair<TimePoint, Ipv4Address>> expiries_;
    std::map<std::string, Ipv4Address> next_address_;  // where the search for a free one goes on
    ServerCounters counters_;
    std::vector<ServerAction> actions_;
};

}  // namespace viaduct::dhcp
