// NHRP for all tunnel interfaces of one router: RFC 2332 as Cisco's DMVPN uses it.
//
// Idea. A multipoint GRE tunnel is one interface with many stations behind it. NHRP says at which NBMA
// (outer) address a protocol (inner) address is reached. Spokes (clients) know their hub (server) by
// configuration and register their own pair with it; when a packet's next hop on the tunnel is not known
// they ask the hub, which answers from what was registered or passes the question on to the spoke that
// owns the destination, which answers the asker directly. Until then packets go by the hub.
//
//        dataplane / router                                   peers
//   on_resolution_needed, set_used ──┐                 ┌── on_packet
//   on_redirect                      ├─►  Engine  ◄────┤
//   on_tunnel_state (IPsec SAs)   ───┘  cache, servers └── on_time
//   SetAdjacency, InstallRoute  ◄──── take_actions ────► SendPacket
//   SetMulticastPeers, RequestTunnel ◄┘
//
// Server (NHS) states, one per `ip nhrp nhs` line, in the letters of `show ip nhrp nhs`:
//   W waiting      not wanted: the cluster has as many better ones as `max-connections` allows
//   E expecting    registrations are sent, after 1, 2, 4 … 64 s without an answer; then every 64 s
//   R responding   registered; again after a third of the hold time (or `registration timeout`), and as
//                  soon as the tunnel to it comes up again; six unanswered in a row: E, and SAs that stand
//                  are built anew (the server may have lost them in a restart)
//
// Entry states (cache.h): incomplete ──reply, SA stands──► dynamic ──hold time──► gone
//                             └──reply, no SA yet──► waiting_for_sa ──SA up──► dynamic
//                             └──refused──► negative ──3 min──► gone
//   A tunnel that cannot be built is tried again every 30 s while it is wanted; after three the entry goes.
//   A dynamic entry that carried packets lately is asked for again before it ends, an idle one ends and
//   takes its adjacency, its route and (if it was the last to need it) its tunnel along (row D7).
//
// Tunnels. On a protected interface the engine asks for SAs (RequestTunnel) with every station that an
// entry names, and gives them back (ReleaseTunnel). The router says on_tunnel_state. Nothing is answered
// to a station, and no adjacency moves to it, before its SA stands: the answer is delayed, packets go by
// the hub. Behind a NAT a station has two addresses (Nbma); two stations behind one NAT differ in the
// second alone. An asker behind a NAT, to whom we cannot build a tunnel, is answered by way of the hub
// at once, so that it can build the tunnel to us.
//
// Supported: registration with unique flag and its refusal, several servers with priority and clusters,
//   max-connections and fallback, hub behind hub, authentication (cleartext, as IOS sends it), static and multicast maps,
//   phase 2 (next hop or destination), phase 3 (traffic indication, shortcut routes), purge both ways,
//   error indications, loop detection by transit records, hop count, NAT address extension, negative
//   entries, refresh of used entries, max-send, limits on every table and on each source's packets.
// Not supported: other address families than IPv4; NBMA sub-addresses; server synchronisation (SCSP);
//   registration of networks (only hosts, as IOS); VRFs; `ip nhrp group` and QoS; `ip nhrp interest` and
//   `trigger-svc`; the DMVPN MIB.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "config/model/interface.h"
#include "controlplane/log/log.h"
#include "controlplane/nhrp/cache.h"
#include "controlplane/nhrp/timers.h"
#include "controlplane/nhrp/wire.h"
#include "dataplane/base/random.h"

namespace viaduct::nhrp {

/// A tunnel interface as the engine needs to know it. Only interfaces with `ip nhrp network-id` and an
/// address are handed in.
struct Interface {
    IfIndex index;
    std::string name;  // "Tunnel0"
    Ipv4Address address;
    unsigned length = 24;
    Ipv4Address nbma;  // tunnel source
    std::optional<Ipv4Address> destination;  // `tunnel destination`; point-to-point only
    config::NhrpConfig nhrp;
    bool multipoint = true;
    bool protection = false;  // `tunnel protection`
    std::string protection_profile;
    /// IOS: releases before 12.4(6)T do not know the NAT extension; without it our packets have document
    /// 003's sizes. False for a configuration file of `version` 12.3 or older. What peers send is
    /// understood in either case.
    bool nat_extension = true;
    /// In client information entries. IOS 15 says 17916 less the GRE key's 4, IOS 12 says 1514.
    std::uint16_t cie_mtu = 17916;

    bool operator==(const Interface&) const = default;
};

/// Where a destination goes by the routing table.
struct Route {
    IfIndex out;
    Ipv4Address next_hop;  // 0.0.0.0: connected, or a route to the interface itself
    Ipv4Prefix prefix;
    bool nhrp = false;  // one that we installed
};

/// The routing table, asked without effect. lookup() must leave NHRP's own routes out: an answer must not
/// rest on what was itself learned by NHRP.
class RouteLookup {
public:
    RouteLookup() = default;
    RouteLookup(const RouteLookup&) = delete;
    RouteLookup& operator=(const RouteLookup&) = delete;
    RouteLookup(RouteLookup&&) = delete;
    RouteLookup& operator=(RouteLookup&&) = delete;
    virtual ~RouteLookup() = default;

    [[nodiscard]] virtual std::optional<Route> lookup(Ipv4Address destination) const = 0;
    /// "FastEthernet0/1", for debug lines.
    [[nodiscard]] virtual std::string interface_name(IfIndex index) const = 0;
};

// ---- Actions -----------------------------------------------------------------------------------------

/// GRE with protocol 0x2001 and ToS 0xC0 around it, out of the tunnel to the station.
struct SendPacket {
    IfIndex tunnel;
    Nbma to;
    Bytes nhrp;
};

/// Packets out of the tunnel whose next hop is protocol_address go to nbma from now on. temporary: the
/// resolution is under way and nbma is the hub's; the dataplane goes on calling on_resolution_needed
/// if it wants (it need not: retries are the engine's).
struct SetAdjacency {
    IfIndex tunnel;
    Ipv4Address protocol_address;
    Nbma nbma;
    bool temporary = false;
};

struct RemoveAdjacency {
    IfIndex tunnel;
    Ipv4Address protocol_address;
};

/// The whole list, each time it changed (at most every 10 ms).
struct SetMulticastPeers {
    IfIndex tunnel;
    std::vector<Nbma> peers;
};

/// An SA for GRE between the two addresses is wanted; ask IKE. Comes again if it goes down while needed.
struct RequestTunnel {
    IfIndex tunnel;
    Ipv4Address nbma_local;
    Nbma nbma_remote;
};

/// No entry needs it any longer.
struct ReleaseTunnel {
    IfIndex tunnel;
    Ipv4Address nbma_local;
    Nbma nbma_remote;
};

/// The far end does not answer although SAs stand: it may have lost them. End them and build new ones.
struct ResetTunnel {
    IfIndex tunnel;
    Ipv4Address nbma_local;
    Nbma nbma_remote;
};

struct InstallRoute {
    IfIndex tunnel;
    Ipv4Prefix prefix;
    Ipv4Address next_hop;
    RouteKind kind = RouteKind::shortcut;
};

struct RemoveRoute {
    IfIndex tunnel;
    Ipv4Prefix prefix;
    Ipv4Address next_hop;
    RouteKind kind = RouteKind::shortcut;
};

using Action = std::variant<SendPacket,
                            SetAdjacency,
                            RemoveAdjacency,
                            SetMulticastPeers,
                            RequestTunnel,
                            ReleaseTunnel,
                            ResetTunnel,
                            InstallRoute,
                            RemoveRoute>;

// ---- What can be seen --------------------------------------------------------------------------------

/// Why a packet was dropped or refused, or a thing not done. Names in kDropNames.
enum class Drop : std::uint8_t {
    malformed,
    bad_checksum,
    unknown_type,
    authentication_failed,
    spoofed_source,
    source_rate_exceeded,
    max_send_exceeded,
    hop_count_exceeded,
    loop_detected,
    unknown_extension,
    no_route,
    no_server,
    unmatched_reply,
    invalid_reply,
    registration_prohibited,
    registration_not_unique,
    purge_refused,
    cache_full,
    resolution_queue_full,
    delayed_queue_full,
    redirect_suppressed,
    redirect_ignored,
    tunnel_failed,
    kCount,
};
std::string_view to_string(Drop drop);

struct Traffic {
    std::array<std::uint64_t, kPacketTypes> sent{};
    std::array<std::uint64_t, kPacketTypes> received{};
    std::array<std::uint64_t, static_cast<std::size_t>(Drop::kCount)> drops{};
};

enum class ServerState : std::uint8_t { waiting, expecting, responding };

struct Server {
    config::NhrpServer config;
    std::optional<Nbma> nbma;
    ServerState state = ServerState::expecting;
    std::uint32_t request_id = 0;  // of the registration under way; 0: none
    unsigned unanswered = 0;  // registrations in a row
    std::uint64_t requests_sent = 0;
    std::uint64_t requests_failed = 0;
    std::uint64_t replies_received = 0;
    TimePoint last_reply;
    TimePoint since;  // of the state
    TimePoint next_send = kNever;
    Duration retry{};
};

/// Upper bounds of everything that others can make us keep.
struct Limits {
    std::size_t cache_entries = 65536;
    std::size_t resolutions = 4096;  // under way
    std::size_t delayed = 1024;  // requests that wait for an SA
    std::size_t requesters = 64;  // remembered per entry
    std::size_t redirects = 4096;  // traffic indications remembered
    std::size_t sources = 16384;  // stations with a rate of their own
    std::size_t purges = 1024;  // unanswered
    std::size_t adjacencies = 1024;  // of one entry
    std::uint32_t source_burst = 200;  // packets from one station at once …
    std::uint32_t source_per_s = 100;  // … and in the long run
};

class Engine {
public:
    Engine(Random& random, Log& log, const RouteLookup& routes, Limits limits = {});

    // ---- Inputs ----
    /// All tunnel interfaces that speak NHRP and are up, each time anything of them changed.
    void configure(TimePoint now, const std::vector<Interface>& interfaces);
    /// A GRE payload of protocol 0x2001 from the outer address nbma_source; on a protected interface it
    /// came through an SA, and nat_original is the sender's own address where that SA's IKE knows it to be
    /// behind a NAT.
    void on_packet(TimePoint now,
                   IfIndex tunnel,
                   Ipv4Address nbma_source,
                   BytesView nhrp,
                   std::optional<Ipv4Address> nat_original = std::nullopt);
    /// A packet for packet_destination goes out of the tunnel, and its next hop (phase 2) or, with a route
    /// to the interface itself, its destination has no adjacency. The packet should be sent again after
    /// the actions: it then goes by the hub.
    void on_resolution_needed(TimePoint now,
                              IfIndex tunnel,
                              Ipv4Address next_hop_or_destination,
                              Ipv4Address packet_destination);
    /// An IP packet came in from one tunnel and was forwarded out of another (or the same). Called only
    /// where `ip nhrp redirect` is configured or debug is on.
    void on_redirect(TimePoint now,
                     IfIndex in_tunnel,
                     IfIndex out_tunnel,
                     Ipv4Address from_nbma,
                     BytesView offending_ip_packet);
    /// SAs between the two addresses stand (up), or none stands: the last is gone, or an attempt failed and
    /// none of the peer's stands either (down). nat_original: the peer's own address where IKE knows it to
    /// be behind a NAT (NAT-OA).
    enum class TunnelState : std::uint8_t { up, down };
    void on_tunnel_state(TimePoint now,
                         Ipv4Address nbma_local,
                         Ipv4Address nbma_remote,
                         TunnelState state,
                         std::optional<Ipv4Address> nat_original = std::nullopt);
    /// The routing table changed: networks for which we answered may have moved, shortcuts may have to
    /// change between `H` and `%`.
    void on_routes_changed(TimePoint now);
    /// The adjacency or the shortcut by which packets went since the last report.
    void set_used(TimePoint now, IfIndex tunnel, Ipv4Address protocol_address);
    /// `clear ip nhrp [ADDRESS]`: dynamic entries go; servers are registered with again.
    void on_clear(TimePoint now, std::optional<Ipv4Address> address = std::nullopt);
    void clear_counters();
    void on_time(TimePoint now);

    // ---- Outputs ----
    [[nodiscard]] TimePoint next_deadline() const { return timers_.next(); }

    std::vector<Action> take_actions();

    // ---- For show ----
    struct Tunnel {
        Interface interface;
        std::vector<Server> servers;
        Traffic traffic;
        std::optional<Ipv4Address> public_nbma;  // ours, as the servers see it through a NAT
        std::map<Nbma, unsigned> dynamic_multicast;  // station → registered addresses
        bool multicast_changed = false;
        TimePoint multicast_sent;
        TimePoint window_start;  // of max-send
        std::uint32_t window_sent = 0;
        std::uint64_t log_suppressed = 0;
        TimePoint log_allowed;
        TimePoint error_allowed;
        unsigned errors_in_burst = 0;
        TimePoint fallback_since = kNever;
    };

    struct Sa {
        TunnelState state = TunnelState::down;
        TimePoint since;
    };

    [[nodiscard]] const std::map<IfIndex, Tunnel>& tunnels() const { return tunnels_; }

    [[nodiscard]] const Cache& cache() const { return cache_; }

    [[nodiscard]] bool sa_stands(Ipv4Address local, const Nbma& remote) const;
    [[nodiscard]] std::optional<Sa> sa(Ipv4Address local, const Nbma& remote) const;

    /// An entry of this tunnel needs SAs with the station.
    [[nodiscard]] bool wants_tunnel(IfIndex tunnel, const Nbma& remote) const {
        return peers_.contains({tunnel, remote});
    }

    [[nodiscard]] std::vector<Nbma> multicast_peers(IfIndex tunnel) const;

    [[nodiscard]] std::size_t delayed_requests() const { return delayed_.size(); }

    [[nodiscard]] std::size_t resolutions_under_way() const { return pending_.size(); }

    /// What must be true between inputs; for tests and fuzzers.
    [[nodiscard]] bool is_consistent() const;

private:
    enum class Timer : std::uint8_t {
        registration,  // value: the server's protocol address
        fallback,  // value: 0
        resolution,  // value: the target
        entry,  // value: prefix
        delayed,  // value: id
        purge,  // value: request id
        multicast,  // value: 0
    };

    struct TimerKey {
        Timer timer = Timer::entry;
        IfIndex tunnel;
        std::uint64_t value = 0;

        auto operator<=>(const TimerKey&) const = default;
    };

    static std::uint64_t timer_value(const Ipv4Prefix& prefix) {
        return std::uint64_t{prefix.network().value()} << 8U | prefix.length();
    }

    /// A packet that passed the checks of on_packet.
    struct Received {
        TimePoint now;
        Tunnel& tunnel;
        Nbma sender;  // of the last hop
        Packet packet;
        std::size_t size = 0;
        BytesView raw;

        [[nodiscard]] Ipv4Address from() const { return sender.address; }
    };

    struct Hop {
        Ipv4Address protocol;
        Nbma nbma;
    };
    enum class Why : std::uint8_t { packet, redirect, refresh };

    struct Pending {
        std::uint32_t request_id = 0;
        unsigned tries = 0;
        Why why = Why::packet;
    };

    struct TargetKey {
        IfIndex tunnel;
        Ipv4Address target;

        auto operator<=>(const TargetKey&) const = default;
    };

    struct PeerKey {
        IfIndex tunnel;
        Nbma nbma;

        auto operator<=>(const PeerKey&) const = default;
    };

    struct Delayed {
        IfIndex tunnel;
        Nbma requester;
        Nbma sender;
        Packet request;
        std::size_t size = 0;
    };

    struct PurgeUnderWay {
        IfIndex tunnel;
        Nbma to;
        Packet packet;
        unsigned tries = 0;
    };

    struct Bucket {
        double tokens = 0;
        TimePoint at;
    };

    struct RedirectKey {
        Ipv4Address spoke;
        Ipv4Address source;
        Ipv4Address destination;

        auto operator<=>(const RedirectKey&) const = default;
    };

    struct Verdict {
        enum class Kind : std::uint8_t { answer_own, answer_cached, forward, refuse };
        Kind kind = Kind::refuse;
        std::optional<Route> route;
        CacheEntry* entry = nullptr;  // answered from, or forwarded by
        IfIndex out;  // forward
        Hop hop;  // forward
        Ipv4Prefix prefix;  // answer_own
        Ipv4Address client;  // answer_own: the protocol address in the answer
    };

    struct Answer {
        Cie cie;
        std::optional<Ipv4Address> seen_as;  // through a NAT
        CacheEntry* source = nullptr;  // remembers to whom it was said
    };

    // engine.cc: configuration, timers, tunnels, multicast
    void remove_tunnel(TimePoint now, IfIndex index);
    void reconcile(TimePoint now, Tunnel& tunnel, const Interface& wanted);
    void reconcile_statics(TimePoint now, Tunnel& tunnel, const Interface& old);
    void reconcile_servers(TimePoint now, Tunnel& tunnel);
    void run_timer(TimePoint now, const TimerKey& key);
    void hold_peer(CacheEntry& entry);
    void drop_peer(CacheEntry& entry);
    void tunnel_up(TimePoint now, Tunnel& tunnel, const Nbma& remote);
    void tunnel_down(TimePoint now, Tunnel& tunnel, const Nbma& remote);
    void multicast_change(TimePoint now, Tunnel& tunnel);
    void add_multicast(TimePoint now, Tunnel& tunnel, const Nbma& nbma);
    void remove_multicast(TimePoint now, Tunnel& tunnel, const Nbma& nbma);
    Tunnel* find_tunnel(IfIndex index);
    void request_tunnel(const Tunnel& tunnel, const Nbma& remote);
    std::uint32_t next_request_id();
    [[nodiscard]] bool ready(const Tunnel& tunnel, const Nbma& remote) const;

    // entries.cc: the cache's entries and what follows from them
    CacheEntry* make_entry(TimePoint now, Tunnel& tunnel, const CacheKey& key);
    void set_adjacency(CacheEntry& entry, Ipv4Address address, const Nbma& nbma, bool temporary);
    void point_adjacencies(CacheEntry& entry);
    void complete_entry(TimePoint now, Tunnel& tunnel, CacheEntry& entry);
    void install_route(Tunnel& tunnel, CacheEntry& entry);
    void remove_route(CacheEntry& entry);
    void change_nbma(TimePoint now, CacheEntry& entry, const Nbma& nbma);
    void remove_entry(TimePoint now, CacheKey key, std::string_view reason);
    void schedule_entry(TimePoint now, const CacheEntry& entry);
    void on_entry_timer(TimePoint now, const CacheKey& key);
    void retarget_temporary(Tunnel& tunnel);
    void learn_requester(TimePoint now, Tunnel& tunnel, const Packet& request, const Nbma& nbma);
    [[nodiscard]] bool recently_used(TimePoint now, const CacheEntry& entry);

    // receive.cc: checks common to all packets, forwarding, errors
    [[nodiscard]] bool admit(TimePoint now, Tunnel& tunnel, Ipv4Address from);
    void dispatch(Received& r);
    [[nodiscard]] bool authenticated(Received& r);
    [[nodiscard]] bool extensions_known(Received& r);
    void forward(Received& r, Tunnel& out, const Hop& hop);
    [[nodiscard]] bool record_transit(Received& r, Tunnel& out, ExtensionType which);
    void forward_towards(Received& r, Ipv4Address destination);
    void send_error(Received& r, ErrorCode code, std::uint16_t offset);
    void on_error_indication(Received& r);
    void drop(Tunnel& tunnel, Drop reason);
    void complain(TimePoint now, Tunnel& tunnel, Ipv4Address from, Drop reason);

    // send.cc: what all packets sent have in common
    bool send(
        TimePoint now, Tunnel& tunnel, const Hop& to, const Packet& packet, std::string_view verb);
    [[nodiscard]] Cie own_cie(const Tunnel& tunnel, std::uint8_t prefix_length) const;
    [[nodiscard]] std::vector<Extension> request_extensions(const Tunnel& tunnel) const;
    [[nodiscard]] Packet make_reply(const Tunnel& tunnel,
                                    const Packet& request,
                                    PacketType type) const;
    void debug_packet(const Packet& packet, std::size_t size) const;

    // registration.cc
    void send_registration(TimePoint now, Tunnel& tunnel, Server& server);
    void on_registration_timer(TimePoint now, Tunnel& tunnel, Server& server);
    void on_registration_request(Received& r);
    [[nodiscard]] CieCode register_station(Received& r, const Cie& cie, const Nbma& nbma);
    void on_registration_reply(Received& r);
    void set_server_state(
        TimePoint now, Tunnel& tunnel, Server& server, ServerState state, std::string_view reason);
    [[nodiscard]] bool change_one_server(TimePoint now, Tunnel& tunnel);
    void choose_servers(TimePoint now, Tunnel& tunnel);
    void learn_public_nbma(Tunnel& tunnel, const Packet& reply);
    void deregister(TimePoint now, Tunnel& tunnel, Ipv4Address protocol, const Server& server);

    // resolution.cc
    [[nodiscard]] std::optional<Hop> server_hop(Tunnel& tunnel, Ipv4Address target);
    void start_resolution(TimePoint now, Tunnel& tunnel, Ipv4Address target, Why why);
    void on_resolution_timer(TimePoint now, const TargetKey& key);
    void end_resolution(const TargetKey& key);
    void on_resolution_request(Received& r);
    void process_resolution_request(Received& r, const Nbma& requester);
    [[nodiscard]] Verdict decide(Tunnel& in, Ipv4Address destination, const Nbma& sender);
    void delay_request(Received& r, const Nbma& requester);
    void process_delayed(TimePoint now, Tunnel& tunnel, const Nbma& remote);
    void answer(Received& r, const Nbma& requester, const Verdict& verdict);
    void refuse(Received& r, CieCode code);
    void on_resolution_reply(Received& r);
    void accept_reply(Received& r, const TargetKey& key);
    [[nodiscard]] Answer own_answer(Received& r, const Verdict& verdict);
    [[nodiscard]] Answer cached_answer(const Received& r, CacheEntry& entry) const;
    [[nodiscard]] static Nbma station_of(const Tunnel& tunnel,
                                         const Packet& reply,
                                         Ipv4Address protocol);
    [[nodiscard]] Ipv4Prefix answered_prefix(const Tunnel& tunnel,
                                             Ipv4Address target,
                                             const Cie& cie) const;
    CacheEntry* store_answer(Received& r, const CacheKey& key, Ipv4Address asked, const Nbma& nbma);
    void debug_reply(const Tunnel& tunnel, const Nbma& nbma);
    [[nodiscard]] static Nbma requester_of(const Received& r);
    [[nodiscard]] static Nbma reachable(const Tunnel& tunnel, const Nbma& station);

    // purge.cc
    void purge_requesters(TimePoint now, CacheEntry& entry);
    void send_purge(TimePoint now, Tunnel& tunnel, const Hop& to, const Ipv4Prefix& what);
    void on_purge_timer(TimePoint now, std::uint32_t id);
    void on_purge_request(Received& r);
    void on_purge_reply(Received& r);
    void on_traffic_indication(Received& r);

    Random& random_;
    Log& log_;
    const RouteLookup& routes_;
    Limits limits_;
    std::map<IfIndex, Tunnel> tunnels_;
    Cache cache_;
    TimerTable<TimerKey> timers_;
    std::vector<Action> actions_;
    std::map<TargetKey, Pending> pending_;
    std::unordered_map<std::uint32_t, TargetKey> pending_by_id_;
    std::map<std::uint32_t, Delayed> delayed_;
    std::map<PeerKey, std::vector<std::uint32_t>> delayed_by_peer_;
    std::map<std::uint32_t, PurgeUnderWay> purges_;
    std::map<PeerKey, unsigned> peers_;  // entries that need the tunnel
    std::map<std::pair<Ipv4Address, Nbma>, Sa> sas_;
    std::map<TargetKey, CacheKey> adjacency_owner_;
    std::unordered_map<Ipv4Address, Bucket> sources_;
    std::map<RedirectKey, TimePoint> redirects_;
    std::uint32_t last_request_id_ = 0;
    std::uint32_t last_delayed_id_ = 0;
};

}  // namespace viaduct::nhrp
