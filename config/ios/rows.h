// The row of a configuration command: all that the language knows of it stands in this one place. Mode,
// pattern and help for the parser, `?`, Tab and the manual; apply and its way back for the model; write for
// `show running-config`; examples for the tests over all rows and for the manual.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/ios/grammar.h"
#include "config/ios/scope.h"
#include "dataplane/base/result.h"

namespace viaduct::ios {

class ConfigSession;
class Writer;

enum class Effect : std::uint8_t {
    acted_on,  // the router does what the line says
    kept,  // accepted and written back; a virtual router has nothing to do for it
    later,  // in the model, not acted upon yet
};

/// Where the lines of a global row stand in a running configuration, in IOS's order. A `!` stands between
/// two places.
enum class Place : std::uint8_t {
    version,
    service,
    hostname,
    boot,
    logging_local,
    enable,
    users,
    clock,
    aaa,
    ip_basic,
    dhcp,
    domain,
    key_chains,
    trustpoints,
    keyrings,
    isakmp_policies,
    isakmp_keys,
    isakmp,
    client_groups,
    isakmp_profiles,
    ipsec,
    transform_sets,
    ipsec_profiles,
    dynamic_maps,
    crypto_maps,
    ezvpn,
    voice,
    hardware,
    interfaces,
    routers,
    pools,
    http,
    nat,
    routes,
    named_access_lists,
    logging_remote,
    access_lists,
    prefix_lists,
    route_maps,
    arp,
    radius,
    call_control,
    banners,
    lines,
    ntp,
    kCount,
};

/// A row. Only mode, pattern, help and apply are always there.
struct Row {
    Mode mode = Mode::global;
    std::string pattern = {};  // grammar.h; without `no`; empty: the line exists only with `no`
    /// What the command does; after it, each behind a '|', "token: help" for the tokens of the pattern.
    std::string help;
    /// Changes the model, or returns why not and changes nothing. args.negated(): back to the default
    /// (or to "off" where the default is "on"). args.has(kDefaultWord): the line began with `default`.
    std::function<Result<void>(ConfigSession&, const Args&)> apply;
    /// Writes this row's lines for the writer's scope; empty where another row writes them.
    std::function<void(Writer&)> write = {};
    std::vector<std::string> examples = {};
    Place place = Place::version;  // in sub-modes only: rows of later places are written later
    /// Pattern of the `no` form if the derived one does not fit. Derived: the leading keywords, then
    /// each further element may be left out together with all behind it.
    std::string no = {};
    Effect effect = Effect::acted_on;
    bool enters = false;  // the line leads into a sub-mode
    bool default_on = false;  // the default is the line without `no`
    bool three_states = false;  // `no` is neither the line nor the default
    std::string context =
        {};  // what must stand before the examples, lines; empty: the mode's opener
};

using Rows = std::vector<Row>;

/// In Args when the line began with `default`.
inline constexpr std::string_view kDefaultWord = "(default)";

/// All rows, in the order in which they are written; built once, shared, const.
const Rows& all_rows();

/// A line that leads from global mode into the mode, for tests and examples: "interface FastEthernet0/0".
std::string mode_opener(Mode mode);

Rows system_rows();
Rows logging_rows();
Rows line_rows();
Rows interface_rows();
Rows ip_interface_rows();
Rows tunnel_rows();
Rows nhrp_rows();
Rows eigrp_interface_rows();
Rows ip_rows();
Rows access_list_rows();
Rows routing_rows();
Rows key_lifetime_rows();
Rows eigrp_rows();
Rows filter_rows();
Rows isakmp_rows();
Rows keyring_rows();
Rows isakmp_profile_rows();
Rows ipsec_rows();
Rows crypto_map_rows();
Rows remote_access_rows();
Rows ezvpn_rows();
Rows pki_rows();
Rows aaa_rows();
Rows nat_rows();
Rows dhcp_rows();
Rows kept_rows();

}  // namespace viaduct::ios
