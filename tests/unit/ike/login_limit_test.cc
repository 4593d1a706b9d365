// N4, "Bad input and limits": how often names and passwords may be wrong, a source and in total.
#include "controlplane/ike/login_limit.h"

#include <catch2/catch.hpp>

#include "tests/unit/ike/remote_world.h"

namespace viaduct::ike::test {

TEST_CASE("N4: wrong logins are limited a source and in total, right ones are not") {
    LoginLimit limit;
    TimePoint now = TimePoint{} + 1h;
    const Ipv4Address one(10, 0, 0, 1);
    const Ipv4Address other(10, 0, 0, 2);
    unsigned tried = 0;
    while (limit.allows(now, one)) {
        limit.on_failed(now, one);
        ++tried;
    }
    CHECK(tried == 30);
    CHECK(limit.allows(now, other));
    // In an hour no more than the burst and ten a minute.
    for (int second = 0; second < 3600; ++second) {
        now += 1s;
        if (limit.allows(now, one)) {
            limit.on_failed(now, one);
            ++tried;
        }
    }
    CHECK(tried <= 30 + 600);
    CHECK(tried >= 30 + 590);

    LoginLimit spread;
    unsigned total = 0;
    for (std::uint32_t source = 0; source < 10000; ++source) {
        const Ipv4Address from{0x0A000000U + source};
        if (spread.allows(now, from)) {
            spread.on_failed(now, from);
            ++total;
        }
    }
    CHECK(total == 300);
    CHECK(spread.sources() <= LoginLimit::kMaxSources);
    CHECK_FALSE(spread.allows(now, one));
    CHECK(spread.allows(now + 1s, one));
}

TEST_CASE("N4: the table of sources is bounded, and idle ones make room") {
    LoginLimit limit;
    TimePoint now = TimePoint{} + 1h;
    for (std::uint32_t source = 0; source < 3 * LoginLimit::kMaxSources; ++source) {
        limit.on_failed(now, Ipv4Address{0x0A000000U + source});
    }
    CHECK(limit.sources() == LoginLimit::kMaxSources);
    now += 10min;
    limit.on_failed(now, Ipv4Address{0x0B000000U});
    CHECK(limit.sources() == 1);
}

TEST_CASE("N4: beyond the limit nobody is asked, the client hears the same, the log tells once") {
    World world(80);
    auto& hub = world.add("Hub", kHub);
    configure_hub(hub);
    unsigned asked = 0;
    const auto decide = hub.on_login;
    hub.on_login = [&](const AuthenticateUser& login) {
        ++asked;
        decide(login);
    };
    auto& guesser = world.add("guesser", Ipv4Address(10, 51, 82, 100));
    configure_client(guesser, {"testgroup", "cisco321", "gfullage", "wrong"});
    // The client comes again after every refusal: three guesses a time.
    world.run(3min);
    CHECK(asked > 20);
    world.run(2h);
    CHECK(asked <= 30 + 10 * 124);
    CHECK(given(guesser) == nullptr);

    // Guesses at many times that rate.
    const auto before = asked;
    for (int i = 0; i < 100; ++i) {
        guesser.engine->ezvpn_disconnect(world.now, "vpn");
        guesser.drain();
        guesser.engine->ezvpn_connect(world.now, "vpn");
        guesser.drain();
        world.run(1s);
    }
    CHECK(asked - before <= 30 + 10 * 2);
    CHECK(hub.counter(Counter::xauth_rate_limit) > 50);
    CHECK(
        hub.lines.contains("too many wrong names or passwords; refusing peer 10.51.82.100 unseen"));
    CHECK(guesser.lines.contains("the server refuses name or password"));

    // Who comes from elsewhere with the right password is let in meanwhile.
    auto& honest = world.add("honest", Ipv4Address(10, 51, 82, 101));
    configure_client(honest);
    world.run(3s);
    CHECK(given(honest) != nullptr);
}

TEST_CASE("N4: a wrong password beyond the limit gets the same messages as one before it") {
    const auto answers = [](bool exhausted) {
        World world(81);
        auto& hub = world.add("Hub", kHub);
        configure_hub(hub);
        auto& client = world.add("client", Ipv4Address(10, 51, 82, 100));
        if (exhausted) {
            hub.engine->configure(world.now, hub.config, hub.interfaces);
            for (int i = 0; i < 12; ++i) {
                configure_client(client, {"testgroup", "cisco321", "gfullage", "wrong"});
                client.engine->ezvpn_connect(world.now, "vpn");
                client.drain();
                world.run(1s);
                client.engine->ezvpn_disconnect(world.now, "vpn");
                client.drain();
            }
            REQUIRE(hub.counter(Counter::xauth_rate_limit) > 0);
            world.run(2s);
        }
        std::vector<std::size_t> sizes;
        world.filter = [&](const Endpoint& from, const Endpoint&, const Bytes& payload) {
            if (from.address == kHub) {
                sizes.push_back(payload.size());
            }
            return true;
        };
        configure_client(client, {"testgroup", "cisco321", "gfullage", "wrong"});
        client.engine->ezvpn_connect(world.now, "vpn");
        client.drain();
        world.run(2s);
        return sizes;
    };
    const auto before = answers(false);
    CHECK(before.size() >= 5);
    CHECK(answers(true) == before);
}

}  // namespace viaduct::ike::test
