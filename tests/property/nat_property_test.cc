// Random conversations through address translation, held against a plain map.
//
// Whatever the sequence of packets, times and orders: the same inside endpoint has the same global one for as long as it
// has sessions; no two have the same; a packet from where one was sent to comes back to exactly the host that sent it;
// no other packet comes in; checksums computed anew are right.
#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "dataplane/base/random.h"
#include "dataplane/packet.h"
#include "tests/unit/dataplane/nat_rig.h"

namespace viaduct::dataplane::test {

namespace {

struct Endpoint {
    std::string host;
    std::uint16_t port = 0;
    bool tcp = false;

    auto operator<=>(const Endpoint&) const = default;
};

struct Reference {
    /// Inside endpoint → global port, with the remote ends that it has sessions to.
    struct Mapping {
        std::uint16_t global = 0;
        std::map<std::pair<std::string, std::uint16_t>, TimePoint> remotes;
    };

    std::map<Endpoint, Mapping> mappings;

    /// Sessions that are over, and mappings without any.
    void age(TimePoint now, Duration time) {
        for (auto it = mappings.begin(); it != mappings.end();) {
            std::erase_if(it->second.remotes,
                          [&](const auto& r) { return now - r.second >= time; });
            it = it->second.remotes.empty() ? mappings.erase(it) : std::next(it);
        }
    }
};

std::uint16_t port_at(const Bytes& p, std::size_t at) {
    return static_cast<std::uint16_t>(p[at] << 8U | p[at + 1]);
}

void run_seed(std::uint64_t seed, unsigned workers) {
    INFO("seed " << seed << ", workers " << workers);
    PlaneOptions options;
    options.workers = workers;
    NatRig r(options);
    r.policy.times.udp = r.policy.times.tcp = r.policy.times.tcp_opening = 30s;
    r.overload();
    SeededRandom random(seed);
    Reference reference;
    const std::string remotes[]{"203.0.113.8", "203.0.113.9"};
    for (int step = 0; step < 3000; ++step) {
        Endpoint e{"10.1.0." + std::to_string(2 + random.below(7)),
                   static_cast<std::uint16_t>(1 + random.below(4) * 600 + random.below(3)),
                   random.below(2) == 0};
        const auto& remote = remotes[random.below(2)];
        const auto remote_port = static_cast<std::uint16_t>(100 + random.below(4));
        const auto make =
            [&](std::string_view a, std::uint16_t ap, std::string_view b, std::uint16_t bp) {
                return e.tcp ? checked_tcp(a, ap, b, bp, kAck, "payload")
                             : checked_udp(a, ap, b, bp, "payload");
            };
        if (random.below(100) == 0) {
            // Whole seconds and a bit, so that a session's unit of 67 ms makes no difference.
            r.pass(random.below(2) == 0 ? 5s + 500ms : 31s);
            reference.age(r.now, 30s);
        }
        if (random.below(2) == 0) {
            const auto out = r.out(make(e.host, e.port, remote, remote_port));
            REQUIRE(out);
            REQUIRE(checksums_are_right(*out));
            const auto global = port_at(*out, 20);
            REQUIRE(*out == with_ttl(make("203.0.113.1", global, remote, remote_port), 63));
            auto& m = reference.mappings[e];
            if (!m.remotes.empty()) {
                REQUIRE(m.global == global);
            }
            REQUIRE((global < 512) == (e.port < 512));
            REQUIRE((global < 1024) == (e.port < 1024));
            m.global = global;
            m.remotes[{remote, remote_port}] = r.now;
            for (const auto& [other, mapping] : reference.mappings) {
                REQUIRE((other == e || other.tcp != e.tcp || mapping.global != global));
            }
            continue;
        }
        // Inwards: to a port that somebody has, or nobody.
        std::uint16_t global = static_cast<std::uint16_t>(1 + random.below(2000));
        if (const auto it = reference.mappings.find(e); it != reference.mappings.end()) {
            global = it->second.global;
        }
        const Endpoint* owner = nullptr;
        Reference::Mapping* mapping = nullptr;
        for (auto& [inside, m] : reference.mappings) {
            if (m.global == global && inside.tcp == e.tcp &&
                m.remotes.contains({remote, remote_port})) {
                owner = &inside;
                mapping = &m;
            }
        }
        const auto in = r.in(make(remote, remote_port, "203.0.113.1", global));
        REQUIRE(in.has_value() == (owner != nullptr));
        if (owner != nullptr) {
            REQUIRE(*in == with_ttl(make(remote, remote_port, owner->host, owner->port), 63));
            mapping->remotes[{remote, remote_port}] = r.now;
        }
        (void)r.punts();
    }
    std::size_t sessions = 0;
    for (const auto& [inside, m] : reference.mappings) {
        sessions += m.remotes.size();
    }
    REQUIRE(r.plane.nat_sessions(100000).size() == sessions);
}

}  // namespace

TEST_CASE("NAT44 agrees with a plain map") {
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        run_seed(seed, seed % 2 == 0 ? 2 : 1);
    }
}

}  // namespace viaduct::dataplane::test
