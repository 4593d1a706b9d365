// What a command shows, held line by line against what it should: a text of the test's own, or a document's fixture.
// What differs from run to run is masked, by name.
#pragma once

#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace viaduct::sim {

/// What a name in angle brackets stands for in a wanted text. "<spi>" is as long as what it matches; with blanks in the
/// brackets ("<count >", "<  n>") it takes just as many columns as it is written with, so that columns are compared, too.
inline const std::map<std::string, std::string>& masks() {
    static const std::map<std::string, std::string> all{
        {"spi", "[0-9A-F]+"},
        {"decimal", "[0-9]+"},
        {"count", "[0-9]+"},
        {"left", "[0-9]+"},  // of a lifetime, in seconds
        {"kilobytes", "[0-9]+"},
        {"clock", "[0-9][0-9]:[0-9][0-9]:[0-9][0-9]"},
        {"hold", "1[0-5]|[0-9]"},
        {"n", "[0-9]+"},  // SRTT, RTO, sequence numbers
        {"round trips", "[0-9]+/[0-9]+/[0-9]+"},
    };
    return all;
}

namespace shown {

inline std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        out.push_back(line);
    }
    return out;
}

inline std::string trimmed(const std::string& text) {
    const auto begin = text.find_first_not_of(' ');
    return begin == std::string::npos ? ""
                                      : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

/// The mask that begins at wanted[at]; nullopt: there is none, a bracket is a bracket.
inline std::optional<std::string> mask_at(const std::string& wanted, std::size_t at) {
    const auto end = wanted.find('>', at);
    if (wanted[at] != '<' || end == std::string::npos) {
        return std::nullopt;
    }
    const auto inner = wanted.substr(at + 1, end - at - 1);
    return masks().contains(trimmed(inner)) ? std::optional{inner} : std::nullopt;
}

inline bool same_line(const std::string& line, const std::string& wanted) {
    std::size_t at = 0;
    for (std::size_t w = 0; w < wanted.size();) {
        const auto mask = mask_at(wanted, w);
        if (!mask) {
            if (at >= line.size() || line[at] != wanted[w]) {
                return false;
            }
            ++at;
            ++w;
            continue;
        }
        const auto name = trimmed(*mask);
        const std::regex pattern(masks().at(name));
        const auto width = mask->size() + 2;
        w += width;
        if (name != *mask) {
            if (at + width > line.size() ||
                !std::regex_match(trimmed(line.substr(at, width)), pattern)) {
                return false;
            }
            at += width;
            continue;
        }
        std::smatch found;
        const auto rest = line.substr(at);
        if (!std::regex_search(rest, found, pattern, std::regex_constants::match_continuous)) {
            return false;
        }
        at += found.str().size();
    }
    return at == line.size();
}

}  // namespace shown

/// Empty: every line of `text` is the wanted one, none is missing and none too many. Else the first that is not.
inline std::string difference(const std::string& text, const std::string& wanted) {
    const auto ours = shown::lines_of(text);
    const auto theirs = shown::lines_of(wanted);
    for (std::size_t n = 0; n < std::max(ours.size(), theirs.size()); ++n) {
        const auto our = n < ours.size() ? "'" + ours[n] + "'" : "nothing";
        const auto their = n < theirs.size() ? "'" + theirs[n] + "'" : "nothing";
        if (n >= ours.size() || n >= theirs.size() || !shown::same_line(ours[n], theirs[n])) {
            return "line " + std::to_string(n + 1) + " is " + our + ", wanted is " + their;
        }
    }
    return "";
}

/// A pattern that is taken for the same wherever it stands: what differs between two runs, or between two IOS.
struct Same {
    const char* name;
    const char* pattern;
    const char* replacement;
};

/// As difference(), for a fixture: blank lines and white space are not compared, the extraction damaged them.
inline std::string difference_of_fixture(const std::string& text,
                                         const std::string& fixture,
                                         const std::vector<Same>& same) {
    const auto plain = [&](const std::string& from) {
        std::string out;
        for (auto line : shown::lines_of(from)) {
            line = std::regex_replace(line, std::regex("\\s+"), "");
            for (const auto& rule : same) {
                line = std::regex_replace(line, std::regex(rule.pattern), rule.replacement);
            }
            out += line.empty() ? "" : line + "\n";
        }
        return out;
    };
    const auto ours = shown::lines_of(plain(text));
    const auto theirs = shown::lines_of(plain(fixture));
    for (std::size_t n = 0; n < std::max(ours.size(), theirs.size()); ++n) {
        const auto our = n < ours.size() ? ours[n] : "nothing";
        const auto their = n < theirs.size() ? theirs[n] : "nothing";
        if (our != their) {
            return "line " + std::to_string(n + 1) + " is '" + our + "', the document's '" + their +
                   "'";
        }
    }
    return "";
}

/// nullopt: the fixtures are not beside the source.
inline std::optional<std::string> shown_fixture(const std::string& name) {
    std::ifstream file(std::string(VIADUCT_SOURCE_ROOT "/../shared/fixtures/show/") + name);
    if (!file) {
        return std::nullopt;
    }
    std::string prompt;
    std::getline(file, prompt);
    std::ostringstream rest;
    rest << file.rdbuf();
    return rest.str();
}

}  // namespace viaduct::sim
