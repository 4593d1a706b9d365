// Address translation, both ways. Three passes over a vector: hashes of the whole vector are made and their places in
// the index fetched; the records that they mean are fetched; then each packet is held against its record and
// rewritten. What finds no record goes through the rules (out) or the statics (in) one by one.
#include "dataplane/stages/nat44.h"

#include "dataplane/stages/send_on.h"

namespace viaduct::dataplane {

using nat44::End;
using nat44::Kind;
using nat44::Verdict;

namespace nat44 {

namespace {

constexpr std::uint8_t kFin = 0x01;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kRst = 0x04;
constexpr std::uint8_t kAck = 0x10;

NatEndpoint global_of(const NatFlow& f) {
    return {f.global.get(), static_cast<std::uint16_t>(f.in_ports.get() >> 16U)};
}

NatEndpoint local_of(const NatFlow& f) {
    return {f.local.get(), static_cast<std::uint16_t>(f.out_ports.get() >> 16U)};
}

/// TCP's progress, as far as its time-out goes by it.
void follow(NatFlow& f, std::uint8_t flags, NatWay way) {
    auto state = f.state;
    if ((flags & (kSyn | kAck | kRst)) == kSyn && f.time.get() == NatClass::tcp_finished) {
        state &= NatFlow::kHairpin;  // the same ports once more
    }
    if (way == NatWay::in) {
        state |= NatFlow::kAnswered;
    }
    if ((flags & kFin) != 0) {
        state |= way == NatWay::out ? NatFlow::kFinOut : NatFlow::kFinIn;
    }
    // RFC 7857, section 2.2: after a RST that was not meant for it, the connection goes on.
    state = static_cast<std::uint8_t>((flags & kRst) != 0 ? state | NatFlow::kReset
                                                          : state & ~NatFlow::kReset);
    f.state = state;
    constexpr std::uint8_t kFins = NatFlow::kFinOut | NatFlow::kFinIn;
    const bool finished = (state & NatFlow::kReset) != 0 || (state & kFins) == kFins;
    f.time.set(finished                            ? NatClass::tcp_finished
               : (state & NatFlow::kAnswered) != 0 ? NatClass::tcp
                                                   : NatClass::tcp_opening);
}

inline void follow(NatFlow& f, const PacketMeta& p, NatWay way) {
    if (p.protocol == kProtoTcp.value()) {
        const auto flags = layer4(p)[wire::kTcpFlags];
        if (f.time.get() != NatClass::tcp || (flags & (kFin | kSyn | kRst)) != 0) {
            follow(f, flags, way);
        }
    }
}

bool matches(const Worker& w, const NatRule& rule, const PacketMeta& p, bool outside) {
    if (!outside && rule.config.out && rule.config.out->value() != p.out) {
        return false;
    }
    // IOS: a list that does not exist translates nothing.
    const auto* acl = w.tables.acls.find(rule.config.match);
    return acl != nullptr && acl->permits(acl_key_of(p), w.index);
}

const NatRule* rule_for(const Worker& w, const PacketMeta& p) {
    for (const auto& rule : w.nat.rules->inside) {
        if (matches(w, rule, p, false)) {
            return &rule;
        }
    }
    return nullptr;
}

/// True: some rule is for this packet, whatever its ports are.
bool is_wanted(const Worker& w, const PacketMeta& p) {
    const auto& rules = *w.nat.rules;
    return rules.to_global(NatSide::inside, p.protocol, {p.source, 0}) ||
           rule_for(w, p) != nullptr || rules.has_outside || rules.has_port_statics;
}

bool refuse(Worker& w, const PacketMeta& p, Drop why) {
    w.drop(p, why);
    return false;
}

/// The inside global endpoint of this packet's source, made where a rule says so. `unchanged`: no rule does.
Verdict source_of(
    Worker& w, const PacketMeta& p, const NatKey& key, NatEndpoint& to, NatFlow*& flow) {
    auto& table = *w.nat.table;
    flow = table.find(NatWay::out, key);
    if (flow != nullptr) {
        to = global_of(*flow);
        return Verdict::translated;
    }
    const NatEndpoint local{key.local,
                            has_local_port(key.protocol) ? key.local_port() : std::uint16_t{0}};
    if (const auto fixed = w.nat.rules->to_global(NatSide::inside, key.protocol, local); fixed) {
        to = *fixed;
        if (!w.nat.rules->gates.empty()) {
            flow = table.make_fixed(key, to);
        }
        return Verdict::translated;
    }
    const auto* rule = rule_for(w, p);
    if (rule == nullptr) {
        if (!w.nat.rules->gates.empty()) {
            flow = table.make_fixed(key, local);
        }
        return Verdict::unchanged;
    }
    if (rule->config.range.first.is_unspecified()) {
        refuse(w, p, Drop::nat44_no_address);
        return Verdict::gone;
    }
    auto why = Drop::kCount;
    if (rule->config.overload) {
        const auto made = table.make_out(*rule, key);
        flow = made.flow;
        why = made.why;
        to = flow != nullptr ? global_of(*flow) : NatEndpoint{};
    } else if (const auto known =
                   table.find_address(NatSide::inside, false, key.local, rule->config.id);
               known) {
        to = {*known, local.port};
    } else {
        const auto made = table.make_address(NatSide::inside, *rule, key.local);
        why = made.why;
        to = {made.address, local.port};
    }
    if (why != Drop::kCount) {
        refuse(w, p, why);
        return Verdict::gone;
    }
    return Verdict::translated;
}

/// On to the port where nothing else is asked of the way out.
inline void leave(Worker& w, Place at) {
    auto& p = w.frame[at];
    const auto& hop = *w.next_hops.at(p.next_hop);
    if (hop.way == NextHopRecord::Way::nat44 && p.length <= hop.mtu) [[likely]] {
        send_whole(w, p, hop.port, hop.l2);
    } else {
        w.frame.output_features.push(at);
    }
}

/// To another inside host by its global address (RFC 4787, REQ-9): out and in again, in one go.
void hairpin(Worker& w, Place at, const NatKey& key) {
    auto& p = w.frame[at];
    NatEndpoint to;
    NatFlow* flow = nullptr;
    const auto verdict = source_of(w, p, key, to, flow);
    if (verdict == Verdict::gone) {
        return;
    }
    if (flow != nullptr) {
        flow->state |= NatFlow::kHairpin;
        follow(*flow, p, NatWay::out);
    }
    if (verdict == Verdict::translated) {
        rewrite(p, End::source, to);
    }
    NatKey in;
    (void)key_of(p, NatWay::in, in);
    auto* other = w.nat.table->find(NatWay::in, in);
    const auto back = other != nullptr ? local_of(*other) : known_local(w, in);
    if (!back) {
        refuse(w, p, Drop::nat44_no_translation);
        return;
    }
    if (other != nullptr) {
        follow(*other, p, NatWay::in);
        if (flow != nullptr && p.protocol == kProtoTcp.value() &&
            (other->state & NatFlow::kAnswered) != 0) {
            flow->state |= other->state & NatFlow::kAnswered;
        }
    }
    rewrite(p, End::destination, *back);
    w.frame.route.push(at);
}

/// True: the destination is an inside host's global endpoint.
bool means_inside(Worker& w, const PacketMeta& p, const NatKey& key) {
    const auto& rules = *w.nat.rules;
    if (!rules.is_global(p.destination)) {
        return false;
    }
    const NatEndpoint global{p.destination,
                             has_ports(key.protocol) ? key.remote_port() : std::uint16_t{0}};
    return rules.to_local(NatSide::inside, key.protocol, global).has_value() ||
           w.nat.table->has_mapping(key.protocol, global);
}

void drop_or_pass_error(Worker& w, Place at, bool local) {
    auto& p = w.frame[at];
    if (translate_error(w, p, NatWay::out) == Verdict::unchanged && !local && is_wanted(w, p)) {
        // RFC 5508, REQ-5: "If a NAT device receives an ICMP Error packet from the private realm, and the NAT does not
        // have an active mapping for the embedded payload, the NAT SHOULD silently drop the ICMP Error packet".
        refuse(w, p, Drop::nat44_no_translation);
        return;
    }
    if (local) {
        w.frame.local.push(at);
    } else {
        leave(w, at);
    }
}

/// Everything but a packet of a flow that is known.
void out_slowly(Worker& w, Place at) {
    auto& f = w.frame;
    const bool local = w.next_hops.at(f[at].next_hop)->kind == NextHop::Kind::local;
    NatKey key;
    auto kind = key_of(f[at], NatWay::out, key);
    if (kind == Kind::fragment) {
        const bool wanted = local ? w.nat.rules->is_global(f[at].destination) : is_wanted(w, f[at]);
        if (!wanted) {
            (local ? f.local : f.output_features).push(at);
            return;
        }
        if (!w.nat.reassembly.add(w, f[at])) {
            return;
        }
        kind = key_of(f[at], NatWay::out, key);
    }
    auto& p = f[at];
    if (kind == Kind::icmp_error) {
        drop_or_pass_error(w, at, local);
        return;
    }
    if (kind == Kind::malformed) {
        if (local) {
            f.local.push(at);
        } else if (is_wanted(w, p)) {
            refuse(w, p, Drop::nat44_malformed);
        } else {
            leave(w, at);
        }
        return;
    }
    if (means_inside(w, p, key)) {
        hairpin(w, at, key);
        return;
    }
    if (local) {
        f.local.push(at);
        return;
    }
    const NatEndpoint remote{p.destination,
                             has_ports(p.protocol) ? key.remote_port() : std::uint16_t{0}};
    const auto outside = outside_to_global(w, p.protocol, remote);
    key.remote = outside.address;
    if (has_ports(p.protocol)) {
        key.ports = (key.ports & 0xFFFF0000U) | outside.port;
    }
    NatEndpoint to;
    NatFlow* flow = nullptr;
    const auto verdict = source_of(w, p, key, to, flow);
    if (verdict == Verdict::gone) {
        return;
    }
    if (flow != nullptr) {
        follow(*flow, p, NatWay::out);
    }
    if (verdict == Verdict::translated) {
        rewrite(p, End::source, to);
    }
    if (outside != remote) {
        const auto id = verdict == Verdict::translated ? to.port : key.local_port();
        rewrite(p,
                End::destination,
                {outside.address, p.protocol == kProtoIcmp.value() ? id : outside.port});
    }
    leave(w, at);
}

/// What a packet's outside global source is to the inside, made where a rule says so.
Verdict outside_local_of(Worker& w, const PacketMeta& p, NatEndpoint global, NatEndpoint& to) {
    const auto& rules = *w.nat.rules;
    if (const auto fixed = rules.to_local(NatSide::outside, p.protocol, global); fixed) {
        to = *fixed;
        return Verdict::translated;
    }
    for (const auto& rule : rules.outside) {
        if (!matches(w, rule, p, true)) {
            continue;
        }
        if (rule.config.range.first.is_unspecified()) {
            refuse(w, p, Drop::nat44_no_address);
            return Verdict::gone;
        }
        const auto known =
            w.nat.table->find_address(NatSide::outside, true, global.address, rule.config.id);
        const auto made = known ? NatTable::Address{*known, Drop::kCount}
                                : w.nat.table->make_address(NatSide::outside, rule, global.address);
        if (made.why != Drop::kCount) {
            refuse(w, p, made.why);
            return Verdict::gone;
        }
        to = {made.address, global.port};
        return Verdict::translated;
    }
    return Verdict::unchanged;
}

/// A packet that comes in by an outside interface and has no flow. True: it goes on, translated or not.
bool in_slowly(Worker& w, PacketMeta& p) {
    NatKey key;
    auto kind = key_of(p, NatWay::in, key);
    const auto& rules = *w.nat.rules;
    if (kind == Kind::fragment) {
        if (!rules.is_global(p.destination) && !rules.has_outside && rules.gates.empty()) {
            return true;
        }
        if (!w.nat.reassembly.add(w, p)) {
            return false;
        }
        kind = key_of(p, NatWay::in, key);
    }
    if (kind == Kind::icmp_error) {
        return translate_error(w, p, NatWay::in) == Verdict::translated || gate_open(w, p, false);
    }
    if (kind == Kind::malformed || p.has(kOurs)) {
        return p.has(kOurs) || gate_open(w, p, false);
    }
    const bool ports = has_ports(p.protocol);
    const NatEndpoint remote{p.source, ports ? key.remote_port() : std::uint16_t{0}};
    auto* flow = w.nat.table->find(NatWay::in, key);
    if (flow == nullptr && p.protocol == kProtoEsp.value() && w.sas.inbound(key.ports) == nullptr) {
        flow = w.nat.table->bind_esp(key);
    }
    if (flow == nullptr && p.protocol == kProtoTcp.value()) {
        flow = w.nat.table->make_expected(key);
    }
    const auto to = flow != nullptr ? std::optional(local_of(*flow)) : known_local(w, key);
    if (flow == nullptr && !gate_open(w, p, to.has_value())) {
        return false;
    }
    if (flow != nullptr) {
        follow(*flow, p, NatWay::in);
    }
    if (to) {
        rewrite(p, End::destination, *to);
        w.nat.table->tallies.hits.add(1);
    }
    if (!rules.has_outside) {
        return true;
    }
    NatEndpoint outside;
    const auto verdict = outside_local_of(w, p, remote, outside);
    if (verdict == Verdict::translated) {
        // The identifier of an ICMP query is the inside end's.
        const auto id = to ? to->port : key.local_port();
        rewrite(p,
                End::source,
                {outside.address, p.protocol == kProtoIcmp.value() ? id : outside.port});
    }
    return verdict != Verdict::gone;
}

}  // namespace

std::optional<NatEndpoint> known_local(Worker& w, const NatKey& in) {
    if (const auto* f = w.nat.table->find(NatWay::in, in); f != nullptr) {
        return local_of(*f);
    }
    const NatEndpoint global{in.local,
                             has_local_port(in.protocol) ? in.local_port() : std::uint16_t{0}};
    if (const auto fixed = w.nat.rules->to_local(NatSide::inside, in.protocol, global); fixed) {
        return fixed;
    }
    if (const auto address = w.nat.table->find_address(NatSide::inside, true, in.local, 0);
        address) {
        return NatEndpoint{*address, global.port};
    }
    return std::nullopt;
}

std::optional<NatEndpoint> known_global(Worker& w, const NatKey& out) {
    if (const auto* f = w.nat.table->find(NatWay::out, out); f != nullptr) {
        return global_of(*f);
    }
    const NatEndpoint local{out.local,
                            has_local_port(out.protocol) ? out.local_port() : std::uint16_t{0}};
    if (const auto fixed = w.nat.rules->to_global(NatSide::inside, out.protocol, local); fixed) {
        return fixed;
    }
    for (const auto& rule : w.nat.rules->inside) {
        const auto address =
            rule.config.overload
                ? std::nullopt
                : w.nat.table->find_address(NatSide::inside, false, out.local, rule.config.id);
        if (address) {
            return NatEndpoint{*address, local.port};
        }
    }
    return std::nullopt;
}

NatEndpoint outside_to_global(Worker& w, std::uint8_t protocol, NatEndpoint local) {
    const auto& rules = *w.nat.rules;
    if (!rules.has_outside) {
        return local;
    }
    if (const auto fixed = rules.to_global(NatSide::outside, protocol, local); fixed) {
        return *fixed;
    }
    const auto address = w.nat.table->find_address(NatSide::outside, false, local.address, 0);
    return {address.value_or(local.address), local.port};
}

}  // namespace nat44

void begin_nat_turn(Worker& w) {
    const auto* rules = w.tables.nat.rules();
    if (rules == nullptr) {
        return;
    }
    auto* table = rules->tables.empty() ? nullptr : rules->tables[w.index];
    auto& nat = w.nat;
    if (table != nat.table && nat.table != nullptr) {
        if (table != nullptr) {
            table->adopt(*nat.table);
        } else {
            nat.table->end_all(*rules);
        }
    }
    nat.rules = rules;
    nat.table = table;
    w.tables.nat.settled(w.index, rules->generation);
    if (table != nullptr) {
        table->begin_turn(*rules, nat_tick(w.now.time_since_epoch()));
    }
}

void nat44_out(Worker& w) {
    auto& f = w.frame;
    const auto places = f.nat44_out.places();
    auto* table = w.nat.table;
    auto& keys = w.scratch.nat_keys;
    auto& hashes = w.scratch.numbers;
    auto& fast = w.scratch.places;  // 1: has a hash; 0: one by one; 2: not ours to change
    for (std::size_t i = 0; i < places.size(); ++i) {
        const auto& p = f[places[i]];
        const bool ours =
            table != nullptr && (w.interface(p.in).features & kNatInside) != 0 && !p.has(kOurs);
        const bool error = table != nullptr && p.has(kOurs) && nat44::is_icmp_error(p);
        if (!ours) {
            fast[i] = error ? 0 : 2;
            continue;
        }
        const bool simple = nat44::has_ports(p.protocol) && !w.nat.rules->has_outside &&
                            nat44::key_of(p, NatWay::out, keys[i]) == Kind::keyed &&
                            w.next_hops.at(p.next_hop)->kind != NextHop::Kind::local;
        fast[i] = simple ? 1 : 0;
        if (simple) {
            hashes[i] = table->hash(NatWay::out, keys[i]);
            table->prefetch(hashes[i]);
        }
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
        if (fast[i] == 1) {
            table->prefetch_flow(hashes[i]);
        }
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
        auto& p = f[places[i]];
        if (fast[i] == 2) {
            f.output_features.push(places[i]);
            continue;
        }
        auto* flow = fast[i] == 1 ? table->find(NatWay::out, keys[i], hashes[i]) : nullptr;
        if (p.has(kOurs)) {
            (void)nat44::translate_error(w, p, NatWay::out);
            f.output_features.push(places[i]);
        } else if (flow == nullptr || (flow->state & NatFlow::kHairpin) != 0) [[unlikely]] {
            nat44::out_slowly(w, places[i]);
        } else {
            table->tallies.hits.add(1);
            nat44::follow(*flow, p, NatWay::out);
            nat44::rewrite(p, End::source, nat44::global_of(*flow));
            nat44::leave(w, places[i]);
        }
    }
    f.nat44_out.clear();
}

void nat44_in(Worker& w) {
    auto& f = w.frame;
    const auto places = f.nat44_in.places();
    auto* table = w.nat.table;
    auto& keys = w.scratch.nat_keys;
    auto& hashes = w.scratch.numbers;
    auto& fast = w.scratch.places;
    for (std::size_t i = 0; i < places.size() && table != nullptr; ++i) {
        const auto& p = f[places[i]];
        const bool simple = nat44::has_ports(p.protocol) && !w.nat.rules->has_outside &&
                            !p.has(kOurs) && nat44::key_of(p, NatWay::in, keys[i]) == Kind::keyed;
        fast[i] = simple ? 1 : 0;
        if (simple) {
            hashes[i] = table->hash(NatWay::in, keys[i]);
            table->prefetch(hashes[i]);
        }
    }
    for (std::size_t i = 0; i < places.size() && table != nullptr; ++i) {
        if (fast[i] != 0) {
            table->prefetch_flow(hashes[i]);
        }
    }
    auto& straight = w.scratch.ready;
    straight.clear();
    for (std::size_t i = 0; i < places.size(); ++i) {
        auto& p = f[places[i]];
        if (table != nullptr) {
            auto* flow = fast[i] != 0 ? table->find(NatWay::in, keys[i], hashes[i]) : nullptr;
            if (flow != nullptr) [[likely]] {
                table->tallies.hits.add(1);
                nat44::follow(*flow, p, NatWay::in);
                nat44::rewrite(p, End::destination, nat44::local_of(*flow));
            } else if (!nat44::in_slowly(w, p)) {
                continue;
            }
        }
        if (p.has(kOurs | kLinkBroadcast)) {
            f.route.push(places[i]);
        } else {
            prefetch(w.routes.root_entry(p.destination));
            straight.push(places[i]);
        }
    }
    f.nat44_in.clear();
    forward_straight(w, straight.places());
}

}  // namespace viaduct::dataplane
