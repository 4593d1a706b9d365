// A small world for tests: IKE engines with their routers' side faked, a network with delay, loss,
// duplication and reordering, address translators, one virtual clock. No product code depends on it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/model/running_config.h"
#include "controlplane/ike/core.h"
#include "controlplane/ike/engine.h"
#include "crypto/offload.h"

namespace viaduct::ike::test {

// Document 002: what stands behind Daphne and Fred.
inline constexpr Ipv4Address kLanD(13, 13, 13, 0);
inline constexpr Ipv4Address kLanF(12, 12, 12, 0);
inline constexpr Ipv4Address kHostD(13, 13, 13, 4);
inline constexpr Ipv4Address kHostF(12, 12, 12, 13);

class Lines final : public LogSink {
public:
    void on_message(const LogMessage& message) override {
        lines.push_back(message.facility.empty()
                            ? message.text
                            : "%" + message.facility + "-" +
                                  std::to_string(static_cast<int>(message.severity)) + "-" +
                                  message.mnemonic + ": " + message.text);
    }

    [[nodiscard]] bool contains(std::string_view text) const;
    std::vector<std::string> lines;
};

/// One pair of SAs as the router's dataplane would hold it.
struct Pair {
    ChildParameters parameters;
    SaIndex reserved;
    std::optional<Spi> spi_in;
    std::optional<Spi> spi_out;
    ChildKeys keys_in;
    ChildKeys keys_out;
    SaUsage usage;
    bool noticed = false;  // first_packet was reported
};

class World;

/// One router's IKE side.
class Node final : public SpiSource, public SaUsageSource {
public:
    Node(World& world, std::string name, Ipv4Address address, std::uint64_t seed);

    std::optional<Reservation> reserve() override;

    void release(SaIndex index) override { reserved.erase(index); }

    [[nodiscard]] SaUsage usage(ChildId child) const override;

    /// Applies `config` and `interfaces`.
    void configure();
    void acquire(const Acquire& acquire);
    /// Everything that the engine wants done.
    void drain();
    /// Forgets everything, as after a power failure.
    void reboot();
    [[nodiscard]] const Pair* current(const ProxyPair& proxies) const;
    [[nodiscard]] std::size_t ike_count() const;
    [[nodiscard]] std::size_t established_count() const;

    [[nodiscard]] std::uint64_t counter(Counter c) const { return engine->state().counters.of(c); }

    World& world;
    std::string name;
    Ipv4Address address;
    std::uint64_t seed;
    SeededRandom random;
    Lines lines;
    Log log{lines};
    crypto::InlineOffload offload;
    bool hold_offload = false;  // results wait until release_offload()
    config::RunningConfig config;
    std::vector<LocalInterface> interfaces;
    std::optional<Ipv4Prefix> lan;  // what is behind it: transit, where TED probes are taken out
    std::unique_ptr<Engine> engine;

    std::set<SaIndex> reserved;
    std::uint32_t next_index = 1;
    std::size_t spi_limit = 100000;
    std::map<ChildId, Pair> pairs;
    std::map<ProxyPair, ChildId> current_of;  // whose outbound half a flow uses
    std::vector<ChildState> states;
    std::vector<SendPacket> sent;
    std::vector<ClientConfigured> configured;
    /// AAA: answers, or does not; without it nobody is let in.
    std::function<void(const AuthenticateUser&)> on_login;
};

struct Link {
    Duration delay = 5ms;
    Duration jitter = 0ms;
    double loss = 0;
    double duplicate = 0;
};

/// Rewrites what goes from inside to outside and back.
struct Nat {
    Ipv4Address outside;
    std::set<Ipv4Address> inside;
    std::map<Endpoint, L4Port> ports;
    std::uint16_t next_port = 1024;
};

class World {
public:
    explicit World(std::uint64_t seed) : random(seed) {}

    Node& add(const std::string& name, Ipv4Address address);
    void run(Duration time);
    /// Until the condition holds; false if that takes longer.
    bool run_until(Duration limit, const std::function<bool()>& condition);
    void send(Node& from, const SendPacket& packet);
    void deliver_raw(const Endpoint& from, const Endpoint& to, Bytes payload);
    /// ESP packets by every current outbound SA, one a second; counts those that the peer cannot take.
    void start_traffic();

    SeededRandom random;
    TimePoint now{1000s};
    Link link;
    std::vector<std::unique_ptr<Node>> nodes;
    std::vector<Nat> nats;
    /// Sees every datagram that a node sends; false drops it.
    std::function<bool(const Endpoint& from, const Endpoint& to, const Bytes& payload)> filter;
    std::size_t datagrams = 0;
    bool traffic = false;
    std::size_t esp_sent = 0;
    std::size_t esp_lost_by_sa = 0;  // arrived where no inbound SA took it
    std::size_t no_outbound = 0;  // a flow that was up had no outbound SA
    std::vector<std::string> trouble;

private:
    struct Event {
        TimePoint when;
        std::uint64_t order = 0;
        std::function<void()> run;

        bool operator<(const Event& other) const {
            return when != other.when ? when > other.when : order > other.order;
        }
    };

    void at(TimePoint when, std::function<void()> run);
    void carry(Endpoint from, Endpoint to, Bytes payload);
    void arrive(const Endpoint& from, const Endpoint& to, const Bytes& payload);
    void tick_traffic();
    void send_esp(Node& from, const Pair& pair);
    bool step(TimePoint limit);

    std::vector<Event> events_;
    std::uint64_t order_ = 0;
};

// ── configurations ──────────────────────────────────────────────────────────────────────────────

inline constexpr IfIndex kOutside{1};
inline constexpr IfIndex kTunnel{9};

/// The DMVPN policy of document 003: DES, MD5, group 1, wildcard key; esp-3des esp-md5-hmac; 120 s.
void configure_dmvpn(Node& node);
Acquire dmvpn_acquire(const Node& from, const Node& to);
/// A static crypto map between two LANs.
/// `crypto map tedtag 10 ipsec-isakmp dynamic ted-map discover` of document 002.
void configure_ted(Node& node, Ipv4Address lan, Ipv4Address peer_lan);
DiscoverRequest ted_request(const Node& from,
                            Ipv4Address source,
                            Ipv4Address destination,
                            Ipv4Address lan,
                            Ipv4Address peer_lan);
void configure_site(Node& node, const Node& peer, Ipv4Address lan, Ipv4Address peer_lan);
Acquire site_acquire(const Node& from, const Node& to, Ipv4Address lan, Ipv4Address peer_lan);

}  // namespace viaduct::ike::test
