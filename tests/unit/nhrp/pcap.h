// Just enough of pcap and pcapng to read the fixtures' Ethernet frames, and of what is around NHRP in them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dataplane/base/bytes.h"

namespace viaduct::nhrp::test {

struct CapturedNhrp {
    Ipv4Address source;
    Ipv4Address destination;
    std::uint8_t tos = 0;
    Bytes nhrp;
};

/// Empty if the file is absent.
std::vector<CapturedNhrp> read_capture(const std::string& path);

}  // namespace viaduct::nhrp::test
