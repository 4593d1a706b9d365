// DUAL held against a plain shortest-path computation, on random topologies with random failures and
// metric changes: right routes after convergence, and no loop at any instant.
#include <catch2/catch.hpp>

#include "simulator.h"

namespace viaduct::eigrp::test {
namespace {

struct Edge {
    std::size_t a;
    std::size_t b;
    std::size_t segment;
    bool up = true;
};

class Model {
public:
    Model(std::uint64_t seed, std::size_t routers, std::size_t extra, bool lans)
        : net(seed), random_(seed ^ 0x5DEECE66DU) {
        for (std::size_t n = 0; n < routers; ++n) {
            net.add("R" + std::to_string(n));
        }
        for (std::size_t n = 1; n < routers; ++n) {
            connect(n, random_.below(n));
        }
        for (std::size_t e = 0; e < extra; ++e) {
            const auto a = random_.below(routers);
            const auto b = random_.below(routers);
            if (a != b) {
                connect(a, b);
            }
        }
        for (std::size_t n = 0; n < routers; ++n) {
            lan_.push_back(net.lan(n, destination(n)));
            lan_up_.push_back(true);
        }
        if (lans) {
            broadcast(routers);
        }
        net.on_route = [this](std::size_t, const Action& a) {
            if (const auto* i = std::get_if<InstallRoute>(&a)) {
                check_loops(i->prefix);
            }
        };
    }

    static Ipv4Prefix destination(std::size_t n) {
        return {Ipv4Address(172, 16, static_cast<std::uint8_t>(n), 0), 24};
    }

    void connect(std::size_t a, std::size_t b) {
        edges_.push_back({a, b, net.link(a, b), true});
        shake_metric(edges_.size() - 1);
        auto& s = net.segment(edges_.back().segment);
        s.delay_minimum = 200us;
        s.delay_maximum = 20ms;
    }

    /// One Ethernet with up to four routers.
    void broadcast(std::size_t routers) {
        std::vector<std::pair<std::size_t, IfIndex>> ports;
        std::set<std::size_t> on;
        while (on.size() < std::min<std::size_t>(4, routers)) {
            on.insert(random_.below(routers));
        }
        for (const auto n : on) {
            const auto i =
                net.interface(n, Ipv4Address(10, 99, 0, static_cast<std::uint8_t>(n + 1)), 24);
            net.node(n).state(i).delay_10us = 1 + static_cast<std::uint32_t>(random_.below(100));
            ports.emplace_back(n, i);
        }
        lan_segment_ = net.segment(ports);
        net.segment(*lan_segment_).delay_minimum = 200us;
        net.segment(*lan_segment_).delay_maximum = 20ms;
    }

    /// Link metrics of each direction are drawn apart.
    void shake_metric(std::size_t e) {
        for (const auto& p : net.segment(edges_[e].segment).ports) {
            auto& s = net.node(p.node).state(p.interface);
            s.delay_10us = 1 + static_cast<std::uint32_t>(random_.below(1000));
            static constexpr std::uint32_t kBandwidths[] = {1544, 10'000, 100'000};
            s.bandwidth_kbps = kBandwidths[random_.below(3)];
        }
    }

    void disturb() {
        const auto e = random_.below(edges_.size());
        switch (random_.below(5)) {
        case 0:
        case 1:
            edges_[e].up = !edges_[e].up;
            if (edges_[e].up) {
                // Ends that saw different things of a silent cut must both see its end, or the protocol
                // itself (not DUAL) has a time in which one holds for a neighbour who does not.
                net.set_link(edges_[e].segment, false);
            }
            net.set_link(edges_[e].segment, edges_[e].up, edges_[e].up || random_.below(4) != 0);
            break;
        case 2:
            shake_metric(e);
            net.apply(edges_[e].a);
            net.apply(edges_[e].b);
            break;
        case 3: {
            const auto n = random_.below(net.size());
            lan_up_[n] = !lan_up_[n];
            net.node(n).state(lan_[n]).up = lan_up_[n];
            net.apply(n);
            break;
        }
        default:
            net.run(Duration{static_cast<std::int64_t>(random_.below(3'000'000'000))});
        }
    }

    void impair(double loss, double duplicate, Duration delay) {
        for (const auto& e : edges_) {
            auto& s = net.segment(e.segment);
            s.loss = loss;
            s.duplicate = duplicate;
            s.delay_maximum = delay;
        }
    }

    void settle() {
        for (std::size_t e = 0; e < edges_.size(); ++e) {
            // What was cut without carrier is seen by the hold time.
            for (const auto& p : net.segment(edges_[e].segment).ports) {
                if (net.node(p.node).state(p.interface).up != edges_[e].up) {
                    net.set_link(edges_[e].segment, edges_[e].up);
                }
            }
        }
        net.run(60s);
    }

    /// No router's packets for the destination come back to it, whatever way each router chooses.
    void check_loops(Ipv4Prefix p) {
        std::vector<int> state(net.size(), 0);
        std::vector<std::pair<std::size_t, bool>> stack;
        for (std::size_t n = 0; n < net.size(); ++n) {
            stack.emplace_back(n, false);
            while (!stack.empty()) {
                const auto [x, leaving] = stack.back();
                stack.pop_back();
                if (leaving) {
                    state[x] = 2;
                    continue;
                }
                if (state[x] == 2) {
                    continue;
                }
                if (state[x] == 1) {
                    continue;
                }
                state[x] = 1;
                stack.emplace_back(x, true);
                for (const auto next : net.forwards(x, p)) {
                    if (state[next] == 1) {
                        FAIL("loop for " << p.to_string() << " through " << net.node(next).name);
                    }
                    if (state[next] == 0) {
                        stack.emplace_back(next, false);
                    }
                }
            }
        }
    }

    /// Bellman-Ford over (bandwidth, delay) vectors does not find the least composite metric, as
    /// distance vectors do not; so the reference is the fixpoint of the same extension: each router's
    /// distance is the least over its neighbours' vectors, computed to the end without messages.
    void check_routes() {
        for (std::size_t d = 0; d < net.size(); ++d) {
            const auto p = destination(d);
            std::vector<Metric> best(net.size());
            if (lan_up_[d]) {
                best[d] = link_metric(d, lan_[d]);
            }
            for (std::size_t round = 0; round < net.size() + 2; ++round) {
                const auto before = best;
                for (std::size_t n = 0; n < net.size(); ++n) {
                    if (n != d) {
                        best[n] = least(n, before);
                    }
                }
            }
            for (std::size_t n = 0; n < net.size(); ++n) {
                if (n != d) {
                    check_route(n, p, best[n]);
                }
            }
            check_loops(p);
        }
        for (std::size_t n = 0; n < net.size(); ++n) {
            CHECK(net.node(n).process().active_routes() == 0);
            CHECK(net.node(n).engine->is_consistent());
        }
    }

    Network net;

private:
    Metric link_metric(std::size_t n, IfIndex i) {
        const auto& s = net.node(n).state(i);
        return {delay_from_10us(s.delay_10us), s.bandwidth_kbps, s.ip_mtu, 0, 255, 1};
    }

    Metric least(std::size_t n, const std::vector<Metric>& of) {
        Metric best;
        const auto consider = [&](std::size_t s) {
            const auto& seg = net.segment(s);
            for (const auto& mine : seg.ports) {
                if (mine.node != n || !seg.up) {
                    continue;
                }
                for (const auto& theirs : seg.ports) {
                    if (theirs.node == n) {
                        continue;
                    }
                    const auto m = extend(of[theirs.node], link_metric(n, mine.interface));
                    if (distance(m) < distance(best)) {
                        best = m;
                    }
                }
            }
        };
        for (const auto& e : edges_) {
            consider(e.segment);
        }
        if (lan_segment_) {
            consider(*lan_segment_);
        }
        return best;
    }

    static Distance distance(const Metric& m) {
        return composite(m, kDefaultK, MetricStyle::classic);
    }

    void check_route(std::size_t n, Ipv4Prefix p, const Metric& want) {
        const auto& rib = net.node(n).rib;
        const auto it = rib.find(p);
        if (!want.reachable()) {
            CHECK(it == rib.end());
            return;
        }
        INFO(net.node(n).name << " to " << p.to_string());
        REQUIRE(it != rib.end());
        CHECK(it->second.metric == distance(want));
    }

    SeededRandom random_;
    std::vector<Edge> edges_;
    std::vector<IfIndex> lan_;
    std::vector<bool> lan_up_;
    std::optional<std::size_t> lan_segment_;
};

TEST_CASE("D4: DUAL never loops with unequal cost ways, loss, duplicates and reorder") {
    for (std::uint64_t seed = 101; seed <= 130; ++seed) {
        DYNAMIC_SECTION("seed " << seed) {
            const std::size_t routers = 4 + seed % 7;
            Model m(seed, routers, routers, seed % 2 == 0);
            for (std::size_t n = 0; n < m.net.size(); ++n) {
                m.net.node(n).eigrp().variance = 8;
                m.net.node(n).eigrp().maximum_paths = 8;
            }
            m.impair(0.15, 0.1, 60ms);
            m.net.start();
            m.settle();
            m.check_routes();
            for (int phase = 0; phase < 3; ++phase) {
                for (int i = 0; i < 6; ++i) {
                    m.disturb();
                    m.net.run(5ms);
                }
                m.settle();
                m.check_routes();
            }
        }
    }
}

TEST_CASE("D4: DUAL finds the shortest ways and never loops: random networks") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        DYNAMIC_SECTION("seed " << seed) {
            const std::size_t routers = 4 + seed % 9;
            Model m(seed, routers, routers, seed % 2 == 0);
            m.net.start();
            m.settle();
            m.check_routes();
            for (int phase = 0; phase < 3; ++phase) {
                for (int i = 0; i < 8; ++i) {
                    m.disturb();
                    m.net.run(5ms);
                }
                m.settle();
                m.check_routes();
            }
        }
    }
}

}  // namespace
}  // namespace viaduct::eigrp::test
