// The security policy of the way out: which packets must be encrypted, and by which slot.
#include "dataplane/stages/layer4.h"
#include "dataplane/stages/stages.h"

namespace viaduct::dataplane {

namespace {

void decide(Worker& w, Place at, const Policy& policy, const FlowKey& key) {
    auto& p = w.frame[at];
    bool too_deep = false;
    const auto* rule = policy.find(key, p.has(kLaterFragment), too_deep);
    if (too_deep) {
        w.drop(p, Drop::policy_too_deep);
        return;
    }
    if (rule == nullptr) {
        w.frame.adjacency.push(at);
        return;
    }
    p.cookie = rule->cookie;
    p.slot = rule->slot.value();
    if (rule->action == PolicyRule::Action::discover) {
        w.drop_and_punt(p, Drop::policy_discover, PuntReason::discover);
        return;
    }
    w.frame.esp_out.push(at);
}

}  // namespace

void crypto_map(Worker& w) {
    auto& f = w.frame;
    const auto places = f.crypto_map.places();
    auto& keys = w.scratch.keys;
    std::uint16_t out = 0;
    const Policy* policy = nullptr;
    // Packets of a vector mostly leave by one interface.
    const auto policy_of = [&](const PacketMeta& p) {
        if (p.out != out) {
            out = p.out;
            policy = w.tables.policies.find(w.interface(out).policy);
        }
        return policy;
    };
    for (std::size_t i = 0; i < places.size(); ++i) {
        const auto& p = f[places[i]];
        keys[i] = flow_of(p);
        if (policy_of(p) != nullptr) {
            policy->prefetch_for(keys[i]);
        }
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
        if (policy_of(f[places[i]]) == nullptr) {
            f.adjacency.push(places[i]);
            continue;
        }
        decide(w, places[i], *policy, keys[i]);
    }
    f.crypto_map.clear();
}

}  // namespace viaduct::dataplane
