// A row of the exec mode: one `show`, `clear`, `debug`, `ping` … command. Every feature folder of the
// control plane makes its own rows; the Router gathers them into one table for the console.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/ios/grammar.h"
#include "dataplane/base/clock.h"

namespace viaduct::ios {

/// A command that takes time (ping, traceroute). Driven by the console: poll() appends what is to be
/// shown and says whether it is finished.
class ExecJob {
public:
    ExecJob() = default;
    ExecJob(const ExecJob&) = delete;
    ExecJob& operator=(const ExecJob&) = delete;
    ExecJob(ExecJob&&) = delete;
    ExecJob& operator=(ExecJob&&) = delete;
    virtual ~ExecJob() = default;

    enum class Progress : std::uint8_t { running, finished };
    virtual Progress poll(TimePoint now, std::string& out) = 0;
    [[nodiscard]] virtual TimePoint next_deadline() const = 0;
    /// The operator typed the escape sequence.
    virtual void interrupt() = 0;
};

/// What a row's function is given besides its arguments.
struct ExecContext {
    TimePoint now;
    WallTime wall;
    std::uint32_t session = 0;  // which console session asks; 0: none (scripts)
    std::string& out;  // text is appended; lines end with "\n"
};

struct ExecRow {
    std::string_view pattern;  // grammar.h; without `no`/`undebug`
    std::vector<TokenHelp> help;
    std::uint8_t privilege = 1;  // 1 user exec, 15 privileged
    /// Runs on the control thread. Returns a job if it needs time, else nullptr.
    std::function<std::unique_ptr<ExecJob>(ExecContext&, const Args&)> run;
};

using ExecRows = std::vector<ExecRow>;

}  // namespace viaduct::ios
