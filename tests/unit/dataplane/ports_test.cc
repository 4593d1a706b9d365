// DPDK ports and worker threads. Ports that need a device of the machine are tested in tests/live.
//
//     wire (another port of the test) ── net_ring / net_null / net_pcap ── [router]
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include <catch2/catch.hpp>

#include "dataplane/packet.h"
#include "dataplane/ports/dpdk_port.h"
#include "dataplane/worker_thread.h"
#include "tests/unit/dataplane/harness.h"

namespace viaduct::dataplane::test {

namespace {

DpdkPortOptions device(std::string text) {
    DpdkPortOptions o;
    o.device = std::move(text);
    return o;
}

void write_pcap(const std::filesystem::path& path, BytesView frame) {
    const auto le = [](std::uint32_t v) {
        return Bytes{static_cast<std::uint8_t>(v),
                     static_cast<std::uint8_t>(v >> 8U),
                     static_cast<std::uint8_t>(v >> 16U),
                     static_cast<std::uint8_t>(v >> 24U)};
    };
    std::ofstream out(path, std::ios::binary);
    const auto put = [&out](const Bytes& b) {
        out.write(reinterpret_cast<const char*>(b.data()), static_cast<std::streamsize>(b.size()));
    };
    put(le(0xA1B2C3D4));
    put({2, 0, 4, 0});
    for (const std::uint32_t v : {0U,
                                  0U,
                                  65535U,
                                  1U,
                                  0U,
                                  0U,
                                  static_cast<unsigned>(frame.size()),
                                  static_cast<unsigned>(frame.size())}) {
        put(le(v));
    }
    put({frame.begin(), frame.end()});
}

/// Waits for something that other threads do; never for long.
template <typename Done>
bool eventually(Done&& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!done()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

}  // namespace

TEST_CASE("a port that cannot be opened says why in one sentence") {
    Router r;  // starts DPDK
    for (const char* text : {"net_nonsense0",
                             "net_af_packet0,iface=no-such-interface",
                             "0000:ff:1f.7",
                             "net_pcap0,rx_pcap=/nonexistent"}) {
        const auto port = open_dpdk_port(device(text));
        REQUIRE_FALSE(port);
        INFO(port.error().message);
        CHECK(port.error().message.find(text) != std::string::npos);
        CHECK(port.error().message.find('\n') == std::string::npos);
    }
}

TEST_CASE("a DPDK port opens, carries and closes, again and again") {
    Router r;
    for (int i = 0; i < 3; ++i) {
        auto options = device("net_null7,no-rx=1");
        options.mac = mac(77);
        auto port = open_dpdk_port(options);
        INFO((port ? std::string() : port.error().message));
        REQUIRE(port);
        CHECK((*port)->mac() == mac(77));
        CHECK((*port)->driver() == "net_null7");
        CHECK((*port)->queues() == 1);
        CHECK_FALSE(open_dpdk_port(options));
    }
}

TEST_CASE("a replayed capture in, nothing out: a worker thread forwards it at full speed") {
    const auto path = std::filesystem::temp_directory_path() /
                      ("dataplane_test_" + std::to_string(getpid()) + ".pcap");
    write_pcap(path, frame(mac(1), mac(900), 0x0800, udp_packet("10.1.0.2", "10.2.0.2", 50)));
    {
        Router r;
        auto in = device("net_pcap5,rx_pcap=" + path.string() + ",infinite_rx=1");
        in.mac = mac(1);
        auto rx = open_dpdk_port(in);
        INFO((rx ? std::string() : rx.error().message));
        REQUIRE(rx);
        auto tx = open_dpdk_port(device("net_null5,no-rx=1"));
        REQUIRE(tx);
        for (std::uint16_t i = 1; i <= 2; ++i) {
            Interface n;
            n.index = IfIndex{i};
            n.up = true;
            n.mac = mac(i);
            r.add_interface(n);
        }
        r.plane.attach_port(IfIndex{1}, std::move(*rx));
        r.plane.attach_port(IfIndex{2}, std::move(*tx));
        r.add_neighbour(2, "10.2.0.2", 102);
        const auto idle = GENERATE(Idle::adaptive, Idle::poll);
        {
            WorkerThread worker(r.plane, 0, {std::nullopt, idle});
            CHECK(eventually(
                [&] { return r.plane.interface_counters(IfIndex{2}).out_packets > 100000; }));
            // Control changes routes meanwhile.
            for (int i = 0; i < 100; ++i) {
                r.add_route("10.9.0.0/16", NextHopId{static_cast<std::uint32_t>(1 + i % 2)});
                r.plane.reclaim();
            }
        }
        const auto in_packets = r.plane.interface_counters(IfIndex{1}).in_packets;
        CHECK(r.plane.interface_counters(IfIndex{2}).out_packets == in_packets);
        CHECK(r.all_drops().empty());
    }
    std::filesystem::remove(path);
}

TEST_CASE("an idle worker sleeps, and wakes for what is injected") {
    Router r;
    r.add_ethernet(1, "10.1.0.1/24");
    WorkerThread worker(r.plane, 0, {});
    REQUIRE(eventually([&] { return worker.sleeps() > 10; }));
    Ip p;
    p.destination = "10.1.0.1";
    REQUIRE(r.plane.inject(p.build(), {}));
    std::vector<Punt> punts;
    REQUIRE(eventually([&] {
        punts = r.punts();
        return !punts.empty();
    }));
    CHECK(punts[0].reason == PuntReason::local);
}

}  // namespace viaduct::dataplane::test
