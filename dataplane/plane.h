// One router's forwarding plane, as its control thread sees it.
//
// Data flows one way: tables down, rings up. Control publishes immutable tables by one pointer store and
// frees the old ones after every worker has passed a quiescent state; workers punt packets and events
// over bounded rings. A worker is driven from outside: by its own thread (worker.h) in `viaduct run`, by the
// lab's scheduler in labs and tests (run_once()).
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/control.h"
#include "dataplane/nat.h"
#include "dataplane/ports/port.h"

namespace viaduct::dataplane {

struct PlaneOptions {
    unsigned workers = 1;
    std::uint32_t max_sas = 4096;  // grows by doubling up to 2^20 where a table can grow
    std::uint32_t max_next_hops = 65536;
    std::uint32_t punt_ring = 1024;
    std::uint32_t nat_sessions = 65536;
    std::uint64_t random_seed = 0;  // IVs and SPIs; 0: from the operating system
};

class Plane {
public:
    explicit Plane(const PlaneOptions& options);
    ~Plane();
    Plane(const Plane&) = delete;
    Plane& operator=(const Plane&) = delete;
    Plane(Plane&&) = delete;
    Plane& operator=(Plane&&) = delete;

    // ── interfaces ──
    /// The port that carries an Ethernet interface; owned by the plane from here on.
    void attach_port(IfIndex interface, std::unique_ptr<Port> port);
    [[nodiscard]] Port* port(IfIndex interface);
    /// All interfaces of the router; replaces what was published before.
    void publish_interfaces(std::span<const Interface> interfaces);

    /// Local UDP ports beside 4500 that carry ESP, without a marker (Cisco's IPsec over UDP); at most
    /// kMaxEspUdpPorts, the rest is left out. Replaces what was published before.
    void publish_esp_udp_ports(std::span<const L4Port> ports);

    // ── forwarding ──
    NextHopId add_next_hop(const NextHop& next_hop);
    /// Same id, new contents: everything that points to it follows at once.
    void update_next_hop(NextHopId id, const NextHop& next_hop);
    void remove_next_hop(NextHopId id);
    /// Staged until commit_routes(), which publishes all changes since the last commit together.
    void set_route(const Ipv4Prefix& prefix, NextHopId next_hop);
    void remove_route(const Ipv4Prefix& prefix);
    void commit_routes();

    // ── access lists, policies ──
    void publish_acl(AclId id, std::span<const AclRule> rules);
    void remove_acl(AclId id);
    /// The static part of a crypto map; flows that were added by add_flow stay.
    void publish_policy(PolicyId id, std::span<const PolicyRule> rules);
    void remove_policy(PolicyId id);
    /// A rule that came from a negotiation (dynamic map, TED, remote access). Constant cost, found in constant
    /// time however many there are.
    void add_flow(PolicyId id, const PolicyRule& rule);
    void remove_flow(PolicyId id, const PolicyRule& rule);

    // ── security associations ──
    SlotId add_slot();
    void remove_slot(SlotId slot);
    /// kNoSa empties it: from this call on, not one packet leaves by it in the clear.
    void set_slot(SlotId slot, SaIndex outbound);

    /// nullopt when the table is full.
    std::optional<InboundReservation> reserve_inbound();
    void release_inbound(SaIndex index);
    /// An SPI other than the reservation's (`set session-key inbound esp SPI …`) is found through a small hash.
    Result<void> install_inbound(SaIndex reserved, const SaParameters& parameters);
    Result<SaIndex> install_outbound(const SaParameters& parameters);
    void update_sa_remote(SaIndex index, Ipv4Address remote, std::optional<UdpEncapsulation> udp);
    void update_sa_path_mtu(SaIndex index, std::uint16_t path_mtu);
    void remove_sa(SaIndex index);
    [[nodiscard]] SaCounters sa_counters(SaIndex index) const;

    // ── address translation ──
    /// All rules; replaces what was published before. An empty policy ends all sessions.
    void publish_nat(const NatPolicy& policy);
    /// At most `limit` sessions, in no order, static ones included.
    [[nodiscard]] std::vector<NatSession> nat_sessions(std::size_t limit) const;
    [[nodiscard]] NatStatistics nat_statistics() const;
    /// Ends the sessions that fit; returns how many were asked to. They are gone at the worker's next turn.
    std::size_t clear_nat(const NatFilter& filter);

    // ── what the router sends itself ──
    /// An IP packet (or, with gre_protocol, another payload of a tunnel). False when the ring is full.
    bool inject(BytesView packet, const InjectOptions& options);
    /// A whole Ethernet frame out of this interface (ARP).
    bool inject_frame(IfIndex interface, BytesView frame);

    // ── what comes up ──
    /// At most `limit` punts, the important classes (ARP, IKE, routing) before the rest.
    std::vector<Punt> take_punts(std::size_t limit);
    std::vector<SaEvent> take_events();
    /// Next hops of multipoint tunnels that carried packets since the last call (NHRP's "used").
    std::vector<NextHopId> take_used_next_hops();

    // ── driving ──
    /// One turn of worker `index`: polls its ports and rings, carries what came through the pipeline and
    /// sends. Returns the number of packets handled. `now` stamps last_used and ages fragments.
    std::size_t run_once(unsigned index, TimePoint now);
    [[nodiscard]] unsigned workers() const;
    /// Frees what no worker can still see. Called by control at every poll.
    void reclaim();

    // ── counters ──
    [[nodiscard]] InterfaceCounters interface_counters(IfIndex interface) const;
    [[nodiscard]] std::uint64_t acl_hits(AclId id, std::size_t rule) const;
    [[nodiscard]] std::vector<StageCounters> stage_counters() const;
    [[nodiscard]] std::vector<DropCounter> drop_counters() const;
    void clear_counters();
    /// The cipher code path in use: "AVX512 VAES", …
    [[nodiscard]] std::string cipher_path() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace viaduct::dataplane
