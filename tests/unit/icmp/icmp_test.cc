#include <catch2/catch.hpp>

#include "controlplane/icmp/engine.h"
#include "dataplane/base/checksum.h"

namespace viaduct::icmp {
namespace {

class Silent final : public LogSink {
public:
    void on_message(const LogMessage& /*message*/) override {}
};

const Ipv4Address kOwn{10, 0, 0, 1};
const Ipv4Address kPeer{10, 0, 0, 2};
constexpr TimePoint kStart{1000s};

struct Bench {
    Silent sink;
    Log log{sink};
    SeededRandom random{1};
    Engine engine{random, log, [](Ipv4Address) { return std::optional(kOwn); }};

    /// The far end: answers every echo request that the engine sent.
    void answer_all(TimePoint now) {
        for (const auto& sent : engine.take_actions()) {
            const auto packet = ip::parse(sent.packet);
            REQUIRE(packet);
            Bytes reply(packet->payload.begin(), packet->payload.end());
            reply[0] = 0;
            reply[2] = reply[3] = 0;
            const auto sum = internet_checksum(reply);
            reply[2] = static_cast<std::uint8_t>(sum >> 8U);
            reply[3] = static_cast<std::uint8_t>(sum);
            ip::Packet back;
            back.protocol = kProtoIcmp;
            back.source = packet->destination;
            back.destination = packet->source;
            back.payload = reply;
            engine.on_packet(now, back);
        }
    }
};

Bytes some_packet(IpProtocol protocol = kProtoUdp, std::uint8_t first = 0) {
    static Bytes payload;
    payload.assign(64, 0);
    payload[0] = first;
    ip::Packet packet;
    packet.protocol = protocol;
    packet.source = kPeer;
    packet.destination = Ipv4Address(99, 0, 0, 1);
    packet.payload = payload;
    return ip::write(packet);
}

TEST_CASE("D10: ping prints as in the documents") {
    Bench b;
    auto job = b.engine.ping(kStart, {kPeer});
    std::string out;
    auto now = kStart;
    while (job->poll(now, out) == ios::ExecJob::Progress::running) {
        now += 4ms;
        b.answer_all(now);
    }
    CHECK(out ==
          "Type escape sequence to abort.\n"
          "Sending 5, 100-byte ICMP Echos to 10.0.0.2, timeout is 2 seconds:\n"
          "!!!!!\n"
          "Success rate is 100 percent (5/5), round-trip min/avg/max = 4/4/4 ms\n");
}

TEST_CASE("A ping without an answer prints dots after the time-out") {
    Bench b;
    auto job = b.engine.ping(kStart, {kPeer, std::nullopt, 2});
    std::string out;
    auto now = kStart;
    CHECK(job->poll(now, out) == ios::ExecJob::Progress::running);
    REQUIRE(b.engine.take_actions().size() == 1);
    CHECK(job->next_deadline() == kStart + 2s);
    CHECK(job->poll(now + 1s, out) == ios::ExecJob::Progress::running);
    CHECK(job->poll(now + 2s, out) == ios::ExecJob::Progress::running);
    CHECK(job->poll(now + 4s, out) == ios::ExecJob::Progress::finished);
    CHECK(out.ends_with("..\nSuccess rate is 0 percent (0/2)\n"));
}

TEST_CASE("The size of a ping is the IP packet's") {
    Bench b;
    auto job = b.engine.ping(kStart, {kPeer, std::nullopt, 1, 1500});
    std::string out;
    job->poll(kStart, out);
    const auto sent = b.engine.take_actions();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].packet.size() == 1500);
}

TEST_CASE("Errors quote header and 64 bits, and none is sent about errors") {
    Bench b;
    const auto offending = some_packet();
    b.engine.send_unreachable(kStart, offending, kOwn, 4, 1400);
    const auto sent = b.engine.take_actions();
    REQUIRE(sent.size() == 1);
    const auto packet = ip::parse(sent[0].packet);
    REQUIRE(packet);
    CHECK(packet->destination == kPeer);
    CHECK(packet->payload.size() == 8 + 28);
    CHECK(packet->payload[0] == 3);
    CHECK(packet->payload[1] == 4);
    CHECK((packet->payload[6] << 8 | packet->payload[7]) == 1400);
    CHECK(internet_checksum(packet->payload) == 0);

    b.engine.send_unreachable(kStart, some_packet(kProtoIcmp, 3), kOwn, 1);
    CHECK(b.engine.take_actions().empty());
    b.engine.send_time_exceeded(kStart, some_packet(kProtoIcmp, 8), kOwn);
    CHECK(b.engine.take_actions().size() == 1);
}

TEST_CASE("Errors are rate-limited") {
    Bench b;
    for (int i = 0; i < 1000; ++i) {
        b.engine.send_time_exceeded(kStart, some_packet(), kOwn);
    }
    CHECK(b.engine.take_actions().size() == 20);
    CHECK(b.engine.counters().errors_limited == 980);
    b.engine.send_time_exceeded(kStart + 1s, some_packet(), kOwn);
    CHECK(b.engine.take_actions().size() == 1);
}

TEST_CASE("Truncated ICMP is counted") {
    Bench b;
    const Bytes whole = from_hex("0800f7ff00000000");
    for (std::size_t n = 0; n < whole.size(); ++n) {
        ip::Packet packet;
        packet.source = kPeer;
        packet.destination = kOwn;
        packet.payload = BytesView(whole).first(n);
        b.engine.on_packet(kStart, packet);
    }
    CHECK(b.engine.counters().malformed == whole.size());
}

}  // namespace
}  // namespace viaduct::icmp
