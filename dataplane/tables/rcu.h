// Freeing what readers may still see: control retires objects; they are freed after every worker has
// passed a quiescent state (rte_rcu_qsbr). A worker is online for the length of one run_once().
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

struct rte_rcu_qsbr;

namespace viaduct::dataplane {

class Rcu {
public:
    explicit Rcu(unsigned workers);
    ~Rcu();
    Rcu(const Rcu&) = delete;
    Rcu& operator=(const Rcu&) = delete;
    Rcu(Rcu&&) = delete;
    Rcu& operator=(Rcu&&) = delete;

    // ── control ──
    /// Runs `free` once no worker can still see what it frees. Call after the object was unpublished.
    void retire(std::function<void()> free);

    template <typename T>
    void retire_object(const T* object) {
        if (object != nullptr) {
            retire([object] { delete object; });
        }
    }

    void reclaim();
    /// Frees everything at once: only when no worker runs any more.
    void drain();

    [[nodiscard]] std::size_t waiting() const { return retired_.size(); }

    // ── worker `index` ──
    void enter(unsigned index);
    void leave(unsigned index);

private:
    struct Retired {
        std::uint64_t token;
        std::function<void()> free;
    };

    rte_rcu_qsbr* qsbr_;
    std::deque<Retired> retired_;
};

}  // namespace viaduct::dataplane
