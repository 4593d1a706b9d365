#include "config/ios/table.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "dataplane/base/check.h"

namespace viaduct::ios {

namespace {

// Help for words with which lines of several rows begin.
constexpr std::array<TokenHelp, 25> kFirstWords{{
    {"aaa", "Authentication, Authorization and Accounting."},
    {"access-list", "Add an access list entry"},
    {"banner", "Define a login banner"},
    {"client", "Specify client configuration settings"},
    {"clock", "Configure time-of-day clock"},
    {"configuration", "Specify client configuration settings"},
    {"crypto", "Encryption module"},
    {"enable", "Modify enable password parameters"},
    {"exec", "Configure EXEC"},
    {"ezvpn", "Easy VPN"},
    {"ip", "Internet Protocol commands"},
    {"ipsec", "Configure IPSEC policy"},
    {"isakmp", "Configure ISAKMP policy"},
    {"key", "Key management"},
    {"logging", "Modify message logging facilities"},
    {"event", "Event log by class"},
    {"match", "Match values."},
    {"nat", "NAT commands"},
    {"nhrp", "NHRP commands"},
    {"radius-server", "Modify RADIUS query parameters"},
    {"router", "Enable a routing process"},
    {"security-association", "Security association parameters"},
    {"service", "Modify use of network based services"},
    {"set", "Set values for encryption/decryption"},
    {"tunnel", "Protocol-over-protocol tunneling"},
}};

void append(Rows& all, Rows rows) {
    std::move(rows.begin(), rows.end(), std::back_inserter(all));
}

Rows build_rows() {
    Rows all;
    for (auto* feature : {system_rows,
                          logging_rows,
                          aaa_rows,
                          dhcp_rows,
                          ip_rows,
                          pki_rows,
                          keyring_rows,
                          isakmp_rows,
                          isakmp_profile_rows,
                          remote_access_rows,
                          ipsec_rows,
                          crypto_map_rows,
                          ezvpn_rows,
                          interface_rows,
                          ip_interface_rows,
                          nhrp_rows,
                          eigrp_interface_rows,
                          tunnel_rows,
                          eigrp_rows,
                          routing_rows,
                          key_lifetime_rows,
                          nat_rows,
                          access_list_rows,
                          filter_rows,
                          line_rows,
                          kept_rows}) {
        append(all, feature());
    }
    std::stable_sort(
        all.begin(), all.end(), [](const Row& a, const Row& b) { return a.place < b.place; });
    return all;
}

/// The elements of a pattern on its outermost level: words, arguments, whole groups.
std::vector<std::string_view> elements_of(std::string_view pattern) {
    std::vector<std::string_view> elements;
    std::size_t begin = 0;
    int depth = 0;
    for (std::size_t at = 0; at <= pattern.size(); ++at) {
        const char c = at < pattern.size() ? pattern[at] : ' ';
        depth += c == '{' || c == '[' || c == '(' ? 1 : 0;
        depth -= c == '}' || c == ']' || c == ')' ? 1 : 0;
        if (c == ' ' && depth == 0) {
            if (at > begin) {
                elements.push_back(pattern.substr(begin, at - begin));
            }
            begin = at + 1;
        }
    }
    return elements;
}

bool is_keyword(std::string_view element) {
    return std::string_view("{[(<").find(element.front()) == std::string_view::npos;
}

std::vector<ModeCommands> build_commands() {
    std::vector<ModeCommands> modes(static_cast<std::size_t>(Mode::kCount));
    const auto& rows = all_rows();
    for (std::size_t id = 0; id < rows.size(); ++id) {
        const auto& row = rows[id];
        auto& commands = modes[static_cast<std::size_t>(row.mode)];
        auto help = split_help(row.help);
        const auto elements = elements_of(row.pattern);
        std::string_view last;
        for (const auto element : elements) {
            if (!is_keyword(element)) {
                break;
            }
            last = element;
        }
        help.tokens.push_back({last, help.summary});
        help.tokens.insert(help.tokens.end(), kFirstWords.begin(), kFirstWords.end());
        for (const auto element : elements) {
            if (is_keyword(element)) {
                help.tokens.push_back(
                    {element, help.summary});  // words on the way, if nothing better
            }
        }
        if (!row.pattern.empty()) {
            commands.lines.add(id, row.pattern, help.tokens);
        }
        if (row.no != "-") {
            commands.negations.add(id, negation_pattern(row), help.tokens);
        }
    }
    return modes;
}

}  // namespace

const Rows& all_rows() {
    static const Rows kRows = build_rows();
    return kRows;
}

const ModeCommands& commands_of(Mode mode) {
    static const std::vector<ModeCommands> kCommands = build_commands();
    return kCommands[static_cast<std::size_t>(mode)];
}

Place kept_place(std::string_view line) {
    const auto& commands = commands_of(Mode::global);
    const bool negated = line.starts_with("no ");
    const auto match =
        negated ? commands.negations.match(line.substr(3)) : commands.lines.match(line);
    return match ? all_rows()[match->id].place : Place::call_control;
}

std::string negation_pattern(const Row& row) {
    if (!row.no.empty()) {
        return row.no;
    }
    const auto elements = elements_of(row.pattern);
    std::string pattern;
    std::string closing;
    bool optional = false;
    for (std::size_t i = 0; i < elements.size(); ++i) {
        optional = optional || (i > 0 && !is_keyword(elements[i]));
        if (optional) {
            pattern += " [";
            closing += " ]";
        }
        pattern += (i == 0 ? "" : " ") + std::string(elements[i]);
    }
    return pattern + closing;
}

HelpParts split_help(std::string_view help) {
    HelpParts parts;
    bool first = true;
    while (first || !help.empty()) {
        const auto bar = help.find('|');
        auto part = help.substr(0, bar);
        help.remove_prefix(bar == std::string_view::npos ? help.size() : bar + 1);
        while (part.starts_with(' ')) {
            part.remove_prefix(1);
        }
        while (part.ends_with(' ')) {
            part.remove_suffix(1);
        }
        if (first) {
            parts.summary = part;
            first = false;
            continue;
        }
        const auto colon = part.find(": ");
        VIADUCT_CHECK(colon != std::string_view::npos);
        parts.tokens.push_back({part.substr(0, colon), part.substr(colon + 2)});
    }
    return parts;
}

std::string mode_opener(Mode mode) {
    switch (mode) {
    case Mode::global:
    case Mode::kCount:
        return "";
    case Mode::interface:
        return "interface FastEthernet0/0";
    case Mode::router_eigrp:
        return "router eigrp 90";
    case Mode::line:
        return "line vty 0 4";
    case Mode::isakmp_policy:
        return "crypto isakmp policy 10";
    case Mode::keyring:
        return "crypto keyring spokes";
    case Mode::isakmp_profile:
        return "crypto isakmp profile L2L";
    case Mode::client_group:
        return "crypto isakmp client configuration group testgroup";
    case Mode::isakmp_peer:
        return "crypto isakmp peer address 10.0.0.1";
    case Mode::transform_set:
        return "crypto ipsec transform-set myset esp-3des esp-sha-hmac";
    case Mode::ipsec_profile:
        return "crypto ipsec profile cisco";
    case Mode::crypto_map:
        return "crypto map mymap 10 ipsec-isakmp";
    case Mode::dynamic_map:
        return "crypto dynamic-map dynmap 10";
    case Mode::ezvpn:
        return "crypto ipsec client ezvpn home";
    case Mode::trustpoint:
        return "crypto pki trustpoint ca";
    case Mode::dhcp_pool:
        return "ip dhcp pool lan";
    case Mode::access_list_standard:
        return "ip access-list standard inside";
    case Mode::access_list_extended:
        return "ip access-list extended vpn";
    case Mode::route_map:
        return "route-map policy permit 10";
    case Mode::key_chain:
        return "key chain eigrp";
    case Mode::key_chain_key:
        return "key chain eigrp\nkey 1";
    case Mode::kept_section:
        return "dial-peer cor custom";
    }
    return "";
}

}  // namespace viaduct::ios
