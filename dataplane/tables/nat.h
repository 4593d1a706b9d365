// Address translation (NAT44): control's side, and the page to read first.
//
// IDEA. Control compiles a NatPolicy into a snapshot of rules (nat_rules.h) and publishes it by one pointer. Each
// worker has a table of its own (nat_table.h) of mappings (which global endpoint stands for a local one) and flows
// (a mapping's use towards one remote endpoint), which it alone changes, without locks. The stage (stages/nat44.cc)
// looks a packet up among the flows: a hit is rewritten with its checksums mended (RFC 1624), a miss asks statics, then
// rules in order. Static translations and those of whole addresses have no flows: they are looked up and applied.
//
// WHO OWNS WHAT. With several workers an inside host belongs to the worker that its address hashes to; that worker
// gives out only ports that are its number modulo the number of workers, so that the answer's port names it. Packets
// that another worker received are handed over by rings. Where a rule gives whole addresses, and for protocols without
// ports, the first worker does it all.
//
// AGEING. A flow carries when it was last used; a look-up that finds it idle for too long ends it. A hand comes by every
// record once in about 4 s of the router's time, 64 records a turn at most, to take out the rest. After new rules were
// published, a record is held against them when it is met next (by a packet or by the hand), and ends if its rule does
// not give it its address any more; so publishing costs the same with a million sessions.
//
// WHAT HOLDS OF RFC 4787 (UDP): REQ-1 endpoint-independent mapping (for each rule). REQ-2: one inside host gets the
// same external address until that has no port left ("arbitrary" from there on). REQ-3: the same port where it is free,
// never one port for two hosts at a time (no overloading), classes kept: IOS has three, 1–511, 512–1023, 1024–65535.
// REQ-4 (parity): not kept, which it allows. REQ-5: 5 min, 1 min for DNS as IOS. REQ-6: both directions refresh; the
// inbound part can be had by anyone who has a flow. REQ-7: overlapping inside and outside networks need `outside source`
// rules. REQ-8: filtering is address-and-port-dependent, which it allows where security is wanted. REQ-9: hairpinning,
// with external source address and port. REQ-10: an FTP application gateway only. REQ-11: deterministic. REQ-12: ICMP
// does not end mappings. REQ-13: DF and "fragmentation needed" are kept. REQ-14: fragments in any order, by reassembly
// of up to 64 datagrams of 18,000 bytes at a time for each worker.
// RFC 5382 (TCP): REQ-1, 3 to 10 as above. REQ-2: simultaneous open works from inside (a SYN that comes in finds the
// flow). REQ-4 (unsolicited SYN answered after 6 s): no, what has no flow is the router's own or routed. REQ-5: 24 h,
// 1 min while opening and after the end.
// RFC 5508 (ICMP): queries by identifier, 60 s; errors are translated inside and out, both ways, with their checksums; an error
// from inside without a flow is dropped, one from outside goes on as it came.
//
// NOT SUPPORTED: gateways other than FTP's; FTP commands that are split over segments; SACK edges in a changed FTP
// stream; a host's IP options with addresses in them; hairpinning between hosts of two workers; more than 4096 addresses
// in all ranges with port translation (the rest is not used).
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "dataplane/base/random.h"
#include "dataplane/tables/nat_rules.h"
#include "dataplane/tables/nat_table.h"
#include "dataplane/tables/rcu.h"

namespace viaduct::dataplane {

class Nat {
public:
    Nat(Rcu& rcu, Random& random, unsigned workers, std::uint32_t sessions);
    ~Nat();
    Nat(const Nat&) = delete;
    Nat& operator=(const Nat&) = delete;
    Nat(Nat&&) = delete;
    Nat& operator=(Nat&&) = delete;

    // ── control ──
    void publish(const NatPolicy& policy);
    /// The router does IKE itself: its ports are not for inside hosts.
    void set_own_ike(bool own);
    [[nodiscard]] std::vector<NatSession> sessions(std::size_t limit) const;
    [[nodiscard]] NatStatistics statistics() const;
    std::size_t clear(const NatFilter& filter);
    /// Frees tables that no worker uses any more.
    void reclaim();

    // ── workers ──
    /// nullptr: nothing was ever published. Without tables: nothing is translated any more.
    [[nodiscard]] const NatRules* rules() const { return rules_.load(std::memory_order_acquire); }

    [[nodiscard]] NatTallies& tallies(unsigned worker) { return tallies_[worker]; }

    /// This worker looks at nothing older than that snapshot.
    void settled(unsigned worker, std::uint32_t generation) {
        if (settled_[worker].load(std::memory_order_relaxed) != generation) {
            settled_[worker].store(generation, std::memory_order_release);
        }
    }

private:
    using Tables = std::vector<std::unique_ptr<NatTable>>;  // by worker

    struct Retired {
        Tables tables;
        std::uint32_t generation = 0;  // the first snapshot without them
    };

    [[nodiscard]] bool fits(const NatPolicy& policy) const;
    void make_tables(const NatPolicy& policy);
    void retire_tables();
    NatRuleState* state_of(std::uint32_t id);
    void add_statics(std::vector<NatSession>& out, std::size_t limit) const;
    void add_outside(NatSession& session) const;

    Rcu& rcu_;
    unsigned workers_;
    std::uint32_t sessions_;
    std::uint64_t seed_;
    NatPolicy policy_;
    bool own_ike_ = false;
    std::uint32_t generation_ = 0;
    std::atomic<const NatRules*> rules_{nullptr};
    Tables tables_;  // of the latest snapshot; empty: none
    std::vector<Retired> retired_;
    std::vector<std::unique_ptr<NatRuleState>> states_;
    std::vector<NatTallies> tallies_;
    std::unique_ptr<std::atomic<std::uint32_t>[]> settled_;
};

}  // namespace viaduct::dataplane
