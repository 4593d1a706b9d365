#include "controlplane/console/help.h"

#include <algorithm>
#include <fmt/format.h>
#include <vector>

namespace viaduct::console {

namespace {

/// The word that is being typed; empty after a blank.
std::string_view open_word(std::string_view line) {
    const std::size_t blank = line.find_last_of(" \t");
    return blank == std::string_view::npos ? line : line.substr(blank + 1);
}

/// "A.B.C.D", "WORD", "<1-255>", "<cr>": names of arguments are shown, never typed.
bool is_keyword(const ios::Completion& completion) {
    return !completion.word.empty() && completion.word.front() >= 'a' &&
           completion.word.front() <= 'z';
}

bool is_typable(const ios::Completion& completion) {
    const std::string& word = completion.word;
    // Interface types begin with a capital letter and contain small ones; WORD and LINE do not.
    return is_keyword(completion) || (word.size() > 1 && word[0] >= 'A' && word[0] <= 'Z' &&
                                      word[1] >= 'a' && word[1] <= 'z');
}

std::string side_by_side(std::span<const ios::Completion> completions, unsigned width) {
    std::size_t column = 0;
    for (const ios::Completion& completion : completions) {
        column = std::max(column, completion.word.size() + 2);
    }
    const std::size_t per_row = std::max<std::size_t>(1, std::max(width, 20U) / column);
    std::string out;
    for (std::size_t i = 0; i < completions.size(); ++i) {
        const bool last = i + 1 == completions.size() || (i + 1) % per_row == 0;
        out +=
            last ? completions[i].word + "\n" : fmt::format("{:<{}}", completions[i].word, column);
    }
    return out;
}

}  // namespace

std::string format_help(std::string_view line,
                        std::span<const ios::Completion> completions,
                        unsigned width) {
    const std::string_view word = open_word(line);
    if (completions.empty()) {
        return "% Unrecognized command\n";
    }
    if (!word.empty()) {
        return side_by_side(completions, width);
    }
    std::size_t column = 0;
    for (const ios::Completion& completion : completions) {
        column = std::max(column, completion.word.size());
    }
    std::string out;
    for (const ios::Completion& completion : completions) {
        out += completion.help.empty()
                   ? fmt::format("  {}\n", completion.word)
                   : fmt::format("  {:<{}}  {}\n", completion.word, column, completion.help);
    }
    return out;
}

std::string tab_text(std::string_view line, std::span<const ios::Completion> completions) {
    const std::string_view word = open_word(line);
    std::vector<std::string_view> candidates;
    for (const ios::Completion& completion : completions) {
        if (is_typable(completion) && completion.word.size() >= word.size()) {
            candidates.push_back(completion.word);
        }
    }
    if (candidates.empty() || word.empty()) {
        return {};
    }
    std::string_view common = candidates.front();
    for (const std::string_view candidate : candidates) {
        const auto differ = std::ranges::mismatch(common, candidate).in1;
        common = common.substr(0, static_cast<std::size_t>(differ - common.begin()));
    }
    if (common.size() < word.size()) {
        return {};
    }
    std::string added(common.substr(word.size()));
    if (candidates.size() == 1) {
        added += ' ';
    }
    return added;
}

}  // namespace viaduct::console
