// show dhcp lease, release and renew dhcp, show and clear ip dhcp.
#pragma once

#include "config/ios/exec_row.h"
#include "controlplane/dhcp/client.h"
#include "controlplane/dhcp/server.h"

namespace viaduct::dhcp {

/// Both must outlive the rows. What a command leaves in them is carried by the Router afterwards.
ios::ExecRows exec_rows(Client& client, Server& server);

}  // namespace viaduct::dhcp
