// Configuration files: text to RunningConfig, with every line that is not understood, and back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/ios/session.h"
#include "config/ios/writer.h"
#include "config/model/running_config.h"

namespace viaduct::ios {

struct LineProblem {
    enum class Kind : std::uint8_t { error, warning, without_effect };
    Kind kind = Kind::error;
    std::string file;
    unsigned line_number = 0;  // from 1; 0: the file as a whole
    std::size_t column = 0;  // from 0; where the caret stands, for errors of syntax
    bool caret = false;  // column says something
    std::string text;  // the line
    std::string message;

    bool operator==(const LineProblem&) const = default;
};

struct LoadResult {
    config::RunningConfig config;
    std::vector<LineProblem> problems;

    /// No line was refused.
    [[nodiscard]] bool ok() const;
};

/// Reads a whole file on top of the defaults. A line that is refused is a problem, the rest still loads.
/// What `show running-config` prints around the lines ("Building configuration...", "Current configuration :
/// 1774 bytes") is passed over. The warnings of check.h are among the problems, after all others.
LoadResult load(std::string_view text, std::string_view file_name);

/// "file:12: % Invalid input detected at '^' marker." with the line and the caret below; ends with "\n".
std::string problem_text(const LineProblem& problem);

}  // namespace viaduct::ios
