// The machine's time, for what measures in real time: given by the program (console/), taken by nobody else.
#pragma once

#include "dataplane/base/clock.h"

namespace viaduct {

struct MachineTime {
    TimePoint (*now)() = nullptr;  // monotonic; any thread
    void (*pause)(Duration) = nullptr;  // this thread sleeps at least that long
};

/// Of settings in seconds.
inline Duration duration_of(double seconds) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace viaduct
