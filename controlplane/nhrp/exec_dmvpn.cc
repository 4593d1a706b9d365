// `show dmvpn [detail]`.
#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <ranges>

#include "config/ios/text.h"
#include "controlplane/nhrp/exec.h"

namespace viaduct::nhrp {
namespace {

constexpr std::string_view kLegend =
    "Legend: Attrb --> S - Static, D - Dynamic, I - Incomplete\n"
    "        N - NATed, L - Local, X - No Socket\n"
    "        T1 - Route Installed, T2 - Nexthop-override\n"
    "        # Ent --> Number of NHRP entries with same NBMA peer\n"
    "        NHS Status: E --> Expecting Replies, R --> Responding, W --> Waiting\n"
    "        UpDn Time --> Up or Down Time for a Tunnel\n"
    "==========================================================================\n";

const Server* server_of(const Engine::Tunnel& tunnel, const CacheEntry& entry) {
    const auto it = std::ranges::find(tunnel.servers,
                                      entry.key.target.network(),
                                      [](const Server& s) { return s.config.protocol_address; });
    return it == tunnel.servers.end() || !entry.host() ? nullptr : &*it;
}

struct Status {
    std::string word;
    TimePoint since;
};

/// UP, or what is missing first: the SAs (IKE, IPSEC) or NHRP itself.
Status status_of(const Engine& engine,
                 const IpsecView* ipsec,
                 const Engine::Tunnel& tunnel,
                 const CacheEntry& entry) {
    const auto& interface = tunnel.interface;
    if (entry.type == EntryType::incomplete) {
        return {"NHRP", entry.created};
    }
    if (interface.protection) {
        const auto sa = engine.sa(interface.nbma, entry.nbma);
        if (!sa || sa->state != Engine::TunnelState::up) {
            const bool second = ipsec != nullptr &&
                                ipsec->phase(interface.nbma, entry.nbma) == IpsecView::Phase::ipsec;
            return {second ? "IPSEC" : "IKE", entry.created};
        }
        const auto* server = server_of(tunnel, entry);
        if (server != nullptr && server->state == ServerState::expecting) {
            return {"NHRP", server->since};
        }
        return {"UP", std::max(sa->since, entry.created)};
    }
    const auto* server = server_of(tunnel, entry);
    if (server != nullptr && server->state != ServerState::waiting) {
        return {server->state == ServerState::responding ? "UP" : "NHRP", server->since};
    }
    return {"UP", entry.created};
}

std::string attributes(const Engine& engine, const CacheEntry& entry) {
    std::string out;
    const auto& interface = engine.tunnels().at(entry.key.tunnel).interface;
    switch (entry.type) {
    case EntryType::configured:
        out = "S";
        break;
    case EntryType::dynamic:
        out = entry.waiting_for_sa ? "I" : "D";
        break;
    case EntryType::incomplete:
        return "I";
    case EntryType::local:
        return "L";
    }
    if (entry.nbma.original) {
        out += "N";
    }
    if (interface.protection && !engine.sa_stands(interface.nbma, entry.nbma)) {
        out += "X";
    }
    if (entry.route) {
        out += entry.route == RouteKind::shortcut ? "T1" : "T2";
    }
    return out;
}

std::string_view role(const Engine& engine, const Engine::Tunnel& tunnel) {
    const bool spoke = !tunnel.servers.empty();
    const bool hub =
        std::ranges::any_of(std::views::values(engine.cache().entries()), [&](const CacheEntry& e) {
            return e.key.tunnel == tunnel.interface.index && e.registered;
        });
    return spoke && hub ? "Hub/Spoke" : spoke ? "Spoke" : hub ? "Hub" : "Unknown";
}

std::string table(const Engine& engine,
                  const IpsecView* ipsec,
                  const Engine::Tunnel& tunnel,
                  TimePoint now,
                  Detail detail) {
    std::map<Nbma, std::vector<const CacheEntry*>> peers;
    for (const auto& entry : std::views::values(engine.cache().entries())) {
        if (entry.key.tunnel == tunnel.interface.index && entry.type != EntryType::local) {
            peers[entry.nbma].push_back(&entry);
        }
    }
    std::string out =
        detail == Detail::detail
            ? fmt::format(
                  "Type:{}, Total NBMA Peers (v4/v6): {}\n\n", role(engine, tunnel), peers.size())
            : fmt::format("Type:{}, NHRP Peers:{}, \n\n", role(engine, tunnel), peers.size());
    const bool wide = detail == Detail::detail;
    const std::string_view indent = wide ? "" : " ";
    out += fmt::format("{}# Ent  Peer NBMA Addr Peer Tunnel Add State  UpDn Tm Attrb{}\n",
                       indent,
                       wide ? "    Target Network" : "");
    out += fmt::format("{}----- --------------- --------------- ----- -------- -----{}\n",
                       indent,
                       wide ? " -----------------" : "");
    for (const auto& [nbma, entries] : peers) {
        bool first = true;
        for (const auto* entry : entries) {
            const auto status = status_of(engine, ipsec, tunnel, *entry);
            const auto address = entry->type == EntryType::incomplete ? std::string("UNKNOWN")
                                                                      : nbma.address.to_string();
            out += fmt::format("{}{:>5} {:<15} {:>15} {:>5} {:>8} {:>5}",
                               indent,
                               first ? std::to_string(entries.size()) : "",
                               first ? address : "",
                               entry->next_hop.to_string(),
                               status.word,
                               ios::age_text(now - status.since),
                               attributes(engine, *entry));
            out += wide ? fmt::format(" {:>18}\n", entry->key.target.to_string()) : "\n";
            first = false;
        }
    }
    return out + "\n";
}

std::string details(const Engine::Tunnel& tunnel) {
    const auto& interface = tunnel.interface;
    auto out = fmt::format("Interface {} is up/up, Addr. is {}, VRF \"\" \n",
                           interface.name,
                           interface.address.to_string());
    out += fmt::format("   Tunnel Src./Dest. addr: {}/{}, Tunnel VRF \"\"\n",
                       interface.nbma.to_string(),
                       interface.destination ? interface.destination->to_string() : "MGRE");
    out += fmt::format("   Protocol/Transport: \"{}\", Protect \"{}\" \n",
                       interface.multipoint ? "multi-GRE/IP" : "GRE/IP",
                       interface.protection_profile);
    out += "   Interface State Control: Disabled\n";
    if (!tunnel.servers.empty()) {
        out += "\nIPv4 NHS:\n";
        for (const auto& server : tunnel.servers) {
            const auto letters = server.state == ServerState::responding ? "RE"
                                 : server.state == ServerState::waiting  ? " W"
                                                                         : " E";
            out += fmt::format("{}  {} priority = {} cluster = {}\n",
                               server.config.protocol_address.to_string(),
                               letters,
                               server.config.priority,
                               server.config.cluster);
        }
    }
    return out;
}

std::string sessions(const Engine& engine, const IpsecView* ipsec, const Engine::Tunnel& tunnel) {
    std::map<Nbma, std::string> texts;
    for (const auto& entry : std::views::values(engine.cache().entries())) {
        if (ipsec != nullptr && entry.key.tunnel == tunnel.interface.index &&
            entry.type != EntryType::local && entry.type != EntryType::incomplete &&
            !texts.contains(entry.nbma)) {
            texts[entry.nbma] = ipsec->session(tunnel.interface, entry.nbma);
        }
    }
    std::string out;
    for (const auto& text : std::views::values(texts)) {
        out += text;
    }
    return out;
}

}  // namespace

std::string show_dmvpn(const Engine& engine, const IpsecView* ipsec, TimePoint now, Detail detail) {
    std::string out{kLegend};
    out += '\n';
    std::string crypto;
    for (const auto& tunnel : std::views::values(engine.tunnels())) {
        out += detail == Detail::detail
                   ? details(tunnel)
                   : fmt::format("Interface: {}, IPv4 NHRP Details \n", tunnel.interface.name);
        out += table(engine, ipsec, tunnel, now, detail);
        crypto += sessions(engine, ipsec, tunnel);
    }
    if (detail == Detail::detail) {
        out += "\nCrypto Session Details: \n" + std::string(80, '-') + "\n\n" + crypto +
               "\nPending DMVPN Sessions:\n\n";
    }
    return out;
}

}  // namespace viaduct::nhrp
