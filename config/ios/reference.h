// The reference manual of the configuration language, made from the table of rows.
#pragma once

#include <string>

namespace viaduct::ios {

/// Markdown: a section a mode; of each command its syntax, what it does, its arguments, its effect, an example.
std::string command_reference();

}  // namespace viaduct::ios
