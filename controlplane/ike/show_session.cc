// show crypto session [brief | detail] [local A] [remote A] [username U] [interface I]
#include <algorithm>

#include "config/ios/text.h"
#include "controlplane/ike/nat_path.h"
#include "controlplane/ike/session_rows.h"
#include "controlplane/ike/show.h"

namespace viaduct::ike {

namespace {

struct Session {
    std::vector<const IkeSa*> ikes;
    std::map<FlowKey, std::vector<const Child*>> flows;
    std::vector<const ManualSas*> manual;
};

/// Above: the private methods with extended authentication.
constexpr std::uint32_t kLastPlainMethod = 65000;

using SessionKey = std::pair<IfIndex, Endpoint>;

std::string proxy_text_of(const Proxy& proxy) {
    auto out = fmt::format("{}/{}", proxy.address.to_string(), proxy.mask.to_string());
    if (proxy.mask == kSingleHost) {
        out = "host " + proxy.address.to_string();
    }
    return out;
}

std::string_view status_of(const Session& session) {
    const bool phase1 = std::any_of(
        session.ikes.begin(), session.ikes.end(), [](const auto* sa) { return sa->complete(); });
    if (!session.flows.empty() || !session.manual.empty()) {
        return phase1 ? "UP-ACTIVE" : "UP-NO-IKE";
    }
    if (phase1) {
        return "UP-IDLE";
    }
    return session.ikes.empty() ? "DOWN" : "DOWN-NEGOTIATING";
}

std::string ike_line(const IkeSa& sa, TimePoint now, bool detail) {
    auto out = fmt::format("  IKE SA: local {}/{} remote {}/{} {}\n",
                           sa.local.address.to_string(),
                           sa.local.port.value(),
                           sa.remote.address.to_string(),
                           sa.remote.port.value(),
                           sa.complete() ? "Active" : "Inactive");
    if (detail && sa.complete()) {
        const bool configured = sa.client && (sa.client->address || !sa.client->group.empty());
        const std::string capabilities = std::string(configured ? "C" : "") +
                                         (sa.peer.dpd ? "D" : "") +
                                         (sa.suite.authentication > kLastPlainMethod ? "X" : "") +
                                         (sa.nat.detected() ? "N" : "");
        out += fmt::format(
            "          Capabilities:{} connid:{} lifetime:{}\n",
            capabilities.empty() ? "(none)" : capabilities,
            sa.id.value(),
            ios::clock_text(sa.established + std::chrono::seconds(sa.suite.lifetime_s) - now));
    }
    return out;
}

/// The newest complete ISAKMP SA, nullptr if there is none.
const IkeSa* newest_of(const Session& session) {
    const IkeSa* newest = nullptr;
    for (const auto* sa : session.ikes) {
        if (sa->complete() && (newest == nullptr || sa->established >= newest->established)) {
            newest = sa;
        }
    }
    return newest;
}

/// Who it is: IOS prints these lines where they say something.
std::string user_lines(const Session& session, TimePoint now, bool detail) {
    const IkeSa* const newest = newest_of(session);
    if (newest == nullptr) {
        return "";
    }
    std::string out;
    const auto line = [&out](std::string_view name, const std::string& value) {
        out += value.empty() ? "" : fmt::format("{}: {}\n", name, value);
    };
    const auto* client = newest->client.get();
    line("Username", client != nullptr ? client->user : "");
    if (detail) {
        line("Profile", newest->profile);
        line("Group", client != nullptr ? client->group : "");
        line("Assigned address",
             client != nullptr && client->address ? client->address->to_string() : "");
        auto since = newest->established;
        for (const auto& [flow, pairs] : session.flows) {
            if (pairs.front()->stage != ChildStage::half) {
                since = std::min(since, pairs.front()->established);
            }
        }
        line("Uptime", ios::clock_text(now - since));
    }
    return out;
}

bool wanted(const Engine::State& core,
            const SessionKey& key,
            const Session& session,
            const SessionFilter& filter) {
    const auto local = !session.ikes.empty() ? session.ikes.back()->local.address
                       : !session.flows.empty()
                           ? session.flows.begin()->second.back()->parameters.local.address
                           : session.manual.front()->local;
    const auto* newest = newest_of(session);
    const std::string user = newest != nullptr && newest->client ? newest->client->user : "";
    return (!filter.remote || key.second.address == *filter.remote) &&
           (!filter.local || local == *filter.local) &&
           (filter.user.empty() || user == filter.user) &&
           (!filter.interface || interface_text(core, key.first) == filter.interface->to_string());
}

/// IOS: letters of the status, "UA" where it says UP-ACTIVE.
std::string_view status_letters(std::string_view status) {
    return status == "UP-ACTIVE"          ? "UA"
           : status == "UP-NO-IKE"        ? "UK"
           : status == "UP-IDLE"          ? "UI"
           : status == "DOWN-NEGOTIATING" ? "DN"
                                          : "D";
}

/// "Fa0/0"
std::string short_name(const std::string& name) {
    const auto parsed = config::InterfaceName::parse(name);
    return parsed ? parsed->short_string() : name;
}

std::string brief_line(const Engine::State& core,
                       const SessionKey& key,
                       const Session& session,
                       TimePoint now) {
    const auto* newest = newest_of(session);
    const auto* client = newest != nullptr ? newest->client.get() : nullptr;
    const std::string group = client != nullptr && !client->group.empty() ? client->group
                              : newest != nullptr                         ? newest->peer_id.text()
                                                                          : "";
    return fmt::format("{:>15} {:>7} {:<19} {:<18} {:>8} {:>6}\n",
                       key.second.address.to_string(),
                       short_name(interface_text(core, key.first)),
                       client != nullptr ? client->user : "",
                       group,
                       newest != nullptr ? ios::clock_text(now - newest->established) : "",
                       status_letters(status_of(session)));
}

std::string flow_head(const ProxyPair& proxies, std::size_t sas, std::string_view origin) {
    const auto protocol =
        proxies.local.protocol ? fmt::format("{}", proxies.local.protocol->value()) : "ip";
    return fmt::format("  IPSEC FLOW: permit {} {} {}\n        Active SAs: {}, origin: {}\n",
                       protocol,
                       proxy_text_of(proxies.local),
                       proxy_text_of(proxies.remote),
                       sas,
                       origin);
}

std::string flow_counters(const SaUsage& sum, std::uint64_t kilobytes, std::int64_t seconds) {
    return fmt::format(
        "        Inbound:  #pkts dec'ed {} drop {} life (KB/Sec) {}/{}\n"
        "        Outbound: #pkts enc'ed {} drop {} life (KB/Sec) {}/{}\n",
        sum.packets_in,
        sum.errors_in,
        kilobytes,
        seconds,
        sum.packets_out,
        sum.errors_out,
        kilobytes,
        seconds);
}

std::string flow_text(const Engine::State& core,
                      const std::vector<const Child*>& pairs,
                      TimePoint now,
                      bool detail) {
    const auto& p = pairs.back()->parameters;
    auto out = flow_head(p.proxies,
                         pairs.size() * 2,
                         p.policy.dynamic_map.empty() ? "crypto map" : "dynamic crypto map");
    SaUsage sum = core.children.past_usage(flow_of(p));
    for (const auto* child : pairs) {
        add_usage(sum, core.usage.usage(child->id()));
    }
    if (detail) {
        const auto end =
            core.timers.of({TimerKind::child_outbound_end, pairs.back()->id().value()});
        const auto left = end && *end > now
                              ? std::chrono::duration_cast<std::chrono::seconds>(*end - now).count()
                              : 0;
        out += flow_counters(sum, p.lifetime_kb, left);
    }
    if (detail && p.esp_udp) {
        out += fmt::format("        ESP in UDP: local port {}, peer's port {}\n",
                           p.esp_udp->local.value(),
                           p.esp_udp->remote.value());
    }
    // Row N13: the tunnel is up, nothing arrives, and raw ESP is what a translator on the way would drop.
    const auto why = sum.packets_in == 0 ? nat_diagnosis(core, *pairs.back()) : std::string();
    if (!why.empty()) {
        out += fmt::format("        Nothing received: {}\n", why);
    }
    return out;
}

/// Keyed by hand: they have no lifetime, which is shown as 0.
std::string flow_text(const ManualSas& sas, bool detail) {
    return flow_head(sas.proxies, 2, "manual-keyed crypto map") +
           (detail ? flow_counters(sas.usage, 0, 0) : "");
}

}  // namespace

std::string show_session(const Engine::State& core,
                         TimePoint now,
                         bool detail,
                         const SessionFilter& filter) {
    std::map<SessionKey, Session> sessions;
    for (const auto& [id, sa] : core.ikes) {
        sessions[{sa->interface, sa->remote}].ikes.push_back(sa.get());
    }
    for (const auto& [id, child] : core.children.all()) {
        const auto& p = child->parameters;
        const auto* outside = core.interface_with(p.local.address);
        const Endpoint remote{p.remote.address, p.udp_encapsulation ? p.remote.port : kPortIsakmp};
        sessions[{outside != nullptr ? outside->index : p.policy.interface, remote}]
            .flows[flow_of(p)]
            .push_back(child.get());
    }
    const auto manual = core.usage.manual();
    for (const auto& sas : manual) {
        sessions[{sas.policy.interface, {sas.remote, kPortIsakmp}}].manual.push_back(&sas);
    }
    std::string out = "Crypto session current status\n\n";
    if (filter.brief) {
        out =
            "Status: A- Active, U - Up, D - Down, I - Idle, S - Standby, N - Negotiating\n"
            "        K - No IKE\nivrf = (none)\n"
            "           Peer     I/F Username            Group/Phase1_id      Uptime Status\n";
    } else if (detail) {
        out +=
            "Code: C - IKE Configuration mode, D - Dead Peer Detection\n"
            "K - Keepalives, N - NAT-traversal, X - IKE Extended Authentication\n\n";
    }
    for (const auto& [key, session] : sessions) {
        if (!wanted(core, key, session, filter)) {
            continue;
        }
        if (filter.brief) {
            out += brief_line(core, key, session, now);
            continue;
        }
        out += fmt::format("Interface: {}\n{}Session status: {}\nPeer: {} port {}\n",
                           interface_text(core, key.first),
                           user_lines(session, now, detail),
                           status_of(session),
                           key.second.address.to_string(),
                           key.second.port.value());
        if (detail && !session.ikes.empty()) {
            out += fmt::format("      Phase1_id: {}\n", session.ikes.back()->peer_id.text());
        }
        for (const auto* sa : session.ikes) {
            out += ike_line(*sa, now, detail);
        }
        for (const auto& [flow, pairs] : session.flows) {
            out += flow_text(core, pairs, now, detail);
        }
        for (const auto* sas : session.manual) {
            out += flow_text(*sas, detail);
        }
        out += "\n";
    }
    return out;
}

// IOS 12.4/15: `show dmvpn detail` has the session's lines in an order of its own, and what the socket between tunnel
// interface and IPsec says.
std::string show_dmvpn_session(const Engine& engine,
                               TimePoint now,
                               IfIndex tunnel,
                               Ipv4Address local,
                               Ipv4Address remote,
                               const std::optional<Ipv4Address>& remote_original) {
    const auto& core = engine.state();
    Session session;
    std::optional<L4Port> port;
    for (const auto& [id, child] : core.children.all()) {
        const auto& p = child->parameters;
        if (p.policy.interface == tunnel && p.remote.address == remote &&
            same_station(remote_original, p.remote_original)) {
            session.flows[flow_of(p)].push_back(child.get());
            port = p.udp_encapsulation ? std::optional(p.remote.port) : std::nullopt;
        }
    }
    for (const auto& [id, sa] : core.ikes) {
        if (sa->local.address == local && sa->remote.address == remote &&
            (!port || sa->remote.port == *port)) {
            session.ikes.push_back(sa.get());
        }
    }
    if (session.ikes.empty() && session.flows.empty()) {
        return "";
    }
    // IOS shows a pointer here: the number of the newest ISAKMP SA.
    std::string out = fmt::format("Session: [0x{:08X}]\n",
                                  session.ikes.empty() ? 0 : session.ikes.back()->id.value());
    for (const auto* sa : session.ikes) {
        out += ike_line(*sa, now, true);
    }
    out += fmt::format("  Crypto Session Status: {}     \n", status_of(session));
    out += fmt::format("  fvrf: (none),\tPhase1_id: {}\n",
                       session.ikes.empty() ? "(none)" : session.ikes.back()->peer_id.text());
    for (const auto& [flow, pairs] : session.flows) {
        out += flow_text(core, pairs, now, true);
        const auto& newest = *pairs.back();
        out += fmt::format("   Outbound SPI : 0x{:8X}, transform : {}\n",
                           newest.spi_out.value(),
                           transform_text(newest.suite.cipher, newest.suite.auth));
    }
    out += fmt::format("    Socket State: {}\n\n", session.flows.empty() ? "Closed" : "Open");
    return out;
}

}  // namespace viaduct::ike
