// Address translation at run time: rules published when they changed, and what the dataplane could not do said in the log.
#include <algorithm>

#include "controlplane/router/core.h"

namespace viaduct {

namespace {

/// IOS limits such lines as well; one in this time tells of all that was dropped since the last.
constexpr Duration kLineEvery = 30s;

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
        nat_watch = {statistics.exhausted, statistics.refused, now + kLineEvery};
    }
}

}  // namespace viaduct
