// `nat`, `global` and `static` to translation rules.
#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <map>
#include <optional>
#include <sstream>

#include "config/ios/words.h"
#include "config/pix/lines.h"

namespace viaduct::pix {

namespace {

using config::AccessEntry;
using config::AccessList;
using config::AclAction;
using config::AddressMatch;
using config::InterfaceName;
using config::NatDynamicRule;
using config::NatPool;
using config::NatStaticRule;
using config::RunningConfig;

using Words = std::vector<std::string>;

Words words_of(const std::string& line) {
    std::istringstream in(line);
    Words words;
    for (std::string word; in >> word;) {
        words.push_back(word);
    }
    return words;
}

/// "(inside)" → "inside"
std::string without_parentheses(const std::string& text) {
    const bool wrapped = text.size() > 2 && text.front() == '(' && text.back() == ')';
    return wrapped ? text.substr(1, text.size() - 2) : "";
}

/// "0" is short for 0.0.0.0.
std::optional<Ipv4Address> read_address(const std::string& text) {
    return text == "0" ? Ipv4Address{} : Ipv4Address::parse(text);
}

std::string list_name(const std::string& where, const std::string& id) {
    return where + " " + id;
}

/// Builds config.nat line by line; nat and static before global, so that lists stand when rules are made.
class Builder {
public:
    explicit Builder(RunningConfig& config) : config_(config) {}

    std::vector<NatProblem> run() {
        const auto lines = config_.pix_kept;
        for (const auto* kind : {"nat", "global", "static"}) {
            for (const auto& line : lines) {
                const auto words = words_of(line);
                if (words.empty() || words[0] != kind) {
                    continue;
                }
                const auto result = words[0] == "nat"      ? add_nat(words)
                                    : words[0] == "global" ? add_global(words)
                                                           : add_static(words);
                if (!result) {
                    problems_.push_back({line, result.error().message});
                }
            }
        }
        finish();
        return std::move(problems_);
    }

private:
    Result<InterfaceName> where(const std::string& text) {
        return interface_named(config_, without_parentheses(text));
    }

    /// nat (inside) 1 NETWORK MASK [connections [embryonic]] | nat (inside) 0 access-list NAME
    Result<void> add_nat(const Words& words) {
        if (words.size() < 4) {
            return failure("Incomplete nat command");
        }
        const auto inside = where(words[1]);
        if (!inside) {
            return tl::unexpected(inside.error());
        }
        config_.interfaces.at(*inside).nat_side = config::NatSide::inside;
        std::vector<AccessEntry> entries;
        if (words[3] == "access-list") {
            const auto list = config_.access_lists.find(words.size() > 4 ? words[4] : "");
            if (list == config_.access_lists.end()) {
                return failure("access-list of the nat command is not defined");
            }
            entries = list->second.entries;
        } else {
            const auto network = read_address(words[3]);
            const auto mask = words.size() > 4 ? read_address(words[4]) : std::nullopt;
            if (!network || (words.size() > 4 && !mask)) {
                return failure("Invalid address or mask");
            }
            const auto wildcard =
                ~mask.value_or(*network == Ipv4Address{} ? Ipv4Address{} : Ipv4Address{~0U})
                     .value();
            AccessEntry entry;
            entry.source = {Ipv4Address{network->value() & ~wildcard}, Ipv4Address{wildcard}};
            entries.push_back(entry);
        }
        if (words[2] == "0") {
            for (auto& entry : entries) {
                entry.action =
                    entry.action == AclAction::permit ? AclAction::deny : AclAction::permit;
            }
            auto& exempt = exempt_[words[1]];
            exempt.insert(exempt.end(), entries.begin(), entries.end());
            return {};
        }
        auto& list = local_[words[1]][words[2]];
        list.insert(list.end(), entries.begin(), entries.end());
        return {};
    }

    /// global (outside) 1 interface | A[-B] [netmask M]
    Result<void> add_global(const Words& words) {
        if (words.size() < 4) {
            return failure("Incomplete global command");
        }
        const auto outside = where(words[1]);
        if (!outside) {
            return tl::unexpected(outside.error());
        }
        NatDynamicRule rule;
        rule.overload = true;
        if (words[3] == "interface") {
            rule.interface = *outside;
        } else {
            const auto dash = words[3].find('-');
            const auto first = Ipv4Address::parse(words[3].substr(0, dash));
            const auto last =
                dash == std::string::npos ? first : Ipv4Address::parse(words[3].substr(dash + 1));
            const auto mask = words.size() > 5 && words[4] == "netmask"
                                  ? Ipv4Address::parse(words[5])
                                  : Ipv4Address{255, 255, 255, 0};
            const auto length = mask ? length_of_mask(*mask) : std::nullopt;
            if (!first || !last || *last < *first || !length) {
                return failure("Invalid range of global addresses");
            }
            // PIX: a range gives each host an address of its own, one address is shared by all.
            rule.overload = *first == *last;
            rule.pool = fmt::format("{} {}{}", words[1], words[2], rule.overload ? " pat" : "");
            for (int more = 2; config_.nat.pools.contains(rule.pool); ++more) {
                rule.pool = fmt::format("{} {} #{}", words[1], words[2], more);
            }
            config_.nat.pools[rule.pool] = NatPool{*first, *last, *length, false};
        }
        config_.interfaces.at(*outside).nat_side = config::NatSide::outside;
        for (const auto& [inside, by_id] : local_) {
            if (by_id.contains(words[2]) && inside != words[1]) {
                rule.access_list = list_name(inside, words[2]);
                config_.nat.dynamic_rules.push_back(rule);
            }
        }
        return {};
    }

    /// static (inside,outside) [tcp|udp] GLOBAL|interface [port] LOCAL [port] [netmask M] …
    Result<void> add_static(const Words& words) {
        const auto pair = words.size() > 1 ? without_parentheses(words[1]) : "";
        const auto comma = std::min(pair.find(','), pair.size());
        const auto inside = interface_named(config_, pair.substr(0, comma));
        const auto outside =
            interface_named(config_, comma < pair.size() ? pair.substr(comma + 1) : "");
        if (!inside || !outside) {
            return failure("Names of two interfaces are needed: (inside,outside)");
        }
        NatStaticRule rule;
        std::size_t at = 2;
        const bool ports = words.size() > 2 && (words[2] == "tcp" || words[2] == "udp");
        if (ports) {
            rule.protocol = words[2] == "tcp" ? kProtoTcp : kProtoUdp;
            ++at;
        }
        const auto take = [&words, &at] { return at < words.size() ? words[at++] : std::string{}; };
        const auto global = take();
        if (global == "interface") {
            rule.global_interface = *outside;
        } else {
            rule.global = Ipv4Address::parse(global);
        }
        const auto global_port = ports ? ios::parse_port(take()) : std::uint16_t{0};
        const auto local = Ipv4Address::parse(take());
        const auto local_port = ports ? ios::parse_port(take()) : std::uint16_t{0};
        if ((!rule.global && !rule.global_interface) || !local || !global_port || !local_port) {
            return failure("Invalid static command");
        }
        rule.local = *local;
        rule.global_port = *global_port;
        rule.local_port = *local_port;
        if (take() == "netmask" && !ports) {
            const auto mask = Ipv4Address::parse(take());
            const auto length = mask ? length_of_mask(*mask) : std::nullopt;
            if (!length || *length == 0) {
                return failure("Invalid netmask");
            }
            rule.network_length = static_cast<std::uint8_t>(*length);
        }
        config_.nat.static_rules.push_back(rule);
        config_.interfaces.at(*inside).nat_side = config::NatSide::inside;
        config_.interfaces.at(*outside).nat_side = config::NatSide::outside;
        return {};
    }

    /// The lists of local networks, what is exempt first.
    void finish() {
        for (const auto& [inside, by_id] : local_) {
            for (const auto& [id, entries] : by_id) {
                AccessList list{.extended = true, .named = true};
                list.entries = exempt_[inside];
                list.entries.insert(list.entries.end(), entries.begin(), entries.end());
                for (std::size_t i = 0; i < list.entries.size(); ++i) {
                    list.entries[i].sequence = static_cast<std::uint32_t>(10 * (i + 1));
                }
                config_.access_lists[list_name(inside, id)] = std::move(list);
            }
        }
        // PIX: ranges are given out before addresses that are shared by ports.
        auto& rules = config_.nat.dynamic_rules;
        std::ranges::stable_partition(
            rules, [](const NatDynamicRule& rule) { return !rule.interface && !rule.overload; });
        config_.nat.pix_semantics = true;
    }

    RunningConfig& config_;
    std::map<std::string, std::map<std::string, std::vector<AccessEntry>>> local_;
    std::map<std::string, std::vector<AccessEntry>> exempt_;
    std::vector<NatProblem> problems_;
};

}  // namespace

namespace {

/// `timeout` has classes that nothing here goes by.
std::string idle_timeouts(const Words& words) {
    constexpr std::array<std::string_view, 5> kActing{
        "xlate", "conn", "half-closed", "udp", "icmp"};
    std::string idle;
    for (std::size_t i = 1; i < words.size(); ++i) {
        const bool time = words[i].find(':') != std::string::npos;
        const bool acts = std::find(kActing.begin(), kActing.end(), words[i]) != kActing.end();
        if (!time && !acts && words[i] != "absolute" && words[i] != "inactivity") {
            idle += (idle.empty() ? "" : ", ") + words[i];
        }
    }
    return idle.empty() ? "" : "without effect of these time-outs: " + idle;
}

/// `nat (inside) 1 NETWORK MASK CONNECTIONS EMBRYONIC`, `static (…) G L netmask M CONNECTIONS EMBRYONIC`
std::string idle_limits(const Words& words, std::size_t from) {
    for (std::size_t i = from; i < words.size(); ++i) {
        if (words[i] == "dns" || words[i] == "norandomseq" ||
            (words[i] != "0" && ios::parse_number(words[i], 1, ~0U))) {
            return fmt::format("without effect: {} (limits of connections, dns, norandomseq)",
                               words[i]);
        }
    }
    return "";
}

bool is_range(const Words& words) {
    return words.size() > 3 && words[3].find('-') != std::string::npos;
}

/// Of the global lines with the same interface and number one serves: the first range, or the first.
std::string idle_global(const RunningConfig& config, const Words& words, std::string_view line) {
    const std::string* serving = nullptr;
    bool range = false;
    for (const auto& kept : config.pix_kept) {
        const auto other = words_of(kept);
        if (other.size() < 4 || other[0] != "global" || other[1] != words[1] ||
            other[2] != words[2]) {
            continue;
        }
        if (serving == nullptr || (is_range(other) && !range)) {
            serving = &kept;
            range = is_range(other);
        }
    }
    return serving == nullptr || *serving == line
               ? ""
               : "without effect: \"" + *serving + "\" serves all, by ports";
}

}  // namespace

std::string part_without_effect(const RunningConfig& config, std::string_view line) {
    const auto words = words_of(std::string(line));
    if (words.empty()) {
        return "";
    }
    if (words[0] == "timeout") {
        return idle_timeouts(words);
    }
    if (words[0] == "nat") {
        return idle_limits(words, 5);
    }
    if (words[0] == "static") {
        const auto mask = std::find(words.begin(), words.end(), "netmask");
        return mask == words.end()
                   ? ""
                   : idle_limits(words, static_cast<std::size_t>(mask - words.begin()) + 2);
    }
    return words[0] == "global" && words.size() > 3 ? idle_global(config, words, line) : "";
}

std::vector<NatProblem> build_nat(RunningConfig& config) {
    return Builder(config).run();
}

}  // namespace viaduct::pix
