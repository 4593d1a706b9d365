#include "config/ios/reference.h"

#include <algorithm>
#include <fmt/format.h>
#include <vector>

#include "config/ios/table.h"

namespace viaduct::ios {

namespace {

std::string_view effect_text(Effect effect) {
    switch (effect) {
    case Effect::acted_on:
        return "";
    case Effect::kept:
        return "Accepted and written back; without effect on a virtual router.";
    case Effect::later:
        return "In the configuration; not acted upon.";
    }
    return "";
}

std::string row_text(const Row& row) {
    const auto help = split_help(row.help);
    const auto syntax = row.pattern.empty() ? "no " + row.no : row.pattern;
    auto out = fmt::format("### `{}`\n\n{}\n", syntax, help.summary);
    for (const auto& token : help.tokens) {
        // Words of the pattern that the help explains; a shared text may explain more than stand here.
        if (syntax.find(token.token) != std::string::npos) {
            out += fmt::format("- `{}`: {}\n", token.token, token.text);
        }
    }
    if (row.default_on) {
        out += "\nOn by default.\n";
    }
    if (!effect_text(row.effect).empty()) {
        out += fmt::format("\n{}\n", effect_text(row.effect));
    }
    if (!row.examples.empty()) {
        out += "\n```\n";
        for (const auto& example : row.examples) {
            out += example + "\n";
        }
        out += "```\n";
    }
    return out + "\n";
}

}  // namespace

std::string command_reference() {
    std::string out =
        "# Configuration commands\n\n"
        "`{ a | b }` one of them, `[ a ]` may be left out, `( a | b )*` any of them in any order, "
        "`<name:kind>` an "
        "argument. Each command may begin with `no` or `default`. Keywords may be abbreviated.\n\n";
    for (std::size_t m = 0; m < static_cast<std::size_t>(Mode::kCount); ++m) {
        const auto mode = static_cast<Mode>(m);
        std::vector<const Row*> rows;
        for (const auto& row : all_rows()) {
            if (row.mode == mode) {
                rows.push_back(&row);
            }
        }
        if (rows.empty()) {
            continue;
        }
        std::sort(rows.begin(), rows.end(), [](const Row* a, const Row* b) {
            return a->pattern < b->pattern;
        });
        auto title = std::string(title_of(mode));
        title[0] =
            static_cast<char>(title[0] >= 'a' && title[0] <= 'z' ? title[0] - 'a' + 'A' : title[0]);
        out += fmt::format("## {}\n\nPrompt `Router{}#`", title, prompt_of(mode));
        const auto opener = mode_opener(mode);
        out += opener.empty() ? ".\n\n"
                              : fmt::format(", entered for example by `{}`.\n\n",
                                            opener.substr(opener.rfind('\n') + 1));
        for (const auto* row : rows) {
            out += row_text(*row);
        }
    }
    return out;
}

}  // namespace viaduct::ios
