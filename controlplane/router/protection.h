// What must be encrypted, and by which SA: crypto maps and protected tunnels of the configuration turned
// into the dataplane's policies and slots, and IKE's results put into them.
//
// A flow is a piece of traffic with one protection slot: a line of a crypto map's access list, what a dynamic
// entry negotiated, or one peer of a protected tunnel. Slots outlive SAs; a slot without SA drops.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/model/running_config.h"
#include "controlplane/ike/engine.h"
#include "controlplane/log/log.h"
#include "controlplane/router/interfaces.h"
#include "dataplane/plane.h"

namespace viaduct {

/// A station on the far side of a tunnel: the address that packets go to and, behind a NAT, its own. Two
/// stations behind one NAT differ in `original` alone.
struct Station {
    Ipv4Address address;
    std::optional<Ipv4Address> original;

    auto operator<=>(const Station&) const = default;
};

/// A protected tunnel as the Router sees it.
struct ProtectedTunnel {
    IfIndex interface;
    Ipv4Address source;
    std::string profile;
    bool multipoint = false;
    std::optional<Ipv4Address> destination;
};

class Protection final : public ike::SpiSource, public ike::SaUsageSource {
public:
    Protection(dataplane::Plane& plane, Log& log);

    // ── configuration ──
    /// Publishes the policies of all crypto maps on interfaces. Flows whose piece of configuration stays keep
    /// their slots and SAs.
    void configure(const config::RunningConfig& config,
                   const std::map<IfIndex, InterfaceStatus>& interfaces);
    /// The policy on this interface, 0 if none: for dataplane::Interface.
    [[nodiscard]] dataplane::PolicyId policy_of(IfIndex interface) const;

    /// The slot for one peer of a protected tunnel, made on first use.
    dataplane::SlotId tunnel_slot(const ProtectedTunnel& tunnel, const Station& peer);
    void release_tunnel_slot(IfIndex tunnel, const Station& peer);
    /// The station whose SA decrypted a packet; nullopt for an SA that protects no tunnel.
    [[nodiscard]] std::optional<Station> station_of(SaIndex sa) const;

    // ── what the dataplane asks for ──
    /// What IKE is to be asked for a packet that hit an empty slot or rule; nullopt: nothing (a dynamic entry
    /// cannot start).
    [[nodiscard]] std::optional<ike::Acquire> acquire_for(const dataplane::Punt& punt) const;
    /// The EzVPN client that this packet's access list connects.
    [[nodiscard]] std::optional<std::string> client_for(const dataplane::Punt& punt) const;
    [[nodiscard]] std::optional<ike::DiscoverRequest> discover_for(
        const dataplane::Punt& punt) const;
    /// The acquire that brings up a tunnel's peer without waiting for traffic (NHRP).
    [[nodiscard]] std::optional<ike::Acquire> acquire_tunnel(IfIndex tunnel,
                                                             const Station& peer) const;
    [[nodiscard]] std::optional<ike::ChildId> child_of(SaIndex sa) const;

    // ── what IKE says ──
    void install(const ike::InstallInbound& action);
    void install(const ike::InstallOutbound& action);
    void remove(const ike::RemoveChild& action);
    void move(const ike::MoveChild& action);
    /// ICMP "fragmentation needed" about a packet of ours with this SPI.
    void path_mtu(Ipv4Address remote, Spi spi, std::uint16_t mtu);

    // ── ike::SpiSource, ike::SaUsageSource ──
    std::optional<Reservation> reserve() override;
    void release(SaIndex index) override;
    [[nodiscard]] ike::SaUsage usage(ike::ChildId child) const override;
    [[nodiscard]] std::vector<ike::ManualSas> manual() const override;

    /// Reverse routes wanted by children: prefix and peer.
    [[nodiscard]] std::vector<std::pair<Ipv4Prefix, Ipv4Address>> reverse_routes() const;
    [[nodiscard]] bool take_reverse_routes_changed();

    /// Manual session keys of `ipsec-manual` entries that could not be installed, in words.
    [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

private:
    /// Names a flow across reconfiguration and rekeys.
    struct FlowKey {
        ike::PolicyRef policy;
        ike::ProxyPair proxies;
        Station peer;  // of a tunnel; 0 for crypto maps: any of the entry's peers

        auto operator<=>(const FlowKey&) const = default;
    };

    struct Flow {
        FlowKey key;
        dataplane::SlotId slot;
        std::optional<dataplane::PolicyRule> dynamic_rule;  // added by add_flow
        ike::ChildId outbound;  // whose SA is in the slot; 0: none
        bool configured = false;  // a static line or a tunnel's peer
    };

    struct Child {
        ike::ChildParameters parameters;
        SaIndex inbound;
        SaIndex outbound;
        Spi spi_in;
        Spi spi_out;
        FlowKey flow;
    };

    struct Context {  // what a cookie means
        enum class Kind : std::uint8_t { static_line, dynamic_line, discover_line, client_line };
        Kind kind = Kind::static_line;
        ike::PolicyRef policy;
        ike::ProxyPair proxies;
        std::uint32_t entry = 0;
    };

    struct Policy {
        dataplane::PolicyId id;
        std::string crypto_map;
        Ipv4Address local;
        std::vector<dataplane::PolicyRule> rules;
        std::vector<FlowKey> static_flows;
        bool fragment_before = true;
    };

    struct Manual {
        std::string
            signature;  // all that makes them what they are: when it changes they are made anew
        ike::ManualSas sas;
    };
    class Compiler;

    Flow& flow(const FlowKey& key);
    [[nodiscard]] std::optional<FlowKey> known_as_outer(const FlowKey& key) const;
    void drop_flow(const FlowKey& key);
    /// The place of a negotiated flow among the rules of its policy.
    [[nodiscard]] std::uint64_t flow_priority(const ike::ChildParameters& child);
    [[nodiscard]] FlowKey flow_key_of(const ike::ChildParameters& child) const;
    [[nodiscard]] dataplane::SaParameters parameters_of(const ike::ChildParameters& child,
                                                        Spi spi,
                                                        const ike::ChildKeys& keys) const;
    void bind(Flow& flow, ike::ChildId child, SaIndex sa);
    [[nodiscard]] ike::SaUsage usage_of(SaIndex inbound, SaIndex outbound) const;
    void install_manual(const config::RunningConfig& config,
                        IfIndex interface,
                        const InterfaceStatus& status);

    dataplane::Plane& plane_;
    Log& log_;
    const config::RunningConfig* config_ = nullptr;
    std::map<IfIndex, Policy> policies_;
    std::map<FlowKey, Flow> flows_;
    std::map<ike::ChildId, Child> children_;
    std::unordered_map<SaIndex, ike::ChildId> by_sa_;
    std::vector<Context> contexts_;  // by cookie
    std::map<IfIndex, ProtectedTunnel> tunnels_;
    std::unordered_map<dataplane::SlotId, std::pair<IfIndex, Station>> tunnel_slots_;
    std::map<std::string, Manual> manual_;  // by interface/sequence
    std::map<IfIndex, Ipv4Address> local_addresses_;
    std::map<IfIndex, std::pair<std::string, std::string>> esp_settings_;  // df-bit, fragmentation
    std::map<IfIndex, std::uint16_t> mtus_;
    std::uint16_t next_policy_ = 1;
    std::uint64_t next_flow_priority_ = 0;
    bool reverse_routes_changed_ = false;
    std::vector<std::string> problems_;
};

/// The proxies that a line of a crypto access list stands for; nullopt for what IPsec cannot express (a
/// wildcard with holes, port ranges): said in `why`.
std::optional<ike::ProxyPair> proxies_of(const config::AccessEntry& entry, std::string& why);
dataplane::Selector selector_of(const ike::ProxyPair& proxies);
dataplane::Selector selector_of(const config::AccessEntry& entry);

}  // namespace viaduct
