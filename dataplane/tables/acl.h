// Access lists: the first rule that fits decides; nothing fits: denied. Short lists are walked, long ones
// go to DPDK's access-list library, which looks at all rules at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/control.h"
#include "dataplane/tables/rcu.h"
#include "dataplane/tables/sa.h"
#include "dataplane/tally.h"

struct rte_acl_ctx;

namespace viaduct::dataplane {

/// What of a packet an access list looks at.
struct AclKey {
    std::uint32_t source = 0;
    std::uint32_t destination = 0;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint8_t protocol = 0;
    std::uint8_t tos = 0;
    std::uint8_t tcp_flags = 0;
    std::uint8_t icmp_type = 0;
    std::uint8_t icmp_code = 0;
    bool has_layer4 = false;  // ports, flags and types above are the packet's
    bool later_fragment = false;
};

class Acl {
public:
    Acl(std::span<const AclRule> rules, unsigned workers);
    ~Acl();
    Acl(const Acl&) = delete;
    Acl& operator=(const Acl&) = delete;
    Acl(Acl&&) = delete;
    Acl& operator=(Acl&&) = delete;

    /// True: permitted. Counts the rule that decided.
    [[nodiscard]] bool permits(const AclKey& key, unsigned worker) const;
    [[nodiscard]] std::uint64_t hits(std::size_t rule) const;

private:
    struct Rule {
        PackedSelector selector;
        AclRule config;
    };

    [[nodiscard]] static bool fits(const Rule& rule, const AclKey& key);
    [[nodiscard]] std::optional<std::size_t> find(const AclKey& key) const;
    [[nodiscard]] std::optional<std::size_t> classify(const AclKey& key) const;
    void build_classifier();

    std::vector<Rule> rules_;
    unsigned workers_;
    std::unique_ptr<Tally[]> hits_;  // by worker, by rule
    rte_acl_ctx* classifier_ = nullptr;
};

class Acls {
public:
    static constexpr std::size_t kMax = 4096;

    Acls(Rcu& rcu, unsigned workers) : rcu_(rcu), workers_(workers) {}

    ~Acls();
    Acls(const Acls&) = delete;
    Acls& operator=(const Acls&) = delete;
    Acls(Acls&&) = delete;
    Acls& operator=(Acls&&) = delete;

    // ── control ──
    void publish(AclId id, std::span<const AclRule> rules);
    void remove(AclId id);
    [[nodiscard]] std::uint64_t hits(AclId id, std::size_t rule) const;

    // ── workers ──
    /// nullptr: this list does not exist (IOS: permits everything).
    [[nodiscard]] const Acl* find(AclId id) const {
        return id.value() < kMax ? acls_[id.value()].load(std::memory_order_acquire) : nullptr;
    }

private:
    void swap(AclId id, std::unique_ptr<Acl> acl);

    Rcu& rcu_;
    unsigned workers_;
    std::unique_ptr<std::atomic<const Acl*>[]> acls_{new std::atomic<const Acl*>[kMax] {}};
};

}  // namespace viaduct::dataplane
