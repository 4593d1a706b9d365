#include "controlplane/lab/script.h"

#include <fmt/format.h>
#include <map>
#include <ostream>
#include <regex>

#include "controlplane/lab/words.h"

namespace viaduct::lab {

namespace {

constexpr Duration kWaitForStep = 1s;

using LineResult = Result<ScriptLine>;

class Parser {
public:
    Parser(const Lab& lab, std::string file) : lab_(lab) { out_.file = std::move(file); }

    Result<Script> parse(std::string_view text) {
        unsigned number = 0;
        while (!text.empty()) {
            const auto end = text.find('\n');
            const auto line = trim(text.substr(0, end));
            text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
            ++number;
            if (line.empty() || line.starts_with('#')) {
                continue;
            }
            auto parsed = parse_line(line);
            if (!parsed) {
                return failure(fmt::format("{}:{}: {}", out_.file, number, parsed.error().message));
            }
            parsed->line = number;
            out_.lines.push_back(std::move(*parsed));
        }
        return std::move(out_);
    }

private:
    LineResult parse_line(std::string_view line) {
        if (auto typed = typed_line(line)) {
            return std::move(*typed);
        }
        const auto words = split_words(line);
        const auto rest = trim(line.substr(words[0].size()));
        if (words[0] == "wait") {
            return wait(rest);
        }
        if (words[0] == "expect" || words[0] == "expect-not") {
            return expect(
                words[0] == "expect" ? ScriptLine::Kind::expect : ScriptLine::Kind::expect_not,
                rest);
        }
        if (words[0] == "wait-for") {
            return wait_for(rest);
        }
        if (words[0] == "link" && words.size() > 1) {
            return link(words);
        }
        if (words[0] == "power") {
            return power(words);
        }
        if (!configuring_.empty()) {
            return router_command(configuring_, line);
        }
        return failure(fmt::format("'{}' is not a line of a script", line));
    }

    /// "NODE# COMMAND", "NODE(config)# COMMAND", "NODE$ COMMAND"; nothing if the line does not begin so.
    std::optional<LineResult> typed_line(std::string_view line) {
        const auto end = line.find_first_of("#$( \t");
        if (end == std::string_view::npos || end == 0 || line[end] == ' ' || line[end] == '\t') {
            return std::nullopt;
        }
        const auto name = line.substr(0, end);
        auto mark = end;
        if (line[end] == '(') {
            mark = line.find(")#", end);
            if (mark == std::string_view::npos) {
                return std::nullopt;
            }
            ++mark;
        }
        const auto command = trim(line.substr(mark + 1));
        if (line[mark] == '$') {
            if (!lab_.is_host(name)) {
                return LineResult{failure(fmt::format("there is no host '{}'", name))};
            }
            return host_command(name, command);
        }
        if (!lab_.is_router(name)) {
            return LineResult{failure(fmt::format("there is no router '{}'", name))};
        }
        return router_command(std::string(name), command);
    }

    LineResult router_command(std::string name, std::string_view command) {
        const auto words = split_words(command);
        const auto begins = [&](std::string_view whole, std::size_t shortest) {
            return !words.empty() && words[0].size() >= shortest && whole.starts_with(words[0]);
        };
        if (begins("configure", 4) && words.size() > 1) {
            configuring_ = name;
        } else if (begins("end", 3) || words.empty()) {
            configuring_.clear();
        } else if (name != configuring_) {
            configuring_.clear();
        }
        ScriptLine out;
        out.kind = ScriptLine::Kind::command;
        out.node = name;
        out.text = command;
        return out;
    }

    LineResult host_command(std::string_view name, std::string_view command) {
        configuring_.clear();
        ScriptLine out;
        out.kind = ScriptLine::Kind::command;
        if (command == "fg") {
            out.kind = ScriptLine::Kind::foreground;
        } else if (command.ends_with('&')) {
            out.kind = ScriptLine::Kind::background;
            command.remove_suffix(1);
        }
        out.node = name;
        out.text = trim(command);
        return out;
    }

    static LineResult wait(std::string_view rest) {
        const auto time = parse_duration(rest);
        if (!time) {
            return failure(fmt::format("'{}' is not a time like 30s, 500ms, 2m or 1h", rest));
        }
        ScriptLine out;
        out.time = *time;
        return out;
    }

    static LineResult expect(ScriptLine::Kind kind, std::string_view rest) {
        if (const auto fits = matches("", rest); !fits) {
            return tl::unexpected<Error>(fits.error());
        }
        ScriptLine out;
        out.kind = kind;
        out.text = rest;
        return out;
    }

    LineResult wait_for(std::string_view rest) {
        constexpr std::string_view kUsage = "usage: wait-for NODE# COMMAND expect TEXT within TIME";
        const auto mark = rest.find_first_of("#$");
        const auto wanted = rest.rfind(" expect ");
        const auto within = rest.rfind(" within ");
        if (mark == std::string_view::npos || wanted == std::string_view::npos ||
            within == std::string_view::npos || wanted < mark || within < wanted + 8) {
            return failure(std::string(kUsage));
        }
        ScriptLine out;
        out.kind = ScriptLine::Kind::wait_for;
        out.node = trim(rest.substr(0, mark));
        if (rest[mark] == '#' ? !lab_.is_router(out.node) : !lab_.is_host(out.node)) {
            return failure(fmt::format(
                "there is no {} '{}'", rest[mark] == '#' ? "router" : "host", out.node));
        }
        out.text = trim(rest.substr(mark + 1, wanted - mark - 1));
        out.expected = trim(rest.substr(wanted + 8, within - wanted - 8));
        const auto time = parse_duration(trim(rest.substr(within + 8)));
        const auto fits = matches("", out.expected);
        if (!time || !fits) {
            return failure(fits ? std::string(kUsage) : fits.error().message);
        }
        out.time = *time;
        return out;
    }

    LineResult link(const std::vector<std::string_view>& words) {
        ScriptLine out;
        out.node = words[1];
        if (!lab_.is_link(out.node)) {
            return failure(fmt::format("there is no link '{}'", out.node));
        }
        if (words.size() == 3 && (words[2] == "down" || words[2] == "up")) {
            out.kind = words[2] == "up" ? ScriptLine::Kind::link_up : ScriptLine::Kind::link_down;
            return out;
        }
        if (words.size() < 4 || words.size() % 2 != 0) {
            return failure("usage: link LINK down | up | KEY VALUE …");
        }
        out.kind = ScriptLine::Kind::link_set;
        LinkParameters trial;
        for (std::size_t i = 2; i < words.size(); i += 2) {
            if (const auto set = set_link_parameter(trial, words[i], words[i + 1]); !set) {
                return tl::unexpected<Error>(set.error());
            }
            out.settings.emplace_back(words[i], words[i + 1]);
        }
        return out;
    }

    LineResult power(const std::vector<std::string_view>& words) {
        if (words.size() != 3 || (words[2] != "on" && words[2] != "off")) {
            return failure("usage: power ROUTER off | on");
        }
        ScriptLine out;
        out.kind = words[2] == "on" ? ScriptLine::Kind::power_on : ScriptLine::Kind::power_off;
        out.node = words[1];
        if (!lab_.is_router(out.node)) {
            return failure(fmt::format("there is no router '{}'", out.node));
        }
        return out;
    }

    const Lab& lab_;
    Script out_;
    std::string configuring_;  // the router whose configuration lines without a prompt are
};

class Runner {
public:
    Runner(Lab& lab, const Script& script, std::ostream& out, const std::function<bool()>& stop)
        : lab_(lab), script_(script), out_(out), stop_(stop) {}

    ScriptEnd run() {
        for (const auto& line : script_.lines) {
            const auto done = run_line(line);
            out_.flush();
            if (!done) {
                return {false,
                        fmt::format("{}:{}: {}", script_.file, line.line, done.error().message)};
            }
            if (stop_ && stop_()) {
                return {false, fmt::format("{}:{}: interrupted", script_.file, line.line)};
            }
        }
        return {};
    }

private:
    using Done = Result<void>;

    Done run_line(const ScriptLine& line) {
        using Kind = ScriptLine::Kind;
        switch (line.kind) {
        case Kind::wait:
            lab_.run_until(lab_.now() + line.time, stop_);
            return {};
        case Kind::command:
            return command(line);
        case Kind::background:
            return background(line);
        case Kind::foreground:
            return foreground(line);
        case Kind::link_set:
            return set_link(line);
        case Kind::link_down:
        case Kind::link_up:
            out_ << fmt::format(
                "# link {} {}\n", line.node, line.kind == Kind::link_up ? "up" : "down");
            lab_.link(line.node).set_up(lab_.now(), line.kind == Kind::link_up);
            return {};
        case Kind::power_off:
        case Kind::power_on:
            out_ << fmt::format(
                "# power {} {}\n", line.node, line.kind == Kind::power_on ? "on" : "off");
            return lab_.power(line.node, line.kind == Kind::power_on);
        case Kind::expect:
        case Kind::expect_not:
            return expect(line);
        case Kind::wait_for:
            return wait_for(line);
        }
        return {};
    }

    Done command(const ScriptLine& line) {
        out_ << lab_.prompt(line.node) << (lab_.is_host(line.node) ? " " : "") << line.text << '\n';
        out_.flush();
        auto begun = lab_.begin(line.node, line.text);
        if (!begun) {
            return tl::unexpected<Error>(begun.error());
        }
        last_.clear();
        finish(**begun);
        return {};
    }

    /// Runs the clock until it is finished; its output appears as it comes.
    void finish(Command& command) {
        const auto show = [this, &command] {
            const auto text = command.take_output();
            last_ += text;
            out_ << text;
            if (!text.empty()) {
                out_.flush();
            }
        };
        const auto done = lab_.run_until(lab_.now() + Lab::kLongestCommand, [&] {
            show();
            return command.finished() || (stop_ && stop_());
        });
        if (!done || !command.finished()) {
            command.interrupt(lab_.now());
        }
        // What the command changed takes effect before anything else happens.
        lab_.run_until(lab_.now(), {});
        show();
    }

    Done background(const ScriptLine& line) {
        out_ << lab_.prompt(line.node) << ' ' << line.text << " &\n";
        auto begun = lab_.begin(line.node, line.text);
        if (!begun) {
            return tl::unexpected<Error>(begun.error());
        }
        background_[line.node] = std::move(*begun);
        return {};
    }

    Done foreground(const ScriptLine& line) {
        const auto found = background_.find(line.node);
        if (found == background_.end()) {
            return failure(fmt::format("{} has no command in the background", line.node));
        }
        out_ << lab_.prompt(line.node) << " fg\n";
        last_.clear();
        finish(*found->second);
        background_.erase(found);
        return {};
    }

    Done set_link(const ScriptLine& line) {
        auto& link = lab_.link(line.node);
        auto parameters = link.parameters();
        out_ << "# link " << line.node;
        for (const auto& [key, value] : line.settings) {
            out_ << ' ' << key << ' ' << value;
            if (auto set = set_link_parameter(parameters, key, value); !set) {
                return set;
            }
        }
        out_ << '\n';
        link.set_parameters(parameters);
        return {};
    }

    Done expect(const ScriptLine& line) {
        const auto found = matches(last_, line.text);
        if (!found) {
            return tl::unexpected<Error>(found.error());
        }
        const auto wanted = line.kind == ScriptLine::Kind::expect;
        if (*found == wanted) {
            return {};
        }
        return failure(fmt::format("{} {}: the last output {}",
                                   wanted ? "expect" : "expect-not",
                                   line.text,
                                   wanted ? "does not have it" : "has it"));
    }

    Done wait_for(const ScriptLine& line) {
        const auto until = lab_.now() + line.time;
        while (true) {
            const auto prompt = lab_.prompt(line.node);
            last_ = lab_.ask(line.node, line.text);
            const auto found = matches(last_, line.expected);
            if (!found) {
                return tl::unexpected<Error>(found.error());
            }
            const auto stopped = stop_ && stop_();
            if (*found || lab_.now() >= until || stopped) {
                out_ << prompt << (lab_.is_host(line.node) ? " " : "") << line.text << '\n'
                     << last_;
                return *found
                           ? Done{}
                           : failure(fmt::format("'{}' did not appear within {} s",
                                                 line.expected,
                                                 std::chrono::duration<double>(line.time).count()));
            }
            lab_.run_until(lab_.now() + kWaitForStep, stop_);
        }
    }

    Lab& lab_;
    const Script& script_;
    std::ostream& out_;
    const std::function<bool()>& stop_;
    std::string last_;
    std::map<std::string, std::unique_ptr<Command>> background_;
};

}  // namespace

Result<bool> matches(std::string_view text, std::string_view wanted) {
    if (wanted.empty()) {
        return failure("what is expected is missing");
    }
    if (wanted.size() < 3 || !wanted.starts_with('/') || !wanted.ends_with('/')) {
        return text.find(wanted) != std::string_view::npos;
    }
    try {
        const std::regex pattern(std::string(wanted.substr(1, wanted.size() - 2)));
        return std::regex_search(text.begin(), text.end(), pattern);
    } catch (const std::regex_error& error) {
        return failure(fmt::format("the regular expression {} is bad: {}", wanted, error.what()));
    }
}

Result<Script> parse_script(std::string_view text, const std::string& file, const Lab& lab) {
    return Parser(lab, file).parse(text);
}

ScriptEnd run_script(Lab& lab,
                     const Script& script,
                     std::ostream& out,
                     const std::function<bool()>& stop) {
    return Runner(lab, script, out, stop).run();
}

}  // namespace viaduct::lab
