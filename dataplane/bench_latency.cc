#include "dataplane/bench_latency.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <ctime>
#include <pthread.h>
#include <thread>
#include <vector>

#include "dataplane/base/checksum.h"
#include "dataplane/packet.h"
#include "dataplane/ports/eal.h"
#include "dataplane/ports/synthetic_port.h"

namespace viaduct::dataplane {

namespace {

constexpr IfIndex kIn{1};
constexpr IfIndex kOut{2};
const MacAddress kInMac{MacAddress::Octets{2, 0, 0, 0, 0, 1}};
const MacAddress kOutMac{MacAddress::Octets{2, 0, 0, 0, 0, 2}};
const MacAddress kHostMac{MacAddress::Octets{2, 0, 0, 0, 0, 101}};
constexpr std::size_t kStamp = 14 + 28;  // where a frame says when it was due
constexpr std::size_t kFrame = 64;

Bytes make_frame() {
    ByteWriter w;
    w.bytes(kInMac.octets()).bytes(kHostMac.octets()).u16(0x0800);
    ByteWriter ip;
    constexpr auto kLength = static_cast<std::uint16_t>(kFrame - 14);
    ip.u8(0x45).u8(0).u16(kLength).u16(1).u16(0).u8(64).u8(kProtoUdp.value()).u16(0);
    ip.address(Ipv4Address{10, 1, 0, 2}).address(Ipv4Address{10, 2, 0, 2});
    ip.patch_u16(10, internet_checksum(ip.view()));
    ip.u16(1000).u16(2000).u16(kLength - 20).u16(0);
    while (ip.view().size() < kLength) {
        ip.u8(0);
    }
    w.bytes(ip.view());
    return w.take();
}

/// Hands out packets when they are due. The worker's thread alone touches it while the worker runs.
class PacedPort final : public Port {
public:
    PacedPort(std::shared_ptr<BufferStack> buffers, double packets_per_second)
        : buffers_(std::move(buffers)),
          frame_(make_frame()),
          interval_(static_cast<double>(rte_get_tsc_hz()) / packets_per_second) {}

    std::size_t receive(unsigned /*queue*/, std::span<rte_mbuf*> out) override {
        const auto now = static_cast<double>(cycles_now());
        if (next_ == 0) {
            next_ = now;
        }
        if (next_ > now) {
            return 0;
        }
        const auto due = static_cast<std::size_t>((now - next_) / interval_) + 1;
        const auto count = buffers_->take(out.first(std::min(out.size(), due)));
        for (std::size_t i = 0; i < count; ++i) {
            Packet{out[i]}.seal(Packet{out[i]}.room_begin() + RTE_PKTMBUF_HEADROOM, kFrame);
            std::memcpy(Packet{out[i]}.data(), frame_.data(), kFrame);
            const auto stamp = static_cast<std::uint64_t>(next_);
            std::memcpy(Packet{out[i]}.data() + kStamp, &stamp, sizeof(stamp));
            next_ += interval_;
        }
        return count;
    }

    std::size_t transmit(unsigned /*queue*/, std::span<rte_mbuf*> frames) override {
        buffers_->put(frames);
        return frames.size();
    }

    [[nodiscard]] unsigned queues() const override { return 1; }

    [[nodiscard]] MacAddress mac() const override { return kInMac; }

    [[nodiscard]] bool link_up() const override { return true; }

    [[nodiscard]] std::size_t max_frame() const override { return 9600; }

    [[nodiscard]] PortStatistics statistics() const override { return {}; }

    [[nodiscard]] std::string driver() const override { return "paced"; }

private:
    std::shared_ptr<BufferStack> buffers_;
    Bytes frame_;
    double interval_;
    double next_ = 0;
};

/// Looks at the clock when it is given a packet.
class ClockPort final : public Port {
public:
    static constexpr std::size_t kBins = 200000;  // of 0.1 µs; the last holds all that is later

    explicit ClockPort(std::shared_ptr<BufferStack> buffers)
        : buffers_(std::move(buffers)), bins_(kBins), hz_(static_cast<double>(rte_get_tsc_hz())) {}

    std::size_t receive(unsigned /*queue*/, std::span<rte_mbuf*> /*out*/) override { return 0; }

    std::size_t transmit(unsigned /*queue*/, std::span<rte_mbuf*> frames) override {
        const auto now = cycles_now();
        for (auto* f : frames) {
            std::uint64_t due = 0;
            std::memcpy(&due, Packet{f}.data() + kStamp, sizeof(due));
            const auto microseconds = static_cast<double>(now - due) * 1e6 / hz_;
            most = std::max(most, microseconds);
            ++bins_[std::min(kBins - 1, static_cast<std::size_t>(microseconds * 10))];
        }
        packets += frames.size();
        buffers_->put(frames);
        return frames.size();
    }

    [[nodiscard]] unsigned queues() const override { return 1; }

    [[nodiscard]] MacAddress mac() const override { return kOutMac; }

    [[nodiscard]] bool link_up() const override { return true; }

    [[nodiscard]] std::size_t max_frame() const override { return 9600; }

    [[nodiscard]] PortStatistics statistics() const override { return {}; }

    [[nodiscard]] std::string driver() const override { return "clock"; }

    /// Microseconds within which this share of the packets left.
    [[nodiscard]] double quantile(double share) const {
        const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(packets));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < kBins; ++i) {
            seen += bins_[i];
            if (seen > wanted) {
                return std::min(most, static_cast<double>(i + 1) / 10);
            }
        }
        return most;
    }

    [[nodiscard]] Delays delays() const {
        return {packets, quantile(0.5), quantile(0.99), quantile(0.999), most};
    }

    std::uint64_t packets = 0;
    double most = 0;

private:
    std::shared_ptr<BufferStack> buffers_;
    std::vector<std::uint64_t> bins_;
    double hz_;
};

double seconds_of(clockid_t clock) {
    timespec t{};
    (void)clock_gettime(clock, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

/// A router of one worker between the two ports, at work for a while.
struct Run {
    Run(const LatencyOptions& options, double packets_per_second, double for_seconds)
        : buffers(std::make_shared<BufferStack>()) {
        auto in = std::make_unique<PacedPort>(buffers, packets_per_second);
        auto out = std::make_unique<ClockPort>(buffers);
        clock = out.get();
        plane.attach_port(kIn, std::move(in));
        plane.attach_port(kOut, std::move(out));
        std::array<Interface, 2> interfaces;
        interfaces[0].index = kIn;
        interfaces[0].mac = kInMac;
        interfaces[1].index = kOut;
        interfaces[1].mac = kOutMac;
        for (auto& i : interfaces) {
            i.up = true;
        }
        plane.publish_interfaces(interfaces);
        NextHop peer;
        peer.kind = NextHop::Kind::ethernet;
        peer.interface = kOut;
        peer.mac = kHostMac;
        plane.set_route(Ipv4Prefix{Ipv4Address{}, 0}, plane.add_next_hop(peer));
        plane.commit_routes();
        WorkerThreadOptions o;
        o.core = options.core;
        o.idle = options.idle;
        const auto started = seconds_of(CLOCK_MONOTONIC);
        const auto used = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
        {
            WorkerThread thread(plane, 0, o);
            options.time.pause(duration_of(for_seconds));
            sleeps = thread.sleeps();
        }
        seconds = seconds_of(CLOCK_MONOTONIC) - started;
        busy = (seconds_of(CLOCK_PROCESS_CPUTIME_ID) - used) / seconds;
    }

    Plane plane{PlaneOptions{}};
    std::shared_ptr<BufferStack> buffers;
    const ClockPort* clock = nullptr;
    std::uint64_t sleeps = 0;
    double seconds = 0;
    double busy = 0;
};

/// Packets a second that the worker carries between these very ports when more are due than it can carry.
double full_load(const LatencyOptions& options) {
    constexpr double kTooMany = 1e9;
    constexpr double kSeconds = 0.2;
    const Run run(options, kTooMany, kSeconds);
    return static_cast<double>(run.clock->packets) / run.seconds;
}

/// The ports without a router, polled by a thread such as a worker's; adds to what `out` has seen.
void poll_bare(const LatencyOptions& options,
               double packets_per_second,
               const std::shared_ptr<BufferStack>& buffers,
               ClockPort& out) {
    PacedPort in(buffers, packets_per_second);
    std::atomic<bool> stop{false};
    std::thread thread([&] {
        if (options.core) {
            cpu_set_t set;
            CPU_ZERO(&set);
            CPU_SET(*options.core, &set);
            (void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
        }
        register_worker_thread();
        constexpr std::size_t kBurst = 64;  // the worker's
        std::array<rte_mbuf*, kBurst> frames;
        while (!stop.load(std::memory_order_relaxed)) {
            const auto count = in.receive(0, frames);
            if (count != 0) {
                (void)out.transmit(0, std::span(frames).first(count));
            }
        }
        unregister_worker_thread();
    });
    options.time.pause(duration_of(options.seconds / 2));
    stop.store(true, std::memory_order_relaxed);
    thread.join();
}

}  // namespace

Result<LatencyResult> run_latency_bench(const LatencyOptions& options) {
    LatencyResult r;
    r.offered = options.packets_per_second;
    if (r.offered <= 0) {
        r.full_load = full_load(options);
        r.offered = r.full_load / 2;
    }
    if (r.offered <= 0) {
        return failure("no packet came through");
    }
    const auto buffers = std::make_shared<BufferStack>();
    ClockPort bare(buffers);
    poll_bare(options, r.offered, buffers, bare);
    const Run run(options, r.offered, options.seconds);
    poll_bare(options, r.offered, buffers, bare);
    if (run.clock->packets == 0) {
        return failure("no packet came through");
    }
    r.router = run.clock->delays();
    r.bare = bare.delays();
    r.sleeps = run.sleeps;
    r.busy = run.busy;
    return r;
}

}  // namespace viaduct::dataplane
