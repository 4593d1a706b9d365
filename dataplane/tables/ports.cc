#include "dataplane/tables/ports.h"

#include "dataplane/base/check.h"

namespace viaduct::dataplane {

Ports::~Ports() {
    const auto* entries = table();
    for (const auto& e : *entries) {
        delete e.state;
    }
    delete entries;
}

std::uint16_t Ports::attach(IfIndex interface, std::unique_ptr<Port> port) {
    auto next = std::make_unique<std::vector<PortEntry>>(*table());
    std::size_t at = 0;
    while (at < next->size() && (*next)[at].state != nullptr &&
           (*next)[at].interface != interface.value()) {
        ++at;
    }
    if (at == next->size()) {
        VIADUCT_CHECK(at < kMaxPorts);
        next->emplace_back();
    }
    auto& entry = (*next)[at];
    auto* old = entry.state;
    entry = {new PortState(std::move(port), workers_), interface.value()};
    const auto* old_table = table_.exchange(next.release(), std::memory_order_acq_rel);
    rcu_.retire_object(old_table);
    rcu_.retire_object(old);
    return static_cast<std::uint16_t>(at);
}

Port* Ports::find(IfIndex interface) const {
    for (const auto& e : *table()) {
        if (e.state != nullptr && e.interface == interface.value()) {
            return e.state->port.get();
        }
    }
    return nullptr;
}

}  // namespace viaduct::dataplane
