// debug, undebug, show debugging: the switches of controlplane/log/log.h.
#include <array>
#include <fmt/format.h>
#include <string>

#include "controlplane/console/console.h"

namespace viaduct::console {

namespace {

/// The patterns outlive the rows, which hold views of them.
const std::array<std::string, kDebugWords.size()>& debug_patterns() {
    static const auto kPatterns = [] {
        std::array<std::string, kDebugWords.size()> patterns;
        for (std::size_t i = 0; i < patterns.size(); ++i) {
            patterns[i] = fmt::format("debug {}", kDebugWords[i].command);
        }
        return patterns;
    }();
    return kPatterns;
}

const std::vector<ios::TokenHelp>& debug_help() {
    static const std::vector<ios::TokenHelp> kHelp{
        {"debug", "Debugging functions (see also 'undebug')"},
        {"crypto", "Cryptographic subsystem"},
        {"isakmp", "ISAKMP Key Management"},
        {"ted", "Tunnel endpoint discovery"},
        {"detail", "Internal detail"},
        {"ipsec", "IPSEC processing"},
        {"engine", "Crypto Engine"},
        {"nhrp", "NHRP protocol"},
        {"packet", "Packet activity"},
        {"cache", "Cache operations"},
        {"extension", "Extension processing"},
        {"eigrp", "EIGRP Protocol information"},
        {"packets", "EIGRP packets"},
        {"fsm", "EIGRP Dual Finite State Machine events/actions"},
        {"neighbors", "EIGRP neighbors"},
        {"ip", "IP information"},
        {"icmp", "ICMP transactions"},
        {"routing", "Routing table events"},
        {"nat", "NAT: rules in force, and once a second the translations made (20 of them)"},
        {"arp", "IP ARP and HP Probe transactions"},
        {"dhcp", "DHCP client activity"},
        {"server", "DHCP server"},
        {"aaa", "AAA Authentication, Authorization and Accounting"},
        {"authentication", "Authentication"},
        {"authorization", "Authorization"},
        {"radius", "RADIUS protocol"},
        {"tunnel", "Generic Tunnel Interface"},
        {"all", "Enable all debugging"},
    };
    return kHelp;
}

void show_debugging(const Log& log, std::string& out) {
    for (const DebugWords& words : kDebugWords) {
        if (log.switched_on(words.flag)) {
            out += fmt::format("  {} is on\n", words.title);
        }
    }
}

}  // namespace

ios::ExecRows debug_rows(Console& console) {
    ios::ExecRows rows;
    for (std::size_t i = 0; i < kDebugWords.size(); ++i) {
        const DebugWords words = kDebugWords[i];
        rows.push_back(
            {.pattern = debug_patterns()[i],
             .help = debug_help(),
             .privilege = 15,
             .run = [&console, words](ios::ExecContext& context,
                                      const ios::Args& args) -> std::unique_ptr<ios::ExecJob> {
                 console.host().log().set(words.flag, !args.negated());
                 context.out +=
                     fmt::format("{} is {}\n", words.title, args.negated() ? "off" : "on");
                 return nullptr;
             }});
    }
    rows.push_back({.pattern = "debug all",
                    .help = debug_help(),
                    .privilege = 15,
                    .run = [&console](ios::ExecContext& context,
                                      const ios::Args& args) -> std::unique_ptr<ios::ExecJob> {
                        for (const DebugWords& words : kDebugWords) {
                            console.host().log().set(words.flag, !args.negated());
                        }
                        context.out += args.negated()
                                           ? "All possible debugging has been turned off\n"
                                           : "All possible debugging has been turned on\n";
                        return nullptr;
                    }});
    rows.push_back({.pattern = "show debugging",
                    .help = {{"show", "Show running system information"},
                             {"debugging", "State of each debugging option"}},
                    .privilege = 1,
                    .run = [&console](ios::ExecContext& context,
                                      const ios::Args&) -> std::unique_ptr<ios::ExecJob> {
                        show_debugging(console.host().log(), context.out);
                        return nullptr;
                    }});
    return rows;
}

}  // namespace viaduct::console
