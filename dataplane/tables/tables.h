// All that control publishes and workers read, in one place.
#pragma once

#include "dataplane/plane.h"
#include "dataplane/tables/interfaces.h"
#include "dataplane/tables/next_hops.h"
#include "dataplane/tables/ports.h"
#include "dataplane/tables/rcu.h"
#include "dataplane/tables/route_table.h"

namespace viaduct::dataplane {

struct Tables {
    explicit Tables(const PlaneOptions& options)
        : rcu(options.workers),
          ports(rcu, options.workers),
          interfaces(rcu, options.workers),
          next_hops(rcu, interfaces, options.max_next_hops),
          routes(rcu) {}

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
    /// Grows with every change of a route or next hop: what was cached of a look-up before is stale.
    std::atomic<std::uint32_t> route_generation{1};
};

}  // namespace viaduct::dataplane
