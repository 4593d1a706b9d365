// Address translation at run time: rules published when they changed, and what the dataplane could not do said in the log.
#include <algorithm>
#include <fmt/format.h>
#include <span>

#include "controlplane/router/core.h"

namespace viaduct {

namespace {

/// IOS limits such lines as well; one in this time tells of all that was dropped since the last.
constexpr Duration kLineEvery = 30s;

/// `debug ip nat`: sessions looked through at once, and lines made of them.
constexpr std::size_t kMostLooked = 4096;
constexpr std::size_t kMostLines = 20;
/// Sessions know the time of their making no closer than this.
constexpr Duration kSessionTick = 100ms;

/// IOS: "NAT: s=10.10.10.2->171.69.89.78, d=171.69.88.1 [6825]". Nobody tells the packet's identification here; ports
/// stand in its place.
std::string debug_text(const dataplane::NatSession& s) {
    const auto& protocol = s.protocol;
    const bool ports = protocol == kProtoTcp || protocol == kProtoUdp || protocol == kProtoIcmp;
    auto out = fmt::format("NAT: s={}->{}, d={}",
                           s.inside_local.to_string(),
                           s.inside_global.to_string(),
                           s.outside_global.to_string());
    if (ports) {
        out += fmt::format(" [{} {}->{}, {}]",
                           protocol == kProtoTcp   ? "tcp"
                           : protocol == kProtoUdp ? "udp"
                                                   : "icmp",
                           s.inside_local_port,
                           s.inside_global_port,
                           s.outside_global_port);
    }
    return out;
}

}  // namespace

void RouterCore::update_nat() {
    auto plan = compile_nat({model, interfaces, indices}, nat_ids);
    add_client_translations(plan);
    for (const auto& problem : plan.problems) {
        if (std::find(nat.problems.begin(), nat.problems.end(), problem) == nat.problems.end()) {
            log.message("NAT", Severity::warnings, "RULE", "{}", problem);
        }
    }
    nat = std::move(plan);
}

void RouterCore::publish_nat() {
    for (std::size_t i = 0; i < nat.policy.dynamics.size(); ++i) {
        nat.policy.dynamics[i].match = acl_ids.at(nat.lists[i]);
    }
    for (std::size_t i = 0; i < nat.policy.gates.size(); ++i) {
        nat.policy.gates[i].permit = acl_id(nat.gate_lists[i]);
    }
    if (nat.policy == published_nat) {
        return;
    }
    plane.publish_nat(nat.policy);
    published_nat = nat.policy;
    log.debug(Debug::ip_nat,
              "NAT: {} dynamic and {} static rules in force",
              published_nat.dynamics.size(),
              published_nat.statics.size());
}

/// The workers tell of no packet: once a refresh the sessions that are new are shown, some of them.
void RouterCore::debug_nat() {
    if (!log.enabled(Debug::ip_nat)) {
        nat_watch.debugged = now - kSessionTick;
        return;
    }
    auto fresh = plane.nat_sessions(kMostLooked);
    std::erase_if(fresh, [this](const dataplane::NatSession& s) {
        return s.is_static || !s.protocol || s.created <= nat_watch.debugged;
    });
    std::ranges::sort(fresh, {}, &dataplane::NatSession::created);
    if (!fresh.empty()) {
        nat_watch.debugged = fresh.back().created;
    }
    for (const auto& session : std::span(fresh).first(std::min(fresh.size(), kMostLines))) {
        log.debug(Debug::ip_nat, "{}", debug_text(session));
    }
    if (fresh.size() > kMostLines) {
        log.debug(Debug::ip_nat, "NAT: {} more translations made", fresh.size() - kMostLines);
    }
}

void RouterCore::watch_nat() {
    if (published_nat.dynamics.empty() || now < nat_watch.next_line) {
        return;
    }
    const auto statistics = plane.nat_statistics();
    const auto exhausted = statistics.exhausted - nat_watch.exhausted;
    const auto refused = statistics.refused - nat_watch.refused;
    if (exhausted != 0) {
        if (model.dialect == config::Dialect::pix) {
            log.message("PIX",
                        Severity::errors,
                        "305006",
                        "portmap translation creation failed ({} packets)",
                        exhausted);
        } else {
            // IOS: "Address allocation failed for A.B.C.D, pool NAME might be exhausted".
            log.message("IPNAT",
                        Severity::warnings,
                        "ADDR_ALLOC_FAILURE",
                        "Address allocation failed for {} packets, pool might be exhausted",
                        exhausted);
        }
    }
    if (refused != 0) {
        log.message(
            "NAT",
            Severity::warnings,
            "DEFAULT_MAX_ENTRIES",
            "maximum entries value {} exceeded; {} packets dropped",
            published_nat.max_sessions != 0 ? published_nat.max_sessions : options.nat_sessions,
            refused);
    }
    if (exhausted != 0 || refused != 0) {
        nat_watch.exhausted = statistics.exhausted;
        nat_watch.refused = statistics.refused;
        nat_watch.next_line = now + kLineEvery;
    }
}

}  // namespace viaduct
