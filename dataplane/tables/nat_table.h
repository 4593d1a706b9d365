// One worker's sessions: what it changes by itself, packet after packet. The rules stand in nat_rules.h, all of it
// together with control's side in nat.h, whose page of prose is the place to begin.
//
// Two kinds of records. A mapping says which global endpoint stands for a local one; it is made by a rule and holds for
// all remote hosts (RFC 4787, REQ-1). A flow is a mapping's use towards one remote endpoint; it is what packets are
// held against, both ways, and what ages. A mapping ends with its last flow; one of a whole address has no flows and
// ages itself.
#pragma once

#include <atomic>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/drops.h"
#include "dataplane/ring.h"
#include "dataplane/tables/nat_index.h"
#include "dataplane/tables/nat_rules.h"

namespace viaduct::dataplane {

/// What is looked up: a packet's local end (inside local on the way out, inside global on the way in), its remote end,
/// and what tells flows between the two apart: both ports with the local one high, the ICMP identifier high, the SPI
/// of ESP, or 0.
struct NatKey {
    std::uint32_t local = 0;
    std::uint32_t remote = 0;
    std::uint32_t ports = 0;
    std::uint8_t protocol = 0;

    [[nodiscard]] std::uint16_t local_port() const {
        return static_cast<std::uint16_t>(ports >> 16U);
    }

    [[nodiscard]] std::uint16_t remote_port() const { return static_cast<std::uint16_t>(ports); }
};

enum class NatWay : std::uint8_t { out, in };

struct alignas(64) NatFlow {
    enum Kind : std::uint8_t { free, dynamic, fixed };  // fixed: over a static translation

    // TCP's progress: bits of `state`.
    static constexpr std::uint8_t kAnswered = 1;
    static constexpr std::uint8_t kFinOut = 2;
    static constexpr std::uint8_t kFinIn = 4;
    static constexpr std::uint8_t kReset = 8;
    static constexpr std::uint8_t kHairpin = 16;  // any protocol: the remote end is inside, too

    Cell<std::uint32_t> local;  // inside local
    Cell<std::uint32_t> remote;  // outside global
    Cell<std::uint32_t> out_ports;
    Cell<std::uint8_t> protocol;
    Cell<Kind> kind;
    Cell<NatClass> time;
    std::uint8_t state;
    Cell<std::uint32_t> global;  // inside global
    Cell<std::uint32_t> in_ports;  // ESP: 0 until the SPI of the way back is known
    Cell<NatTick> used;
    Cell<NatTick> created;
    Cell<std::uint32_t> rule;  // its id
    std::uint32_t mapping;  // its number; kNone
    std::uint32_t next;  // of the free ones; of ESP in use: its age
    std::uint16_t epoch;
    std::uint16_t ftp;  // its place among the FTP sessions, plus 1; 0: none
};

static_assert(sizeof(NatFlow) == 64);

struct NatMapping {
    Cell<std::uint32_t> local;
    Cell<std::uint32_t> global;
    Cell<std::uint16_t> local_port;
    Cell<std::uint16_t> global_port;
    Cell<std::uint8_t> protocol;  // 0: the whole address
    Cell<bool> live;
    Cell<NatSide> side;
    std::uint8_t padding;
    Cell<NatTick> used;
    Cell<NatTick> created;
    Cell<std::uint32_t> rule;
    std::uint32_t flows;
    std::uint32_t expected;  // a remote host that may come first (FTP's data); 0: none
    std::uint32_t next;
    std::uint16_t epoch;
    std::uint16_t ports;  // its address's place among the NatPorts
};

/// The ports of one global address: a bit each.
struct NatPorts {
    static constexpr std::size_t kProtocols = 3;  // TCP, UDP, ICMP
    static constexpr std::size_t kClasses = 3;

    std::uint32_t address;
    std::uint32_t mappings;  // 0: this record is free
    std::uint32_t rule;  // that counts the address
    std::uint32_t next;  // of the free ones
    bool ready;  // was in use before
    std::uint32_t cursor[kProtocols][kClasses];
    std::uint32_t free[kProtocols][kClasses];
    std::uint64_t used[kProtocols][1024];
};

/// What control reads of a worker's table.
struct NatTallies {
    Tally hits;
    Tally misses;
    Tally expired;
    Tally exhausted;
    Tally refused;
    Tally active;  // up and down
    Tally peak;  // the greatest value so far
};

/// FTP's control connection: where in the stream of bytes the inside host's words grew or shrank.
struct FtpStream {
    static constexpr std::size_t kDepth = 8;

    struct Change {
        std::uint32_t at;  // the sender's sequence number behind the changed line
        std::int32_t delta;  // of all changes up to here
    };

    bool taken;
    std::uint8_t count;
    Change changes[kDepth];  // the oldest are forgotten
};

class NatTable {
public:
    static constexpr std::uint32_t kNone = 0xFFFFFFFFU;
    static constexpr std::size_t kMostAddresses = 4096;
    static constexpr std::size_t kFtpStreams = 1024;

    struct Shape {
        std::uint32_t sessions = 0;
        std::uint32_t addresses = 0;  // for port translation
        unsigned worker = 0;
        unsigned workers = 1;
        std::uint64_t seed = 0;
    };

    NatTable(const Shape& shape, NatTallies& tallies);

    // ── the worker ──
    /// Once a turn: time, rules, orders, and a few steps of the hand that takes out what is over.
    void begin_turn(const NatRules& rules, NatTick now);
    /// Nothing is translated any more.
    void end_all(const NatRules& rules);
    /// Takes over what another (smaller) table has.
    void adopt(const NatTable& other);

    [[nodiscard]] std::uint32_t hash(NatWay way, const NatKey& key) const;

    void prefetch(std::uint32_t hash) const { flow_index_.prefetch(hash); }

    /// Prefetches the record that this hash most probably means.
    void prefetch_flow(std::uint32_t hash) const {
        const auto reference = flow_index_.first(hash);
        if (reference != 0) {
            rte_prefetch0(&flows_[(reference >> 1U) - 1]);
        }
    }

    /// The flow, alive and stamped as used now; nullptr: none.
    [[nodiscard]] NatFlow* find(NatWay way, const NatKey& key, std::uint32_t hash);

    [[nodiscard]] NatFlow* find(NatWay way, const NatKey& key) {
        return find(way, key, hash(way, key));
    }

    /// The way back of an ESP flow that waits for it, bound to this SPI from now on.
    NatFlow* bind_esp(const NatKey& in);

    struct Made {
        NatFlow* flow = nullptr;
        Drop why = Drop::kCount;  // that there is none
    };

    /// A flow that goes out by a rule with port translation.
    Made make_out(const NatRule& rule, const NatKey& out);
    /// A flow that comes in to what a mapping expects; nullptr: nothing expects it.
    NatFlow* make_expected(const NatKey& in);
    /// A flow over a static translation, for those whose contents must be followed.
    NatFlow* make_fixed(const NatKey& out, NatEndpoint global);
    /// The global endpoint that stands for a local one, made where it is not there, and open to `expected` for a
    /// while; nullopt: none is left.
    std::optional<NatEndpoint> expect(std::uint32_t rule,
                                      std::uint8_t protocol,
                                      NatEndpoint local,
                                      std::uint32_t expected);

    /// The whole address that stands for this one: `from_global` says which it is. Stamped as used.
    std::optional<std::uint32_t> find_address(NatSide side,
                                              bool from_global,
                                              std::uint32_t address,
                                              std::uint32_t rule);

    struct Address {
        std::uint32_t address = 0;
        Drop why = Drop::kCount;
    };

    /// The same, made where it is not there. `local` of the outside: the global one, which gets a local one.
    Address make_address(NatSide side, const NatRule& rule, std::uint32_t from);
    /// True: a mapping stands behind this global endpoint.
    [[nodiscard]] bool has_mapping(std::uint8_t protocol, NatEndpoint global) const;
    void end(NatFlow& flow);

    [[nodiscard]] NatTick now() const { return now_; }

    [[nodiscard]] FtpStream* ftp(const NatFlow& flow) {
        return flow.ftp == 0 ? nullptr : &ftp_[flow.ftp - 1U];
    }

    /// Its record of changes, made where it is not there; nullptr: there are too many.
    FtpStream* open_ftp(NatFlow& flow);

    NatTallies& tallies;
    const Shape shape;
    /// Set by control, read by the worker.
    std::atomic<bool> own_ike{false};
    Ring<NatFilter> orders{64};

    // ── control: reads while the worker writes ──
    [[nodiscard]] std::span<const NatFlow> flows() const;
    [[nodiscard]] std::span<const NatMapping> mappings() const;

    [[nodiscard]] NatTick expires(const NatFlow& f) const {
        return f.used.get() + times_[static_cast<std::size_t>(f.time.get())].get();
    }

    [[nodiscard]] NatTick expires(const NatMapping& m) const {
        return m.used.get() + times_[static_cast<std::size_t>(NatClass::address)].get();
    }

    [[nodiscard]] NatTick seen_now() const { return seen_now_.get(); }

    [[nodiscard]] NatSession describe(const NatFlow& f) const;
    [[nodiscard]] NatSession describe(const NatMapping& m) const;

private:
    [[nodiscard]] bool over(const NatFlow& f) const {
        return now_ - f.used.get() >= time_of(f.time.get());
    }

    [[nodiscard]] NatTick time_of(NatClass c) const {
        return times_[static_cast<std::size_t>(c)].get();
    }

    bool still_right(NatFlow& f);
    bool still_right(NatMapping& m);
    [[nodiscard]] bool is_key(const NatFlow& f, NatWay way, const NatKey& key) const;
    [[nodiscard]] NatKey key_of(const NatFlow& f, NatWay way) const;
    NatFlow* take_flow();
    void index(NatFlow& f);
    NatFlow* make(const NatKey& out, NatEndpoint global, std::uint32_t in_ports);
    Made make_portless(const NatRule& rule, const NatKey& out);
    void sweep(unsigned steps);
    void step_flow(std::uint32_t number);
    void step_mapping(std::uint32_t number);
    void obey(const NatFilter& filter);
    void counted(int change);

    // mappings
    [[nodiscard]] std::uint32_t mapping_hash(
        bool global, NatSide side, std::uint8_t protocol, NatEndpoint at, std::uint32_t rule) const;
    [[nodiscard]] NatMapping* find_mapping(
        bool global, NatSide side, std::uint8_t protocol, NatEndpoint at, std::uint32_t rule) const;
    NatMapping* take_mapping();
    void index(NatMapping& m);
    void unindex(const NatMapping& m);
    void end(NatMapping& m);
    /// Of an expired snapshot's: out of the way of a new one, and ends with its last flow.
    bool usable(NatMapping* m);
    [[nodiscard]] NatRuleShare* share_of(std::uint32_t rule) const;
    Drop make_mapping(const NatRule& rule,
                      std::uint8_t protocol,
                      NatEndpoint local,
                      NatMapping*& out);

    [[nodiscard]] std::uint32_t number_of(const NatMapping& m) const {
        return static_cast<std::uint32_t>(&m - &mappings_[0]);
    }

    // ports (nat_ports.cc)
    [[nodiscard]] NatPorts* ports_of(std::uint32_t address, bool make);
    [[nodiscard]] std::optional<std::uint16_t> take_port(NatPorts& ports,
                                                         std::uint8_t protocol,
                                                         std::uint16_t wanted);
    void release(NatPorts& ports);
    [[nodiscard]] bool may_use(std::uint32_t address,
                               std::uint8_t protocol,
                               std::uint16_t port) const;
    void set_port(NatPorts& ports, std::uint8_t protocol, std::uint16_t port, bool used);

    const NatRules* rules_ = nullptr;  // of this turn
    NatTick now_ = 0;
    NatTick last_sweep_ = 0;
    std::uint64_t owed_ = 0;  // steps of the hand
    std::uint32_t flow_hand_ = 0;
    std::uint32_t mapping_hand_ = 0;
    std::uint32_t esp_count_ = 0;  // tells which ESP flow is younger
    std::uint32_t active_ = 0;  // flows, and mappings of whole addresses
    std::uint16_t epoch_ = 0;
    Cell<NatTick> seen_now_{};
    Cell<NatTick> times_[kNatClasses]{};

    ZeroedArray<NatFlow> flows_;
    Cell<std::uint32_t> flows_used_{};  // the highest number so far, plus 1
    std::uint32_t free_flow_ = kNone;
    NatIndex flow_index_;

    mutable ZeroedArray<NatMapping> mappings_;
    Cell<std::uint32_t> mappings_used_{};
    std::uint32_t free_mapping_ = kNone;
    NatIndex mapping_index_;

    ZeroedArray<NatPorts> ports_;
    NatIndex ports_index_;
    std::uint32_t ports_used_ = 0;
    std::uint32_t free_ports_ = kNone;

    ZeroedArray<FtpStream> ftp_;
};

/// True: `clear ip nat translation` with this filter means this session.
bool fits(const NatFilter& filter, const NatSession& session);

}  // namespace viaduct::dataplane
