// The exec row of the sessions: show vpn-sessiondb.
#pragma once

#include "controlplane/ike/engine.h"

namespace viaduct::ike {

/// One peer's part of `show dmvpn detail`, below "Interface: Tunnel0"; empty if IKE knows nothing of it.
std::string show_dmvpn_session(const Engine& engine,
                               TimePoint now,
                               IfIndex tunnel,
                               Ipv4Address local,
                               Ipv4Address remote,
                               const std::optional<Ipv4Address>& remote_original);

/// `show vpn-sessiondb [remote | l2l | detail]`, and the EzVPN client's rows.
ios::ExecRows session_rows(Engine& engine);
void add_ezvpn_rows(ios::ExecRows& rows, Engine& engine);

}  // namespace viaduct::ike
