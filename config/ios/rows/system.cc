// The router itself: version, services, host name, passwords, users, clock, banners, names.
#include <algorithm>
#include <limits>

#include "config/ios/fields.h"
#include "config/ios/words.h"

namespace viaduct::ios {

namespace {

using config::SystemConfig;
using config::Timestamps;
using config::TimestampStyle;

Row version_row() {
    auto row = text_row(Mode::global,
                        "version",
                        "WORD",
                        &SystemConfig::version,
                        "Version of the configuration's language|text: Version");
    row.examples = {"version 12.3"};
    return at(Place::version, std::move(row));
}

void write_timestamps(Writer& out, std::string_view what, const Timestamps& stamps) {
    if (stamps.style == TimestampStyle::none) {
        out.line("no service timestamps {}", what);
        return;
    }
    const bool date = stamps.style == TimestampStyle::datetime;
    out.line("service timestamps {} {}{}{}{}{}",
             what,
             date ? "datetime" : "uptime",
             date && stamps.msec ? " msec" : "",
             date && stamps.localtime ? " localtime" : "",
             date && stamps.show_timezone ? " show-timezone" : "",
             date && stamps.year ? " year" : "");
}

Row timestamps_row() {
    Row row{.mode = Mode::global,
            .pattern =
                "service timestamps { debug | log } [ uptime | datetime ( msec | localtime | "
                "show-timezone | year )* ]",
            .help =
                "Timestamp debug/log messages|debug: Timestamp debug messages|log: Timestamp log "
                "messages|uptime: Timestamp with system uptime|datetime: Timestamp with date and "
                "time|msec: Include milliseconds in timestamp|localtime: Use local time zone for "
                "timestamps|show-timezone: Add time zone information to timestamp|year: Include "
                "year in timestamp"};
    row.apply = [](ConfigSession& session, const Args& args) {
        Timestamps stamps;
        if (args.negated() && !args.has(kDefaultWord)) {
            stamps.style = TimestampStyle::none;
        } else if (!args.negated()) {
            // IOS: `service timestamps debug` alone is uptime.
            stamps.style = args.has("datetime") ? TimestampStyle::datetime : TimestampStyle::uptime;
            stamps.msec = args.has("msec");
            stamps.localtime = args.has("localtime");
            stamps.show_timezone = args.has("show-timezone");
            stamps.year = args.has("year");
        }
        auto& system = session.config().system;
        (args.has("debug") ? system.debug_timestamps : system.log_timestamps) = stamps;
        return done();
    };
    row.write = [](Writer& out) {
        write_timestamps(out, "debug", out.config().system.debug_timestamps);
        write_timestamps(out, "log", out.config().system.log_timestamps);
    };
    row.examples = {"service timestamps debug datetime msec",
                    "service timestamps log uptime",
                    "service timestamps log datetime msec localtime show-timezone year"};
    row.three_states = true;
    return at(Place::service, std::move(row));
}

Row password_encryption_row() {
    Row row{.mode = Mode::global,
            .pattern = "service password-encryption",
            .help = "Encrypt system passwords"};
    row.apply = [](ConfigSession& session, const Args& args) {
        session.config().system.password_encryption = !args.negated();
        encrypt_passwords(session.config());
        return done();
    };
    row.write = [](Writer& out) {
        out.line("{}service password-encryption",
                 out.config().system.password_encryption ? "" : "no ");
    };
    row.examples = {"service password-encryption"};
    return at(Place::service, std::move(row));
}

Row hostname_row() {
    Row row{.mode = Mode::global,
            .pattern = "hostname <name:WORD>",
            .help = "Set system's network name|name: This system's network name"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        const auto name = args.negated() ? SystemConfig{}.hostname : args.text("name");
        const auto legal = [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   c == '-' || c == '_' || c == '.';
        };
        // RFC 952 by way of IOS: letters, digits, hyphens; at most 63 characters.
        if (name.empty() || name.size() > 63 || !std::all_of(name.begin(), name.end(), legal)) {
            return failure("Hostname contains one or more illegal characters");
        }
        session.config().system.hostname = name;
        return done();
    };
    row.write = [](Writer& out) { out.line("hostname {}", out.config().system.hostname); };
    row.examples = {"hostname sv9-2"};
    return at(Place::hostname, std::move(row));
}

Row enable_row(bool secret) {
    const std::string words = secret ? "enable secret" : "enable password";
    Row row{
        .mode = Mode::global,
        .pattern = words + " " + std::string(secret ? kSecretLine : kPasswordLine),
        .help = (secret ? "Assign the privileged level secret"
                        : "Assign the privileged level password") +
                std::string(
                    "|0: Specifies an UNENCRYPTED password will follow|5: Specifies an ENCRYPTED "
                    "secret will follow|7: Specifies a HIDDEN password will follow|8: Specifies a "
                    "PBKDF2 HASHED "
                    "secret will follow|9: Specifies a SCRYPT HASHED secret will follow|plain: The "
                    "UNENCRYPTED (cleartext) password")};
    row.apply = [secret](ConfigSession& session, const Args& args) -> Result<void> {
        auto& system = session.config().system;
        auto& field = secret ? system.enable_secret : system.enable_password;
        if (args.negated()) {
            field = {};
            return done();
        }
        auto password = read_password(args);
        if (!password) {
            return tl::unexpected(password.error());
        }
        field = secret ? stored_secret(system, "enable", *password) : stored(system, *password);
        return done();
    };
    row.write = [secret, words](Writer& out) {
        const auto& system = out.config().system;
        const auto& field = secret ? system.enable_secret : system.enable_password;
        if (!field.empty()) {
            out.line("{} {}",
                     words,
                     password_text(stored(secret ? SystemConfig{} : system, field), secret));
        }
    };
    row.examples =
        secret
            ? std::vector<
                  std::string>{"enable secret 5 $1$mERr$hx5rVt7rPNoS4wqbXKX7m0",
                               "enable secret 0 two words",
                               "enable secret 9 "
                               "$9$nhEmQVczB7dqsO$X.HsgL6x1il0RxkOSSvyQYwucySCt7qFm4v7pqCxkKM"}
            : std::vector<std::string>{"enable password cisco", "enable password 7 121A0C041104"};
    return at(Place::enable, std::move(row));
}

Row username_row() {
    Row row{
        .mode = Mode::global,
        .pattern = "username <user:WORD> [ privilege <level:0-15> ] { nopassword | password " +
                   std::string(kPasswordLine) + " | secret " + std::string(kSecretLine) + " }",
        .help =
            "Establish User Name Authentication|user: User name|privilege: Set user privilege "
            "level|level: User privilege level|nopassword: No password is required for the user to "
            "log in|password: Specify the password for the user|secret: Specify the secret for the "
            "user|0: Specifies an UNENCRYPTED password will follow|5: Specifies a HIDDEN SECRET "
            "will follow|7: Specifies a HIDDEN password will follow|8: Specifies a PBKDF2 HASHED "
            "secret "
            "will follow|9: Specifies a SCRYPT HASHED secret will follow|plain: The UNENCRYPTED "
            "(cleartext) user password"};
    row.no = "username <user:WORD> [ <rest:LINE> ]";
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& system = session.config().system;
        if (args.negated()) {
            system.users.erase(args.text("user"));
            return done();
        }
        config::User user;
        user.privilege = static_cast<std::uint8_t>(args.number("level", user.privilege));
        user.secret = args.has("secret");
        if (!args.has("nopassword")) {
            auto password = read_password(args);
            if (!password) {
                return tl::unexpected(password.error());
            }
            user.password = user.secret ? stored_secret(system, args.text("user"), *password)
                                        : stored(system, *password);
        }
        system.users[args.text("user")] = user;
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& [name, user] : out.config().system.users) {
            const auto privilege = user.privilege != config::User{}.privilege
                                       ? fmt::format(" privilege {}", user.privilege)
                                       : "";
            if (user.password.empty()) {
                out.line("username {}{} nopassword", quoted(name), privilege);
                continue;
            }
            const auto password =
                user.secret ? user.password : stored(out.config().system, user.password);
            out.line("username {}{} {} {}",
                     quoted(name),
                     privilege,
                     user.secret ? "secret" : "password",
                     password_text(password, true));
        }
    };
    row.examples = {"username gfullage password 7 0201024E070A0E2649",
                    "username admin privilege 15 secret 5 $1$mERr$hx5rVt7rPNoS4wqbXKX7m0",
                    "username guest nopassword",
                    "username \"two words\" password 0 7 up"};
    return at(Place::users, std::move(row));
}

Row username_privilege_row() {
    Row row{.mode = Mode::global,
            .pattern = "username <user:WORD> privilege <level:0-15>",
            .help = "Establish User Name Authentication"};
    row.no = "-";
    row.apply = [](ConfigSession& session, const Args& args) {
        session.config().system.users[args.text("user")].privilege =
            static_cast<std::uint8_t>(args.number("level"));
        return done();
    };
    return at(Place::users, std::move(row));
}

Row clock_row() {
    Row row{
        .mode = Mode::global,
        .pattern = "clock timezone <zone:WORD> { <hours:0-23> | <west:WORD> } [ <minutes:0-59> ]",
        .help =
            "Configure time zone|zone: name of time zone|hours: Hours offset from UTC (-23 to "
            "23)|west: Hours offset from UTC (-23 to 23)|minutes: Minutes offset from UTC"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& system = session.config().system;
        if (args.negated()) {
            system.clock_timezone.clear();
            system.clock_offset_min = 0;
            return done();
        }
        auto hours = static_cast<std::int32_t>(args.number("hours"));
        const bool west = args.has("west");
        if (west) {
            const auto text = args.text("west");
            const auto number = text.starts_with('-')
                                    ? parse_number(std::string_view(text).substr(1), 0, 23)
                                    : std::nullopt;
            if (!number) {
                return failure("Hours offset from UTC must be -23 to 23");
            }
            hours = static_cast<std::int32_t>(*number);
        }
        const auto minutes = hours * 60 + static_cast<std::int32_t>(args.number("minutes"));
        system.clock_timezone = args.text("zone");
        system.clock_offset_min = west ? -minutes : minutes;
        return done();
    };
    row.write = [](Writer& out) {
        const auto& system = out.config().system;
        if (system.clock_timezone.empty()) {
            return;
        }
        const auto offset = std::abs(system.clock_offset_min);
        out.line("clock timezone {} {}{}{}",
                 quoted(system.clock_timezone),
                 system.clock_offset_min < 0 ? "-" : "",
                 offset / 60,
                 offset % 60 != 0 ? fmt::format(" {}", offset % 60) : "");
    };
    row.examples = {"clock timezone CET 1", "clock timezone NST -3 30"};
    return at(Place::clock, std::move(row));
}

Row banner_row(const std::string& kind,
               std::string SystemConfig::* field,
               const std::string& help) {
    Row row{.mode = Mode::global,
            .pattern = "banner " + kind + " <text:LINE>",
            .help = help + "|text: c banner-text c, where 'c' is a delimiting character"};
    row.apply = [field](ConfigSession& session, const Args& args) {
        if (args.negated()) {
            (session.config().system.*field).clear();
            return done();
        }
        session.begin_delimited(
            [field](ConfigSession& later, std::string text) {
                later.config().system.*field = std::move(text);
            },
            args.text("text"));
        return done();
    };
    row.write = [field, kind](Writer& out) {
        const auto& text = out.config().system.*field;
        if (text.empty()) {
            return;
        }
        out.raw(fmt::format("banner {} {}\n", kind, delimited(text)));
    };
    row.examples = {"banner " + kind + " #Authorized access only#"};
    return at(Place::banners, std::move(row));
}

Row motd_row() {
    return banner_row("motd", &SystemConfig::banner_motd, "Set Message of the Day banner");
}

Row domain_lookup_row(const std::string& words, bool writes) {
    auto row = flag_row(Mode::global,
                        words,
                        &SystemConfig::domain_lookup,
                        "Enable IP Domain Name System hostname translation");
    if (!writes) {
        row.write = {};
    }
    return at(Place::domain, std::move(row));
}

Row domain_name_row(const std::string& words, bool writes) {
    auto row = text_row(Mode::global,
                        words,
                        "WORD",
                        &SystemConfig::domain_name,
                        "Define the default domain name|text: Default domain name");
    row.examples = {words + " cisco.com"};
    if (!writes) {
        row.write = {};
    }
    return at(Place::domain, std::move(row));
}

Row name_server_row() {
    Row row{.mode = Mode::global,
            .pattern =
                "ip name-server <a:A.B.C.D> [ <b:A.B.C.D> [ <c:A.B.C.D> [ <d:A.B.C.D> "
                "[ <e:A.B.C.D> [ <f:A.B.C.D> ] ] ] ] ]",
            .help = "Specify address of name server to use|a: Domain server IP address"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto servers = session.config().system.name_servers;
        if (args.negated() && !args.has("a")) {
            servers.clear();
        }
        for (const auto* name : {"a", "b", "c", "d", "e", "f"}) {
            if (args.has(name)) {
                std::erase(servers, args.address(name));
                if (!args.negated()) {
                    servers.push_back(args.address(name));
                }
            }
        }
        if (servers.size() > 6) {
            return failure("IP NAME-SERVER: limit of 6 name servers");
        }
        session.config().system.name_servers = std::move(servers);
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& server : out.config().system.name_servers) {
            out.line("ip name-server {}", server.to_string());
        }
    };
    row.examples = {"ip name-server 10.0.0.1", "ip name-server 10.0.0.1 10.0.0.2"};
    return at(Place::domain, std::move(row));
}

Row ip_host_row() {
    Row row{
        .mode = Mode::global,
        .pattern = "ip host <name:WORD> <address:A.B.C.D>",
        .help =
            "Add an entry to the ip hostname table|name: Name of host|address: Host IP address"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& hosts = session.config().system.hosts;
        if (args.negated() && !args.has("name")) {
            return failure("Incomplete command.");
        }
        if (args.negated()) {
            hosts.erase(args.text("name"));
        } else {
            hosts[args.text("name")] = args.address("address");
        }
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& [name, address] : out.config().system.hosts) {
            out.line("ip host {} {}", quoted(name), address.to_string());
        }
    };
    row.examples = {"ip host hub 209.168.202.225"};
    return at(Place::domain, std::move(row));
}

Row ntp_row() {
    Row row{.mode = Mode::global,
            .pattern = "ntp server <name:WORD>",
            .help = "Configure NTP server|name: Address or name of peer"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& servers = session.config().system.ntp_servers;
        if (args.negated() && !args.has("name")) {
            servers.clear();
            return done();
        }
        std::erase(servers, args.text("name"));
        if (!args.negated()) {
            servers.push_back(args.text("name"));
        }
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& server : out.config().system.ntp_servers) {
            out.line("ntp server {}", quoted(server));
        }
    };
    row.examples = {"ntp server 10.0.0.9"};
    row.effect = Effect::kept;
    return at(Place::ntp, std::move(row));
}

Row ip_switch_row(const std::string& words,
                  bool SystemConfig::* field,
                  Place place,
                  std::string help,
                  Effect does) {
    auto row = flag_row(Mode::global, words, field, std::move(help));
    row.write = [field, words](Writer& out) {
        // IOS: 12.x writes these lines whether they are the default or not.
        out.line("{}{}", out.config().system.*field ? "" : "no ", words);
    };
    row.effect = does;
    return at(place, std::move(row));
}

}  // namespace

Rows system_rows() {
    Rows rows{
        version_row(),
        timestamps_row(),
        password_encryption_row(),
        hostname_row(),
        enable_row(true),
        enable_row(false),
        username_row(),
        username_privilege_row(),
        clock_row(),
        ip_switch_row("ip subnet-zero",
                      &SystemConfig::ip_subnet_zero,
                      Place::ip_basic,
                      "Allow 'subnet zero' subnets",
                      Effect::kept),
        at(Place::ip_basic,
           flag_row(Mode::global,
                    "ip source-route",
                    &SystemConfig::ip_source_route,
                    "Process packets with source routing header options")),
        at(Place::ip_basic,
           flag_row(Mode::global, "ip routing", &SystemConfig::ip_routing, "Enable IP routing")),
        ip_switch_row("ip classless",
                      &SystemConfig::ip_classless,
                      Place::routes,
                      "Follow classless routing forwarding rules",
                      Effect::kept),
        domain_lookup_row("ip domain lookup", true),
        domain_lookup_row("ip domain-lookup", false),
        domain_name_row("ip domain name", true),
        domain_name_row("ip domain-name", false),
        name_server_row(),
        ip_host_row(),
        banner_row("exec", &SystemConfig::banner_exec, "Set EXEC process creation banner"),
        banner_row("login", &SystemConfig::banner_login, "Set login banner"),
        motd_row(),
        ntp_row(),
    };
    return rows;
}

}  // namespace viaduct::ios
