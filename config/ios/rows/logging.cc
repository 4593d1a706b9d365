// Where messages go: buffer, console, terminals, syslog hosts, and by event class.
#include <algorithm>
#include <array>

#include "config/ios/fields.h"

namespace viaduct::ios {

namespace {

using config::LoggingConfig;

constexpr std::array<std::string_view, 8> kSeverities{{"emergencies",
                                                       "alerts",
                                                       "critical",
                                                       "errors",
                                                       "warnings",
                                                       "notifications",
                                                       "informational",
                                                       "debugging"}};

constexpr std::string_view kSeverityPattern =
    "{ emergencies | alerts | critical | errors | warnings | notifications | informational | "
    "debugging | "
    "<severity:0-7> }";

constexpr std::string_view kSeverityHelp =
    "|emergencies: System is unusable (severity=0)|alerts: Immediate action needed "
    "(severity=1)|critical: "
    "Critical conditions (severity=2)|errors: Error conditions (severity=3)|warnings: Warning "
    "conditions "
    "(severity=4)|notifications: Normal but significant conditions (severity=5)|informational: "
    "Informational "
    "messages (severity=6)|debugging: Debugging messages (severity=7)|severity: Logging severity "
    "level";

std::uint8_t severity_of(const Args& args, std::uint8_t otherwise) {
    for (std::size_t i = 0; i < kSeverities.size(); ++i) {
        if (args.has(kSeverities.at(i))) {
            return static_cast<std::uint8_t>(i);
        }
    }
    return static_cast<std::uint8_t>(args.number("severity", otherwise));
}

std::string_view severity_name(std::uint8_t severity) {
    return kSeverities.at(severity);
}

Row on_row() {
    auto row = flag_row(Mode::global,
                        "logging on",
                        &LoggingConfig::on,
                        "Enable logging to all enabled destinations");
    return at(Place::logging_local, std::move(row));
}

Row buffered_row() {
    Row row{.mode = Mode::global,
            .pattern = "logging buffered [ <bytes:4096-2147483647> ] [ " +
                       std::string(kSeverityPattern) + " ]",
            .help = "Set buffered logging parameters|bytes: Logging buffer size" +
                    std::string(kSeverityHelp)};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& logging = session.config().system.logging;
        const LoggingConfig normal;
        if (args.negated()) {
            logging.buffered = std::nullopt;
            logging.buffered_bytes = normal.buffered_bytes;
            return done();
        }
        if (args.has(kDefaultWord)) {
            logging.buffered = normal.buffered;
            logging.buffered_bytes = normal.buffered_bytes;
            return done();
        }
        logging.buffered_bytes = args.number("bytes", normal.buffered_bytes);
        logging.buffered = severity_of(args, 7);
        return done();
    };
    row.write = [](Writer& out) {
        const auto& logging = out.config().system.logging;
        const LoggingConfig normal;
        if (!logging.buffered) {
            out.line("no logging buffered");
        } else if (logging.buffered != normal.buffered ||
                   logging.buffered_bytes != normal.buffered_bytes) {
            out.line(
                "logging buffered {} {}", logging.buffered_bytes, severity_name(*logging.buffered));
        }
    };
    row.examples = {
        "logging buffered 65536 informational", "logging buffered warnings", "no logging buffered"};
    row.default_on = true;
    row.three_states = true;
    return at(Place::logging_local, std::move(row));
}

Row terminal_row(const std::string& where,
                 std::optional<std::uint8_t> LoggingConfig::* field,
                 const std::string& help) {
    const auto words = "logging " + where;
    Row row{.mode = Mode::global,
            .pattern = words + " [ " + std::string(kSeverityPattern) + " ]",
            .help = help + std::string(kSeverityHelp)};
    row.apply = [field](ConfigSession& session, const Args& args) {
        auto& value = session.config().system.logging.*field;
        if (args.negated()) {
            value = std::nullopt;
        } else {
            value = args.has(kDefaultWord) ? LoggingConfig{}.*field : severity_of(args, 7);
        }
        return done();
    };
    row.write = [field, words](Writer& out) {
        const auto& value = out.config().system.logging.*field;
        if (!value) {
            out.line("no {}", words);
        } else if (value != LoggingConfig{}.*field) {
            out.line("{} {}", words, severity_name(*value));
        }
    };
    row.examples = {words + " warnings", "no " + words};
    row.default_on = true;
    row.three_states = true;
    return at(Place::logging_local, std::move(row));
}

Row trap_row() {
    Row row{.mode = Mode::global,
            .pattern = "logging trap [ " + std::string(kSeverityPattern) + " ]",
            .help = "Set syslog server logging level" + std::string(kSeverityHelp)};
    row.apply = [](ConfigSession& session, const Args& args) {
        const LoggingConfig normal;
        session.config().system.logging.trap =
            args.negated() ? normal.trap : severity_of(args, normal.trap);
        return done();
    };
    row.write = [](Writer& out) {
        const auto& logging = out.config().system.logging;
        if (logging.trap != LoggingConfig{}.trap) {
            out.line("logging trap {}", severity_name(logging.trap));
        }
    };
    row.examples = {"logging trap errors", "logging trap 7"};
    return at(Place::logging_remote, std::move(row));
}

Row logging_host_row(const std::string& words, bool writes) {
    Row row{.mode = Mode::global,
            .pattern = words + " <address:A.B.C.D>",
            .help = "Set syslog server IP address|address: IP address of the syslog server"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& hosts = session.config().system.logging.hosts;
        std::erase(hosts, args.address("address"));
        if (!args.negated()) {
            if (hosts.size() >= 16) {
                return failure("Logging hosts: limit of 16");
            }
            hosts.push_back(args.address("address"));
        }
        return done();
    };
    if (writes) {
        row.write = [](Writer& out) {
            for (const auto& host : out.config().system.logging.hosts) {
                out.line("logging host {}", host.to_string());
            }
        };
    }
    row.no = words + " <address:A.B.C.D>";
    row.examples = {words + " 10.0.0.9"};
    return at(Place::logging_remote, std::move(row));
}

Row facility_row() {
    Row row{
        .mode = Mode::global,
        .pattern =
            "logging facility { auth | cron | daemon | kern | local0 | local1 | local2 | local3 | "
            "local4 | local5 | local6 | local7 | lpr | mail | news | syslog | user | uucp }",
        .help = "Facility parameter for syslog messages"};
    row.apply = [](ConfigSession& session, const Args& args) {
        const auto& line = args.canonical();
        session.config().system.logging.facility =
            args.negated() ? LoggingConfig{}.facility : line.substr(line.rfind(' ') + 1);
        return done();
    };
    row.write = [](Writer& out) {
        const auto& facility = out.config().system.logging.facility;
        if (facility != LoggingConfig{}.facility) {
            out.line("logging facility {}", facility);
        }
    };
    row.examples = {"logging facility local3"};
    return at(Place::logging_remote, std::move(row));
}

Row logging_source_row() {
    Row row{.mode = Mode::global,
            .pattern = "logging source-interface <interface:interface>",
            .help = "Specify interface for source address in logging transactions"};
    row.apply = [](ConfigSession& session, const Args& args) {
        session.config().system.logging.source_interface =
            args.negated() ? std::nullopt : args.interface("interface");
        return done();
    };
    row.write = [](Writer& out) {
        if (const auto& source = out.config().system.logging.source_interface) {
            out.line("logging source-interface {}", source->to_string());
        }
    };
    row.examples = {"logging source-interface FastEthernet0/0"};
    return at(Place::logging_remote, std::move(row));
}

Row class_row() {
    Row row{.mode = Mode::global,
            .pattern = "logging class <name:WORD> " + std::string(kSeverityPattern),
            .help =
                "Highest severity shown of an event class|name: Event class (IKE, IKEDBG, "
                "IPSECDBG, …)" +
                std::string(kSeverityHelp)};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& classes = session.config().system.logging.classes;
        if (args.negated()) {
            if (!args.has("name")) {
                classes.clear();
            }
            classes.erase(args.text("name"));
            return done();
        }
        if (classes.size() >= 64 && !classes.contains(args.text("name"))) {
            return failure("Logging classes: limit of 64");
        }
        classes[args.text("name")] = severity_of(args, 7);
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& [name, severity] : out.config().system.logging.classes) {
            out.line("logging class {} {}", quoted(name), severity_name(severity));
        }
    };
    row.examples = {"logging class IKEDBG errors"};
    return at(Place::logging_remote, std::move(row));
}

constexpr std::string_view kEventHelp =
    "Event log of IKE, IPsec and authentication, by class|class: Event class|severity-to-log: "
    "Highest "
    "severity that the event log keeps (default 5)|severity-to-console: Highest severity shown on "
    "the "
    "console, whatever 'logging console' and 'debug' say|log: 1 faults, 2-3 warnings, 4-6 "
    "information, 7-9 "
    "debugging, 10-13 packets|console: 1 faults, 2-3 warnings, 4-6 information, 7-9 debugging, "
    "10-13 packets"
    "|AUTH: Authentication|AUTHDBG: Authentication debugging|CERT: Certificates|IKE: IKE|IKEDBG: "
    "IKE "
    "debugging|IKEDECODE: IKE messages taken apart|IPSEC: IPsec|IPSECDBG: IPsec debugging";

/// One row a class: a `no` without a severity clears both.
Row event_row(config::EventClass event_class) {
    const auto at_index = static_cast<std::size_t>(event_class);
    const std::string words = "event class " + std::string(config::kEventClassNames.at(at_index));
    Row row{.mode = Mode::global,
            .pattern = words +
                       " { severity-to-log <log:1-13> [ severity-to-console <console:1-13> ] | "
                       "severity-to-console <console:1-13> }",
            .help = std::string(kEventHelp)};
    row.apply = [at_index](ConfigSession& session, const Args& args) {
        auto& wanted = session.config().system.logging.events.at(at_index);
        const config::EventClassConfig normal;
        const bool all = !args.has("severity-to-log") && !args.has("severity-to-console");
        if (all || args.has("severity-to-log")) {
            wanted.to_log =
                args.negated() ? normal.to_log : static_cast<std::uint8_t>(args.number("log"));
        }
        if (all || args.has("severity-to-console")) {
            wanted.to_console = args.negated() ? normal.to_console
                                               : static_cast<std::uint8_t>(args.number("console"));
        }
        return done();
    };
    row.write = [at_index, words](Writer& out) {
        const auto& wanted = out.config().system.logging.events.at(at_index);
        const config::EventClassConfig normal;
        if (wanted.to_log != normal.to_log) {
            out.line("{} severity-to-log {}", words, wanted.to_log);
        }
        if (wanted.to_console != normal.to_console) {
            out.line("{} severity-to-console {}", words, wanted.to_console);
        }
    };
    row.examples = {words + " severity-to-log 9", words + " severity-to-console 3"};
    return at(Place::logging_local, std::move(row));
}

}  // namespace

Rows logging_rows() {
    Rows rows{
        on_row(),
        buffered_row(),
        terminal_row("console", &LoggingConfig::console, "Set console logging parameters"),
        terminal_row(
            "monitor", &LoggingConfig::monitor, "Set terminal line (monitor) logging parameters"),
        trap_row(),
        facility_row(),
        logging_source_row(),
        class_row(),
        logging_host_row("logging host", true),
        logging_host_row("logging", false),
    };
    for (std::size_t i = 0; i < config::kEventClasses; ++i) {
        rows.push_back(event_row(static_cast<config::EventClass>(i)));
    }
    return rows;
}

}  // namespace viaduct::ios
