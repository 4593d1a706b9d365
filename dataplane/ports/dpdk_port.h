// DPDK ports: a PCI address or a virtual device's string.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "dataplane/base/result.h"
#include "dataplane/ports/port.h"

namespace viaduct::dataplane {

struct DpdkPortOptions {
    /// "0000:03:00.0", "net_af_packet0,iface=eth1", "net_tap0,iface=tap0", "net_pcap0,rx_pcap=F,infinite_rx=1",
    /// "net_null0,no-rx=1", "net_memif0,role=client,socket=/run/m.sock", "net_af_xdp0,iface=eth1" …
    std::string device;
    unsigned queues = 1;  // wanted; queues() says how many the device has
    std::uint16_t mtu = 1500;  // layer 3 bytes
    std::optional<MacAddress> mac;  // instead of the device's own
    bool promiscuous = true;  // needed for a MAC address that the device does not know
};

/// Opens and starts it. start_eal() comes first; PCI addresses need its load_drivers. Errors: one sentence
/// that names the device.
/// Not supported: checksum and segmentation offloads, frames in several buffers (a large MTU takes its
/// buffers from the pool of large ones instead), VLANs.
Result<std::unique_ptr<Port>> open_dpdk_port(const DpdkPortOptions& options);

}  // namespace viaduct::dataplane
