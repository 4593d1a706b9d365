// The command sets of all modes over the one table of rows: built once, shared by all routers of a process,
// const.
#pragma once

#include <optional>
#include <string_view>

#include "config/ios/grammar.h"
#include "config/ios/rows.h"

namespace viaduct::ios {

/// The rows of one mode; ids are indexes into all_rows().
struct ModeCommands {
    CommandSet lines;
    CommandSet negations{CommandSet::Ties::lowest_id};
};

const ModeCommands& commands_of(Mode mode);

/// Where a kept line of the global mode ("no X" for a negated one) stands: where its row says.
Place kept_place(std::string_view line);

/// The pattern of a row's `no` form.
std::string negation_pattern(const Row& row);

/// What a row's help says: the first part, and the parts for tokens.
struct HelpParts {
    std::string_view summary;
    std::vector<TokenHelp> tokens;
};

HelpParts split_help(std::string_view help);

}  // namespace viaduct::ios
