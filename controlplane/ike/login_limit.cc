#include "controlplane/ike/login_limit.h"

namespace viaduct::ike {

namespace {

bool has_token(TokenBucket bucket, TimePoint now, double rate, double burst) {
    return bucket.take(now, rate, burst);
}

void charge(TokenBucket& bucket, TimePoint now, double rate, double burst) {
    bucket.refill(now, rate, burst);
    bucket.tokens = std::max(bucket.tokens - 1, -burst);
}

}  // namespace

bool LoginLimit::allows(TimePoint now, Ipv4Address source) const {
    const auto known = sources_.find(source);
    return (known == sources_.end() || has_token(known->second, now, kPerSource, kBurstOfSource)) &&
           has_token(total_, now, kTotal, kBurstTotal);
}

void LoginLimit::on_failed(TimePoint now, Ipv4Address source) {
    charge(total_, now, kTotal, kBurstTotal);
    if (sources_.size() >= kMaxSources) {
        std::erase_if(sources_, [now](const auto& entry) {
            return entry.second.idle(now, kPerSource, kBurstOfSource);
        });
    }
    auto known = sources_.find(source);
    if (known == sources_.end()) {
        if (sources_.size() >= kMaxSources) {
            return;  // the total holds
        }
        known = sources_.emplace(source, TokenBucket{kBurstOfSource, now}).first;
    }
    charge(known->second, now, kPerSource, kBurstOfSource);
}

}  // namespace viaduct::ike
