// The exec commands of EIGRP: `show ip eigrp …`, `show ip protocols`, `clear ip eigrp neighbors`.
#pragma once

#include <string>

#include "controlplane/eigrp/engine.h"

namespace viaduct::eigrp {

// The texts, in the layout of IOS 12.3; asn none: all processes.
enum class Detail : std::uint8_t { brief, detail };
enum class Links : std::uint8_t { feasible, all, active };
std::string show_neighbors(const Engine& engine,
                           TimePoint now,
                           std::optional<Asn> asn,
                           const std::optional<config::InterfaceName>& interface,
                           Detail detail);
std::string show_interfaces(const Engine& engine,
                            std::optional<Asn> asn,
                            const std::optional<config::InterfaceName>& interface,
                            Detail detail);
std::string show_topology(const Engine& engine, TimePoint now, std::optional<Asn> asn, Links links);
std::string show_topology_entry(const Engine& engine, std::optional<Asn> asn, Ipv4Prefix prefix);
std::string show_traffic(const Engine& engine, std::optional<Asn> asn);
/// EIGRP's part of `show ip protocols`.
std::string show_protocols(const Engine& engine, TimePoint now);

}  // namespace viaduct::eigrp
