#include "dataplane/tables/acl.h"

#include <algorithm>

#include "dataplane/base/check.h"

namespace viaduct::dataplane {

namespace {

constexpr std::uint8_t kTcpRst = 0x04;
constexpr std::uint8_t kTcpAck = 0x10;

bool wants_layer4(const AclRule& r, const PackedSelector& s) {
    return !s.any_ports() || r.icmp_type || r.icmp_code || r.established;
}

bool fits_layer4(const AclRule& r, const PackedSelector& s, const AclKey& k) {
    if (k.source_port < s.source_port_first || k.source_port > s.source_port_last ||
        k.destination_port < s.destination_port_first ||
        k.destination_port > s.destination_port_last) {
        return false;
    }
    if ((r.icmp_type && *r.icmp_type != k.icmp_type) ||
        (r.icmp_code && *r.icmp_code != k.icmp_code)) {
        return false;
    }
    // IOS: "established" is a TCP segment with ACK or RST set.
    return !r.established ||
           (k.protocol == kProtoTcp.value() && (k.tcp_flags & (kTcpAck | kTcpRst)) != 0);
}

bool fits_tos(const AclRule& r, const AclKey& k) {
    if (r.dscp && *r.dscp != k.tos >> 2U) {
        return false;
    }
    if (r.precedence && *r.precedence != k.tos >> 5U) {
        return false;
    }
    return !r.tos || *r.tos == (k.tos >> 1U & 0xFU);
}

}  // namespace

Acl::Acl(std::span<const AclRule> rules, unsigned workers)
    : workers_(workers), hits_(new Tally[workers * std::max<std::size_t>(rules.size(), 1)]) {
    rules_.reserve(rules.size());
    for (const auto& r : rules) {
        rules_.push_back({PackedSelector::of(r.selector), r});
    }
}

Acl::~Acl() = default;

bool Acl::fits(const Rule& rule, const AclKey& k) {
    const auto& s = rule.selector;
    if ((k.source & s.source_mask) != s.source ||
        (k.destination & s.destination_mask) != s.destination ||
        (!s.any_protocol && s.protocol != k.protocol)) {
        return false;
    }
    const auto& r = rule.config;
    if (!fits_tos(r, k) || (r.fragments && !k.later_fragment)) {
        return false;
    }
    if (!wants_layer4(r, s)) {
        return true;
    }
    // IOS: a later fragment has no layer 4. A permit line that agrees up to there lets it pass, a deny
    // line does not apply to it (Cisco, "Access Control Lists and IP Fragments").
    if (k.later_fragment) {
        return r.permit && !r.established;
    }
    return k.has_layer4 && fits_layer4(r, s, k);
}

std::optional<std::size_t> Acl::find(const AclKey& key) const {
    for (std::size_t i = 0; i < rules_.size(); ++i) {
        if (fits(rules_[i], key)) {
            return i;
        }
    }
    return std::nullopt;
}

bool Acl::permits(const AclKey& key, unsigned worker) const {
    const auto rule = find(key);
    if (!rule) {
        return false;
    }
    hits_[worker * rules_.size() + *rule].add(1);
    return rules_[*rule].config.permit;
}

std::uint64_t Acl::hits(std::size_t rule) const {
    std::uint64_t sum = 0;
    if (rule < rules_.size()) {
        for (unsigned w = 0; w < workers_; ++w) {
            sum += hits_[w * rules_.size() + rule].value();
        }
    }
    return sum;
}

Acls::~Acls() {
    for (std::size_t i = 0; i < kMax; ++i) {
        delete acls_[i].load(std::memory_order_relaxed);
    }
}

void Acls::publish(AclId id, std::span<const AclRule> rules) {
    swap(id, std::make_unique<Acl>(rules, workers_));
}

void Acls::remove(AclId id) {
    swap(id, nullptr);
}

void Acls::swap(AclId id, std::unique_ptr<Acl> acl) {
    VIADUCT_CHECK(id.value() < kMax);
    rcu_.retire_object(acls_[id.value()].exchange(acl.release(), std::memory_order_acq_rel));
}

std::uint64_t Acls::hits(AclId id, std::size_t rule) const {
    const auto* acl = find(id);
    return acl == nullptr ? 0 : acl->hits(rule);
}

}  // namespace viaduct::dataplane
