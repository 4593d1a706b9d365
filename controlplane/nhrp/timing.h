// The engine's times, in one place.
#pragma once

#include "dataplane/base/clock.h"

namespace viaduct::nhrp {

/// IOS: the first request follows the first packet after some 12 ms (document 003's trace), so that one
/// process run serves a burst.
inline constexpr Duration kResolutionDelay = 12ms;
/// Then after 2 s (1.83 s in the trace), 4, 8 … until the incomplete entry ends.
inline constexpr Duration kResolutionRetry = 2s;
inline constexpr Duration kResolutionRetryMax = 64s;
/// IOS: an incomplete or refused entry lives three minutes ("expire 00:02:57").
inline constexpr Duration kIncompleteLife = 180s;
/// After a tunnel that could not be built: by the hub for so long, then try again, so often.
inline constexpr Duration kFailedTunnelLife = 30s;
inline constexpr unsigned kTunnelTries = 3;
/// IOS: registrations are repeated after 1, 2, 4 … 64 s.
inline constexpr Duration kRegistrationRetry = 1s;
inline constexpr Duration kRegistrationRetryMax = 64s;
/// Unanswered registrations in a row that make a server "down": IOS takes three; six keep it from
/// flapping at 20 % loss each way (row D9). A tunnel that goes down counts at once.
inline constexpr unsigned kServerDownAfter = 6;
/// With `max-connections`: so many unanswered, and the next best server is tried beside.
inline constexpr unsigned kServerTries = 3;
/// IOS: default of `ip nhrp nhs fallback`.
inline constexpr Duration kFallbackDelay = 0s;
/// A used entry is asked for again when so much of its life is left (or a third, if that is less).
inline constexpr Duration kRefreshBefore = 120s;
/// Requests for a used entry's refresh that may stay unanswered.
inline constexpr unsigned kRefreshTries = 6;
/// How long a request waits for an SA.
inline constexpr Duration kDelayedLife = 30s;
inline constexpr Duration kPurgeRetry = 2s;
inline constexpr unsigned kPurgeTries = 4;
/// IOS: one traffic indication for the same spoke, source and destination every 8 s.
inline constexpr Duration kRedirectInterval = 8s;
/// Changes of the multicast list are gathered for so long.
inline constexpr Duration kMulticastGather = 10ms;
/// A static peer's lost tunnel is asked for again.
inline constexpr Duration kStaticRetry = 10s;
/// At most one log line about bad packets a tunnel.
inline constexpr Duration kLogInterval = 30s;
/// At most so many error indications a second and tunnel.
inline constexpr unsigned kErrorsPerSecond = 10;

}  // namespace viaduct::nhrp
