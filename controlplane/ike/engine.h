// IKEv1 (RFC 2407, 2408, 2409) with NAT traversal (RFC 3947 and its drafts), dead peer detection
// (RFC 3706), XAUTH, Mode-Config with Cisco's Unity attributes, and Tunnel End-Point Discovery: the engine.
//
// This header is the engine's contract with the Router; the page of prose about its states stands in
// phase1.h. Nothing here touches the world: packets, acquires, events and times come in; packets,
// security associations and notices go out as Actions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/ios/exec_row.h"
#include "config/model/running_config.h"
#include "controlplane/log/log.h"
#include "crypto/algorithms.h"
#include "crypto/offload.h"
#include "dataplane/base/address.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/random.h"
#include "dataplane/base/secret.h"
#include "dataplane/base/strong.h"

namespace viaduct::ike {

/// Names one pair of IPsec SAs for as long as it lives; never used again.
using ChildId = StrongInt<struct ChildIdTag, std::uint64_t>;
/// `conn-id` of an ISAKMP SA as IOS prints it.
using ConnectionId = StrongInt<struct ConnectionIdTag, std::uint32_t>;

struct Endpoint {
    Ipv4Address address;
    L4Port port;

    auto operator<=>(const Endpoint&) const = default;
};

inline constexpr Ipv4Address kSingleHost{0xFFFFFFFFU};  // the mask of one address

/// One half of what a pair of SAs protects (an ID payload of quick mode).
struct Proxy {
    Ipv4Address address;
    Ipv4Address mask;
    std::optional<IpProtocol> protocol;  // nullopt: any
    std::uint16_t port = 0;  // 0: any

    /// The address lies in the network, whatever the protocol and port.
    [[nodiscard]] constexpr bool contains(Ipv4Address host) const {
        return ((address.value() ^ host.value()) & mask.value()) == 0;
    }

    auto operator<=>(const Proxy&) const = default;
};

struct ProxyPair {
    Proxy local;
    Proxy remote;

    auto operator<=>(const ProxyPair&) const = default;
};

/// Which piece of the configuration a pair of SAs belongs to.
struct PolicyRef {
    IfIndex interface;  // where the crypto map stands, or the protected tunnel
    std::string crypto_map;  // empty: tunnel protection
    std::uint32_t sequence = 0;  // of the map entry
    std::string dynamic_map;  // the template, if the entry is dynamic
    std::uint32_t dynamic_sequence = 0;  // of the template's entry
    std::string ipsec_profile;  // tunnel protection or EzVPN's own name
    std::string ezvpn;  // the client's name, if it is an EzVPN client's

    auto operator<=>(const PolicyRef&) const = default;
};

/// Where the engine may be spoken to, and what is attached there. Given by the Router with each change.
struct LocalInterface {
    IfIndex index;
    config::InterfaceName name;
    Ipv4Address address;  // IKE's own address on it
    bool up = false;
    std::string crypto_map;  // empty: none
    std::uint16_t mtu = 1500;
    // A tunnel with protection:
    std::string ipsec_profile;
    bool multipoint = false;
    std::optional<Ipv4Address> tunnel_destination;
    IfIndex source_interface;  // the interface whose address the tunnel uses
};

/// Where the inbound SA's place and SPI come from: the dataplane's SA table, asked synchronously.
class SpiSource {
public:
    SpiSource() = default;
    SpiSource(const SpiSource&) = delete;
    SpiSource& operator=(const SpiSource&) = delete;
    SpiSource(SpiSource&&) = delete;
    SpiSource& operator=(SpiSource&&) = delete;
    virtual ~SpiSource() = default;

    struct Reservation {
        SaIndex index;
        Spi spi;
    };

    virtual std::optional<Reservation> reserve() = 0;
    virtual void release(SaIndex index) = 0;
};

/// What the engine asks about an IPsec SA when it is to be shown or rekeyed.
struct SaUsage {
    std::uint64_t packets_in = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t packets_out = 0;
    std::uint64_t bytes_out = 0;
    std::uint64_t errors_in = 0;
    std::uint64_t errors_out = 0;
    TimePoint last_in{};
    TimePoint last_out{};
};

/// A pair of SAs that somebody keyed by hand (`ipsec-manual`). Not the engine's: shown beside its own.
struct ManualSas {
    PolicyRef policy;
    ProxyPair proxies;  // the first line of the entry's access list
    Ipv4Address local;
    Ipv4Address remote;
    bool tunnel_mode = true;
    bool replay = true;
    crypto::Cipher cipher = crypto::Cipher::null;
    crypto::Auth auth = crypto::Auth::none;
    Spi spi_in;
    Spi spi_out;
    SaIndex inbound;
    SaIndex outbound;
    SaUsage usage;
};

class SaUsageSource {
public:
    SaUsageSource() = default;
    SaUsageSource(const SaUsageSource&) = delete;
    SaUsageSource& operator=(const SaUsageSource&) = delete;
    SaUsageSource(SaUsageSource&&) = delete;
    SaUsageSource& operator=(SaUsageSource&&) = delete;
    virtual ~SaUsageSource() = default;

    [[nodiscard]] virtual SaUsage usage(ChildId child) const = 0;

    /// By interface, map and sequence. None, unless a router keys some.
    [[nodiscard]] virtual std::vector<ManualSas> manual() const { return {}; }
};

/// What a `crypto pki trustpoint` holds, read by the Router from the files that it names.
struct TrustpointKeys {
    std::string name;
    std::optional<crypto::Certificate> certificate;  // this router's; nullopt: it only believes
    std::vector<crypto::Certificate> chain;  // between ours and the authority
    std::optional<crypto::RsaPrivateKey> key;
    std::vector<crypto::Certificate> authorities;
    bool revocation_none = false;  // `revocation-check` ends in "none"
};

// ── in ──────────────────────────────────────────────────────────────────────────────────────────

/// A UDP datagram for port 500 or 4500 (without the non-ESP marker), or a TED probe from transit.
struct PacketIn {
    IfIndex interface;
    Endpoint local;
    Endpoint remote;
    BytesView payload;
};

/// Traffic wants protection and there is none.
struct Acquire {
    PolicyRef policy;
    Ipv4Address local;  // our end
    std::vector<Ipv4Address> peers;  // in order of preference; the first that answers
    ProxyPair proxies;
    bool transport = false;  // GRE of a protected tunnel: mode of the transform set decides
    std::uint32_t discovery = 0;  // number of the TED discovery that named the peer; 0: none
    /// The station meant, where several stand behind one NAT: the address that it has itself.
    std::optional<Ipv4Address> remote_original;
};

/// A flow that a `discover` map protects, seen without an SA (row T2).
struct DiscoverRequest {
    PolicyRef policy;
    Ipv4Address local;  // the gateway's own address on that interface
    Ipv4Address source;  // the flow's hosts
    Ipv4Address destination;
    Proxy local_proxy;  // from the access list's line
    Proxy remote_proxy;
    Ipv4Address next_hop;  // where the probe will go, for the log; unspecified: not known
};

enum class SaNotice : std::uint8_t { soft_limit, hard_limit, first_packet, idle };

// ── out ─────────────────────────────────────────────────────────────────────────────────────────

struct SendPacket {
    Endpoint local;
    Endpoint remote;
    Bytes payload;  // UDP payload; the non-ESP marker is in it where it belongs
    // A TED probe goes with the flow's own addresses out of this interface's direction:
    bool probe = false;  // then local.address/remote.address are the flow's hosts
};

struct ChildKeys {
    crypto::Cipher cipher = crypto::Cipher::null;
    crypto::Auth auth = crypto::Auth::none;
    Secret cipher_key;  // with salt for GCM/GMAC
    Secret auth_key;
};

/// Cisco's IPsec over UDP: ESP in UDP on ports of its own, without a marker; IKE stays where it is.
struct EspUdpPorts {
    L4Port local;
    L4Port remote;  // the client's, as its last authenticated packet showed it

    bool operator==(const EspUdpPorts&) const = default;
};

/// What both halves of a pair have in common.
struct ChildParameters {
    ChildId id;
    PolicyRef policy;
    ProxyPair proxies;
    Endpoint local;  // ports: of the IKE SA; used when udp_encapsulation
    Endpoint remote;
    bool tunnel_mode = true;
    bool udp_encapsulation = false;
    std::optional<EspUdpPorts>
        esp_udp;  // with udp_encapsulation: these ports instead of the IKE SA's
    std::uint32_t lifetime_s = 3600;
    std::uint32_t lifetime_kb = 4608000;  // 0: none
    std::uint16_t replay_window = 64;  // 0: none
    std::string df_bit;  // "", "clear", "set", "copy"
    bool reverse_route = false;
    /// The peer's own address behind its NAT, from NAT-OA (RFC 3947, 5.2) in transport mode.
    std::optional<Ipv4Address> remote_original;
    std::string user;  // XAUTH user, if any
    std::optional<Ipv4Address> assigned_address;
};

/// The inbound half: packets of the peer may come from now on.
struct InstallInbound {
    ChildParameters child;
    SaIndex reserved;
    Spi spi;
    ChildKeys keys;
};

/// The outbound half: traffic goes by it from now on; it takes over from whatever the flow used before.
struct InstallOutbound {
    ChildParameters child;
    Spi spi;
    ChildKeys keys;
};

/// Both halves go. `drain_inbound`: only the outbound half now, the inbound half with a later RemoveChild.
struct RemoveChild {
    ChildId id;
    bool outbound_only = false;
};

/// The peer's address or port behind its NAT changed; all its children follow.
struct MoveChild {
    ChildId id;
    Endpoint remote;
    std::optional<L4Port> esp_port;  // the peer's, where ESP has ports of its own
};

/// Something that others wait for (NHRP: "need to wait for IPsec SAs").
struct ChildState {
    PolicyRef policy;
    Ipv4Address local;
    Ipv4Address remote;
    ProxyPair proxies;
    std::optional<Ipv4Address> remote_original;  // as in ChildParameters
    bool up = false;  // false: the last pair of this flow is gone, or could not be had
    std::string reason;
};

/// A user wants to log in (XAUTH): ask AAA, answer by on_authentication.
struct AuthenticateUser {
    std::uint64_t request = 0;
    std::string list;  // aaa authentication login LIST
    std::string user;
    Secret password;
    Endpoint remote;
};

/// Router as EzVPN client: what the server gave.
struct ClientConfigured {
    std::string ezvpn;
    bool up = false;
    std::optional<Ipv4Address> address;
    std::optional<Ipv4Address> netmask;
    std::vector<Ipv4Address> dns;
    std::string domain;
    std::string banner;
    std::vector<Ipv4Prefix> split_include;  // empty: everything goes into the tunnel
    std::optional<L4Port> esp_udp_port;  // ESP goes in UDP by this port at both ends (Cisco's)
    Ipv4Address server;
};

using Action = std::variant<SendPacket,
                            InstallInbound,
                            InstallOutbound,
                            RemoveChild,
                            MoveChild,
                            ChildState,
                            AuthenticateUser,
                            ClientConfigured>;

struct AuthenticationResult {
    bool accepted = false;
    std::optional<Ipv4Address> framed_address;  // RADIUS Framed-IP-Address
    std::string group;  // RADIUS Class "OU=…"
    std::string message;
};

class Engine {
public:
    Engine(Random& random,
           Log& log,
           crypto::Offload& offload,
           SpiSource& spis,
           const SaUsageSource& usage);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    Engine(Engine&&) = delete;
    Engine& operator=(Engine&&) = delete;

    /// The configuration or the interfaces changed. SAs whose policy, key or address is gone go (with delete
    /// notifies); the others stay as they are. `config` must outlive the engine or the next configure().
    void configure(TimePoint now,
                   const config::RunningConfig& config,
                   std::vector<LocalInterface> interfaces);

    /// What the trustpoints hold; before configure() whenever that has changed.
    void set_trustpoints(TimePoint now, std::vector<TrustpointKeys> trustpoints);
    /// The calendar, for certificates. Before the first is told, every certificate counts as expired.
    void set_wall(TimePoint now, WallTime wall);

    void on_packet(TimePoint now, const PacketIn& packet);
    void on_acquire(TimePoint now, const Acquire& acquire);
    void on_discover(TimePoint now, const DiscoverRequest& request);
    void on_sa_notice(TimePoint now, ChildId child, SaNotice notice);
    /// An authenticated ESP packet came from another endpoint.
    void on_peer_moved(TimePoint now, ChildId child, Endpoint remote);
    /// ESP with an SPI that is not ours: answered with INVALID_SPI inside an IKE SA, if so configured.
    void on_unknown_spi(TimePoint now, Ipv4Address local, Ipv4Address remote, Spi spi);
    void on_offload(TimePoint now, crypto::JobResult result);
    void on_authentication(TimePoint now,
                           std::uint64_t request,
                           const AuthenticationResult& result);
    /// NHRP (or a tunnel going down) does not need this peer any more.
    void on_release(TimePoint now,
                    const PolicyRef& policy,
                    Ipv4Address remote,
                    std::optional<Ipv4Address> remote_original = std::nullopt);

    // `clear …`
    void clear_isakmp(TimePoint now, std::optional<ConnectionId> connection);
    void clear_ipsec(TimePoint now, std::optional<Ipv4Address> peer, const std::string& map);
    void clear_session(TimePoint now, std::optional<Ipv4Address> peer, const std::string& user);
    void ezvpn_connect(TimePoint now, const std::string& name);
    void ezvpn_disconnect(TimePoint now, const std::string& name);
    /// So many sessions are open on the router's own console: counted with the others (N12).
    void set_management_sessions(std::size_t active);

    [[nodiscard]] TimePoint next_deadline() const;
    void on_time(TimePoint now);
    std::vector<Action> take_actions();

    /// True if an IPsec SA pair to this peer stands for this policy (for `show dmvpn` and NHRP).
    [[nodiscard]] bool child_stands(
        IfIndex interface,
        Ipv4Address remote,
        std::optional<Ipv4Address> remote_original = std::nullopt) const;

    /// True if an ISAKMP SA with this peer stands.
    [[nodiscard]] bool phase1_stands(Ipv4Address local, Ipv4Address remote) const;

    struct State;

    /// For the show rows of this folder.
    [[nodiscard]] const State& state() const { return *state_; }

private:
    std::unique_ptr<State> state_;
};

/// `show crypto …`, `clear crypto …` rows. `wall` of the context stamps what is shown with dates.
ios::ExecRows exec_rows(Engine& engine);

}  // namespace viaduct::ike
