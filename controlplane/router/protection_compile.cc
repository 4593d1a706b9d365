// From the configuration's crypto maps to the dataplane's policies.
#include <algorithm>

#include "controlplane/router/protection.h"

namespace viaduct {

namespace {

constexpr std::uint64_t kLineBit = 0x80000000U;
constexpr std::uint64_t kLineStep = 0x1000U;  // room for flows between two lines

/// Order of rules: map entry, template entry, then negotiated flows before the lines of the access list; a flow
/// whose line stands behind a `deny` comes just before that line, so that what is denied stays denied.
constexpr std::uint64_t priority(std::uint32_t sequence,
                                 std::uint32_t dynamic_sequence,
                                 std::uint64_t place) {
    return std::uint64_t{sequence} << 48U | std::uint64_t{dynamic_sequence} << 32U | place;
}

std::optional<ike::Proxy> proxy_of(const config::AddressMatch& match,
                                   const config::PortMatch& port,
                                   const std::optional<IpProtocol>& protocol,
                                   std::string& why) {
    const Ipv4Address mask{~match.wildcard.value()};
    if (!length_of_mask(mask)) {
        why = "a wildcard mask with holes cannot be negotiated as a proxy identity";
        return std::nullopt;
    }
    ike::Proxy proxy{Ipv4Address{match.address.value() & mask.value()}, mask, protocol, 0};
    if (port.op == config::PortOperator::eq) {
        proxy.port = port.first;
    } else if (port.op != config::PortOperator::any) {
        why = "a range of ports cannot be negotiated as a proxy identity";
        return std::nullopt;
    }
    return proxy;
}

void set_ports(const config::PortMatch& port, std::uint16_t& first, std::uint16_t& last) {
    switch (port.op) {
    case config::PortOperator::any:
    case config::PortOperator::neq:
        break;
    case config::PortOperator::eq:
        first = last = port.first;
        break;
    case config::PortOperator::lt:
        last = static_cast<std::uint16_t>(port.first == 0 ? 0 : port.first - 1);
        break;
    case config::PortOperator::gt:
        first = static_cast<std::uint16_t>(port.first == 65535 ? 65535 : port.first + 1);
        break;
    case config::PortOperator::range:
        first = port.first;
        last = port.last;
        break;
    }
}

}  // namespace

std::optional<ike::ProxyPair> proxies_of(const config::AccessEntry& entry, std::string& why) {
    const auto local = proxy_of(entry.source, entry.source_port, entry.protocol, why);
    const auto remote = proxy_of(entry.destination, entry.destination_port, entry.protocol, why);
    if (!local || !remote) {
        return std::nullopt;
    }
    return ike::ProxyPair{*local, *remote};
}

dataplane::Selector selector_of(const ike::ProxyPair& proxies) {
    dataplane::Selector selector;
    selector.source = proxies.local.address;
    selector.source_mask = proxies.local.mask;
    selector.destination = proxies.remote.address;
    selector.destination_mask = proxies.remote.mask;
    selector.protocol = proxies.local.protocol;
    if (proxies.local.port != 0) {
        selector.source_port_first = selector.source_port_last = proxies.local.port;
    }
    if (proxies.remote.port != 0) {
        selector.destination_port_first = selector.destination_port_last = proxies.remote.port;
    }
    return selector;
}

dataplane::Selector selector_of(const config::AccessEntry& entry) {
    dataplane::Selector selector;
    selector.source_mask = Ipv4Address{~entry.source.wildcard.value()};
    selector.source = Ipv4Address{entry.source.address.value() & selector.source_mask.value()};
    selector.destination_mask = Ipv4Address{~entry.destination.wildcard.value()};
    selector.destination =
        Ipv4Address{entry.destination.address.value() & selector.destination_mask.value()};
    selector.protocol = entry.protocol;
    set_ports(entry.source_port, selector.source_port_first, selector.source_port_last);
    set_ports(
        entry.destination_port, selector.destination_port_first, selector.destination_port_last);
    return selector;
}

namespace {

bool is_within(const ike::Proxy& inner, const config::AddressMatch& outer) {
    const auto fixed = ~outer.wildcard.value();
    return (fixed & ~inner.mask.value()) == 0 && outer.matches(inner.address);
}

bool covers(const config::AccessEntry& line, const ike::ProxyPair& proxies) {
    return (!line.protocol || line.protocol == proxies.local.protocol) &&
           is_within(proxies.local, line.source) && is_within(proxies.remote, line.destination);
}

}  // namespace

std::uint64_t Protection::flow_priority(const ike::ChildParameters& child) {
    const auto& ref = child.policy;
    const auto count = next_flow_priority_++;
    const auto templates = config_->crypto.dynamic_maps.find(ref.dynamic_map);
    const auto* wanted = templates == config_->crypto.dynamic_maps.end() ? nullptr
                         : templates->second.entries.contains(ref.dynamic_sequence)
                             ? &templates->second.entries.at(ref.dynamic_sequence)
                             : nullptr;
    const auto list = wanted == nullptr ? config_->access_lists.end()
                                        : config_->access_lists.find(wanted->match_address);
    if (list != config_->access_lists.end()) {
        std::uint64_t place = kLineBit;
        bool behind_deny = false;
        for (const auto& line : list->second.entries) {
            if (!line.remark.empty()) {
                continue;
            }
            place += kLineStep;
            if (line.action == config::AclAction::deny) {
                behind_deny = true;
            } else if (covers(line, child.proxies)) {
                if (behind_deny) {
                    return priority(
                        ref.sequence, ref.dynamic_sequence, place - 1 - count % (kLineStep - 1));
                }
                break;
            }
        }
    }
    return priority(ref.sequence, ref.dynamic_sequence, count & 0x7FFFFFFFU);
}

/// Compiles the map of one interface. Lives for one call of Protection::configure.
class Protection::Compiler {
public:
    Compiler(Protection& owner,
             const config::RunningConfig& config,
             IfIndex interface,
             Policy& policy)
        : owner_(owner), config_(config), interface_(interface), policy_(policy) {}

    void compile(const config::CryptoMap& map) {
        for (const auto& [sequence, entry] : map.entries) {
            ike::PolicyRef ref;
            ref.interface = interface_;
            ref.crypto_map = policy_.crypto_map;
            ref.sequence = sequence;
            if (entry.kind != config::CryptoMapEntry::Kind::dynamic) {
                lines(entry.match_address, ref, Context::Kind::static_line, 0);
                continue;
            }
            const auto templates = config_.crypto.dynamic_maps.find(entry.dynamic_map);
            if (templates == config_.crypto.dynamic_maps.end()) {
                continue;
            }
            ref.dynamic_map = entry.dynamic_map;
            for (const auto& [dynamic_sequence, wanted] : templates->second.entries) {
                ref.dynamic_sequence = dynamic_sequence;
                lines(wanted.match_address,
                      ref,
                      entry.discover ? Context::Kind::discover_line : Context::Kind::dynamic_line,
                      dynamic_sequence);
            }
        }
    }

    /// `connect acl` of an EzVPN client: what the list permits waits for the client's tunnel.
    void compile_client(const std::string& name, const config::EzvpnClient& client) {
        if (client.connect != config::EzvpnClient::Connect::acl) {
            return;
        }
        ike::PolicyRef ref;
        ref.interface = interface_;
        ref.ezvpn = name;
        ref.sequence = kBehindAllMaps;
        lines(client.connect_acl, ref, Context::Kind::client_line, 0);
    }

private:
    static constexpr std::uint32_t kBehindAllMaps = 65535;

    void lines(const std::string& access_list,
               const ike::PolicyRef& ref,
               Context::Kind kind,
               std::uint32_t dynamic_sequence) {
        const auto list = config_.access_lists.find(access_list);
        if (list == config_.access_lists.end()) {
            return;  // no list: a dynamic entry takes what is proposed, a static one protects nothing
        }
        std::uint64_t place = kLineBit + kLineStep;
        for (const auto& line : list->second.entries) {
            if (!line.remark.empty()) {
                continue;
            }
            dataplane::PolicyRule rule;
            rule.priority = priority(ref.sequence, dynamic_sequence, place);
            place += kLineStep;
            rule.selector = selector_of(line);
            if (line.action == config::AclAction::deny) {
                rule.action = dataplane::PolicyRule::Action::next_entry;
                rule.continue_at = kind == Context::Kind::static_line
                                       ? priority(ref.sequence + 1, 0, 0)
                                       : priority(ref.sequence, dynamic_sequence + 1, 0);
            } else if (!protect(line, ref, kind, rule)) {
                continue;
            }
            policy_.rules.push_back(rule);
        }
    }

    bool protect(const config::AccessEntry& line,
                 const ike::PolicyRef& ref,
                 Context::Kind kind,
                 dataplane::PolicyRule& rule) {
        std::string why;
        const auto proxies = proxies_of(line, why);
        if (!proxies) {
            owner_.problems_.push_back("crypto map " + ref.crypto_map + " " +
                                       std::to_string(ref.sequence) + ": " + why +
                                       "; what it matches is dropped");
            // Fail closed: the line still protects, with a slot that nobody can fill.
        }
        Context context{kind, ref, proxies.value_or(ike::ProxyPair{}), line.sequence};
        if (kind == Context::Kind::discover_line && proxies) {
            rule.action = dataplane::PolicyRule::Action::discover;
        } else {
            rule.action = dataplane::PolicyRule::Action::protect;
            const FlowKey key{ref, proxies.value_or(ike::ProxyPair{}), Station{}};
            auto& flow = owner_.flow(key);
            flow.configured = true;
            rule.slot = flow.slot;
            policy_.static_flows.push_back(key);
        }
        rule.cookie = static_cast<std::uint32_t>(owner_.contexts_.size());
        owner_.contexts_.push_back(std::move(context));
        return true;
    }

    Protection& owner_;
    const config::RunningConfig& config_;
    IfIndex interface_;
    Policy& policy_;
};

void Protection::configure(const config::RunningConfig& config,
                           const std::map<IfIndex, InterfaceStatus>& interfaces) {
    config_ = &config;
    problems_.clear();
    contexts_.assign(1, Context{});
    auto before = std::exchange(policies_, {});
    for (auto& [key, entry] : flows_) {
        entry.configured = !entry.key.policy.ipsec_profile.empty();
    }
    local_addresses_.clear();
    esp_settings_.clear();
    for (const auto& [index, status] : interfaces) {
        const auto settings = config.interfaces.find(status.name);
        if (settings == config.interfaces.end()) {
            continue;
        }
        const auto& map_name = settings->second.crypto_map;
        if (status.primary()) {
            local_addresses_[index] = *status.primary();
        }
        mtus_[index] = medium_mtu(settings->second, status);
        esp_settings_[index] = {settings->second.crypto_df_bit,
                                settings->second.crypto_fragmentation};
        const auto map = config.crypto.maps.find(map_name);
        // Outside of an EzVPN client there is a policy too: its flows come with its SAs.
        const bool client =
            !settings->second.ezvpn_client.empty() && !settings->second.ezvpn_inside;
        if ((map == config.crypto.maps.end() && !client) || !status.primary()) {
            continue;
        }
        auto& policy = policies_[index];
        const auto old = before.find(index);
        policy.id = old != before.end() ? old->second.id : dataplane::PolicyId{next_policy_++};
        policy.crypto_map = map != config.crypto.maps.end() ? map_name : "";
        policy.local = *status.primary();
        if (map != config.crypto.maps.end() && map->second.local_address) {
            for (const auto& [other, candidate] : interfaces) {
                if (candidate.name == *map->second.local_address && candidate.primary()) {
                    policy.local = *candidate.primary();
                }
            }
        }
        if (map != config.crypto.maps.end()) {
            Compiler(*this, config, index, policy).compile(map->second);
        }
        if (client && config.crypto.ezvpn_clients.contains(settings->second.ezvpn_client)) {
            const auto& name = settings->second.ezvpn_client;
            Compiler(*this, config, index, policy)
                .compile_client(name, config.crypto.ezvpn_clients.at(name));
        }
        if (old == before.end() || old->second.rules != policy.rules) {
            plane_.publish_policy(policy.id, policy.rules);
        }
    }
    for (const auto& [index, policy] : before) {
        if (!policies_.contains(index)) {
            plane_.remove_policy(policy.id);
        }
    }
    // Flows whose line is gone lose their slot as soon as no SA uses it; IKE takes the SAs down itself.
    std::vector<FlowKey> gone;
    for (const auto& [key, entry] : flows_) {
        if (!entry.configured && entry.outbound.value() == 0) {
            gone.push_back(key);
        }
    }
    for (const auto& key : gone) {
        drop_flow(key);
    }
    for (const auto& [index, status] : interfaces) {
        install_manual(config, index, status);
    }
}

}  // namespace viaduct
