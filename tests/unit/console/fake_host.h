// A router that is none: a running configuration, a log and a few exec rows, for the console's tests.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/ios/session.h"
#include "controlplane/console/console.h"
#include "controlplane/console/host.h"
#include "controlplane/console/shell.h"

namespace viaduct::console::test {

/// Prints a "!" a second, five times; Ctrl-C ends it earlier.
class FakePing final : public ios::ExecJob {
public:
    explicit FakePing(TimePoint now) : next_(now + 1s) {}

    Progress poll(TimePoint now, std::string& out) override {
        while (now >= next_ && sent_ < 5) {
            out += '!';
            ++sent_;
            next_ += 1s;
        }
        if (sent_ < 5 && !interrupted_) {
            return Progress::running;
        }
        out += "\nSuccess rate is " + std::to_string(sent_ * 20) + " percent\n";
        return Progress::finished;
    }

    [[nodiscard]] TimePoint next_deadline() const override { return next_; }

    void interrupt() override { interrupted_ = true; }

private:
    TimePoint next_;
    int sent_ = 0;
    bool interrupted_ = false;
};

class FakeHost final : public Host {
public:
    FakeHost(LogSink& sink, std::string_view configuration) : log_(sink) {
        ios::ConfigSession session(running_);
        std::string_view rest = configuration;
        while (!rest.empty()) {
            const std::size_t end = rest.find('\n');
            const auto executed = session.execute(rest.substr(0, end));
            if (!executed) {
                refused +=
                    std::string(rest.substr(0, end)) + ": " + executed.error().message + "\n";
            }
            rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
        }
        const auto text = [](std::string lines) {
            return [lines = std::move(lines)](ios::ExecContext& context,
                                              const ios::Args&) -> std::unique_ptr<ios::ExecJob> {
                context.out += lines;
                return nullptr;
            };
        };
        rows_.push_back({.pattern = "show ip route",
                         .help = {{"ip", "IP information"}, {"route", "IP routing table"}},
                         .privilege = 1,
                         .run = text("Codes: C - connected\n\nC    10.0.0.0/8 is directly "
                                     "connected\nS    0.0.0.0/0 via 10.0.0.1\n     more of S\n")});
        rows_.push_back({.pattern = "show ip interface [ brief ]",
                         .help = {{"interface", "IP interface status and configuration"},
                                  {"brief", "Brief summary"}},
                         .privilege = 1,
                         .run = text("FastEthernet0/0 is up\n")});
        rows_.push_back({.pattern = "ping <address:A.B.C.D>",
                         .help = {{"ping", "Send echo messages"}, {"address", "Destination"}},
                         .privilege = 1,
                         .run = [](ios::ExecContext& context, const ios::Args&) {
                             context.out += "Type escape sequence to abort.\n";
                             return std::make_unique<FakePing>(context.now);
                         }});
    }

    [[nodiscard]] const config::RunningConfig& running() const override { return running_; }

    void apply(TimePoint, config::RunningConfig wanted) override {
        running_ = std::move(wanted);
        ++applied;
    }

    Result<void> save(std::string_view text) override {
        if (read_only) {
            return failure("read-only file system");
        }
        startup = text;
        return {};
    }

    [[nodiscard]] std::string startup_text() const override { return startup; }

    void request_reload() override { ++reloads; }

    [[nodiscard]] Log& log() override { return log_; }

    [[nodiscard]] const ios::ExecRows& exec_rows() const override { return rows_; }

    [[nodiscard]] TimePoint started_at() const override { return TimePoint{} + 1000s; }

    [[nodiscard]] std::string cipher_path() const override { return "AVX512 VAES"; }

    [[nodiscard]] unsigned workers() const override { return 2; }

    std::string refused;
    std::string startup;
    bool read_only = false;
    int applied = 0;
    int reloads = 0;

private:
    config::RunningConfig running_;
    Log log_;
    ios::ExecRows rows_;
};

/// A console with one shell, and the time in its hands. 1993-03-01 00:00:00 UTC, as in the documents.
class Fixture {
public:
    explicit Fixture(std::string_view configuration = "hostname sv9-2\n",
                     const SessionSpec& spec = {.interactive = false, .privileged = true}) {
        console.on_clock(now, wall());
        auto owned = std::make_unique<FakeHost>(console, configuration);
        host = owned.get();
        console.attach(std::move(owned));
        shell = std::make_unique<Shell>(console, spec);
    }

    [[nodiscard]] WallTime wall() const {
        return WallTime{std::chrono::seconds(730944000)} +
               std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()) - 2000s;
    }

    /// Runs a line to its end and returns what it printed.
    std::string run(std::string_view line) {
        console.on_clock(now, wall());
        status = shell->execute(now, wall(), line);
        std::string text = shell->take_output();
        while (status == Shell::Status::running) {
            now = shell->next_deadline();
            console.on_clock(now, wall());
            status = shell->poll(now, wall());
            text += shell->take_output();
        }
        return text;
    }

    void pass(Duration time) {
        now += time;
        console.on_clock(now, wall());
        status = shell->poll(now, wall());
    }

    TimePoint now = TimePoint{} + 2000s;
    Console console;
    FakeHost* host = nullptr;
    std::unique_ptr<Shell> shell;
    Shell::Status status = Shell::Status::done;
};

}  // namespace viaduct::console::test
