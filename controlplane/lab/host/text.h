// Numbers and durations as Linux's tools print them.
#pragma once

#include <string>

#include "controlplane/lab/host/job.h"
#include "dataplane/base/clock.h"

namespace viaduct::lab {

/// Milliseconds as ping prints them: three digits that matter ("0.512", "1.53", "14.2", "153").
std::string ping_milliseconds(Duration time);
/// Always three decimals ("0.512").
std::string milliseconds(Duration time);
/// "Destination Host Unreachable", "Time to live exceeded", "Frag needed and DF set (mtu = 1400)" …
std::string describe(const PathError& error);

}  // namespace viaduct::lab
