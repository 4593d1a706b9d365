// Terminal lines: console, auxiliary port, virtual terminals.
#include <algorithm>

#include "config/ios/fields.h"
#include "config/ios/kept_lines.h"

namespace viaduct::ios {

namespace {

using config::LineConfig;

constexpr std::uint32_t kDefaultExecTimeout = 600;

std::string_view kind_word(LineConfig::Kind kind) {
    switch (kind) {
    case LineConfig::Kind::console:
        return "con";
    case LineConfig::Kind::aux:
        return "aux";
    case LineConfig::Kind::vty:
        return "vty";
    }
    return "";
}

Row enter_line_row() {
    Row row{
        .mode = Mode::global,
        .pattern =
            "line { con <first:0-0> | console <first:0-0> | aux <first:0-0> | vty "
            "<first:0-15> [ <last:0-15> ] }",
        .help =
            "Configure a terminal line|con: Primary terminal line|console: Primary terminal "
            "line|aux: Auxiliary line|vty: Virtual terminal|first: First Line number|last: Last "
            "Line number"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        LineConfig line;
        line.kind = args.has("aux")   ? LineConfig::Kind::aux
                    : args.has("vty") ? LineConfig::Kind::vty
                                      : LineConfig::Kind::console;
        line.first = static_cast<std::uint16_t>(args.number("first"));
        line.last = static_cast<std::uint16_t>(args.number("last", line.first));
        if (line.last < line.first) {
            return failure("Last line must not be before the first");
        }
        auto& lines = session.config().system.lines;
        const auto same = [&line](const LineConfig& other) {
            return other.kind == line.kind && other.first == line.first && other.last == line.last;
        };
        auto found = std::find_if(lines.begin(), lines.end(), same);
        if (args.negated()) {
            if (found != lines.end()) {
                lines.erase(found);
            }
            return done();
        }
        if (found == lines.end()) {
            const auto after = [](const LineConfig& a, const LineConfig& b) {
                return std::pair(a.kind, a.first) < std::pair(b.kind, b.first);
            };
            found = lines.insert(std::upper_bound(lines.begin(), lines.end(), line, after), line);
        }
        session.enter(
            {.mode = Mode::line, .number = static_cast<std::uint32_t>(found - lines.begin())});
        return done();
    };
    row.write = [](Writer& out) {
        const auto& lines = out.config().system.lines;
        for (std::uint32_t i = 0; i < lines.size(); ++i) {
            const auto last =
                lines[i].last != lines[i].first ? fmt::format(" {}", lines[i].last) : "";
            out.section(fmt::format("line {} {}{}", kind_word(lines[i].kind), lines[i].first, last),
                        {.mode = Mode::line, .number = i});
        }
    };
    row.examples = {"line con 0", "line vty 5 15"};
    row.enters = true;
    return at(Place::lines, std::move(row));
}

Row exec_timeout_row() {
    Row row{.mode = Mode::line,
            .pattern = "exec-timeout <minutes:0-35791> [ <seconds:0-59> ]",
            .help = "Set the EXEC timeout|minutes: Timeout in minutes|seconds: Timeout in seconds"};
    row.apply = [](ConfigSession& session, const Args& args) {
        const auto seconds = args.number("minutes") * 60 + args.number("seconds");
        auto& value = session.object<LineConfig>().exec_timeout_s;
        value = seconds;
        if (args.negated() || seconds == kDefaultExecTimeout) {
            value.reset();
        }
        return done();
    };
    row.write = [](Writer& out) {
        if (const auto& value = out.object<LineConfig>().exec_timeout_s) {
            out.line("exec-timeout {} {}", *value / 60, *value % 60);
        }
    };
    row.examples = {"exec-timeout 0 0", "exec-timeout 5 30"};
    return row;
}

Row password_row() {
    Row row{
        .mode = Mode::line,
        .pattern = "password " + std::string(kPasswordLine),
        .help =
            "Set a password|0: Specifies an UNENCRYPTED password will follow|7: Specifies a HIDDEN "
            "password will follow|plain: The UNENCRYPTED (cleartext) line password"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& password = session.object<LineConfig>().password;
        if (args.negated()) {
            password = {};
            return done();
        }
        auto read = read_password(args);
        if (!read) {
            return tl::unexpected(read.error());
        }
        password = stored(session.config().system, *read);
        return done();
    };
    row.write = [](Writer& out) {
        const auto& password = out.object<LineConfig>().password;
        if (!password.empty()) {
            out.line("password {}", password_text(stored(out.config().system, password)));
        }
    };
    row.examples = {"password cisco", "password 7 121A0C041104"};
    return row;
}

Row login_row() {
    Row row{.mode = Mode::line,
            .pattern = "login [ local | authentication <list:WORD> ]",
            .help =
                "Enable password checking|local: Local password checking|authentication: "
                "Authentication parameters|list: Use an authentication list with this name"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& line = session.object<LineConfig>();
        const bool on = !args.negated();
        line.login = on && !args.has("local") && !args.has("authentication");
        line.login_local = on && args.has("local");
        line.login_authentication = on ? args.text("list") : "";
        return done();
    };
    row.write = [](Writer& out) {
        const auto& line = out.object<LineConfig>();
        if (line.login) {
            out.line("login");
        }
        if (line.login_local) {
            out.line("login local");
        }
        if (!line.login_authentication.empty()) {
            out.line("login authentication {}", quoted(line.login_authentication));
        }
    };
    row.examples = {"login", "login local", "login authentication clientauth"};
    return row;
}

Row privilege_row() {
    auto row = number_row(Mode::line,
                          "privilege level",
                          "0-15",
                          &LineConfig::privilege,
                          "Assign default privilege level for line|value: Default privilege level");
    return examples({"privilege level 15"}, std::move(row));
}

Row access_class_row() {
    Row row{
        .mode = Mode::line,
        .pattern = "access-class <list:WORD> in",
        .help =
            "Filter connections based on an IP access list|list: Access list|in: Filter incoming "
            "connections"};
    row.apply = [](ConfigSession& session, const Args& args) {
        session.object<LineConfig>().access_class_in = args.negated() ? "" : args.text("list");
        return done();
    };
    row.write = [](Writer& out) {
        const auto& list = out.object<LineConfig>().access_class_in;
        if (!list.empty()) {
            out.line("access-class {} in", quoted(list));
        }
    };
    row.examples = {"access-class 10 in"};
    return row;
}

Row kept_line_row(const std::string& pattern,
                  const std::string& help,
                  std::vector<std::string> lines) {
    Row row{.mode = Mode::line, .pattern = pattern, .help = help};
    row.apply = [identity = leading_words(pattern)](ConfigSession& session, const Args& args) {
        keep_line(session.object<LineConfig>().kept, args, identity);
        return done();
    };
    row.examples = std::move(lines);
    row.effect = Effect::kept;
    return row;
}

Row kept_writer(Row row) {
    row.write = [](Writer& out) {
        for (const auto& line : out.object<LineConfig>().kept) {
            out.text(line);
        }
    };
    return row;
}

}  // namespace

Rows line_rows() {
    Rows rows{
        enter_line_row(),
        exec_timeout_row(),
        privilege_row(),
        password_row(),
        flag_row(Mode::line,
                 "logging synchronous",
                 &LineConfig::logging_synchronous,
                 "Synchronized message output"),
        login_row(),
        access_class_row(),
        examples({"length 0"},
                 number_row(Mode::line,
                            "length",
                            "0-512",
                            &LineConfig::length,
                            "Set number of lines on a screen|value: Number of lines on "
                            "screen (0 for no pausing)")),
        examples({"width 132"},
                 number_row(Mode::line,
                            "width",
                            "0-512",
                            &LineConfig::width,
                            "Set width of the display terminal|value: Number of "
                            "characters on a screen line")),
        kept_writer(kept_line_row("transport preferred <protocols:LINE>",
                                  "Specify the preferred protocol to use",
                                  {"transport preferred all", "transport preferred none"})),
        kept_line_row("transport input <protocols:LINE>",
                      "Define which protocols to use when connecting to the "
                      "terminal server",
                      {"transport input all", "transport input telnet ssh"}),
        kept_line_row("transport output <protocols:LINE>",
                      "Define which protocols to use for outgoing connections",
                      {"transport output all"}),
        kept_line_row("escape-character <character:LINE>",
                      "Change the current line's escape character",
                      {"escape-character 27"}),
        kept_line_row("stopbits { 1 | 1.5 | 2 }", "Set async line stop bits", {"stopbits 1"}),
        kept_line_row(
            "speed <bps:0-4294967295>", "Set the transmit and receive speeds", {"speed 9600"}),
        kept_line_row("flowcontrol { none | software | hardware }",
                      "Set the flow control",
                      {"flowcontrol hardware"}),
        kept_line_row("modem <what:LINE>", "Configure the Modem Control Lines", {"modem InOut"}),
        kept_line_row("exec", "Configure EXEC", {"no exec"}),
        kept_line_row("history [ size <lines:0-256> ]",
                      "Enable and control the command history function",
                      {"history size 100"}),
        kept_line_row("session-timeout <minutes:0-35791>",
                      "Set interval for closing connection when there is no "
                      "input traffic",
                      {"session-timeout 10"}),
        kept_line_row("monitor", "Copy debug output to the current terminal line", {"monitor"}),
        kept_line_row("rotary <group:0-127>", "Add line to a rotary group", {"rotary 1"}),
    };
    return rows;
}

}  // namespace viaduct::ios
