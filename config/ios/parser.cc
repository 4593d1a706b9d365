#include "config/ios/parser.h"

#include <algorithm>
#include <iterator>

#include "config/ios/check.h"

namespace viaduct::ios {

namespace {

using Kind = LineProblem::Kind;

bool is_frame(std::string_view line) {
    return line.starts_with("Building configuration") ||
           line.starts_with("Current configuration") || line.starts_with("Using ") ||
           line.starts_with("! Last configuration");
}

/// Reads line by line and remembers what was refused.
class Loader {
public:
    explicit Loader(std::string_view file) : file_(file), session_(result_.config) {}

    void read(std::string_view line) {
        ++number_;
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        if (!session_.wants_text() && is_frame(line)) {
            return;
        }
        const bool indented = line.starts_with(' ') || line.starts_with('\t');
        if (indented && refused_section_ != 0 && !session_.wants_text()) {
            add(Kind::error,
                line,
                fmt::format("belongs to line {}, which was refused", refused_section_));
            return;
        }
        refused_section_ = 0;
        leave_section(line, indented);
        const auto done = session_.execute(line);
        if (done) {
            if (session_.last_effect() == Effect::kept) {
                add(Kind::without_effect, line, "accepted, without effect");
            } else if (session_.last_effect() == Effect::later) {
                add(Kind::without_effect, line, "configured, not acted upon");
            }
            return;
        }
        add(Kind::error, line, done.error().message);
        if (done.error().kind != SyntaxError::Kind::refused) {
            result_.problems.back().caret = true;
            result_.problems.back().column = done.error().column;
        }
        if (!indented) {
            // Its sub-lines must not fall into the section before.
            session_.to_global();
            refused_section_ = number_;
        }
    }

    LoadResult finish() {
        if (session_.wants_text()) {
            add(Kind::error, "", "A banner's text does not end");
        }
        return std::move(result_);
    }

private:
    /// Behind lines that are indented, one that is not is global, also where the section has a line that
    /// begins alike. A file without indentation is read as an operator would type it.
    void leave_section(std::string_view line, bool indented) {
        if (session_.wants_text() || line.empty()) {
            return;
        }
        if (!indented && section_indented_) {
            session_.to_global();
        }
        section_indented_ = indented;
    }

    void add(Kind kind, std::string_view line, std::string message) {
        result_.problems.push_back({.kind = kind,
                                    .file = file_,
                                    .line_number = number_,
                                    .text = std::string(line),
                                    .message = std::move(message)});
    }

    LoadResult result_;
    std::string file_;
    ConfigSession session_;
    unsigned number_ = 0;
    unsigned refused_section_ = 0;
    bool section_indented_ = false;
};

}  // namespace

bool LoadResult::ok() const {
    return std::none_of(problems.begin(), problems.end(), [](const auto& problem) {
        return problem.kind == Kind::error;
    });
}

LoadResult load(std::string_view text, std::string_view file_name) {
    Loader loader(file_name);
    for (auto rest = text; !rest.empty();) {
        const auto end = std::min(rest.find('\n'), rest.size());
        loader.read(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    auto result = loader.finish();
    auto more = warnings(result.config, text, file_name);
    std::move(more.begin(), more.end(), std::back_inserter(result.problems));
    return result;
}

std::string problem_text(const LineProblem& problem) {
    auto message = std::string_view(problem.message);
    if (message.starts_with("% ")) {
        message.remove_prefix(2);
    }
    const auto place = problem.line_number != 0
                           ? fmt::format("{}:{}", problem.file, problem.line_number)
                           : problem.file;
    auto out = fmt::format("{}: {}\n", place, message);
    if (!problem.text.empty()) {
        out += "  " + problem.text + "\n";
    }
    if (problem.caret) {
        out += "  " + std::string(problem.column, ' ') + "^\n";
    }
    return out;
}

}  // namespace viaduct::ios
