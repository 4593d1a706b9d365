#include "config/ios/session.h"

#include <algorithm>
#include <utility>

#include "config/ios/table.h"
#include "config/ios/text.h"

namespace viaduct::ios {

namespace {

/// The word with which the line begins, and where the rest begins.
struct FirstWord {
    std::string_view word;
    std::size_t rest = 0;
};

FirstWord first_word(std::string_view line) {
    const auto begin = std::min(line.find_first_not_of(" \t"), line.size());
    const auto end = std::min(line.find_first_of(" \t", begin), line.size());
    return {line.substr(begin, end - begin),
            std::min(line.find_first_not_of(" \t", end), line.size())};
}

/// A match, and the level of the mode stack that it belongs to.
struct Reading {
    CommandSet::Match match;
    std::size_t level = 0;
};

tl::unexpected<SyntaxError> refused(std::size_t column, std::string message) {
    return tl::unexpected(SyntaxError{SyntaxError::Kind::refused, column, std::move(message)});
}

}  // namespace

ConfigSession::ConfigSession(config::RunningConfig& config) : config_(config), stack_(1) {}

std::string ConfigSession::prompt_suffix() const {
    return std::string(prompt_of(stack_.back().mode));
}

void ConfigSession::begin_text(StoreText store, std::string_view first, std::string delimiter) {
    store_ = std::move(store);
    text_.clear();
    delimiter_ = std::move(delimiter);
    take_text(first);
}

void ConfigSession::begin_delimited(StoreText store, std::string_view argument) {
    // "^C" in a file stands for the control character.
    const std::size_t length = argument.starts_with("^C") ? 2 : 1;
    begin_text(std::move(store), argument.substr(length), std::string(argument.substr(0, length)));
}

void ConfigSession::take_text(std::string_view line) {
    constexpr std::size_t kMaxText = 65536;
    const auto end = line.find(delimiter_);
    if (text_.size() + line.size() < kMaxText) {
        text_ += line.substr(0, end);
    }
    if (end == std::string_view::npos) {
        text_ += '\n';
        return;
    }
    const auto store = std::exchange(store_, nullptr);
    store(*this, std::exchange(text_, {}));
}

void ConfigSession::to_global() {
    stack_.resize(1);
}

tl::expected<void, SyntaxError> ConfigSession::execute(std::string_view line) {
    last_effect_ = Effect::acted_on;
    last_row_ = nullptr;
    if (wants_text()) {
        take_text(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
        return {};
    }
    const auto text = trimmed(line);
    if (text.empty() || text.front() == '!') {
        return {};
    }
    while (stack_.size() > 1 && !exists(config_, stack_.back())) {
        stack_.pop_back();
    }
    if (text == "end") {
        to_global();
        finished_ = true;
        return {};
    }
    if (text == "exit" || text == "exi" || text == "ex") {
        finished_ = finished_ || stack_.size() == 1;
        stack_.resize(std::max<std::size_t>(stack_.size() - 1, 1));
        return {};
    }
    if (first_word(text).word == "do") {
        return refused(0, "% do is a command of the console");
    }
    return execute_row(line);
}

tl::expected<void, SyntaxError> ConfigSession::execute_row(std::string_view line) {
    const auto first = first_word(line);
    const bool restores = first.word == "default";
    const bool negated = first.word == "no" || restores;
    const auto offset = negated ? first.rest : 0;
    const auto body = line.substr(offset);
    std::optional<SyntaxError> error;
    std::optional<Reading> found;
    // A line that is not of this mode but of a parent leaves the mode. Words in full in a parent win over
    // abbreviations here: `key 2` below `key 1` is no `key-string 2`, `ip route …` no `ip route-cache`.
    for (std::size_t level = stack_.size(); level-- > 0;) {
        const auto& commands = commands_of(stack_[level].mode);
        auto match = negated ? commands.negations.match(body) : commands.lines.match(body);
        if (match) {
            const bool full = !match->abbreviated;
            if (!found || full) {
                found = Reading{std::move(*match), level};
            }
            if (full) {
                break;
            }
        } else if (!error || match.error().column + offset > error->column) {
            error = match.error();
            error->column += offset;
        }
    }
    if (found) {
        const auto& row = all_rows()[found->match.id];
        auto& args = found->match.args;
        args.set_negated(negated && !(restores && row.default_on));
        if (restores) {
            args.set(std::string(kDefaultWord), "");
        }
        return apply(row, args, found->level);
    }
    if (stack_.back().mode == Mode::kept_section) {
        last_effect_ = Effect::kept;
        return keep_sub_line(trimmed(line));
    }
    return tl::unexpected(*error);
}

tl::expected<void, SyntaxError> ConfigSession::keep_sub_line(std::string_view line) {
    for (auto& section : config_.kept) {
        if (section.line == stack_.back().name) {
            auto& lines = section.sub_lines;
            if (std::find(lines.begin(), lines.end(), line) == lines.end()) {
                lines.emplace_back(line);
            }
            break;
        }
    }
    return {};
}

tl::expected<void, SyntaxError> ConfigSession::apply(const Row& row,
                                                     const Args& args,
                                                     std::size_t level) {
    entered_.reset();
    level_ = level;
    const auto result = row.apply(*this, args);
    level_.reset();
    if (!result) {
        return refused(0, "% " + result.error().message);
    }
    stack_.resize(level + 1);
    if (entered_) {
        stack_.push_back(std::move(*entered_));
    }
    last_effect_ = row.effect;
    last_row_ = &row;
    return {};
}

std::vector<Completion> ConfigSession::complete(std::string_view line) const {
    const auto first = first_word(line);
    const bool negated = first.rest < line.size() || line.ends_with(' ')
                             ? first.word == "no" || first.word == "default"
                             : false;
    const auto body = negated ? line.substr(first.rest) : line;
    std::vector<Completion> words;
    for (std::size_t level = stack_.size(); level-- > 0 && words.empty();) {
        const auto& commands = commands_of(stack_[level].mode);
        words = negated ? commands.negations.complete(body) : commands.lines.complete(body);
    }
    if (!negated && first.rest == line.size() && (first.word.empty() || !line.ends_with(' '))) {
        const std::pair<std::string_view, std::string_view> kAlways[] = {
            {"default", "Set a command to its defaults"},
            {"do", "To run exec commands in config mode"},
            {"end", "Exit from configure mode"},
            {"exit", "Exit from the current mode"},
            {"no", "Negate a command or set its defaults"},
        };
        for (const auto& [word, help] : kAlways) {
            if (word.starts_with(first.word)) {
                words.push_back({std::string(word), std::string(help)});
            }
        }
        std::sort(words.begin(), words.end(), [](const Completion& a, const Completion& b) {
            return a.word < b.word;
        });
    }
    return words;
}

}  // namespace viaduct::ios
