#include "config/ios/check.h"

#include <algorithm>
#include <sstream>

#include "config/ios/access_text.h"

namespace viaduct::ios {

namespace {

using config::CryptoMap;
using config::CryptoMapEntry;
using config::CryptoPolicy;
using config::InterfaceConfig;
using config::RunningConfig;

/// The words of a line with single blanks; abbreviations stay.
std::string words_of(std::string_view line) {
    std::istringstream in{std::string(line)};
    std::string out;
    for (std::string word; in >> word;) {
        out += (out.empty() ? "" : " ") + word;
    }
    return out;
}

constexpr std::size_t kMostWarnings = 200;
/// Of longer tables, which are generated ones, only the first routes are looked at.
constexpr std::size_t kMostRoutes = 2000;

/// Collects warnings, each at the line that it is about.
class Inspector {
public:
    Inspector(const RunningConfig& config, std::string_view text, std::string_view file)
        : config_(config), file_(file) {
        while (!text.empty()) {
            const auto end = std::min(text.find('\n'), text.size());
            const auto line = text.substr(0, end);
            lines_.push_back({words_of(line), std::string(line), line.starts_with(' ')});
            text.remove_prefix(std::min(end + 1, text.size()));
        }
    }

    std::vector<LineProblem> run() {
        inspect_interfaces();
        for (const auto& [name, map] : config_.crypto.dynamic_maps) {
            for (const auto& [sequence, entry] : map.entries) {
                const auto header = fmt::format("crypto dynamic-map {} {}", name, sequence);
                inspect_policy(header, entry);
                inspect_match(header, entry);
            }
        }
        for (const auto& [name, map] : config_.crypto.maps) {
            inspect_map(name, map);
        }
        for (const auto& [name, profile] : config_.crypto.ipsec_profiles) {
            inspect_policy("crypto ipsec profile " + name, profile);
        }
        inspect_remote_access();
        inspect_nat();
        inspect_routing();
        inspect_routes();
        for (const auto& line : config_.system.lines) {
            access_list("", "access-class " + line.access_class_in + " in", line.access_class_in);
            login_list(
                "", "login authentication " + line.login_authentication, line.login_authentication);
        }
        return std::move(problems_);
    }

private:
    struct Line {
        std::string words;
        std::string text;
        bool indented = false;
    };

    /// The number of the line `words` below the line `header` (empty: anywhere); 0 if it is not found.
    [[nodiscard]] unsigned find(std::string_view header, std::string_view words) const {
        bool inside = header.empty();
        for (std::size_t i = 0; i < lines_.size(); ++i) {
            const auto& line = lines_[i];
            if (!line.indented && !header.empty()) {
                inside = line.words.starts_with(header);
            }
            if (inside && line.words.starts_with(words)) {
                return static_cast<unsigned>(i + 1);
            }
        }
        return 0;
    }

    void warn(const std::string& header, const std::string& line, std::string message) {
        if (problems_.size() >= kMostWarnings) {
            return;
        }
        const auto number = find(header, line);
        problems_.push_back({.kind = LineProblem::Kind::warning,
                             .file = file_,
                             .line_number = number,
                             .text = number != 0 ? lines_[number - 1].text : line,
                             .message = "warning: " + std::move(message)});
    }

    template <typename Map>
    void reference(const std::string& header,
                   const std::string& line,
                   const std::string& name,
                   const Map& defined,
                   std::string_view what) {
        if (!name.empty() && !defined.contains(name)) {
            warn(header, line, fmt::format("{} {} is not defined", what, name));
        }
    }

    void access_list(const std::string& header, const std::string& line, const std::string& name) {
        reference(header, line, name, config_.access_lists, "access list");
    }

    void login_list(const std::string& header, const std::string& line, const std::string& name) {
        reference(header, line, name, config_.aaa.login, "authentication list");
    }

    void isakmp_profile(const std::string& header, const std::string& name) {
        const auto& profiles = config_.crypto.profiles;
        const bool known =
            std::any_of(profiles.begin(), profiles.end(), [&name](const auto& profile) {
                return profile.first == name;
            });
        if (!name.empty() && !known) {
            warn(
                header, "set isakmp-profile " + name, "ISAKMP profile " + name + " is not defined");
        }
    }

    void inspect_interfaces() {
        for (const auto& [name, interface] : config_.interfaces) {
            const auto header = "interface " + name.to_string();
            access_list(
                header, "ip access-group " + interface.access_group_in, interface.access_group_in);
            access_list(header,
                        "ip access-group " + interface.access_group_out,
                        interface.access_group_out);
            reference(header,
                      "crypto map " + interface.crypto_map,
                      interface.crypto_map,
                      config_.crypto.maps,
                      "crypto map");
            reference(header,
                      "crypto ipsec client ezvpn " + interface.ezvpn_client,
                      interface.ezvpn_client,
                      config_.crypto.ezvpn_clients,
                      "EzVPN client");
            reference(header,
                      "tunnel protection ipsec profile " + interface.tunnel.protection_profile,
                      interface.tunnel.protection_profile,
                      config_.crypto.ipsec_profiles,
                      "IPsec profile");
            reference(header,
                      "ip policy route-map " + interface.policy_route_map,
                      interface.policy_route_map,
                      config_.route_maps,
                      "route map");
            inspect_tunnel(header, interface);
            for (const auto& [asn, eigrp] : interface.eigrp) {
                reference(header,
                          fmt::format("ip authentication key-chain eigrp {}", asn.value()),
                          eigrp.key_chain,
                          config_.key_chains,
                          "key chain");
            }
        }
    }

    void inspect_tunnel(const std::string& header, const InterfaceConfig& interface) {
        if (interface.name.type != config::InterfaceType::tunnel) {
            return;
        }
        const auto& tunnel = interface.tunnel;
        if (tunnel.source_interface && !config_.interfaces.contains(*tunnel.source_interface)) {
            warn(header,
                 "tunnel source",
                 "interface " + tunnel.source_interface->to_string() + " is not configured");
        }
        const bool source = tunnel.source_interface || tunnel.source_address;
        const bool whole =
            source && (tunnel.destination || tunnel.mode == config::TunnelMode::gre_multipoint);
        if (!whole && !interface.shutdown && interface.address) {
            warn("", header, "the tunnel has no source or no destination and stays down");
        }
        if (tunnel.mode == config::TunnelMode::gre_multipoint && !interface.nhrp.network_id) {
            warn("", header, "a multipoint tunnel without ip nhrp network-id does not run NHRP");
        }
    }

    void inspect_policy(const std::string& header, const CryptoPolicy& policy) {
        for (const auto& set : policy.transform_sets) {
            reference(
                header, "set transform-set", set, config_.crypto.transform_sets, "transform set");
        }
        isakmp_profile(header, policy.isakmp_profile);
    }

    void inspect_match(const std::string& header, const CryptoMapEntry& entry) {
        access_list(header, "match address " + entry.match_address, entry.match_address);
    }

    void inspect_map(const std::string& name, const CryptoMap& map) {
        const auto tag = "crypto map " + name;
        login_list("", tag + " client authentication list", map.client_authentication_list);
        reference("",
                  tag + " isakmp authorization list",
                  map.authorization_list,
                  config_.aaa.authorization_network,
                  "authorization list");
        std::optional<std::uint32_t> dynamic;
        for (const auto& [sequence, entry] : map.entries) {
            const auto header = fmt::format("{} {}", tag, sequence);
            if (entry.kind == CryptoMapEntry::Kind::dynamic) {
                dynamic = dynamic.value_or(sequence);
                reference(
                    "", header, entry.dynamic_map, config_.crypto.dynamic_maps, "dynamic map");
                continue;
            }
            if (dynamic) {
                warn("",
                     header,
                     fmt::format(
                         "this static entry stands behind the dynamic entry {}, which takes its "
                         "peers first; give the dynamic entry the highest sequence number",
                         *dynamic));
            }
            inspect_policy(header, entry);
            inspect_match(header, entry);
            inspect_whole(header, entry);
        }
    }

    void inspect_whole(const std::string& header, const CryptoMapEntry& entry) {
        std::string missing;
        missing += entry.match_address.empty() ? " match address," : "";
        missing += entry.peers.empty() ? " set peer," : "";
        missing += entry.transform_sets.empty() ? " set transform-set," : "";
        if (!missing.empty()) {
            missing.pop_back();
            warn("", header, "the entry is incomplete and protects nothing; it lacks" + missing);
            return;
        }
        if (entry.kind != CryptoMapEntry::Kind::manual) {
            return;
        }
        const auto set = config_.crypto.transform_sets.find(entry.transform_sets.front());
        for (const auto* key : {&entry.session_key_in, &entry.session_key_out}) {
            if (!*key) {
                warn("", header, "a manual entry needs session keys for both directions");
            } else if (set != config_.crypto.transform_sets.end()) {
                inspect_key(header, **key, set->second);
            }
        }
    }

    void inspect_key(const std::string& header,
                     const config::SessionKey& key,
                     const config::TransformSet& set) {
        const auto& cipher = crypto::info(set.esp_cipher.value_or(crypto::Cipher::null));
        const auto wanted = cipher.key_bytes + cipher.salt_bytes;
        if (key.cipher_hex.size() / 2 < wanted) {
            warn(header,
                 "set session-key",
                 fmt::format("the cipher key of SPI {} has {} bytes, {} needs {}",
                             key.spi,
                             key.cipher_hex.size() / 2,
                             cipher.ios_esp_name,
                             wanted));
        }
        const auto& auth = crypto::info(set.esp_auth.value_or(crypto::Auth::none));
        if (key.authenticator_hex.size() / 2 < auth.key_bytes) {
            warn(header,
                 "set session-key",
                 fmt::format("the authenticator key of SPI {} has {} bytes, {} needs {}",
                             key.spi,
                             key.authenticator_hex.size() / 2,
                             auth.ios_name,
                             auth.key_bytes));
        }
    }

    void inspect_remote_access() {
        for (const auto& [name, profile] : config_.crypto.profiles) {
            const auto header = "crypto isakmp profile " + name;
            reference(header,
                      "keyring " + profile.keyring,
                      profile.keyring,
                      config_.crypto.keyrings,
                      "keyring");
            login_list(header, "client authentication list", profile.client_authentication_list);
            reference(header,
                      "isakmp authorization list",
                      profile.authorization_list,
                      config_.aaa.authorization_network,
                      "authorization list");
            if (profile.matches.empty()) {
                warn("", header, "the profile has no match identity and is never chosen");
            }
        }
        for (const auto& [name, group] : config_.crypto.client_groups) {
            const auto header = "crypto isakmp client configuration group " + name;
            reference(
                header, "pool " + group.pool, group.pool, config_.address_pools, "address pool");
            access_list(header, "acl " + group.acl, group.acl);
            if (group.key.empty()) {
                warn("", header, "the group has no key");
            }
        }
        for (const auto& [name, client] : config_.crypto.ezvpn_clients) {
            const auto header = "crypto ipsec client ezvpn " + name;
            access_list(header, "connect acl", client.connect_acl);
            access_list(header, "acl " + client.acl, client.acl);
            if (client.peers.empty() || client.group.empty()) {
                warn("", header, "the client needs a peer and a group");
            }
        }
    }

    void inspect_nat() {
        const auto side = [this](config::NatSide wanted) {
            return std::any_of(
                config_.interfaces.begin(), config_.interfaces.end(), [wanted](const auto& entry) {
                    return entry.second.nat_side == wanted;
                });
        };
        const bool rules = !config_.nat.dynamic_rules.empty() || !config_.nat.static_rules.empty();
        if (rules && (!side(config::NatSide::inside) || !side(config::NatSide::outside))) {
            warn("", "ip nat", "nothing is translated without an inside and an outside interface");
        }
        for (const auto& [name, pool] : config_.nat.pools) {
            if (pool.rotary) {
                warn("", "ip nat pool " + name, "type rotary is without effect");
            }
        }
        for (const auto& rule : config_.nat.dynamic_rules) {
            const auto line = fmt::format("ip nat {} source", rule.outside ? "outside" : "inside");
            access_list("", line + " list " + rule.access_list, rule.access_list);
            reference("",
                      line + " route-map " + rule.route_map,
                      rule.route_map,
                      config_.route_maps,
                      "route map");
            reference("", line, rule.pool, config_.nat.pools, "NAT pool");
            if (rule.interface && !config_.interfaces.contains(*rule.interface)) {
                warn("", line, "interface " + rule.interface->to_string() + " is not configured");
            }
        }
    }

    void inspect_routing() {
        for (const auto& [asn, process] : config_.eigrp) {
            const auto header = fmt::format("router eigrp {}", asn.value());
            for (const auto& filter : process.distribute_lists) {
                if (filter.prefix_list) {
                    reference(header,
                              "distribute-list prefix " + filter.access_list,
                              filter.access_list,
                              config_.prefix_lists,
                              "prefix list");
                } else {
                    access_list(
                        header, "distribute-list " + filter.access_list, filter.access_list);
                }
            }
            for (const auto& filter : process.offset_lists) {
                access_list(header, "offset-list " + filter.access_list, filter.access_list);
            }
            for (const auto& entry : process.redistributions) {
                reference(header, "redistribute", entry.route_map, config_.route_maps, "route map");
            }
        }
        for (const auto& [name, map] : config_.route_maps) {
            for (const auto& [sequence, entry] : map) {
                const auto header = "route-map " + name;
                for (const auto& list : entry.match_access_lists) {
                    access_list(header, "match ip address", list);
                }
                for (const auto& list : entry.match_prefix_lists) {
                    reference(header,
                              "match ip address prefix-list",
                              list,
                              config_.prefix_lists,
                              "prefix list");
                }
            }
        }
    }

    /// Every network that an interface of ours is on, and every static way that is longer than the default.
    [[nodiscard]] bool reachable(Ipv4Address hop, const config::StaticRoute& by) const {
        for (const auto& [name, interface] : config_.interfaces) {
            const bool unknown = interface.address_source == config::AddressSource::dhcp ||
                                 interface.address_source == config::AddressSource::negotiated;
            if (unknown || (interface.address && interface.address->network().contains(hop))) {
                return true;
            }
            for (const auto& secondary : interface.secondaries) {
                if (secondary.network().contains(hop)) {
                    return true;
                }
            }
        }
        const auto& routes = config_.static_routes;
        return routes.size() > kMostRoutes ||
               std::any_of(routes.begin(), routes.end(), [&](const config::StaticRoute& route) {
                   return route.prefix != by.prefix && route.prefix.contains(hop) &&
                          route.prefix.length() > 0;
               });
    }

    void inspect_routes() {
        const bool dynamic = !config_.eigrp.empty();
        for (std::size_t i = 0; i < std::min(config_.static_routes.size(), kMostRoutes); ++i) {
            const auto& route = config_.static_routes[i];
            const auto line = fmt::format("ip route {} {}",
                                          route.prefix.network().to_string(),
                                          route.prefix.mask().to_string());
            if (route.interface && route.interface->type != config::InterfaceType::null &&
                !config_.interfaces.contains(*route.interface)) {
                warn("", line, "interface " + route.interface->to_string() + " is not configured");
            }
            if (route.gateway && !route.interface && !dynamic &&
                !reachable(*route.gateway, route)) {
                warn("",
                     line,
                     fmt::format("next hop {} is not on a connected network; the route is not used",
                                 route.gateway->to_string()));
            }
        }
    }

    const RunningConfig& config_;
    std::string file_;
    std::vector<Line> lines_;
    std::vector<LineProblem> problems_;
};

}  // namespace

std::vector<LineProblem> warnings(const RunningConfig& config,
                                  std::string_view text,
                                  std::string_view file_name) {
    return Inspector(config, text, file_name).run();
}

CheckReport report_of(const LoadResult& loaded) {
    CheckReport report;
    for (const auto& problem : loaded.problems) {
        switch (problem.kind) {
        case LineProblem::Kind::error:
            report.errors.push_back(problem);
            break;
        case LineProblem::Kind::warning:
            report.warnings.push_back(problem);
            break;
        case LineProblem::Kind::without_effect:
            report.without_effect.push_back(problem);
            break;
        }
    }
    return report;
}

CheckReport check(std::string_view text, std::string_view file_name) {
    return report_of(load(text, file_name));
}

std::string CheckReport::text() const {
    std::string out;
    for (const auto& problem : errors) {
        out += problem_text(problem);
    }
    for (const auto& problem : warnings) {
        out += problem_text(problem);
    }
    if (!without_effect.empty()) {
        out += "Accepted, without effect on a virtual router:\n";
        for (const auto& problem : without_effect) {
            out += fmt::format(
                "  {}:{}: {}\n", problem.file, problem.line_number, words_of(problem.text));
        }
    }
    return out;
}

}  // namespace viaduct::ios
