// Prefix lists and route maps.
#include <algorithm>
#include <sstream>

#include "config/ios/fields.h"

namespace viaduct::ios {

namespace {

using config::AclAction;
using config::PrefixListEntry;
using config::RouteMapEntry;

std::string_view action_word(AclAction action) {
    return action == AclAction::permit ? "permit" : "deny";
}

Result<PrefixListEntry> read_prefix_entry(const Args& args) {
    PrefixListEntry entry;
    const auto prefix = Ipv4Prefix::parse(args.text("prefix"));
    if (!prefix) {
        return failure("Invalid prefix: " + args.text("prefix"));
    }
    entry.prefix = *prefix;
    entry.action = args.has("permit") ? AclAction::permit : AclAction::deny;
    if (args.has("gevalue")) {
        entry.ge = static_cast<std::uint8_t>(args.number("gevalue"));
    }
    if (args.has("levalue")) {
        entry.le = static_cast<std::uint8_t>(args.number("levalue"));
    }
    // IOS: "make sure: len < ge-value <= le-value".
    const bool ge_fits = !entry.ge || *entry.ge > prefix->length();
    const bool le_fits = !entry.le || *entry.le >= entry.ge.value_or(prefix->length());
    if (!ge_fits || !le_fits) {
        return failure(
            fmt::format("Invalid prefix range for {}, make sure: len < ge-value <= le-value",
                        args.text("prefix")));
    }
    return entry;
}

Result<void> apply_prefix_entry(ConfigSession& session, const Args& args) {
    auto& lists = session.config().prefix_lists;
    const auto name = args.text("name");
    if (args.negated() && !args.has("prefix")) {
        if (!args.has("sequence")) {
            lists.erase(name);
        } else if (lists.contains(name)) {
            std::erase_if(lists[name].entries, [&args](const PrefixListEntry& e) {
                return e.sequence == args.number("sequence");
            });
        }
        return done();
    }
    auto entry = read_prefix_entry(args);
    if (!entry) {
        return tl::unexpected(entry.error());
    }
    const auto same = [&entry](const PrefixListEntry& e) {
        auto other = e;
        other.sequence = entry->sequence;
        return other == *entry;
    };
    if (args.negated()) {
        if (lists.contains(name)) {
            std::erase_if(lists[name].entries, same);
            if (lists[name].entries.empty() && lists[name].description.empty()) {
                lists.erase(name);
            }
        }
        return done();
    }
    const auto found = lists.find(name);
    auto entries = found != lists.end() ? found->second.entries : std::vector<PrefixListEntry>{};
    if (entries.size() >= 10000) {
        return failure("Prefix list entries: limit of 10000");
    }
    // IOS: the next number is the last one's next multiple of five.
    const auto last = entries.empty() ? 0 : entries.back().sequence;
    const auto sequence = args.number("sequence", (last / 5 + 1) * 5);
    if (!args.has("sequence") && std::any_of(entries.begin(), entries.end(), same)) {
        return done();
    }
    entry->sequence = sequence;
    std::erase_if(entries, [sequence](const PrefixListEntry& e) { return e.sequence == sequence; });
    const auto place = std::lower_bound(
        entries.begin(), entries.end(), sequence, [](const PrefixListEntry& e, std::uint32_t s) {
            return e.sequence < s;
        });
    entries.insert(place, *entry);
    lists[name].entries = std::move(entries);
    return done();
}

Row prefix_list_row() {
    Row row{
        .mode = Mode::global,
        .pattern =
            "ip prefix-list <name:WORD> [ seq <sequence:1-4294967294> ] { permit | deny } "
            "<prefix:WORD> [ ge <gevalue:0-32> ] [ le <levalue:0-32> ]",
        .help =
            "Build a prefix list|name: Name of a prefix list|seq: sequence number of an "
            "entry|sequence: Sequence number|permit: Specify packets to forward|deny: Specify "
            "packets to reject|prefix: IP prefix <network>/<length>, e.g., 35.0.0.0/8|ge: Minimum "
            "prefix length to be matched|le: Maximum prefix length to be matched"};
    row.no =
        "ip prefix-list <name:WORD> [ seq <sequence:1-4294967294> ] [ { permit | deny } "
        "<prefix:WORD> [ ge <gevalue:0-32> ] [ le <levalue:0-32> ] ]";
    row.apply = apply_prefix_entry;
    row.write = [](Writer& out) {
        for (const auto& [name, list] : out.config().prefix_lists) {
            if (!list.description.empty()) {
                out.line("ip prefix-list {} description {}", quoted(name), list.description);
            }
            for (const auto& e : list.entries) {
                out.line("ip prefix-list {} seq {} {} {}{}{}",
                         quoted(name),
                         e.sequence,
                         action_word(e.action),
                         e.prefix.to_string(),
                         e.ge ? fmt::format(" ge {}", *e.ge) : "",
                         e.le ? fmt::format(" le {}", *e.le) : "");
            }
        }
    };
    row.examples = {"ip prefix-list lans seq 5 permit 10.0.0.0/8 ge 16 le 24",
                    "ip prefix-list lans deny 0.0.0.0/0"};
    return at(Place::prefix_lists, std::move(row));
}

Row prefix_description_row() {
    Row row{.mode = Mode::global,
            .pattern = "ip prefix-list <name:WORD> description <text:LINE>",
            .help =
                "Prefix-list specific description|name: Name of a prefix list|text: Up to 80 "
                "characters describing this prefix-list"};
    row.no = "ip prefix-list <name:WORD> description [ <text:LINE> ]";
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& lists = session.config().prefix_lists;
        const auto name = args.text("name");
        if (!args.negated()) {
            lists[name].description = args.text("text");
        } else if (lists.contains(name)) {
            lists[name].description.clear();
            if (lists[name].entries.empty()) {
                lists.erase(name);
            }
        }
        return done();
    };
    row.examples = {"ip prefix-list lans description our LANs"};
    return at(Place::prefix_lists, std::move(row));
}

Row route_map_row() {
    Row row{
        .mode = Mode::global,
        .pattern = "route-map <name:WORD> [ { permit | deny } [ <sequence:0-65535> ] ]",
        .help =
            "Create route-map or enter route-map command mode|name: Route map tag|permit: Route "
            "map permits set operations|deny: Route map denies set operations|sequence: Sequence "
            "to insert to/delete from existing route-map entry"};
    row.no = "route-map <name:WORD> [ { permit | deny } [ <sequence:0-65535> ] ]";
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& maps = session.config().route_maps;
        const auto name = args.text("name");
        const auto sequence = args.number("sequence", 10);
        if (args.negated()) {
            if (args.has("sequence") && maps.contains(name)) {
                maps[name].erase(sequence);
            }
            if (!args.has("sequence") || (maps.contains(name) && maps[name].empty())) {
                maps.erase(name);
            }
            return done();
        }
        if (maps.contains(name) && maps[name].size() >= 4096) {
            return failure("Route map entries: limit of 4096");
        }
        maps[name][sequence].action = args.has("deny") ? AclAction::deny : AclAction::permit;
        session.enter({.mode = Mode::route_map, .name = name, .number = sequence});
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& [name, map] : out.config().route_maps) {
            for (const auto& [sequence, entry] : map) {
                out.separator();
                out.section(
                    fmt::format(
                        "route-map {} {} {}", quoted(name), action_word(entry.action), sequence),
                    {.mode = Mode::route_map, .name = name, .number = sequence});
            }
        }
    };
    row.examples = {"route-map policy permit 10", "route-map policy deny 20", "route-map short"};
    row.enters = true;
    return at(Place::route_maps, std::move(row));
}

std::string joined(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names) {
        out += " " + quoted(name);
    }
    return out;
}

/// `match ip address …`: any number of names in one line.
Row match_names_row(const std::string& words,
                    std::vector<std::string> RouteMapEntry::* field,
                    const std::string& help) {
    Row row{.mode = Mode::route_map, .pattern = words + " <names:LINE>", .help = help};
    row.apply = [field](ConfigSession& session, const Args& args) -> Result<void> {
        auto& names = session.object<RouteMapEntry>().*field;
        if (args.negated() && !args.has("names")) {
            names.clear();
            return done();
        }
        if (args.text("names") == "prefix-list") {
            return failure("Incomplete command.");
        }
        std::istringstream line(args.text("names"));
        for (std::string name; line >> name;) {
            std::erase(names, name);
            if (!args.negated()) {
                names.push_back(name);
            }
        }
        return done();
    };
    row.write = [field, words](Writer& out) {
        const auto& names = out.object<RouteMapEntry>().*field;
        if (!names.empty()) {
            out.line("{}{}", words, joined(names));
        }
    };
    return row;
}

Row match_interface_row() {
    Row row{.mode = Mode::route_map,
            .pattern = "match interface <name:interface>",
            .help = "Match first hop interface of route"};
    row.apply = [](ConfigSession& session, const Args& args) {
        session.object<RouteMapEntry>().match_interface =
            args.negated() ? std::nullopt : args.interface("name");
        return done();
    };
    row.write = [](Writer& out) {
        if (const auto& interface = out.object<RouteMapEntry>().match_interface) {
            out.line("match interface {}", interface->to_string());
        }
    };
    row.examples = {"match interface FastEthernet0/1"};
    return row;
}

Row next_hop_row() {
    Row row{.mode = Mode::route_map,
            .pattern = "set ip next-hop <address:A.B.C.D>",
            .help = "Next hop address|address: IP address of next hop"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& hop = session.object<RouteMapEntry>().set_next_hop;
        hop = args.address("address");
        if (args.negated()) {
            hop.reset();
        }
        return done();
    };
    row.write = [](Writer& out) {
        if (const auto& hop = out.object<RouteMapEntry>().set_next_hop) {
            out.line("set ip next-hop {}", hop->to_string());
        }
    };
    row.examples = {"set ip next-hop 10.0.0.1"};
    return row;
}

}  // namespace

Rows filter_rows() {
    return {
        prefix_list_row(),
        prefix_description_row(),
        route_map_row(),
        match_interface_row(),
        examples({"match ip address prefix-list lans"},
                 match_names_row(
                     "match ip address prefix-list",
                     &RouteMapEntry::match_prefix_lists,
                     "Match entries of prefix-lists|names: IP prefix-list names|address: Match "
                     "address of route or match packet")),
        examples({"match ip address 101 inside"},
                 match_names_row(
                     "match ip address",
                     &RouteMapEntry::match_access_lists,
                     "Match address of route or match packet|names: IP access-list numbers or "
                     "names")),
        examples({"match tag 7"},
                 number_row(Mode::route_map,
                            "match tag",
                            "0-4294967295",
                            &RouteMapEntry::match_tag,
                            "Match tag of route|value: Tag value")),
        next_hop_row(),
        examples({"set metric 100"},
                 number_row(Mode::route_map,
                            "set metric",
                            "0-4294967295",
                            &RouteMapEntry::set_metric,
                            "Metric value for destination routing protocol|value: "
                            "Metric value")),
        examples({"set tag 7"},
                 number_row(Mode::route_map,
                            "set tag",
                            "0-4294967295",
                            &RouteMapEntry::set_tag,
                            "Tag value for destination routing protocol|value: Tag value")),
    };
}

}  // namespace viaduct::ios
