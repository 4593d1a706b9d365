#include "config/ios/pattern.h"

#include <algorithm>
#include <array>

#include "config/ios/words.h"
#include "dataplane/base/check.h"

namespace viaduct::ios::pattern {

namespace {

struct KindName {
    std::string_view text;
    ArgKind kind;
};

constexpr std::array<KindName, 10> kKinds{{
    {"A.B.C.D", ArgKind::address},
    {"mask", ArgKind::mask},
    {"wildcard", ArgKind::wildcard},
    {"WORD", ArgKind::word},
    {"LINE", ArgKind::line},
    {"interface", ArgKind::interface},
    {"H.H.H", ArgKind::mac},
    {"HEX", ArgKind::hex},
    {"port", ArgKind::port},
    {"protocol", ArgKind::protocol},
}};

constexpr std::string_view kMarks = "{}[]()|";

/// Takes the next token off the pattern: a mark, `)*`, `<…>` or a keyword. Empty at the end.
std::string_view next_token(std::string_view& rest) {
    const auto begin = rest.find_first_not_of(' ');
    if (begin == std::string_view::npos) {
        return {};
    }
    rest.remove_prefix(begin);
    std::size_t length = 1;
    if (rest.front() == '<') {
        length = rest.find('>') + 1;
        VIADUCT_CHECK(length != 0);
    } else if (rest.starts_with(")*")) {
        length = 2;
    } else if (kMarks.find(rest.front()) == std::string_view::npos) {
        length = std::min(rest.find_first_of(" {}[]()|<"), rest.size());
    }
    const auto token = rest.substr(0, length);
    rest.remove_prefix(length);
    return token;
}

std::string help_of(std::string_view token, std::span<const TokenHelp> help) {
    const auto found = std::find_if(
        help.begin(), help.end(), [token](const TokenHelp& row) { return row.token == token; });
    return found != help.end() ? std::string(found->text) : std::string{};
}

/// "<name:kind>" without help and target.
ArgEdge parse_argument(std::string_view token) {
    const auto colon = token.find(':');
    VIADUCT_CHECK(colon != std::string_view::npos && colon > 1);
    ArgEdge edge;
    edge.name = token.substr(1, colon - 1);
    const auto kind = token.substr(colon + 1, token.size() - colon - 2);
    const auto* known = std::find_if(
        kKinds.begin(), kKinds.end(), [kind](const KindName& row) { return row.text == kind; });
    if (known != kKinds.end()) {
        edge.kind = known->kind;
        return edge;
    }
    const auto dash = kind.find('-');
    VIADUCT_CHECK(dash != std::string_view::npos);
    const auto low = parse_number(kind.substr(0, dash), 0, 0xFFFFFFFFU);
    const auto high = parse_number(kind.substr(dash + 1), 0, 0xFFFFFFFFU);
    VIADUCT_CHECK(low && high && *low <= *high);
    edge.kind = ArgKind::number;
    edge.low = *low;
    edge.high = *high;
    return edge;
}

}  // namespace

/// An open `{`, `[` or `(` while a pattern is read.
struct Graph::Group {
    std::string_view closing;
    StateId entry = 0;  // a loop's hub
    StateId exit = 0;
};

StateId Graph::new_state() {
    states_.emplace_back();
    return static_cast<StateId>(states_.size() - 1);
}

StateId Graph::keyword(StateId from, std::string_view word, std::span<const TokenHelp> help) {
    const auto place = [&] {
        auto& edges = states_[from].keywords;
        return std::lower_bound(
            edges.begin(), edges.end(), word, [](const auto& e, auto w) { return e.word < w; });
    };
    auto found = place();
    if (found == states_[from].keywords.end() || found->word != word) {
        const auto target = new_state();
        found = place();
        found = states_[from].keywords.insert(found, {std::string(word), "", target});
    }
    if (found->help.empty()) {
        found->help = help_of(word, help);
    }
    return found->target;
}

StateId Graph::argument(StateId from, std::string_view token, std::span<const TokenHelp> help) {
    auto edge = parse_argument(token);
    edge.help = help_of(edge.name, help);
    for (auto& known : states_[from].args) {
        if (known.name == edge.name && known.kind == edge.kind && known.low == edge.low &&
            known.high == edge.high) {
            if (known.help.empty()) {
                known.help = edge.help;
            }
            return known.target;
        }
    }
    edge.target = new_state();
    states_[from].args.push_back(edge);
    return edge.target;
}

void Graph::alternative(Group& group, StateId& current, std::uint64_t& next_bit) {
    current = new_state();
    std::uint64_t once = 0;
    if (group.closing == ")*") {
        VIADUCT_CHECK(next_bit != 0);  // at most 64 alternatives of loops in one pattern
        once = next_bit;
        next_bit <<= 1U;
    }
    states_[group.entry].free.push_back({current, once});
}

void Graph::leave_alternative(const Group& group, StateId current) {
    states_[current].free.push_back({group.closing == ")*" ? group.entry : group.exit, 0});
}

void Graph::add(std::size_t id,
                std::string_view pattern,
                std::span<const TokenHelp> help,
                bool keep_first) {
    std::vector<Group> open;
    StateId current = kStart;
    std::uint64_t next_bit = 1;
    for (auto token = next_token(pattern); !token.empty(); token = next_token(pattern)) {
        if (token == "{" || token == "[" || token == "(") {
            Group group{token == "{" ? "}" : token == "[" ? "]" : ")*", current, 0};
            if (token == "(") {
                group.entry = new_state();
                states_[current].free.push_back({group.entry, 0});
            }
            group.exit = new_state();
            if (token != "{") {
                states_[group.entry].free.push_back({group.exit, 0});
            }
            alternative(group, current, next_bit);
            open.push_back(group);
        } else if (token == "|") {
            VIADUCT_CHECK(!open.empty());
            leave_alternative(open.back(), current);
            alternative(open.back(), current, next_bit);
        } else if (token == "}" || token == "]" || token == ")*") {
            VIADUCT_CHECK(!open.empty() && open.back().closing == token);
            leave_alternative(open.back(), current);
            current = open.back().exit;
            open.pop_back();
        } else if (token.front() == '<') {
            current = argument(current, token, help);
        } else {
            current = keyword(current, token, help);
        }
    }
    VIADUCT_CHECK(open.empty());
    auto& accepts = states_[current].accepts;
    VIADUCT_CHECK(keep_first || !accepts || *accepts == id);
    accepts = accepts ? std::min(*accepts, id) : id;
}

}  // namespace viaduct::ios::pattern
