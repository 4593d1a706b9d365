// The NHRP cache: which NBMA address stands behind a protocol address or network, on which tunnel, how
// we know, and until when. Pure data with its indices; decides nothing and has no clock.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dataplane/base/address.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/strong.h"

namespace viaduct::nhrp {

/// A station on the NBMA network: the address that packets are sent to and, for one behind a NAT, the
/// address it has itself. Two stations behind one NAT differ in `original` alone.
struct Nbma {
    Ipv4Address address;
    std::optional<Ipv4Address> original;

    auto operator<=>(const Nbma&) const = default;
};

/// Two names of perhaps one station: an address behind a NAT may be known or not.
inline bool same_station(const Nbma& a, const Nbma& b) {
    return a.address == b.address && (!a.original || !b.original || a.original == b.original);
}

enum class EntryType : std::uint8_t {
    configured,  // static; never expires
    dynamic,  // registered with us, resolved, or learned from a request
    incomplete,  // a resolution is under way or was refused
    local,  // our own address, or a network for which we have answered
};

/// A shortcut's route in the routing table: `H`, or `%` where it overrides the next hop of a route of
/// the same prefix.
enum class RouteKind : char { shortcut = 'H', next_hop_override = '%' };

struct CacheKey {
    IfIndex tunnel;
    Ipv4Prefix target;

    auto operator<=>(const CacheKey&) const = default;
};

/// Somebody to whom we gave the binding, who must be told when it is no longer true.
struct Requester {
    Ipv4Address protocol;
    Nbma nbma;
    TimePoint until;
};

struct CacheEntry {
    CacheKey key;
    Ipv4Address next_hop;  // "via"
    Ipv4Address asked;  // the address for which it was resolved; a refresh asks for it again
    Nbma nbma;
    EntryType type = EntryType::dynamic;
    bool unique = false;  // registered with the unique flag
    bool registered = false;  // by the station itself, with us
    bool authoritative = false;  // from who owns the binding
    bool implicit = false;  // from a request that we were sent
    bool router = false;  // the station is a router
    bool nat = false;  // the station knows the NAT extension
    bool negative = false;  // refused: incomplete until it expires
    bool nhop = false;  // the next hop of shortcuts
    bool waiting_for_sa = false;  // nbma is known, but packets still go by the server
    bool holds_peer = false;  // counted among those that need the tunnel to nbma
    std::optional<RouteKind> route;  // in the routing table
    std::uint16_t mtu = 0;
    std::uint16_t holding_time_s = 0;
    std::uint32_t id = 0;  // of this engine's life; shown where IOS shows a pointer
    TimePoint created;
    TimePoint expires = kNever;
    TimePoint last_used;
    unsigned failures = 0;  // of its tunnel, since it waits for it
    bool ever_used = false;
    std::uint64_t hits = 0;
    std::set<Ipv4Address> adjacencies;  // protocol addresses that the dataplane has from this entry
    std::vector<Requester> requesters;

    [[nodiscard]] bool host() const { return key.target.length() == 32; }

    /// Packets can be sent to nbma by it.
    [[nodiscard]] bool complete() const {
        return type != EntryType::incomplete && type != EntryType::local && !waiting_for_sa;
    }
};

class Cache {
public:
    using Entries = std::map<CacheKey, CacheEntry>;

    [[nodiscard]] const Entries& entries() const { return entries_; }

    [[nodiscard]] std::size_t size() const { return entries_.size(); }

    [[nodiscard]] CacheEntry* find(const CacheKey& key);

    [[nodiscard]] CacheEntry* find_host(IfIndex tunnel, Ipv4Address address) {
        return find({tunnel, Ipv4Prefix{address, 32}});
    }

    /// The longest target on the tunnel that contains the address and satisfies the condition.
    CacheEntry* longest(IfIndex tunnel,
                        Ipv4Address address,
                        const std::function<bool(const CacheEntry&)>& condition);
    /// Host entries of a station, found by the address that packets are sent to.
    [[nodiscard]] std::vector<CacheEntry*> of_nbma(IfIndex tunnel, Ipv4Address nbma_address);

    /// Adds an empty entry; the key must be new.
    CacheEntry& add(const CacheKey& key);
    /// Every change of an entry's nbma goes through here, for the index.
    void set_nbma(CacheEntry& entry, const Nbma& nbma);
    void remove(const CacheKey& key);

private:
    struct NbmaKey {
        IfIndex tunnel;
        Ipv4Address nbma;
        CacheKey entry;

        auto operator<=>(const NbmaKey&) const = default;
    };

    Entries entries_;
    std::set<NbmaKey> by_nbma_;
    std::map<IfIndex, std::map<unsigned, std::size_t>>
        lengths_;  // tunnel → prefix length → entries
    std::uint32_t next_id_ = 0;
};

}  // namespace viaduct::nhrp
