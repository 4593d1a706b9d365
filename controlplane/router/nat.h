// Address translation as configured (config::NatConfig) to what the dataplane is told (dataplane::NatPolicy).
//
// Idea. compile_nat() is a pure function of the model, of the interfaces' addresses in force and of the numbers that
// rules have had before. The Router calls it at every reconcile and publishes what came out if it differs: a lease that
// brings another address, a changed pool, a removed line all go the same way.
//
// A rule keeps its number (`id`) as long as its line stands, so that the dataplane keeps its sessions. An `inside source
// list` is one rule. A `route-map` is one rule for each access list of each permit entry, in order; what deny entries
// before it permit in their lists is denied at its head. `match interface` becomes "only what leaves by it".
//
// A rule whose address is not known (interface without a lease, pool that is not defined) stands with the address
// 0.0.0.0: what it matches is dropped, never sent with its inside address. A static translation to such an interface waits.
//
// PIX: the interface of the highest security level is inside, all others are outside and gates: nothing passes there
// that is not of a connection that began inside, or permitted by the interface's access list. What goes out and fits
// neither a `nat` line nor `nat … 0` is dropped ("No translation group found"). A range of global addresses is shared by
// ports, so that every connection is known; a PIX gives whole addresses.
//
// Not supported, and said in NatPlan::problems: in a route map, deny lines in a list of a deny entry, deny entries for
// one interface before a permit entry for any, prefix lists; `type rotary` (the pool is used in order). PIX: connections
// that begin on an interface between the lowest and the highest level; limits of connections.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/model/running_config.h"
#include "controlplane/router/interfaces.h"
#include "dataplane/nat.h"

namespace viaduct {

/// Numbers that rules keep over changes of the configuration: by the line's text.
class NatIds {
public:
    std::uint32_t of(const std::string& key) {
        const auto [found, fresh] = ids_.try_emplace(key, next_);
        next_ += fresh ? 1 : 0;
        return found->second;
    }

private:
    std::map<std::string, std::uint32_t> ids_;
    std::uint32_t next_ = 1;
};

struct NatSurroundings {
    const config::RunningConfig& model;
    const std::map<IfIndex, InterfaceStatus>& interfaces;
    const std::map<config::InterfaceName, IfIndex>& indices;
};

/// A dynamic line of the configuration and the rules that it became.
struct NatLine {
    config::NatDynamicRule rule;
    std::vector<std::uint32_t> ids;
};

struct NatPlan {
    /// NatDynamic::match is filled in when the lists have their numbers; `lists` says which.
    dataplane::NatPolicy policy;
    std::vector<std::string> lists;  // one for each of policy.dynamics: a key of access_lists
    std::map<std::string, std::vector<dataplane::AclRule>> access_lists;
    std::vector<NatLine> lines;
    std::vector<std::string> gate_lists;  // one for each of policy.gates; empty: none
    /// Global addresses on connected networks: ARP answers for them.
    std::map<IfIndex, std::vector<dataplane::NatRange>> aliases;
    std::vector<std::string> problems;  // sentences for the log
};

/// The side of translation that an interface is on.
config::NatSide nat_side_of(const config::RunningConfig& model,
                            const config::InterfaceConfig& interface);

NatPlan compile_nat(const NatSurroundings& surroundings, NatIds& ids);

/// The lines of an access list as the dataplane takes them, remarks left out.
std::vector<dataplane::AclRule> acl_rules_of(const config::AccessList& list);

}  // namespace viaduct
