#include "config/ios/grammar.h"

#include <algorithm>
#include <array>

#include "config/ios/pattern.h"
#include "config/ios/words.h"

namespace viaduct::ios {

using pattern::ArgEdge;
using pattern::ArgKind;
using pattern::Graph;
using pattern::State;
using pattern::StateId;

namespace {

constexpr std::string_view kInvalid = "% Invalid input detected at '^' marker.";
constexpr std::string_view kIncomplete = "% Incomplete command.";

struct Token {
    std::string_view text;  // without the quotes
    std::size_t column = 0;
    bool quoted = false;
};

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

std::vector<Token> split(std::string_view line) {
    std::vector<Token> tokens;
    std::size_t at = 0;
    while (at < line.size()) {
        if (is_blank(line[at])) {
            ++at;
            continue;
        }
        std::size_t end = at;
        if (line[at] == '"') {
            const auto close = line.find('"', at + 1);
            if (close != std::string_view::npos &&
                (close + 1 == line.size() || is_blank(line[close + 1]))) {
                tokens.push_back({line.substr(at + 1, close - at - 1), at, true});
                at = close + 1;
                continue;
            }
        }
        while (end < line.size() && !is_blank(line[end])) {
            ++end;
        }
        tokens.push_back({line.substr(at, end - at), at, false});
        at = end;
    }
    return tokens;
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// IOS keywords may be typed in any case.
bool begins(std::string_view word, std::string_view typed) {
    return typed.size() <= word.size() &&
           std::equal(typed.begin(), typed.end(), word.begin(), [](char a, char b) {
               return lower(a) == lower(b);
           });
}

bool is_hex(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'f');
    });
}

/// How good a reading of a token is; smaller is better.
enum class Rank : std::uint8_t { exact = 1, abbreviated, typed, hex, word, line };

/// Some token was read with that rank; three bits a token.
bool has_rank(std::uint64_t ranks, Rank rank) {
    for (; ranks != 0; ranks >>= 3U) {
        if ((ranks & 7U) == static_cast<std::uint64_t>(rank)) {
            return true;
        }
    }
    return false;
}

/// One partial reading of the line.
struct Thread {
    StateId state = Graph::kStart;
    std::uint64_t used = 0;  // alternatives of loops that were taken
    std::uint64_t ranks = 0;  // three bits a token, the first token's on top: smaller is better
    std::int32_t capture = -1;
};

/// A value on the way: a chain through the arena, so that threads share their beginnings.
struct Capture {
    std::int32_t previous = -1;
    std::string_view name;
    std::string value;
    std::string_view text;  // for the canonical line: the keyword in full, the argument as typed
};

Rank rank_of(ArgKind kind) {
    switch (kind) {
    case ArgKind::word:
        return Rank::word;
    case ArgKind::line:
        return Rank::line;
    case ArgKind::hex:
        return Rank::hex;
    case ArgKind::address:
    case ArgKind::mask:
    case ArgKind::wildcard:
    case ArgKind::interface:
    case ArgKind::mac:
    case ArgKind::number:
    case ArgKind::port:
    case ArgKind::protocol:
        return Rank::typed;
    }
    return Rank::line;
}

/// The value of an argument of one token, or nothing if the token does not fit.
std::optional<std::string> read_value(const ArgEdge& edge, std::string_view text) {
    switch (edge.kind) {
    case ArgKind::address:
    case ArgKind::wildcard:
        return Ipv4Address::parse(text) ? std::optional<std::string>(text) : std::nullopt;
    case ArgKind::mask: {
        const auto mask = Ipv4Address::parse(text);
        return mask && length_of_mask(*mask) ? std::optional<std::string>(text) : std::nullopt;
    }
    case ArgKind::mac:
        return MacAddress::parse(text) ? std::optional<std::string>(text) : std::nullopt;
    case ArgKind::hex:
        return is_hex(text) ? std::optional<std::string>(text) : std::nullopt;
    case ArgKind::number: {
        const auto number = parse_number(text, edge.low, edge.high);
        return number ? std::optional(std::to_string(*number)) : std::nullopt;
    }
    case ArgKind::port: {
        const auto port = parse_port(text);
        return port ? std::optional(std::to_string(*port)) : std::nullopt;
    }
    case ArgKind::protocol: {
        const auto protocol = parse_protocol(text);
        if (text == "ip") {
            return "ip";
        }
        return protocol ? std::optional(std::to_string(*protocol)) : std::nullopt;
    }
    case ArgKind::interface: {
        const auto name = config::InterfaceName::parse(text);
        return name ? std::optional(name->to_string()) : std::nullopt;
    }
    case ArgKind::word:
    case ArgKind::line:
        return std::string(text);
    }
    return std::nullopt;
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kInterfaceTypes{{
    {"ATM", "ATM interface"},
    {"Async", "Async interface"},
    {"BRI", "ISDN Basic Rate Interface"},
    {"Ethernet", "IEEE 802.3"},
    {"FastEthernet", "FastEthernet IEEE 802.3"},
    {"GigabitEthernet", "GigabitEthernet IEEE 802.3z"},
    {"Loopback", "Loopback interface"},
    {"Null", "Null interface"},
    {"Serial", "Serial"},
    {"TenGigabitEthernet", "Ten Gigabit Ethernet"},
    {"Tunnel", "Tunnel interface"},
}};

}  // namespace

std::string Args::text(std::string_view name) const {
    const auto found = values_.find(name);
    return found != values_.end() ? found->second : std::string{};
}

std::uint32_t Args::number(std::string_view name, std::uint32_t otherwise) const {
    const auto found = values_.find(name);
    return found != values_.end() ? parse_number(found->second, 0, 0xFFFFFFFFU).value_or(otherwise)
                                  : otherwise;
}

Ipv4Address Args::address(std::string_view name) const {
    return Ipv4Address::parse(text(name)).value_or(Ipv4Address{});
}

std::optional<config::InterfaceName> Args::interface(std::string_view name) const {
    return config::InterfaceName::parse(text(name));
}

std::optional<MacAddress> Args::mac(std::string_view name) const {
    return MacAddress::parse(text(name));
}

struct CommandSet::Impl {
    Graph graph;
    Ties ties = Ties::ambiguous;
};

CommandSet::CommandSet() : CommandSet(Ties::ambiguous) {}

CommandSet::CommandSet(Ties ties) : impl_(std::make_unique<Impl>()) {
    impl_->ties = ties;
}

CommandSet::~CommandSet() = default;
CommandSet::CommandSet(CommandSet&&) noexcept = default;
CommandSet& CommandSet::operator=(CommandSet&&) noexcept = default;

void CommandSet::add(std::size_t id, std::string_view pattern, std::span<const TokenHelp> help) {
    impl_->graph.add(id, pattern, help, impl_->ties == Ties::lowest_id);
}

namespace {

/// All readings of one line, side by side, token by token.
class Matcher {
public:
    Matcher(const Graph& graph, std::string_view line, std::vector<Token> tokens)
        : graph_(graph), line_(line), tokens_(std::move(tokens)), threads_(tokens_.size() + 1) {
        enter(0, Thread{});
    }

    /// Reads the tokens before `end`. False: error() says where and why no reading goes on.
    bool read(std::size_t end) {
        for (std::size_t at = 0; at < end; ++at) {
            if (threads_[at].empty()) {
                continue;  // the second word of "Tunnel 0"
            }
            if (ambiguous_at(at)) {
                return false;
            }
            for (const auto& thread : threads_[at]) {
                step(at, thread);
            }
            const bool alive = std::any_of(threads_.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                                           threads_.end(),
                                           [](const auto& later) { return !later.empty(); });
            if (!alive) {
                error_ = {at == 0 ? SyntaxError::Kind::unknown : SyntaxError::Kind::invalid,
                          tokens_[at].column,
                          std::string(kInvalid)};
                return false;
            }
        }
        return true;
    }

    [[nodiscard]] const SyntaxError& error() const { return error_; }

    [[nodiscard]] const std::vector<Thread>& threads(std::size_t at) const { return threads_[at]; }

    [[nodiscard]] Args args_of(const Thread& thread) const {
        Args args;
        std::string canonical;
        for (auto at = thread.capture; at >= 0;
             at = captures_[static_cast<std::size_t>(at)].previous) {
            const auto& capture = captures_[static_cast<std::size_t>(at)];
            if (!args.has(capture.name)) {  // `tos <tos:0-15>`: the later one, the value, stays
                args.set(std::string(capture.name), capture.value);
            }
            canonical.insert(0, std::string(capture.text) + (canonical.empty() ? "" : " "));
        }
        args.set_canonical(std::move(canonical));
        args.set_line(tokens_.empty() ? std::string{} : std::string(rest_from(0)));
        return args;
    }

private:
    /// The line as typed from a token on, without trailing blanks.
    [[nodiscard]] std::string_view rest_from(std::size_t token) const {
        auto rest = line_.substr(tokens_[token].column);
        while (!rest.empty() && is_blank(rest.back())) {
            rest.remove_suffix(1);
        }
        return rest;
    }

    /// `count` tokens as typed, quotes and all.
    [[nodiscard]] std::string_view typed(std::size_t token, std::size_t count) const {
        const auto& last = tokens_[token + count - 1];
        const auto end = last.column + last.text.size() + (last.quoted ? 2 : 0);
        return line_.substr(tokens_[token].column, end - tokens_[token].column);
    }

    /// Adds a thread at token `at` and whatever it reaches without a token.
    void enter(std::size_t at, const Thread& first) {
        auto& threads = threads_[at];
        std::size_t next = threads.size();
        threads.push_back(first);
        for (; next < threads.size(); ++next) {
            for (const auto& edge : graph_.state(threads[next].state).free) {
                if ((threads[next].used & edge.once) != 0) {
                    continue;
                }
                Thread thread = threads[next];
                thread.state = edge.target;
                thread.used |= edge.once;
                const bool known =
                    std::any_of(threads.begin(), threads.end(), [&thread](const Thread& other) {
                        return other.state == thread.state && other.used == thread.used &&
                               other.ranks <= thread.ranks;
                    });
                if (!known) {
                    threads.push_back(thread);
                }
            }
        }
    }

    /// An exact word silences abbreviations of longer ones; two abbreviated words are an ambiguity.
    bool ambiguous_at(std::size_t at) {
        exact_ = false;
        std::string_view only;
        std::uint64_t best = ~std::uint64_t{0};
        for (const auto& thread : threads_[at]) {
            best = std::min(best, thread.ranks);
        }
        bool several = false;
        for (const auto& thread : threads_[at]) {
            if (thread.ranks != best) {
                continue;
            }
            for (const auto& edge : graph_.state(thread.state).keywords) {
                if (tokens_[at].quoted || !begins(edge.word, tokens_[at].text)) {
                    continue;
                }
                exact_ = exact_ || edge.word.size() == tokens_[at].text.size();
                several = several || (!only.empty() && only != edge.word);
                only = edge.word;
            }
        }
        if (several && !exact_) {
            error_ = {SyntaxError::Kind::ambiguous,
                      tokens_[at].column,
                      "% Ambiguous command:  \"" + std::string(line_) + "\""};
            return true;
        }
        return false;
    }

    void step(std::size_t at, const Thread& thread) {
        const auto& token = tokens_[at];
        const auto& state = graph_.state(thread.state);
        if (!token.quoted) {
            for (const auto& edge : state.keywords) {
                if (!begins(edge.word, token.text)) {
                    continue;
                }
                const bool exact = edge.word.size() == token.text.size();
                if (exact || !exact_) {
                    advance(at,
                            1,
                            thread,
                            exact ? Rank::exact : Rank::abbreviated,
                            edge.target,
                            edge.word,
                            edge.word);
                }
            }
        }
        for (const auto& edge : state.args) {
            step_argument(at, thread, edge);
        }
    }

    void step_argument(std::size_t at, const Thread& thread, const ArgEdge& edge) {
        const auto& token = tokens_[at];
        if (edge.kind == ArgKind::line) {
            advance(at,
                    tokens_.size() - at,
                    thread,
                    Rank::line,
                    edge.target,
                    edge.name,
                    std::string(rest_from(at)));
            return;
        }
        if (token.quoted && edge.kind != ArgKind::word) {
            return;
        }
        if (auto value = read_value(edge, token.text)) {
            advance(at, 1, thread, rank_of(edge.kind), edge.target, edge.name, std::move(*value));
        } else if (edge.kind == ArgKind::interface && at + 1 < tokens_.size()) {
            const auto joined = std::string(token.text) + std::string(tokens_[at + 1].text);
            const bool unit_first = joined.size() == token.text.size() ||
                                    joined[token.text.size()] < '0' ||
                                    joined[token.text.size()] > '9';
            if (auto name = read_value(edge, joined); name && !unit_first) {
                advance(at, 2, thread, Rank::typed, edge.target, edge.name, std::move(*name));
            }
        }
    }

    void advance(std::size_t at,
                 std::size_t tokens,
                 const Thread& thread,
                 Rank rank,
                 StateId target,
                 std::string_view name,
                 std::string value) {
        constexpr std::size_t kRanked = 21;
        Thread next = thread;
        next.state = target;
        if (at < kRanked) {
            next.ranks |= static_cast<std::uint64_t>(rank) << (3 * (kRanked - 1 - at));
        }
        const bool keyword = rank == Rank::exact || rank == Rank::abbreviated;
        captures_.push_back(
            {thread.capture, name, std::move(value), keyword ? name : typed(at, tokens)});
        next.capture = static_cast<std::int32_t>(captures_.size() - 1);
        enter(at + tokens, next);
    }

    const Graph& graph_;
    std::string_view line_;
    std::vector<Token> tokens_;
    std::vector<std::vector<Thread>> threads_;  // by the index of the token that they read next
    std::vector<Capture> captures_;
    SyntaxError error_;
    bool exact_ = false;
};

std::string range_text(const ArgEdge& edge) {
    return "<" + std::to_string(edge.low) + "-" + std::to_string(edge.high) + ">";
}

void complete_argument(const ArgEdge& edge, std::string_view typed, std::vector<Completion>& out) {
    const auto offer = [&](std::string_view word, std::string_view help) {
        if (begins(word, typed)) {
            out.push_back({std::string(word), std::string(help)});
        }
    };
    const auto placeholder = [&](std::string_view word) {
        if (typed.empty()) {
            out.push_back({std::string(word), edge.help});
        }
    };
    switch (edge.kind) {
    case ArgKind::address:
    case ArgKind::mask:
    case ArgKind::wildcard:
        return placeholder("A.B.C.D");
    case ArgKind::word:
        return placeholder("WORD");
    case ArgKind::line:
        return placeholder("LINE");
    case ArgKind::mac:
        return placeholder("H.H.H");
    case ArgKind::hex:
        return placeholder("Hex-data");
    case ArgKind::number:
        return placeholder(range_text(edge));
    case ArgKind::port:
        placeholder("<0-65535>");
        for (const auto& row : port_names()) {
            offer(row.name, "(" + std::to_string(row.number) + ")");
        }
        return;
    case ArgKind::protocol:
        placeholder("<0-255>");
        offer("ip", "Any Internet Protocol");
        for (const auto& row : protocol_names()) {
            offer(row.name, "IP protocol " + std::to_string(row.number));
        }
        return;
    case ArgKind::interface:
        for (const auto& [word, help] : kInterfaceTypes) {
            if (typed.size() < word.size() || typed.empty()) {
                offer(word, help);
            }
        }
        return;
    }
}

}  // namespace

tl::expected<CommandSet::Match, SyntaxError> CommandSet::match(std::string_view line) const {
    auto tokens = split(line);
    const auto count = tokens.size();
    Matcher matcher(impl_->graph, line, std::move(tokens));
    if (!matcher.read(count)) {
        return tl::unexpected(matcher.error());
    }
    const Thread* best = nullptr;
    bool tie = false;
    for (const auto& thread : matcher.threads(count)) {
        const auto& accepts = impl_->graph.state(thread.state).accepts;
        if (!accepts) {
            continue;
        }
        if (best == nullptr || thread.ranks < best->ranks) {
            best = &thread;
            tie = false;
        } else if (thread.ranks == best->ranks) {
            const auto known = *impl_->graph.state(best->state).accepts;
            tie = tie || (known != *accepts);
            best = *accepts < known ? &thread : best;
        }
    }
    if (best == nullptr) {
        return tl::unexpected(
            SyntaxError{SyntaxError::Kind::incomplete, line.size(), std::string(kIncomplete)});
    }
    if (tie && impl_->ties == Ties::ambiguous) {
        return tl::unexpected(SyntaxError{SyntaxError::Kind::ambiguous,
                                          0,
                                          "% Ambiguous command:  \"" + std::string(line) + "\""});
    }
    return Match{*impl_->graph.state(best->state).accepts,
                 matcher.args_of(*best),
                 has_rank(best->ranks, Rank::abbreviated)};
}

std::vector<Completion> CommandSet::complete(std::string_view line) const {
    auto tokens = split(line);
    std::string_view typed;
    const bool within = !line.empty() && !is_blank(line.back()) && !tokens.empty();
    if (within) {
        typed = tokens.back().text;
        tokens.pop_back();
    }
    const auto count = tokens.size();
    Matcher matcher(impl_->graph, line, std::move(tokens));
    std::vector<Completion> out;
    if (!matcher.read(count)) {
        return out;
    }
    bool ends = false;
    for (const auto& thread : matcher.threads(count)) {
        const auto& state = impl_->graph.state(thread.state);
        ends = ends || state.accepts.has_value();
        for (const auto& edge : state.keywords) {
            if (begins(edge.word, typed)) {
                out.push_back({edge.word, edge.help});
            }
        }
        for (const auto& edge : state.args) {
            complete_argument(edge, typed, out);
        }
    }
    std::sort(out.begin(), out.end(), [](const Completion& a, const Completion& b) {
        return a.word != b.word ? a.word < b.word : a.help > b.help;
    });
    out.erase(
        std::unique(out.begin(),
                    out.end(),
                    [](const Completion& a, const Completion& b) { return a.word == b.word; }),
        out.end());
    if (ends && !within) {
        out.push_back({"<cr>", ""});
    }
    return out;
}

}  // namespace viaduct::ios
