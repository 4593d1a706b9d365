// How often names and passwords may be wrong, by source and in total. While a source, or all together, have been wrong too
// often, nobody is asked whether the next one is right: the answer is the one to a wrong password.
//
// Right logins cost nothing, so a whole branch behind one address that returns at once is let in. Logins that were under way
// while the limit was reached go into debt, at most once the burst.
#pragma once

#include <cstddef>
#include <unordered_map>

#include "controlplane/ike/token_bucket.h"
#include "dataplane/base/address.h"

namespace viaduct::ike {

class LoginLimit {
public:
    static constexpr std::size_t kMaxSources = 4096;
    static constexpr double kPerSource = 1.0 / 6;  // ten a minute
    static constexpr double kBurstOfSource = 30;
    static constexpr double kTotal = 20;
    static constexpr double kBurstTotal = 300;

    /// This one may be checked.
    [[nodiscard]] bool allows(TimePoint now, Ipv4Address source) const;
    void on_failed(TimePoint now, Ipv4Address source);

    [[nodiscard]] std::size_t sources() const { return sources_.size(); }

private:
    TokenBucket total_{kBurstTotal, {}};
    std::unordered_map<Ipv4Address, TokenBucket> sources_;
};

}  // namespace viaduct::ike
