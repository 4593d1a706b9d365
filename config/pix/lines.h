// The lines of a PIX: one row a command, in the order of `write terminal`. Internal to config/pix.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/ios/grammar.h"
#include "config/model/running_config.h"
#include "dataplane/base/result.h"

namespace viaduct::pix {

enum class Effect : std::uint8_t { acted_on, kept, not_run };

struct Row {
    std::string pattern;
    std::function<Result<void>(config::RunningConfig&, const ios::Args&)> apply;
    Effect effect = Effect::acted_on;
};

/// The table; ids of the command set are its indexes.
const std::vector<Row>& rows();
const ios::CommandSet& commands();

/// The interface that a name of `nameif` stands for.
Result<config::InterfaceName> interface_named(const config::RunningConfig& config,
                                              std::string_view name);
/// "ethernet0" ↔ Ethernet0.
std::string hardware_name(const config::InterfaceName& name);

/// Where a kept line stands in `write terminal`; lines of one place keep their order.
enum class KeptPlace : std::uint8_t {
    passwords,
    names,
    terminal,
    addresses,
    global,
    nat,
    static_nat,
    timeouts,
    services,
    checksum,
};

KeptPlace kept_place(std::string_view line);

/// Makes config.nat out of the kept lines nat, global and static. A line that does not fit is returned with the
/// reason.
struct NatProblem {
    std::string line;
    std::string message;
};

std::vector<NatProblem> build_nat(config::RunningConfig& config);

/// What of a line that is acted upon has no effect, in words; "" if all has.
std::string part_without_effect(const config::RunningConfig& config, std::string_view line);

}  // namespace viaduct::pix
