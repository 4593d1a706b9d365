// Labs for the tests of the lab itself.
//
//   pc1 10.1.0.10 ──left── fake1 ──middle── fake2 ──right── pc2 10.2.0.10
//                        .1     .1 (10.9.0) .2     .1
#pragma once

#include <catch2/catch.hpp>

#include "controlplane/lab/lab.h"
#include "tests/unit/lab/fake_router.h"

namespace viaduct::lab {

inline Topology two_routers(const LinkParameters& middle = {}) {
    Topology t;
    t.links = {{"left", {}}, {"middle", middle}, {"right", {}}};
    const auto port = [](const char* name, const char* link) {
        return PortSpec{*config::InterfaceName::parse(name), link};
    };
    t.routers.push_back({"fake1",
                         "fake1.cfg",
                         "port 0 10.1.0.1/24\nport 1 10.9.0.1/24\nroute 10.2.0.0/24 1 10.9.0.2\n",
                         {port("FastEthernet0/0", "left"), port("FastEthernet0/1", "middle")}});
    t.routers.push_back({"fake2",
                         "fake2.cfg",
                         "port 0 10.2.0.1/24\nport 1 10.9.0.2/24\nroute 10.1.0.0/24 1 10.9.0.1\n",
                         {port("FastEthernet0/0", "right"), port("FastEthernet0/1", "middle")}});
    const auto host =
        [](const char* name, Ipv4Address address, Ipv4Address gateway, const char* link) {
            return HostSpec{name, {address, 24, gateway}, link};
        };
    t.hosts.push_back(host("pc1", Ipv4Address{10, 1, 0, 10}, Ipv4Address{10, 1, 0, 1}, "left"));
    t.hosts.push_back(host("pc2", Ipv4Address{10, 2, 0, 10}, Ipv4Address{10, 2, 0, 1}, "right"));
    return t;
}

inline std::unique_ptr<Lab> make_lab(const Topology& topology, const LabOptions& options = {}) {
    auto lab = Lab::create(topology, options, fake_factory());
    if (!lab) {
        FAIL(lab.error().message);
    }
    return std::move(*lab);
}

}  // namespace viaduct::lab
