// What a router's tables cost: resident memory before and after filling them, divided by what went in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/base/machine_time.h"
#include "dataplane/base/result.h"

namespace viaduct::dataplane {

struct MemoryBenchOptions {
    MachineTime time;
    std::uint32_t sas = 100000;  // one direction each
    std::uint32_t routes = 1000000;
    std::uint32_t sessions = 1000000;
};

struct MemoryRow {
    std::string what;
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;  // resident, of all of them

    [[nodiscard]] double each() const {
        return static_cast<double>(bytes) / static_cast<double>(count);
    }
};

Result<std::vector<MemoryRow>> run_memory_bench(const MemoryBenchOptions& options);

/// Of this process, in bytes.
std::uint64_t resident_memory();

}  // namespace viaduct::dataplane
