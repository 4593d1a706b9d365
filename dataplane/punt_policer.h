// How many packets of each kind may go up to control: a bucket a reason, so that a flood of one kind
// does not starve the others.
#pragma once

#include <array>

#include "dataplane/base/clock.h"
#include "dataplane/control.h"

namespace viaduct::dataplane {

class PuntPolicer {
public:
    /// True when one more may pass at `now`.
    bool pass(PuntReason reason, TimePoint now);

private:
    struct Bucket {
        TimePoint full_at{};  // when it will be full again; in the past: full
    };

    std::array<Bucket, static_cast<std::size_t>(PuntReason::kCount)> buckets_{};
};

/// ARP, IKE and what carries routing protocols go before the rest.
constexpr bool is_urgent(PuntReason reason) {
    switch (reason) {
    case PuntReason::arp:
    case PuntReason::ike:
    case PuntReason::link_multicast:
    case PuntReason::nhrp:
    case PuntReason::gre_keepalive:
    case PuntReason::glean:
        return true;
    case PuntReason::local:
    case PuntReason::resolve:
    case PuntReason::redirect_nhrp:
    case PuntReason::acquire:
    case PuntReason::discover:
    case PuntReason::ted_probe:
    case PuntReason::ttl_expired:
    case PuntReason::unreachable:
    case PuntReason::too_big:
    case PuntReason::redirect:
    case PuntReason::unknown_spi:
    case PuntReason::options:
    case PuntReason::kCount:
        return false;
    }
    return false;
}

}  // namespace viaduct::dataplane
