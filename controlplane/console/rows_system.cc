// Exec rows about the router as a whole: version, clock, users, processes, logging.
#include <algorithm>
#include <fmt/format.h>
#include <map>

#include "config/ios/text.h"
#include "controlplane/console/build_info.h"
#include "controlplane/console/console.h"

namespace viaduct::console {

namespace {

using Run = std::function<void(ios::ExecContext&, const ios::Args&)>;

ios::ExecRow row(std::string_view pattern,
                 std::vector<ios::TokenHelp> help,
                 std::uint8_t privilege,
                 Run run) {
    return {.pattern = pattern,
            .help = std::move(help),
            .privilege = privilege,
            .run = [run = std::move(run)](ios::ExecContext& context,
                                          const ios::Args& args) -> std::unique_ptr<ios::ExecJob> {
                run(context, args);
                return nullptr;
            }};
}

/// "2 FastEthernet interfaces", by type, as the end of `show version` lists the hardware.
void show_hardware(const config::RunningConfig& config, std::string& out) {
    std::map<config::InterfaceType, std::pair<std::string, unsigned>> counts;
    for (const auto& [name, interface] : config.interfaces) {
        if (!name.is_ethernet()) {
            continue;
        }
        const std::string text = name.to_string();
        auto& [word, count] = counts[name.type];
        word = text.substr(0, text.find_first_of("0123456789"));
        ++count;
    }
    for (const auto& [type, entry] : counts) {
        out += fmt::format(
            "{} {} interface{}\n", entry.second, entry.first, entry.second == 1 ? "" : "s");
    }
}

void show_version(const Console& console, ios::ExecContext& context) {
    const Host& host = console.host();
    const config::SystemConfig& system = host.running().system;
    std::string& out = context.out;
    out += fmt::format("Viaduct Software, Version {}\n", kVersion);
    out += fmt::format("Compiled with {}, tuned for {}\n\n", kCompiler, kTuning);
    out += fmt::format(
        "{} uptime is {}\n", system.hostname, format_uptime(context.now - host.started_at()));
    out += "System image file is \"viaduct\"\n\n";
    out += fmt::format("Forwarding: DPDK {}, {} worker{}\n",
                       kDpdkVersion,
                       host.workers(),
                       host.workers() == 1 ? "" : "s");
    out += fmt::format("Encryption: Intel IPsec-MB {}, code path {}; OpenSSL {}\n",
                       kIpsecMbVersion,
                       host.cipher_path(),
                       kOpensslVersion);
    show_hardware(host.running(), out);
    out += "\nConfiguration register is 0x2102\n";
}

void show_users(const Console& console, ios::ExecContext& context) {
    std::string& out = context.out;
    out += "    Line       User       Host(s)              Idle       Location\n";
    for (const auto& [id, session] : console.sessions()) {
        out += fmt::format("{}{:>3} {} {:<3} {:<10} {:<20} {:<10}\n",
                           id == context.session ? '*' : ' ',
                           id,
                           session->interactive ? "con" : "cmd",
                           id,
                           session->user,
                           "idle",
                           ios::age_text(context.now - session->last_input));
    }
}

void show_processes(const Console& console, ios::ExecContext& context) {
    context.out += " PID  Runtime(ms)  Process\n";
    for (const Process& process : console.processes()) {
        context.out +=
            fmt::format("{:>4}  {:>11}  {}\n",
                        process.id,
                        std::chrono::duration_cast<std::chrono::milliseconds>(process.cpu).count(),
                        process.name);
    }
}

void show_event_log(Console& console, ios::ExecContext& context, const ios::Args& args) {
    EventFilter filter{.event_class = std::nullopt,
                       .severity = static_cast<std::uint8_t>(args.number("severity", 13)),
                       .last = args.number("last", EventLog::kMaxEvents)};
    if (const std::string name = args.text("class"); !name.empty()) {
        filter.event_class = event_class_named(name);
        if (!filter.event_class) {
            context.out += fmt::format("% Unknown event class {}\n", name);
            return;
        }
    }
    context.out += console.events().show(filter);
}

void clear_line(Console& console, ios::ExecContext& context, const ios::Args& args) {
    Session* const session = console.session(args.number("line"));
    if (session == nullptr) {
        context.out += "% Not allowed to clear that line\n";
        return;
    }
    session->cleared = true;
    context.out += " [OK]\n";
}

}  // namespace

ios::ExecRows system_rows(Console& console) {
    const ios::TokenHelp show{"show", "Show running system information"};
    const ios::TokenHelp clear{"clear", "Reset functions"};
    ios::ExecRows rows;
    rows.push_back(row("show version",
                       {show, {"version", "System hardware and software status"}},
                       1,
                       [&console](ios::ExecContext& context, const ios::Args&) {
                           show_version(console, context);
                       }));
    rows.push_back(row("show clock",
                       {show, {"clock", "Display the system clock"}},
                       1,
                       [&console](ios::ExecContext& context, const ios::Args&) {
                           context.out +=
                               format_clock(console.host().running().system, context.wall) + "\n";
                       }));
    rows.push_back(row(
        "show users",
        {show, {"users", "Display information about terminal lines"}},
        1,
        [&console](ios::ExecContext& context, const ios::Args&) { show_users(console, context); }));
    rows.push_back(row("show processes",
                       {show, {"processes", "Active process statistics"}},
                       1,
                       [&console](ios::ExecContext& context, const ios::Args&) {
                           show_processes(console, context);
                       }));
    rows.push_back(row("show logging",
                       {show, {"logging", "Show the contents of logging buffers"}},
                       1,
                       [&console](ios::ExecContext& context, const ios::Args&) {
                           context.out += console.book().show(console.host().running().system);
                       }));
    rows.push_back(
        row("clear logging",
            {clear, {"logging", "Clear logging buffer"}},
            15,
            [&console](ios::ExecContext&, const ios::Args&) { console.book().clear(); }));
    rows.push_back(row(
        "show event-log ( class <class:WORD> | severity <severity:1-13> | last <last:1-2048> )*",
        {show,
         {"event-log", "Event log of IKE, IPsec and authentication by class"},
         {"class", "One event class only"},
         {"class", "AUTH, AUTHDBG, CERT, IKE, IKEDBG, IKEDECODE, IPSEC or IPSECDBG"},
         {"severity", "Events up to a severity only"},
         {"severity", "1 faults, 2-3 warnings, 4-6 information, 7-9 debugging, 10-13 packets"},
         {"last", "The latest events only"},
         {"last", "How many"}},
        1,
        [&console](ios::ExecContext& context, const ios::Args& args) {
            show_event_log(console, context, args);
        }));
    rows.push_back(
        row("clear event-log",
            {clear, {"event-log", "Event log of IKE, IPsec and authentication by class"}},
            15,
            [&console](ios::ExecContext&, const ios::Args&) { console.events().clear(); }));
    rows.push_back(row("clear line <line:1-65535>",
                       {clear, {"line", "Reset a terminal line"}, {"line", "Line number"}},
                       15,
                       [&console](ios::ExecContext& context, const ios::Args& args) {
                           clear_line(console, context, args);
                       }));
    return rows;
}

}  // namespace viaduct::console
