// platform.yaml: every key, and every way to get it wrong, with its line.
#include "config/platform/platform.h"

#include <catch2/catch.hpp>

using namespace viaduct::config;

namespace {

std::string error_of(std::string_view text) {
    const auto platform = parse_platform(text, "p.yaml");
    return platform ? "accepted" : platform.error().message;
}

}  // namespace

TEST_CASE("The platform file's keys") {
    const auto platform = parse_platform(R"(hugepages: true
memory-mb: 512
workers: [2, 3]
idle: poll
interfaces:
  FastEthernet0/0: { port: "net_af_packet0,iface=veth0", queues: 2 }
  GigabitEthernet0/1:
    port: 0000:03:00.0
console: { socket: /run/r1.sock }
)",
                                         "p.yaml");
    REQUIRE(platform);
    CHECK(platform->hugepages);
    CHECK(platform->memory_mb == 512);
    CHECK(platform->workers == std::vector<unsigned>{2, 3});
    CHECK(platform->idle == Idle::poll);
    REQUIRE(platform->interfaces.size() == 2);
    CHECK(platform->interfaces[0].interface.to_string() == "FastEthernet0/0");
    CHECK(platform->interfaces[0].port == "net_af_packet0,iface=veth0");
    CHECK(platform->interfaces[0].queues == 2);
    CHECK(platform->interfaces[0].line == 6);
    CHECK(platform->interfaces[1].port == "0000:03:00.0");
    CHECK(platform->interfaces[1].queues == 1);
    CHECK(platform->console_socket == "/run/r1.sock");
}

TEST_CASE("The platform file's defaults") {
    const auto platform = parse_platform("interfaces: {}\nworkers: []\n", "p.yaml");
    REQUIRE(platform);
    CHECK_FALSE(platform->hugepages);
    CHECK(platform->memory_mb == 256);
    CHECK(platform->workers.empty());
    CHECK(platform->idle == Idle::adaptive);
    CHECK(platform->console_socket.empty());
}

TEST_CASE("A wrong platform file is one sentence with file and line") {
    CHECK(error_of("") == "p.yaml:1: the platform file is empty");
    CHECK(error_of("- a\n") == "p.yaml:1: the platform file must be a map of keys and values");
    CHECK(error_of("hugepages: false\nmemory: 12\n") ==
          "p.yaml:2: unknown key \"memory\" in the platform file");
    CHECK(error_of("idle: adaptive\nidle: poll\n") == "p.yaml:2: key \"idle\" stands there twice");
    CHECK(error_of("hugepages: maybe\n") == "p.yaml:1: hugepages is \"maybe\", not true or false");
    CHECK(error_of("memory-mb: -1\n") ==
          "p.yaml:1: memory-mb is \"-1\", not a number from 64 to 1048576");
    CHECK(error_of("memory-mb: 63\n") ==
          "p.yaml:1: memory-mb is \"63\", not a number from 64 to 1048576");
    CHECK(error_of("workers: 3\n") == "p.yaml:1: workers must be a list of cores, such as [2, 3]");
    CHECK(error_of("workers: [1, x]\n") ==
          "p.yaml:1: a worker's core is \"x\", not a number from 0 to 1023");
    CHECK(error_of("workers: [1, 1]\n") == "p.yaml:1: core 1 has a worker already");
    CHECK(error_of("idle: lazy\n") == "p.yaml:1: idle is \"lazy\", not adaptive or poll");
    CHECK(error_of("interfaces: [a]\n") == "p.yaml:1: interfaces must be a map of interface names");
    CHECK(error_of("interfaces:\n  veth0: { port: x }\n") ==
          "p.yaml:2: \"veth0\" is not the name of an Ethernet interface, such as FastEthernet0/0");
    CHECK(error_of("interfaces:\n  Loopback0: { port: x }\n") ==
          "p.yaml:2: \"Loopback0\" is not the name of an Ethernet interface, such as "
          "FastEthernet0/0");
    CHECK(error_of("interfaces:\n  Fa0/0: { queues: 1 }\n") == "p.yaml:2: Fa0/0 has no port");
    CHECK(error_of("interfaces:\n  Fa0/0: { port: x, queues: 65 }\n") ==
          "p.yaml:2: queues is \"65\", not a number from 1 to 64");
    CHECK(error_of("interfaces:\n  Fa0/0: { port: x, mac: y }\n") ==
          "p.yaml:2: unknown key \"mac\" in Fa0/0");
    CHECK(error_of("interfaces:\n  Fa0/0: { port: x }\n  FastEthernet0/0: { port: y }\n") ==
          "p.yaml:3: FastEthernet0/0 stands there twice");
    CHECK(error_of("interfaces:\n  Fa0/0: { port: x }\n  Fa0/1: { port: x }\n") ==
          "p.yaml:3: port \"x\" carries FastEthernet0/0 already");
    CHECK(error_of("console: /run/x\n") == "p.yaml:1: console must be a map of keys and values");
    CHECK(error_of("console: { path: x }\n") == "p.yaml:1: unknown key \"path\" in console");
    CHECK(error_of("console: { socket: }\n") == "p.yaml:1: socket needs a value");
}

TEST_CASE("YAML that cannot be read says where") {
    const std::string error = error_of("hugepages: false\ninterfaces: {a: [\n");
    CHECK(error.starts_with("p.yaml:"));
    CHECK(error.find('\n') == std::string::npos);
    CHECK(error != "accepted");
}

TEST_CASE("A platform file that is not there says why") {
    const auto platform = read_platform("/nonexistent/p.yaml");
    REQUIRE_FALSE(platform);
    CHECK(platform.error().message ==
          "/nonexistent/p.yaml: cannot be read (No such file or directory)");
    CHECK_FALSE(read_platform("/"));
}
