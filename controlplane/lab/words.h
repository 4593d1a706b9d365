// Reading words and numbers out of script lines.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "dataplane/base/clock.h"

namespace viaduct::lab {

std::vector<std::string_view> split_words(std::string_view text);
std::string_view trim(std::string_view text);

/// The whole text is a decimal number low … high.
template <typename T>
std::optional<T> parse_number(std::string_view text, T low, T high) {
    T value{};
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end || value < low || value > high) {
        return std::nullopt;
    }
    return value;
}

/// "30s", "500ms", "2m", "1h", "1.5s", "30" (seconds); not negative, at most 10 years.
std::optional<Duration> parse_duration(std::string_view text);

}  // namespace viaduct::lab
