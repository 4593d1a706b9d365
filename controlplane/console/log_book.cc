#include "controlplane/console/log_book.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <optional>
#include <utility>

#include "config/ios/text.h"
#include "controlplane/log/event_log.h"

namespace viaduct::console {

namespace {

constexpr std::array<std::string_view, 12> kMonths{
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kWeekdays{
    "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 8> kSeverities{"emergencies",
                                                      "alerts",
                                                      "critical",
                                                      "errors",
                                                      "warnings",
                                                      "notifications",
                                                      "informational",
                                                      "debugging"};
constexpr std::array<std::string_view, 24> kFacilities{
    "kern",   "user",   "mail",   "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "sys9",   "sys10",  "sys11",  "sys12",  "sys13",  "sys14",  "cron",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"};

struct Calendar {
    std::chrono::year_month_day date;
    std::chrono::hh_mm_ss<std::chrono::milliseconds> time;
    unsigned weekday = 0;
};

Calendar calendar(WallTime wall, std::int32_t offset_min) {
    using std::chrono::floor;
    const auto local = floor<std::chrono::milliseconds>(wall) + std::chrono::minutes(offset_min);
    const auto day = floor<std::chrono::days>(local);
    return {std::chrono::year_month_day(day),
            std::chrono::hh_mm_ss<std::chrono::milliseconds>(local - day),
            std::chrono::weekday(day).c_encoding()};
}

std::string time_text(const Calendar& c, bool msec) {
    std::string text = fmt::format("{:02}:{:02}:{:02}",
                                   c.time.hours().count(),
                                   c.time.minutes().count(),
                                   c.time.seconds().count());
    if (msec) {
        text += fmt::format(".{:03}", c.time.subseconds().count());
    }
    return text;
}

std::string date_text(const Calendar& c) {
    return fmt::format("{} {:>2}",
                       kMonths[static_cast<unsigned>(c.date.month()) - 1],
                       static_cast<unsigned>(c.date.day()));
}

std::string zone(const config::SystemConfig& system) {
    return system.clock_timezone.empty() ? "UTC" : system.clock_timezone;
}

/// `logging class`: by the message's facility, or by its event class.
bool silenced(const config::LoggingConfig& logging,
              const LogMessage& message,
              const std::optional<EventKind>& event) {
    const auto beyond = [&](std::string_view name) {
        const auto limit = logging.classes.find(std::string(name));
        return limit != logging.classes.end() &&
               static_cast<std::uint8_t>(message.severity) > limit->second;
    };
    return beyond(message.facility) || (event && beyond(event_class_name(event->event_class)));
}

/// "level debugging, 3 messages logged" or "disabled".
std::string level_text(const std::optional<std::uint8_t>& level, std::uint64_t count, bool lines) {
    if (!level) {
        return "disabled";
    }
    return fmt::format(
        "level {}, {} message{} logged", severity_word(*level), count, lines ? " lines" : "s");
}

}  // namespace

std::string_view severity_word(std::uint8_t severity) {
    return kSeverities[std::min<std::size_t>(severity, kSeverities.size() - 1)];
}

std::string format_uptime(Duration uptime) {
    const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(uptime).count();
    const std::array<std::pair<std::int64_t, std::string_view>, 4> parts{{
        {minutes / (7 * 24 * 60), "week"},
        {minutes / (24 * 60) % 7, "day"},
        {minutes / 60 % 24, "hour"},
        {minutes % 60, "minute"},
    }};
    std::string text;
    for (const auto& [count, unit] : parts) {
        const bool last = unit == "minute";
        if (count == 0 && (!last || !text.empty())) {
            continue;
        }
        text +=
            fmt::format("{}{} {}{}", text.empty() ? "" : ", ", count, unit, count == 1 ? "" : "s");
    }
    return text;
}

std::string format_stamp(const config::Timestamps& stamps,
                         const config::SystemConfig& system,
                         WallTime wall,
                         Duration uptime) {
    switch (stamps.style) {
    case config::TimestampStyle::none:
        return {};
    case config::TimestampStyle::uptime:
        return ios::age_text(uptime);
    case config::TimestampStyle::datetime:
        break;
    }
    const Calendar c = calendar(wall, stamps.localtime ? system.clock_offset_min : 0);
    // IOS: "*" — the time is not authoritative (no NTP or calendar stands behind it).
    std::string text = fmt::format("*{}", date_text(c));
    if (stamps.year) {
        text += fmt::format(" {}", static_cast<int>(c.date.year()));
    }
    text += ' ' + time_text(c, stamps.msec);
    if (stamps.show_timezone) {
        text += ' ' + (stamps.localtime ? zone(system) : "UTC");
    }
    return text;
}

std::string format_clock(const config::SystemConfig& system, WallTime wall) {
    const Calendar c = calendar(wall, system.clock_offset_min);
    return fmt::format("*{} {} {} {} {} {}",
                       time_text(c, true),
                       zone(system),
                       kWeekdays[c.weekday],
                       kMonths[static_cast<unsigned>(c.date.month()) - 1],
                       static_cast<unsigned>(c.date.day()),
                       static_cast<int>(c.date.year()));
}

void LogBook::trim(std::uint32_t limit) {
    while (bytes_ > limit && lines_.size() > 1) {
        bytes_ -= lines_.front().size();
        lines_.pop_front();
    }
}

void LogBook::add(const LogMessage& message,
                  const config::SystemConfig& system,
                  WallTime wall,
                  Duration uptime) {
    const config::LoggingConfig& logging = system.logging;
    const auto severity = static_cast<std::uint8_t>(message.severity);
    const auto within = [severity](const std::optional<std::uint8_t>& level) {
        return level && severity <= *level;
    };
    const auto event = event_of(message);
    if (silenced(logging, message, event)) {
        return;
    }
    const bool is_debug = message.facility.empty();
    std::string text =
        is_debug ? message.text
                 : fmt::format(
                       "%{}-{}-{}: {}", message.facility, severity, message.mnemonic, message.text);
    const std::string stamp = format_stamp(
        is_debug ? system.debug_timestamps : system.log_timestamps, system, wall, uptime);
    const std::string line = stamp.empty() ? text + "\n" : fmt::format("{}: {}\n", stamp, text);

    const std::uint8_t class_limit =
        event ? logging.events.at(static_cast<std::size_t>(event->event_class)).to_console : 0;
    const bool console = class_limit > 0 ? event->severity <= class_limit
                                         : within(logging.console) && !message.only_recorded;
    if (message.only_recorded && !console) {
        return;
    }
    // IOS: `no logging on` leaves the console alone; everything else falls silent.
    const bool on = logging.on && !message.only_recorded;
    const bool monitor = on && within(logging.monitor);
    logged_console_ += console ? 1 : 0;
    logged_monitor_ += monitor ? 1 : 0;
    if (display_ && (console || monitor)) {
        display_(line, console, monitor);
    }
    if (on && within(logging.buffered)) {
        ++logged_buffer_;
        bytes_ += line.size();
        lines_.push_back(line);
        trim(logging.buffered_bytes);
    }
    if (on && severity <= logging.trap && !logging.hosts.empty()) {
        ++logged_trap_;
        if (syslog_) {
            // RFC 3164, 4.1: "<PRI>" "Mmm dd hh:mm:ss HOSTNAME" TAG and content.
            const auto* const facility = std::ranges::find(kFacilities, logging.facility);
            const auto code = facility == kFacilities.end()
                                  ? kFacilities.size() - 1
                                  : static_cast<std::size_t>(facility - kFacilities.begin());
            const Calendar c = calendar(wall, system.clock_offset_min);
            const std::string datagram = fmt::format("<{}>{} {} {} {}",
                                                     code * 8 + severity,
                                                     date_text(c),
                                                     time_text(c, false),
                                                     system.hostname,
                                                     text);
            for (const Ipv4Address host : logging.hosts) {
                syslog_(host, datagram);
            }
        }
    }
}

std::string LogBook::show(const config::SystemConfig& system) const {
    const config::LoggingConfig& logging = system.logging;
    std::string out = fmt::format(
        "Syslog logging: {} (0 messages dropped, 0 messages rate-limited, 0 flushes, 0 overruns)\n",
        logging.on ? "enabled" : "disabled");
    out += fmt::format("    Console logging: {}\n",
                       level_text(logging.console, logged_console_, false));
    out += fmt::format("    Monitor logging: {}\n",
                       level_text(logging.monitor, logged_monitor_, false));
    out += fmt::format("    Buffer logging: {}\n",
                       level_text(logging.buffered, logged_buffer_, false));
    out += fmt::format("    Trap logging: {}\n", level_text(logging.trap, logged_trap_, true));
    for (const Ipv4Address host : logging.hosts) {
        out += fmt::format("        Logging to {} (udp port 514), {} message lines logged\n",
                           host.to_string(),
                           logged_trap_);
    }
    if (logging.buffered) {
        out += fmt::format("\nLog Buffer ({} bytes):\n\n", logging.buffered_bytes);
        for (const std::string& line : lines_) {
            out += line;
        }
    }
    return out;
}

}  // namespace viaduct::console
