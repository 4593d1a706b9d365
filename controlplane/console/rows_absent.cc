// Rows of features that the language knows and this build does not run: they say so, and whether the
// running configuration asks for them. They vanish by themselves when the feature brings its own rows.
#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "controlplane/console/console.h"

namespace viaduct::console {

namespace {

struct Feature {
    std::string_view title;
    std::string_view pattern;  // one that stands for all rows of the feature
    bool (*configured)(const config::RunningConfig&);
};

bool any_interface(const config::RunningConfig& config,
                   bool (*test)(const config::InterfaceConfig&)) {
    return std::ranges::any_of(config.interfaces,
                               [test](const auto& entry) { return test(entry.second); });
}

bool has_nat(const config::RunningConfig& c) {
    return !c.nat.dynamic_rules.empty() || !c.nat.static_rules.empty();
}

bool has_nhrp(const config::RunningConfig& c) {
    return any_interface(
        c, [](const config::InterfaceConfig& i) { return i.nhrp.network_id.has_value(); });
}

bool has_eigrp(const config::RunningConfig& c) {
    return !c.eigrp.empty();
}

bool has_dhcp_pools(const config::RunningConfig& c) {
    return !c.dhcp.pools.empty();
}

bool has_dhcp_address(const config::RunningConfig& c) {
    return any_interface(c, [](const config::InterfaceConfig& i) {
        return i.address_source == config::AddressSource::dhcp;
    });
}

bool has_pools(const config::RunningConfig& c) {
    return !c.address_pools.empty();
}

bool has_crypto(const config::RunningConfig& c) {
    return c.crypto != config::CryptoConfig{};
}

constexpr std::array<Feature, 16> kFeatures{{
    {"IP NAT", "show ip nat translations", has_nat},
    {"IP NAT", "show ip nat statistics", has_nat},
    {"NHRP", "show ip nhrp", has_nhrp},
    {"DMVPN", "show dmvpn", has_nhrp},
    {"EIGRP", "show ip eigrp neighbors", has_eigrp},
    {"EIGRP", "show ip eigrp topology", has_eigrp},
    {"EIGRP", "show ip eigrp interfaces", has_eigrp},
    {"DHCP server", "show ip dhcp binding", has_dhcp_pools},
    {"DHCP client", "show dhcp lease", has_dhcp_address},
    {"IP local pool", "show ip local pool", has_pools},
    {"ISAKMP", "show crypto isakmp sa", has_crypto},
    {"ISAKMP", "show crypto isakmp policy", has_crypto},
    {"IPSec", "show crypto ipsec sa", has_crypto},
    {"IPSec", "show crypto map", has_crypto},
    {"IPSec", "show crypto session", has_crypto},
    {"IPSec", "show crypto engine connections active", has_crypto},
}};

const std::vector<ios::TokenHelp>& words() {
    static const std::vector<ios::TokenHelp> kHelp{
        {"show", "Show running system information"},
        {"ip", "IP information"},
        {"nat", "IP NAT information"},
        {"translations", "Translation entries"},
        {"statistics", "Translation statistics"},
        {"nhrp", "NHRP information"},
        {"dmvpn", "DMVPN information"},
        {"eigrp", "IP-EIGRP show commands"},
        {"neighbors", "IP-EIGRP neighbors"},
        {"topology", "IP-EIGRP Topology Table"},
        {"interfaces", "IP-EIGRP interfaces"},
        {"dhcp", "Dynamic Host Configuration Protocol status"},
        {"binding", "DHCP address bindings"},
        {"lease", "Addresses leased from a server"},
        {"local", "IP local options"},
        {"pool", "IP Local address pools"},
        {"crypto", "Encryption module"},
        {"isakmp", "ISAKMP information"},
        {"sa", "Security associations"},
        {"policy", "ISAKMP protection suite policy"},
        {"ipsec", "IPSEC information"},
        {"map", "Crypto maps"},
        {"session", "Crypto sessions (tunnels)"},
        {"engine", "Crypto engine information"},
        {"connections", "Connections of the crypto engine"},
        {"active", "Active connections"},
    };
    return kHelp;
}

}  // namespace

ios::ExecRows absent_rows(Console& console, const ios::CommandSet& present) {
    ios::ExecRows rows;
    for (const Feature& feature : kFeatures) {
        if (present.match(feature.pattern)) {
            continue;
        }
        rows.push_back(
            {.pattern = feature.pattern,
             .help = words(),
             .privilege = 1,
             .run = [&console, feature](ios::ExecContext& context,
                                        const ios::Args&) -> std::unique_ptr<ios::ExecJob> {
                 const bool configured = feature.configured(console.host().running());
                 context.out +=
                     fmt::format("% {}: {}\n",
                                 feature.title,
                                 configured ? "configured, not running" : "not configured");
                 return nullptr;
             }});
    }
    return rows;
}

}  // namespace viaduct::console
