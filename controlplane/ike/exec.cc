// The exec commands of this folder: one row each.
#include "controlplane/ike/engine.h"
#include "controlplane/ike/show.h"

namespace viaduct::ike {

namespace {

using Run = std::function<std::string(const Engine::State&, TimePoint, const ios::Args&)>;

/// A show row: text from the state; nothing is configured yet: nothing to show.
ios::ExecRow show(Engine& engine,
                  std::string_view pattern,
                  std::vector<ios::TokenHelp> help,
                  Run run,
                  std::uint8_t privilege = 1) {
    ios::ExecRow row;
    row.pattern = pattern;
    row.help = std::move(help);
    row.privilege = privilege;
    row.run = [&engine, run = std::move(run)](
                  ios::ExecContext& context,
                  const ios::Args& args) -> std::unique_ptr<ios::ExecJob> {
        if (engine.state().config != nullptr) {
            context.out += run(engine.state(), context.now, args);
        }
        return nullptr;
    };
    return row;
}

ios::ExecRow clear(std::string_view pattern,
                   std::vector<ios::TokenHelp> help,
                   std::function<void(TimePoint, const ios::Args&)> run) {
    ios::ExecRow row;
    row.pattern = pattern;
    row.help = std::move(help);
    row.privilege = 15;
    row.run = [run = std::move(run)](ios::ExecContext& context,
                                     const ios::Args& args) -> std::unique_ptr<ios::ExecJob> {
        run(context.now, args);
        return nullptr;
    };
    return row;
}

constexpr ios::TokenHelp kCrypto{"crypto", "Encryption module"};
constexpr ios::TokenHelp kIsakmp{"isakmp", "Show ISAKMP"};
constexpr ios::TokenHelp kIpsec{"ipsec", "Show IPSEC policy"};

void add_isakmp(ios::ExecRows& rows, Engine& engine) {
    rows.push_back(
        show(engine,
             "show crypto isakmp policy",
             {kCrypto, kIsakmp, {"policy", "Show ISAKMP protection suite policy"}},
             [](const auto& core, auto, const auto&) { return show_isakmp_policy(core); }));
    rows.push_back(show(
        engine,
        "show crypto isakmp sa [ detail ]",
        {kCrypto, kIsakmp, {"sa", "Show ISAKMP Security Associations"}, {"detail", "Show detail"}},
        [](const auto& core, auto now, const auto& args) {
            return args.has("detail") ? show_isakmp_sa_detail(core, now) : show_isakmp_sa(core);
        }));
    rows.push_back(show(
        engine,
        "show crypto isakmp key",
        {kCrypto, kIsakmp, {"key", "Show ISAKMP preshared keys"}},
        [](const auto& core, auto, const auto&) { return show_isakmp_key(core); },
        15));
    rows.push_back(
        show(engine,
             "show crypto isakmp peers",
             {kCrypto, kIsakmp, {"peers", "Show ISAKMP peer structures"}},
             [](const auto& core, auto, const auto&) { return show_isakmp_peers(core); }));
    rows.push_back(
        show(engine,
             "show crypto isakmp profile",
             {kCrypto, kIsakmp, {"profile", "Show ISAKMP profiles"}},
             [](const auto& core, auto, const auto&) { return show_isakmp_profile(core); }));
    rows.push_back(
        show(engine,
             "show crypto isakmp stats",
             {kCrypto, kIsakmp, {"stats", "Show ISAKMP statistics"}},
             [](const auto& core, auto, const auto&) { return show_isakmp_stats(core); }));
    rows.push_back(
        show(engine,
             "show crypto isakmp ted",
             {kCrypto, kIsakmp, {"ted", "Show tunnel endpoint discovery"}},
             [](const auto& core, auto now, const auto&) { return show_isakmp_ted(core, now); }));
}

void add_ipsec(ios::ExecRows& rows, Engine& engine) {
    rows.push_back(show(engine,
                        "show crypto ipsec sa [ { peer <address:A.B.C.D> | map <name:WORD> | "
                        "interface <where:interface> } ]",
                        {kCrypto,
                         kIpsec,
                         {"sa", "IPSEC SA table"},
                         {"peer", "Show all SAs with this peer"},
                         {"map", "SAs of a crypto map"},
                         {"interface", "SAs of an interface"},
                         {"address", "Peer's address"},
                         {"name", "Crypto map name"},
                         {"where", "Interface"}},
                        [](const auto& core, auto now, const auto& args) {
                            SaFilter filter;
                            if (args.has("peer")) {
                                filter.peer = args.address("address");
                            }
                            filter.map = args.text("name");
                            filter.interface = args.interface("where");
                            return show_ipsec_sa(core, now, filter);
                        }));
    rows.push_back(show(engine,
                        "show crypto ipsec transform-set [ tag <name:WORD> ]",
                        {kCrypto,
                         kIpsec,
                         {"transform-set", "Crypto transform sets"},
                         {"tag", "One set"},
                         {"name", "Name"}},
                        [](const auto& core, auto, const auto& args) {
                            return show_transform_sets(core, args.text("name"));
                        }));
    rows.push_back(
        show(engine,
             "show crypto ipsec security-association lifetime",
             {kCrypto,
              kIpsec,
              {"security-association", "Show parameters for IPSec security associations"},
              {"lifetime", "Lifetime"}},
             [](const auto& core, auto, const auto&) { return show_sa_lifetime(core); }));
    rows.push_back(
        show(engine,
             "show crypto ipsec profile",
             {kCrypto, kIpsec, {"profile", "Show ipsec profile information"}},
             [](const auto& core, auto, const auto&) { return show_ipsec_profiles(core); }));
    rows.push_back(
        show(engine,
             "show crypto engine connections active",
             {kCrypto,
              {"engine", "Show crypto engine info"},
              {"connections", "Show connection information"},
              {"active", "Show all active crypto engine connections"}},
             [](const auto& core, auto, const auto&) { return show_engine_connections(core); }));
}

void add_maps_and_sessions(ios::ExecRows& rows, Engine& engine) {
    rows.push_back(
        show(engine,
             "show crypto map [ tag <name:WORD> ]",
             {kCrypto, {"map", "Crypto maps"}, {"tag", "One map"}, {"name", "Crypto map tag"}},
             [](const auto& core, auto, const auto& args) {
                 return show_crypto_map(core, args.text("name"));
             }));
    rows.push_back(show(engine,
                        "show crypto dynamic-map [ tag <name:WORD> ]",
                        {kCrypto,
                         {"dynamic-map", "Crypto map templates"},
                         {"tag", "One template"},
                         {"name", "Name"}},
                        [](const auto& core, auto, const auto& args) {
                            return show_dynamic_map(core, args.text("name"));
                        }));
    rows.push_back(
        show(engine,
             "show crypto session ( detail | brief | local <local-address:A.B.C.D> | remote "
             "<address:A.B.C.D> | username <user:WORD> | interface <where:interface> )*",
             {kCrypto,
              {"session", "Show crypto sessions (tunnels)"},
              {"detail", "Detailed"},
              {"brief", "One line a session"},
              {"local", "Sessions from one of our addresses"},
              {"remote", "Sessions with one peer"},
              {"username", "Sessions of one XAUTH user"},
              {"interface", "Sessions on one interface"},
              {"local-address", "Our address"},
              {"address", "Peer's address"},
              {"user", "User name"},
              {"where", "Interface"}},
             [](const auto& core, auto now, const auto& args) {
                 SessionFilter filter;
                 if (args.has("local")) {
                     filter.local = args.address("local-address");
                 }
                 if (args.has("remote")) {
                     filter.remote = args.address("address");
                 }
                 filter.user = args.text("user");
                 filter.interface = args.interface("where");
                 filter.brief = args.has("brief");
                 return show_session(core, now, args.has("detail"), filter);
             }));
}

void add_clears(ios::ExecRows& rows, Engine& engine) {
    rows.push_back(clear("clear crypto sa [ { peer <address:A.B.C.D> | map <name:WORD> } ]",
                         {kCrypto,
                          {"sa", "Clear all crypto SAs"},
                          {"peer", "Clear the SAs of one peer"},
                          {"map", "Clear the SAs of one crypto map"},
                          {"address", "Peer's address"},
                          {"name", "Crypto map name"}},
                         [&engine](TimePoint now, const ios::Args& args) {
                             engine.clear_ipsec(now,
                                                args.has("peer")
                                                    ? std::optional(args.address("address"))
                                                    : std::nullopt,
                                                args.text("name"));
                         }));
    rows.push_back(clear(
        "clear crypto isakmp [ <connection:1-4294967295> ]",
        {kCrypto, {"isakmp", "Flush the ISAKMP database"}, {"connection", "connection id of SA"}},
        [&engine](TimePoint now, const ios::Args& args) {
            engine.clear_isakmp(now,
                                args.has("connection")
                                    ? std::optional(ConnectionId{args.number("connection")})
                                    : std::nullopt);
        }));
    rows.push_back(
        clear("clear crypto session [ { remote <address:A.B.C.D> | username <user:WORD> } ]",
              {kCrypto,
               {"session", "Clear crypto sessions (tunnels)"},
               {"remote", "By the peer's address"},
               {"username", "By the XAUTH user"},
               {"address", "Peer's address"},
               {"user", "User name"}},
              [&engine](TimePoint now, const ios::Args& args) {
                  engine.clear_session(
                      now,
                      args.has("remote") ? std::optional(args.address("address")) : std::nullopt,
                      args.text("user"));
              }));
}

}  // namespace

ios::ExecRows exec_rows(Engine& engine) {
    ios::ExecRows rows;
    add_isakmp(rows, engine);
    add_ipsec(rows, engine);
    add_maps_and_sessions(rows, engine);
    add_clears(rows, engine);
    return rows;
}

}  // namespace viaduct::ike
