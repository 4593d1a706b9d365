// The command line of `viaduct bench ike`.
#pragma once

#include "dataplane/base/machine_time.h"

namespace viaduct::bench {

int ike_main(int argc, char** argv, const MachineTime& time);

}  // namespace viaduct::bench
