// The longer debug texts, in IOS's words (/debug fixtures): proposals, SAs that come and go.
#pragma once

#include <string>

#include "controlplane/ike/children.h"
#include "controlplane/log/log.h"

namespace viaduct::ike {

/// "209.168.202.131/255.255.255.255/47/0 (type=1)".
std::string proxy_text(const Proxy& proxy);
/// "Tunnel0-head-0" or the crypto map's name.
std::string policy_head(const PolicyRef& policy, const std::string& interface_name);

/// "received packet from …": a message of an SA that stands, with where the SA is.
void debug_received(Log& log, const IkeSa& sa, const PacketIn& packet);
/// `state` is what IOS shows as the exchange's: QM_IDLE, CONF_XAUTH …
void debug_sending(Log& log, const IkeSa& sa, std::string_view state);
void debug_validate_proposal(Log& log,
                             const IkeSa& sa,
                             const ProxyPair& proxies,
                             const ChildSuite& suite,
                             const std::string& head);
void debug_creating(Log& log, const IkeSa& sa, const Child& child);
void debug_created(Log& log, const Child& child, const std::string& head);
void debug_deleting(Log& log, const Child& child);

}  // namespace viaduct::ike
