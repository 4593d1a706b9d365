// A configuration looked at as a whole: what is accepted line by line, but cannot work as it stands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/ios/parser.h"

namespace viaduct::ios {

/// Warnings about a configuration: references to what is not defined, crypto map entries that no packet
/// reaches, incomplete entries, next hops on no connected network. `text` is the file that the line numbers
/// are looked up in; empty: warnings without line numbers.
std::vector<LineProblem> warnings(const config::RunningConfig& config,
                                  std::string_view text,
                                  std::string_view file_name);

/// `viaduct check FILE`.
struct CheckReport {
    std::vector<LineProblem> errors;  // lines that were refused
    std::vector<LineProblem> warnings;
    std::vector<LineProblem> without_effect;

    /// All lines are known: exit status 0.
    [[nodiscard]] bool ok() const { return errors.empty(); }

    /// Errors with line and caret, warnings, then the lines without effect in a list of their own.
    [[nodiscard]] std::string text() const;
};

CheckReport check(std::string_view text, std::string_view file_name);
/// The same from a result that is there already.
CheckReport report_of(const LoadResult& loaded);

}  // namespace viaduct::ios
