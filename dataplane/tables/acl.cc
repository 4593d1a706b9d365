#include "dataplane/tables/acl.h"

#include <algorithm>
#include <fmt/format.h>

#include <rte_acl.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/check.h"

namespace viaduct::dataplane {

namespace {

constexpr std::uint8_t kTcpRst = 0x04;
constexpr std::uint8_t kTcpAck = 0x10;

/// Lists up to this length are walked.
constexpr std::size_t kShortList = 16;

// What the classifier looks at, in network order, and the rule that it makes of it.
struct ClassifierInput {
    std::uint8_t protocol = 0;
    std::uint8_t padding[3]{};
    std::uint32_t source = 0;
    std::uint32_t destination = 0;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint8_t tos = 0;
    std::uint8_t state = 0;
    std::uint8_t icmp_type = 0;
    std::uint8_t icmp_code = 0;
};

constexpr std::uint8_t kHasLayer4 = 1;
constexpr std::uint8_t kIsLaterFragment = 2;
constexpr std::uint8_t kIsEstablished = 4;

enum Field : std::uint8_t {
    kProtocol,
    kSource,
    kDestination,
    kSourcePort,
    kDestinationPort,
    kTos,
    kState,
    kIcmpType,
    kIcmpCode,
    kFields
};

RTE_ACL_RULE_DEF(ClassifierRule, kFields);

rte_acl_field_def field(
    Field index, std::uint8_t type, std::uint8_t size, std::uint8_t group, std::size_t offset) {
    rte_acl_field_def d{};
    d.type = type;
    d.size = size;
    d.field_index = index;
    d.input_index = group;
    d.offset = static_cast<std::uint32_t>(offset);
    return d;
}

rte_acl_config classifier_config() {
    rte_acl_config c{};
    c.num_categories = 1;
    c.num_fields = kFields;
    constexpr std::uint8_t kMask = RTE_ACL_FIELD_TYPE_BITMASK;
    constexpr std::uint8_t kRange = RTE_ACL_FIELD_TYPE_RANGE;
    using In = ClassifierInput;
    c.defs[kProtocol] = field(kProtocol, kMask, 1, 0, offsetof(In, protocol));
    c.defs[kSource] = field(kSource, kMask, 4, 1, offsetof(In, source));
    c.defs[kDestination] = field(kDestination, kMask, 4, 2, offsetof(In, destination));
    c.defs[kSourcePort] = field(kSourcePort, kRange, 2, 3, offsetof(In, source_port));
    c.defs[kDestinationPort] =
        field(kDestinationPort, kRange, 2, 3, offsetof(In, destination_port));
    c.defs[kTos] = field(kTos, kMask, 1, 4, offsetof(In, tos));
    c.defs[kState] = field(kState, kMask, 1, 4, offsetof(In, state));
    c.defs[kIcmpType] = field(kIcmpType, kMask, 1, 4, offsetof(In, icmp_type));
    c.defs[kIcmpCode] = field(kIcmpCode, kMask, 1, 4, offsetof(In, icmp_code));
    return c;
}

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
    if (rules_.size() > kShortList) {
        build_classifier();
    }
}

namespace {

/// What dscp, precedence and tos ask of the byte, as value and mask; nullopt: they contradict each other.
struct ByteMask {
    std::uint8_t value = 0;
    std::uint8_t mask = 0;
};

std::optional<ByteMask> tos_mask(const AclRule& r) {
    ByteMask m;
    bool possible = true;
    const auto ask = [&](std::optional<std::uint8_t> v, unsigned shift, std::uint8_t mask) {
        if (!v) {
            return;
        }
        const auto value = static_cast<std::uint8_t>(*v << shift & mask);
        possible = possible && ((m.value ^ value) & m.mask & mask) == 0;
        m.value = static_cast<std::uint8_t>(m.value | value);
        m.mask = static_cast<std::uint8_t>(m.mask | mask);
    };
    ask(r.dscp, 2, 0xFC);
    ask(r.precedence, 5, 0xE0);
    ask(r.tos, 1, 0x1E);
    return possible ? std::optional(m) : std::nullopt;
}

ClassifierRule base_rule(const PackedSelector& s, const ByteMask& tos, std::size_t index) {
    ClassifierRule out{};
    out.data.category_mask = 1;
    out.data.priority =
        static_cast<std::int32_t>(RTE_ACL_MAX_PRIORITY - static_cast<std::int32_t>(index));
    out.data.userdata = static_cast<std::uint32_t>(index + 1);
    out.field[kProtocol].value.u8 = s.any_protocol ? std::uint8_t{0} : s.protocol;
    out.field[kProtocol].mask_range.u8 = s.any_protocol ? 0 : 0xFF;
    out.field[kSource].value.u32 = s.source;
    out.field[kSource].mask_range.u32 = s.source_mask;
    out.field[kDestination].value.u32 = s.destination;
    out.field[kDestination].mask_range.u32 = s.destination_mask;
    out.field[kSourcePort].mask_range.u16 = 65535;
    out.field[kDestinationPort].mask_range.u16 = 65535;
    out.field[kTos].value.u8 = tos.value;
    out.field[kTos].mask_range.u8 = tos.mask;
    return out;
}

void require_state(ClassifierRule& r, std::uint8_t bits) {
    r.field[kState].value.u8 = bits;
    r.field[kState].mask_range.u8 = bits;
}

/// One line of the list as one or two rules: fits() in the classifier's terms.
void add_line(std::vector<ClassifierRule>& out,
              const AclRule& r,
              const PackedSelector& s,
              std::size_t index) {
    const auto tos = tos_mask(r);
    if (!tos) {
        return;
    }
    auto rule = base_rule(s, *tos, index);
    if (!wants_layer4(r, s)) {
        require_state(rule, r.fragments ? kIsLaterFragment : std::uint8_t{0});
        out.push_back(rule);
        return;
    }
    if (r.permit && !r.established) {
        auto later = rule;
        require_state(later, kIsLaterFragment);
        out.push_back(later);
    }
    if (r.fragments) {
        return;
    }
    require_state(rule, r.established ? kHasLayer4 | kIsEstablished : kHasLayer4);
    rule.field[kSourcePort].value.u16 = s.source_port_first;
    rule.field[kSourcePort].mask_range.u16 = s.source_port_last;
    rule.field[kDestinationPort].value.u16 = s.destination_port_first;
    rule.field[kDestinationPort].mask_range.u16 = s.destination_port_last;
    rule.field[kIcmpType].value.u8 = r.icmp_type.value_or(0);
    rule.field[kIcmpType].mask_range.u8 = r.icmp_type ? 0xFF : 0;
    rule.field[kIcmpCode].value.u8 = r.icmp_code.value_or(0);
    rule.field[kIcmpCode].mask_range.u8 = r.icmp_code ? 0xFF : 0;
    out.push_back(rule);
}

}  // namespace

/// Where DPDK has no memory for it, the list is walked like a short one: slow, and as right.
void Acl::build_classifier() {
    std::vector<ClassifierRule> lines;
    for (std::size_t i = 0; i < rules_.size(); ++i) {
        add_line(lines, rules_[i].config, rules_[i].selector, i);
    }
    if (lines.empty()) {
        return;
    }
    const auto name = fmt::format("acl-{}", fmt::ptr(this));
    rte_acl_param parameters{};
    parameters.name = name.c_str();
    parameters.socket_id = SOCKET_ID_ANY;
    parameters.rule_size = RTE_ACL_RULE_SZ(kFields);
    parameters.max_rule_num = static_cast<std::uint32_t>(lines.size());
    auto* classifier = rte_acl_create(&parameters);
    if (classifier == nullptr) {
        return;
    }
    const auto config = classifier_config();
    const auto* first = reinterpret_cast<const rte_acl_rule*>(lines.data());
    if (rte_acl_add_rules(classifier, first, static_cast<std::uint32_t>(lines.size())) != 0 ||
        rte_acl_build(classifier, &config) != 0) {
        rte_acl_free(classifier);
        return;
    }
    classifier_ = classifier;
}

Acl::~Acl() {
    rte_acl_free(classifier_);
}

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
    if (classifier_ != nullptr) {
        return classify(key);
    }
    for (std::size_t i = 0; i < rules_.size(); ++i) {
        if (fits(rules_[i], key)) {
            return i;
        }
    }
    return std::nullopt;
}

std::optional<std::size_t> Acl::classify(const AclKey& k) const {
    ClassifierInput in;
    in.protocol = k.protocol;
    in.source = big_endian(k.source);
    in.destination = big_endian(k.destination);
    in.source_port = big_endian(k.source_port);
    in.destination_port = big_endian(k.destination_port);
    in.tos = k.tos;
    in.icmp_type = k.icmp_type;
    in.icmp_code = k.icmp_code;
    const bool established =
        k.protocol == kProtoTcp.value() && (k.tcp_flags & (kTcpAck | kTcpRst)) != 0;
    in.state = static_cast<std::uint8_t>((k.has_layer4 ? kHasLayer4 : 0U) |
                                         (k.later_fragment ? kIsLaterFragment : 0U) |
                                         (established ? kIsEstablished : 0U));
    const auto* data = reinterpret_cast<const std::uint8_t*>(&in);
    std::uint32_t rule = 0;
    if (rte_acl_classify(classifier_, &data, &rule, 1, 1) != 0 || rule == 0) {
        return std::nullopt;
    }
    return rule - 1;
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
