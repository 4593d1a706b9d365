// The exec row of the sessions: show vpn-sessiondb.
#pragma once

#include "controlplane/ike/engine.h"

namespace viaduct::ike {

/// `show vpn-sessiondb [remote | l2l | detail]`.
ios::ExecRows session_rows(Engine& engine);

}  // namespace viaduct::ike
