#include "config/ios/text.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

namespace viaduct::ios {

namespace {

std::int64_t seconds_of(Duration time) {
    return std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::seconds>(time).count(),
                                  0);
}

}  // namespace

std::string clock_text(Duration time) {
    const auto s = seconds_of(time);
    return fmt::format("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

std::string age_text(Duration age) {
    const auto hours = seconds_of(age) / 3600;
    if (hours < 24) {
        return clock_text(age);
    }
    const auto days = hours / 24;
    return days < 7 ? fmt::format("{}d{:02}h", days, hours % 24)
                    : fmt::format("{}w{}d", days / 7, days % 7);
}

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) {
        return {};
    }
    return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

}  // namespace viaduct::ios
