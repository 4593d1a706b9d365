// The security policy of the way out: which packets must be encrypted, and by which slot.
#include "dataplane/stages/layer4.h"
#include "dataplane/stages/stages.h"

namespace viaduct::dataplane {

namespace {

void decide(Worker& w, Place at) {
    auto& p = w.frame[at];
    const auto* policy = w.tables.policies.find(w.interface(p.out).policy);
    bool too_deep = false;
    const auto* rule =
        policy == nullptr ? nullptr : policy->find(flow_of(p), p.has(kLaterFragment), too_deep);
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

/// All packets leave by one interface whose policy has one shape, which is the rule: bucket, node and
/// decision in three passes, so that a vector's cache misses overlap.
void by_one_shape(Worker& w, std::span<const Place> places, const PolicyShape& shape) {
    auto& f = w.frame;
    auto& keys = w.scratch.keys;
    auto& nodes = w.scratch.nodes;
    const bool ports = (shape.mask.rest & 0xFFFFFFFFU) != 0;
    for (std::size_t i = 0; i < places.size(); ++i) {
        const auto& p = f[places[i]];
        const auto key =
            ports ? flow_of(p) : FlowKey::of(p.source, p.destination, p.protocol, 0, 0);
        keys[i] = key.under(shape.mask);
        prefetch(&shape.bucket(keys[i]));
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
        nodes[i] = shape.bucket(keys[i]).load(std::memory_order_acquire);
        prefetch(nodes[i]);
    }
    // Few chains have a second node; where there is one it is as far away as the first.
    for (std::size_t i = 0; i < places.size(); ++i) {
        if (nodes[i] != nullptr) {
            prefetch(nodes[i]->next.load(std::memory_order_relaxed));
        }
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
        const auto at = places[i];
        const auto* node = nodes[i];
        const auto skip_others = [&] {
            while (node != nullptr && node->key != keys[i]) {
                node = node->next.load(std::memory_order_acquire);
            }
            return node;
        };
        const auto* rule = skip_others();
        node = rule == nullptr ? nullptr : rule->next.load(std::memory_order_acquire);
        // One rule with this key, and a plain one: decided. Else by the long way.
        const bool plain = rule != nullptr && rule->action == PolicyRule::Action::protect &&
                           skip_others() == nullptr;
        if (plain && !(ports && f[at].has(kLaterFragment))) [[likely]] {
            f[at].cookie = rule->cookie;
            f[at].slot = rule->slot.value();
            prefetch(w.sas.slots.address(f[at].slot));
            f.esp_out.push(at);
        } else {
            decide(w, at);
        }
    }
}

}  // namespace

void crypto_map(Worker& w) {
    auto& f = w.frame;
    const auto places = f.crypto_map.places();
    const auto out = f[places[0]].out;
    bool one_way = true;
    for (const auto at : places) {
        one_way = one_way && f[at].out == out;
    }
    const auto* policy = w.tables.policies.find(w.interface(out).policy);
    const auto* shape = one_way && policy != nullptr ? policy->only_shape() : nullptr;
    if (shape != nullptr) {
        by_one_shape(w, places, *shape);
    } else {
        for (const auto at : places) {
            decide(w, at);
        }
    }
    f.crypto_map.clear();
}

}  // namespace viaduct::dataplane
