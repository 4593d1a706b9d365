#include "dataplane/tables/interfaces.h"

#include <cstring>

#include "dataplane/wire/gre.h"

namespace viaduct::dataplane {

namespace {

std::uint16_t features_of(const Interface& i) {
    unsigned f = 0;
    const auto want = [&f](bool condition, unsigned bits) { f |= condition ? bits : 0U; };
    const bool tunnel = i.kind == InterfaceKind::tunnel_point_to_point ||
                        i.kind == InterfaceKind::tunnel_multipoint;
    want(!i.up, kInDown | kOutDown);
    want(i.acl_in.value() != 0, kInAcl);
    want(i.acl_out.value() != 0, kOutAcl);
    want(i.policy.value() != 0, kInPolicy | kOutPolicy);
    want(i.ted_discover, kInTed);
    want(i.nat_side == 1, kNatInside);
    want(i.nat_side == 2, kInNat | kOutNat);
    want(i.tcp_mss != 0, kInMss | kOutMss);
    want(tunnel, kOutTunnel);
    want(i.redirects && i.kind == InterfaceKind::ethernet, kOutRedirect);
    want(tunnel && i.nhrp_network != 0, kOutNhrpRedirect);
    return static_cast<std::uint16_t>(f);
}

std::uint64_t mac_word(const MacAddress& mac) {
    std::uint64_t word = 0;
    std::memcpy(&word, mac.octets().data(), 6);
    return word;
}

TunnelHeader header_of(const TunnelParameters& t) {
    TunnelHeader h;
    const unsigned flags = (t.checksum ? wire::kGreChecksum : 0U) | (t.key ? wire::kGreKey : 0U) |
                           (t.sequence ? wire::kGreSequence : 0U);
    h.source = t.source.value();
    h.gre_flags = big_endian(static_cast<std::uint16_t>(flags));
    h.key = big_endian(t.key.value_or(0));
    h.gre_bytes = static_cast<std::uint8_t>(wire::kGreBytes + (t.checksum ? 4U : 0U) +
                                            (t.key ? 4U : 0U) + (t.sequence ? 4U : 0U));
    h.ttl = t.ttl;
    h.tos = t.tos.value_or(0);
    h.has_key = t.key.has_value();
    h.computed = t.checksum || t.sequence;
    h.copy_tos = !t.tos.has_value();
    h.path_mtu_discovery = t.path_mtu_discovery;
    return h;
}

std::size_t hash_of(const TunnelKey& k) {
    std::uint64_t h = std::uint64_t{k.local} << 32U | k.remote;
    h = (h ^ k.key ^ (k.has_key ? 0x9E3779B97F4A7C15U : 0U)) * 0xBF58476D1CE4E5B9U;
    return static_cast<std::size_t>(h ^ h >> 29U);
}

}  // namespace

std::uint16_t InterfaceTable::probe(const TunnelKey& key) const {
    const auto mask = tunnels_.size() - 1;
    for (auto at = hash_of(key) & mask; tunnels_[at].interface != 0; at = (at + 1) & mask) {
        if (tunnels_[at].key == key) {
            return tunnels_[at].interface;
        }
    }
    return 0;
}

std::uint16_t InterfaceTable::find_tunnel(const TunnelKey& key) const {
    const auto exact = probe(key);
    if (exact != 0) {
        return exact;
    }
    auto any = key;
    any.remote = 0;
    return probe(any);
}

void InterfaceTable::index_tunnels() {
    std::size_t size = 4;
    while (size < records_.size() * 2) {
        size *= 2;
    }
    tunnels_.assign(size, {});
    for (const auto& r : records_) {
        if ((r.features & kOutTunnel) == 0 || !r.exists) {
            continue;
        }
        const auto& t = r.config.tunnel;
        const bool multipoint = r.kind == InterfaceKind::tunnel_multipoint;
        const TunnelKey key{t.source.value(),
                            multipoint ? 0 : t.destination.value(),
                            t.key.value_or(0),
                            t.key.has_value()};
        if (probe(key) != 0) {
            continue;  // the first of two equal tunnels has it
        }
        auto at = hash_of(key) & (size - 1);
        while (tunnels_[at].interface != 0) {
            at = (at + 1) & (size - 1);
        }
        tunnels_[at] = {key, r.index.value()};
    }
}

Interfaces::Interfaces(Rcu& rcu, unsigned workers) : rcu_(rcu), workers_(workers), table_(nullptr) {
    republish();
}

Interfaces::~Interfaces() {
    delete table();
}

void Interfaces::publish(std::span<const Interface> interfaces) {
    current_.assign(interfaces.begin(), interfaces.end());
    republish();
}

void Interfaces::set_port(IfIndex interface, std::uint16_t port) {
    if (ports_.size() <= interface.value()) {
        ports_.resize(std::size_t{interface.value()} + 1, kNoPort);
    }
    ports_[interface.value()] = port;
    republish();
}

void Interfaces::republish() {
    auto next = std::make_unique<InterfaceTable>();
    std::size_t size = 1;
    for (const auto& i : current_) {
        size = std::max<std::size_t>(size, std::size_t{i.index.value()} + 1);
    }
    next->records_.resize(size);
    next->records_[0].features = kInDown | kOutDown;
    next->records_[0].state = state_for(IfIndex{0});
    for (std::size_t i = 1; i < size; ++i) {
        next->records_[i].features = kInDown | kOutDown;
        next->records_[i].state = next->records_[0].state;
    }
    for (const auto& i : current_) {
        auto& r = next->records_[i.index.value()];
        r.index = i.index;
        r.kind = i.kind;
        r.up = i.up;
        r.exists = true;
        r.protected_tunnel = i.tunnel.protected_by_ipsec;
        r.features = features_of(i);
        r.port = i.index.value() < ports_.size() ? ports_[i.index.value()] : kNoPort;
        r.mtu = i.mtu;
        r.ip_mtu = i.ip_mtu;
        r.tcp_mss = i.tcp_mss;
        r.acl_in = i.acl_in;
        r.acl_out = i.acl_out;
        r.policy = i.policy;
        r.mac_word = mac_word(i.mac);
        r.state = state_for(i.index);
        r.header = header_of(i.tunnel);
        r.config = i;
        next->has_sequence_ |= i.tunnel.sequence;
    }
    next->index_tunnels();
    rcu_.retire_object(table_.exchange(next.release(), std::memory_order_acq_rel));
}

InterfaceState* Interfaces::state_for(IfIndex interface) {
    if (states_.size() <= interface.value()) {
        states_.resize(std::size_t{interface.value()} + 1);
    }
    auto& state = states_[interface.value()];
    if (state == nullptr) {
        state = std::make_unique<InterfaceState>(workers_);
    }
    return state.get();
}

InterfaceCounters Interfaces::total(IfIndex interface) const {
    InterfaceCounters sum;
    if (interface.value() >= states_.size() || states_[interface.value()] == nullptr) {
        return sum;
    }
    for (unsigned w = 0; w < workers_; ++w) {
        const auto& t = states_[interface.value()]->tally[w];
        sum.in_packets += t.in_packets.value();
        sum.in_bytes += t.in_bytes.value();
        sum.out_packets += t.out_packets.value();
        sum.out_bytes += t.out_bytes.value();
        sum.in_drops += t.in_drops.value();
        sum.out_drops += t.out_drops.value();
        sum.in_multicasts += t.in_multicasts.value();
    }
    return sum;
}

InterfaceCounters Interfaces::counters(IfIndex interface) const {
    auto now = total(interface);
    if (interface.value() < cleared_.size()) {
        const auto& base = cleared_[interface.value()];
        now.in_packets -= base.in_packets;
        now.in_bytes -= base.in_bytes;
        now.out_packets -= base.out_packets;
        now.out_bytes -= base.out_bytes;
        now.in_drops -= base.in_drops;
        now.out_drops -= base.out_drops;
        now.in_multicasts -= base.in_multicasts;
    }
    return now;
}

void Interfaces::clear_counters() {
    cleared_.clear();
    for (std::size_t i = 0; i < states_.size(); ++i) {
        cleared_.push_back(total(IfIndex{static_cast<std::uint16_t>(i)}));
    }
}

}  // namespace viaduct::dataplane
