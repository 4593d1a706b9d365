// `crypto isakmp client configuration group`: what VPN clients of a group are given.
#include <algorithm>
#include <sstream>

#include "config/ios/fields.h"

namespace viaduct::ios {

namespace {

using config::ClientGroup;

constexpr Mode kGroupMode = Mode::client_group;

Row enter_group_row() {
    Row row{.mode = Mode::global,
            .pattern = "crypto isakmp client configuration group <name:WORD>",
            .help =
                "Set group profile attributes|name: Group name, or default|client: Set client "
                "configuration policy"};
    row.no = "crypto isakmp client configuration group <name:WORD>";
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& groups = session.config().crypto.client_groups;
        const auto name = args.text("name");
        if (args.negated()) {
            groups.erase(name);
            return done();
        }
        if (!groups.contains(name) && groups.size() >= 4096) {
            return failure("Client groups: limit of 4096");
        }
        groups.try_emplace(name);
        session.enter({.mode = kGroupMode, .name = name});
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& [name, group] : out.config().crypto.client_groups) {
            out.separator();
            out.section("crypto isakmp client configuration group " + quoted(name),
                        {.mode = kGroupMode, .name = name});
        }
    };
    row.examples = {"crypto isakmp client configuration group testgroup"};
    row.enters = true;
    return at(Place::client_groups, std::move(row));
}

Row group_key_row() {
    Row row{.mode = kGroupMode,
            .pattern = "key " + std::string(kPasswordLine),
            .help =
                "pre-shared key/IKE password|0: Specifies an UNENCRYPTED password will follow|7: "
                "Specifies a HIDDEN password will follow|plain: The UNENCRYPTED (cleartext) shared "
                "key"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& key = session.object<ClientGroup>().key;
        if (args.negated()) {
            key = {};
            return done();
        }
        auto read = read_password(args);
        if (!read) {
            return tl::unexpected(read.error());
        }
        key = *read;
        return done();
    };
    row.write = [](Writer& out) {
        const auto& key = out.object<ClientGroup>().key;
        if (!key.empty()) {
            out.line("key {}", password_text(key));
        }
    };
    row.examples = {"key cisco321", "key 7 121A0C041104"};
    return row;
}

/// `dns A [B]`, `wins A [B]`.
Row servers_row(const std::string& word,
                std::vector<Ipv4Address> ClientGroup::* field,
                const std::string& help) {
    Row row{.mode = kGroupMode,
            .pattern = word + " <first:A.B.C.D> [ <second:A.B.C.D> ]",
            .help = help + "|first: Server address|second: Secondary server address"};
    row.apply = [field](ConfigSession& session, const Args& args) {
        auto& servers = session.object<ClientGroup>().*field;
        servers.clear();
        for (const auto* name : {"first", "second"}) {
            if (!args.negated() && args.has(name)) {
                servers.push_back(args.address(name));
            }
        }
        return done();
    };
    row.write = [field, word](Writer& out) {
        const auto& servers = out.object<ClientGroup>().*field;
        std::string text;
        for (const auto& server : servers) {
            text += " " + server.to_string();
        }
        if (!servers.empty()) {
            out.line("{}{}", word, text);
        }
    };
    row.examples = {word + " 1.1.1.1", word + " 1.1.1.1 2.2.2.2"};
    return row;
}

/// A line of one word that may stand several times.
Row words_row(const std::string& words,
              std::vector<std::string> ClientGroup::* field,
              std::size_t limit,
              const std::string& help) {
    Row row{.mode = kGroupMode, .pattern = words + " <text:WORD>", .help = help};
    row.apply = [field, limit](ConfigSession& session, const Args& args) -> Result<void> {
        auto& list = session.object<ClientGroup>().*field;
        if (args.negated() && !args.has("text")) {
            list.clear();
            return done();
        }
        const bool known = std::erase(list, args.text("text")) != 0;
        if (!args.negated()) {
            if (!known && list.size() >= limit) {
                return failure(fmt::format("limit of {}", limit));
            }
            list.push_back(args.text("text"));
        }
        return done();
    };
    row.write = [field, words](Writer& out) {
        for (const auto& text : out.object<ClientGroup>().*field) {
            out.line("{} {}", words, quoted(text));
        }
    };
    return row;
}

Row netmask_row() {
    Row row{.mode = kGroupMode,
            .pattern = "netmask <mask:mask>",
            .help = "netmask used by the client for local connectivity|mask: Netmask"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& netmask = session.object<ClientGroup>().netmask;
        netmask = args.address("mask");
        if (args.negated()) {
            netmask.reset();
        }
        return done();
    };
    row.write = [](Writer& out) {
        if (const auto& netmask = out.object<ClientGroup>().netmask) {
            out.line("netmask {}", netmask->to_string());
        }
    };
    row.examples = {"netmask 255.255.255.0"};
    return row;
}

Row banner_row() {
    Row row{.mode = kGroupMode,
            .pattern = "banner <text:LINE>",
            .help =
                "Specify mode config banner|text: c banner-text c, where 'c' is a delimiting "
                "character"};
    row.apply = [](ConfigSession& session, const Args& args) {
        if (args.negated()) {
            session.object<ClientGroup>().banner.clear();
            return done();
        }
        session.begin_delimited(
            [name = session.scope().name](ConfigSession& later, std::string text) {
                auto& groups = later.config().crypto.client_groups;
                if (const auto group = groups.find(name); group != groups.end()) {
                    group->second.banner = std::move(text);
                }
            },
            args.text("text"));
        return done();
    };
    row.write = [](Writer& out) {
        const auto& banner = out.object<ClientGroup>().banner;
        if (!banner.empty()) {
            out.line("banner {}", delimited(banner));
        }
    };
    row.examples = {"banner #Welcome to the hub#"};
    return row;
}

Row restrict_row() {
    Row row{.mode = kGroupMode,
            .pattern = "access-restrict <interface:interface>",
            .help = "Restrict clients in this group to an interface"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& list = session.object<ClientGroup>().access_restrict;
        if (args.negated() && !args.has("interface")) {
            list.clear();
            return done();
        }
        std::erase(list, *args.interface("interface"));
        if (!args.negated()) {
            list.push_back(*args.interface("interface"));
        }
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& interface : out.object<ClientGroup>().access_restrict) {
            out.line("access-restrict {}", interface.to_string());
        }
    };
    row.examples = {"access-restrict FastEthernet0/0"};
    return row;
}

}  // namespace

Rows remote_access_rows() {
    return {
        enter_group_row(),
        group_key_row(),
        servers_row("dns", &ClientGroup::dns, "DNS Addresses"),
        servers_row("wins", &ClientGroup::wins, "WINS Addresses"),
        examples({"domain cisco.com"},
                 text_row(kGroupMode,
                          "domain",
                          "WORD",
                          &ClientGroup::domain,
                          "Set default domain name to send to client|text: Domain "
                          "name")),
        examples({"pool ippool"},
                 text_row(kGroupMode,
                          "pool",
                          "WORD",
                          &ClientGroup::pool,
                          "Set name of address pool|text: Pool name")),
        examples({"acl 150"},
                 text_row(kGroupMode,
                          "acl",
                          "WORD",
                          &ClientGroup::acl,
                          "Specify split tunneling inclusion access-list number|text: Access "
                          "list")),
        examples({"split-dns cisco.com"},
                 words_row("split-dns",
                           &ClientGroup::split_dns,
                           10,
                           "DNS name to append for resolution|text: Domain")),
        flag_row(kGroupMode,
                 "save-password",
                 &ClientGroup::save_password,
                 "Allows remote client to save XAUTH password"),
        flag_row(kGroupMode, "group-lock", &ClientGroup::group_lock, "Enforce group lock feature"),
        flag_row(kGroupMode,
                 "include-local-lan",
                 &ClientGroup::include_local_lan,
                 "Enable Local LAN Access with no split tunnel"),
        flag_row(kGroupMode, "pfs", &ClientGroup::pfs, "The client should propose PFS"),
        restrict_row(),
        examples({"backup-gateway 10.0.0.9"},
                 words_row("backup-gateway",
                           &ClientGroup::backup_gateways,
                           10,
                           "Backup Gateway|text: IP address or hostname")),
        examples({"max-users 100"},
                 number_row(kGroupMode,
                            "max-users",
                            "1-5000",
                            &ClientGroup::max_users,
                            "Maximum number of users for this group|value: Users")),
        examples({"max-logins 2"},
                 number_row(kGroupMode,
                            "max-logins",
                            "1-10",
                            &ClientGroup::max_logins,
                            "Maximum simultaneous logins for users in this group|value: "
                            "Logins")),
        // The concentrator's group parameters, in the appliances' words; IOS has none.
        flag_row(kGroupMode,
                 "ipsec-udp enable",
                 &ClientGroup::ipsec_udp,
                 "Cisco's IPsec over UDP for clients without NAT-T|enable: Allow it"),
        examples({"ipsec-udp-port 10001"},
                 number_row(kGroupMode,
                            "ipsec-udp-port",
                            "4001-49151",
                            &ClientGroup::ipsec_udp_port,
                            "UDP port of IPsec over UDP|value: Port")),
        netmask_row(),
        banner_row(),
    };
}

}  // namespace viaduct::ios
