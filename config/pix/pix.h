// The PIX 6.3 dialect, onto the same model. A firewall that is configured by interface names with security
// levels (`nameif ethernet0 outside security0`), netmasks in access lists, and `nat`/`global` pairs.
//
// What it becomes: ethernet0 is the interface Ethernet0; names and levels go to pix_names and pix_security;
// `ip address`, `route`, `access-list`, `access-group`, `mtu`, `arp timeout` and `timeout` to the fields that
// their IOS cousins fill. Each pair of a `nat` and a `global` line with the same number is one dynamic rule,
// whose access list "(inside) 1" holds the local networks; `nat … 0` denies in these lists; `static` is a
// static rule. The lines nat, global, static themselves, and all that has no effect, stand in pix_kept as they
// were said, for write_pix_config().
//
// What is not said has the PIX's own default: xlate 3:00:00, conn 1:00:00 half-closed 0:10:00 udp 0:02:00. How the rules act, and that the
// lower interfaces are closed to what began outside, stands in controlplane/router/nat.h.
//
// Of several `global` lines with one number one serves all, by ports: the first range, else the first.
//
// Not supported (kept, and said so): VPN (isakmp, crypto, vpngroup), fixups, AAA, DHCP server, object groups,
// failover. `no` lines are kept, they take nothing away: a PIX file is read whole, not edited line by line.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/ios/parser.h"
#include "config/model/running_config.h"

namespace viaduct::pix {

/// The file says of itself that it is a PIX's: it has a line "PIX Version …".
bool is_pix(std::string_view text);

/// Reads a PIX file. Problems as ios::load() reports them.
ios::LoadResult load(std::string_view text, std::string_view file_name);

/// The lines of a PIX file that the router acts upon, with their numbers: all that load() has no problem with.
std::vector<std::pair<unsigned, std::string>> acted_on(std::string_view text,
                                                       const ios::LoadResult& loaded);

/// `write terminal`: from ": Saved" to ": end".
std::string write_pix_config(const config::RunningConfig& config);

/// Reads a file in the language that it is written in.
ios::LoadResult load_any(std::string_view text, std::string_view file_name);

/// Writes a configuration in the language that it came in.
std::string write_any(const config::RunningConfig& config);

}  // namespace viaduct::pix
