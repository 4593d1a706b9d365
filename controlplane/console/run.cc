// `viaduct run`: one router on the ports of the machine. Everything that can be wrong is looked at before
// anything is started.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>
#include <memory>
#include <sched.h>
#include <string>
#include <unistd.h>
#include <vector>

#include "config/ios/parser.h"
#include "config/pix/pix.h"
#include "config/platform/platform.h"
#include "controlplane/console/console.h"
#include "controlplane/console/control_loop.h"
#include "controlplane/console/machine.h"
#include "controlplane/console/server.h"
#include "controlplane/console/subcommands.h"
#include "controlplane/console/text_file.h"
#include "controlplane/console/worker_threads.h"
#include "controlplane/router/router.h"
#include "crypto/offload.h"
#include "crypto/primitives.h"
#include "dataplane/ports/dpdk_port.h"
#include "dataplane/ports/eal.h"

namespace viaduct {

namespace {

using config::Platform;
using config::PlatformPort;
using console::monotonic_now;

constexpr int kBadInput = 2;
constexpr int kFailed = 1;
constexpr unsigned kOffloadThreads = 2;

int refuse(const std::string& sentence) {
    fmt::print(stderr, "viaduct run: {}\n", sentence);
    return kBadInput;
}

/// Packet buffers take about a quarter of the memory; the rest is for tables and rings.
unsigned buffers_in(unsigned memory_mb) {
    constexpr unsigned kPerMegabyte = 128;
    return std::clamp(memory_mb * kPerMegabyte, 4096U, 131072U);
}

/// DPDK looks at those PCI devices alone that the platform names; everything else stays the system's. What is
/// wrong we say ourselves, in one sentence.
std::vector<std::string> device_arguments(const Platform& platform) {
    std::vector<std::string> devices;
    for (const PlatformPort& port : platform.interfaces) {
        const std::string device = port.port.substr(0, port.port.find(','));
        if (device.find(':') != std::string::npos && device.find('.') != std::string::npos) {
            devices.insert(devices.end(), {"-a", port.port});
        }
    }
    if (devices.empty()) {
        devices.emplace_back("--no-pci");
    }
    devices.emplace_back("--log-level=critical");
    return devices;
}

/// The cores that the platform names are there and ours.
Result<void> check_cores(const Platform& platform) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (::sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
        return {};
    }
    for (const unsigned core : platform.workers) {
        if (core >= CPU_SETSIZE || !CPU_ISSET(core, &allowed)) {
            return failure(fmt::format("{}:{}: core {} is not there, or not for this process",
                                       platform.file,
                                       platform.workers_line,
                                       core));
        }
    }
    return {};
}

/// A file of which not one line is understood is no configuration; a few bad lines are passed over and told.
Result<void> check_configuration(const std::string& text, const std::string& file) {
    const ios::LoadResult loaded = pix::load_any(text, file);
    std::size_t refused = 0;
    for (const ios::LineProblem& problem : loaded.problems) {
        refused += problem.kind == ios::LineProblem::Kind::error ? 1 : 0;
    }
    if (refused > 0 && loaded.config == config::RunningConfig{}) {
        const ios::LineProblem& first = loaded.problems.front();
        return failure(fmt::format(
            "{}:{}: not a configuration: no line of it is understood", file, first.line_number));
    }
    return {};
}

std::string interface_list(const std::vector<std::string>& names) {
    return fmt::format("{}", fmt::join(names, ", "));
}

/// Interfaces without a port and ports without an interface are not wrong, but worth a word.
void tell_mismatches(Log& log, const config::RunningConfig& running, const Platform& platform) {
    std::vector<std::string> without_port;
    for (const auto& [name, interface] : running.interfaces) {
        const bool has_port = std::ranges::any_of(
            platform.interfaces, [&name](const PlatformPort& p) { return p.interface == name; });
        if (name.is_ethernet() && !has_port) {
            without_port.push_back(name.to_string());
        }
    }
    if (!without_port.empty()) {
        log.message("PLATFORM",
                    Severity::warnings,
                    "NOPORT",
                    "{} has no port for {}",
                    platform.file,
                    interface_list(without_port));
    }
}

/// What is refused goes to standard error as `viaduct check` prints it, and to the log.
void tell_problems(Log& log, const ios::LoadResult& loaded) {
    for (const ios::LineProblem& problem : loaded.problems) {
        if (problem.kind == ios::LineProblem::Kind::without_effect) {
            continue;
        }
        fmt::print(stderr, "{}", ios::problem_text(problem));
        log.message("PARSER",
                    Severity::warnings,
                    "CFGLINE",
                    "{}:{}: {}",
                    problem.file,
                    problem.line_number,
                    problem.message);
    }
}

class Run {
public:
    Run(Platform platform, std::string config_file)
        : platform_(std::move(platform)), config_file_(std::move(config_file)) {}

    /// Everything up to the first packet; nothing of it stays when it fails.
    Result<void> start(const std::string& text);
    Result<console::ControlLoop::End> loop();

private:
    Result<void> open_ports();
    void hang_up();

    Platform platform_;
    std::string config_file_;
    console::ControlLoop loop_;  // first: it blocks the signals for all threads
    console::WakeUp wake_up_;
    console::SyslogSocket syslog_;
    crypto::SystemRandom random_;
    console::Console console_;
    std::unique_ptr<console::Server> server_;
    std::unique_ptr<crypto::ThreadOffload> offload_;
    std::unique_ptr<Router> router_;
    std::unique_ptr<console::WorkerThreads> workers_;
};

Result<void> Run::start(const std::string& text) {
    if (!platform_.console_socket.empty()) {
        auto server = console::Server::listen(console_, platform_.console_socket);
        if (!server) {
            return failure(fmt::format(
                "{}:{}: {}", platform_.file, platform_.console_line, server.error().message));
        }
        server_ = std::move(*server);
    }
    const auto eal = dataplane::start_eal({.hugepages = platform_.hugepages,
                                           .memory_mb = platform_.memory_mb,
                                           .buffers = buffers_in(platform_.memory_mb),
                                           .load_drivers = true,
                                           .extra = device_arguments(platform_)});
    if (!eal) {
        return failure(fmt::format("{}: {}", platform_.file, eal.error().message));
    }
    offload_ =
        std::make_unique<crypto::ThreadOffload>(kOffloadThreads, [this] { wake_up_.signal(); });
    RouterOptions options;
    options.workers = std::max<unsigned>(1, static_cast<unsigned>(platform_.workers.size()));
    options.startup_path = config_file_;
    options.read_file =
        [folder = std::filesystem::path(config_file_).parent_path()](const std::string& name) {
            return console::read_text_file((folder / name).string());
        };
    console_.on_clock(monotonic_now(), console::wall_now());
    router_ = std::make_unique<Router>(random_, *offload_, console_, options);
    console_.attach(*router_);
    console_.set_processes(console::process_threads);
    console_.set_syslog(
        [this](Ipv4Address host, std::string_view datagram) { syslog_.send(host, datagram); });
    if (auto opened = open_ports(); !opened) {
        return opened;
    }
    tell_problems(router_->log(), router_->load(monotonic_now(), text, config_file_));
    tell_mismatches(router_->log(), router_->running(), platform_);
    workers_ = std::make_unique<console::WorkerThreads>(
        router_->plane(), wake_up_, platform_.workers, platform_.idle);
    router_->log().message("SYS", Severity::notifications, "RESTART", "System restarted");
    return {};
}

Result<void> Run::open_ports() {
    for (const PlatformPort& wanted : platform_.interfaces) {
        auto port = dataplane::open_dpdk_port({.device = wanted.port, .queues = wanted.queues});
        if (!port) {
            return failure(
                fmt::format("{}:{}: {}", platform_.file, wanted.line, port.error().message));
        }
        router_->attach_port(wanted.interface, std::move(*port));
    }
    return {};
}

void Run::hang_up() {
    const auto text = console::read_text_file(config_file_);
    if (!text) {
        router_->log().message("SYS",
                               Severity::errors,
                               "CONFIG_RELOAD",
                               "{}; the running configuration stays",
                               text.error().message);
        return;
    }
    tell_problems(router_->log(), router_->load(monotonic_now(), *text, config_file_));
    router_->log().message(
        "SYS", Severity::notifications, "CONFIG_I", "Configured from {} by SIGHUP", config_file_);
}

Result<console::ControlLoop::End> Run::loop() {
    auto end = loop_.run({.router = *router_,
                          .console = console_,
                          .server = server_.get(),
                          .wake_up = wake_up_,
                          .workers = *workers_},
                         [this] { hang_up(); });
    if (server_) {
        const bool reload = end && *end == console::ControlLoop::End::reload;
        server_->close_all(reload ? "\n% The router restarts\n" : "\n% The router goes down\n");
    }
    return end;
}

/// The same program with the same arguments in the same process: DPDK starts once a process.
int restart(const RunOptions& options) {
    constexpr unsigned kFirst = 3;  // everything but standard input, output and error
    ::close_range(kFirst, ~0U, 0);
    sigset_t none;
    ::sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
    ::execv("/proc/self/exe", options.arguments);
    fmt::print(stderr, "viaduct run: cannot start again\n");
    return kFailed;
}

}  // namespace

int run_main(const RunOptions& options) {
    auto platform = config::read_platform(options.platform);
    if (!platform) {
        return refuse(platform.error().message);
    }
    if (const auto cores = check_cores(*platform); !cores) {
        return refuse(cores.error().message);
    }
    const auto text = console::read_text_file(options.config);
    if (!text) {
        return refuse(text.error().message);
    }
    if (const auto readable = check_configuration(*text, options.config); !readable) {
        return refuse(readable.error().message);
    }
    auto run = std::make_unique<Run>(std::move(*platform), options.config);
    if (const auto started = run->start(*text); !started) {
        return refuse(started.error().message);
    }
    const auto end = run->loop();
    run.reset();
    if (!end) {
        fmt::print(stderr, "viaduct run: {}\n", end.error().message);
        return kFailed;
    }
    return *end == console::ControlLoop::End::reload ? restart(options) : 0;
}

}  // namespace viaduct
