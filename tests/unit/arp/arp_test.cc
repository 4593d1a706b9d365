#include <catch2/catch.hpp>

#include "controlplane/arp/engine.h"

namespace viaduct::arp {
namespace {

class Silent final : public LogSink {
public:
    void on_message(const LogMessage& message) override { last = message.text; }

    std::string last;
};

const MacAddress kOwn = *MacAddress::parse("0200.0000.0001");
const MacAddress kPeer = *MacAddress::parse("0200.0000.0002");
const Ipv4Address kOwnIp{10, 0, 0, 1};
const Ipv4Address kPeerIp{10, 0, 0, 2};
constexpr IfIndex kIf{1};
constexpr TimePoint kStart{1000s};

struct Bench {
    Silent sink;
    Log log{sink};
    Engine engine{log, [](IfIndex, Ipv4Address a) { return a == Ipv4Address(99, 0, 0, 1); }};

    Bench() {
        engine.configure(
            kStart,
            {{kIf, *config::InterfaceName::parse("Fa0/0"), true, kOwn, {{kOwnIp, 24}}}},
            {});
    }

    template <typename T>
    std::vector<T> take() {
        std::vector<T> out;
        for (auto& action : engine.take_actions()) {
            if (auto* wanted = std::get_if<T>(&action)) {
                out.push_back(std::move(*wanted));
            }
        }
        return out;
    }
};

Bytes arp_frame(std::uint16_t operation, MacAddress from, Ipv4Address from_ip, Ipv4Address target) {
    ByteWriter w;
    w.bytes(MacAddress::broadcast().octets()).bytes(from.octets()).u16(0x0806);
    w.u16(1).u16(0x0800).u16(0x0604).u16(operation).bytes(from.octets()).address(from_ip);
    w.zeros(6).address(target).zeros(18);
    return w.take();
}

TEST_CASE("ARP: an address that comes up is announced") {
    Bench b;
    const auto frames = b.take<SendFrame>();
    REQUIRE(frames.size() == 1);
    CHECK(to_hex(frames[0].frame) ==
          "ffffffffffff02000000000108060001080006040001"
          "020000000001"
          "0a000001"
          "000000000000"
          "0a000001");
}

TEST_CASE("ARP: a request for us is answered and the asker learned") {
    Bench b;
    b.engine.take_actions();
    b.engine.on_frame(kStart, kIf, arp_frame(1, kPeer, kPeerIp, kOwnIp));
    const auto frames = b.take<SendFrame>();
    REQUIRE(frames.size() == 1);
    CHECK(to_hex(frames[0].frame) ==
          "02000000000202000000000108060001080006040002"
          "020000000001"
          "0a000001"
          "020000000002"
          "0a000002");
    CHECK(b.engine.find(kIf, kPeerIp) == kPeer);
}

TEST_CASE(
    "ARP: packets wait for the answer, then go in order; without one they come back unreachable") {
    Bench b;
    b.engine.take_actions();
    for (std::uint8_t i = 0; i < 10; ++i) {
        b.engine.on_wanted(kStart, kIf, kPeerIp, IfIndex{2}, Bytes{i});
    }
    CHECK(b.take<SendFrame>().size() == 1);
    SECTION("answered") {
        b.engine.on_frame(kStart + 10ms, kIf, arp_frame(2, kPeer, kPeerIp, kOwnIp));
        const auto released = b.take<ReleasePacket>();
        REQUIRE(released.size() == Engine::kHeldPackets);
        CHECK(released.front().packet == Bytes{2});
        CHECK(released.back().packet == Bytes{9});
    }
    SECTION("not answered") {
        std::size_t requests = 0;
        auto now = kStart;
        while (b.engine.next_deadline() < kStart + 4500ms) {
            now = b.engine.next_deadline();
            b.engine.on_time(now);
            for (auto& action : b.engine.take_actions()) {
                requests += std::holds_alternative<SendFrame>(action) ? 1 : 0;
                CHECK_FALSE(std::holds_alternative<ReleasePacket>(action));
            }
        }
        CHECK(requests == 3);
        b.engine.on_wanted(now, kIf, kPeerIp, IfIndex{2}, Bytes{1});
        CHECK(b.take<UnreachablePacket>().size() == 1);
        b.engine.on_time(now + 6s);
        CHECK(b.engine.next_deadline() == kNever);
    }
}

TEST_CASE("ARP: an entry is refreshed before it ends and goes when nobody answers") {
    Bench b;
    b.engine.on_frame(kStart, kIf, arp_frame(1, kPeer, kPeerIp, kOwnIp));
    b.engine.take_actions();
    CHECK(b.engine.next_deadline() == kStart + 4h - 60s);
    b.engine.on_time(kStart + 4h - 60s);
    const auto frames = b.take<SendFrame>();
    REQUIRE(frames.size() == 1);
    CHECK(frames[0].frame[5] == 2);  // unicast
    b.engine.on_time(kStart + 4h);
    while (b.engine.next_deadline() != kNever) {
        b.engine.on_time(b.engine.next_deadline());
    }
    CHECK_FALSE(b.engine.find(kIf, kPeerIp));
    CHECK(b.take<RemoveNeighbor>().size() == 1);
}

TEST_CASE("ARP: strangers, truncations, duplicates and proxies") {
    Bench b;
    b.engine.take_actions();
    const auto good = arp_frame(1, kPeer, kPeerIp, kOwnIp);
    for (std::size_t n = 0; n < 42; ++n) {
        b.engine.on_frame(kStart, kIf, BytesView(good).first(n));
    }
    CHECK(b.engine.counters().malformed == 42);
    b.engine.on_frame(kStart, kIf, arp_frame(1, kPeer, Ipv4Address(11, 0, 0, 2), kOwnIp));
    CHECK(b.engine.counters().foreign == 1);
    b.engine.on_frame(kStart, kIf, arp_frame(1, kPeer, kOwnIp, kOwnIp));
    CHECK(b.sink.last.find("Duplicate address 10.0.0.1") != std::string::npos);
    CHECK(b.engine.take_actions().empty());
    b.engine.on_frame(kStart, kIf, arp_frame(1, kPeer, kPeerIp, Ipv4Address(99, 0, 0, 1)));
    CHECK(b.take<SendFrame>().size() == 1);
    b.engine.on_frame(kStart, kIf, arp_frame(1, kPeer, kPeerIp, Ipv4Address(98, 0, 0, 1)));
    CHECK(b.take<SendFrame>().empty());
}

TEST_CASE("N11: ARP answers for global addresses of translations, and for their neighbours not") {
    Bench b;
    Interface on{kIf, *config::InterfaceName::parse("Fa0/0"), true, kOwn, {{kOwnIp, 24}}};
    on.aliases = {{{10, 0, 0, 100}, {10, 0, 0, 109}}, {{10, 0, 0, 200}, {10, 0, 0, 200}}};
    b.engine.configure(kStart, {on}, {});
    b.engine.take_actions();
    for (const auto& [last, answers] :
         {std::pair{99, 0U}, {100, 1U}, {109, 1U}, {110, 0U}, {200, 1U}, {201, 0U}}) {
        const Ipv4Address asked{10, 0, 0, static_cast<std::uint8_t>(last)};
        b.engine.on_frame(kStart, kIf, arp_frame(1, kPeer, kPeerIp, asked));
        CHECK(b.take<SendFrame>().size() == answers);
    }
    // They are not shown as the interface's own.
    CHECK(b.engine.entries(kStart).size() == 2);
}

TEST_CASE("ARP: unresolved addresses are bounded") {
    Bench b;
    b.engine.configure(
        kStart, {{kIf, *config::InterfaceName::parse("Fa0/0"), true, kOwn, {{kOwnIp, 8}}}}, {});
    for (std::uint32_t i = 0; i < 5000; ++i) {
        b.engine.on_wanted(kStart, kIf, Ipv4Address(0x0A010000U + i), IfIndex{2}, Bytes{1});
    }
    CHECK(b.engine.counters().table_full == 5000 - Engine::kMaxIncomplete);
}

}  // namespace
}  // namespace viaduct::arp
