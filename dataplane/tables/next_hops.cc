#include "dataplane/tables/next_hops.h"

#include <algorithm>
#include <cstring>

#include "dataplane/wire/ethernet.h"

namespace viaduct::dataplane {

namespace {

NextHopRecord::Way way_of(const NextHopRecord& r, const InterfaceRecord& interface) {
    constexpr unsigned kAsked =
        kOutDown | kOutAcl | kOutPolicy | kOutNat | kOutMss | kOutTunnel | kOutNhrpRedirect;
    const auto asked = interface.features & kAsked;
    if (r.kind == NextHop::Kind::ethernet && interface.exists && interface.port != kNoPort) {
        if (asked == 0) {
            return NextHopRecord::Way::port;
        }
        return asked == kOutPolicy ? NextHopRecord::Way::crypto_map
               : asked == kOutNat  ? NextHopRecord::Way::nat44
                                   : NextHopRecord::Way::any;
    }
    const bool tunnel = r.kind == NextHop::Kind::tunnel && asked == kOutTunnel;
    return tunnel ? NextHopRecord::Way::gre_out : NextHopRecord::Way::any;
}

}  // namespace

NextHops::NextHops(Rcu& rcu, Interfaces& interfaces, std::uint32_t limit)
    : rcu_(rcu),
      interfaces_(interfaces),
      limit_(std::min(limit, 1U << 24U)),
      array_(new Array(16)) {
    config_.resize(1);
    uses_.push_back(std::make_unique<NextHopUse>());
    taken_.push_back(true);
    auto* array = array_.load(std::memory_order_relaxed);
    const auto* drop = record_of(0, NextHop{}).release();
    for (std::uint32_t i = 0; i < array->size; ++i) {
        array->slots[i].store(drop, std::memory_order_relaxed);
    }
}

NextHops::~NextHops() {
    auto* array = array_.load(std::memory_order_relaxed);
    const auto* drop = array->slots[0].load(std::memory_order_relaxed);
    for (std::uint32_t i = 1; i < array->size; ++i) {
        const auto* r = array->slots[i].load(std::memory_order_relaxed);
        if (r != drop) {
            delete r;
        }
    }
    delete drop;
    delete array;
}

NextHopId NextHops::add(const NextHop& next_hop) {
    std::uint32_t id = 0;
    if (!free_.empty()) {
        id = free_.back();
        free_.pop_back();
    } else {
        if (config_.size() >= limit_) {
            return NextHopId{0};
        }
        id = static_cast<std::uint32_t>(config_.size());
        config_.emplace_back();
        uses_.push_back(std::make_unique<NextHopUse>());
        taken_.push_back(false);
        if (id >= array_.load(std::memory_order_relaxed)->size) {
            grow();
        }
    }
    taken_[id] = true;
    store(id, next_hop);
    return NextHopId{id};
}

void NextHops::update(NextHopId id, const NextHop& next_hop) {
    if (id.value() != 0 && id.value() < taken_.size() && taken_[id.value()]) {
        store(id.value(), next_hop);
    }
}

void NextHops::remove(NextHopId id) {
    const auto at = id.value();
    if (at == 0 || at >= taken_.size() || !taken_[at]) {
        return;
    }
    taken_[at] = false;
    config_[at] = {};
    auto* array = array_.load(std::memory_order_relaxed);
    const auto* drop = array->slots[0].load(std::memory_order_relaxed);
    const auto* old = array->slots[at].exchange(drop, std::memory_order_acq_rel);
    // The id is given out again only when no worker can still hold it.
    rcu_.retire([this, old, at] {
        delete old;
        uses_[at]->used.store(false, std::memory_order_relaxed);
        uses_[at]->outer_cache.store(0, std::memory_order_relaxed);
        free_.push_back(at);
    });
}

void NextHops::rebuild() {
    for (std::uint32_t id = 1; id < config_.size(); ++id) {
        if (taken_[id]) {
            store(id, NextHop{config_[id]});
        }
    }
}

void NextHops::store(std::uint32_t id, const NextHop& next_hop) {
    config_[id] = next_hop;
    auto* array = array_.load(std::memory_order_relaxed);
    const auto* drop = array->slots[0].load(std::memory_order_relaxed);
    const auto* old =
        array->slots[id].exchange(record_of(id, next_hop).release(), std::memory_order_acq_rel);
    if (old != drop) {
        rcu_.retire_object(old);
    }
}

void NextHops::grow() {
    auto* old = array_.load(std::memory_order_relaxed);
    auto* next = new Array(old->size * 2);
    const auto* drop = old->slots[0].load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < next->size; ++i) {
        next->slots[i].store(i < old->size ? old->slots[i].load(std::memory_order_relaxed) : drop,
                             std::memory_order_relaxed);
    }
    array_.store(next, std::memory_order_release);
    rcu_.retire_object(old);
}

std::unique_ptr<NextHopRecord> NextHops::record_of(std::uint32_t id, const NextHop& n) {
    auto r = std::make_unique<NextHopRecord>();
    const auto& interface = interfaces_.table()->at(n.interface.value());
    r->kind = n.kind;
    r->out = n.interface.value();
    r->port = interface.port;
    r->features = interface.features;
    r->mtu = std::min(interface.ip_mtu, interface.mtu);
    r->gateway = n.gateway.value();
    r->nbma = n.nbma.value();
    r->slot = n.slot;
    r->meanwhile = n.meanwhile;
    r->use = uses_[id].get();
    r->member_count =
        static_cast<std::uint8_t>(std::min<std::size_t>(n.members.size(), r->members.size()));
    for (std::size_t i = 0; i < r->member_count; ++i) {
        r->members[i] = n.members[i].value();
    }
    std::memcpy(r->l2, n.mac.octets().data(), 6);
    std::memcpy(r->l2 + 6, interface.config.mac.octets().data(), 6);
    wire::write16(r->l2 + 12, wire::kEtherIpv4);
    r->way = way_of(*r, interface);
    return r;
}

std::vector<NextHopId> NextHops::take_used() {
    std::vector<NextHopId> out;
    for (std::uint32_t id = 1; id < uses_.size(); ++id) {
        if (taken_[id] && uses_[id]->used.load(std::memory_order_relaxed)) {
            uses_[id]->used.store(false, std::memory_order_relaxed);
            out.emplace_back(id);
        }
    }
    return out;
}

}  // namespace viaduct::dataplane
