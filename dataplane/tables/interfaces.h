// Interfaces as workers see them: one immutable snapshot, and beside it the counters.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/control.h"
#include "dataplane/ports/port.h"
#include "dataplane/tables/rcu.h"
#include "dataplane/tally.h"

namespace viaduct::dataplane {

/// Work that a packet has to see on its way in by, or out of, an interface. No bit: the short way.
enum Feature : std::uint16_t {
    kInDown = 1U << 0U,
    kInAcl = 1U << 1U,
    kInPolicy = 1U << 2U,
    kInTed = 1U << 3U,
    kInNat = 1U << 4U,
    kInMss = 1U << 5U,
    kOutDown = 1U << 6U,
    kOutAcl = 1U << 7U,
    kOutPolicy = 1U << 8U,
    kOutNat = 1U << 9U,
    kOutMss = 1U << 10U,
    kOutTunnel = 1U << 11U,
    kOutRedirect = 1U << 12U,
    kOutNhrpRedirect = 1U << 13U,
    kNatInside = 1U << 14U,  // what comes in here is translated where it leaves by kOutNat
};

inline constexpr std::uint16_t kInFeatures =
    kInDown | kInAcl | kInPolicy | kInTed | kInNat | kInMss;

inline constexpr std::uint16_t kNoPort = 0xFFFF;

/// One worker's counters of one interface.
struct alignas(64) InterfaceTally {
    Tally in_packets;
    Tally in_bytes;
    Tally out_packets;
    Tally out_bytes;
    Tally in_drops;
    Tally out_drops;
    Tally in_multicasts;
};

/// What stays of an interface from one snapshot to the next.
struct InterfaceState {
    explicit InterfaceState(unsigned workers) : tally(new InterfaceTally[workers]) {}

    std::unique_ptr<InterfaceTally[]> tally;  // by worker
    std::atomic<std::uint32_t> gre_sequence{0};  // workers: rw (tunnels with `sequence`)
    std::atomic<std::uint64_t> gre_received{0};  // workers: rw: next expected sequence
    std::atomic<std::uint64_t> outer_cache{0};  // workers: rw: route generation, next hop
};

/// What of the headers that a tunnel puts in front is known before there is a packet.
struct TunnelHeader {
    std::uint32_t source = 0;
    std::uint32_t gre_flags = 0;  // the flags as memory has them; the protocol type is the packet's
    std::uint32_t key = 0;  // as memory has it
    std::uint8_t gre_bytes = 0;
    std::uint8_t ttl = 0;
    std::uint8_t tos = 0;
    bool has_key = false;
    bool computed = false;  // a checksum or a sequence number: the GRE header differs by packet
    bool copy_tos = false;
    bool path_mtu_discovery = false;
};

struct alignas(64) InterfaceRecord {
    IfIndex index;
    InterfaceKind kind = InterfaceKind::null;
    bool up = false;
    bool exists = false;
    bool protected_tunnel = false;
    std::uint16_t features = 0;
    std::uint16_t port = kNoPort;  // number of the port in the plane
    std::uint16_t mtu = 1500;
    std::uint16_t ip_mtu = 1500;
    std::uint16_t tcp_mss = 0;
    AclId acl_in;
    AclId acl_out;
    PolicyId policy;
    std::uint64_t mac_word = 0;  // the six octets as the low bytes of a memory word
    InterfaceState* state = nullptr;
    TunnelHeader header;  // tunnels
    Interface config;  // the rest: cold
};

/// How a decapsulated GRE packet finds its tunnel.
struct TunnelKey {
    std::uint32_t local = 0;
    std::uint32_t remote = 0;  // 0: multipoint
    std::uint32_t key = 0;
    bool has_key = false;
    bool operator==(const TunnelKey&) const = default;
};

class InterfaceTable {
public:
    [[nodiscard]] const InterfaceRecord& at(std::uint16_t index) const {
        return index < records_.size() ? records_[index] : records_[0];
    }

    [[nodiscard]] std::span<const InterfaceRecord> records() const { return records_; }

    /// The tunnel of a GRE packet: point-to-point before multipoint; 0: none.
    [[nodiscard]] std::uint16_t find_tunnel(const TunnelKey& key) const;

    /// A tunnel numbers its packets and refuses what is out of order: workers must not share its packets.
    [[nodiscard]] bool has_sequence() const { return has_sequence_; }

private:
    friend class Interfaces;

    struct TunnelSlot {
        TunnelKey key;
        std::uint16_t interface = 0;
    };

    void index_tunnels();
    [[nodiscard]] std::uint16_t probe(const TunnelKey& key) const;

    bool has_sequence_ = false;
    std::vector<InterfaceRecord> records_;
    std::vector<TunnelSlot> tunnels_;  // open addressing, a power of two, at most half full
};

/// Control's side: makes and publishes the snapshots.
class Interfaces {
public:
    Interfaces(Rcu& rcu, unsigned workers);
    ~Interfaces();
    Interfaces(const Interfaces&) = delete;
    Interfaces& operator=(const Interfaces&) = delete;
    Interfaces(Interfaces&&) = delete;
    Interfaces& operator=(Interfaces&&) = delete;

    void publish(std::span<const Interface> interfaces);
    /// The number of the port that carries `interface`; the next snapshot has it.
    void set_port(IfIndex interface, std::uint16_t port);
    void republish();

    [[nodiscard]] const InterfaceTable* table() const {
        return table_.load(std::memory_order_acquire);
    }

    [[nodiscard]] InterfaceCounters counters(IfIndex interface) const;
    void clear_counters();

private:
    [[nodiscard]] InterfaceCounters total(IfIndex interface) const;
    InterfaceState* state_for(IfIndex interface);

    Rcu& rcu_;
    unsigned workers_;
    std::vector<Interface> current_;
    std::vector<std::unique_ptr<InterfaceState>> states_;
    std::vector<std::uint16_t> ports_;
    std::vector<InterfaceCounters> cleared_;  // what the counters stood at when they were cleared
    std::atomic<const InterfaceTable*> table_;
};

}  // namespace viaduct::dataplane
