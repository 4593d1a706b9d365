// What the control plane tells the dataplane, and what it hears: plain values.
// Tables go down (publish…), packets and events come up (Punt, SaEvent). Everything here is called on
// the control thread; nothing here is touched by a worker.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "crypto/algorithms.h"
#include "dataplane/base/address.h"
#include "dataplane/base/bytes.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/secret.h"
#include "dataplane/base/strong.h"

namespace viaduct::dataplane {

/// Place of a next hop in the next-hop table. 0 drops.
using NextHopId = StrongInt<struct NextHopIdTag, std::uint32_t>;
/// Place of an access list; 0 is "none".
using AclId = StrongInt<struct AclIdTag, std::uint16_t>;
/// Place of a security policy (a crypto map on an interface); 0 is "none".
using PolicyId = StrongInt<struct PolicyIdTag, std::uint16_t>;
/// A protection slot: the one indirection between "this flow must be encrypted" and the outbound SA that
/// does it now. Rules and tunnel next hops name a slot for as long as the configuration stands; a rekey
/// is one store into the slot. An empty slot drops (fails closed) and punts an acquire. 0 is "none".
using SlotId = StrongInt<struct SlotIdTag, std::uint32_t>;

inline constexpr SaIndex kNoSa{0};
inline constexpr SlotId kNoSlot{0};

// ── interfaces ──────────────────────────────────────────────────────────────────────────────────

enum class InterfaceKind : std::uint8_t {
    ethernet,
    loopback,
    tunnel_point_to_point,
    tunnel_multipoint,
    null
};

enum class DfPolicy : std::uint8_t { copy, set, clear };

/// GRE settings of a tunnel interface (RFC 2784, 2890).
struct TunnelParameters {
    Ipv4Address source;
    Ipv4Address destination;  // point-to-point only
    std::optional<std::uint32_t> key;  // 0 is a key
    bool checksum = false;
    bool sequence = false;
    std::uint8_t ttl = 255;
    std::optional<std::uint8_t> tos;  // nullopt: copied from the inner packet
    bool path_mtu_discovery = false;  // copy the inner DF
    bool protected_by_ipsec = false;  // clear GRE is neither sent nor accepted
    SlotId slot;  // point-to-point with protection

    bool operator==(const TunnelParameters&) const = default;
};

struct Interface {
    IfIndex index;
    InterfaceKind kind = InterfaceKind::ethernet;
    bool up = false;
    MacAddress mac;
    std::uint16_t mtu = 1500;  // layer 3 bytes that fit the medium
    std::uint16_t ip_mtu = 1500;  // `ip mtu`, ≤ mtu on Ethernet
    std::uint16_t tcp_mss = 0;  // `ip tcp adjust-mss`; 0: leave alone
    AclId acl_in;
    AclId acl_out;
    PolicyId policy;  // crypto map
    bool fragment_before_encryption = true;
    DfPolicy esp_df = DfPolicy::copy;
    bool ted_discover = false;  // punt transit ISAKMP exchange 240
    std::uint8_t nat_side = 0;  // 0 none, 1 inside, 2 outside
    bool redirects = true;  // punt packets that leave where they came in
    std::uint32_t nhrp_network =
        0;  // tunnels: equal and not 0 on both sides ⇒ redirect punts (phase 3)
    bool nhrp_redirect = false;
    TunnelParameters tunnel;

    bool operator==(const Interface&) const = default;
};

// ── forwarding ──────────────────────────────────────────────────────────────────────────────────

struct NextHop {
    enum class Kind : std::uint8_t {
        drop,  // counted as "route_unreachable", ICMP host unreachable
        null0,  // counted as "route_null0"
        local,  // for this router
        glean,  // connected, not resolved: punt, ARP is wanted
        ethernet,  // interface + destination MAC
        tunnel,  // interface + NBMA address (multipoint) or the tunnel's own destination
        resolve,  // multipoint tunnel without a resolution: punt (NHRP is wanted)…
        multipath,  // by flow hash over `members`
    };
    Kind kind = Kind::drop;
    IfIndex interface;
    Ipv4Address
        gateway;  // what is resolved (ethernet, tunnel, glean with a gateway); 0: destination
    MacAddress mac;  // ethernet
    Ipv4Address nbma;  // tunnel
    SlotId slot;  // tunnel with protection
    NextHopId meanwhile;  // resolve: forward by this one until the answer is there; 0: drop
    std::vector<NextHopId> members;  // multipath, 2–16

    bool operator==(const NextHop&) const = default;
};

// ── access lists and security policies ──────────────────────────────────────────────────────────

/// A 5-tuple pattern. Masks have 1 bits where the packet must agree (holes allowed).
struct Selector {
    Ipv4Address source;
    Ipv4Address source_mask;
    Ipv4Address destination;
    Ipv4Address destination_mask;
    std::optional<IpProtocol> protocol;
    std::uint16_t source_port_first = 0;
    std::uint16_t source_port_last = 65535;
    std::uint16_t destination_port_first = 0;
    std::uint16_t destination_port_last = 65535;

    bool operator==(const Selector&) const = default;
};

struct AclRule {
    Selector selector;
    bool permit = false;
    std::optional<std::uint8_t> icmp_type;
    std::optional<std::uint8_t> icmp_code;
    bool established = false;
    bool fragments = false;
    std::optional<std::uint8_t> dscp;
    std::optional<std::uint8_t> precedence;
    std::optional<std::uint8_t> tos;
    bool log = false;

    bool operator==(const AclRule&) const = default;
};

/// One rule of a crypto map, already in order: the lowest priority that matches decides.
/// Selectors are written for the outbound direction; inbound clear packets are held against the mirror.
struct PolicyRule {
    enum class Action : std::uint8_t {
        protect,  // by the slot; an empty slot drops and punts an acquire
        next_entry,  // a `deny` line: go on with the first rule whose priority is ≥ `continue_at`
        discover,  // TED: drop and punt a discovery; its SAs come as flows of lower priority number
    };
    std::uint64_t priority = 0;  // unique within the policy
    Selector selector;
    Action action = Action::protect;
    SlotId slot;
    std::uint64_t continue_at = 0;
    std::uint32_t cookie = 0;  // the Router's own: comes back in punts

    bool operator==(const PolicyRule&) const = default;
};

// ── security associations ───────────────────────────────────────────────────────────────────────

struct UdpEncapsulation {
    L4Port local;
    L4Port remote;
    bool operator==(const UdpEncapsulation&) const = default;
};

inline constexpr std::size_t kMaxEspUdpPorts = 8;

struct SaParameters {
    Spi spi;
    Ipv4Address local;
    Ipv4Address remote;
    bool tunnel_mode = true;
    crypto::Cipher cipher = crypto::Cipher::null;
    crypto::Auth auth = crypto::Auth::none;
    Secret cipher_key;  // with the salt behind it for GCM and GMAC
    Secret auth_key;
    std::optional<UdpEncapsulation> udp;
    std::uint16_t replay_window = 64;  // inbound; packets; 0: no check
    DfPolicy df = DfPolicy::copy;  // outbound tunnel mode
    std::uint16_t path_mtu = 1500;  // outbound: largest outer packet
    bool fragment_before_encryption = true;
    Selector selector;  // outbound direction; inbound packets must fit its mirror
    /// The interface on whose behalf it is: a crypto map's, or the tunnel that it protects. A packet that
    /// an inbound SA of a tunnel decrypted is accepted as that tunnel's GRE and as nothing else.
    IfIndex interface;
    bool protects_tunnel = false;
    std::uint64_t soft_packets = 0;  // event at this many packets (0: none); sequence exhaustion is
    std::uint64_t soft_bytes = 0;  // always reported in time, at 7/8 of 2^32
    std::uint64_t hard_bytes = 0;  // drops from here on
};

struct SaCounters {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;  // of ESP payloads
    std::uint64_t replayed = 0;
    std::uint64_t bad_icv = 0;
    std::uint64_t bad_selector = 0;
    std::uint64_t malformed = 0;
    std::uint64_t sequence = 0;  // last sent, or highest received
    TimePoint last_used{};  // 0: never
};

/// An inbound SA's place and the SPI that names it, before the keys are known.
struct InboundReservation {
    SaIndex index;
    Spi spi;
};

// ── up: punts and events ────────────────────────────────────────────────────────────────────────

enum class PuntReason : std::uint8_t {
    arp,  // whole Ethernet frame
    ike,  // to us, UDP 500, or 4500 without an ESP SPI: IP packet
    local,  // to us, anything else: IP packet
    link_multicast,  // 224.0.0.0/24 or limited broadcast (DHCP): IP packet
    nhrp,  // GRE 0x2001 from a tunnel: NHRP packet; nbma = outer source
    gre_keepalive,
    glean,  // ARP is wanted for `address` on `out`; the packet may be held
    resolve,  // NHRP is wanted for `address` (next hop) on `out`
    redirect_nhrp,  // phase 3: came in by tunnel `in` and left by tunnel `out`; nbma = outer source
    acquire,  // an empty slot was hit: `slot`, `cookie`; clear IP packet
    discover,  // a TED rule was hit: `cookie`; clear IP packet
    ted_probe,  // transit ISAKMP exchange 240 on an interface with discover
    ttl_expired,  // ICMP time exceeded is wanted
    unreachable,  // ICMP unreachable is wanted: code in `code`
    too_big,  // ICMP fragmentation needed is wanted: `mtu`
    redirect,  // ICMP redirect is wanted
    unknown_spi,  // ESP with an SPI that we do not have
    options,  // IP options (router alert, record route …)
    kCount,
};

struct Punt {
    PuntReason reason = PuntReason::local;
    IfIndex in;
    IfIndex out;
    Ipv4Address address;  // glean, resolve: what is to be resolved
    Ipv4Address nbma;  // outer source of a GRE packet
    SaIndex sa;  // the SA that decrypted it; 0: it came in the clear
    SlotId slot;
    std::uint32_t cookie = 0;
    std::uint8_t code = 0;
    std::uint16_t mtu = 0;
    Bytes packet;
};

struct SaEvent {
    enum class Kind : std::uint8_t {
        soft_limit,  // bytes, packets or sequence: rekey
        hard_limit,
        peer_moved,  // an authenticated packet came from another address or port (NAT rebinding)
        first_packet,  // inbound: the peer uses this SA now
    };
    Kind kind = Kind::soft_limit;
    SaIndex sa;
    Ipv4Address remote;  // peer_moved
    L4Port remote_port;
};

/// What the router itself sends.
struct InjectOptions {
    std::optional<IfIndex>
        interface;  // force the way out (multicast, DHCP): no route look-up. An Ethernet
    // multicast/broadcast destination gets its own MAC (RFC 1112)
    std::optional<Ipv4Address>
        next_hop;  // with interface: sent to this neighbour, whose host route is there
    std::optional<Ipv4Address> nbma;  // with a multipoint tunnel: GRE to this peer
    SlotId slot;  // with nbma: the peer's protection slot
    bool bypass_policy = false;  // IKE: never caught by a crypto map
    std::uint16_t gre_protocol = 0x0800;  // with a tunnel: 0x2001 for NHRP (packet is not IP then)
};

// ── counters ────────────────────────────────────────────────────────────────────────────────────

struct InterfaceCounters {
    std::uint64_t in_packets = 0;
    std::uint64_t in_bytes = 0;
    std::uint64_t out_packets = 0;
    std::uint64_t out_bytes = 0;
    std::uint64_t in_drops = 0;
    std::uint64_t out_drops = 0;
    std::uint64_t in_multicasts = 0;
};

struct StageCounters {
    std::string stage;
    std::uint64_t packets = 0;
    std::uint64_t vectors = 0;
    std::uint64_t cycles = 0;
};

struct DropCounter {
    std::string reason;  // "esp_in_replayed", …
    std::uint64_t packets = 0;
};

}  // namespace viaduct::dataplane
