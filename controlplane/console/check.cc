#include "controlplane/console/check.h"

#include <fmt/format.h>
#include <vector>

#include "config/ios/parser.h"
#include "config/pix/pix.h"
#include "controlplane/console/text_file.h"

namespace viaduct::console {

namespace {

using LineKind = ios::LineProblem::Kind;

unsigned show(const std::vector<ios::LineProblem>& problems, LineKind kind, std::string& out) {
    unsigned count = 0;
    for (const ios::LineProblem& problem : problems) {
        if (problem.kind == kind) {
            ++count;
            out += ios::problem_text(problem);
        }
    }
    return count;
}

unsigned show_without_effect(const std::vector<ios::LineProblem>& problems,
                             const std::string& file,
                             std::string& out) {
    unsigned count = 0;
    for (const ios::LineProblem& problem : problems) {
        if (problem.kind != LineKind::without_effect) {
            continue;
        }
        if (count++ == 0) {
            out += fmt::format("{}: accepted, without effect on a virtual router:\n", file);
        }
        out += fmt::format("{:>6}: {}\n", problem.line_number, problem.text);
    }
    return count;
}

std::string counted(unsigned n, std::string_view what) {
    return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

}  // namespace

int check_files(std::span<const std::string> files, std::string& out, std::string& errors) {
    int status = 0;
    for (const std::string& file : files) {
        const auto text = read_text_file(file);
        if (!text) {
            errors += text.error().message + "\n";
            status = 2;
            continue;
        }
        const ios::LoadResult loaded = pix::load_any(*text, file);
        const unsigned refused = show(loaded.problems, LineKind::error, out);
        const unsigned warnings = show(loaded.problems, LineKind::warning, out);
        if (pix::is_pix(*text)) {
            out += fmt::format("{}: acted upon:\n", file);
            for (const auto& [number, line] : pix::acted_on(*text, loaded)) {
                out += fmt::format("{:>6}: {}\n", number, line);
            }
        }
        const unsigned without_effect = show_without_effect(loaded.problems, file, out);
        out += fmt::format("{}: {}, {}, {} without effect\n",
                           file,
                           counted(refused, "error"),
                           counted(warnings, "warning"),
                           counted(without_effect, "line"));
        if (!loaded.ok() && status == 0) {
            status = 1;
        }
    }
    return status;
}

}  // namespace viaduct::console
