// What `viaduct check` refuses of a file, as text.
#pragma once

#include <string>

#include "config/ios/parser.h"

namespace viaduct::ios {

/// The errors alone, each with its line and caret; empty when the file loads as it stands.
inline std::string refused_lines(const LoadResult& loaded) {
    std::string out;
    for (const auto& problem : loaded.problems) {
        out += problem.kind == LineProblem::Kind::error ? problem_text(problem) : "";
    }
    return out;
}

}  // namespace viaduct::ios
