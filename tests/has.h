// What most tests of texts ask.
#pragma once

#include <string_view>

namespace viaduct {

inline bool has(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

}  // namespace viaduct
