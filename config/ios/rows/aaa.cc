// AAA: method lists and RADIUS servers.
#include <algorithm>
#include <array>
#include <sstream>

#include "config/ios/fields.h"

namespace viaduct::ios {

namespace {

using config::AaaConfig;
using config::AaaMethodList;
using config::RadiusServer;
using Method = AaaMethodList::Method;
using Lists = std::map<std::string, AaaMethodList>;

struct MethodWord {
    std::string_view word;
    Method method;
};

// `group radius` is two words; "radius" alone is the older form.
constexpr std::array<MethodWord, 7> kMethods{{{"local", Method::local},
                                              {"local-case", Method::local_case},
                                              {"radius", Method::radius},
                                              {"enable", Method::enable},
                                              {"line", Method::line},
                                              {"none", Method::none},
                                              {"if-authenticated", Method::if_authenticated}}};

Result<AaaMethodList> read_methods(const std::string& text) {
    AaaMethodList list;
    std::istringstream words(text);
    bool group = false;
    for (std::string word; words >> word;) {
        if (word == "group" && !group) {
            group = true;
            continue;
        }
        const auto* known =
            std::find_if(kMethods.begin(), kMethods.end(), [&word](const MethodWord& row) {
                return row.word == word;
            });
        if (known == kMethods.end() || (group && known->method != Method::radius)) {
            return failure("Unknown method: " + word);
        }
        group = false;
        list.methods.push_back(known->method);
    }
    if (list.methods.empty() || group) {
        return failure("Incomplete command.");
    }
    if (list.methods.size() > 4) {
        return failure("A list has at most four methods");
    }
    return list;
}

std::string methods_text(const AaaMethodList& list) {
    std::string out;
    for (const auto method : list.methods) {
        const auto* row =
            std::find_if(kMethods.begin(), kMethods.end(), [method](const MethodWord& m) {
                return m.method == method;
            });
        out += (method == Method::radius ? " group " : " ") + std::string(row->word);
    }
    return out;
}

/// `words NAME method…`, or for accounting `words NAME start-stop method…`.
Row list_row(const std::string& words,
             const std::string& before_methods,
             Lists AaaConfig::* field,
             const std::string& help) {
    Row row{.mode = Mode::global,
            .pattern = words + " { default | <name:WORD> } " + before_methods + "<methods:LINE>",
            .help = help +
                    "|default: The default list|name: Named list|start-stop: Record start and "
                    "stop|methods: group radius, local, local-case, enable, line, none, "
                    "if-authenticated"};
    row.no = words + " { default | <name:WORD> } [ <rest:LINE> ]";
    row.apply = [field](ConfigSession& session, const Args& args) -> Result<void> {
        auto& aaa = session.config().aaa;
        const auto name = args.has("name") ? args.text("name") : "default";
        if (args.negated()) {
            (aaa.*field).erase(name);
            return done();
        }
        auto list = read_methods(args.text("methods"));
        if (!list) {
            return tl::unexpected(list.error());
        }
        if ((aaa.*field).size() >= 256 && !(aaa.*field).contains(name)) {
            return failure("Method lists: limit of 256");
        }
        (aaa.*field)[name] = std::move(*list);
        return done();
    };
    row.write = [field, words, before_methods](Writer& out) {
        for (const auto& [name, list] : out.config().aaa.*field) {
            out.line(
                "{} {} {}{}",
                words,
                quoted(name),
                before_methods.substr(0, before_methods.size() - (before_methods.empty() ? 0 : 1)),
                methods_text(list).substr(before_methods.empty() ? 1 : 0));
        }
    };
    row.examples = {words + " clientauth " + before_methods + "local",
                    words + " default " + before_methods + "group radius local"};
    return at(Place::aaa, std::move(row));
}

Row new_model_row() {
    auto row =
        flag_row(Mode::global,
                 "aaa new-model",
                 &AaaConfig::new_model,
                 "Enable NEW access control commands and functions.(Disables OLD commands.)");
    row.write = [](Writer& out) {
        // IOS: written whether it is on or not.
        out.line("{}aaa new-model", out.config().aaa.new_model ? "" : "no ");
    };
    return at(Place::aaa, std::move(row));
}

constexpr std::string_view kServerOptions =
    "( auth-port <authport:0-65535> | acct-port <acctport:0-65535> | timeout <seconds:1-1000> | "
    "retransmit "
    "<tries:0-100> )*";

Result<void> apply_server(ConfigSession& session, const Args& args) {
    RadiusServer server;
    server.address = args.address("a");
    server.auth_port = static_cast<std::uint16_t>(args.number("authport", server.auth_port));
    server.acct_port = static_cast<std::uint16_t>(args.number("acctport", server.acct_port));
    auto& servers = session.config().aaa.radius_servers;
    const auto same = [&](const RadiusServer& other) {
        return other.address == server.address &&
               (other.auth_port == server.auth_port || (args.negated() && !args.has("authport")));
    };
    if (args.negated()) {
        std::erase_if(servers, same);
        return done();
    }
    if (args.has("seconds")) {
        server.timeout_s = static_cast<std::uint16_t>(args.number("seconds"));
    }
    if (args.has("tries")) {
        server.retransmit = static_cast<std::uint8_t>(args.number("tries"));
    }
    if (args.has("key")) {
        auto key = read_password(args);
        if (!key) {
            return tl::unexpected(key.error());
        }
        server.key = stored(session.config().system, *key);
    }
    const auto found = std::find_if(servers.begin(), servers.end(), same);
    if (found != servers.end()) {
        *found = std::move(server);
    } else if (servers.size() >= 16) {
        return failure("RADIUS servers: limit of 16");
    } else {
        servers.push_back(std::move(server));
    }
    return done();
}

Row radius_server_row() {
    Row row{
        .mode = Mode::global,
        .pattern = "radius-server host <a:A.B.C.D> " + std::string(kServerOptions) + " [ key " +
                   std::string(kPasswordLine) + " ]",
        .help =
            "Specify a RADIUS server|a: IP address of RADIUS server|auth-port: UDP port for RADIUS "
            "authentication server|acct-port: UDP port for RADIUS accounting server|timeout: Time "
            "to "
            "wait for this RADIUS server to reply|retransmit: Specify the number of retries to "
            "active "
            "server|key: per-server encryption key|authport: Port number|acctport: Port "
            "number|seconds: Timeout value in seconds|tries: Number of retries"};
    row.no =
        "radius-server host <a:A.B.C.D> " + std::string(kServerOptions) + " [ key <rest:LINE> ]";
    row.apply = apply_server;
    row.write = [](Writer& out) {
        const RadiusServer normal;
        for (const auto& server : out.config().aaa.radius_servers) {
            auto line = fmt::format("radius-server host {} auth-port {} acct-port {}",
                                    server.address.to_string(),
                                    server.auth_port,
                                    server.acct_port);
            line += server.timeout_s ? fmt::format(" timeout {}", *server.timeout_s) : "";
            line += server.retransmit ? fmt::format(" retransmit {}", *server.retransmit) : "";
            line += server.key.empty()
                        ? ""
                        : " key " + password_text(stored(out.config().system, server.key));
            out.text(line);
        }
    };
    row.examples = {
        "radius-server host 10.0.0.9",
        "radius-server host 10.0.0.9 auth-port 1812 acct-port 1813 timeout 3 retransmit 2 key "
        "secret words"};
    return at(Place::radius, std::move(row));
}

Row radius_key_row() {
    Row row{
        .mode = Mode::global,
        .pattern = "radius-server key " + std::string(kPasswordLine),
        .help =
            "encryption key shared with the radius servers|0: Specifies an UNENCRYPTED key will "
            "follow|7: Specifies HIDDEN key will follow|plain: The UNENCRYPTED (cleartext) shared "
            "key"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& key = session.config().aaa.radius_key;
        if (args.negated()) {
            key = {};
            return done();
        }
        auto read = read_password(args);
        if (!read) {
            return tl::unexpected(read.error());
        }
        key = stored(session.config().system, *read);
        return done();
    };
    row.write = [](Writer& out) {
        const auto& key = out.config().aaa.radius_key;
        if (!key.empty()) {
            out.line("radius-server key {}", password_text(stored(out.config().system, key)));
        }
    };
    row.examples = {"radius-server key testing123"};
    return at(Place::radius, std::move(row));
}

Row radius_source_row() {
    Row row{
        .mode = Mode::global,
        .pattern = "ip radius source-interface <interface:interface>",
        .help =
            "Specify interface for source address in RADIUS packets|radius: RADIUS configuration "
            "commands"};
    row.apply = [](ConfigSession& session, const Args& args) {
        session.config().aaa.radius_source_interface =
            args.negated() ? std::nullopt : args.interface("interface");
        return done();
    };
    row.write = [](Writer& out) {
        if (const auto& interface = out.config().aaa.radius_source_interface) {
            out.line("ip radius source-interface {}", interface->to_string());
        }
    };
    row.examples = {"ip radius source-interface Loopback0"};
    return at(Place::radius, std::move(row));
}

}  // namespace

Rows aaa_rows() {
    return {
        new_model_row(),
        list_row(
            "aaa authentication login",
            "",
            &AaaConfig::login,
            "Set authentication lists for logins|authentication: Authentication configurations "
            "parameters."),
        list_row("aaa authorization exec",
                 "",
                 &AaaConfig::authorization_exec,
                 "For starting an exec (shell).|authorization: Authorization configurations "
                 "parameters."),
        list_row(
            "aaa authorization network",
            "",
            &AaaConfig::authorization_network,
            "For network services. (PPP, SLIP, ARAP)|authorization: Authorization configurations "
            "parameters."),
        list_row("aaa accounting network",
                 "start-stop ",
                 &AaaConfig::accounting_network,
                 "For network services. (PPP, SLIP, ARAP)|accounting: Accounting configurations "
                 "parameters."),
        at(Place::aaa,
           flag_row(Mode::global,
                    "aaa session-id common",
                    &AaaConfig::session_id_common,
                    "AAA Session ID: the same for all types of accounting")),
        radius_source_row(),
        radius_server_row(),
        radius_key_row(),
        at(Place::radius,
           examples(
               {"radius-server timeout 3"},
               number_row(Mode::global,
                          "radius-server timeout",
                          "1-1000",
                          &AaaConfig::radius_timeout_s,
                          "Time to wait for a RADIUS server to reply|value: Wait time (default 5 "
                          "seconds)"))),
        at(Place::radius,
           examples({"radius-server retransmit 5"},
                    number_row(Mode::global,
                               "radius-server retransmit",
                               "0-100",
                               &AaaConfig::radius_retransmit,
                               "Specify the number of retries to active server|value: Number of "
                               "retries"))),
        at(Place::radius,
           examples({"radius-server deadtime 10"},
                    number_row(Mode::global,
                               "radius-server deadtime",
                               "1-1440",
                               &AaaConfig::radius_deadtime_min,
                               "Time to stop using a server that doesn't respond|value: Minutes"))),
    };
}

}  // namespace viaduct::ios
