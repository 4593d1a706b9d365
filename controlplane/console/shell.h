// One console session of one router: prompt, exec and configuration modes, help, filters, debug and log
// output. Knows no socket and no terminal: bytes of commands in, text out. The socket server, the
// interactive client and the lab's scripts stand around it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/ios/grammar.h"
#include "controlplane/console/console.h"
#include "controlplane/console/session.h"
#include "dataplane/base/clock.h"

namespace viaduct::console {

enum class ShellMode : std::uint8_t { user, privileged, configuration };

class Shell {
public:
    /// `console` outlives the shell. Scripts start privileged, people as the line's configuration says.
    Shell(Console& console, ShellMode start);
    Shell(Console& console, const SessionSpec& spec);
    ~Shell();
    Shell(const Shell&) = delete;
    Shell& operator=(const Shell&) = delete;
    Shell(Shell&&) = delete;
    Shell& operator=(Shell&&) = delete;

    /// "sv9-2#", "sv9-2(config-if)#", "Password: " …
    [[nodiscard]] std::string prompt() const;
    /// False while a password is asked for: what is typed is not to be shown.
    [[nodiscard]] bool echo() const;
    /// False when the console had no room for one more session: everything answers `closed`.
    [[nodiscard]] bool is_open() const;

    enum class Status : std::uint8_t { done, invalid, running, closed };
    /// Runs one line; its output is fetched by take_output(). `running`: a job (ping) goes on: call poll().
    /// A line that ends in "?" asks for help instead; Ctrl-Z (byte 26) at its end stands for `end`.
    Status execute(TimePoint now, WallTime wall, std::string_view line);
    /// Goes on with a running job; `running` until it is finished. `closed`: timed out or cleared.
    Status poll(TimePoint now, WallTime wall);
    [[nodiscard]] TimePoint next_deadline() const;
    void interrupt();
    /// Command output and, where this session asked for it (terminal monitor, console line), log lines.
    std::string take_output();
    /// `?` and Tab.
    [[nodiscard]] std::vector<ios::Completion> complete(std::string_view line) const;
    /// The text of `?` behind this line, and what Tab adds to it.
    [[nodiscard]] std::string help(std::string_view line) const;
    [[nodiscard]] std::string tab(std::string_view line) const;
    /// `terminal length`; 0: no paging.
    [[nodiscard]] unsigned length() const;
    /// The terminal's size changed.
    void set_window(unsigned rows, unsigned columns);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace viaduct::console
