// A lab host's ARP and IPv4: resolves, fragments, reassembles, remembers path MTUs. Sans-IO: frames in, datagrams and
// frames out.
//
// Not supported: IP options, forwarding, more than one address.
#pragma once

#include <deque>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

#include "controlplane/lab/host/wire.h"
#include "dataplane/base/clock.h"

namespace viaduct::lab {

struct HostAddress {
    Ipv4Address address;  // 0.0.0.0: none yet
    unsigned prefix_length = 0;
    Ipv4Address gateway;  // 0.0.0.0: none
    bool operator==(const HostAddress&) const = default;
};

/// A whole (reassembled) datagram for this host.
struct Datagram {
    Ipv4Address source;
    Ipv4Address destination;
    IpProtocol protocol;
    std::uint8_t ttl = 0;
    Bytes payload;
    MacAddress from;
};

struct IpSendOptions {
    std::uint8_t ttl = 64;
    bool dont_fragment = false;
};

enum class IpSendResult : std::uint8_t { sent, too_long, no_route };

class IpLayer {
public:
    static constexpr std::size_t kMaxPending = 64;  // packets that wait for one ARP answer
    static constexpr std::size_t kMaxNeighbors = 4096;
    static constexpr std::size_t kMaxReassemblies = 64;
    static constexpr Duration kReassemblyTime = 30s;
    static constexpr Duration kNeighborTime = 300s;
    static constexpr Duration kArpRetry = 1s;
    static constexpr unsigned kArpTries = 3;
    static constexpr Duration kPathMtuTime = 600s;
    static constexpr std::uint16_t kSmallestPathMtu = 68;

    IpLayer(MacAddress mac, std::uint16_t mtu) : mac_(mac), mtu_(mtu) {}

    void set_address(const HostAddress& address);

    [[nodiscard]] const HostAddress& address() const { return address_; }

    [[nodiscard]] MacAddress mac() const { return mac_; }

    [[nodiscard]] std::uint16_t mtu() const { return mtu_; }

    /// A datagram for us, if this frame completed one.
    std::optional<Datagram> on_frame(TimePoint now, BytesView frame);

    /// Longest packet that goes to `destination` without being fragmented, as far as is known.
    [[nodiscard]] std::uint16_t path_mtu(TimePoint now, Ipv4Address destination) const;
    /// A router said "fragmentation needed"; returns the new path MTU.
    std::uint16_t on_too_big(TimePoint now, Ipv4Address destination, std::uint16_t mtu);

    IpSendResult send(TimePoint now,
                      Ipv4Address destination,
                      IpProtocol protocol,
                      BytesView payload,
                      const IpSendOptions& options);
    /// From 0.0.0.0 to everybody on the link (DHCP).
    void broadcast(IpProtocol protocol, BytesView payload);

    /// Not later than the earliest deadline; may be too early after a change.
    [[nodiscard]] TimePoint next_deadline() const { return deadline_; }

    void on_time(TimePoint now);
    std::vector<Bytes> take_frames();
    /// Packets that were given up because nobody answered ARP: their destinations' datagrams, whole IP packets.
    std::vector<Bytes> take_unresolved();

private:
    struct Neighbor {
        std::optional<MacAddress> mac;
        TimePoint deadline = kNever;  // unresolved: of the next try; resolved: of its age
        unsigned tries = 0;
        std::deque<Bytes> pending;
    };

    struct Reassembly {
        TimePoint deadline;
        std::map<std::uint16_t, Bytes> parts;  // by offset
        std::optional<std::size_t> total;
    };

    struct PathMtu {
        std::uint16_t mtu = 0;
        TimePoint until;
    };

    using FragmentKey = std::tuple<Ipv4Address, Ipv4Address, std::uint16_t, std::uint8_t>;

    void on_arp(TimePoint now, const ArpPacket& arp);
    std::optional<Datagram> on_fragment(TimePoint now, const Ipv4View& packet, MacAddress from);
    void emit(TimePoint now, Ipv4Address destination, Bytes packet);
    void ask(Ipv4Address target);
    void output(MacAddress to, std::uint16_t type, BytesView payload);
    [[nodiscard]] std::optional<Ipv4Address> next_hop(Ipv4Address destination) const;
    [[nodiscard]] bool is_ours(Ipv4Address destination) const;

    MacAddress mac_;
    std::uint16_t mtu_;
    HostAddress address_;
    std::uint16_t next_id_ = 1;
    std::map<Ipv4Address, Neighbor> neighbors_;
    std::map<FragmentKey, Reassembly> reassemblies_;
    std::unordered_map<Ipv4Address, PathMtu> path_mtus_;
    TimePoint deadline_ = kNever;
    std::vector<Bytes> frames_;
    std::vector<Bytes> unresolved_;
};

}  // namespace viaduct::lab
