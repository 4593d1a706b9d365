#include "controlplane/ike/nat_path.h"

#include <algorithm>

#include "controlplane/ike/core.h"

namespace viaduct::ike {

namespace {

constexpr Duration kIdleInterval = 60s;

/// The crypto map entry that switches NAT-T off for a peer.
struct Disabled {
    std::string map;
    std::uint32_t sequence = 0;
};

std::optional<Disabled> disabled_by(const Engine::State& core,
                                    Ipv4Address local,
                                    Ipv4Address remote) {
    for (const auto& interface : core.interfaces) {
        const auto map = core.crypto().maps.find(interface.crypto_map);
        if (map == core.crypto().maps.end() || core.map_address(interface) != local) {
            continue;
        }
        for (const auto& [sequence, entry] : map->second.entries) {
            if (!entry.nat_t_disable) {
                continue;
            }
            const auto peers = core.policies.peers_of(entry);
            if (std::find(peers.begin(), peers.end(), remote) != peers.end()) {
                return Disabled{map->first, sequence};
            }
        }
    }
    return std::nullopt;
}

std::string why_off(const Engine::State& core, Ipv4Address local, Ipv4Address remote) {
    if (!core.crypto().nat_transparency) {
        return "NAT transparency is off here (no crypto ipsec nat-transparency udp-encapsulation)";
    }
    if (const auto entry = disabled_by(core, local, remote)) {
        return fmt::format(
            "NAT transparency is off for this peer (crypto map {} {}: set nat-t-disable)",
            entry->map,
            entry->sequence);
    }
    return "the peer does not speak NAT-T";
}

/// ESP of the flow has come in, by this pair or by one before it.
bool heard(const Engine::State& core, const Child& child) {
    const auto flow = flow_of(child.parameters);
    const auto pairs = core.children.live_of_flow(flow);
    return core.children.past_usage(flow).packets_in > 0 ||
           std::any_of(pairs.begin(), pairs.end(), [&](ChildId id) {
               return core.usage.usage(id).packets_in > 0;
           });
}

const IkeSa* ike_of(const Engine::State& core, const Child& child) {
    if (const auto* sa = core.ike(child.ike)) {
        return sa;
    }
    const auto& p = child.parameters;
    return core.phase1.find_complete(p.local.address, p.remote.address, std::nullopt, "");
}

void say(Engine::State& core, const Child& child, const std::string& what) {
    auto* sa = core.ike(child.ike);
    if (sa == nullptr || sa->nat.told) {
        return;
    }
    sa->nat.told = true;
    core.log.message("CRYPTO",
                     Severity::warnings,
                     "IPSEC_NAT_BLOCKED",
                     "tunnel to {} is up, but its ESP cannot pass: {}",
                     sa->remote.address.to_string(),
                     what);
}

}  // namespace

bool nat_traversal_allowed(const Engine::State& core, const IkeSa& sa) {
    return core.crypto().nat_transparency &&
           !disabled_by(core, sa.local.address, sa.remote.address);
}

std::string nat_evidence(const IkeSa& sa) {
    if (sa.nat.dialect != NatDialect::none) {
        return "";
    }
    const auto own = sa.peer_id.type == IdType::ipv4_address ? sa.peer_id.address() : std::nullopt;
    if (own && *own != sa.remote.address && !own->is_unspecified()) {
        return fmt::format("{} comes from {}", own->to_string(), sa.remote.address.to_string());
    }
    if (!sa.initiator() && sa.remote.port != kPortIsakmp) {
        return fmt::format("its IKE comes from port {} of {}",
                           sa.remote.port.value(),
                           sa.remote.address.to_string());
    }
    return "";
}

std::string nat_diagnosis(const Engine::State& core, const Child& child) {
    const auto& p = child.parameters;
    if (p.udp_encapsulation) {
        return "";
    }
    const auto usage = core.usage.usage(child.id());
    if (usage.packets_in > 0 || heard(core, child)) {
        return "";
    }
    const auto* sa = ike_of(core, child);
    const auto evidence = sa != nullptr ? nat_evidence(*sa) : std::string();
    if (!evidence.empty()) {
        return fmt::format("a NAT is in between ({}), and {}",
                           evidence,
                           why_off(core, p.local.address, p.remote.address));
    }
    const bool off =
        sa != nullptr ? !nat_traversal_allowed(core, *sa) : !core.crypto().nat_transparency;
    if (off && usage.packets_out > 0) {
        return fmt::format(
            "{} packets have gone out and none has come in; {}: a NAT on the way does not pass ESP",
            usage.packets_out,
            why_off(core, p.local.address, p.remote.address));
    }
    return "";
}

void watch_nat_path(Engine::State& core, const Child& child) {
    const auto* sa = core.ike(child.ike);
    const bool doubtful = !child.parameters.udp_encapsulation && sa != nullptr && !sa->nat.told &&
                          (!nat_traversal_allowed(core, *sa) || !nat_evidence(*sa).empty());
    if (doubtful && !heard(core, child)) {
        core.timers.set({TimerKind::child_nat_path, child.id().value()}, core.now + kNatSilence);
    }
}

void on_timer_nat_path(Engine::State& core, ChildId id) {
    const auto* child = core.children.find(id);
    if (child == nullptr || heard(core, *child)) {
        return;
    }
    if (const auto what = nat_diagnosis(core, *child); !what.empty()) {
        say(core, *child, what);
        return;
    }
    // An idle tunnel proves nothing.
    core.timers.set({TimerKind::child_nat_path, id.value()}, core.now + kIdleInterval);
}

}  // namespace viaduct::ike
