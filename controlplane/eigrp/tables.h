// What one EIGRP process remembers: interfaces, neighbours, destinations and the ways to them.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "controlplane/eigrp/auth.h"
#include "controlplane/eigrp/engine.h"
#include "controlplane/eigrp/wire.h"

namespace viaduct::eigrp {

/// Names a neighbour for as long as its adjacency stands; 0 is this router itself.
using NeighborId = std::uint32_t;
inline constexpr NeighborId kSelf = 0;

/// A reliable packet: what stands after the header, shared by all neighbours that are to get it.
struct OutPacket {
    Opcode opcode = Opcode::update;
    std::uint32_t flags = 0;
    std::uint32_t sequence = 0;
    Bytes tlvs;
};

struct QueuedPacket {
    std::shared_ptr<const OutPacket> packet;
    unsigned tries = 0;  // times sent, multicast included
    TimePoint first_sent{};
    bool sent = false;
};

enum class NeighborState : std::uint8_t { pending, up };

/// Catching up with the log of changed destinations: at start (the whole table), or after its queue
/// was full.
struct CatchUp {
    std::uint64_t cursor = 0;  // the last serial number told
    bool initial = true;  // unreachable ones are left out, the last packet says EOT
};

struct Interface;

struct Neighbor {
    NeighborId id = 0;
    Ipv4Address address;
    Interface* interface = nullptr;
    NeighborState state = NeighborState::pending;
    Duration hold{};
    TimePoint since{};  // of the adjacency
    TimePoint last_heard{};
    TimePoint last_update{};
    std::uint32_t serial = 0;  // H column of `show`

    // Receiving.
    bool init_received = false;
    std::uint32_t init_sequence = 0;
    std::uint32_t last_sequence = 0;
    std::uint64_t last_digest = 0;  // of the body that came with it
    std::optional<std::uint32_t> conditional;  // the multicast sequence that CR may bring us
    bool conditional_any = false;  // a sequence TLV without that number
    std::uint32_t ack_owed = 0;  // 0: none

    // Sending.
    std::deque<QueuedPacket> queue;
    bool in_ready = false;  // stands in the interface's ready list
    bool started = false;  // INIT is in the queue, or was
    std::uint32_t own_init_sequence = 0;
    std::optional<CatchUp> catch_up;
    std::vector<Ipv4Prefix> replies;  // to be put into REPLY packets
    std::vector<Ipv4Prefix> sia_queries;  // likewise
    std::vector<std::pair<Ipv4Prefix, bool>> sia_replies;  // with the ACTIVE flag
    std::vector<Ipv4Prefix> queries;  // by unicast, where multicast will not do
    std::uint32_t srtt_ms = 0;
    std::uint32_t rto_ms = 0;
    std::uint64_t retransmissions = 0;
    unsigned retries = 0;  // of the packet under way

    // What its hello said.
    SoftwareVersion version{};
    bool version_known = false;
    std::optional<std::uint16_t> stub;
    std::size_t prefixes = 0;

    [[nodiscard]] bool lagging() const { return !queue.empty(); }
};

struct Interface {
    InterfaceState state;
    config::EigrpInterfaceConfig config;
    config::InterfaceName name;
    bool passive = false;
    bool unicast_only = false;  // a `neighbor` line names an address on it
    std::vector<Ipv4Address> static_neighbors;
    std::optional<Keys> keys;
    std::vector<Ipv4Prefix> subnets;  // of addresses that a network line covers
    std::vector<config::EigrpSummary> summaries;  // configured and automatic
    std::uint16_t hello_s = 5;
    std::uint16_t hold_s = 15;

    std::map<Ipv4Address, std::unique_ptr<Neighbor>> neighbors;
    std::size_t lagging = 0;  // neighbours with a queue
    std::size_t up = 0;  // neighbours that are up
    std::size_t stubs = 0;  // of those, stub routers
    std::size_t catching_up = 0;
    std::size_t wide = 0;  // neighbours that take wide TLVs

    std::uint64_t srtt_sum = 0;  // of its neighbours, ms
    std::uint64_t cursor = 0;  // in the log of changes
    std::uint64_t told_before = 0;  // the cursor before the packet being sent
    std::vector<Ipv4Prefix> queries;  // to be multicast
    std::deque<NeighborId> ready;  // neighbours whose first packet is to be sent
    TimePoint pace_until{};
    TimePoint packetize_at = kNever;
    TimePoint blocked_since = kNever;  // multicast waits for lagging neighbours
    TimePoint last_hello{};
    std::uint64_t unicast_sent = 0, multicast_sent = 0, unreliable_unicast = 0,
                  unreliable_multicast = 0, conditional_sent = 0, retransmissions = 0,
                  out_of_sequence = 0;

    [[nodiscard]] bool active() const { return !passive && !state.loopback; }
};

enum class Origin : std::uint8_t { neighbor, connected, redistributed, summary };

/// One way to a destination.
struct Path {
    NeighborId neighbor = kSelf;
    IfIndex interface;
    Origin origin = Origin::neighbor;
    std::uint8_t external_protocol = 0;
    Ipv4Address next_hop;
    Metric reported;  // as the neighbour told it; for our own: unused
    Distance rd = kInfinity;
    Distance distance = kInfinity;
    Ipv4Address originator;
    std::shared_ptr<const External> external;

    [[nodiscard]] bool local() const { return neighbor == kSelf; }
};

struct Active {
    std::uint8_t origin_flag = 1;
    std::vector<NeighborId> pending;  // sorted: replies awaited
    std::vector<std::pair<NeighborId, std::uint8_t>> sia;  // SIA queries sent; bit 7: answered
    Distance by_successor = kInfinity;  // the last known distance by the old successor
    NeighborId reply_to = kSelf;  // the successor that waits for our reply, or kSelf
    TimePoint since{};
};

struct Route {
    Ipv4Prefix prefix;
    std::vector<Path> paths;
    Distance fd = kInfinity;
    Distance rd = kInfinity;  // what we report
    Metric reported;  // the vector of it
    std::shared_ptr<const External> external;
    Ipv4Address originator;
    NeighborId successor = kSelf;
    Origin successor_origin = Origin::neighbor;
    IfIndex successor_interface;
    Ipv4Address successor_hop;
    /// Interfaces of all ways of the least distance, sorted: split horizon applies to each of them.
    std::vector<IfIndex> successor_interfaces;
    bool has_successor = false;
    bool installed = false;
    std::vector<NextHop> next_hops;  // installed
    RouteKind installed_kind = RouteKind::internal;
    std::uint64_t serial = 0;  // its last entry in the log; 0: never told
    std::unique_ptr<Active> active;

    [[nodiscard]] bool is_active() const { return active != nullptr; }
};

}  // namespace viaduct::eigrp
