// Access lists: numbered and named, standard and extended.
#include <algorithm>
#include <array>

#include "config/ios/access_text.h"
#include "config/ios/fields.h"
#include "config/ios/words.h"

namespace viaduct::ios {

namespace {

using config::AccessEntry;
using config::AccessList;
using config::AclAction;
using config::AddressMatch;
using config::PortMatch;
using config::PortOperator;

constexpr std::size_t kMaxAccessListEntries = 20000;
constexpr std::uint32_t kSequenceStep = 10;
constexpr std::uint32_t kMaxSequence = 2147483647;

struct NamedValue {
    std::string_view name;
    std::uint8_t value;
};

constexpr std::array<NamedValue, 8> kPrecedences{{{"critical", 5},
                                                  {"flash", 3},
                                                  {"flash-override", 4},
                                                  {"immediate", 2},
                                                  {"internet", 6},
                                                  {"network", 7},
                                                  {"priority", 1},
                                                  {"routine", 0}}};

constexpr std::array<NamedValue, 5> kTosValues{{{"max-reliability", 2},
                                                {"max-throughput", 4},
                                                {"min-delay", 8},
                                                {"min-monetary-cost", 1},
                                                {"normal", 0}}};

constexpr std::array<NamedValue, 21> kDscpValues{
    {{"af11", 10}, {"af12", 12},   {"af13", 14}, {"af21", 18}, {"af22", 20}, {"af23", 22},
     {"af31", 26}, {"af32", 28},   {"af33", 30}, {"af41", 34}, {"af42", 36}, {"af43", 38},
     {"cs1", 8},   {"cs2", 16},    {"cs3", 24},  {"cs4", 32},  {"cs5", 40},  {"cs6", 48},
     {"cs7", 56},  {"default", 0}, {"ef", 46}}};

template <typename Table>
std::string alternatives(const Table& table) {
    std::string out;
    for (const auto& row : table) {
        out += " | " + std::string(row.name);
    }
    return out;
}

template <typename Table>
std::optional<std::uint8_t> read_named(const Args& args,
                                       const Table& table,
                                       std::string_view number) {
    if (args.has(number)) {
        return static_cast<std::uint8_t>(args.number(number));
    }
    for (const auto& row : table) {
        if (args.has(row.name)) {
            return row.value;
        }
    }
    return std::nullopt;
}

template <typename Table>
std::string named_text(const Table& table, std::uint8_t value) {
    const auto found = std::find_if(
        table.begin(), table.end(), [value](const auto& row) { return row.value == value; });
    return found != table.end() ? std::string(found->name) : std::to_string(value);
}

std::string port_pattern(const std::string& p) {
    return "[ eq <" + p + "eq:port> | neq <" + p + "neq:port> | lt <" + p + "lt:port> | gt <" + p +
           "gt:port> | range <" + p + "first:port> <" + p + "last:port> ]";
}

std::string extended_pattern() {
    return "{ permit | deny } <proto:protocol> { any | host <src:A.B.C.D> | <src:A.B.C.D> "
           "<srcwild:wildcard> } " +
           port_pattern("from-") +
           " { any | host <dst:A.B.C.D> | <dst:A.B.C.D> <dstwild:wildcard> } " +
           port_pattern("to-") + " [ <type:0-255> [ <code:0-255> ]" + alternatives(icmp_names()) +
           " ] ( established | fragments | log | log-input | tos { <tosvalue:0-15>" +
           alternatives(kTosValues) + " } | precedence { <precvalue:0-7>" +
           alternatives(kPrecedences) + " } | dscp { <dscpvalue:0-63>" + alternatives(kDscpValues) +
           " } )*";
}

constexpr std::string_view kExtendedHelp =
    "|permit: Specify packets to forward|deny: Specify packets to reject|proto: An IP "
    "protocol|any: Any "
    "host|host: A single host|src: Source address|srcwild: Source wildcard bits|dst: Destination "
    "address|dstwild: Destination wildcard bits|eq: Match only packets on a given port number|neq: "
    "Match only "
    "packets not on a given port number|lt: Match only packets with a lower port number|gt: Match "
    "only packets "
    "with a greater port number|range: Match only packets in the range of port numbers|type: ICMP "
    "message "
    "type|code: ICMP message code|established: Match established connections|fragments: Check "
    "non-initial "
    "fragments|log: Log matches against this entry|log-input: Log matches against this entry, "
    "including input "
    "interface|tos: Match packets with given TOS value|precedence: Match packets with given "
    "precedence "
    "value|dscp: Match packets with given dscp value";

constexpr std::string_view kStandardPattern =
    "{ permit | deny } { any | host <src:A.B.C.D> | <src:A.B.C.D> [ <srcwild:wildcard> ] } [ log ]";

constexpr std::string_view kStandardHelp =
    "|permit: Specify packets to forward|deny: Specify packets to reject|any: Any source "
    "host|host: A single "
    "host address|src: Address to match|srcwild: Wildcard bits|log: Log matches against this entry";

AddressMatch read_address(const Args& args, std::string_view name, std::string_view wild) {
    AddressMatch match;
    if (args.has(name)) {
        match.wildcard = args.address(wild);  // 0.0.0.0 where there is none: a host
        match.address = Ipv4Address{args.address(name).value() & ~match.wildcard.value()};
    }
    return match;
}

PortMatch read_port(const Args& args, const std::string& p) {
    const auto port = [&args, &p](const char* name) {
        return static_cast<std::uint16_t>(args.number(p + name));
    };
    if (args.has(p + "eq")) {
        return {PortOperator::eq, port("eq"), 0};
    }
    if (args.has(p + "neq")) {
        return {PortOperator::neq, port("neq"), 0};
    }
    if (args.has(p + "lt")) {
        return {PortOperator::lt, port("lt"), 0};
    }
    if (args.has(p + "gt")) {
        return {PortOperator::gt, port("gt"), 0};
    }
    if (args.has(p + "first")) {
        // IOS turns a range that is the wrong way round.
        return {PortOperator::range,
                std::min(port("first"), port("last")),
                std::max(port("first"), port("last"))};
    }
    return {};
}

void read_icmp(const Args& args, AccessEntry& entry) {
    if (args.has("type")) {
        entry.icmp_type = static_cast<std::uint8_t>(args.number("type"));
        if (args.has("code")) {
            entry.icmp_code = static_cast<std::uint8_t>(args.number("code"));
        }
        return;
    }
    for (const auto& name : icmp_names()) {
        if (args.has(name.name)) {
            entry.icmp_type = name.type;
            entry.icmp_code = name.code;
        }
    }
}

Result<AccessEntry> read_entry(const Args& args) {
    AccessEntry entry;
    if (args.has("remark")) {
        entry.remark = args.text("text");
        return entry;
    }
    entry.action = args.has("permit") ? AclAction::permit : AclAction::deny;
    entry.source = read_address(args, "src", "srcwild");
    entry.destination = read_address(args, "dst", "dstwild");
    entry.source_port = read_port(args, "from-");
    entry.destination_port = read_port(args, "to-");
    if (args.has("proto") && args.text("proto") != "ip") {
        entry.protocol = IpProtocol{static_cast<std::uint8_t>(args.number("proto"))};
    }
    read_icmp(args, entry);
    entry.established = args.has("established");
    entry.fragments = args.has("fragments");
    entry.log = args.has("log") || args.has("log-input");
    entry.tos = read_named(args, kTosValues, "tosvalue");
    entry.precedence = read_named(args, kPrecedences, "precvalue");
    entry.dscp = read_named(args, kDscpValues, "dscpvalue");
    const bool ports =
        entry.source_port.op != PortOperator::any || entry.destination_port.op != PortOperator::any;
    if (ports && entry.protocol != kProtoTcp && entry.protocol != kProtoUdp) {
        return failure("Ports belong to tcp and udp");
    }
    if (ports && entry.fragments) {
        return failure("Non-initial fragments have no ports");
    }
    if (entry.icmp_type && entry.protocol != kProtoIcmp) {
        return failure("Message types belong to icmp");
    }
    if (entry.established && entry.protocol != kProtoTcp) {
        return failure("established belongs to tcp");
    }
    if (entry.dscp && (entry.tos || entry.precedence)) {
        return failure("dscp excludes tos and precedence");
    }
    return entry;
}

bool same_rule(AccessEntry a, const AccessEntry& b) {
    a.sequence = b.sequence;
    return a == b;
}

Result<void> add_entry(AccessList& list, AccessEntry entry, std::uint32_t sequence) {
    auto& entries = list.entries;
    if (entries.size() >= kMaxAccessListEntries) {
        return failure(fmt::format("Access list entries: limit of {}", kMaxAccessListEntries));
    }
    // IOS: a rule that is there already is not added again. Long lists are generated ones; the scan
    // stays linear in the list's length, which the limit bounds.
    const bool known =
        std::any_of(entries.begin(), entries.end(), [&entry](const AccessEntry& other) {
            return other.remark.empty() && same_rule(entry, other);
        });
    if (known) {
        return done();
    }
    const auto next = entries.empty() ? kSequenceStep : entries.back().sequence + kSequenceStep;
    entry.sequence = sequence != 0 ? sequence : next;
    if (entry.sequence > kMaxSequence) {
        return failure("Sequence numbers are used up");
    }
    const auto place = std::lower_bound(
        entries.begin(), entries.end(), entry.sequence, [](const AccessEntry& e, std::uint32_t s) {
            return e.sequence < s;
        });
    if (place != entries.end() && place->sequence == entry.sequence) {
        return failure("Duplicate sequence number");
    }
    if (sequence != 0 && sequence != next) {
        list.named = true;  // only `ip access-list …` can say such numbers
    }
    entries.insert(place, std::move(entry));
    return done();
}

Row numbered_row(bool extended, const std::string& rule, std::string_view help) {
    const std::string number =
        extended ? "{ <n:100-199> | <n:2000-2699> }" : "{ <n:1-99> | <n:1300-1999> }";
    Row row{.mode = Mode::global,
            .pattern = "access-list " + number + " " + rule,
            .help = "Add an access list entry|n: IP " +
                    std::string(extended ? "extended" : "standard") + " access list" +
                    std::string(help)};
    row.no = "access-list " + number + " [ <rest:LINE> ]";
    row.apply = [extended](ConfigSession& session, const Args& args) -> Result<void> {
        auto& lists = session.config().access_lists;
        const auto name = args.text("n");
        if (args.negated()) {
            lists.erase(name);  // IOS: the whole list, whatever the line says
            return done();
        }
        auto entry = read_entry(args);
        if (!entry) {
            return tl::unexpected(entry.error());
        }
        auto [found, created] = lists.try_emplace(name, AccessList{.extended = extended});
        return add_entry(found->second, std::move(*entry), 0);
    };
    return at(Place::access_lists, std::move(row));
}

Row rule_row(Mode mode, const std::string& rule, std::string_view help) {
    Row row{
        .mode = mode,
        .pattern = "[ <seq:1-2147483647> ] " + rule,
        .help =
            "Specify packets to forward or reject|seq: Sequence Number|remark: Access list entry "
            "comment|text: Comment up to 100 characters" +
            std::string(help)};
    row.no = row.pattern;
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& list = session.config().access_lists[session.scope().name];
        auto entry = read_entry(args);
        if (!entry) {
            return tl::unexpected(entry.error());
        }
        if (args.negated()) {
            std::erase_if(list.entries,
                          [&entry](const AccessEntry& other) { return same_rule(*entry, other); });
            return done();
        }
        list.extended = session.scope().mode == Mode::access_list_extended;
        return add_entry(list, std::move(*entry), args.number("seq"));
    };
    return row;
}

/// `no SEQUENCE` takes one entry out.
Row remove_row(Mode mode) {
    Row row{.mode = mode, .help = "Remove the entry with this number|seq: Sequence Number"};
    row.no = "<seq:1-2147483647>";
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& list = session.config().access_lists[session.scope().name];
        std::erase_if(list.entries,
                      [&args](const AccessEntry& e) { return e.sequence == args.number("seq"); });
        return done();
    };
    return row;
}

Row named_row(bool extended) {
    const std::string kind = extended ? "extended" : "standard";
    Row row{.mode = Mode::global,
            .pattern = "ip access-list " + kind + " <name:WORD>",
            .help = kind +
                    " access list|name: Access-list name or number|access-list: Named access-list"};
    row.no = "ip access-list " + kind + " <name:WORD>";
    row.apply = [extended](ConfigSession& session, const Args& args) -> Result<void> {
        auto& lists = session.config().access_lists;
        const auto name = args.text("name");
        if (args.negated()) {
            lists.erase(name);
            return done();
        }
        const bool number = is_standard_number(name) || is_extended_number(name);
        const bool digits =
            std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
        if ((number || digits) &&
            (extended ? !is_extended_number(name) : !is_standard_number(name))) {
            return failure("Invalid access list number: " + name);
        }
        const auto found = lists.find(name);
        if (found != lists.end() && found->second.extended != extended) {
            return failure("An IP access list of the other kind with this name already exists");
        }
        lists.try_emplace(name, AccessList{.extended = extended, .named = true});
        session.enter({.mode = extended ? Mode::access_list_extended : Mode::access_list_standard,
                       .name = name});
        return done();
    };
    row.examples = {extended ? "ip access-list extended vpn" : "ip access-list standard inside",
                    extended ? "ip access-list extended 150" : "ip access-list standard 50"};
    row.enters = true;
    return at(Place::named_access_lists, std::move(row));
}

bool regular(const AccessList& list) {
    for (std::size_t i = 0; i < list.entries.size(); ++i) {
        if (list.entries[i].sequence != kSequenceStep * (i + 1)) {
            return false;
        }
    }
    return true;
}

/// Numbers sort as numbers, before names.
std::vector<std::pair<std::string_view, const AccessList*>> sorted_lists(
    const config::RunningConfig& config, bool named) {
    std::vector<std::pair<std::string_view, const AccessList*>> lists;
    for (const auto& [name, list] : config.access_lists) {
        if ((list.named || !regular(list)) == named) {
            lists.emplace_back(name, &list);
        }
    }
    std::sort(lists.begin(), lists.end(), [](const auto& a, const auto& b) {
        const auto x = parse_number(a.first, 0, 9999).value_or(10000);
        const auto y = parse_number(b.first, 0, 9999).value_or(10000);
        return x != y ? x < y : a.first < b.first;
    });
    return lists;
}

void write_numbered(Writer& out) {
    for (const auto& [name, list] : sorted_lists(out.config(), false)) {
        for (const auto& entry : list->entries) {
            out.line("access-list {} {}", name, access_entry_text(entry, list->extended));
        }
    }
}

void write_named(Writer& out) {
    for (const auto& [name, list] : sorted_lists(out.config(), true)) {
        out.line("ip access-list {} {}", list->extended ? "extended" : "standard", quoted(name));
        const bool numbers = !regular(*list);
        for (const auto& entry : list->entries) {
            const auto sequence = numbers ? fmt::format("{} ", entry.sequence) : "";
            out.line(" {}{}", sequence, access_entry_text(entry, list->extended));
        }
    }
}

}  // namespace

std::string access_entry_text(const AccessEntry& entry, bool extended) {
    if (!entry.remark.empty()) {
        return "remark " + entry.remark;
    }
    std::string out = entry.action == AclAction::permit ? "permit " : "deny ";
    const auto address = [extended](const AddressMatch& match) {
        if (match.any()) {
            return std::string("any");
        }
        if (match.wildcard.is_unspecified()) {
            return (extended ? "host " : "") + match.address.to_string();
        }
        return match.address.to_string() + " " + match.wildcard.to_string();
    };
    if (!extended) {
        return out + address(entry.source) + (entry.log ? " log" : "");
    }
    const bool tcp = entry.protocol == kProtoTcp;
    const auto port = [tcp](const PortMatch& match) {
        static constexpr std::array<std::string_view, 6> kWords{
            "", "eq", "neq", "lt", "gt", "range"};
        if (match.op == PortOperator::any) {
            return std::string{};
        }
        auto text = fmt::format(
            " {} {}", kWords.at(static_cast<std::size_t>(match.op)), port_text(match.first, tcp));
        return match.op == PortOperator::range ? text + " " + port_text(match.last, tcp) : text;
    };
    out += entry.protocol ? protocol_text(entry.protocol->value()) : "ip";
    out += " " + address(entry.source) + port(entry.source_port);
    out += " " + address(entry.destination) + port(entry.destination_port);
    if (entry.icmp_type) {
        const auto name = icmp_name(*entry.icmp_type, entry.icmp_code);
        out += name.empty() ? fmt::format(" {}", *entry.icmp_type) : " " + std::string(name);
        out += name.empty() && entry.icmp_code ? fmt::format(" {}", *entry.icmp_code) : "";
    }
    out += entry.dscp ? " dscp " + named_text(kDscpValues, *entry.dscp) : "";
    out += entry.precedence ? " precedence " + named_text(kPrecedences, *entry.precedence) : "";
    out += entry.tos ? " tos " + named_text(kTosValues, *entry.tos) : "";
    out += entry.established ? " established" : "";
    out += entry.fragments ? " fragments" : "";
    out += entry.log ? " log" : "";
    return out;
}

bool is_standard_number(std::string_view name) {
    return parse_number(name, 1, 99) || parse_number(name, 1300, 1999);
}

bool is_extended_number(std::string_view name) {
    return parse_number(name, 100, 199) || parse_number(name, 2000, 2699);
}

Rows access_list_rows() {
    const std::string standard(kStandardPattern);
    const auto extended = extended_pattern();
    const std::string remark = "remark <text:LINE>";
    const std::string remark_help =
        "|remark: Access list entry comment|text: Comment up to 100 characters";
    Rows rows{
        named_row(false),
        named_row(true),
        examples({"access-list 10 permit 10.1.0.0 0.0.255.255",
                  "access-list 10 deny any log",
                  "access-list 1300 permit host 10.0.0.1"},
                 numbered_row(false, standard, kStandardHelp)),
        examples({"access-list 10 remark who may come in"},
                 numbered_row(false, remark, remark_help)),
        examples({"access-list 101 permit ip 13.13.13.0 0.0.0.255 12.12.12.0 0.0.0.255",
                  "access-list 101 deny udp any eq isakmp host 10.0.0.1 range 4500 4510 log",
                  "access-list 101 permit icmp any any echo-reply",
                  "access-list 101 permit tcp any any established dscp ef",
                  "access-list 2000 permit icmp any any 3 4 tos 3 precedence flash"},
                 numbered_row(true, extended, kExtendedHelp)),
        examples({"access-list 101 remark site to site"}, numbered_row(true, remark, remark_help)),
        examples({"permit 10.1.0.0 0.0.255.255", "20 deny any", "permit 10.0.0.9 log"},
                 rule_row(Mode::access_list_standard, standard, kStandardHelp)),
        examples({"remark inside"}, rule_row(Mode::access_list_standard, remark, "")),
        remove_row(Mode::access_list_standard),
        examples({"permit gre host 10.0.0.1 host 10.0.0.2",
                  "15 deny ip any any fragments",
                  "permit tcp 10.0.0.0 0.255.255.255 gt 1023 any eq www"},
                 rule_row(Mode::access_list_extended, extended, kExtendedHelp)),
        examples({"remark to the hub"}, rule_row(Mode::access_list_extended, remark, "")),
        remove_row(Mode::access_list_extended),
    };
    rows[0].write = write_named;
    rows[2].write = write_numbered;
    return rows;
}

}  // namespace viaduct::ios
