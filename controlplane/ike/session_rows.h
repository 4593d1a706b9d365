// The exec row of the sessions: show vpn-sessiondb.
#pragma once

#include "controlplane/ike/engine.h"

namespace viaduct::ike {

/// `show vpn-sessiondb [remote | l2l | detail]`, and the EzVPN client's rows.
ios::ExecRows session_rows(Engine& engine);
void add_ezvpn_rows(ios::ExecRows& rows, Engine& engine);

}  // namespace viaduct::ike
