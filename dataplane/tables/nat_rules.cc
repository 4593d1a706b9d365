#include "dataplane/tables/nat_rules.h"

#include <bit>

namespace viaduct::dataplane {

namespace {

std::uint64_t key_of(
    NatSide side, bool global, unsigned length, std::uint8_t protocol, NatEndpoint at) {
    const auto address = at.address & mask_of(length).value();
    return (side == NatSide::outside ? 1ULL << 63U : 0) | (global ? 1ULL << 62U : 0) |
           std::uint64_t{length} << 56U | std::uint64_t{protocol} << 48U |
           std::uint64_t{at.port} << 32U | address;
}

std::size_t hash_of(std::uint64_t key) {
    const auto h = (key ^ key >> 31U) * 0x9E3779B97F4A7C15U;
    return static_cast<std::size_t>(h ^ h >> 32U);
}

/// A time of 0 would end a session in the turn that made it.
NatTick ticks_of(std::chrono::seconds s) {
    return nat_tick(std::max(s, std::chrono::seconds{1}));
}

}  // namespace

NatRules::NatRules(const NatPolicy& policy, std::uint32_t number)
    : gates(policy.gates), generation(number), epoch(static_cast<std::uint16_t>(number)) {
    // Flows over statics and without translation do not name their worker: the first does it all.
    single_owner = !gates.empty();
    const auto& t = policy.times;
    times = {ticks_of(t.address),
             ticks_of(t.udp),
             ticks_of(t.dns),
             ticks_of(t.tcp),
             ticks_of(t.tcp_half_closed),
             ticks_of(t.tcp_finished),
             ticks_of(t.tcp_opening),
             ticks_of(t.icmp),
             ticks_of(t.esp)};
    for (const auto& d : policy.dynamics) {
        (d.outside ? outside : inside).push_back({d, nullptr});
        single_owner |= d.outside || !d.overload;
    }
    slots_.resize(std::bit_ceil(policy.statics.size() * 4 + 1));
    for (const auto& s : policy.statics) {
        add_static(s);
        has_outside |= s.outside;
        has_port_statics |= s.protocol.has_value();
    }
    has_outside |= !outside.empty();
}

void NatRules::add_static(const NatStatic& s) {
    statics_.push_back(s);
    const auto number = static_cast<std::uint32_t>(statics_.size());
    const auto side = s.outside ? NatSide::outside : NatSide::inside;
    const auto protocol = s.protocol ? s.protocol->value() : std::uint8_t{0};
    lengths_[s.outside ? 1 : 0] |= s.protocol ? 0 : 1ULL << s.length;
    put(key_of(side, false, s.length, protocol, {s.local.value(), s.local_port}), number);
    put(key_of(side, true, s.length, protocol, {s.global.value(), s.global_port}), number);
}

/// The first of two that say different things of the same endpoint wins.
void NatRules::put(std::uint64_t key, std::uint32_t number) {
    if (probe(key) != nullptr) {
        return;
    }
    const auto mask = slots_.size() - 1;
    auto at = hash_of(key) & mask;
    while (slots_[at].number != 0) {
        at = (at + 1) & mask;
    }
    slots_[at] = {key, number};
}

const NatStatic* NatRules::probe(std::uint64_t key) const {
    const auto mask = slots_.size() - 1;
    for (auto at = hash_of(key) & mask; slots_[at].number != 0; at = (at + 1) & mask) {
        if (slots_[at].key == key) {
            return &statics_[slots_[at].number - 1];
        }
    }
    return nullptr;
}

std::optional<NatEndpoint> NatRules::apply(NatSide side,
                                           bool from_global,
                                           std::uint8_t protocol,
                                           NatEndpoint at) const {
    if (protocol != 0) {
        const auto* s = probe(key_of(side, from_global, 32, protocol, at));
        if (s != nullptr) {
            return NatEndpoint{from_global ? s->local.value() : s->global.value(),
                               from_global ? s->local_port : s->global_port};
        }
    }
    // Whole addresses, the longest prefix first.
    for (auto left = lengths_[side == NatSide::outside ? 1 : 0]; left != 0;) {
        const auto length = static_cast<unsigned>(63 - std::countl_zero(left));
        left &= ~(1ULL << length);
        const auto* s = probe(key_of(side, from_global, length, 0, {at.address, 0}));
        if (s != nullptr) {
            const auto mask = mask_of(length).value();
            const auto to = from_global ? s->local.value() : s->global.value();
            return NatEndpoint{(to & mask) | (at.address & ~mask), at.port};
        }
    }
    return std::nullopt;
}

bool NatRules::claims(std::uint8_t protocol, NatEndpoint global) const {
    return !statics_.empty() &&
           probe(key_of(NatSide::inside, true, 32, protocol, global)) != nullptr;
}

bool NatRules::is_global(std::uint32_t address) const {
    for (const auto& r : inside) {
        if (address >= r.config.range.first.value() && address <= r.config.range.last.value()) {
            return true;
        }
    }
    for (const auto& s : statics_) {
        const auto mask = mask_of(s.length).value();
        if (!s.outside && ((s.global.value() ^ address) & mask) == 0) {
            return true;
        }
    }
    return false;
}

const NatRule* NatRules::find(std::uint32_t id) const {
    for (const auto* list : {&inside, &outside}) {
        for (const auto& r : *list) {
            if (r.config.id == id) {
                return &r;
            }
        }
    }
    return nullptr;
}

}  // namespace viaduct::dataplane
