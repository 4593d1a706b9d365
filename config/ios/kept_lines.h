// Lines that are accepted, kept and written back, without effect.
#pragma once

#include <string>
#include <vector>

#include "config/ios/grammar.h"

namespace viaduct::ios {

/// Adds the line as it was said, "no X" for a negated one. A line and its opposite cancel each other;
/// `default X` removes both. Lines with the same first `identity` words replace each other; 0: any
/// number of them may stand side by side.
void keep_line(std::vector<std::string>& kept, const Args& args, std::size_t identity = 0);

/// The leading keywords of a pattern.
std::size_t leading_words(std::string_view pattern);

}  // namespace viaduct::ios
