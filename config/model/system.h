// The router itself as configured: names, users, lines, logging, services.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/model/common.h"
#include "config/model/event_class.h"
#include "config/model/interface.h"
#include "dataplane/base/address.h"

namespace viaduct::config {

struct User {
    Password password;
    bool secret = false;
    std::uint8_t privilege = 1;

    bool operator==(const User&) const = default;
};

enum class TimestampStyle : std::uint8_t { none, uptime, datetime };

/// `service timestamps debug|log …`.
struct Timestamps {
    TimestampStyle style = TimestampStyle::datetime;
    bool msec = false;
    bool localtime = false;
    bool show_timezone = false;
    bool year = false;

    bool operator==(const Timestamps&) const = default;
};

/// Syslog severities 0 (emergencies) … 7 (debugging).
struct LoggingConfig {
    bool on = true;  // `no logging on`
    std::optional<std::uint8_t> buffered = 7;  // nullopt: `no logging buffered`
    std::uint32_t buffered_bytes = 4096;
    std::optional<std::uint8_t> console = 7;
    std::optional<std::uint8_t> monitor = 7;
    std::uint8_t trap = 6;
    std::vector<Ipv4Address> hosts;
    std::string facility = "local7";
    std::optional<InterfaceName> source_interface;
    /// `logging class NAME SEVERITY`: highest severity shown of a facility or an event class; absent: all.
    std::map<std::string, std::uint8_t> classes;
    /// `event class …` (N15): what the event log keeps.
    EventConfig events;

    bool operator==(const LoggingConfig&) const = default;
};

/// `line con 0`, `line aux 0`, `line vty 0 4`.
struct LineConfig {
    enum class Kind : std::uint8_t { console, aux, vty };
    Kind kind = Kind::console;
    std::uint16_t first = 0;
    std::uint16_t last = 0;
    std::optional<std::uint32_t> exec_timeout_s;  // default 600; 0 never
    Password password;
    bool login = false;
    bool login_local = false;
    std::string login_authentication;
    std::optional<std::uint8_t> privilege;
    std::optional<std::uint16_t> length;
    std::optional<std::uint16_t> width;
    bool logging_synchronous = false;
    std::string access_class_in;
    std::vector<std::string> kept;  // `transport …`, `escape-character …`, …

    bool operator==(const LineConfig&) const = default;
};

struct SystemConfig {
    std::string version;  // the file's `version X.Y` line
    std::string hostname = "Router";
    std::string domain_name;
    bool domain_lookup = true;
    std::vector<Ipv4Address> name_servers;
    std::map<std::string, Ipv4Address> hosts;  // `ip host NAME A`
    std::string banner_motd;
    std::string banner_login;
    std::string banner_exec;
    Password enable_secret;
    Password enable_password;
    std::map<std::string, User> users;
    bool password_encryption = false;
    Timestamps debug_timestamps;
    Timestamps log_timestamps;
    LoggingConfig logging;
    std::vector<LineConfig> lines;
    std::string clock_timezone;
    std::int32_t clock_offset_min = 0;
    std::vector<std::string> ntp_servers;  // kept, without effect
    bool ip_routing = true;
    bool ip_source_route = true;
    bool ip_classless = true;
    bool ip_subnet_zero = true;

    bool operator==(const SystemConfig&) const = default;
};

}  // namespace viaduct::config
