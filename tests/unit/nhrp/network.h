// A small network of NHRP engines in virtual time: nodes with tunnels, an IKE that takes a while, a
// dataplane of adjacencies and routes, and a cloud between that delays, loses, doubles and reorders.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controlplane/nhrp/engine.h"

namespace viaduct::nhrp::test {

inline constexpr IfIndex kTunnel0{7};
inline constexpr IfIndex kLan{3};

Ipv4Address ip(std::string_view text);
Ipv4Prefix net(std::string_view text);

class Routes final : public RouteLookup {
public:
    std::optional<Route> lookup(Ipv4Address destination) const override;
    std::string interface_name(IfIndex index) const override;
    void add(std::string_view prefix, IfIndex out, std::string_view next_hop = "0.0.0.0");

    void remove(std::string_view prefix) { table_.erase(net(prefix)); }

private:
    std::map<Ipv4Prefix, Route> table_;
};

class Lines final : public LogSink {
public:
    void on_message(const LogMessage& message) override;
    [[nodiscard]] std::size_t count(std::string_view part) const;
    /// These lines stand in this order, others may be between.
    [[nodiscard]] std::string missing_in_order(const std::vector<std::string>& wanted) const;
    std::vector<std::string> lines;
};

class Network;

struct Node {
    Node(Network& owner, std::string node_name, std::uint64_t seed);

    Network& network;
    std::string name;
    SeededRandom random;
    Lines lines;
    Log log{lines};
    Routes routes;
    std::vector<Interface> interfaces;
    std::unique_ptr<Engine> engine;
    Limits limits;
    std::optional<Ipv4Address> public_nbma;  // behind a NAT
    bool powered = true;

    std::map<std::pair<IfIndex, Ipv4Address>, SetAdjacency> adjacencies;
    std::map<Ipv4Prefix, InstallRoute> shortcuts;
    std::map<IfIndex, std::vector<Nbma>> multicast;
    std::vector<SendPacket> sent;  // all, in order (if network.record)
    std::uint64_t data_through = 0;
    std::uint64_t data_received = 0;
    std::uint64_t data_dropped = 0;
    std::uint64_t released = 0;
    std::vector<Nbma> resets;

    Interface& interface() { return interfaces.front(); }

    void configure();
    void power_off();
    void power_on();
    void run_actions();

    [[nodiscard]] Ipv4Address outer() const {
        return public_nbma.value_or(interfaces.front().nbma);
    }

    /// An IP packet starts here, or passes through.
    void route_packet(
        Ipv4Address source, Ipv4Address destination, IfIndex in, Ipv4Address from, unsigned ttl);
    [[nodiscard]] const SetAdjacency* adjacency(std::string_view address) const;
    [[nodiscard]] const CacheEntry* entry(std::string_view target) const;
    [[nodiscard]] std::uint64_t drops(Drop drop) const;

    [[nodiscard]] const Server& server(std::size_t i = 0) const {
        return engine->tunnels().begin()->second.servers.at(i);
    }
};

class Network {
public:
    explicit Network(std::uint64_t seed = 1) : random_(seed) {}

    Node& add(const std::string& name,
              std::string_view tunnel,
              std::string_view nbma,
              std::string_view lan);
    /// Hub and two spokes of document 003.
    void document003();

    Node& operator[](const std::string& name) { return *nodes_.at(name); }

    void run_until(TimePoint end);

    void run_for(Duration d) { run_until(now + d); }

    void at(TimePoint when, std::function<void()> what) { events_.emplace(when, std::move(what)); }

    void send(Node& from, const SendPacket& packet);
    void send_data(Node& from,
                   const Nbma& to,
                   Ipv4Address source,
                   Ipv4Address destination,
                   IfIndex tunnel,
                   unsigned ttl);
    void request_sa(Node& from, const Nbma& to);
    void release_sa(Node& from, const Nbma& to);
    void drop_sas(Node& node);
    [[nodiscard]] bool sa(const Node& a, const Node& b) const;
    Node* find(const Nbma& nbma, const Node& from);

    TimePoint now{1000s};
    Duration delay = 2ms;
    Duration ike_delay = 1s;
    double loss = 0;
    double duplicate = 0;
    Duration jitter = 0ms;
    bool ike_works = true;
    bool check = true;
    bool record = true;
    std::map<std::string, std::unique_ptr<Node>> nodes_;

private:
    void deliver(Node& to, IfIndex tunnel, Ipv4Address from, const Bytes& bytes);
    static std::pair<std::string, std::string> key(const Node& a, const Node& b);

    SeededRandom random_;
    std::multimap<TimePoint, std::function<void()>> events_;
    std::set<std::pair<std::string, std::string>> sas_;
    std::set<std::pair<std::string, std::string>> asked_;
};

}  // namespace viaduct::nhrp::test
