// Registration: clients with servers that are slow, gone, refuse or come back.
#include <chrono>

#include <catch2/catch.hpp>

#include "network.h"

namespace viaduct::nhrp::test {
namespace {

/// One hub and one spoke, IPsec between them.
struct Pair {
    explicit Pair(std::uint64_t seed = 1) : network(seed) {
        network.document003();
        network.nodes_.erase("sv9-4");
    }

    Node& hub() { return network["sv9-2"]; }

    Node& spoke() { return network["sv9-3"]; }

    void start() {
        hub().configure();
        spoke().configure();
        network.run_for(5s);
    }

    Network network;
};

/// An engine by itself, unprotected, as a hub.
struct LoneHub {
    LoneHub() {
        interface.index = kTunnel0;
        interface.name = "Tunnel0";
        interface.address = ip("192.168.1.1");
        interface.nbma = ip("10.0.0.1");
        interface.nhrp.network_id = 1;
        interface.nhrp.authentication = "cisco123";
        interface.nhrp.multicast_dynamic = true;
        routes.add("192.168.1.0/24", kTunnel0);
    }

    void start(Limits limits = {}) {
        engine = std::make_unique<Engine>(random, log, routes, limits);
        engine->configure(now, {interface});
        engine->take_actions();
    }

    Packet registration(Ipv4Address protocol,
                        Ipv4Address nbma,
                        std::uint16_t flags = 0x8002) const {
        Packet packet;
        packet.type = PacketType::registration_request;
        packet.flags = flags;
        packet.request_id = 77;
        packet.source_nbma = nbma;
        packet.source_protocol = protocol;
        packet.destination_protocol = interface.address;
        packet.cies.push_back({0, 32, 1514, 600, 0, std::nullopt, std::nullopt});
        for (const auto type : {ExtensionType::responder_address,
                                ExtensionType::forward_transit,
                                ExtensionType::reverse_transit}) {
            packet.extensions.push_back(make_extension(type, {}));
        }
        packet.extensions.push_back(make_authentication("cisco123"));
        packet.extensions.push_back(make_extension(ExtensionType::nat_address, {}));
        return packet;
    }

    /// The packets that come back.
    std::vector<Packet> give(const Packet& packet, Ipv4Address from) {
        engine->on_packet(now, kTunnel0, from, build(packet));
        std::vector<Packet> out;
        for (auto& action : engine->take_actions()) {
            if (const auto* send = std::get_if<SendPacket>(&action)) {
                const auto parsed = parse(send->nhrp);
                REQUIRE(parsed);
                out.push_back(*parsed);
            }
        }
        CHECK(engine->is_consistent());
        return out;
    }

    CieCode code(const std::vector<Packet>& replies) {
        REQUIRE(replies.size() == 1);
        REQUIRE(replies[0].type == PacketType::registration_reply);
        return static_cast<CieCode>(replies[0].cies.at(0).code);
    }

    const Traffic& traffic() const { return engine->tunnels().at(kTunnel0).traffic; }

    std::uint64_t drops(Drop drop) const {
        return traffic().drops.at(static_cast<std::size_t>(drop));
    }

    TimePoint now{5000s};
    SeededRandom random{9};
    Lines lines;
    Log log{lines};
    Routes routes;
    Interface interface;
    std::unique_ptr<Engine> engine;
};

}  // namespace

TEST_CASE("D3: registrations are repeated after 1, 2, 4 … 64 s until the hub is there") {
    Pair p;
    for (auto& [name, node] : p.network.nodes_) {
        node->interface().protection = false;
    }
    p.spoke().configure();
    p.hub().powered = false;
    std::vector<std::int64_t> gaps;
    auto last = p.network.now;
    std::size_t seen = p.spoke().sent.size();
    for (int i = 0; i < 400; ++i) {
        p.network.run_for(1s);
        if (p.spoke().sent.size() != seen) {
            seen = p.spoke().sent.size();
            gaps.push_back(
                std::chrono::duration_cast<std::chrono::seconds>(p.network.now - last).count());
            last = p.network.now;
        }
    }
    CHECK(gaps == std::vector<std::int64_t>{1, 2, 4, 8, 16, 32, 64, 64, 64, 64, 64});
    CHECK(p.spoke().server().state == ServerState::expecting);
    p.hub().power_on();
    p.network.run_for(65s);
    CHECK(p.spoke().server().state == ServerState::responding);
    CHECK(p.spoke().lines.count("%DMVPN-5-NHRP_NHS_UP: Tunnel0 192.168.1.1 is UP") == 1);
}

TEST_CASE("D8: the hub is power-cycled, the spokes recover") {
    Network network;
    network.document003();
    for (auto& [name, node] : network.nodes_) {
        node->configure();
    }
    network.run_for(100s);
    auto& hub = network["sv9-2"];
    hub.power_off();
    network.drop_sas(hub);
    network.run_for(30s);
    CHECK(network["sv9-3"].server().state == ServerState::expecting);
    CHECK(network["sv9-3"].lines.count("NHRP_NHS_DOWN") == 1);
    hub.power_on();
    network.run_for(70s);
    CHECK(network["sv9-3"].server().state == ServerState::responding);
    CHECK(network["sv9-4"].server().state == ServerState::responding);
    CHECK(hub.entry("192.168.1.2/32")->registered);
    CHECK(hub.multicast.at(kTunnel0).size() == 2);

    // Rebooted so quickly that only IKE noticed: down and up again is enough.
    hub.power_off();
    network.drop_sas(hub);
    hub.power_on();
    network.run_for(10s);
    CHECK(hub.entry("192.168.1.3/32") != nullptr);
}

TEST_CASE("D8: registrations that stay unanswered while SAs stand have the SAs built anew, once") {
    Network network;
    network.document003();
    auto& three = network["sv9-3"];
    three.interface().nhrp.registration_timeout_s = 10;
    for (auto& [name, node] : network.nodes_) {
        node->configure();
    }
    network.run_for(100s);
    REQUIRE(three.server().state == ServerState::responding);
    network["sv9-2"].power_off();  // and nobody at this end has noticed
    network.run_for(60s);
    CHECK(three.resets.empty());
    network.run_for(30s);
    CHECK(three.server().state == ServerState::expecting);
    REQUIRE(three.resets.size() == 1);
    CHECK(three.resets.front() == Nbma{ip("209.168.202.225"), std::nullopt});
    network.run_for(600s);
    CHECK(three.resets.size() == 1);
}

TEST_CASE("D3: a spoke that is gone is forgotten after its hold time, with all that hung on it") {
    Pair p;
    p.spoke().interface().nhrp.holdtime_s = 300;
    p.start();
    REQUIRE(p.hub().adjacency("192.168.1.2") != nullptr);
    p.spoke().power_off();
    p.network.run_for(290s);
    CHECK(p.hub().entry("192.168.1.2/32") != nullptr);
    p.network.run_for(20s);
    CHECK(p.hub().entry("192.168.1.2/32") == nullptr);
    CHECK(p.hub().adjacency("192.168.1.2") == nullptr);
    CHECK(p.hub().multicast.at(kTunnel0).empty());
    CHECK(p.hub().released == 1);
}

TEST_CASE("D3: an interface that goes takes its registration back") {
    Pair p;
    p.start();
    p.spoke().interfaces.clear();
    p.spoke().engine->configure(p.network.now, {});
    auto left = p.spoke().engine->take_actions();
    bool told = false;
    for (const auto& action : left) {
        if (const auto* packet = std::get_if<SendPacket>(&action)) {
            told = parse(packet->nhrp)->type == PacketType::purge_request;
            p.hub().engine->on_packet(p.network.now, kTunnel0, ip("209.168.202.131"), packet->nhrp);
        }
    }
    CHECK(told);
    p.hub().run_actions();
    CHECK(p.hub().entry("192.168.1.2/32") == nullptr);
    CHECK(p.spoke().engine->next_deadline() == kNever);
    CHECK(p.spoke().engine->cache().size() == 0);
}

TEST_CASE(
    "D3: the wrong password leaves a counter, an error indication, one line and nothing else") {
    Pair p;
    p.spoke().interface().nhrp.authentication = "wrongpw1";
    for (auto& [name, node] : p.network.nodes_) {
        node->log.set(Debug::nhrp, true);
        node->log.set(Debug::nhrp_packet, true);
        node->log.set(Debug::nhrp_extension, true);
    }
    p.start();
    p.network.run_for(20s);
    CHECK(p.hub().engine->cache().size() == 0);
    CHECK(p.hub().adjacencies.empty());
    CHECK(p.hub().drops(Drop::authentication_failed) >= 4);
    CHECK(p.hub().lines.count("%NHRP-3-BADPACKET") == 1);
    CHECK(
        p.spoke().lines.count("%NHRP-3-PAKERROR: Received Error Indication from 192.168.1.1, code: "
                              "authentication failure(11)") == 1);
    for (const auto* node : {&p.hub(), &p.spoke()}) {
        CHECK(node->lines.count("wrongpw1") == 0);
        CHECK(node->lines.count("cisco123") == 0);
    }
    // The error goes to strangers: our own password is not in it.
    for (const auto& packet : p.hub().sent) {
        CHECK(to_hex(packet.nhrp).find(to_hex(as_bytes("cisco123"))) == std::string::npos);
    }
    // Put right, it works.
    p.spoke().interface().nhrp.authentication = "cisco123";
    p.spoke().configure();
    p.network.run_for(64s);
    CHECK(p.spoke().server().state == ServerState::responding);
}

TEST_CASE("D3: a unique address is not given to another NBMA address before its time") {
    LoneHub hub;
    hub.start();
    const auto spoke = ip("192.168.1.7");
    CHECK(hub.code(hub.give(hub.registration(spoke, ip("10.0.0.7")), ip("10.0.0.7"))) ==
          CieCode::success);
    CHECK(hub.code(hub.give(hub.registration(spoke, ip("10.0.0.8")), ip("10.0.0.8"))) ==
          CieCode::unique_already_registered);
    CHECK(hub.drops(Drop::registration_not_unique) == 1);
    // Its own NBMA address may renew it, and may take the flag off.
    CHECK(hub.code(hub.give(hub.registration(spoke, ip("10.0.0.7"), 0x0002), ip("10.0.0.7"))) ==
          CieCode::success);
    CHECK(hub.code(hub.give(hub.registration(spoke, ip("10.0.0.8")), ip("10.0.0.8"))) ==
          CieCode::success);
    auto* entry = &hub.engine->cache().entries().at({kTunnel0, {spoke, 32}});
    CHECK(entry->nbma.address == ip("10.0.0.8"));
    CHECK(entry->unique);
    CHECK(hub.engine->multicast_peers(kTunnel0) == std::vector<Nbma>{{ip("10.0.0.8"), {}}});
    // Refused until the hold time ends, accepted after it.
    hub.now += 599s;
    hub.engine->on_time(hub.now);
    CHECK(hub.code(hub.give(hub.registration(spoke, ip("10.0.0.7")), ip("10.0.0.7"))) ==
          CieCode::unique_already_registered);
    hub.now += 1s;
    hub.engine->on_time(hub.now);
    CHECK(hub.code(hub.give(hub.registration(spoke, ip("10.0.0.7")), ip("10.0.0.7"))) ==
          CieCode::success);
}

TEST_CASE("D3: the client says why it was refused") {
    Pair p;
    p.start();
    // Another spoke with the first one's address.
    auto& thief = p.network.add("thief", "192.168.1.2", "209.168.202.99", "");
    thief.interface().nhrp = p.spoke().interface().nhrp;
    thief.interface().nat_extension = false;
    thief.configure();
    p.network.run_for(10s);
    CHECK(thief.server().state == ServerState::expecting);
    CHECK(
        thief.lines.count("%NHRP-3-PAKREPLY: Receive Registration Reply packet with error - unique "
                          "address registered already(14)") == 1);
    CHECK(p.hub().entry("192.168.1.2/32")->nbma.address == ip("209.168.202.131"));
}

TEST_CASE("D3: hosts of the tunnel's network register for themselves, and nothing else") {
    LoneHub hub;
    hub.interface.nhrp.maps.push_back({ip("192.168.1.50"), 32, ip("10.0.0.50")});
    hub.start();
    const auto nbma = ip("10.0.0.66");
    const auto refused = [&](const Packet& packet) {
        return hub.code(hub.give(packet, nbma)) == CieCode::administratively_prohibited;
    };
    CHECK(refused(hub.registration(ip("192.168.2.7"), nbma)));
    CHECK(refused(hub.registration(ip("192.168.1.255"), nbma)));
    CHECK(refused(hub.registration(ip("192.168.1.0"), nbma)));
    CHECK(refused(hub.registration(ip("192.168.1.50"), nbma)));
    auto packet = hub.registration(ip("192.168.1.7"), nbma);
    packet.cies[0].prefix_length = 24;
    CHECK(refused(packet));
    packet = hub.registration(ip("192.168.1.7"), nbma);
    packet.cies[0].protocol = ip("192.168.1.8");
    CHECK(refused(packet));
    CHECK(hub.drops(Drop::registration_prohibited) == 6);
    // With the hub's own address: not even answered.
    CHECK(hub.give(hub.registration(ip("192.168.1.1"), nbma), nbma).empty());
    CHECK(hub.drops(Drop::spoofed_source) == 1);
    CHECK(hub.engine->cache().size() == 1);
}

TEST_CASE("Limits: a full cache refuses for want of resources, and renews what it has") {
    LoneHub hub;
    hub.start({.cache_entries = 20});
    for (unsigned i = 1; i <= 20; ++i) {
        CHECK(hub.code(hub.give(
                  hub.registration(Ipv4Address(192, 168, 1, static_cast<std::uint8_t>(i + 1)),
                                   ip("10.0.1.1")),
                  ip("10.0.1.1"))) == CieCode::success);
    }
    CHECK(hub.code(hub.give(hub.registration(ip("192.168.1.99"), ip("10.0.1.1")),
                            ip("10.0.1.1"))) == CieCode::insufficient_resources);
    CHECK(hub.code(hub.give(hub.registration(ip("192.168.1.2"), ip("10.0.1.1")), ip("10.0.1.1"))) ==
          CieCode::success);
    CHECK(hub.drops(Drop::cache_full) == 1);
    CHECK(hub.engine->cache().size() == 20);
}

TEST_CASE("Limits: one source's flood costs it its own packets, not its neighbours'") {
    LoneHub hub;
    hub.start({.sources = 3, .source_burst = 50, .source_per_s = 10});
    const auto packet = hub.registration(ip("192.168.1.7"), ip("10.0.0.7"));
    std::size_t answered = 0;
    for (int i = 0; i < 1000; ++i) {
        answered += hub.give(packet, ip("10.0.0.7")).size();
    }
    CHECK(answered == 50);
    CHECK(hub.drops(Drop::source_rate_exceeded) == 950);
    CHECK(hub.give(hub.registration(ip("192.168.1.8"), ip("10.0.0.8")), ip("10.0.0.8")).size() ==
          1);
    hub.now += 1s;
    answered = 0;
    for (int i = 0; i < 100; ++i) {
        answered += hub.give(packet, ip("10.0.0.7")).size();
    }
    CHECK(answered == 10);
    // The table of sources itself: full, then room again when the others were quiet.
    CHECK(hub.give(hub.registration(ip("192.168.1.9"), ip("10.0.0.9")), ip("10.0.0.9")).size() ==
          1);
    CHECK(hub.give(hub.registration(ip("192.168.1.10"), ip("10.0.0.10")), ip("10.0.0.10")).empty());
    hub.now += 10s;
    CHECK(hub.give(hub.registration(ip("192.168.1.10"), ip("10.0.0.10")), ip("10.0.0.10")).size() ==
          1);
}

TEST_CASE("Limits: max-send bounds what one interface sends") {
    LoneHub hub;
    hub.interface.nhrp.max_send = 5;
    hub.start();
    std::size_t answered = 0;
    for (int i = 0; i < 20; ++i) {
        answered +=
            hub.give(hub.registration(ip("192.168.1.7"), ip("10.0.0.7")), ip("10.0.0.7")).size();
    }
    CHECK(answered == 5);
    CHECK(hub.drops(Drop::max_send_exceeded) == 15);
    hub.now += 10s;
    CHECK(hub.give(hub.registration(ip("192.168.1.7"), ip("10.0.0.7")), ip("10.0.0.7")).size() ==
          1);
}

TEST_CASE(
    "Several hubs: the best of a cluster, the next when it fails, back after the fallback time") {
    Network network;
    network.add("hub1", "192.168.1.1", "10.0.0.1", "");
    network.add("hub2", "192.168.1.2", "10.0.0.2", "");
    network.add("hub3", "192.168.1.3", "10.0.0.3", "");
    auto& spoke = network.add("spoke", "192.168.1.9", "10.0.0.9", "");
    auto& nhrp = spoke.interface().nhrp;
    nhrp.servers = {{ip("192.168.1.1"), ip("10.0.0.1"), true, 1, 1},
                    {ip("192.168.1.2"), ip("10.0.0.2"), true, 2, 1},
                    {ip("192.168.1.3"), ip("10.0.0.3"), true, 3, 1}};
    nhrp.cluster_max_connections[1] = 1;
    nhrp.fallback_s = 30;
    for (auto& [name, node] : network.nodes_) {
        node->configure();
    }
    const auto states = [&] {
        std::string out;
        for (const auto& server : spoke.engine->tunnels().at(kTunnel0).servers) {
            out += server.state == ServerState::responding  ? 'R'
                   : server.state == ServerState::expecting ? 'E'
                                                            : 'W';
        }
        return out;
    };
    network.run_for(40s);
    CHECK(states() == "RWW");
    network["hub1"].power_off();
    network.drop_sas(network["hub1"]);
    network.run_for(60s);
    CHECK(states() == "ERW");
    network["hub1"].power_on();
    network.run_for(70s);
    // It is back, but not trusted yet.
    const auto back = spoke.server(0);
    REQUIRE(back.state == ServerState::responding);
    if (network.now - back.since < 30s) {
        CHECK(states() == "RRW");
    }
    network.run_for(31s);
    CHECK(states() == "RWW");
    INFO(fmt::format("{}", fmt::join(spoke.lines.lines, "\n")));
    CHECK(spoke.lines.count("NHRP_NHS_UP: Tunnel0 192.168.1.2 is UP") == 1);

    // Without max-connections all are used.
    spoke.interface().nhrp.cluster_max_connections.clear();
    spoke.configure();
    network.run_for(10s);
    CHECK(states() == "RRR");
}

TEST_CASE("Phase 1: a spoke on a point-to-point tunnel needs no map and gets no adjacency") {
    Pair p;
    auto& interface = p.spoke().interface();
    interface.multipoint = false;
    interface.destination = ip("209.168.202.225");
    interface.nhrp.maps.clear();
    interface.nhrp.multicast_maps.clear();
    p.start();
    CHECK(p.spoke().server().state == ServerState::responding);
    CHECK(p.spoke().adjacencies.empty());
    CHECK(p.spoke().multicast.at(kTunnel0) == std::vector<Nbma>{{ip("209.168.202.225"), {}}});
    CHECK(p.hub().adjacency("192.168.1.2") != nullptr);
    p.spoke().engine->on_resolution_needed(
        p.network.now, kTunnel0, ip("192.168.1.3"), ip("192.168.1.3"));
    CHECK(p.spoke().engine->resolutions_under_way() == 0);
}

TEST_CASE("A spoke whose address changes registers anew; unique as configured") {
    for (const bool no_unique : {true, false}) {
        Pair p;
        p.spoke().interface().nhrp.registration_no_unique = no_unique;
        p.spoke().interface().nhrp.holdtime_s = 600;
        p.start();
        REQUIRE(p.spoke().server().state == ServerState::responding);
        p.network.drop_sas(p.spoke());
        p.spoke().interface().nbma = ip("209.168.202.140");
        p.spoke().configure();
        p.network.run_for(10s);
        const auto* entry = p.hub().entry("192.168.1.2/32");
        REQUIRE(entry != nullptr);
        CHECK(entry->nbma.address == ip(no_unique ? "209.168.202.140" : "209.168.202.131"));
        // With the unique flag the hub has to forget first (IOS).
        p.network.run_for(700s);
        entry = p.hub().entry("192.168.1.2/32");
        REQUIRE(entry != nullptr);
        CHECK(entry->nbma.address == ip("209.168.202.140"));
        CHECK(p.hub().adjacency("192.168.1.2")->nbma.address == ip("209.168.202.140"));
        CHECK(p.hub().multicast.at(kTunnel0) == std::vector<Nbma>{{ip("209.168.202.140"), {}}});
    }
}

TEST_CASE("A reload of the configuration that changes nothing restarts nothing") {
    Pair p;
    p.start();
    const auto sent = p.spoke().server().requests_sent;
    const auto before = p.spoke().sent.size();
    for (int i = 0; i < 10; ++i) {
        p.spoke().configure();
        p.hub().configure();
    }
    p.network.run_for(10s);
    CHECK(p.spoke().server().requests_sent == sent);
    CHECK(p.spoke().sent.size() == before);
    // Another hold time changes that and no more; new spokes still get in after it.
    p.hub().interface().nhrp.holdtime_s = 1000;
    p.hub().configure();
    CHECK(p.hub().entry("192.168.1.2/32")->registered);
    // On the client the hub is told at once.
    p.spoke().interface().nhrp.holdtime_s = 900;
    p.spoke().configure();
    p.network.run_for(1s);
    CHECK(p.hub().entry("192.168.1.2/32")->holding_time_s == 900);
    CHECK(p.spoke().server().requests_sent == sent + 1);
    auto& late = p.network.add("late", "192.168.1.20", "209.168.202.20", "");
    late.interface().nhrp = p.spoke().interface().nhrp;
    late.configure();
    p.network.run_for(5s);
    CHECK(late.server().state == ServerState::responding);
}

TEST_CASE("1,000 spokes on one hub register, at a cost that does not grow") {
    LoneHub hub;
    hub.interface.address = ip("10.128.0.1");
    hub.interface.length = 16;
    hub.start();
    const auto run = [&](std::uint32_t first, std::uint32_t count) {
        const auto start = std::chrono::steady_clock::now();
        for (std::uint32_t i = first; i < first + count; ++i) {
            hub.now += 1ms;
            const auto nbma = Ipv4Address(0x0B000000U + i);
            auto packet = hub.registration(Ipv4Address(0x0A800000U + i + 2), nbma);
            hub.engine->on_packet(hub.now, kTunnel0, nbma, build(packet));
            hub.engine->on_time(hub.now);
            hub.engine->take_actions();
        }
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() /
               count;
    };
    run(0, 1000);
    CHECK(hub.engine->cache().size() == 1000);
    CHECK(hub.engine->is_consistent());
    CHECK(hub.engine->multicast_peers(kTunnel0).size() >= 990);
    hub.now += 10ms;
    hub.engine->on_time(hub.now);
    // Renewals, which do not touch the lists, cost as much at 10,000 as at 1,000.
    const auto small = run(0, 1000);
    run(1000, 9000);
    CHECK(hub.engine->cache().size() == 10000);
    const auto large = run(9000, 1000);
    INFO("per registration: " << small * 1e6 << " us of 1,000, " << large * 1e6 << " us of 10,000");
    CHECK(large < small * 5 + 20e-6);
}

TEST_CASE("A captured server's worth of nonsense: unknown extensions, errors in answer to errors") {
    LoneHub hub;
    hub.start();
    auto packet = hub.registration(ip("192.168.1.7"), ip("10.0.0.7"));
    packet.extensions.push_back({200, true, {}});
    auto replies = hub.give(packet, ip("10.0.0.7"));
    REQUIRE(replies.size() == 1);
    CHECK(replies[0].type == PacketType::error_indication);
    CHECK(replies[0].error_code == 1);
    CHECK(hub.engine->cache().size() == 0);
    packet.extensions.back().compulsory = false;
    CHECK(hub.code(hub.give(packet, ip("10.0.0.7"))) == CieCode::success);
    // Never an error for an error, and not more than ten a second.
    Packet error;
    error.type = PacketType::error_indication;
    error.destination_protocol = ip("192.168.1.1");
    error.contents = from_hex("0001");
    CHECK(hub.give(error, ip("10.0.0.7")).empty());
    packet.extensions.back().compulsory = true;
    std::size_t errors = 0;
    for (int i = 0; i < 50; ++i) {
        errors += hub.give(packet, ip("10.0.0.7")).size();
    }
    CHECK(errors <= 10);
}

}  // namespace viaduct::nhrp::test
