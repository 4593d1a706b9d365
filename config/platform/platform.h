// platform.yaml: what of the machine a router gets. The one place that reads YAML beside the lab's.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/model/interface.h"
#include "dataplane/base/result.h"

namespace viaduct::config {

enum class Idle : std::uint8_t {
    adaptive,  // an idle worker sleeps, a little longer each time
    poll,  // it polls on: lowest latency, a whole core each
};

struct PlatformPort {
    InterfaceName interface;
    std::string port;  // PCI address or DPDK vdev string
    unsigned queues = 1;  // 1–64
    unsigned line = 0;  // in the file, for messages

    bool operator==(const PlatformPort&) const = default;
};

struct Platform {
    bool hugepages = false;
    unsigned memory_mb = 256;  // 64–1048576
    std::vector<unsigned> workers;  // cores; empty: one worker that belongs to no core
    unsigned workers_line = 0;  // in the file, for messages
    Idle idle = Idle::adaptive;
    std::vector<PlatformPort> interfaces;  // in the file's order
    std::string console_socket;  // empty: no console
    unsigned console_line = 0;
    std::string file;

    bool operator==(const Platform&) const = default;
};

/// Reads a file or its text. Errors: "FILE:LINE: sentence" — what YAML cannot read, keys nobody knows, values out
/// of range, an interface or a port twice. A relative socket path counts from the working directory.
Result<Platform> read_platform(const std::string& path);
Result<Platform> parse_platform(std::string_view text, std::string_view file_name);

}  // namespace viaduct::config
