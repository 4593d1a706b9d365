#include "config/pix/pix.h"

#include <algorithm>
#include <fmt/format.h>

#include "config/pix/lines.h"

namespace viaduct::pix {

namespace {

using config::RunningConfig;
using ios::LineProblem;

/// Calls `each` with every line, without its end, and its number from 1.
template <typename Each>
void for_each_line(std::string_view text, Each each) {
    unsigned number = 0;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        auto line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        while (line.ends_with('\r') || line.ends_with(' ')) {
            line.remove_suffix(1);
        }
        each(line, ++number);
    }
}

bool is_comment(std::string_view line) {
    return line.empty() || line.front() == ':' || line.front() == '!' ||
           line.starts_with("Building configuration") || line == "[OK]";
}

/// The interfaces that a PIX names without being told.
void set_defaults(RunningConfig& config) {
    config.dialect = config::Dialect::pix;
    config.system.hostname = "pixfirewall";
    for (const auto& [port, name, level] :
         {std::tuple{"ethernet0", "outside", 0}, std::tuple{"ethernet1", "inside", 100}}) {
        const auto interface = *config::InterfaceName::parse(port);
        config.interfaces[interface].name = interface;
        config.pix_names[port] = name;
        config.pix_security[name] = static_cast<std::uint8_t>(level);
    }
    // PIX 6.3: xlate 3:00:00, conn 1:00:00 half-closed 0:10:00 udp 0:02:00.
    config.nat.timeouts.dynamic_s = 10800;
    config.nat.timeouts.tcp_s = 3600;
    config.nat.timeouts.udp_s = 120;
    config.nat.timeouts.half_closed_s = 600;
}

class Loader {
public:
    explicit Loader(std::string_view file) : file_(file) { set_defaults(result_.config); }

    void read(std::string_view line, unsigned number) {
        if (is_comment(line)) {
            return;
        }
        constexpr std::string_view kChecksum = "Cryptochecksum:";
        if (line.starts_with(kChecksum)) {
            result_.config.pix_kept.emplace_back(line);
            add(LineProblem::Kind::without_effect, line, number, "accepted, without effect");
            return;
        }
        const auto match = commands().match(line);
        if (!match) {
            add(LineProblem::Kind::error, line, number, match.error().message);
            result_.problems.back().caret = true;
            result_.problems.back().column = match.error().column;
            return;
        }
        const auto& row = rows()[match->id];
        if (const auto done = row.apply(result_.config, match->args); !done) {
            add(LineProblem::Kind::error, line, number, done.error().message);
            return;
        }
        switch (row.effect) {
        case Effect::acted_on:
            break;
        case Effect::kept:
            add(LineProblem::Kind::without_effect, line, number, "accepted, without effect");
            break;
        case Effect::not_run:
            add(LineProblem::Kind::warning,
                line,
                number,
                "warning: kept, but not run in the PIX dialect");
            break;
        }
    }

    ios::LoadResult finish(std::string_view text) {
        for (const auto& problem : build_nat(result_.config)) {
            unsigned at = 0;
            for_each_line(text, [&](std::string_view line, unsigned number) {
                at = line == problem.line ? number : at;
            });
            add(LineProblem::Kind::error, problem.line, at, problem.message);
        }
        for_each_line(text, [this](std::string_view line, unsigned number) {
            if (const auto note = part_without_effect(result_.config, line); !note.empty()) {
                add(LineProblem::Kind::warning, line, number, "warning: " + note);
            }
        });
        auto& kept = result_.config.pix_kept;
        std::stable_sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) {
            return kept_place(a) < kept_place(b);
        });
        return std::move(result_);
    }

private:
    void add(LineProblem::Kind kind, std::string_view line, unsigned number, std::string message) {
        result_.problems.push_back({.kind = kind,
                                    .file = file_,
                                    .line_number = number,
                                    .text = std::string(line),
                                    .message = std::move(message)});
    }

    ios::LoadResult result_;
    std::string file_;
};

}  // namespace

bool is_pix(std::string_view text) {
    bool found = false;
    for_each_line(text, [&found](std::string_view line, unsigned) {
        found = found || line.starts_with("PIX Version");
    });
    return found;
}

ios::LoadResult load(std::string_view text, std::string_view file_name) {
    Loader loader(file_name);
    for_each_line(text,
                  [&loader](std::string_view line, unsigned number) { loader.read(line, number); });
    return loader.finish(text);
}

std::vector<std::pair<unsigned, std::string>> acted_on(std::string_view text,
                                                       const ios::LoadResult& loaded) {
    std::vector<std::pair<unsigned, std::string>> out;
    for_each_line(text, [&](std::string_view line, unsigned number) {
        const bool problem = std::ranges::any_of(
            loaded.problems, [number](const LineProblem& p) { return p.line_number == number; });
        if (!is_comment(line) && !problem) {
            out.emplace_back(number, line);
        }
    });
    return out;
}

ios::LoadResult load_any(std::string_view text, std::string_view file_name) {
    return is_pix(text) ? load(text, file_name) : ios::load(text, file_name);
}

std::string write_any(const RunningConfig& config) {
    return config.dialect == config::Dialect::pix ? write_pix_config(config)
                                                  : ios::write_config(config);
}

}  // namespace viaduct::pix
