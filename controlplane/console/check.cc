// `viaduct check`: configuration files read without running them.
#include <cstdio>
#include <fmt/format.h>
#include <vector>

#include "config/ios/parser.h"
#include "controlplane/console/subcommands.h"
#include "controlplane/console/text_file.h"

namespace viaduct {

namespace {

using Kind = ios::LineProblem::Kind;

struct Counts {
    unsigned errors = 0;
    unsigned warnings = 0;
    unsigned without_effect = 0;
};

void show(const std::vector<ios::LineProblem>& problems, Kind kind, unsigned& count) {
    for (const ios::LineProblem& problem : problems) {
        if (problem.kind == kind) {
            ++count;
            fmt::print("{}", ios::problem_text(problem));
        }
    }
}

std::string counted(unsigned n, std::string_view what) {
    return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

}  // namespace

int check_main(const std::vector<std::string>& files) {
    int status = 0;
    for (const std::string& file : files) {
        const auto text = console::read_text_file(file);
        if (!text) {
            fmt::print(stderr, "viaduct check: {}\n", text.error().message);
            status = 2;
            continue;
        }
        const ios::LoadResult loaded = ios::load(*text, file);
        Counts counts;
        show(loaded.problems, Kind::error, counts.errors);
        show(loaded.problems, Kind::warning, counts.warnings);
        for (const ios::LineProblem& problem : loaded.problems) {
            if (problem.kind == Kind::without_effect) {
                if (counts.without_effect++ == 0) {
                    fmt::print("{}: accepted, without effect on a virtual router:\n", file);
                }
                fmt::print("{:>6}: {}\n", problem.line_number, problem.text);
            }
        }
        fmt::print("{}: {}, {}, {} without effect\n",
                   file,
                   counted(counts.errors, "error"),
                   counted(counts.warnings, "warning"),
                   counted(counts.without_effect, "line"));
        if (!loaded.ok() && status == 0) {
            status = 1;
        }
    }
    return status;
}

}  // namespace viaduct
