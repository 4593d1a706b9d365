#include "config/ios/kept_lines.h"

#include <algorithm>

namespace viaduct::ios {

namespace {

/// The first `count` words; all of a shorter line.
std::string_view first_words(std::string_view line, std::size_t count) {
    std::size_t end = 0;
    while (count-- > 0 && end != std::string_view::npos) {
        end = line.find(' ', end == 0 ? 0 : end + 1);
    }
    return line.substr(0, end);
}

bool begins_with_words(std::string_view line, std::string_view words) {
    return line == words || (line.starts_with(words) && line[words.size()] == ' ');
}

}  // namespace

std::size_t leading_words(std::string_view pattern) {
    const auto end = std::min(pattern.find_first_of("<{[("), pattern.size());
    const auto words = pattern.substr(0, end);
    const auto blanks = std::count(words.begin(), words.end(), ' ');
    return static_cast<std::size_t>(blanks) + (end == pattern.size() ? 1 : 0);
}

void keep_line(std::vector<std::string>& kept, const Args& args, std::size_t identity) {
    const auto& body = args.canonical();
    const auto opposite = "no " + body;
    const auto removed = [&kept](const auto& which) { return std::erase_if(kept, which) != 0; };
    if (args.negated() || args.has("(default)")) {
        const bool was = removed([&](const auto& line) { return begins_with_words(line, body); });
        if (args.has("(default)")) {
            std::erase(kept, opposite);
        } else if (!was && std::find(kept.begin(), kept.end(), opposite) == kept.end()) {
            kept.push_back(opposite);
        }
        return;
    }
    if (removed([&](const auto& line) { return line == opposite; }) ||
        std::find(kept.begin(), kept.end(), body) != kept.end()) {
        return;
    }
    if (identity > 0) {
        const auto key = first_words(body, identity);
        for (auto& line : kept) {
            if (begins_with_words(line, key)) {
                line = body;
                return;
            }
        }
    }
    kept.push_back(body);
}

}  // namespace viaduct::ios
