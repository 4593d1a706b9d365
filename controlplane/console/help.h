// What `?` prints and what Tab types, from the completions of the grammar.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "config/ios/grammar.h"

namespace viaduct::console {

/// IOS: after a blank, a line a word with its help; within a word, the words that begin so, side by side.
/// `width`: columns of the terminal. Ends with a newline.
std::string format_help(std::string_view line,
                        std::span<const ios::Completion> completions,
                        unsigned width);

/// What Tab adds to the line: the rest of the word and a blank if one word is possible, else what all
/// possible words have in common.
std::string tab_text(std::string_view line, std::span<const ios::Completion> completions);

}  // namespace viaduct::console
