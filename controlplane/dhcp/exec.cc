#include "controlplane/dhcp/exec.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace viaduct::dhcp {

namespace {

using ios::Args;
using ios::ExecContext;

std::int64_t seconds_left(TimePoint until, TimePoint now) {
    return std::max<std::int64_t>(
        0, std::chrono::duration_cast<std::chrono::seconds>(until - now).count());
}

void show_lease(const Client& client, TimePoint now, std::string& out) {
    for (const auto& [index, session] : client.sessions()) {
        const auto& lease = session.lease;
        const bool held = lease && session.state != Client::State::requesting &&
                          session.state != Client::State::selecting;
        out += fmt::format("Temp IP addr: {}  for peer on Interface: {}\n",
                           held ? lease->address.to_string() : "0.0.0.0",
                           session.interface.name.to_string());
        out += fmt::format("Temp  sub net mask: {}\n",
                           held ? mask_of(lease->length).to_string() : "0.0.0.0");
        out += fmt::format("   DHCP Lease server: {}, state: {} {}\n",
                           held ? lease->server.to_string() : "0.0.0.0",
                           static_cast<int>(session.state),
                           to_string(session.state));
        if (held) {
            out += fmt::format("   DHCP transaction id: {:X}\n", session.xid);
            out += fmt::format("   Lease: {} secs,  Renewal: {} secs,  Rebind: {} secs\n",
                               lease->lease_s,
                               lease->renewal_s,
                               lease->rebinding_s);
            if (!lease->routers.empty()) {
                out += fmt::format("Temp default-gateway addr: {}\n",
                                   lease->routers.front().to_string());
            }
            if (session.deadline != kNever) {
                const auto left = seconds_left(session.deadline, now);
                out += fmt::format("   Next timer fires after: {:02}:{:02}:{:02}\n",
                                   left / 3600,
                                   left / 60 % 60,
                                   left % 60);
            }
        }
        out += fmt::format("   Retry count: {}   Client-ID: {}\n\n",
                           session.tries,
                           session.interface.mac.to_string());
    }
}

std::string expiration(const Binding& binding, const ExecContext& context) {
    if (binding.expires == kNever) {
        return "Infinite";
    }
    const auto at = std::chrono::time_point_cast<std::chrono::seconds>(
        context.wall + (binding.expires - context.now));
    return fmt::format("{:%b %d %Y %I:%M %p}",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(at)));
}

void show_bindings(const Server& server, const ExecContext& context, const Args& args) {
    auto& out = context.out;
    out += "Bindings from all pools not associated with VRF:\n";
    out += fmt::format(
        "{:<16}{:<24}{:<24}{}\n", "IP address", "Client-ID/", "Lease expiration", "Type");
    out += fmt::format("{:<16}{}\n", "", "Hardware address");
    for (const auto& [address, binding] : server.bindings()) {
        if (binding.offered || (args.has("address") && args.address("address") != address)) {
            continue;
        }
        auto hex = to_hex(binding.client);
        std::string dotted;
        for (std::size_t i = 0; i < hex.size(); i += 4) {
            dotted += (i == 0 ? "" : ".") + hex.substr(i, 4);
        }
        out += fmt::format("{:<16}{:<24}{:<24}{}\n",
                           address.to_string(),
                           dotted,
                           expiration(binding, context),
                           binding.manual ? "Manual" : "Automatic");
    }
}

void show_pools(const Server& server, std::string& out) {
    for (const auto& [name, pool] : server.config().pools) {
        std::size_t leased = 0;
        for (const auto& [address, binding] : server.bindings()) {
            leased += binding.pool == name && !binding.offered ? 1 : 0;
        }
        out += fmt::format("Pool {} :\n", name);
        if (pool.network) {
            const auto total =
                pool.network->length() >= 31
                    ? 0U
                    : pool.network->broadcast().value() - pool.network->network().value() - 1;
            out += fmt::format(" Total addresses                : {}\n", total);
        }
        out += fmt::format(" Leased addresses               : {}\n", leased);
    }
}

void show_statistics(const Server& server, std::string& out) {
    const auto& c = server.counters();
    out += fmt::format("Address pools        {}\nAutomatic bindings   {}\n",
                       server.config().pools.size(),
                       server.bindings().size());
    out += fmt::format(
        "Malformed messages   {}\nNo pool for subnet   {}\nPool exhausted       {}\nTable full     "
        "      {}\n\n",
        c.malformed,
        c.no_pool,
        c.exhausted,
        c.table_full);
    out += fmt::format(
        "Message              Received\nDHCPDISCOVER         {}\nDHCPREQUEST          "
        "{}\nDHCPDECLINE          {}\n"
        "DHCPRELEASE          {}\nDHCPINFORM           {}\n\n",
        c.discover,
        c.request,
        c.decline,
        c.release,
        c.inform);
    out += fmt::format(
        "Message              Sent\nDHCPOFFER            {}\nDHCPACK              {}\nDHCPNAK      "
        "        {}\n",
        c.offer,
        c.ack,
        c.nak);
    out += fmt::format(
        "Relayed              {}\nRelay dropped        {}\n", c.relayed, c.relay_dropped);
}

const Client::Session* session_of(const Client& client, const Args& args) {
    const auto name = args.interface("interface");
    for (const auto& [index, session] : client.sessions()) {
        if (name && session.interface.name == *name) {
            return &session;
        }
    }
    return nullptr;
}

ios::ExecRow client_row(std::string_view pattern,
                        std::string_view help,
                        Client& client,
                        bool (Client::*command)(TimePoint, IfIndex)) {
    return {
        pattern,
        {{"release", help}, {"renew", help}, {"dhcp", "DHCP client"}, {"interface", "Interface"}},
        15,
        [&client, command](ExecContext& context,
                           const Args& args) -> std::unique_ptr<ios::ExecJob> {
            const auto* session = session_of(client, args);
            if (session == nullptr) {
                context.out += "% Interface does not have a DHCP originated address\n";
            } else {
                (client.*command)(context.now, session->interface.index);
            }
            return nullptr;
        }};
}

}  // namespace

ios::ExecRows exec_rows(Client& client, Server& server) {
    using Job = std::unique_ptr<ios::ExecJob>;
    ios::ExecRows rows;
    rows.push_back({"show dhcp lease",
                    {{"dhcp", "Dynamic Host Configuration Protocol status"},
                     {"lease", "Show DHCP addresses leased from a server"}},
                    1,
                    [&client](ExecContext& context, const Args& /*args*/) -> Job {
                        show_lease(client, context.now, context.out);
                        return nullptr;
                    }});
    rows.push_back(client_row(
        "release dhcp <interface:interface>", "Release a resource", client, &Client::release));
    rows.push_back(
        client_row("renew dhcp <interface:interface>", "Renew a resource", client, &Client::renew));
    rows.push_back({"show ip dhcp binding [ <address:A.B.C.D> ]",
                    {{"dhcp", "Show items in the DHCP database"},
                     {"binding", "DHCP address bindings"},
                     {"address", "Address"}},
                    1,
                    [&server](ExecContext& context, const Args& args) -> Job {
                        show_bindings(server, context, args);
                        return nullptr;
                    }});
    rows.push_back({"show ip dhcp pool",
                    {{"pool", "DHCP pools information"}},
                    1,
                    [&server](ExecContext& context, const Args& /*args*/) -> Job {
                        show_pools(server, context.out);
                        return nullptr;
                    }});
    rows.push_back({"show ip dhcp server statistics",
                    {{"server", "Miscellaneous DHCP server information"},
                     {"statistics", "DHCP server statistics"}},
                    1,
                    [&server](ExecContext& context, const Args& /*args*/) -> Job {
                        show_statistics(server, context.out);
                        return nullptr;
                    }});
    rows.push_back({"clear ip dhcp binding { * | <address:A.B.C.D> }",
                    {{"binding", "DHCP address bindings"},
                     {"*", "Clear all automatic bindings"},
                     {"address", "Address"}},
                    15,
                    [&server](ExecContext& /*context*/, const Args& args) -> Job {
                        server.clear_bindings(args.has("address")
                                                  ? std::optional(args.address("address"))
                                                  : std::nullopt);
                        return nullptr;
                    }});
    return rows;
}

}  // namespace viaduct::dhcp
