// So many at once, so many a second.
#pragma once

#include <algorithm>
#include <chrono>

#include "dataplane/base/clock.h"

namespace viaduct::ike {

struct TokenBucket {
    double tokens = 0;
    TimePoint filled{};

    void refill(TimePoint now, double rate, double burst) {
        const std::chrono::duration<double> passed = now - filled;
        tokens = std::min(burst, tokens + passed.count() * rate);
        filled = now;
    }

    /// False: none is left.
    bool take(TimePoint now, double rate, double burst) {
        refill(now, rate, burst);
        if (tokens < 1) {
            return false;
        }
        tokens -= 1;
        return true;
    }

    /// Full by now: what is not known looks the same.
    [[nodiscard]] bool idle(TimePoint now, double rate, double burst) const {
        const std::chrono::duration<double> passed = now - filled;
        return tokens + passed.count() * rate >= burst;
    }
};

}  // namespace viaduct::ike
