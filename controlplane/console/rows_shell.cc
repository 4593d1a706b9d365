// Exec rows about the session itself: rights, modes, terminal, history.
#include <algorithm>
#include <fmt/format.h>

#include "controlplane/console/console.h"

namespace viaduct::console {

namespace {

using SessionRun = std::function<void(Session&, ios::ExecContext&, const ios::Args&)>;

/// A row that needs a session; in a script without one it does nothing.
ios::ExecRow session_row(Console& console,
                         std::string_view pattern,
                         std::vector<ios::TokenHelp> help,
                         std::uint8_t privilege,
                         SessionRun run) {
    return {.pattern = pattern,
            .help = std::move(help),
            .privilege = privilege,
            .run = [&console, run = std::move(run)](
                       ios::ExecContext& context,
                       const ios::Args& args) -> std::unique_ptr<ios::ExecJob> {
                if (Session* const session = console.session(context.session)) {
                    run(*session, context, args);
                }
                return nullptr;
            }};
}

SessionRun request(ShellRequest what) {
    return
        [what](Session& session, ios::ExecContext&, const ios::Args&) { session.request = what; };
}

void show_terminal(const Session& session, std::string& out) {
    out += fmt::format("Line {}, Location: \"\", Type: \"\"\n", session.id);
    out += fmt::format("Length: {} lines, Width: {} columns\n", session.length, session.width);
    out += fmt::format("Monitor: {}\n", session.monitor ? "on" : "off");
    out += fmt::format("History is enabled, history size is {}.\n", session.history_size);
}

ios::ExecRows mode_rows(Console& console) {
    ios::ExecRows rows;
    rows.push_back(session_row(console,
                               "enable",
                               {{"enable", "Turn on privileged commands"}},
                               0,
                               request(ShellRequest::enable)));
    rows.push_back(session_row(console,
                               "disable",
                               {{"disable", "Turn off privileged commands"}},
                               0,
                               request(ShellRequest::disable)));
    rows.push_back(session_row(
        console, "exit", {{"exit", "Exit from the EXEC"}}, 0, request(ShellRequest::close)));
    rows.push_back(session_row(
        console, "quit", {{"quit", "Exit from the EXEC"}}, 0, request(ShellRequest::close)));
    rows.push_back(session_row(
        console, "logout", {{"logout", "Exit from the EXEC"}}, 0, request(ShellRequest::close)));
    rows.push_back(session_row(
        console,
        "configure [ terminal ]",
        {{"configure", "Enter configuration mode"}, {"terminal", "Configure from the terminal"}},
        15,
        request(ShellRequest::configure)));
    return rows;
}

ios::ExecRows terminal_rows(Console& console) {
    ios::ExecRows rows;
    rows.push_back(session_row(console,
                               "terminal length <lines:0-512>",
                               {{"terminal", "Set terminal line parameters"},
                                {"length", "Set number of lines on a screen"},
                                {"lines", "Number of lines on screen (0 for no pausing)"}},
                               1,
                               [](Session& s, ios::ExecContext&, const ios::Args& args) {
                                   s.length = args.number("lines");
                                   s.length_set = true;
                               }));
    rows.push_back(session_row(console,
                               "terminal width <columns:0-512>",
                               {{"terminal", "Set terminal line parameters"},
                                {"width", "Set width of the display terminal"},
                                {"columns", "Number of characters on a screen line"}},
                               1,
                               [](Session& s, ios::ExecContext&, const ios::Args& args) {
                                   s.width = args.number("columns");
                               }));
    rows.push_back(session_row(
        console,
        "terminal [ no ] monitor",
        {{"terminal", "Set terminal line parameters"},
         {"no", "Negate a command or set its defaults"},
         {"monitor", "Copy debug output to the current terminal line"}},
        15,
        [](Session& s, ios::ExecContext&, const ios::Args& args) { s.monitor = !args.has("no"); }));
    rows.push_back(session_row(console,
                               "terminal history size <size:0-256>",
                               {{"terminal", "Set terminal line parameters"},
                                {"history", "Enable and control the command history function"},
                                {"size", "Set history buffer size"}},
                               1,
                               [](Session& s, ios::ExecContext&, const ios::Args& args) {
                                   s.history_size = args.number("size");
                                   while (s.history.size() > s.history_size) {
                                       s.history.pop_front();
                                   }
                               }));
    return rows;
}

ios::ExecRows show_rows(Console& console) {
    ios::ExecRows rows;
    rows.push_back(session_row(console,
                               "show history",
                               {{"show", "Show running system information"},
                                {"history", "Display the session command history"}},
                               1,
                               [](Session& s, ios::ExecContext& context, const ios::Args&) {
                                   for (const std::string& line : s.history) {
                                       context.out += "  " + line + "\n";
                                   }
                               }));
    rows.push_back(session_row(console,
                               "show privilege",
                               {{"privilege", "Show current privilege level"}},
                               1,
                               [](Session& s, ios::ExecContext& context, const ios::Args&) {
                                   context.out +=
                                       fmt::format("Current privilege level is {}\n", s.privilege);
                               }));
    rows.push_back(session_row(console,
                               "show terminal",
                               {{"terminal", "Display terminal configuration parameters"}},
                               1,
                               [](Session& s, ios::ExecContext& context, const ios::Args&) {
                                   show_terminal(s, context.out);
                               }));
    return rows;
}

}  // namespace

ios::ExecRows shell_rows(Console& console) {
    ios::ExecRows rows = mode_rows(console);
    for (const auto& more : {terminal_rows(console), show_rows(console)}) {
        rows.insert(rows.end(), more.begin(), more.end());
    }
    return rows;
}

}  // namespace viaduct::console
