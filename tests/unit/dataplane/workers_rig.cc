#include "tests/unit/dataplane/workers_rig.h"

#include <array>
#include <chrono>
#include <thread>

#include <catch2/catch.hpp>

#include "dataplane/ports/eal.h"

namespace viaduct::dataplane::test {

namespace {

PlaneOptions options_for(unsigned workers) {
    REQUIRE(start_eal({}));
    PlaneOptions o;
    o.workers = workers;
    return o;
}

constexpr std::size_t kPayload = 14 + 28;

std::uint32_t word(const Bytes& frame, std::size_t at) {
    ByteReader r(BytesView(frame).subspan(at, 4));
    return r.u32();
}

}  // namespace

WorkersRig::WorkersRig(unsigned workers, unsigned queues, const char* inside, const char* outside)
    : plane(options_for(workers)) {
    for (std::uint16_t n = 1; n <= 2; ++n) {
        auto p = std::make_unique<RingPort>(mac(n), queues);
        port[n] = p.get();
        plane.attach_port(IfIndex{n}, std::move(p));
        Interface i;
        i.index = IfIndex{n};
        i.up = true;
        i.mac = mac(n);
        interfaces.push_back(i);
    }
    publish();
    const auto local = add(NextHop::Kind::local, 0, 0);
    route(inside, local);
    route(outside, local);
}

void WorkersRig::start() {
    WorkerThreadOptions o;
    for (unsigned w = 0; w < plane.workers(); ++w) {
        threads.push_back(std::make_unique<WorkerThread>(plane, w, o));
    }
}

NextHopId WorkersRig::add(NextHop::Kind kind, std::uint16_t interface, std::uint16_t mac_number) {
    NextHop n;
    n.kind = kind;
    n.interface = IfIndex{interface};
    n.mac = mac(mac_number);
    return plane.add_next_hop(n);
}

void WorkersRig::route(const char* prefix, NextHopId next_hop) {
    plane.set_route(net(prefix), next_hop);
    plane.commit_routes();
}

std::uint64_t WorkersRig::drops(std::string_view reason) {
    for (const auto& d : plane.drop_counters()) {
        if (d.reason == reason) {
            return d.packets;
        }
    }
    return ~std::uint64_t{0};
}

std::string WorkersRig::all_drops() {
    std::string out;
    for (const auto& d : plane.drop_counters()) {
        if (d.packets != 0) {
            out += d.reason + "=" + std::to_string(d.packets) + " ";
        }
    }
    return out;
}

std::vector<Bytes> carry(RingPort& in,
                         RingPort& out,
                         const std::vector<Bytes>& frames,
                         std::size_t expected) {
    constexpr std::size_t kOnTheWay = 2000;
    constexpr auto kPatience = std::chrono::seconds(5);
    std::vector<Bytes> came;
    std::array<rte_mbuf*, 64> taken;
    std::size_t put = 0;
    auto last = std::chrono::steady_clock::now();
    while (came.size() < expected || put < frames.size()) {
        for (; put < frames.size() && put < came.size() + kOnTheWay; ++put) {
            auto* buffer = buffer_of(frames[put]);
            if (buffer == nullptr ||
                !in.deliver(static_cast<unsigned>(put) % in.queues(), buffer)) {
                FAIL("no room for a frame");
            }
        }
        bool some = false;
        for (unsigned q = 0; q < out.queues(); ++q) {
            const auto n = out.take(q, taken);
            for (std::size_t i = 0; i < n; ++i) {
                const auto view = Packet{taken[i]}.view();
                came.emplace_back(view.begin(), view.end());
                free_buffer(taken[i]);
            }
            some = some || n != 0;
        }
        const auto t = std::chrono::steady_clock::now();
        if (some) {
            last = t;
        } else if (t - last > kPatience) {
            break;
        } else {
            std::this_thread::yield();
        }
    }
    return came;
}

Bytes numbered(std::uint32_t flow, std::uint32_t n, std::size_t length) {
    ByteWriter w;
    w.u32(flow).u32(n);
    w.bytes(counting(length - 28 - 8));
    Ip p;
    p.source = "10.1.0." + std::to_string(flow % 200 + 2);
    p.destination = "10.2.0." + std::to_string(flow % 100 + 2);
    p.payload = udp(static_cast<std::uint16_t>(1000 + flow), 2000, w.view());
    return frame(mac(1), mac(900), 0x0800, p.build());
}

Bytes addressed_to(Bytes f, MacAddress to) {
    std::copy(to.octets().begin(), to.octets().end(), f.begin());
    return f;
}

long in_order(const std::vector<Bytes>& frames, std::uint32_t flows) {
    std::vector<std::uint32_t> next(flows, 0);
    for (const auto& f : frames) {
        const auto flow = f.size() < kPayload + 8 ? flows : word(f, kPayload);
        if (flow >= flows || word(f, kPayload + 4) != next[flow]++) {
            return -1;
        }
    }
    return static_cast<long>(frames.size());
}

Tunnel::Tunnel(WorkersRig& from, WorkersRig& to) : a(from), b(to) {
    slot = a.plane.add_slot();
    const auto map = [](WorkersRig& r, SlotId s, const Selector& selector) {
        PolicyRule rule;
        rule.priority = 10;
        rule.selector = selector;
        rule.slot = s;
        r.plane.publish_policy(PolicyId{1}, std::vector{rule});
        r.interfaces[1].policy = PolicyId{1};
        r.publish();
    };
    const auto selector = between("10.1.0.0/16", "10.2.0.0/16");
    map(a, slot, selector);
    map(b, b.plane.add_slot(), mirror(selector));
    (void)rekey();
}

OneWay Tunnel::rekey(std::uint16_t window) {
    SaParameters p;
    const auto reserved = b.plane.reserve_inbound();
    REQUIRE(reserved);
    p.spi = reserved->spi;
    p.local = ip("192.0.2.1");
    p.remote = ip("192.0.2.2");
    p.cipher = crypto::Cipher::aes_gcm_128;
    p.auth = crypto::Auth::none;
    p.cipher_key = Secret(random.bytes(info(p.cipher).key_bytes + info(p.cipher).salt_bytes));
    p.replay_window = window;
    p.selector = between("10.1.0.0/16", "10.2.0.0/16");
    p.interface = IfIndex{2};
    auto in = p;
    std::swap(in.local, in.remote);
    in.selector = mirror(p.selector);
    REQUIRE(b.plane.install_inbound(reserved->index, in));
    const auto outbound = a.plane.install_outbound(p);
    REQUIRE(outbound);
    const auto old = now;
    now.outbound = *outbound;
    now.inbound = reserved->index;
    now.parameters = std::move(p);
    a.plane.set_slot(slot, *outbound);
    return old;
}

}  // namespace viaduct::dataplane::test
