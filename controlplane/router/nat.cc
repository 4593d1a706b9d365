#include "controlplane/router/nat.h"

#include <algorithm>
#include <fmt/format.h>

#include "controlplane/router/protection.h"

namespace viaduct {

namespace {

using config::AclAction;
using config::NatDynamicRule;
using config::NatStaticRule;
using dataplane::AclRule;
using dataplane::NatDynamic;
using dataplane::NatRange;
using dataplane::NatStatic;

std::string source_text(const NatDynamicRule& rule) {
    return fmt::format(
        "ip nat {} source {}",
        rule.outside ? "outside" : "inside",
        rule.route_map.empty() ? "list " + rule.access_list : "route-map " + rule.route_map);
}

/// Compiles one configuration; lives for one call of compile_nat().
class Compiler {
public:
    Compiler(const NatSurroundings& around, NatIds& ids) : around_(around), ids_(ids) {}

    NatPlan run() {
        for (const auto& rule : nat().dynamic_rules) {
            add_dynamic(rule);
        }
        for (const auto& rule : nat().static_rules) {
            add_static(rule);
        }
        if (around_.model.dialect == config::Dialect::pix) {
            close();
        }
        add_times();
        return std::move(plan_);
    }

private:
    [[nodiscard]] const config::NatConfig& nat() const { return around_.model.nat; }

    template <typename... T>
    void problem(fmt::format_string<T...> format, T&&... args) {
        plan_.problems.push_back(fmt::format(format, std::forward<T>(args)...));
    }

    [[nodiscard]] std::optional<IfIndex> index_of(const config::InterfaceName& name) const {
        const auto found = around_.indices.find(name);
        return found == around_.indices.end() ? std::nullopt : std::optional(found->second);
    }

    [[nodiscard]] std::optional<Ipv4Address> address_of(const config::InterfaceName& name) const {
        const auto index = index_of(name);
        return index ? around_.interfaces.at(*index).primary() : std::nullopt;
    }

    // ── dynamic rules ──
    /// 0.0.0.0 where there is none: fails closed.
    NatRange range_of(const NatDynamicRule& rule) {
        if (rule.interface) {
            const auto address = address_of(*rule.interface).value_or(Ipv4Address{});
            return {address, address};
        }
        const auto pool = nat().pools.find(rule.pool);
        if (pool == nat().pools.end()) {
            problem("{}: pool {} is not defined, what matches is dropped",
                    source_text(rule),
                    rule.pool);
            return {};
        }
        if (pool->second.rotary) {
            problem("ip nat pool {}: type rotary is without effect", rule.pool);
        }
        return {pool->second.first, pool->second.last};
    }

    /// PIX: a `global (outside)` is for what leaves by that interface. Its pool bears the name: "(outside) 1".
    [[nodiscard]] std::optional<IfIndex> pix_way_out(const NatDynamicRule& rule) const {
        if (rule.interface) {
            return index_of(*rule.interface);
        }
        for (const auto& [port, name] : around_.model.pix_names) {
            if (rule.pool.starts_with("(" + name + ") ")) {
                const auto interface = config::InterfaceName::parse(port);
                return interface ? index_of(*interface) : std::nullopt;
            }
        }
        return std::nullopt;
    }

    void add_dynamic(const NatDynamicRule& rule) {
        NatDynamic out;
        out.outside = rule.outside;
        out.overload = rule.overload;
        out.range = range_of(rule);
        if (nat().pix_semantics) {
            out.out = pix_way_out(rule);
            out.overload = true;
        }
        plan_.lines.push_back({rule, {}});
        if (!rule.interface && !out.range.first.is_unspecified()) {
            add_alias(out.range);
        }
        if (!rule.route_map.empty()) {
            add_route_map(rule, out);
            return;
        }
        const auto list = around_.model.access_lists.find(rule.access_list);
        if (list == around_.model.access_lists.end()) {
            problem("{}: access list {} is not defined, nothing is translated",
                    source_text(rule),
                    rule.access_list);
            return;
        }
        emit(rule, out, rule.access_list, acl_rules_of(list->second));
    }

    /// `key` names the list, and with the line's source the rule.
    void emit(const NatDynamicRule& rule,
              NatDynamic out,
              const std::string& key,
              std::vector<AclRule> access_list) {
        // A PIX may have several global lines for one list.
        const auto pool = nat().pix_semantics && !rule.interface ? " / " + rule.pool : "";
        out.id = ids_.of(source_text(rule) + " / " + key + pool);
        plan_.lines.back().ids.push_back(out.id);
        plan_.access_lists[key] = std::move(access_list);
        plan_.lists.push_back(key);
        plan_.policy.dynamics.push_back(out);
    }

    /// What earlier deny entries take out, for packets that leave by `out`. False: cannot be said.
    bool take_out(const NatDynamicRule& rule,
                  const config::RouteMapEntry& entry,
                  const std::optional<config::InterfaceName>& out,
                  std::vector<AclRule>& denied) {
        if (entry.match_interface && out && *entry.match_interface != *out) {
            return true;
        }
        bool sayable = entry.match_prefix_lists.empty() && (!entry.match_interface || out);
        if (entry.match_access_lists.empty()) {
            denied.emplace_back();  // everything
        }
        for (const auto& name : entry.match_access_lists) {
            const auto list = around_.model.access_lists.find(name);
            if (list == around_.model.access_lists.end()) {
                continue;
            }
            for (auto& line : acl_rules_of(list->second)) {
                sayable = sayable && line.permit;
                line.permit = false;
                denied.push_back(line);
            }
        }
        if (!sayable) {
            problem(
                "{}: a deny entry of the route map cannot be applied to translation, nothing is "
                "translated behind it",
                source_text(rule));
        }
        return sayable;
    }

    void add_route_map(const NatDynamicRule& rule, const NatDynamic& like) {
        const auto map = around_.model.route_maps.find(rule.route_map);
        if (map == around_.model.route_maps.end()) {
            problem("{}: route map {} is not defined, nothing is translated",
                    source_text(rule),
                    rule.route_map);
            return;
        }
        for (auto at = map->second.begin(); at != map->second.end(); ++at) {
            const auto& [sequence, entry] = *at;
            if (entry.action == AclAction::deny) {
                continue;
            }
            std::vector<AclRule> denied;
            for (auto before = map->second.begin(); before != at; ++before) {
                if (before->second.action == AclAction::deny &&
                    !take_out(rule, before->second, entry.match_interface, denied)) {
                    return;
                }
            }
            add_entry(rule, like, sequence, entry, denied);
        }
    }

    void add_entry(const NatDynamicRule& rule,
                   const NatDynamic& like,
                   std::uint32_t sequence,
                   const config::RouteMapEntry& entry,
                   const std::vector<AclRule>& denied) {
        auto out = like;
        if (entry.match_interface) {
            out.out = index_of(*entry.match_interface);
            if (!out.out) {
                return;  // nothing leaves by an interface that is not there
            }
        }
        if (!entry.match_prefix_lists.empty()) {
            problem("{}: entry {} matches a prefix list, which is not applied to translation",
                    source_text(rule),
                    sequence);
            return;
        }
        const auto key = fmt::format("route-map {} {}", rule.route_map, sequence);
        if (entry.match_access_lists.empty()) {
            auto rules = denied;
            rules.push_back(AclRule{.permit = true});
            emit(rule, out, key, std::move(rules));
        }
        for (const auto& name : entry.match_access_lists) {
            const auto list = around_.model.access_lists.find(name);
            if (list == around_.model.access_lists.end()) {
                problem("{}: access list {} is not defined", source_text(rule), name);
                continue;
            }
            auto rules = denied;
            const auto own = acl_rules_of(list->second);
            rules.insert(rules.end(), own.begin(), own.end());
            emit(rule, out, key + " " + name, std::move(rules));
        }
    }

    // ── a PIX's fail-closed side ──
    void close() {
        for (const auto& [name, interface] : around_.model.interfaces) {
            const auto index = index_of(name);
            if (index && nat_side_of(around_.model, interface) == config::NatSide::outside) {
                plan_.policy.gates.push_back({*index, {}});
                plan_.gate_lists.push_back(interface.access_group_in);
            }
        }
        // PIX-3-305005, "No translation group found": what no nat line names is not sent, but for what `nat 0` exempts.
        std::vector<AclRule> rules;
        for (const auto& [name, list] : plan_.access_lists) {
            for (const auto& line : list) {
                if (!line.permit && std::find(rules.begin(), rules.end(), line) == rules.end()) {
                    rules.push_back(line);
                }
            }
        }
        rules.push_back(AclRule{.permit = true});
        NatDynamic rest;
        const std::string key = "(no translation group)";
        rest.id = ids_.of(key);
        plan_.access_lists[key] = std::move(rules);
        plan_.lists.push_back(key);
        plan_.policy.dynamics.push_back(rest);
    }

    // ── static rules ──
    void add_static(const NatStaticRule& rule) {
        const auto global =
            rule.global_interface ? address_of(*rule.global_interface) : rule.global;
        if (!global || global->is_unspecified()) {
            return;  // waits for the interface's address
        }
        NatStatic out;
        out.outside = rule.outside;
        out.protocol = rule.protocol;
        // IOS: `inside source static LOCAL GLOBAL`, but `outside source static GLOBAL LOCAL`: what is real comes first.
        out.local = rule.outside ? *global : rule.local;
        out.global = rule.outside ? rule.local : *global;
        out.local_port = rule.outside ? rule.global_port : rule.local_port;
        out.global_port = rule.outside ? rule.local_port : rule.global_port;
        out.length = rule.network_length;
        out.id = ids_.of(fmt::format(
            "static {} {} {}:{} {}:{}/{}",
            rule.outside,
            rule.protocol ? rule.protocol->value() : 0,
            rule.local.to_string(),
            rule.local_port,
            rule.global_interface ? rule.global_interface->to_string() : global->to_string(),
            rule.global_port,
            rule.network_length));
        plan_.policy.statics.push_back(out);
        if (!rule.no_alias && !rule.global_interface) {
            const Ipv4Prefix made(*global, rule.network_length);
            add_alias({made.network(), made.broadcast()});
        }
    }

    /// The part of a range that lies on a connected network is answered for there.
    void add_alias(const NatRange& range) {
        for (const auto& [index, status] : around_.interfaces) {
            for (const auto& address : status.addresses) {
                const auto network = address.network();
                const auto first = std::max(range.first, network.network());
                const auto last = std::min(range.last, network.broadcast());
                if (first <= last) {
                    plan_.aliases[index].push_back({first, last});
                }
            }
        }
    }

    void add_times() {
        const auto& from = nat().timeouts;
        auto& to = plan_.policy.times;
        to.address = std::chrono::seconds(from.dynamic_s);
        to.udp = std::chrono::seconds(from.udp_s);
        to.dns = std::chrono::seconds(from.dns_s);
        to.tcp = std::chrono::seconds(from.tcp_s);
        to.tcp_half_closed = std::chrono::seconds(from.half_closed_s.value_or(from.tcp_s));
        to.tcp_finished = std::chrono::seconds(from.finrst_s);
        to.tcp_opening = std::chrono::seconds(from.syn_s);
        to.icmp = std::chrono::seconds(from.icmp_s);
        plan_.policy.max_sessions = from.max_entries;
    }

    const NatSurroundings& around_;
    NatIds& ids_;
    NatPlan plan_;
};

}  // namespace

config::NatSide nat_side_of(const config::RunningConfig& model,
                            const config::InterfaceConfig& interface) {
    if (model.dialect != config::Dialect::pix) {
        return interface.nat_side;
    }
    int highest = -1;
    std::string inside;
    for (const auto& [port, name] : model.pix_names) {
        const auto level = model.pix_security.find(name);
        if (level != model.pix_security.end() && level->second > highest) {
            highest = level->second;
            inside = port;
        }
    }
    return config::InterfaceName::parse(inside) == interface.name ? config::NatSide::inside
                                                                  : config::NatSide::outside;
}

std::vector<AclRule> acl_rules_of(const config::AccessList& list) {
    std::vector<AclRule> rules;
    for (const auto& line : list.entries) {
        if (!line.remark.empty()) {
            continue;
        }
        AclRule rule;
        rule.selector = selector_of(line);
        rule.permit = line.action == AclAction::permit;
        rule.icmp_type = line.icmp_type;
        rule.icmp_code = line.icmp_code;
        rule.established = line.established;
        rule.fragments = line.fragments;
        rule.dscp = line.dscp;
        rule.precedence = line.precedence;
        rule.tos = line.tos;
        rule.log = line.log;
        rules.push_back(rule);
    }
    return rules;
}

NatPlan compile_nat(const NatSurroundings& surroundings, NatIds& ids) {
    return Compiler(surroundings, ids).run();
}

}  // namespace viaduct
