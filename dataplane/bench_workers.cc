#include "dataplane/bench_workers.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <memory>
#include <thread>

#include "dataplane/base/checksum.h"
#include "dataplane/base/random.h"
#include "dataplane/packet.h"
#include "dataplane/ports/synthetic_port.h"
#include "dataplane/tally.h"
#include "dataplane/worker_thread.h"

namespace viaduct::dataplane {

namespace {

constexpr IfIndex kIn{1};
constexpr IfIndex kOut{2};
const MacAddress kInMac{MacAddress::Octets{2, 0, 0, 0, 0, 1}};
const MacAddress kOutMac{MacAddress::Octets{2, 0, 0, 0, 0, 2}};
const MacAddress kHostMac{MacAddress::Octets{2, 0, 0, 0, 0, 101}};
constexpr std::uint32_t kFlows = 1024;

Bytes frame_of(std::uint32_t flow, std::uint16_t bytes) {
    ByteWriter w;
    w.bytes(kInMac.octets()).bytes(kHostMac.octets()).u16(0x0800);
    ByteWriter ip;
    const auto length = static_cast<std::uint16_t>(bytes - 14);
    ip.u8(0x45).u8(0).u16(length).u16(1).u16(0).u8(64).u8(kProtoUdp.value()).u16(0);
    ip.address(Ipv4Address{10, 1, 0, 2}).address(Ipv4Address{0x10000001U + (flow << 8U)});
    ip.patch_u16(10, internet_checksum(ip.view()));
    ip.u16(1000).u16(2000).u16(static_cast<std::uint16_t>(length - 20)).u16(0);
    while (ip.view().size() < length) {
        ip.u8(0);
    }
    w.bytes(ip.view());
    return w.take();
}

/// A source for each queue, each with its share of the flows; what is sent back to it counts.
class QueuesPort final : public Port {
public:
    QueuesPort(MacAddress mac, const WorkersBenchOptions& o) : mac_(mac), sent_(o.queues) {
        for (unsigned q = 0; q < o.queues; ++q) {
            auto& queue = queues_.emplace_back(std::make_unique<Queue>());
            for (std::uint32_t f = q; f < kFlows; f += o.queues) {
                queue->frames.add(frame_of(f, o.frame_bytes));
            }
        }
    }

    /// Nothing comes in by it.
    static std::unique_ptr<QueuesPort> sink(MacAddress mac, const WorkersBenchOptions& o) {
        auto port = std::make_unique<QueuesPort>(mac, o);
        port->is_sink_ = true;
        return port;
    }

    void open() {
        for (const auto& q : queues_) {
            q->source.load(&q->frames, 0);
        }
    }

    [[nodiscard]] std::uint64_t sent() const {
        std::uint64_t sum = 0;
        for (const auto& s : sent_) {
            sum += s.packets.value();
        }
        return sum;
    }

    std::size_t receive(unsigned queue, std::span<rte_mbuf*> out) override {
        return is_sink_ ? 0 : queues_[queue]->source.receive(0, out);
    }

    std::size_t transmit(unsigned queue, std::span<rte_mbuf*> frames) override {
        sent_[queue].packets.add(frames.size());
        // To the pool: the source may be another worker's.
        free_buffers(frames.data(), frames.size());
        return frames.size();
    }

    [[nodiscard]] unsigned queues() const override { return static_cast<unsigned>(queues_.size()); }

    [[nodiscard]] MacAddress mac() const override { return mac_; }

    [[nodiscard]] bool link_up() const override { return true; }

    [[nodiscard]] std::size_t max_frame() const override { return 9600; }

    [[nodiscard]] PortStatistics statistics() const override { return {}; }

    [[nodiscard]] std::string driver() const override { return "queues"; }

private:
    struct Queue {
        FrameStore frames;
        SourcePort source{kInMac, std::make_shared<BufferStack>()};
    };

    struct alignas(64) Sent {
        Tally packets;
    };

    MacAddress mac_;
    bool is_sink_ = false;
    std::vector<std::unique_ptr<Queue>> queues_;
    std::vector<Sent> sent_;
};

Result<void> add_sas(Plane& plane, std::uint32_t count) {
    SeededRandom random{1};
    std::vector<PolicyRule> rules;
    std::vector<SlotId> slots;
    for (std::uint32_t i = 0; i < count; ++i) {
        SaParameters p;
        p.spi = Spi{1000 + i};
        p.local = Ipv4Address{192, 0, 2, 1};
        p.remote = Ipv4Address{192, 0, 2, 2};
        p.cipher = crypto::Cipher::aes_gcm_128;
        p.auth = crypto::Auth::none;
        p.cipher_key = Secret(random.bytes(info(p.cipher).key_bytes + info(p.cipher).salt_bytes));
        p.interface = kOut;
        p.path_mtu = 9000;
        const auto out = plane.install_outbound(p);
        if (!out) {
            return tl::unexpected(out.error());
        }
        slots.push_back(plane.add_slot());
        plane.set_slot(slots.back(), *out);
    }
    for (std::uint32_t f = 0; f < kFlows; ++f) {
        PolicyRule rule;
        rule.priority = f;
        rule.selector.destination = Ipv4Address{0x10000000U + (f << 8U)};
        rule.selector.destination_mask = mask_of(24);
        // Flows of one SA come by one queue, as a NIC's hash of addresses would have them.
        rule.slot = slots[f % count];
        rules.push_back(rule);
    }
    plane.publish_policy(PolicyId{1}, rules);
    return {};
}

}  // namespace

Result<double> run_workers_bench(const WorkersBenchOptions& options) {
    PlaneOptions plane_options;
    plane_options.workers = options.workers;
    Plane plane{plane_options};
    auto source = std::make_unique<QueuesPort>(kInMac, options);
    auto sink = QueuesPort::sink(kOutMac, options);
    auto& in = *source;
    const auto& out = *sink;
    plane.attach_port(kIn, std::move(source));
    plane.attach_port(kOut, std::move(sink));
    std::vector<Interface> interfaces(2);
    interfaces[0].index = kIn;
    interfaces[0].mac = kInMac;
    interfaces[1].index = kOut;
    interfaces[1].mac = kOutMac;
    for (auto& i : interfaces) {
        i.up = true;
        i.mtu = i.ip_mtu = 9000;
    }
    if (options.sas != 0) {
        if (auto done = add_sas(plane, options.sas); !done) {
            return tl::unexpected(done.error());
        }
        interfaces[1].policy = PolicyId{1};
    }
    plane.publish_interfaces(interfaces);
    NextHop peer;
    peer.kind = NextHop::Kind::ethernet;
    peer.interface = kOut;
    peer.mac = kHostMac;
    plane.set_route(Ipv4Prefix{Ipv4Address{}, 0}, plane.add_next_hop(peer));
    plane.commit_routes();
    in.open();
    std::vector<std::unique_ptr<WorkerThread>> threads;
    for (unsigned w = 0; w < options.workers; ++w) {
        WorkerThreadOptions o;
        o.idle = Idle::poll;
        if (w < options.cores.size()) {
            o.core = options.cores[w];
        }
        threads.push_back(std::make_unique<WorkerThread>(plane, w, o));
    }
    options.time.pause(duration_of(options.seconds / 4));
    const auto before = out.sent();
    const auto start = options.time.now();
    options.time.pause(duration_of(options.seconds));
    const auto packets = out.sent() - before;
    const auto seconds = std::chrono::duration<double>(options.time.now() - start).count();
    threads.clear();
    for (const auto& d : plane.drop_counters()) {
        if (d.packets != 0) {
            return failure(fmt::format("{} packets were lost: {}", d.packets, d.reason));
        }
    }
    return static_cast<double>(packets) / seconds;
}

}  // namespace viaduct::dataplane
