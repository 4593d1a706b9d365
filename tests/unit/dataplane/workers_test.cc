// N, P: two workers on two threads. Nothing is lost, order is kept, numbers are unique, replays are refused once each.
#include <algorithm>
#include <optional>
#include <set>
#include <thread>

#include <catch2/catch.hpp>

#include "tests/unit/dataplane/workers_rig.h"

namespace viaduct::dataplane::test {

namespace {

std::vector<Bytes> traffic(std::uint32_t count) {
    std::vector<Bytes> frames;
    for (std::uint32_t i = 0; i < count; ++i) {
        frames.push_back(numbered(i % kFlows, i / kFlows, 100 + i % 7 * 50));
    }
    return frames;
}

std::uint32_t esp_number(const Bytes& f) {
    ByteReader r(BytesView(f).subspan(14 + 20 + 4, 4));
    return r.u32();
}

/// Two gateways, two workers each, one SA from a to b.
struct Pair {
    explicit Pair(unsigned queues)
        : a(2, queues, "10.1.0.1/32", "192.0.2.1/32"), b(2, queues, "10.2.0.1/32", "192.0.2.2/32") {
        a.route("0.0.0.0/0", a.add(NextHop::Kind::ethernet, 2, 2));
        b.route("10.2.0.0/16", b.add(NextHop::Kind::ethernet, 1, 101));
        b.route("10.2.0.1/32", b.add(NextHop::Kind::local, 0, 0));
        tunnel.emplace(a, b);
    }

    WorkersRig a;
    WorkersRig b;
    std::optional<Tunnel> tunnel;
};

}  // namespace

TEST_CASE("P: two workers share the packets of a port with one queue and keep their order",
          "[workers]") {
    WorkersRig r(2, 1, "10.1.0.1/32", "192.0.2.1/32");
    r.route("0.0.0.0/0", r.add(NextHop::Kind::ethernet, 2, 2));
    r.start();
    const auto came = carry(*r.port[1], *r.port[2], traffic(40000), 40000);
    r.stop();
    INFO(r.all_drops());
    CHECK(in_order(came, kFlows) == 40000);
}

TEST_CASE("P: a queue for each of two workers loses nothing", "[workers]") {
    WorkersRig r(2, 2, "10.1.0.1/32", "192.0.2.1/32");
    r.route("0.0.0.0/0", r.add(NextHop::Kind::ethernet, 2, 2));
    r.start();
    // Flow and queue are both the number modulo something even: each flow comes by one queue.
    const auto came = carry(*r.port[1], *r.port[2], traffic(20000), 20000);
    r.stop();
    INFO(r.all_drops());
    CHECK(in_order(came, kFlows) == 20000);
}

TEST_CASE("P: one SA over two workers: numbers once each, nothing lost, replays refused once each",
          "[workers]") {
    Pair p(1);
    p.a.start();
    auto esp = carry(*p.a.port[1], *p.a.port[2], traffic(20000), 20000);
    p.a.stop();
    INFO("a: " << p.a.all_drops());
    REQUIRE(esp.size() == 20000);
    std::set<std::uint32_t> numbers;
    std::uint32_t highest = 0;
    std::uint32_t behind = 0;
    for (const auto& f : esp) {
        numbers.insert(esp_number(f));
        highest = std::max(highest, esp_number(f));
        behind = std::max(behind, highest - esp_number(f));
    }
    CHECK(numbers.size() == 20000);
    CHECK(*numbers.begin() == 1);
    CHECK(*numbers.rbegin() == 20000);
    // A peer with the usual window takes them all.
    CHECK(behind < 64);
    CHECK(p.a.plane.sa_counters(p.tunnel->now.outbound).packets == 20000);

    // Every third packet comes twice, at once or a little later; then all come again.
    constexpr std::size_t kSlice = 1500;
    std::vector<Bytes> wire;
    std::vector<Bytes> plain;
    std::size_t copies = 0;
    std::size_t fed = 0;
    p.b.start();
    const auto feed = [&] {
        const auto came =
            carry(*p.b.port[2],
                  *p.b.port[1],
                  std::vector<Bytes>(wire.begin() + static_cast<long>(fed), wire.end()),
                  wire.size() - copies - plain.size());
        fed = wire.size();
        plain.insert(plain.end(), came.begin(), came.end());
    };
    for (std::size_t i = 0; i < esp.size(); ++i) {
        wire.push_back(addressed_to(esp[i], mac(2)));
        if (i % 3 == 0) {
            const auto back = i >= 40 ? i % 5 * 10 : 0;
            wire.push_back(addressed_to(esp[i - back], mac(2)));
            ++copies;
        }
        if (wire.size() >= fed + kSlice || i + 1 == esp.size()) {
            feed();
        }
    }
    INFO("b: " << p.b.all_drops());
    // Of two copies that two workers have at once either may be the one that is taken: each once, in any order.
    CHECK(plain.size() == 20000);
    CHECK(std::set<Bytes>(plain.begin(), plain.end()).size() == 20000);
    const auto again =
        carry(*p.b.port[2], *p.b.port[1], std::vector<Bytes>(wire.end() - 50, wire.end()), 0);
    for (int turn = 0;
         turn < 100000 && p.b.plane.interface_counters(IfIndex{2}).in_packets < wire.size() + 50;
         ++turn) {
        std::this_thread::yield();
    }
    p.b.stop();
    CHECK(again.empty());
    const auto refused = p.b.drops("esp_in_replayed") + p.b.drops("esp_in_too_old");
    CHECK(refused == copies + 50);
    const auto counters = p.b.plane.sa_counters(p.tunnel->now.inbound);
    CHECK(counters.packets == 20000);
    CHECK(counters.replayed == refused);
}

TEST_CASE("P: with two workers fragments for the router meet", "[workers]") {
    WorkersRig r(2, 1, "10.1.0.1/32", "192.0.2.1/32");
    r.start();
    std::vector<Bytes> frames;
    for (std::uint16_t n = 0; n < 40; ++n) {
        for (const auto offset : {0, 1, 2}) {
            Ip p;
            p.source = "10.1.0.2";
            p.destination = "10.1.0.1";
            p.id = static_cast<std::uint16_t>(100 + n);
            const auto whole = udp(1000, 500, counting(40));
            p.fragment = static_cast<std::uint16_t>((offset < 2 ? 0x2000 : 0) | offset * 2);
            p.payload = Bytes(whole.begin() + offset * 16, whole.begin() + (offset + 1) * 16);
            frames.push_back(frame(mac(1), mac(900), 0x0800, p.build()));
        }
    }
    (void)carry(*r.port[1], *r.port[2], frames, 0);
    std::vector<Punt> punts;
    for (int turn = 0; turn < 1000000 && punts.size() < 40; ++turn) {
        for (auto& punt : r.plane.take_punts(1000)) {
            punts.push_back(std::move(punt));
        }
        std::this_thread::yield();
    }
    r.stop();
    INFO(r.all_drops());
    REQUIRE(punts.size() == 40);
    CHECK(std::all_of(punts.begin(), punts.end(), [](const Punt& p) {
        return p.packet.size() == 20 + 48 && is_valid_ip(p.packet);
    }));
}

}  // namespace viaduct::dataplane::test
