// EIGRP (RFC 7868): all autonomous systems of one router.
//
// Idea. Every router tells its neighbours how far each destination is from itself (an UPDATE). A
// neighbour whose reported distance is less than our feasible distance – the least that ours has been
// since the destination was last at peace – cannot be using us, so a way by it has no loop. As long as
// the best way is such a one, we change over alone and at once. When it is not, we freeze what we use,
// ask all neighbours (QUERY) and go on when each has answered (REPLY): DUAL's diffusing computation.
//
// States. A neighbour: `pending` from its first hello until it has acknowledged our INIT update; then
// `up`. A route: passive, or active with the origin flag of RFC 7868's figure 1
//   0 the distance by the successor grew while we asked     2 the same, and the successor waits for us
//   1 we began the computation                              3 the successor's query began it
// dual.cc holds that table. While a route is active, the old successor stays installed if its way still
// has a finite distance; nothing else is.
//
// Timers, all in one ordered table: hello and packetizing/pacing per interface; hold, retransmission
// and start per neighbour; half the active time per active route.
//
// Transport (transport.cc). One packet at a time is under way to a neighbour. An update goes to all
// neighbours of an interface as one multicast; those that still owe an acknowledgement are named in a
// hello's sequence TLV, do not take the multicast (its CR flag says so) and get it by unicast later.
// What is to be told is not queued: each interface (and each neighbour that is catching up) has a place
// in the log of changed destinations (advertise.cc), so that many changes of one destination cost one
// TLV, and a slow neighbour costs no memory.
//
// Supported: all of the above; classic and wide metrics (Options::wide_metrics), K1–K5, split horizon
// and next-hop-self switches, summaries, auto-summary, stub, redistribution of connected and static
// routes, distribute and offset lists, variance, MD5 with key lifetimes, passive interfaces, unicast neighbours, pacing by
// `ip bandwidth-percent eigrp`, SIA queries, goodbye.
// Not supported: graceful restart (RS flag; a change that IOS answers with a resync resets the
// neighbour), redistribution from another EIGRP process, candidate default networks, route tags of
// internal routes, leak maps, K6 and the extended attributes, IPv6, named mode's other knobs.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "config/ios/exec_row.h"
#include "config/model/routing.h"
#include "controlplane/eigrp/auth.h"
#include "controlplane/eigrp/counters.h"
#include "controlplane/eigrp/metric.h"
#include "controlplane/eigrp/policy.h"
#include "controlplane/log/log.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/random.h"
#include "dataplane/base/strong.h"

namespace viaduct::eigrp {

class Process;

/// One interface of the router as it is now, whether EIGRP runs on it or not.
struct InterfaceState {
    IfIndex index;
    config::InterfaceName name;
    bool up = false;
    Ipv4Address address;  // 0.0.0.0: none
    unsigned length = 32;
    std::vector<config::InterfaceAddress> secondaries;
    std::uint32_t bandwidth_kbps = 100'000;
    std::uint32_t delay_10us = 10;
    std::uint16_t ip_mtu = 1500;
    /// A multipoint GRE tunnel: many neighbours behind one interface, no link-layer broadcast.
    bool multipoint = false;
    /// Serial NBMA (frame relay, X.25, ATM) multipoint: hello 60 s, hold 180 s when slower than T1.
    bool nbma = false;
    /// A loopback: advertised, but no packets.
    bool loopback = false;

    [[nodiscard]] Ipv4Prefix network() const { return {address, length}; }

    /// In the network of one of its addresses.
    [[nodiscard]] bool has_on_link(Ipv4Address a) const {
        return network().contains(a) ||
               std::any_of(secondaries.begin(), secondaries.end(), [&](const auto& second) {
                   return second.network().contains(a);
               });
    }

    bool operator==(const InterfaceState&) const = default;
};

/// A route of another source that may be redistributed.
struct RedistributedRoute {
    Ipv4Prefix prefix;
    std::uint32_t tag = 0;
    std::optional<config::InterfaceName> interface;

    bool operator==(const RedistributedRoute&) const = default;
};

enum class RedistributedSource : std::uint8_t { connected, static_routes };

struct Configuration {
    std::map<Asn, config::EigrpConfig> processes;
    std::map<config::InterfaceName, config::InterfaceConfig> interfaces;
    std::map<std::string, config::KeyChain> key_chains;
    Policies policies;
    std::int32_t local_offset_min = 0;  // `clock timezone`: for key lifetimes with `local`
};

struct Options {
    /// Announce TLV version 2.0; a neighbour that does so too gets wide TLVs (0602), others classic ones.
    /// The composite metric is then the 64-bit one and routes carry it divided by 128 (IOS: rib-scale).
    bool wide_metrics = false;
    /// Neighbours of one process; beyond it new ones are not taken.
    std::size_t maximum_neighbors = 8192;
    /// Destinations of one process.
    std::size_t maximum_routes = 1'000'000;
};

struct SendPacket {
    IfIndex interface;
    Ipv4Address destination;
    Bytes payload;  // EIGRP header on; the router adds IP with protocol 88, TTL 2, ToS 0xC0

    bool operator==(const SendPacket&) const = default;
};

enum class RouteKind : std::uint8_t { internal, external, summary };

struct NextHop {
    IfIndex interface;  // kNoInterface: Null0 (summary)
    Ipv4Address gateway;  // 0.0.0.0 with Null0
    std::uint32_t metric = 0;

    bool operator==(const NextHop&) const = default;
};

/// Replaces what was installed for this prefix by this process.
struct InstallRoute {
    Asn asn;
    Ipv4Prefix prefix;
    RouteKind kind = RouteKind::internal;
    std::uint8_t distance = 90;
    std::uint32_t metric = 0;
    std::vector<NextHop> next_hops;
    std::uint32_t tag = 0;

    [[nodiscard]] bool external() const { return kind == RouteKind::external; }

    bool operator==(const InstallRoute&) const = default;
};

struct RemoveRoute {
    Asn asn;
    Ipv4Prefix prefix;

    bool operator==(const RemoveRoute&) const = default;
};

using Action = std::variant<SendPacket, InstallRoute, RemoveRoute>;

class Engine {
public:
    Engine(Random& random, Log& log, Options options = {});
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    Engine(Engine&&) = delete;
    Engine& operator=(Engine&&) = delete;

    /// Idempotent. Neighbours stay unless what changed concerns them (K values, filters, summaries …).
    void configure(TimePoint now, const Configuration& configuration);
    /// All interfaces of the router; one that is missing is gone.
    void set_interfaces(TimePoint now, std::vector<InterfaceState> interfaces);
    /// All routes of this source. Connected routes of interfaces that EIGRP runs on may be among them.
    void set_redistributed(TimePoint now,
                           RedistributedSource source,
                           std::vector<RedistributedRoute> routes);
    /// What the calendar says now; before the first call no key with a lifetime is good.
    void set_wall(TimePoint now, WallTime wall);
    /// `payload` begins with the EIGRP header.
    void on_packet(TimePoint now,
                   IfIndex interface,
                   Ipv4Address source,
                   Ipv4Address destination,
                   BytesView payload);
    [[nodiscard]] TimePoint next_deadline() const;
    void on_time(TimePoint now);
    std::vector<Action> take_actions();

    /// `clear ip eigrp neighbors [A.B.C.D | INTERFACE]`.
    void clear_neighbors(TimePoint now,
                         std::optional<Ipv4Address> address = {},
                         const std::optional<config::InterfaceName>& interface = {});

    /// Says goodbye on these interfaces, which are about to go. False: nobody was there to hear it.
    bool say_goodbye(TimePoint now, const std::vector<IfIndex>& interfaces);

    /// For exec.cc and tests: the processes as they are.
    [[nodiscard]] const std::map<Asn, std::unique_ptr<Process>>& processes() const {
        return processes_;
    }

    /// What was dropped before it was known whose it is.
    [[nodiscard]] const Counters& counters() const { return counters_; }

    /// Multicast groups to join on these interfaces (224.0.0.10): where EIGRP listens.
    [[nodiscard]] std::set<IfIndex> listening() const;
    [[nodiscard]] bool is_consistent() const;

private:
    void apply(TimePoint now);
    void drop(TimePoint now, Counter reason, IfIndex interface, Ipv4Address source);

    Random& random_;
    Log& log_;
    Options options_;
    Calendar calendar_;
    Configuration configuration_;
    std::vector<InterfaceState> interfaces_;
    std::map<RedistributedSource, std::vector<RedistributedRoute>> redistributed_;
    std::map<Asn, std::unique_ptr<Process>> processes_;
    std::vector<Action> actions_;
    Counters counters_;
    std::map<Counter, TimePoint> logged_;
};

/// `show ip eigrp …`, `show ip protocols`, `clear ip eigrp neighbors` (exec.cc).
ios::ExecRows exec_rows(Engine& engine);

}  // namespace viaduct::eigrp
