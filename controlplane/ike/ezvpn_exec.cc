// show crypto ipsec client ezvpn; connecting and disconnecting by hand.
#include "controlplane/ike/core.h"
#include "controlplane/ike/session_rows.h"

namespace viaduct::ike {

namespace {

std::string_view state_text(const Engine::State& core, const std::optional<ConnectionId>& ike) {
    const auto* sa = ike ? core.ike(*ike) : nullptr;
    if (sa == nullptr) {
        return "IDLE";
    }
    if (!sa->complete()) {
        return "READY";
    }
    switch (sa->client->step) {
    case ClientStep::xauth_wait:
        return "XAUTH_REQ";
    case ClientStep::config_request:
        return "SS_OPEN";
    case ClientStep::open:
        return "IPSEC_ACTIVE";
    default:
        return "CONNECT_REQUIRED";
    }
}

std::string show_ezvpn(const Engine::State& core) {
    std::string out = "Easy VPN Remote Phase: 2\n\n";
    // Also those that nothing has asked for yet.
    unsigned loopback = 10000 - 1;  // IOS: the first of a client's own loopback interfaces
    for (const auto& [name, settings] : core.crypto().ezvpn_clients) {
        ++loopback;
        const auto known = core.ezvpn.clients().find(name);
        const auto client = known != core.ezvpn.clients().end() ? known->second : Ezvpn::Client{};
        out += fmt::format("Tunnel name : {}\n", name);
        if (const auto* outside = core.ezvpn.outside_of(name)) {
            out += fmt::format("Outside interface: {}\n", outside->name.to_string());
        }
        out += fmt::format("Current State: {}\n", state_text(core, client.ike));
        if (client.given) {
            const auto& given = *client.given;
            if (given.address) {
                const bool plus = settings.mode == config::EzvpnClient::Mode::network_plus;
                out += fmt::format("Address: {}{}\nMask: {}\n",
                                   given.address->to_string(),
                                   plus ? fmt::format(" (applied on Loopback{})", loopback) : "",
                                   given.netmask.value_or(kSingleHost).to_string());
            }
            if (!given.dns.empty()) {
                out += fmt::format("DNS Primary: {}\n", given.dns.front().to_string());
            }
            if (given.dns.size() > 1) {
                out += fmt::format("DNS Secondary: {}\n", given.dns[1].to_string());
            }
            if (!given.domain.empty()) {
                out += fmt::format("Default Domain: {}\n", given.domain);
            }
            for (const auto& network : given.split_include) {
                out += fmt::format("Split Tunnel: {}\n", network.to_string());
            }
            out += fmt::format("Current EzVPN Peer: {}\n", given.server.to_string());
        }
        out += "\n";
    }
    return out;
}

}  // namespace

void add_ezvpn_rows(ios::ExecRows& rows, Engine& engine) {
    static constexpr ios::TokenHelp kCrypto{"crypto", "Encryption module"};
    static constexpr ios::TokenHelp kIpsec{"ipsec", "IPSEC"};
    static constexpr ios::TokenHelp kClient{"client", "IPSec client"};
    static constexpr ios::TokenHelp kEzvpn{"ezvpn", "Easy VPN remote"};
    static constexpr ios::TokenHelp kName{"name", "Name of the Easy VPN remote configuration"};
    ios::ExecRow show;
    show.pattern = "show crypto ipsec client ezvpn";
    show.help = {kCrypto, kIpsec, kClient, kEzvpn};
    show.run = [&engine](ios::ExecContext& context,
                         const ios::Args&) -> std::unique_ptr<ios::ExecJob> {
        if (engine.state().config != nullptr) {
            context.out += show_ezvpn(engine.state());
        }
        return nullptr;
    };
    rows.push_back(std::move(show));
    ios::ExecRow connect;
    connect.pattern = "crypto ipsec client ezvpn connect <name:WORD>";
    connect.help = {kCrypto, kIpsec, kClient, kEzvpn, {"connect", "Connect"}, kName};
    connect.privilege = 15;
    connect.run = [&engine](ios::ExecContext& context,
                            const ios::Args& args) -> std::unique_ptr<ios::ExecJob> {
        engine.ezvpn_connect(context.now, args.text("name"));
        return nullptr;
    };
    rows.push_back(std::move(connect));
    ios::ExecRow clear;
    clear.pattern = "clear crypto ipsec client ezvpn <name:WORD>";
    clear.help = {kCrypto, kIpsec, kClient, kEzvpn, kName};
    clear.privilege = 15;
    clear.run = [&engine](ios::ExecContext& context,
                          const ios::Args& args) -> std::unique_ptr<ios::ExecJob> {
        engine.ezvpn_disconnect(context.now, args.text("name"));
        return nullptr;
    };
    rows.push_back(std::move(clear));
}

}  // namespace viaduct::ike
