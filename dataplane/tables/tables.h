// All that control publishes and workers read, in one place.
#pragma once

#include <array>
#include <atomic>
#include <span>

#include "dataplane/base/random.h"
#include "dataplane/handoff.h"
#include "dataplane/plane.h"
#include "dataplane/spread.h"
#include "dataplane/tables/acl.h"
#include "dataplane/tables/interfaces.h"
#include "dataplane/tables/nat.h"
#include "dataplane/tables/next_hops.h"
#include "dataplane/tables/policy.h"
#include "dataplane/tables/ports.h"
#include "dataplane/tables/rcu.h"
#include "dataplane/tables/route_table.h"
#include "dataplane/tables/sa_table.h"

namespace viaduct::dataplane {

/// Local UDP ports beside 4500 that carry ESP. Control writes, workers read; 0 ends the list.
class EspUdpPorts {
public:
    void publish(std::span<const L4Port> ports) {
        for (std::size_t i = 0; i < ports_.size(); ++i) {
            ports_[i].store(i < ports.size() ? ports[i].value() : std::uint16_t{0},
                            std::memory_order_relaxed);
        }
    }

    [[nodiscard]] bool contains(std::uint16_t port) const {
        for (const auto& entry : ports_) {
            const auto known = entry.load(std::memory_order_relaxed);
            if (known == port || known == 0) {
                return known != 0;
            }
        }
        return false;
    }

private:
    std::array<std::atomic<std::uint16_t>, kMaxEspUdpPorts> ports_{};
};

struct Tables {
    Tables(const PlaneOptions& options, Random& random)
        : rcu(options.workers),
          ports(rcu, options.workers),
          interfaces(rcu, options.workers),
          next_hops(rcu, interfaces, options.max_next_hops),
          routes(rcu),
          acls(rcu, options.workers),
          policies(rcu),
          sas(rcu,
              random,
              options.max_sas,
              options.workers > 1 ? std::uint16_t{Spread::kInFlight} : std::uint16_t{0}),
          nat(rcu, random, options.workers, options.nat_sessions),
          engines(options.workers),
          handoffs(options.workers),
          spread(options.workers > 1 ? options.workers : 0),
          workers(options.workers) {}

    ~Tables() { rcu.drain(); }

    Tables(const Tables&) = delete;
    Tables& operator=(const Tables&) = delete;
    Tables(Tables&&) = delete;
    Tables& operator=(Tables&&) = delete;

    Rcu rcu;
    Ports ports;
    Interfaces interfaces;
    NextHops next_hops;
    RouteTable routes;
    Acls acls;
    Policies policies;
    SaTable sas;
    EspUdpPorts esp_udp_ports;
    Nat nat;
    /// By worker. Made by control before the first SA is published, and never replaced.
    std::vector<std::unique_ptr<crypto::EspEngine>> engines;
    /// Packets that one worker hands to another.
    Handoffs handoffs;
    /// By reader; none where there is one worker.
    std::vector<Spread> spread;
    const unsigned workers;
    /// Grows with every change of a route or next hop: what was cached of a look-up before is stale.
    std::atomic<std::uint32_t> route_generation{1};
};

}  // namespace viaduct::dataplane
