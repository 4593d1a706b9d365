// P: two gateways with two workers each carry packets through a tunnel while control changes everything that it may change under
// load: rekeys, routes, policies, access lists, interfaces, address translation, and reads and clears counters.
// Not one packet is lost by it, and each flow stays in order. Built with -Db_sanitize=thread it finds races, too.
#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <thread>

#include <catch2/catch.hpp>

#include "tests/unit/dataplane/workers_rig.h"

namespace viaduct::dataplane::test {

namespace {

constexpr std::uint64_t kOnTheWay = 1000;

/// Host ─▶ a ═▶ b ─▶ host, on a thread of its own.
class Cable {
public:
    Cable(WorkersRig& a, WorkersRig& b) : a_(a), b_(b), thread_([this] { run(); }) {}

    ~Cable() { finish(); }

    Cable(const Cable&) = delete;
    Cable& operator=(const Cable&) = delete;
    Cable(Cable&&) = delete;
    Cable& operator=(Cable&&) = delete;

    /// No more packets; waits for those that are on their way, two seconds at most.
    void finish() {
        stop_.store(true);
        if (thread_.joinable()) {
            thread_.join();
        }
    }

    std::atomic<std::uint64_t> sent{0};
    std::atomic<std::uint64_t> received{0};
    std::atomic<std::uint64_t> out_of_order{0};

private:
    void run() {
        auto last = std::chrono::steady_clock::now();
        while (!stop_.load() || received < sent) {
            if (!stop_.load()) {
                send();
            }
            pass_on();
            if (receive() != 0) {
                last = std::chrono::steady_clock::now();
            } else if (std::chrono::steady_clock::now() - last > std::chrono::seconds(2)) {
                return;
            } else {
                std::this_thread::yield();
            }
        }
    }

    void send() {
        while (sent < received + kOnTheWay) {
            const auto n = static_cast<std::uint32_t>(sent.load());
            auto* buffer = buffer_of(numbered(n % kFlows, n / kFlows));
            if (buffer == nullptr || !a_.port[1]->deliver(0, buffer)) {
                return;
            }
            ++sent;
        }
    }

    void pass_on() {
        std::array<rte_mbuf*, 64> frames;
        const auto n = a_.port[2]->take(0, frames);
        for (std::size_t i = 0; i < n; ++i) {
            // At most kOnTheWay: there is room.
            (void)b_.port[2]->deliver(0, frames[i]);
        }
    }

    std::size_t receive() {
        std::array<rte_mbuf*, 64> frames;
        const auto n = b_.port[1]->take(0, frames);
        for (std::size_t i = 0; i < n; ++i) {
            ByteReader r(Packet{frames[i]}.view().subspan(14 + 28));
            const auto flow = r.u32();
            if (flow >= kFlows || r.u32() != next_[flow]++) {
                ++out_of_order;
            }
            free_buffer(frames[i]);
        }
        received += n;
        return n;
    }

    WorkersRig& a_;
    WorkersRig& b_;
    std::array<std::uint32_t, kFlows> next_{};
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

struct Retired {
    SaIndex inbound;
    std::uint64_t sent;
};

/// One round of everything that control may do.
class Control {
public:
    Control(WorkersRig& a, WorkersRig& b, Tunnel& tunnel, Cable& cable)
        : a_(a),
          b_(b),
          tunnel_(tunnel),
          cable_(cable),
          way_(a.add(NextHop::Kind::ethernet, 2, 2)) {}

    void round(unsigned n) {
        rekey();
        routes(n);
        lists(n);
        translation(n);
        read(n);
        a_.plane.reclaim();
        b_.plane.reclaim();
    }

private:
    /// The old outbound SA goes at once, the inbound one when all that was sent by then has come through.
    void rekey() {
        const auto old = tunnel_.rekey();
        a_.plane.remove_sa(old.outbound);
        old_.push_back({old.inbound, cable_.sent + 1});
        while (!old_.empty() && cable_.received >= old_.front().sent) {
            b_.plane.remove_sa(old_.front().inbound);
            old_.pop_front();
        }
    }

    void routes(unsigned n) {
        for (std::uint32_t i = 0; i < 50; ++i) {
            const Ipv4Prefix prefix{Ipv4Address{0x14000000U + ((n * 50 + i) % 4096U << 8U)}, 24};
            if (n / 80 % 2 == 0) {
                a_.plane.set_route(prefix, way_);
            } else {
                a_.plane.remove_route(prefix);
            }
        }
        // The way that is in use: to another next hop that is as good.
        const auto before = way_;
        way_ = a_.add(NextHop::Kind::ethernet, 2, 2);
        a_.plane.set_route(net("0.0.0.0/0"), way_);
        a_.plane.set_route(net("20.0.0.0/8"), way_);
        a_.plane.commit_routes();
        if (n / 80 % 2 != 0) {
            return;
        }
        NextHop same;
        same.kind = NextHop::Kind::ethernet;
        same.interface = IfIndex{2};
        same.mac = mac(2);
        a_.plane.update_next_hop(before, same);
    }

    void lists(unsigned n) {
        std::vector<AclRule> rules(n % 40 + 1);
        for (auto& r : rules) {
            r.selector.source = ip("172.16.0.1");
            r.selector.source_mask = mask_of(32);
        }
        rules.back() = AclRule{};
        rules.back().permit = true;
        a_.plane.publish_acl(AclId{1}, rules);
        a_.interfaces[0].acl_in = n % 3 == 0 ? AclId{} : AclId{1};
        a_.publish();
        std::vector<PolicyRule> policy(n % 5 + 1);
        for (std::size_t i = 0; i + 1 < policy.size(); ++i) {
            policy[i].priority = static_cast<std::uint32_t>(i);
            policy[i].selector = between("10.77.0.0/16", "10.78.0.0/16");
            policy[i].slot = tunnel_.slot;
        }
        policy.back().priority = 10;
        policy.back().selector = between("10.1.0.0/16", "10.2.0.0/16");
        policy.back().slot = tunnel_.slot;
        a_.plane.publish_policy(PolicyId{1}, policy);
        PolicyRule flow;
        flow.priority = 99;
        flow.selector = between("10.99.0.0/16", "10.98.0.0/16");
        flow.slot = tunnel_.slot;
        a_.plane.add_flow(PolicyId{1}, flow);
        a_.plane.remove_flow(PolicyId{1}, flow);
    }

    /// No interface translates; that there are rules is enough to change how workers share.
    void translation(unsigned n) {
        NatPolicy policy;
        if (n % 4 == 1) {
            NatStatic s;
            s.local = ip("10.66.0.1");
            s.global = ip("192.0.2.66");
            policy.statics = {s};
        }
        a_.plane.publish_nat(policy);
        (void)a_.plane.nat_sessions(10);
        (void)a_.plane.clear_nat({});
    }

    void read(unsigned n) {
        for (auto* r : {&a_, &b_}) {
            (void)r->plane.interface_counters(IfIndex{1});
            (void)r->plane.stage_counters();
            (void)r->plane.nat_statistics();
            (void)r->plane.take_punts(100);
            (void)r->plane.take_events();
            (void)r->plane.take_used_next_hops();
        }
        (void)a_.plane.sa_counters(tunnel_.now.outbound);
        (void)b_.plane.sa_counters(tunnel_.now.inbound);
        (void)a_.plane.acl_hits(AclId{1}, 0);
        if (n % 16 == 15) {
            lost_ += a_.all_drops() + b_.all_drops();
            a_.plane.clear_counters();
            b_.plane.clear_counters();
        }
    }

public:
    /// Drops that were counted before counters were cleared.
    [[nodiscard]] const std::string& lost() const { return lost_; }

private:
    WorkersRig& a_;
    WorkersRig& b_;
    Tunnel& tunnel_;
    Cable& cable_;
    NextHopId way_;
    std::deque<Retired> old_;
    std::string lost_;
};

}  // namespace

TEST_CASE("P: nothing is lost while control changes everything under load", "[workers]") {
    WorkersRig a(2, 1, "10.1.0.1/32", "192.0.2.1/32");
    WorkersRig b(2, 1, "10.2.0.1/32", "192.0.2.2/32");
    a.route("0.0.0.0/0", a.add(NextHop::Kind::ethernet, 2, 2));
    b.route("10.2.0.0/16", b.add(NextHop::Kind::ethernet, 1, 101));
    b.route("10.2.0.1/32", b.add(NextHop::Kind::local, 0, 0));
    Tunnel tunnel(a, b);
    a.start();
    b.start();
    Cable cable(a, b);
    Control control(a, b, tunnel, cable);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    unsigned rounds = 0;
    while (std::chrono::steady_clock::now() < end) {
        control.round(rounds++);
        std::this_thread::yield();
    }
    cable.finish();
    a.stop();
    b.stop();
    INFO(rounds << " rounds; " << control.lost() << a.all_drops() << b.all_drops());
    CHECK(rounds > 10);
    CHECK(cable.sent > 1000);
    CHECK(cable.received == cable.sent);
    CHECK(cable.out_of_order == 0);
    CHECK((control.lost() + a.all_drops() + b.all_drops()).empty());
}

}  // namespace viaduct::dataplane::test
