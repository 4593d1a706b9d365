// ISAKMP profiles: which settings a peer gets by what it presents.
#include <algorithm>

#include "config/ios/fields.h"
#include "config/ios/rows/isakmp.h"

namespace viaduct::ios {

namespace {

using config::ConfigMode;
using config::IdentityMatch;
using config::IsakmpProfile;

constexpr Mode kProfileMode = Mode::isakmp_profile;

Row enter_profile_row() {
    Row row{.mode = Mode::global,
            .pattern = "crypto isakmp profile <name:WORD>",
            .help = "Define ISAKMP Profiles|name: Name of the profile"};
    row.no = "crypto isakmp profile <name:WORD>";
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& profiles = session.config().crypto.profiles;
        const auto name = args.text("name");
        const auto same = [&name](const auto& profile) { return profile.first == name; };
        if (args.negated()) {
            std::erase_if(profiles, same);
            return done();
        }
        if (std::none_of(profiles.begin(), profiles.end(), same)) {
            if (profiles.size() >= 4096) {
                return failure("ISAKMP profiles: limit of 4096");
            }
            profiles.emplace_back(name, IsakmpProfile{});
        }
        session.enter({.mode = kProfileMode, .name = name});
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& [name, profile] : out.config().crypto.profiles) {
            out.section("crypto isakmp profile " + quoted(name),
                        {.mode = kProfileMode, .name = name});
        }
    };
    row.examples = {"crypto isakmp profile VPNclient"};
    row.enters = true;
    return at(Place::isakmp_profiles, std::move(row));
}

IdentityMatch read_match(const Args& args) {
    IdentityMatch match;
    if (args.has("a")) {
        match.address = args.address("a");
        if (args.has("m")) {
            match.mask = args.address("m");
        } else if (match.address.is_unspecified()) {
            match.mask = Ipv4Address{};  // IOS: address 0.0.0.0 alone is everybody
        }
        return match;
    }
    const bool domain = args.has("domain");
    match.text = args.text("text");
    if (args.has("group")) {
        match.kind = IdentityMatch::Kind::group;
    } else if (args.has("host")) {
        match.kind = domain ? IdentityMatch::Kind::host_domain : IdentityMatch::Kind::host;
    } else {
        match.kind = domain ? IdentityMatch::Kind::user_domain : IdentityMatch::Kind::user;
    }
    return match;
}

std::string match_text(const IdentityMatch& match) {
    switch (match.kind) {
    case IdentityMatch::Kind::address: {
        // Without a mask 0.0.0.0 is everybody and any other address itself.
        const auto implied = match.address.is_unspecified() ? Ipv4Address{} : Ipv4Address{~0U};
        return "address " + match.address.to_string() +
               (match.mask == implied ? "" : " " + match.mask.to_string());
    }
    case IdentityMatch::Kind::group:
        return "group " + quoted(match.text);
    case IdentityMatch::Kind::host:
        return "host " + quoted(match.text);
    case IdentityMatch::Kind::host_domain:
        return "host domain " + quoted(match.text);
    case IdentityMatch::Kind::user:
        return "user " + quoted(match.text);
    case IdentityMatch::Kind::user_domain:
        return "user domain " + quoted(match.text);
    }
    return "";
}

Row match_row() {
    Row row{
        .mode = kProfileMode,
        .pattern =
            "match identity { address <a:A.B.C.D> [ <m:mask> ] | group <text:WORD> | host domain "
            "<text:WORD> | host <text:WORD> | user domain <text:WORD> | user <text:WORD> }",
        .help =
            "Match a peer's identity|address: Match ID_IPV4_ADDR|a: IP address prefix|m: IP "
            "address "
            "mask|group: Match ID_KEY_ID|host: Match ID_FQDN|user: Match ID_USER_FQDN|domain: "
            "Match a "
            "domain|text: Name"};
    row.no = row.pattern;
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& matches = session.object<IsakmpProfile>().matches;
        const auto match = read_match(args);
        std::erase(matches, match);
        if (!args.negated()) {
            if (matches.size() >= 4096) {
                return failure("Identities of a profile: limit of 4096");
            }
            matches.push_back(match);
        }
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& match : out.object<IsakmpProfile>().matches) {
            out.line("match identity {}", match_text(match));
        }
    };
    row.examples = {"match identity address 0.0.0.0",
                    "match identity address 10.0.0.0 255.0.0.0",
                    "match identity group testgroup",
                    "match identity host spoke.cisco.com",
                    "match identity user domain cisco.com"};
    return row;
}

Row self_identity_row() {
    Row row{.mode = kProfileMode,
            .pattern = "self-identity { address | fqdn | user-fqdn <user:WORD> }",
            .help =
                "Specify the identity to use for local router|address: Use the IP address of the "
                "interface for the identity|fqdn: Use the hostname of the router for the "
                "identity|user-fqdn: Use the User-FQDN for the identity|user: User FQDN"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& identity = session.object<IsakmpProfile>().self_identity;
        identity.clear();
        if (!args.negated()) {
            identity = args.has("address")     ? "address"
                       : args.has("user-fqdn") ? "user-fqdn " + quoted(args.text("user"))
                                               : "fqdn";
        }
        return done();
    };
    row.write = [](Writer& out) {
        const auto& identity = out.object<IsakmpProfile>().self_identity;
        if (!identity.empty()) {
            out.line("self-identity {}", identity);
        }
    };
    row.examples = {
        "self-identity address", "self-identity fqdn", "self-identity user-fqdn hub@cisco.com"};
    return row;
}

Row configuration_row() {
    Row row{
        .mode = kProfileMode,
        .pattern = "client configuration address { respond | initiate }",
        .help =
            "Set mode configuration|respond: Respond to ISAKMP configuration requests|initiate: "
            "Initiate ISAKMP configuration|address: Set network address for the client"};
    row.no = "client configuration address [ respond | initiate ]";
    row.apply = [](ConfigSession& session, const Args& args) {
        change_config_mode(session.object<IsakmpProfile>().client_configuration, args);
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto word :
             config_mode_words(out.object<IsakmpProfile>().client_configuration)) {
            out.line("client configuration address {}", word);
        }
    };
    row.examples = {"client configuration address respond",
                    "client configuration address initiate"};
    return row;
}

Row profile_keepalive_row() {
    Row row{
        .mode = kProfileMode,
        .pattern = "keepalive <seconds:10-3600> [ retry <again:2-60> ] [ periodic | on-demand ]",
        .help = "Set a keepalive interval for use with IOS peers|retry: Interval between retries" +
                std::string(kKeepaliveHelp)};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& keepalive = session.object<IsakmpProfile>().keepalive;
        keepalive.reset();
        if (!args.negated()) {
            keepalive = read_keepalive(args);
        }
        return done();
    };
    row.write = [](Writer& out) {
        if (const auto& keepalive = out.object<IsakmpProfile>().keepalive) {
            out.line("keepalive {} retry {}{}",
                     keepalive->seconds,
                     keepalive->retry_s,
                     keepalive->periodic ? " periodic" : "");
        }
    };
    row.examples = {"keepalive 20 retry 5", "keepalive 30 periodic"};
    return row;
}

Row list_row(const std::string& words,
             std::string IsakmpProfile::* field,
             const std::string& help) {
    auto row = text_row(kProfileMode, words, "WORD", field, help + "|text: Named list");
    row.examples = {words + " clientauth"};
    return row;
}

}  // namespace

void change_config_mode(ConfigMode& mode, const Args& args) {
    auto bits = static_cast<unsigned>(mode);  // respond 1, initiate 2, both 3
    const unsigned said = args.has("respond") ? 1 : args.has("initiate") ? 2 : 3;
    bits = args.negated() ? bits & ~said : bits | said;
    mode = static_cast<ConfigMode>(bits);
}

std::vector<std::string_view> config_mode_words(ConfigMode mode) {
    switch (mode) {
    case ConfigMode::none:
        return {};
    case ConfigMode::respond:
        return {"respond"};
    case ConfigMode::initiate:
        return {"initiate"};
    case ConfigMode::both:
        return {"initiate", "respond"};
    }
    return {};
}

Rows isakmp_profile_rows() {
    return {
        enter_profile_row(),
        examples({"description LAN-to-LAN for spoke router(s) connection"},
                 text_row(kProfileMode,
                          "description",
                          "LINE",
                          &IsakmpProfile::description,
                          "Specify a description of this profile|text: Text")),
        examples({"keyring spokes"},
                 text_row(kProfileMode,
                          "keyring",
                          "WORD",
                          &IsakmpProfile::keyring,
                          "Specify keyring to use|text: Keyring name")),
        self_identity_row(),
        match_row(),
        list_row("client authentication list",
                 &IsakmpProfile::client_authentication_list,
                 "Set client extended authentication list"),
        list_row("isakmp authorization list",
                 &IsakmpProfile::authorization_list,
                 "Set ISAKMP authorization list"),
        list_row("accounting", &IsakmpProfile::accounting_list, "Enable accounting"),
        configuration_row(),
        profile_keepalive_row(),
        flag_row(kProfileMode,
                 "initiate mode aggressive",
                 &IsakmpProfile::initiate_aggressive,
                 "Initiate aggressive mode"),
    };
}

}  // namespace viaduct::ios
