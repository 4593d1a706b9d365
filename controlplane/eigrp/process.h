// One EIGRP autonomous system of one router. Internal to this folder: others use Engine.
// The parts: process.cc (configuration, interfaces, local routes), neighbor.cc (hellos, adjacency),
// receive.cc (what comes in), transport.cc (reliable sending), advertise.cc (what is told to whom),
// dual.cc (the finite state machine), sia.cc (stuck in active).
#pragma once

#include <deque>
#include <map>
#include <set>
#include <unordered_map>

#include "controlplane/eigrp/engine.h"
#include "controlplane/eigrp/tables.h"
#include "controlplane/eigrp/timers.h"

namespace viaduct::eigrp {

/// A kind of refused packet is logged at most this often.
inline constexpr Duration kDropLogInterval = std::chrono::seconds{30};

/// What made a route be looked at again.
struct Input {
    enum class Kind : std::uint8_t { change, query, reply, neighbor_down };
    Kind kind = Kind::change;
    NeighborId from = kSelf;
};

class Process {
public:
    Process(Asn asn,
            Random& random,
            Log& log,
            const Options& options,
            const Calendar& calendar,
            std::vector<Action>& actions);
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    Process(Process&&) = delete;
    Process& operator=(Process&&) = delete;
    ~Process() = default;

    /// What the whole engine knows; the process takes what concerns it.
    struct World {
        const Configuration& configuration;
        const std::vector<InterfaceState>& interfaces;
        const std::map<RedistributedSource, std::vector<RedistributedRoute>>& redistributed;
    };

    void reconcile(TimePoint now, const World& world);
    /// The interface is about to go. False: nobody was there to hear it.
    bool say_goodbye(TimePoint now, IfIndex index);
    /// The process ends: neighbours are told, routes are removed.
    void shut_down(TimePoint now);
    void on_packet(TimePoint now,
                   IfIndex interface,
                   Ipv4Address source,
                   Ipv4Address destination,
                   BytesView payload);
    void on_time(TimePoint now);

    [[nodiscard]] TimePoint next_deadline() const { return timers_.next(); }

    void clear_neighbors(TimePoint now,
                         std::optional<Ipv4Address> address,
                         const std::optional<config::InterfaceName>& interface);

    // For exec.cc and tests.
    [[nodiscard]] Asn asn() const { return asn_; }

    [[nodiscard]] Ipv4Address router_id() const { return router_id_; }

    [[nodiscard]] const config::EigrpConfig& config() const { return config_; }

    [[nodiscard]] const std::map<IfIndex, Interface>& interfaces() const { return interfaces_; }

    [[nodiscard]] const std::map<Ipv4Prefix, Route>& routes() const { return routes_; }

    [[nodiscard]] const Counters& counters() const { return counters_; }

    [[nodiscard]] const Neighbor* neighbor(NeighborId id) const;

    [[nodiscard]] MetricStyle style() const {
        return options_.wide_metrics ? MetricStyle::wide : MetricStyle::classic;
    }

    [[nodiscard]] const KValues& k() const { return k_; }

    [[nodiscard]] Metric total_of(const Path& p) const;
    [[nodiscard]] std::uint32_t rib_metric(Distance d) const;

    [[nodiscard]] std::size_t active_routes() const { return active_routes_; }

    [[nodiscard]] bool is_consistent() const;
    /// Milliseconds between packets of `bytes` on an interface (RFC 7868, 5.2.1).
    [[nodiscard]] static std::uint64_t pacing_ms(const Interface& i, std::size_t bytes);
    [[nodiscard]] static std::uint64_t flow_timer_ms(const Interface& i);

private:
    enum class Timer : std::uint8_t { hello = 1, flush, hold, retransmit, start, active };

    static TimerTable::Key key(Timer t, std::uint64_t id) {
        return static_cast<TimerTable::Key>(t) << 56U | id;
    }

    static std::uint64_t route_id(Ipv4Prefix p) {
        return std::uint64_t{p.network().value()} << 8U | p.length();
    }

    // process.cc
    void apply_config(TimePoint now, const World& world);
    void apply_interfaces(TimePoint now, const World& world);
    Interface wanted_interface(const InterfaceState& s, const World& world) const;
    void load_keys(Interface& i, const World& world) const;
    void update_interface(TimePoint now, Interface& have, Interface&& want);
    void start_interface(TimePoint now, Interface& i);
    bool transmit_goodbye(TimePoint now, Interface& i);
    void stop_interface(TimePoint now, Interface& i, std::string_view reason, bool say_goodbye);
    void choose_router_id(const World& world);
    void add_auto_summaries(std::map<IfIndex, Interface>& interfaces) const;
    void apply_local_routes(TimePoint now, const World& world);
    void wanted_redistributed(const World& world, std::map<Ipv4Prefix, Path>& want) const;
    void wanted_connected(std::map<Ipv4Prefix, Path>& want) const;
    [[nodiscard]] Metric seed_metric(const config::EigrpRedistribution& line,
                                     const RedistributedRoute& route,
                                     const World& world) const;
    void refresh_paths(TimePoint now, const Interface& i);
    void mark_summaries(Ipv4Prefix p);
    void recompute_summaries(TimePoint now);
    [[nodiscard]] std::optional<Path> summary_path(Ipv4Prefix summary) const;
    [[nodiscard]] Metric link_of(const Interface& i) const;

    // neighbor.cc
    void send_hello(TimePoint now, Interface& i);
    void schedule_hello(TimePoint now, Interface& i);
    void transmit_hello(TimePoint now, Interface& i, const KValues& k, Ipv4Address to);
    void on_hello(TimePoint now, Interface& i, Ipv4Address source, const Packet& p);
    void on_sequence_list(Interface& i, Neighbor& n, const Packet& p);
    Neighbor& new_neighbor(TimePoint now, Interface& i, Ipv4Address a, const Packet* hello);
    void take_hello(TimePoint now, Neighbor& n, const Packet& hello);
    void neighbor_down(TimePoint now, Neighbor& n, std::string_view reason);
    void forget_paths(TimePoint now, NeighborId id);
    void neighbor_up(TimePoint now, Neighbor& n);
    void on_hold_timer(TimePoint now, Neighbor& n);
    void heard(TimePoint now, Neighbor& n);
    void start_neighbor(TimePoint now, Neighbor& n);
    void log_neighbor(const Neighbor& n, bool up, std::string_view why);
    Neighbor* find(NeighborId id);
    Neighbor* find(Interface& i, Ipv4Address a);
    [[nodiscard]] bool takes_wide(const Neighbor& n) const;
    [[nodiscard]] std::uint16_t stub_flags() const;
    [[nodiscard]] SoftwareVersion own_version() const;
    static bool recently_started(TimePoint now, const Neighbor& n);
    static bool just_started(TimePoint now, const Neighbor& n);
    Neighbor& renew_neighbor(TimePoint now, Neighbor& n);

    // receive.cc
    void drop(TimePoint now, Counter c, const Interface* i, Ipv4Address source);
    bool accept_source(TimePoint now, Interface& i, Ipv4Address source, Ipv4Address destination);
    [[nodiscard]] bool authentic(TimePoint now,
                                 const Interface& i,
                                 BytesView packet,
                                 bool claims) const;
    void on_reliable(
        TimePoint now, Neighbor& n, const Packet& p, bool by_multicast, std::uint64_t digest);
    void on_old_sequence(TimePoint now, Neighbor& n, const Packet& p, std::uint64_t digest);
    void on_prefix_limit(TimePoint now);
    void on_init(TimePoint now, Neighbor& n, const Packet& p);
    void on_body(TimePoint now, Neighbor& n, const Packet& p);
    void on_route(TimePoint now, Neighbor& n, Opcode op, const RouteTlv& t);
    void count_received(const Header& h);
    void on_interface_timer(TimePoint now, Timer timer, IfIndex index);
    void on_neighbor_timer(TimePoint now, Timer timer, NeighborId id);
    Metric received_metric(const Interface& i, const RouteTlv& t);
    void record(const Neighbor& n, Route& r, const RouteTlv& t, const Metric& m);

    // transport.cc
    std::uint32_t next_sequence();
    void enqueue(Neighbor& n, std::shared_ptr<const OutPacket> packet);
    void make_ready(Neighbor& n);
    void on_ack(TimePoint now, Neighbor& n, std::uint32_t sequence);
    void send_first(TimePoint now, Neighbor& n);
    void send_ack(TimePoint now, Neighbor& n);
    void on_retransmit(TimePoint now, Neighbor& n);
    [[nodiscard]] std::uint32_t base_rto(const Neighbor& n) const;
    void send(TimePoint now,
              Interface& i,
              Ipv4Address to,
              const Header& header,
              BytesView tlvs,
              bool paced);
    void count_sent(Interface& i, const Header& h, Ipv4Address to);

    void want_flush(Interface& i) { flush_.insert(i.state.index); }

    void flush(TimePoint now);
    void flush_interface(TimePoint now, Interface& i);
    bool flush_one(TimePoint now, Interface& i);
    bool flush_updates(TimePoint now, Interface& i);
    void multicast(TimePoint now, Interface& i, std::shared_ptr<const OutPacket> packet);
    void announce_conditional(TimePoint now, Interface& i, std::uint32_t sequence);
    static std::string_view name_of(const Header& h);
    [[nodiscard]] bool list_fits(const Interface& i) const;
    [[nodiscard]] std::size_t body_limit(const Interface& i) const;

    // advertise.cc
    struct Body {
        ByteWriter out;
        std::size_t limit;
    };
    enum class Telling : std::uint8_t { table, update, query, reply };
    void touch(TimePoint now, Route& r);
    [[nodiscard]] std::optional<RouteTlv> told(const Interface& i, Ipv4Prefix p, Telling t) const;
    [[nodiscard]] std::optional<RouteTlv> told(const Interface& i, const Route& r, Telling t) const;
    /// never: by configuration, so nobody was ever told. not_now: withdraw it.
    enum class Visibility : std::uint8_t { yes, not_now, never };
    [[nodiscard]] Visibility visibility(const Interface& i, const Route& r) const;
    [[nodiscard]] bool stub_allows(const Route& r) const;
    void set_next_hop(const Interface& i, const Route& r, RouteTlv& t) const;
    enum class Audience : std::uint8_t { classic, wide, both };
    [[nodiscard]] Audience audience(const Interface& i) const;
    [[nodiscard]] Audience audience(const Neighbor& n) const;
    static bool append(Body& b, RouteTlv t, Audience a);
    bool read_log(
        Body& b, const Interface& i, Audience whom, Telling telling, std::uint64_t& cursor) const;
    std::shared_ptr<OutPacket> new_packet(Opcode op, std::uint32_t flags, Body& b);
    void packetize_catch_up(TimePoint now, Neighbor& n);
    void packetize_neighbor(TimePoint now, Neighbor& n);
    std::shared_ptr<OutPacket> packetize_update(Interface& i);
    std::shared_ptr<OutPacket> packetize_query(Interface& i);
    void compact_log();
    void reap();

    struct LogEntry {
        std::uint64_t serial;
        Ipv4Prefix prefix;
    };

    [[nodiscard]] std::size_t log_index(std::uint64_t after) const;

    [[nodiscard]] std::uint64_t log_end() const { return serial_; }

    // dual.cc
    Route& route_for(Ipv4Prefix p);
    void dual(TimePoint now, Route& r, Input in);
    void passive_input(TimePoint now, Route& r, Input in);
    void active_input(TimePoint now, Route& r, Input in);
    void go_active(TimePoint now, Route& r, std::uint8_t origin_flag, Input in);
    void freeze(Route& r);
    void ask(TimePoint now, Route& r, Input in);
    void send_queries(Route& r, Input in);
    [[nodiscard]] bool is_consistent(const Route& r) const;
    [[nodiscard]] bool is_consistent(const Interface& i) const;
    void complete(TimePoint now, Route& r);
    void adopt(TimePoint now, Route& r);
    void install(Route& r);
    void install_frozen(Route& r);
    void uninstall(Route& r);
    void publish(Route& r, std::vector<NextHop> hops, RouteKind kind, Distance d);
    [[nodiscard]] const Path* best_path(const Route& r) const;
    [[nodiscard]] std::vector<IfIndex> nearest_interfaces(const Route& r, const Path& best) const;
    [[nodiscard]] const Path* successor_path(const Route& r) const;

    [[nodiscard]] bool feasible(const Route& r, const Path& p) const { return p.rd < r.fd; }

    void reply(Route& r, NeighborId to);
    void collect(Ipv4Prefix p);
    Path* path_of(Route& r, NeighborId n);
    void set_distance(Path& p) const;
    void passive(Route& r);

    // sia.cc
    void on_active_timer(TimePoint now, Ipv4Prefix p);
    void on_sia_query(TimePoint now, Neighbor& n, const RouteTlv& t);
    void on_sia_reply(TimePoint now, Neighbor& n, const RouteTlv& t);
    [[nodiscard]] std::optional<Duration> half_active_time() const;

    const Asn asn_;
    Random& random_;
    Log& log_;
    const Options& options_;
    const Calendar& calendar_;
    std::vector<Action>& actions_;

    config::EigrpConfig config_;
    KValues k_ = kDefaultK;
    Policies policies_;
    Ipv4Address router_id_;
    bool configured_ = false;

    std::map<IfIndex, Interface> interfaces_;
    std::unordered_map<NeighborId, Neighbor*> by_id_;
    NeighborId next_id_ = 1;
    std::uint32_t next_serial_ = 0;
    std::map<Ipv4Prefix, Route> routes_;
    std::map<Ipv4Prefix, Path> local_;  // what we originate ourselves, summaries apart
    std::set<Ipv4Prefix> summaries_;  // of all interfaces
    std::set<Ipv4Prefix> dirty_summaries_;
    std::deque<LogEntry> log_entries_;
    std::uint64_t serial_ = 0;
    std::vector<Ipv4Prefix> dead_;  // routes kept only until all have been told
    std::size_t active_routes_ = 0;
    std::uint32_t sequence_ = 0;
    TimerTable timers_;
    TimePoint suspended_until_{};  // `maximum-prefix` was exceeded
    unsigned suspensions_ = 0;
    bool near_limit_ = false;  // the warning was given
    std::set<IfIndex> flush_;
    std::vector<NeighborId> acks_;  // neighbours to acknowledge before this input ends
    std::vector<std::pair<NeighborId, std::string_view>>
        doomed_;  // to be reset before this input ends
    std::vector<NeighborId> catch_ups_;  // neighbours that read on in the log
    std::vector<NeighborId> unicasts_;  // neighbours with something to packetize
    Counters counters_;
    std::map<Counter, TimePoint> logged_;
};

}  // namespace viaduct::eigrp
