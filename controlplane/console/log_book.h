// Where log messages and debug lines go: the buffer of `show logging`, the console and monitor sessions,
// the syslog hosts. Stamps them as `service timestamps` says. Knows no socket and no session.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "config/model/system.h"
#include "controlplane/log/log.h"
#include "dataplane/base/address.h"
#include "dataplane/base/clock.h"

namespace viaduct::console {

/// "Mar  1 02:05:00.123", with a star in front because nothing disciplines the router's clock.
/// `zone_offset_min` is applied if `stamps.localtime`.
std::string format_stamp(const config::Timestamps& stamps,
                         const config::SystemConfig& system,
                         WallTime wall,
                         Duration uptime);

/// "1 day, 2 hours, 3 minutes": how IOS writes an uptime in a sentence.
std::string format_uptime(Duration uptime);
/// "*19:33:57.123 UTC Sat Nov 21 2026", as `show clock` prints it.
std::string format_clock(const config::SystemConfig& system, WallTime wall);

std::string_view severity_word(std::uint8_t severity);

class LogBook {
public:
    /// Sends one syslog datagram to UDP port 514 of the host. In virtual time nobody sets it.
    using SyslogSender = std::function<void(Ipv4Address host, std::string_view datagram)>;
    /// Shows a line on sessions. `console` and `monitor`: whether these kinds of session want it.
    using Display = std::function<void(std::string_view line, bool console, bool monitor)>;

    void set_syslog(SyslogSender sender) { syslog_ = std::move(sender); }

    void set_display(Display display) { display_ = std::move(display); }

    /// `uptime` and `wall` say when it happened.
    void add(const LogMessage& message,
             const config::SystemConfig& system,
             WallTime wall,
             Duration uptime);

    void clear() { lines_.clear(), bytes_ = 0; }

    /// The whole text of `show logging`.
    [[nodiscard]] std::string show(const config::SystemConfig& system) const;

private:
    void trim(std::uint32_t limit);

    SyslogSender syslog_;
    Display display_;
    std::deque<std::string> lines_;
    std::size_t bytes_ = 0;
    std::uint64_t logged_console_ = 0;
    std::uint64_t logged_monitor_ = 0;
    std::uint64_t logged_buffer_ = 0;
    std::uint64_t logged_trap_ = 0;
};

}  // namespace viaduct::console
