// What both sides of discovery say to `debug crypto isakmp` and `debug crypto isakmp ted`.
#pragma once

#include <string>

#include "controlplane/ike/core.h"

namespace viaduct::ike {

/// "13.13.13.0/255.255.255.0".
std::string subnet_text(const Proxy& proxy);
/// "IPSEC(tunnel discover request): …", as IOS 12.2 has it.
std::string discover_text(const Engine::State& core, const DiscoverRequest& request);

/// One line, whichever of the two switches is on.
template <typename... T>
void Ted::debug(fmt::format_string<T...> format, T&&... args) const {
    const auto flag = core_.log.enabled(Debug::crypto_isakmp_ted) ? Debug::crypto_isakmp_ted
                                                                  : Debug::crypto_isakmp;
    core_.log.debug(flag, format, std::forward<T>(args)...);
}

}  // namespace viaduct::ike
