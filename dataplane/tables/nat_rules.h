// The rules of address translation as workers read them: one immutable snapshot of a NatPolicy.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/nat.h"
#include "dataplane/tally.h"

namespace viaduct::dataplane {

class NatTable;

/// Time in sessions: units of 2^26 ns (67 ms), so that 32 bits last nine years.
using NatTick = std::uint32_t;

constexpr NatTick nat_tick(Duration since) {
    return static_cast<NatTick>(since.count() >> 26U);
}

constexpr TimePoint nat_time(std::uint64_t tick) {
    return TimePoint{Duration{static_cast<std::int64_t>(tick << 26U)}};
}

/// Which of NatTimes holds for a session.
enum class NatClass : std::uint8_t {
    address,
    udp,
    dns,
    tcp,
    tcp_half_closed,
    tcp_finished,
    tcp_opening,
    icmp,
    esp,
    kCount
};
inline constexpr std::size_t kNatClasses = static_cast<std::size_t>(NatClass::kCount);

/// What one worker keeps of one rule. Counters: read by control.
struct alignas(64) NatRuleShare {
    Tally sessions;  // up and down: sums are taken modulo 2^64
    Tally addresses;
    Tally misses;
    std::uint32_t cursor = 0;  // the worker's alone: where in the range it looks first
};

/// What stays of a rule from one snapshot to the next; named by its id, freed with the plane.
struct NatRuleState {
    explicit NatRuleState(std::uint32_t number, unsigned workers) : id(number), shares(workers) {}

    std::uint32_t id;
    std::vector<NatRuleShare> shares;  // by worker
};

struct NatRule {
    NatDynamic config;
    NatRuleState* state = nullptr;

    [[nodiscard]] std::uint32_t size() const {
        return config.range.last.value() - config.range.first.value() + 1;
    }
};

/// An address and, where there is one, a port.
struct NatEndpoint {
    std::uint32_t address = 0;
    std::uint16_t port = 0;

    bool operator==(const NatEndpoint&) const = default;
};

enum class NatSide : std::uint8_t { inside, outside };

class NatRules {
public:
    NatRules(const NatPolicy& policy, std::uint32_t generation);

    /// What a static translation makes of a local endpoint; nullopt: none has it. `protocol` 0: whole addresses only.
    [[nodiscard]] std::optional<NatEndpoint> to_global(NatSide side,
                                                       std::uint8_t protocol,
                                                       NatEndpoint local) const {
        return statics_.empty() ? std::nullopt : apply(side, false, protocol, local);
    }

    [[nodiscard]] std::optional<NatEndpoint> to_local(NatSide side,
                                                      std::uint8_t protocol,
                                                      NatEndpoint global) const {
        return statics_.empty() ? std::nullopt : apply(side, true, protocol, global);
    }

    /// True: a static translation of one port has this global endpoint.
    [[nodiscard]] bool claims(std::uint8_t protocol, NatEndpoint global) const;
    /// True: some rule may give this address to inside hosts.
    [[nodiscard]] bool is_global(std::uint32_t address) const;
    [[nodiscard]] const NatRule* find(std::uint32_t id) const;

    /// nullptr: this interface is open.
    [[nodiscard]] const NatGate* gate_of(IfIndex in) const {
        for (const auto& gate : gates) {
            if (gate.outside == in) {
                return &gate;
            }
        }
        return nullptr;
    }

    std::vector<NatGate> gates;

    std::vector<NatRule> inside;  // in order
    std::vector<NatRule> outside;
    bool has_port_statics = false;
    bool has_outside = false;  // any rule of `outside source`
    std::uint32_t generation = 0;  // of the snapshot
    std::uint16_t epoch;  // its low bits, as records carry them
    /// Several workers: the first does it all, for addresses do not name their worker as ports do.
    bool single_owner = false;
    std::array<NatTick, kNatClasses> times{};
    std::uint32_t limit = 0;  // sessions of one worker
    std::vector<NatTable*> tables;  // by worker; empty: nothing is translated
    std::vector<NatRuleState*> states;  // of rules that are no more, too: their records may be

private:
    struct Slot {
        std::uint64_t key = 0;
        std::uint32_t number = 0;  // of the static, plus 1
    };

    void add_static(const NatStatic& s);
    void put(std::uint64_t key, std::uint32_t number);
    [[nodiscard]] const NatStatic* probe(std::uint64_t key) const;
    [[nodiscard]] std::optional<NatEndpoint> apply(NatSide side,
                                                   bool from_global,
                                                   std::uint8_t protocol,
                                                   NatEndpoint at) const;

    std::vector<NatStatic> statics_;
    std::vector<Slot> slots_;  // open addressing, a power of two, at most half full
    std::array<std::uint64_t, 2> lengths_{};  // by side: bit n: a static network of n bits
};

}  // namespace viaduct::dataplane
