// The texts of this folder's show commands, as IOS 12.3/12.4 lays them out. Each returns whole lines.
#pragma once

#include <optional>
#include <string>

#include "controlplane/ike/core.h"

namespace viaduct::ike {

std::string show_isakmp_policy(const Engine::State& core);
std::string show_isakmp_sa(const Engine::State& core);
std::string show_isakmp_sa_detail(const Engine::State& core, TimePoint now);
std::string show_isakmp_key(const Engine::State& core);
std::string show_isakmp_peers(const Engine::State& core);
std::string show_isakmp_profile(const Engine::State& core);
std::string show_isakmp_stats(const Engine::State& core);
std::string show_isakmp_ted(const Engine::State& core, TimePoint now);

/// What of `show crypto ipsec sa` is wanted.
struct SaFilter {
    std::optional<Ipv4Address> peer;
    std::string map;
    std::optional<config::InterfaceName> interface;
};

std::string show_ipsec_sa(const Engine::State& core, TimePoint now, const SaFilter& filter);
std::string show_transform_sets(const Engine::State& core, const std::string& name);
std::string show_sa_lifetime(const Engine::State& core);
std::string show_ipsec_profiles(const Engine::State& core);
std::string show_engine_connections(const Engine::State& core);

std::string show_crypto_map(const Engine::State& core, const std::string& name);
std::string show_dynamic_map(const Engine::State& core, const std::string& name);

/// Which sessions `show crypto session` shows, and whether in a line each.
struct SessionFilter {
    std::optional<Ipv4Address> local;
    std::optional<Ipv4Address> remote;
    std::string user;
    std::optional<config::InterfaceName> interface;
    bool brief = false;
};

std::string show_session(const Engine::State& core,
                         TimePoint now,
                         bool detail,
                         const SessionFilter& filter = {});

/// Adds the packets and errors of one pair of SAs to a sum.
void add_usage(SaUsage& sum, const SaUsage& usage);

std::string interface_text(const Engine::State& core, IfIndex index);

}  // namespace viaduct::ike
