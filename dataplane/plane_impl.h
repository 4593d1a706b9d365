// What stands behind Plane. Only for plane.cc and plane_security.cc.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "dataplane/drops.h"
#include "dataplane/plane.h"
#include "dataplane/tables/tables.h"
#include "dataplane/worker.h"

namespace viaduct::dataplane {

struct Plane::Impl {
    explicit Impl(const PlaneOptions& options);
    /// Makes the workers' cipher engines, once, before there is an SA that a worker could use.
    void start_engines();

    std::unique_ptr<Random> random;
    Tables tables;
    std::vector<std::unique_ptr<Worker>> workers;
    unsigned next_inject = 0;
    // What the counters stood at when they were cleared.
    std::array<std::uint64_t, kDropCount> drops_cleared{};
    std::vector<StageCounters> stages_cleared;
};

}  // namespace viaduct::dataplane
