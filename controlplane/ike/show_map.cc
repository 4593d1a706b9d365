// show crypto map, show crypto dynamic-map
#include <algorithm>
#include <set>

#include "controlplane/ike/debug_text.h"
#include "controlplane/ike/show.h"

namespace viaduct::ike {

namespace {

std::string address_text(const config::AddressMatch& m) {
    if (m.any()) {
        return "any";
    }
    if (m.wildcard.is_unspecified()) {
        return "host " + m.address.to_string();
    }
    return m.address.to_string() + " " + m.wildcard.to_string();
}

std::string port_text(const config::PortMatch& m) {
    switch (m.op) {
    case config::PortOperator::any:
        return "";
    case config::PortOperator::eq:
        return fmt::format(" port = {}", m.first);
    case config::PortOperator::neq:
        return fmt::format(" neq {}", m.first);
    case config::PortOperator::lt:
        return fmt::format(" lt {}", m.first);
    case config::PortOperator::gt:
        return fmt::format(" gt {}", m.first);
    case config::PortOperator::range:
        return fmt::format(" range {} {}", m.first, m.last);
    }
    return "";
}

std::string protocol_text(std::optional<IpProtocol> protocol) {
    if (!protocol) {
        return "ip";
    }
    if (*protocol == kProtoGre) {
        return "gre";
    }
    if (*protocol == kProtoTcp) {
        return "tcp";
    }
    if (*protocol == kProtoUdp) {
        return "udp";
    }
    return *protocol == kProtoIcmp ? "icmp" : fmt::format("{}", protocol->value());
}

std::string access_list_text(const Engine::State& core, const std::string& name) {
    auto out = fmt::format("        Extended IP access list {}\n", name);
    const auto acl = core.config->access_lists.find(name);
    if (acl == core.config->access_lists.end()) {
        return out;
    }
    for (const auto& line : acl->second.entries) {
        if (line.remark.empty()) {
            out += fmt::format("            access-list {} {} {} {}{} {}{}\n",
                               name,
                               line.action == config::AclAction::permit ? "permit" : "deny",
                               protocol_text(line.protocol),
                               address_text(line.source),
                               port_text(line.source_port),
                               address_text(line.destination),
                               port_text(line.destination_port));
        }
    }
    return out;
}

/// Lifetime, PFS, transform sets.
std::string policy_text(const Engine::State& core, const config::CryptoPolicy& policy) {
    auto out = fmt::format(
        "        Security association lifetime: {} kilobytes/{} seconds\n        PFS (Y/N): {}\n",
        core.policies.lifetime_kb(policy),
        core.policies.lifetime_s(policy),
        policy.pfs ? "Y" : "N");
    if (policy.pfs) {
        out += fmt::format("        DH group:  group{}\n", static_cast<unsigned>(*policy.pfs));
    }
    out += "        Transform sets={\n";
    for (const auto& set : policy.transform_sets) {
        out += fmt::format("                {},\n", set);
    }
    return out + "        }\n";
}

std::string proxy_line(const Proxy& proxy) {
    const config::AddressMatch match{proxy.address, Ipv4Address{~proxy.mask.value()}};
    return address_text(match) + (proxy.port != 0 ? fmt::format(" port = {}", proxy.port) : "");
}

/// An entry that stands only as long as its SAs: made from a dynamic map or from an IPsec profile.
std::string temporary_entry(const Engine::State& core,
                            const std::string& name,
                            std::uint32_t sequence,
                            const Child& child) {
    const auto& p = child.parameters;
    const auto peer = p.remote.address.to_string();
    auto out = fmt::format("Crypto Map \"{}\" {} ipsec-isakmp\n", name, sequence);
    if (p.policy.crypto_map.empty()) {
        out += "        Map is a PROFILE INSTANCE.\n";
    }
    out += fmt::format(
        "        Peer = {}\n        Extended IP access list\n            access-list  permit {} {} "
        "{}\n",
        peer,
        protocol_text(p.proxies.local.protocol),
        proxy_line(p.proxies.local),
        proxy_line(p.proxies.remote));
    if (!p.policy.dynamic_map.empty()) {
        out += fmt::format("        dynamic (created from dynamic map {}/{})\n",
                           p.policy.dynamic_map,
                           p.policy.dynamic_sequence);
    }
    out += fmt::format("        Current peer: {}\n", peer);
    if (const auto* policy = core.policies.of(p.policy)) {
        out += policy_text(core, *policy);
    }
    return out;
}

std::string entry_text(const Engine::State& core,
                       const std::string& name,
                       std::uint32_t sequence,
                       const config::CryptoMapEntry& entry,
                       const std::vector<ManualSas>& manual) {
    if (entry.kind == config::CryptoMapEntry::Kind::dynamic) {
        auto out =
            fmt::format("Crypto Map \"{}\" {} ipsec-isakmp\n        Dynamic map template tag: {}\n",
                        name,
                        sequence,
                        entry.dynamic_map);
        return out + (entry.discover ? "        Discover enabled\n" : "");
    }
    auto out = fmt::format(
        "Crypto Map \"{}\" {} {}\n",
        name,
        sequence,
        entry.kind == config::CryptoMapEntry::Kind::manual ? "ipsec-manual" : "ipsec-isakmp");
    if (!entry.description.empty()) {
        out += fmt::format("        Description: {}\n", entry.description);
    }
    for (const auto& peer : entry.peers) {
        out += fmt::format("        Peer = {}\n", peer);
    }
    if (!entry.isakmp_profile.empty()) {
        out += fmt::format("        ISAKMP Profile: {}\n", entry.isakmp_profile);
    }
    out += entry.match_address.empty() ? "        No matching address list set.\n"
                                       : access_list_text(core, entry.match_address);
    if (!entry.peers.empty()) {
        std::string current = entry.peers.front();
        for (const auto& [id, child] : core.children.all()) {
            const auto& ref = child->parameters.policy;
            if (ref.crypto_map == name && ref.sequence == sequence && ref.dynamic_map.empty()) {
                current = child->parameters.remote.address.to_string();
            }
        }
        out += fmt::format("        Current peer: {}\n", current);
    }
    out += policy_text(core, entry);
    if (entry.kind == config::CryptoMapEntry::Kind::manual) {
        const auto keyed = std::find_if(manual.begin(), manual.end(), [&](const auto& sas) {
            return sas.policy.crypto_map == name && sas.policy.sequence == sequence;
        });
        // IOS prints the keys here, too.
        out +=
            keyed != manual.end()
                ? fmt::format("        Inbound esp spi: {},\n        Outbound esp spi: {},\n",
                              keyed->spi_in.value(),
                              keyed->spi_out.value())
                : "        not running: it needs a peer, a transform set and session keys of both "
                  "directions, on an interface\n";
    }
    return out;
}

std::string users_text(const Engine::State& core, const std::string& map) {
    auto out = fmt::format("        Interfaces using crypto map {}:\n", map);
    for (const auto& interface : core.interfaces) {
        if (interface.crypto_map == map) {
            out += fmt::format("                {}\n", interface.name.to_string());
        }
    }
    return out + "\n";
}

/// Numbers that no configured entry has, from the dynamic entry's own on.
std::uint32_t next_free(const std::map<std::uint32_t, config::CryptoMapEntry>& entries,
                        std::set<std::uint32_t>& taken,
                        std::uint32_t from) {
    auto n = from + 1;
    while (entries.contains(n) || taken.contains(n)) {
        ++n;
    }
    taken.insert(n);
    return n;
}

std::string map_text(const Engine::State& core,
                     const std::string& name,
                     const config::CryptoMap& map) {
    std::map<std::uint32_t, std::string> texts;
    const auto manual = core.usage.manual();
    for (const auto& [sequence, entry] : map.entries) {
        texts[sequence] = entry_text(core, name, sequence, entry, manual);
    }
    std::set<std::uint32_t> taken;
    std::set<FlowKey> seen;
    for (const auto& [id, child] : core.children.all()) {
        const auto& ref = child->parameters.policy;
        if (ref.crypto_map == name && !ref.dynamic_map.empty() &&
            seen.insert(flow_of(child->parameters)).second) {
            const auto sequence = next_free(map.entries, taken, ref.sequence);
            texts[sequence] = temporary_entry(core, name, sequence, *child);
        }
    }
    std::string out;
    for (const auto& [sequence, text] : texts) {
        out += text;
        out += sequence == texts.rbegin()->first ? users_text(core, name) : "\n";
    }
    return out;
}

std::string tunnel_text(const Engine::State& core, const LocalInterface& interface) {
    const auto name = interface.name.to_string() + "-head-0";
    std::string out =
        fmt::format("Crypto Map \"{}\" 65536 ipsec-isakmp\n        Profile name: {}\n",
                    name,
                    interface.ipsec_profile);
    const auto profile = core.crypto().ipsec_profiles.find(interface.ipsec_profile);
    if (profile != core.crypto().ipsec_profiles.end()) {
        out += policy_text(core, profile->second);
    }
    std::uint32_t sequence = 65537;
    std::set<FlowKey> seen;
    for (const auto& [id, child] : core.children.all()) {
        if (child->parameters.policy.interface == interface.index &&
            seen.insert(flow_of(child->parameters)).second) {
            out += "\n" + temporary_entry(core, name, sequence++, *child);
        }
    }
    return out + fmt::format("        Interfaces using crypto map {}:\n                {}\n\n",
                             name,
                             interface.name.to_string());
}

}  // namespace

std::string show_crypto_map(const Engine::State& core, const std::string& name) {
    std::string out;
    for (const auto& [map_name, map] : core.crypto().maps) {
        if (name.empty() || name == map_name) {
            out += map_text(core, map_name, map);
        }
    }
    for (const auto& interface : core.interfaces) {
        if (!interface.ipsec_profile.empty() &&
            (name.empty() || name == interface.name.to_string() + "-head-0")) {
            out += tunnel_text(core, interface);
        }
    }
    return out.empty() ? "No crypto maps found.\n" : out;
}

std::string show_dynamic_map(const Engine::State& core, const std::string& name) {
    std::string out;
    for (const auto& [map_name, map] : core.crypto().dynamic_maps) {
        if (!name.empty() && name != map_name) {
            continue;
        }
        for (const auto& [sequence, entry] : map.entries) {
            out += fmt::format("Crypto Map Template\"{}\" {}\n", map_name, sequence);
            if (!entry.isakmp_profile.empty()) {
                out += fmt::format("        ISAKMP Profile: {}\n", entry.isakmp_profile);
            }
            out += entry.match_address.empty() ? "        No matching address list set.\n"
                                               : access_list_text(core, entry.match_address);
            out += policy_text(core, entry) + "\n";
        }
    }
    return out.empty() ? "No crypto dynamic maps found.\n" : out;
}

}  // namespace viaduct::ike
