#include "controlplane/lab/words.h"

#include <array>
#include <utility>

namespace viaduct::lab {

std::string_view trim(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n";
    const auto first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::vector<std::string_view> split_words(std::string_view text) {
    std::vector<std::string_view> words;
    text = trim(text);
    while (!text.empty()) {
        const auto end = text.find_first_of(" \t");
        words.push_back(text.substr(0, end));
        text = end == std::string_view::npos ? std::string_view{} : trim(text.substr(end));
    }
    return words;
}

std::optional<Duration> parse_duration(std::string_view text) {
    constexpr std::array<std::pair<std::string_view, double>, 4> kUnits{
        {{"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}}};
    double scale = 1;
    for (const auto& [unit, seconds] : kUnits) {
        if (text.size() > unit.size() && text.ends_with(unit)) {
            text.remove_suffix(unit.size());
            scale = seconds;
            break;
        }
    }
    const auto value = parse_number<double>(text, 0.0, 315'360'000.0 / scale);
    if (!value) {
        return std::nullopt;
    }
    return Duration{static_cast<Duration::rep>(*value * scale * 1e9)};
}

}  // namespace viaduct::lab
