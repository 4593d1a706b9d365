// Time as an argument: a point on a monotonic clock that somebody else reads.
#pragma once

#include <chrono>
#include <cstdint>

namespace viaduct {

/// The router's monotonic clock. It has no now(): whoever calls an engine tells it the time, which is
/// the wall's monotonic clock in `viaduct run` and the lab's own in virtual time.
struct RouterClock {
    using rep = std::int64_t;
    using period = std::nano;
    using duration = std::chrono::nanoseconds;
    using time_point = std::chrono::time_point<RouterClock>;
    static constexpr bool is_steady = true;
};

using Duration = RouterClock::duration;
using TimePoint = RouterClock::time_point;

/// Calendar time, nanoseconds since 1970-01-01 UTC: for log stamps, `show clock` and certificates.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

using std::chrono_literals::operator""ns;
using std::chrono_literals::operator""us;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;

/// "Never": later than every deadline.
inline constexpr TimePoint kNever = TimePoint::max();

}  // namespace viaduct
