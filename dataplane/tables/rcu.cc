#include "dataplane/tables/rcu.h"

#include <cstdlib>
#include <cstring>

#include <rte_rcu_qsbr.h>

#include "dataplane/base/check.h"

namespace viaduct::dataplane {

Rcu::Rcu(unsigned workers) {
    const auto bytes = rte_rcu_qsbr_get_memsize(workers);
    void* memory =
        std::aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(bytes, RTE_CACHE_LINE_SIZE));
    VIADUCT_CHECK(memory != nullptr);
    qsbr_ = static_cast<rte_rcu_qsbr*>(memory);
    VIADUCT_CHECK(rte_rcu_qsbr_init(qsbr_, workers) == 0);
    for (unsigned i = 0; i < workers; ++i) {
        VIADUCT_CHECK(rte_rcu_qsbr_thread_register(qsbr_, i) == 0);
    }
}

Rcu::~Rcu() {
    drain();
    std::free(qsbr_);
}

void Rcu::drain() {
    for (auto& r : retired_) {
        r.free();
    }
    retired_.clear();
}

void Rcu::retire(std::function<void()> free) {
    retired_.push_back({rte_rcu_qsbr_start(qsbr_), std::move(free)});
}

void Rcu::reclaim() {
    while (!retired_.empty() && rte_rcu_qsbr_check(qsbr_, retired_.front().token, false) == 1) {
        const auto free = std::move(retired_.front().free);
        retired_.pop_front();
        free();
    }
}

void Rcu::enter(unsigned index) {
    rte_rcu_qsbr_thread_online(qsbr_, index);
}

void Rcu::leave(unsigned index) {
    rte_rcu_qsbr_thread_offline(qsbr_, index);
}

}  // namespace viaduct::dataplane
