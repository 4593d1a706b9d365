// One router's console: the table of exec commands, the log book, and the sessions that are open.
// It is the LogSink that the Router is built with; afterwards it is attached to it. Control thread only.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/ios/exec_row.h"
#include "config/ios/grammar.h"
#include "controlplane/console/host.h"
#include "controlplane/console/log_book.h"
#include "controlplane/console/session.h"
#include "controlplane/log/event_log.h"
#include "controlplane/log/log.h"
#include "dataplane/base/clock.h"

namespace viaduct::console {

/// A line of `show processes`.
struct Process {
    std::uint32_t id = 0;
    std::string name;
    Duration cpu{};
};

/// Log lines that wait for a session, in bytes; older ones are counted and dropped.
inline constexpr std::size_t kMaxWaitingLog = 256 * 1024;
/// Sessions of one router; more are refused.
inline constexpr std::size_t kMaxSessions = 64;

class Console final : public LogSink {
public:
    Console();
    ~Console() override;
    Console(const Console&) = delete;
    Console& operator=(const Console&) = delete;
    Console(Console&&) = delete;
    Console& operator=(Console&&) = delete;

    /// After the Router is made; once more after a reload. `router` outlives the console or the next attach.
    void attach(Router& router);
    void attach(std::unique_ptr<Host> host);
    /// What time it is, for the stamps of the messages that follow. Call before each Router::poll().
    void on_clock(TimePoint now, WallTime wall);
    void on_message(const LogMessage& message) override;

    /// Where syslog datagrams go; without it they are only counted.
    void set_syslog(LogBook::SyslogSender sender) { book_.set_syslog(std::move(sender)); }

    /// Threads of the process for `show processes`; without it only their names are shown.
    void set_processes(std::function<std::vector<Process>()> source) {
        processes_ = std::move(source);
    }

    // ── for Shell and the exec rows ──
    [[nodiscard]] Host& host();
    [[nodiscard]] const Host& host() const;

    [[nodiscard]] LogBook& book() { return book_; }

    [[nodiscard]] EventLog& events() { return events_; }

    [[nodiscard]] TimePoint now() const { return now_; }

    [[nodiscard]] WallTime wall() const { return wall_; }

    /// nullptr when there are kMaxSessions already.
    Session* open_session(const SessionSpec& spec);
    void close_session(std::uint32_t id);
    /// nullptr: none (a row that is run without a session).
    [[nodiscard]] Session* session(std::uint32_t id);

    [[nodiscard]] const std::map<std::uint32_t, std::unique_ptr<Session>>& sessions() const {
        return sessions_;
    }

    [[nodiscard]] std::vector<Process> processes() const;
    /// The commands that a privilege level may run; a match's id names a row of row().
    [[nodiscard]] const ios::CommandSet& commands(std::uint8_t privilege) const;

    [[nodiscard]] const ios::ExecRow& row(std::size_t id) const { return *rows_.at(id); }

    /// All rows, for the command reference.
    [[nodiscard]] std::vector<const ios::ExecRow*> rows() const { return rows_; }

private:
    void build_commands();
    void tell_sessions();
    void add_commands(std::size_t first);

    std::unique_ptr<Host> host_;
    LogBook book_;
    EventLog events_;
    std::size_t sessions_told_ = 0;  // to the host
    TimePoint now_{};
    WallTime wall_{};
    std::map<std::uint32_t, std::unique_ptr<Session>> sessions_;
    std::uint32_t next_session_ = 1;
    std::function<std::vector<Process>()> processes_;
    ios::ExecRows own_rows_;
    ios::ExecRows absent_rows_;
    std::vector<const ios::ExecRow*> rows_;
    std::array<ios::CommandSet, 2> commands_;  // user, privileged
};

// The console's own rows, by topic. `console` outlives them.
ios::ExecRows shell_rows(Console& console);  // enable, configure, exit, terminal, history …
ios::ExecRows system_rows(Console& console);  // show version, clock, users, processes, logging …
ios::ExecRows startup_rows(Console& console);  // show running-config, copy, write, reload …
ios::ExecRows debug_rows(Console& console);  // debug, show debugging
/// Rows that say "configured, not running" for features whose own rows are not in `present`.
ios::ExecRows absent_rows(Console& console, const ios::CommandSet& present);

}  // namespace viaduct::console
