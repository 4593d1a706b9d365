// The inside of the Router: what it owns, and the parts of its work, one file each.
//   router.cc       life, configuration, the turn of the control thread
//   reconcile.cc    from the model to interfaces, routes, access lists, policies, engines
//   punts.cc        what comes up from the dataplane
//   carry.cc        what one engine says to the others
//   tunnels.cc      NHRP, multipoint tunnels and their adjacencies
//   leases.cc       DHCP client, server and relay
//   routing.cc      EIGRP and the routing table
//   translation.cc  address translation: rules to the dataplane, failures to the log
//   exec_*.cc       show, clear, ping … that belong to no single engine
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controlplane/aaa/engine.h"
#include "controlplane/arp/engine.h"
#include "controlplane/dhcp/client.h"
#include "controlplane/dhcp/server.h"
#include "controlplane/eigrp/engine.h"
#include "controlplane/icmp/engine.h"
#include "controlplane/ike/engine.h"
#include "controlplane/ip/packet.h"
#include "controlplane/nhrp/engine.h"
#include "controlplane/nhrp/exec.h"
#include "controlplane/rib/rib.h"
#include "controlplane/router/forwarding.h"
#include "controlplane/router/interfaces.h"
#include "controlplane/router/nat.h"
#include "controlplane/router/protection.h"
#include "controlplane/router/router.h"
#include "controlplane/router/tunnel_keepalive.h"

namespace viaduct {

/// The routing table as NHRP asks it: without NHRP's own routes.
class NhrpRouteLookup final : public nhrp::RouteLookup {
public:
    explicit NhrpRouteLookup(const RouterCore& router) : router_(router) {}

    [[nodiscard]] std::optional<nhrp::Route> lookup(Ipv4Address destination) const override;
    [[nodiscard]] std::string interface_name(IfIndex index) const override;

private:
    const RouterCore& router_;
};

/// What `show dmvpn` asks IKE.
class DmvpnIpsecView final : public nhrp::IpsecView {
public:
    explicit DmvpnIpsecView(const RouterCore& router) : router_(router) {}

    [[nodiscard]] Phase phase(Ipv4Address local, const nhrp::Nbma& remote) const override;
    [[nodiscard]] std::string session(const nhrp::Interface& interface,
                                      const nhrp::Nbma& remote) const override;

private:
    const RouterCore& router_;
};

struct RouterCore {
    RouterCore(Random& random_in,
               crypto::Offload& offload_in,
               LogSink& sink,
               const RouterOptions& options_in);

    // ── owned ──
    Random& random;
    crypto::Offload& offload;
    RouterOptions options;
    Log log;
    config::RunningConfig model;
    std::string startup;
    TimePoint started{};
    TimePoint now{};
    WallTime wall{};
    dataplane::Plane plane;
    rib::Rib rib;
    arp::Engine arp;
    icmp::Engine icmp;
    Forwarding forwarding;
    Protection protection;
    ike::Engine ike;
    aaa::Engine aaa;
    NhrpRouteLookup nhrp_routes;
    DmvpnIpsecView dmvpn_ipsec;
    nhrp::Engine nhrp;
    eigrp::Engine eigrp;
    TunnelKeepalives keepalives;
    std::set<IfIndex> keepalives_refused;  // protected tunnels of which it was said
    dhcp::Client dhcp_client;
    dhcp::Server dhcp_server;
    std::map<IfIndex, dhcp::Lease> leases;
    bool reconcile_wanted = false;  // a lease came or went, a keepalive brought a tunnel up or down

    /// What NHRP said of the stations behind a multipoint tunnel, by protocol address.
    struct TunnelAdjacency {
        Station station;
        bool temporary = false;
    };

    std::map<std::pair<IfIndex, Ipv4Address>, TunnelAdjacency> tunnel_adjacencies;
    std::map<IfIndex, std::vector<Station>> multicast_peers;
    std::map<IfIndex, Ipv4Address> best_servers;  // by which what is not resolved goes
    std::uint64_t routes_told = 0;  // rib generation that EIGRP and NHRP know
    TimePoint next_usage_report{};
    std::map<IfIndex, InterfaceStatus> interfaces;
    std::map<config::InterfaceName, IfIndex> indices;
    std::map<std::string, dataplane::AclId> acl_ids;
    std::map<std::string, std::vector<dataplane::AclRule>> published_acls;
    std::vector<dataplane::Interface> published_interfaces;
    std::map<IfIndex, dataplane::InterfaceCounters> cleared;  // what `clear counters` subtracts
    NatIds nat_ids;
    NatPlan nat;
    dataplane::NatPolicy published_nat;
    dataplane::NatStatistics nat_cleared;  // what `clear ip nat statistics` subtracts

    /// What the log was told of.
    struct NatWatch {
        std::uint64_t exhausted = 0;
        std::uint64_t refused = 0;
        TimePoint next_line{};
        TimePoint debugged{};  // sessions up to here were shown by `debug ip nat`
    };

    NatWatch nat_watch;
    std::map<std::string, ike::ClientConfigured> ezvpn_given;  // clients that are up
    std::vector<L4Port> published_esp_udp_ports;
    std::size_t most_xlates = 0;  // `show xlate` of a PIX
    ios::ExecRows rows;
    std::optional<std::map<std::string, config::Trustpoint>>
        trustpoints_read;  // nullopt: read them again
    TimePoint next_refresh{};
    TimePoint reconcile_at = kNever;  // what is said on interfaces that go must be out first
    bool nhrp_debugged =
        false;  // the dataplane tells of packets within one fabric for debug's sake
    bool refresh_wanted = false;
    std::uint64_t punts_dropped = 0;

    // ── reconcile.cc ──
    IfIndex index_of(const config::InterfaceName& name);
    [[nodiscard]] const InterfaceStatus* status(IfIndex index) const;
    [[nodiscard]] const config::InterfaceConfig* settings(IfIndex index) const;
    void reconcile();
    /// Ports' links, tunnels' sources, leases: what can change without a change of configuration.
    void refresh();
    void update_interfaces();
    void update_status(InterfaceStatus& status, const config::InterfaceConfig& config);
    void publish_interfaces();
    [[nodiscard]] dataplane::Interface describe_interface(const InterfaceStatus& status);
    void update_connected_routes();
    void update_static_routes();
    void update_access_lists();
    dataplane::AclId acl_id(const std::string& name);
    void configure_engines();
    [[nodiscard]] dataplane::NextHop describe(const rib::ResolvedPath& path);
    [[nodiscard]] std::optional<ProtectedTunnel> protected_tunnel(
        const InterfaceStatus& status) const;
    void commit_routes();

    // ── punts.cc ──
    void take_punts();
    void on_punt(dataplane::Punt& punt);
    void on_local(const dataplane::Punt& punt);
    void on_ike(const dataplane::Punt& punt);
    void on_icmp_reports();

    // ── carry.cc ──
    void carry();
    void carry_arp();
    void carry_icmp();
    void carry_ike();
    void carry_sa_events();
    void carry_aaa();
    void authenticate(const ike::AuthenticateUser& login);
    void run_timers();
    [[nodiscard]] std::optional<Ipv4Address> source_for(Ipv4Address destination) const;
    [[nodiscard]] Ipv4Address answer_from(IfIndex in) const;

    // ── tunnels.cc ──
    void configure_nhrp();
    void configure_keepalives();
    void carry_keepalives();
    void carry_nhrp();
    void on_nhrp_packet(const dataplane::Punt& punt);
    void on_resolve(dataplane::Punt& punt);
    void report_used_adjacencies();
    void describe_tunnel_hop(const rib::ResolvedPath& path,
                             const InterfaceStatus& at,
                             const config::InterfaceConfig& config,
                             dataplane::NextHop& hop);
    [[nodiscard]] std::vector<Ipv4Address> servers_by_worth(
        IfIndex tunnel, const config::InterfaceConfig& config) const;
    void follow_best_servers();
    /// Multipoint tunnels of one source that share a profile share its SAs: all by the name of the first of them,
    /// which is the one that IKE takes a peer's proposal for.
    [[nodiscard]] IfIndex protection_owner(IfIndex tunnel) const;
    [[nodiscard]] std::optional<ike::PolicyRef> tunnel_policy(IfIndex tunnel) const;
    void release_tunnel(IfIndex tunnel, const nhrp::Nbma& remote);
    [[nodiscard]] dataplane::SlotId slot_of(IfIndex tunnel, const Station& station);
    void request_tunnel(IfIndex tunnel, const Station& station);

    // ── routing.cc ──
    void configure_eigrp();
    void carry_eigrp();
    /// Tells the neighbours on interfaces that `wanted` takes away. False: there are none.
    bool say_goodbyes(const config::RunningConfig& wanted);
    void send_eigrp(const eigrp::SendPacket& action);
    void tell_routes();

    // ── translation.cc ──
    void update_nat();
    void publish_nat();
    void watch_nat();
    void debug_nat();

    // ── remote_client.cc ──
    void on_client_configured(const ike::ClientConfigured& given);
    /// What was given to an EzVPN client that translates; nullptr: it is down, or of another mode.
    [[nodiscard]] const ike::ClientConfigured* translating_client(const std::string& name) const;
    [[nodiscard]] std::uint8_t translation_side(const config::InterfaceConfig& interface) const;
    void add_client_translations(NatPlan& plan);
    void update_client_loopbacks();
    void add_client_addresses(std::vector<rib::Route>& local) const;
    void publish_esp_udp_ports();

    // ── leases.cc ──
    void configure_dhcp();
    void on_dhcp(const dataplane::Punt& punt, const ip::Packet& packet, const ip::Udp& udp);
    void on_lease(IfIndex interface, const std::optional<dhcp::Lease>& lease);
    void carry_dhcp();
    [[nodiscard]] std::vector<rib::Route> lease_routes() const;
    [[nodiscard]] Bytes udp_packet(ike::Endpoint from, ike::Endpoint to, BytesView payload);

    // ── exec_*.cc ──
    void gather_rows();
    [[nodiscard]] dataplane::InterfaceCounters counters_since_clear(IfIndex index) const;
    /// What `nameif` calls the interface.
    [[nodiscard]] std::string pix_name(IfIndex index) const;
    /// `show arp` of a PIX.
    [[nodiscard]] std::string pix_arp() const;
};

/// Rows of the Router's own: interfaces, routes, ARP, controllers, access lists.
ios::ExecRows interface_rows(RouterCore& router);
ios::ExecRows routing_rows(RouterCore& router);
ios::ExecRows reachability_rows(RouterCore& router);
ios::ExecRows nat_rows(RouterCore& router);
ios::ExecRows pix_rows(RouterCore& router);

}  // namespace viaduct
