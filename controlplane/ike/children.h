// Pairs of IPsec SAs ("children") from their first half to their end: installation, rekeying, draining,
// collisions, deletion. Which of several pairs of one flow is used outbound is decided here.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/ike/engine.h"
#include "controlplane/ike/phase1.h"
#include "controlplane/ike/proposals.h"

namespace viaduct::ike {

enum class ChildStage : std::uint8_t {
    half,  // inbound installed, the peer has not confirmed (responder only)
    live,  // both halves
    inbound,  // the outbound half has reached its end
};

struct Child {
    ChildParameters parameters;
    ChildSuite suite;
    ChildStage stage = ChildStage::half;
    Role role = Role::initiator;
    ConnectionId ike;  // under which it was made
    std::uint32_t connection = 0;  // inbound `conn id`; outbound is one more
    SaIndex reserved;
    Spi spi_in;
    Spi spi_out;
    ChildKeys keys_out;
    std::optional<MessageId> exchange;  // responder: the quick mode that waits for message 3
    std::vector<ChildId> replaces;  // initiator: what it follows
    TimePoint begun{};  // first message of its exchange
    TimePoint installed{};  // inbound half
    TimePoint established{};
    bool peer_uses_it = false;
    bool superseded = false;  // a newer pair carries the flow; never rekeyed
    bool manual_end = false;

    [[nodiscard]] ChildId id() const { return parameters.id; }
};

/// Whether a station meant may be the one known, where only one of the two tells its address behind a NAT.
inline bool same_station(const std::optional<Ipv4Address>& meant,
                         const std::optional<Ipv4Address>& known) {
    return !meant || !known || *meant == *known;
}

/// Pairs with the same key carry the same traffic to the same peer.
struct FlowKey {
    IfIndex interface;
    std::string policy;  // crypto map, IPsec profile or EzVPN name
    ProxyPair proxies;
    Endpoint remote;  // port only if the peer is behind a NAT

    auto operator<=>(const FlowKey&) const = default;
};

class Children {
public:
    static constexpr std::uint32_t kFirstConnection = 2000;
    static constexpr std::size_t kMaxUnknownSpi = 256;

    explicit Children(Engine::State& core) : core_(core) {}

    struct Made {
        ChildKeys keys_in;
        ChildKeys keys_out;
    };

    /// Enters the pair and installs its inbound half.
    Child& make(Child child, const Made& keys);
    /// The peer has confirmed (or we are the initiator): the outbound half, timers, collisions.
    void establish(ChildId id);
    enum class Notify : std::uint8_t { no, yes };
    /// The exchange of a half pair has ended without message 3. The peer may have completed it all the
    /// same: it stays a while, and is whole with its first packet.
    void leave_half(ChildId id);
    void remove(ChildId id, std::string_view reason, Notify notify);

    void on_first_packet(ChildId id);
    void on_limit(ChildId id, SaNotice notice);
    /// The peer's delete: `spi` is that of our outbound half.
    void on_peer_deleted(const IkeSa& sa, Spi spi);
    void on_invalid_spi(const IkeSa& sa, Spi spi);
    /// ESP came with an SPI that is not ours.
    void on_unknown_spi(Ipv4Address local, Ipv4Address remote, Spi spi);
    void on_peer_moved(ChildId id, Endpoint remote);
    /// `peer`: the IKE SA of the one that moved.
    void move_peer(Ipv4Address local, const Endpoint& from, const Endpoint& to, ConnectionId peer);

    void on_timer_soft(ChildId id);
    void on_timer_outbound_end(ChildId id);
    void on_timer_hard(ChildId id);
    void on_timer_drain(ChildId id);
    void on_timer_idle(ChildId id);
    /// A rekey came to nothing; true if it will be tried again before the end.
    bool retry_later(ChildId id);

    /// All with this peer that were made before a time.
    void remove_of_peer(Ipv4Address local,
                        const Endpoint& remote,
                        TimePoint before,
                        std::string_view reason);
    void remove_disallowed();
    [[nodiscard]] std::vector<ChildId> ids_with(std::optional<Ipv4Address> remote) const;
    /// Pairs of a flow whose both halves stand.
    [[nodiscard]] std::vector<ChildId> live_of_flow(const FlowKey& flow) const;
    enum class Progress : std::uint8_t { none, half, live };
    /// What there is for a flow with an ISAKMP SA's peer.
    [[nodiscard]] Progress progress(const PolicyRef& policy,
                                    const ProxyPair& proxies,
                                    const IkeSa& sa) const;
    [[nodiscard]] bool any_with(Ipv4Address local, Ipv4Address remote) const;
    [[nodiscard]] bool stands(const PolicyRef& policy, const ProxyPair& proxies) const;
    [[nodiscard]] bool stands_with(IfIndex interface,
                                   Ipv4Address remote,
                                   std::optional<Ipv4Address> remote_original) const;
    /// The port at which the NAT `remote` shows the station that has `original` itself.
    [[nodiscard]] std::optional<L4Port> port_of(Ipv4Address remote, Ipv4Address original) const;
    [[nodiscard]] const Child* find(ChildId id) const;

    [[nodiscard]] const std::map<ChildId, std::unique_ptr<Child>>& all() const { return children_; }

    /// What the flow's former pairs have carried.
    [[nodiscard]] SaUsage past_usage(const FlowKey& flow) const;
    [[nodiscard]] std::optional<ChildId> current_of(const FlowKey& flow) const;

    struct Traffic {
        TimePoint last_in{};
        TimePoint last_out{};
    };

    [[nodiscard]] Traffic traffic_with(Ipv4Address local, const Endpoint& remote) const;

    /// A new pair's name.
    ChildId next_id() { return ChildId{++last_id_}; }

    void check_invariants() const;

private:
    struct Flow {
        std::vector<ChildId> pairs;
        std::optional<ChildId> current;  // whose outbound half is used
        SaUsage past;  // of the pairs that have gone
    };

    [[nodiscard]] Child* get(ChildId id);
    [[nodiscard]] const Child* winner_over(const Child& child) const;
    void make_current(Child& child);
    void settle_collisions(const FlowKey& key);
    void arm(Child& child);
    void choose_another(const FlowKey& key);
    /// What comes in with it is still taken.
    void stop_sending(Child& child, std::string_view reason);
    void enter_flow(const Child& child);
    void leave_flow(const Child& child);
    [[nodiscard]] bool peer_renews(const FlowKey& key) const;
    void rekey(Child& child);
    void debug_created(const Child& child) const;

    Engine::State& core_;
    std::map<ChildId, std::unique_ptr<Child>> children_;
    std::map<FlowKey, Flow> flows_;
    std::multimap<Ipv4Address, ChildId> by_remote_;
    std::multimap<Spi, ChildId> by_spi_out_;
    std::map<Ipv4Address, TimePoint> unknown_spi_answered_;  // at most kMaxUnknownSpi sources
    std::uint64_t last_id_ = 0;
    std::uint32_t next_connection_ = kFirstConnection;
};

FlowKey flow_of(const ChildParameters& parameters);

}  // namespace viaduct::ike
