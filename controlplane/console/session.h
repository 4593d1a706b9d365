// What the console keeps of each session: its terminal, its rights, what it was asked. The rows of the
// exec mode change it; the Shell acts on it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/clock.h"

namespace viaduct::console {

/// How a session is opened.
struct SessionSpec {
    /// A person at a terminal: banners, login, exec-timeout, questions, log lines of `logging console`.
    /// Otherwise a script: none of these.
    bool interactive = false;
    /// Starts with all rights (scripts and the socket of the router's own user), or as the line says.
    bool privileged = true;
    unsigned length = 24;
    unsigned width = 80;
};

/// The next line that is typed answers it instead of being a command.
struct Question {
    std::string prompt;
    bool echo = true;
    /// True: accepted; text for the operator is appended to `out`.
    std::function<void(std::string_view answer, std::string& out)> answer;
};

/// What a command wants of the Shell that ran it.
enum class ShellRequest : std::uint8_t { none, enable, disable, close, configure };

struct Session {
    std::uint32_t id = 0;
    bool interactive = false;
    std::uint8_t privilege = 1;
    std::string user;
    unsigned length = 24;  // `terminal length`; 0: no paging
    bool length_set = false;  // by the operator or the line: the window does not change it
    unsigned width = 80;
    bool monitor = false;  // `terminal monitor`
    unsigned history_size = 10;
    std::deque<std::string> history;
    TimePoint opened;
    TimePoint last_input;
    std::string log_lines;  // of the log, waiting to be shown; bounded
    std::uint64_t log_lines_lost = 0;
    ShellRequest request = ShellRequest::none;
    std::optional<Question> question;
    bool cleared = false;  // `clear line`
};

}  // namespace viaduct::console
