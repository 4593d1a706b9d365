// Address translation as the control plane tells it to the dataplane, and hears of it: plain values.
//
// Words of RFC 2663 and of IOS: an inside host has an inside local address, and is seen from outside by its inside
// global address; a remote host is outside global, and is seen from inside by its outside local address.
//
// A packet that goes from an inside interface to an outside interface is translated after its route was
// found; a packet that comes in by an outside interface is translated back before its route is looked up. A packet
// that no rule matches goes through as it is.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/base/address.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/strong.h"
#include "dataplane/control.h"

namespace viaduct::dataplane {

/// Range of addresses, both ends in it. A single one (interface overload): first == last.
struct NatRange {
    Ipv4Address first;
    Ipv4Address last;

    bool operator==(const NatRange&) const = default;
};

/// `ip nat inside|outside source list|route-map … interface|pool … [overload]`. Rules are tried in order.
struct NatDynamic {
    std::uint32_t id =
        0;  // the Router's own, unique: comes back in sessions, counters and failures
    bool outside = false;  // `ip nat outside source …`: translates the source of what comes in
    AclId match;  // a permitted packet is translated; the access list was published before
    std::optional<IfIndex> out;  // only what leaves by this interface (route map, `interface`)
    NatRange
        range;  // 0.0.0.0: no address yet (DHCP): matching packets are dropped, not sent untranslated
    bool overload =
        false;  // ports are translated too (PAT); else one global address for each local one

    bool operator==(const NatDynamic&) const = default;
};

/// `ip nat inside|outside source static …`. Wins over the dynamic rules.
struct NatStatic {
    std::uint32_t id = 0;
    bool outside = false;
    std::optional<IpProtocol> protocol;  // nullopt: the whole address; tcp, udp with ports; esp
    Ipv4Address local;
    std::uint16_t local_port = 0;
    Ipv4Address global;
    std::uint16_t global_port = 0;
    std::uint8_t length = 32;  // `static network`: this many leading bits are replaced

    bool operator==(const NatStatic&) const = default;
};

/// A side that is closed (PIX): what comes in by this interface and is of no session that began inside is dropped,
/// unless it is for the router itself or this list permits it as it came, with global addresses. 0 permits nothing.
struct NatGate {
    IfIndex outside;
    AclId permit;

    bool operator==(const NatGate&) const = default;
};

/// Idle times. IOS's defaults; RFC 4787 REQ-5 and RFC 5382 REQ-5 ask for UDP ≥ 2 min and TCP ≥ 2 h 4 min.
struct NatTimes {
    std::chrono::seconds address{86400};  // mappings without ports
    std::chrono::seconds udp{300};
    std::chrono::seconds dns{60};
    std::chrono::seconds tcp{86400};
    std::chrono::seconds tcp_half_closed{86400};  // after FIN from one side
    std::chrono::seconds tcp_finished{60};  // after FIN from both sides, or RST
    std::chrono::seconds tcp_opening{60};  // SYN seen, no answer
    std::chrono::seconds icmp{60};
    std::chrono::seconds esp{300};

    bool operator==(const NatTimes&) const = default;
};

/// All of a router's translation rules; published whole. Sessions whose rule (by id) is still there and still gives
/// the same address stay; the others end.
struct NatPolicy {
    std::vector<NatDynamic> dynamics;
    std::vector<NatStatic> statics;
    std::vector<NatGate> gates;
    NatTimes times;
    std::uint32_t max_sessions = 0;  // 0: PlaneOptions::nat_sessions

    bool operator==(const NatPolicy&) const = default;
};

/// One line of `show ip nat translations`.
struct NatSession {
    std::optional<IpProtocol> protocol;  // nullopt: the whole address (`---`)
    Ipv4Address inside_local, inside_global, outside_local, outside_global;
    std::uint16_t inside_local_port = 0, inside_global_port = 0;  // ICMP: the identifier
    std::uint16_t outside_local_port = 0, outside_global_port = 0;
    std::uint32_t rule = 0;
    bool is_static = false;
    TimePoint created{};
    TimePoint last_used{};
    TimePoint expires{};  // kNever for a static one
};

/// `show ip nat statistics`.
struct NatStatistics {
    std::uint32_t active = 0, statics = 0, extended = 0, peak = 0;
    std::uint64_t hits = 0;  // packets that found their session
    std::uint64_t misses = 0;  // packets that made one
    std::uint64_t expired = 0;
    std::uint64_t exhausted = 0;  // no port or address left
    std::uint64_t refused = 0;  // session table full

    struct Rule {
        std::uint32_t id = 0;
        std::uint32_t sessions = 0;
        std::uint32_t addresses_in_use = 0;
        std::uint64_t misses = 0;
    };

    std::vector<Rule> rules;
};

/// Which sessions `clear ip nat translation` ends. Empty: all dynamic ones.
struct NatFilter {
    std::optional<IpProtocol> protocol;
    std::optional<Ipv4Address> inside_local, inside_global, outside_local, outside_global;
    std::optional<std::uint16_t> inside_local_port, inside_global_port, outside_local_port,
        outside_global_port;
};

}  // namespace viaduct::dataplane
