// `crypto ipsec client ezvpn`: the router as a VPN client.
#include <algorithm>

#include "config/ios/fields.h"

namespace viaduct::ios {

namespace {

using config::EzvpnClient;

constexpr Mode kEzvpnMode = Mode::ezvpn;

Row enter_ezvpn_row() {
    Row row{
        .mode = Mode::global,
        .pattern = "crypto ipsec client ezvpn <name:WORD>",
        .help =
            "Easy VPN client configuration|name: Name of the Easy VPN client|client: Configure a "
            "client"};
    row.no = "crypto ipsec client ezvpn <name:WORD>";
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& clients = session.config().crypto.ezvpn_clients;
        const auto name = args.text("name");
        if (args.negated()) {
            clients.erase(name);
            return done();
        }
        clients.try_emplace(name);
        session.enter({.mode = kEzvpnMode, .name = name});
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& [name, client] : out.config().crypto.ezvpn_clients) {
            out.separator();
            out.section("crypto ipsec client ezvpn " + quoted(name),
                        {.mode = kEzvpnMode, .name = name});
        }
    };
    row.examples = {"crypto ipsec client ezvpn home"};
    row.enters = true;
    return at(Place::ezvpn, std::move(row));
}

Row connect_row() {
    Row row{.mode = kEzvpnMode,
            .pattern = "connect { auto | manual | acl <list:WORD> }",
            .help =
                "Connect/disconnect the tunnel|auto: Connect automatically|manual: Connect on "
                "command|acl: Connect on interesting traffic|list: Access list"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& client = session.object<EzvpnClient>();
        client.connect = EzvpnClient{}.connect;
        client.connect_acl.clear();
        if (!args.negated() && args.has("manual")) {
            client.connect = EzvpnClient::Connect::manual;
        } else if (!args.negated() && args.has("acl")) {
            client.connect = EzvpnClient::Connect::acl;
            client.connect_acl = args.text("list");
        }
        return done();
    };
    row.write = [](Writer& out) {
        const auto& client = out.object<EzvpnClient>();
        switch (client.connect) {
        case EzvpnClient::Connect::automatic:
            return out.line("connect auto");
        case EzvpnClient::Connect::manual:
            return out.line("connect manual");
        case EzvpnClient::Connect::acl:
            return out.line("connect acl {}", quoted(client.connect_acl));
        }
    };
    row.examples = {"connect auto", "connect manual", "connect acl 101"};
    return row;
}

Row ezvpn_group_row() {
    Row row{.mode = kEzvpnMode,
            .pattern = "group <name:WORD> key " + std::string(kPasswordWord),
            .help =
                "Group Name|name: Group name|key: Pre-shared key of the group|0: Specifies an "
                "UNENCRYPTED password will follow|7: Specifies a HIDDEN password will "
                "follow|plain: The "
                "UNENCRYPTED (cleartext) group key"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& client = session.object<EzvpnClient>();
        if (args.negated()) {
            client.group.clear();
            client.key = {};
            return done();
        }
        auto key = read_password(args);
        if (!key) {
            return tl::unexpected(key.error());
        }
        client.group = args.text("name");
        client.key = *key;
        return done();
    };
    row.write = [](Writer& out) {
        const auto& client = out.object<EzvpnClient>();
        if (!client.group.empty()) {
            out.line("group {} key {}", quoted(client.group), password_word(client.key));
        }
    };
    row.examples = {"group testgroup key cisco321"};
    return row;
}

Row ezvpn_mode_row() {
    Row row{.mode = kEzvpnMode,
            .pattern = "mode { client | network-extension | network-plus }",
            .help =
                "Tunnel mode|client: Client mode|network-extension: Network extension "
                "mode|network-plus: "
                "Network extension mode with an address of its own"};
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& mode = session.object<EzvpnClient>().mode;
        mode = EzvpnClient{}.mode;
        if (!args.negated() && args.has("network-extension")) {
            mode = EzvpnClient::Mode::network_extension;
        } else if (!args.negated() && args.has("network-plus")) {
            mode = EzvpnClient::Mode::network_plus;
        }
        return done();
    };
    row.write = [](Writer& out) {
        switch (out.object<EzvpnClient>().mode) {
        case EzvpnClient::Mode::client:
            return out.line("mode client");
        case EzvpnClient::Mode::network_extension:
            return out.line("mode network-extension");
        case EzvpnClient::Mode::network_plus:
            return out.line("mode network-plus");
        }
    };
    row.examples = {"mode client", "mode network-extension", "mode network-plus"};
    return row;
}

Row ezvpn_peer_row() {
    Row row{.mode = kEzvpnMode,
            .pattern = "peer <name:WORD>",
            .help = "Allowed Encryption/Decryption peer|name: IP address or hostname of peer"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& peers = session.object<EzvpnClient>().peers;
        if (args.negated() && !args.has("name")) {
            peers.clear();
            return done();
        }
        const auto peer = args.text("name");
        const bool known = std::find(peers.begin(), peers.end(), peer) != peers.end();
        if (args.negated()) {
            std::erase(peers, peer);
        } else if (!known) {
            if (peers.size() >= 10) {
                return failure("Peers of a client: limit of 10");
            }
            peers.push_back(peer);
        }
        return done();
    };
    row.write = [](Writer& out) {
        for (const auto& peer : out.object<EzvpnClient>().peers) {
            out.line("peer {}", quoted(peer));
        }
    };
    row.examples = {"peer 172.16.172.50"};
    return row;
}

Row ezvpn_username_row() {
    Row row{
        .mode = kEzvpnMode,
        .pattern = "username <user:WORD> password " + std::string(kPasswordLine),
        .help =
            "Username|user: User name|password: Password|0: Specifies an UNENCRYPTED password will "
            "follow|7: Specifies a HIDDEN password will follow|plain: The UNENCRYPTED (cleartext) "
            "password"};
    row.apply = [](ConfigSession& session, const Args& args) -> Result<void> {
        auto& client = session.object<EzvpnClient>();
        if (args.negated()) {
            client.username.clear();
            client.password = {};
            return done();
        }
        auto password = read_password(args);
        if (!password) {
            return tl::unexpected(password.error());
        }
        client.username = args.text("user");
        client.password = stored(session.config().system, *password);
        return done();
    };
    row.write = [](Writer& out) {
        const auto& client = out.object<EzvpnClient>();
        if (!client.username.empty()) {
            out.line("username {} password {}",
                     quoted(client.username),
                     password_text(stored(out.config().system, client.password), true));
        }
    };
    row.examples = {"username user1 password 0 secret words",
                    "username user1 password 7 121A0C041104"};
    return row;
}

Row xauth_row() {
    Row row{
        .mode = kEzvpnMode,
        .pattern = "xauth userid mode { local | interactive }",
        .help =
            "XAUTH parameters|userid: XAUTH user id|mode: Where the user id comes from|local: From "
            "this configuration|interactive: From the console"};
    row.apply = [](ConfigSession& session, const Args& args) {
        session.object<EzvpnClient>().xauth_local = !args.negated() && args.has("local");
        return done();
    };
    row.write = [](Writer& out) {
        if (out.object<EzvpnClient>().xauth_local) {
            out.line("xauth userid mode local");
        }
    };
    row.examples = {"xauth userid mode local", "xauth userid mode interactive"};
    return row;
}

}  // namespace

Rows ezvpn_rows() {
    return {
        enter_ezvpn_row(),
        connect_row(),
        ezvpn_group_row(),
        ezvpn_mode_row(),
        ezvpn_peer_row(),
        examples({"acl 101"},
                 text_row(kEzvpnMode,
                          "acl",
                          "WORD",
                          &EzvpnClient::acl,
                          "Specify the subnets behind this client|text: Access list")),
        examples(
            {"idletime 600"},
            effect(Effect::later,
                   number_row(kEzvpnMode,
                              "idletime",
                              "60-65535",
                              &EzvpnClient::idletime_s,
                              "Idle time after which the tunnel is torn down|value: Seconds"))),
        ezvpn_username_row(),
        xauth_row(),
    };
}

}  // namespace viaduct::ios
