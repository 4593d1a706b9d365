// ARP (RFC 826) for all Ethernet interfaces of one router: replies, resolution, ageing, gratuitous and
// proxy ARP.
//
// States of an entry: incomplete (requests are out, up to kHeldPackets packets wait), reachable (until the
// interface's `arp timeout`; refreshed by a unicast request 60 s before), fixed (configured or our own).
// Timers: request retry 1 s, 4 tries, then the packets are dropped and the address is left alone for 5 s.
//
// Not supported: RARP, inverse ARP.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "config/model/running_config.h"
#include "controlplane/log/log.h"
#include "dataplane/base/address.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/strong.h"

namespace viaduct::arp {

/// Both ends in it.
struct AddressRange {
    Ipv4Address first;
    Ipv4Address last;
};

struct Interface {
    IfIndex index;
    config::InterfaceName name;
    bool up = false;
    MacAddress mac;
    std::vector<config::InterfaceAddress> addresses;  // primary first; empty: no IP here
    bool proxy = true;
    Duration timeout = 4h;
    /// Answered for as if they were its own: global addresses of translations.
    std::vector<AddressRange> aliases = {};
};

struct SendFrame {
    IfIndex interface;
    Bytes frame;
};

/// The neighbour can be reached by this address from now on.
struct SetNeighbor {
    IfIndex interface;
    Ipv4Address address;
    MacAddress mac;
};

struct RemoveNeighbor {
    IfIndex interface;
    Ipv4Address address;
};

/// A packet that waited for the resolution: it goes to this neighbour now.
struct ReleasePacket {
    IfIndex interface;
    Ipv4Address address;
    Bytes packet;
};

/// Nobody answered: a held packet that wants ICMP host unreachable.
struct UnreachablePacket {
    IfIndex in;
    Bytes packet;
};

using Action =
    std::variant<SendFrame, SetNeighbor, RemoveNeighbor, ReleasePacket, UnreachablePacket>;

/// One line of `show arp`.
struct EntryView {
    Ipv4Address address;
    std::optional<MacAddress> mac;  // nullopt: incomplete
    std::optional<Duration> age;  // nullopt: our own or fixed ("-")
    IfIndex interface;
};

struct Counters {
    std::uint64_t requests_sent = 0;
    std::uint64_t replies_sent = 0;
    std::uint64_t requests_received = 0;
    std::uint64_t replies_received = 0;
    std::uint64_t malformed = 0;
    std::uint64_t foreign = 0;  // not for us, from a network that is not on the interface
    std::uint64_t table_full = 0;
};

class Engine {
public:
    static constexpr std::size_t kMaxEntries = 65536;
    static constexpr std::size_t kMaxIncomplete = 1024;
    static constexpr std::size_t kHeldPackets = 8;

    /// `reaches_elsewhere(in, address)`: a route to the address exists that does not leave by `in` (proxy ARP).
    Engine(Log& log, std::function<bool(IfIndex, Ipv4Address)> reaches_elsewhere);

    /// Entries on interfaces that went down or lost their address go. New addresses are announced (gratuitous).
    void configure(TimePoint now,
                   std::vector<Interface> interfaces,
                   const std::vector<config::StaticArp>& fixed);
    /// A whole Ethernet frame with EtherType 0x0806.
    void on_frame(TimePoint now, IfIndex interface, BytesView frame);
    /// A packet for a neighbour that is not resolved; `in` is where it came from.
    void on_wanted(TimePoint now, IfIndex interface, Ipv4Address address, IfIndex in, Bytes packet);
    void clear(TimePoint now);

    [[nodiscard]] TimePoint next_deadline() const;
    void on_time(TimePoint now);
    std::vector<Action> take_actions();

    [[nodiscard]] std::optional<MacAddress> find(IfIndex interface, Ipv4Address address) const;
    [[nodiscard]] std::vector<EntryView> entries(TimePoint now) const;

    [[nodiscard]] const Counters& counters() const { return counters_; }

    [[nodiscard]] const Interface* interface(IfIndex index) const;

private:
    using Key = std::pair<IfIndex, Ipv4Address>;

    struct Held {
        IfIndex in;
        Bytes packet;
    };

    struct Entry {
        enum class State : std::uint8_t { incomplete, reachable, failed, fixed };
        State state = State::incomplete;
        MacAddress mac;
        TimePoint learned{};
        TimePoint deadline = kNever;
        unsigned tries = 0;
        std::deque<Held> held;
    };

    void learn(TimePoint now, IfIndex interface, Ipv4Address address, MacAddress mac);
    void send(IfIndex interface,
              MacAddress destination,
              std::uint16_t operation,
              Ipv4Address sender_ip,
              MacAddress target_mac,
              Ipv4Address target_ip);
    void request(const Interface& on, Ipv4Address address, std::optional<MacAddress> known);
    void set_deadline(const Key& key, Entry& entry, TimePoint at);
    void drop(const Key& key);
    void time_out(TimePoint now, const Key& key);
    [[nodiscard]] std::optional<Ipv4Address> own_address_for(const Interface& on,
                                                             Ipv4Address peer) const;

    Log& log_;
    std::function<bool(IfIndex, Ipv4Address)> reaches_elsewhere_;
    std::map<IfIndex, Interface> interfaces_;
    std::map<Key, Entry> entries_;
    std::map<Ipv4Address, MacAddress> fixed_;
    std::set<std::pair<TimePoint, Key>> deadlines_;
    std::size_t incomplete_ = 0;
    Counters counters_;
    std::vector<Action> actions_;
};

}  // namespace viaduct::arp
