// Strangers by the hundred thousand: memory before and after, and what they can learn from the answers.
#include <malloc.h>

#include <catch2/catch.hpp>

#include "tests/unit/ike/remote_world.h"

namespace viaduct::ike::test {

namespace {

std::size_t bytes_in_use() {
    return mallinfo2().uordblks;
}

/// A first message of aggressive mode as a client of that group sends it.
Bytes aggressive_first(World& world, const ClientAs& as) {
    Bytes out;
    world.filter = [&](const Endpoint&, const Endpoint& to, const Bytes& payload) {
        if (out.empty() && to.address == kHub) {
            out = payload;
        }
        return false;
    };
    auto& client = world.add("probe", Ipv4Address(10, 51, 82, 99));
    configure_client(client, as);
    client.engine->ezvpn_disconnect(world.now, "vpn");
    client.drain();
    world.filter = nullptr;
    return out;
}

Bytes main_first(const config::CryptoConfig& crypto) {
    ChainWriter chain;
    chain.add(PayloadType::sa, write_sa(offer_of(suites_of(crypto, {true, false, false}))));
    Header h;
    h.initiator = Cookie{1};
    h.next = chain.first();
    return write_message(h, chain.view());
}

/// One packet of a stranger: good, cut short, bits turned, or noise.
Bytes stranger(SeededRandom& random, const Bytes& aggressive, const Bytes& main) {
    auto packet = random.below(2) == 0 ? aggressive : main;
    for (std::size_t i = 0; i < 8; ++i) {
        packet[i] = static_cast<std::uint8_t>(random.u64() | 1U);
    }
    switch (random.below(8)) {
    case 0:
        return random.bytes(random.below(500));
    case 1:
        packet.resize(random.below(packet.size()));
        return packet;
    case 2:
    case 3:
        packet[kHeaderBytes + random.below(packet.size() - kHeaderBytes)] ^=
            static_cast<std::uint8_t>(1U << random.below(8));
        return packet;
    default:
        return packet;
    }
}

struct Answers {
    std::vector<std::vector<std::pair<PayloadType, std::size_t>>> messages;  // types and lengths
    std::uint64_t jobs = 0;
    Duration last{};
};

/// Everything that the hub sends a client that fails, and what it computes for him.
Answers answers_to(const ClientAs& as) {
    World world(70);
    auto& hub = world.add("Hub", kHub);
    configure_hub(hub);
    auto& client = world.add("client", Ipv4Address(10, 51, 82, 100));
    Answers out;
    const auto start = world.now;
    world.filter = [&](const Endpoint& from, const Endpoint&, const Bytes& payload) {
        if (from.address == kHub) {
            const auto header = parse_header(payload);
            out.messages.emplace_back();
            const auto chain = parse_chain(
                header->next, BytesView(payload).subspan(kHeaderBytes), Padding::allowed);
            if (header->encrypted() || !chain) {
                out.messages.back().emplace_back(header->next, payload.size());
            } else {
                for (const auto& p : chain->payloads) {
                    out.messages.back().emplace_back(p.type, p.body.size());
                }
            }
            out.last = world.now - start;
        }
        return true;
    };
    configure_client(client, as);
    world.run(100s);
    CHECK(given(client) == nullptr);
    CHECK(hub.established_count() == 0);
    out.jobs = hub.engine->state().last_job;
    return out;
}

}  // namespace

TEST_CASE("N1: 100,000 garbage first packets of main and aggressive mode: no memory stays") {
    World world(71);
    auto& hub = world.add("Hub", kHub);
    configure_hub(hub);
    const auto aggressive = aggressive_first(world, {});
    const auto main = main_first(hub.config.crypto);
    REQUIRE(aggressive.size() > 100);
    SeededRandom random(72);
    std::size_t answered = 0;
    const auto flood = [&](int packets) {
        for (int i = 0; i < packets; ++i) {
            const Endpoint from{Ipv4Address(static_cast<std::uint32_t>(random.u64() | 0x01000000U)),
                                kPortIsakmp};
            hub.engine->on_packet(
                world.now,
                {kOutside, {kHub, kPortIsakmp}, from, stranger(random, aggressive, main)});
            answered += hub.engine->take_actions().size();
            for (auto& result : hub.offload.take_done()) {
                hub.engine->on_offload(world.now, std::move(result));
            }
            answered += hub.engine->take_actions().size();
            world.now += 2ms;
            hub.engine->on_time(world.now);
        }
        world.run(200s);
        hub.sent = {};
        hub.lines.lines = {};
    };
    // The tables that are kept, up to their limits, fill first.
    flood(10000);
    CHECK(hub.ike_count() == 0);
    const auto before = bytes_in_use();
    answered = 0;
    flood(100000);
    const auto after = bytes_in_use();
    CAPTURE(before, after, answered);
    CHECK(after < before + 64 * 1024);
    CHECK(answered <= 100000);
    const auto& state = hub.engine->state();
    CHECK(state.ikes.empty());
    CHECK(state.half_open.empty());
    CHECK(state.half_open_of_source.empty());
    CHECK(state.by_first_message.empty());
    CHECK(state.by_cookies.empty());
    CHECK(state.jobs.empty());
    CHECK(state.timers.size() == 0);
    CHECK(state.fragments.size() == 0);
}

TEST_CASE("N1: an unknown group and a wrong key get the same answers, at the same cost") {
    const auto unknown = answers_to({"nogroupxx", "cisco321", "gfullage", "gfullage"});
    const auto wrong = answers_to({"testgroup", "cisco322", "gfullage", "gfullage"});
    REQUIRE_FALSE(unknown.messages.empty());
    CHECK(unknown.messages == wrong.messages);
    CHECK(unknown.jobs == wrong.jobs);
    CHECK(unknown.last == wrong.last);
}

TEST_CASE("N4: an unknown user and a wrong password get the same answers") {
    const auto unknown = answers_to({"testgroup", "cisco321", "nobodyxx", "gfullage"});
    const auto wrong = answers_to({"testgroup", "cisco321", "gfullage", "gfullagE"});
    REQUIRE(unknown.messages.size() > 3);
    CHECK(unknown.messages == wrong.messages);
    CHECK(unknown.jobs == wrong.jobs);
    CHECK(unknown.last == wrong.last);
}

}  // namespace viaduct::ike::test
