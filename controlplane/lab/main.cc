// `viaduct lab`: the command line, the script's transcript, and consoles for people.
#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <iostream>
#include <poll.h>
#include <sys/signalfd.h>
#include <thread>
#include <unistd.h>

#include "controlplane/console/client.h"
#include "controlplane/console/subcommands.h"
#include "controlplane/lab/lab.h"
#include "controlplane/lab/script.h"
#include "controlplane/lab/words.h"

namespace viaduct {

namespace {

constexpr int kFailed = 1;  // an expectation was not met
constexpr int kBadInput = 2;

struct Arguments {
    std::string file;
    bool virtual_time = false;
    bool real_time = false;
    std::uint64_t seed = 1;
    std::string script;
    std::string pcap;
    std::string console;
};

/// SIGINT and SIGTERM as something to be asked for.
class Signals {
public:
    Signals() {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        pthread_sigmask(SIG_BLOCK, &set, nullptr);
        descriptor_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    }

    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;
    Signals(Signals&&) = delete;
    Signals& operator=(Signals&&) = delete;

    ~Signals() { close(descriptor_); }

    [[nodiscard]] int descriptor() const { return descriptor_; }

    /// Looks only once in `every` calls.
    bool came(unsigned every) {
        if (!came_ && ++asked_ % every == 0) {
            signalfd_siginfo info{};
            came_ = read(descriptor_, &info, sizeof(info)) > 0;
        }
        return came_;
    }

private:
    int descriptor_ = -1;
    unsigned asked_ = 0;
    bool came_ = false;
};

/// A folder for the console sockets, gone at the end.
class TemporaryFolder {
public:
    static Result<std::unique_ptr<TemporaryFolder>> make() {
        auto name = (std::filesystem::temp_directory_path() / "viaduct-lab-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) {
            return failure(name + ": cannot be made");
        }
        return std::unique_ptr<TemporaryFolder>(new TemporaryFolder(name));
    }

    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    TemporaryFolder(TemporaryFolder&&) = delete;
    TemporaryFolder& operator=(TemporaryFolder&&) = delete;

    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] const std::string& path() const { return path_; }

private:
    explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}

    std::string path_;
};

/// The lab runs by the wall's clock on a thread of its own while people type on this one.
class Background {
public:
    explicit Background(lab::Lab& lab) : lab_(lab) {
        lab_.enter_real_time();
        thread_ = std::thread([this] { lab_.run_until(kNever, [this] { return stop_.load(); }); });
    }

    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;
    Background(Background&&) = delete;
    Background& operator=(Background&&) = delete;

    ~Background() {
        stop_ = true;
        lab_.wake();
        thread_.join();
    }

private:
    lab::Lab& lab_;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

int say(const std::string& sentence, int status) {
    std::cerr << sentence << '\n';
    return status;
}

int attach(const std::string& folder, const std::string& name) {
    console::ClientOptions options;
    options.socket = folder + "/" + name;
    return console::run_client(options);
}

/// A line of standard input; nothing at its end or after a signal.
std::optional<std::string> read_line(const Signals& signals) {
    std::string line;
    while (true) {
        std::array<pollfd, 2> wait{{{STDIN_FILENO, POLLIN, 0}, {signals.descriptor(), POLLIN, 0}}};
        if (poll(wait.data(), wait.size(), -1) < 0 || wait[1].revents != 0) {
            return std::nullopt;
        }
        char c = 0;
        if (read(STDIN_FILENO, &c, 1) <= 0) {
            return std::nullopt;
        }
        if (c == '\n') {
            return line;
        }
        line.push_back(c);
    }
}

void choose_consoles(const lab::Lab& lab, const std::string& folder, const Signals& signals) {
    const auto names = lab.router_names();
    std::cout << "Consoles, also from other terminals:\n";
    for (const auto& name : names) {
        std::cout << fmt::format("  viaduct console -s {}/{}\n", folder, name);
    }
    if (isatty(STDIN_FILENO) == 0) {
        std::cout << "The lab runs until it is interrupted.\n" << std::flush;
        pollfd wait{signals.descriptor(), POLLIN, 0};
        poll(&wait, 1, -1);
        return;
    }
    while (true) {
        std::cout << "Router (or quit): " << std::flush;
        const auto line = read_line(signals);
        const auto word = line ? std::string(lab::trim(*line)) : "quit";
        if (word == "quit" || word == "q") {
            return;
        }
        if (lab.is_router(word)) {
            attach(folder, word);
        } else if (!word.empty()) {
            std::cout << fmt::format("There are: {}\n", fmt::join(names, ", "));
        }
    }
}

/// The script's text: of the file, or of standard input if that is a pipe and nothing else was asked for.
Result<std::optional<std::string>> script_text(const Arguments& arguments) {
    if (!arguments.script.empty() && arguments.script != "-") {
        auto text = lab::read_text_file(arguments.script);
        if (!text) {
            return tl::unexpected<Error>(text.error());
        }
        return std::optional(std::move(*text));
    }
    if (arguments.script == "-" || (arguments.virtual_time && isatty(STDIN_FILENO) == 0)) {
        return std::optional(std::string(std::istreambuf_iterator<char>(std::cin), {}));
    }
    return std::optional<std::string>{};
}

int run_scripted(lab::Lab& lab,
                 const Arguments& arguments,
                 const std::string& text,
                 Signals& signals) {
    const auto script =
        lab::parse_script(text, arguments.script.empty() ? "-" : arguments.script, lab);
    if (!script) {
        return say(script.error().message, kBadInput);
    }
    // In virtual time this is asked millions of times.
    const unsigned every = lab.pace() == lab::Pace::wall_clock ? 1 : 1024;
    lab.wake_on(signals.descriptor());
    const auto end =
        lab::run_script(lab, *script, std::cout, [&signals, every] { return signals.came(every); });
    std::cout.flush();
    return end.passed ? 0 : say(end.message, kFailed);
}

int run_people(lab::Lab& lab, const Arguments& arguments, const Signals& signals) {
    const auto folder = TemporaryFolder::make();
    if (!folder) {
        return say(folder.error().message, kBadInput);
    }
    if (const auto opened = lab.open_consoles((*folder)->path()); !opened) {
        return say(opened.error().message, kBadInput);
    }
    const Background background(lab);
    if (!arguments.console.empty()) {
        return attach((*folder)->path(), arguments.console);
    }
    choose_consoles(lab, (*folder)->path(), signals);
    return 0;
}

int run_lab(const Arguments& arguments) {
    Signals signals;
    const auto topology = lab::read_topology(arguments.file);
    if (!topology) {
        return say(topology.error().message, kBadInput);
    }
    const auto text = script_text(arguments);
    if (!text) {
        return say(text.error().message, kBadInput);
    }
    lab::LabOptions options;
    options.seed = arguments.seed;
    options.pcap_folder = arguments.pcap;
    const auto real = arguments.real_time || (!arguments.virtual_time && !*text);
    options.pace = real ? lab::Pace::wall_clock : lab::Pace::as_fast_as_possible;
    const auto made = lab::Lab::create(*topology, options, lab::make_router_factory());
    if (!made) {
        return say(made.error().message, kBadInput);
    }
    auto& lab = **made;
    if (!arguments.console.empty() && !lab.is_router(arguments.console)) {
        return say(
            fmt::format(
                "--console: there is no router '{}' in {}", arguments.console, arguments.file),
            kBadInput);
    }
    std::cerr << lab.problems();
    int status = 0;
    if (*text) {
        status = run_scripted(lab, arguments, **text, signals);
    }
    if (status == 0 && (!*text || !arguments.console.empty())) {
        status = run_people(lab, arguments, signals);
    }
    lab.flush_captures();
    return status;
}

}  // namespace

int lab_main(int argc, char** argv) {
    Arguments arguments;
    CLI::App app{"Runs a whole topology in one process: routers, hosts and links of a LAB.yaml",
                 "viaduct lab"};
    app.add_option("LAB.yaml", arguments.file, "The lab")->required();
    auto* const as_fast =
        app.add_flag("--virtual",
                     arguments.virtual_time,
                     "Virtual time, as fast as the machine allows (default with a script)");
    app.add_flag("--real", arguments.real_time, "The wall's clock (default without a script)")
        ->excludes(as_fast);
    app.add_option("--seed", arguments.seed, "All chance comes from it")->capture_default_str();
    app.add_option(
        "--script", arguments.script, "What is typed, done and expected; - is standard input");
    app.add_option("--pcap", arguments.pcap, "Folder for one LINK.pcap a link");
    app.add_option("--console", arguments.console, "Ends in this router's console, in real time");
    app.footer("Exit status: 0; 1 when an `expect` was not met; 2 when a file or option is wrong.");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kBadInput;
    }
    return run_lab(arguments);
}

}  // namespace viaduct
