// What stands in a LAB.yaml: routers, hosts and the links between them.
//
//   routers:
//     NAME: { config: FILE, links: { FastEthernet0/0: LINK, … } }
//   hosts:
//     NAME: { address: A/len | dhcp, gateway: A, link: LINK }
//   links:
//     LINK: { delay-ms: 5, jitter-ms: 1, loss: 0.01, duplicate: 0, reorder: 0, rate-mbps: 100, mtu: 1500, external: eth1 }
//
// Every key of a link may be left out. File names are relative to the LAB.yaml.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/model/interface.h"
#include "controlplane/lab/host/ip_layer.h"
#include "controlplane/lab/link.h"
#include "dataplane/base/result.h"

namespace viaduct::lab {

struct PortSpec {
    config::InterfaceName interface;
    std::string link;
};

struct RouterSpec {
    std::string name;
    std::string config_file;  // for messages
    std::string config_text;
    std::vector<PortSpec> ports;
};

struct HostSpec {
    std::string name;
    HostAddress address;  // unspecified: DHCP
    std::string link;
};

struct LinkSpec {
    std::string name;
    LinkParameters parameters;
};

/// In the order of the file.
struct Topology {
    std::vector<RouterSpec> routers;
    std::vector<HostSpec> hosts;
    std::vector<LinkSpec> links;
};

inline constexpr std::size_t kMaxNodes = 20'000;

/// Reads a lab from YAML text. `file` is used in messages ("lab.yaml:12: …") and its folder for the configurations, which
/// are read, too. Unknown keys are refused.
Result<Topology> parse_topology(std::string_view text, const std::string& file);
/// The same from a file.
Result<Topology> read_topology(const std::string& file);

/// Changes one parameter of a link by its key in LAB.yaml ("loss", "0.2"); `external` cannot be changed.
Result<void> set_link_parameter(LinkParameters& parameters,
                                std::string_view key,
                                std::string_view value);

Result<std::string> read_text_file(const std::string& path);

}  // namespace viaduct::lab
