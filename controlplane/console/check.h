// `viaduct check`: configuration files read without running them.
#pragma once

#include <span>
#include <string>

namespace viaduct::console {

/// Appends to `out`, file by file: lines that are not understood or contradict something, with "FILE:LINE: why", the line
/// and a caret; then, apart, the lines that are accepted without effect; then a line that counts them.
/// 0: all lines are known; 1: some are not; 2: a file cannot be read (said in `errors`).
int check_files(std::span<const std::string> files, std::string& out, std::string& errors);

}  // namespace viaduct::console
