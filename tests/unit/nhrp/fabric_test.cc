// Resolution across the fabric when things go wrong or are unusual: races, loss, refusals, NATs, chains of
// hubs, phase 3, strangers.
#include <catch2/catch.hpp>

#include "network.h"

namespace viaduct::nhrp::test {
namespace {

void flow(Network& network,
          const std::string& from,
          const std::string& source,
          const std::string& to,
          Duration every,
          Duration length) {
    for (Duration t = 0ns; t < length; t += every) {
        network.at(network.now + t, [&network, from, source, to] {
            if (network[from].powered) {
                network[from].route_packet(ip(source), ip(to), kNoInterface, {}, 255);
            }
        });
    }
}

/// Document 003's lab with the routes of phase 2 by EIGRP: the next hop is the far spoke.
void phase2(Network& network) {
    network.document003();
    for (auto& [name, node] : network.nodes_) {
        node->interface().nat_extension = true;
        node->interface().cie_mtu = 17912;
    }
    network["sv9-3"].routes.add("3.3.3.0/24", kTunnel0, "192.168.1.3");
    network["sv9-4"].routes.add("2.2.2.0/24", kTunnel0, "192.168.1.2");
}

/// … and with those of phase 3: everything by the hub, which redirects.
void phase3(Network& network) {
    phase2(network);
    network["sv9-2"].interface().nhrp.redirect = true;
    for (const auto* spoke : {"sv9-3", "sv9-4"}) {
        network[spoke].interface().nhrp.shortcut = true;
        network[spoke].routes.remove("2.2.2.0/24");
        network[spoke].routes.remove("3.3.3.0/24");
        network[spoke].routes.add("0.0.0.0/1", kTunnel0, "192.168.1.1");
    }
    network["sv9-3"].routes.add("2.2.2.0/24", kLan);
    network["sv9-4"].routes.add("3.3.3.0/24", kLan);
}

void start(Network& network) {
    for (auto& [name, node] : network.nodes_) {
        node->configure();
    }
    network.run_for(5s);
}

/// Several packets must be exactly one by one: a request from a stranger or a test's own.
Packet request(Ipv4Address nbma, Ipv4Address source, Ipv4Address target) {
    Packet packet;
    packet.type = PacketType::resolution_request;
    packet.flags = 0xC802;
    packet.request_id = 99;
    packet.source_nbma = nbma;
    packet.source_protocol = source;
    packet.destination_protocol = target;
    packet.cies.push_back({0, 0, 1514, 600, 0, std::nullopt, std::nullopt});
    for (const auto type : {ExtensionType::responder_address,
                            ExtensionType::forward_transit,
                            ExtensionType::reverse_transit}) {
        packet.extensions.push_back(make_extension(type, {}));
    }
    packet.extensions.push_back(make_authentication("cisco123"));
    packet.extensions.push_back(make_extension(ExtensionType::nat_address, {}));
    return packet;
}

}  // namespace

TEST_CASE("D8: both spokes start towards each other at the same microsecond") {
    Network network;
    phase2(network);
    start(network);
    auto& three = network["sv9-3"];
    auto& four = network["sv9-4"];
    flow(network, "sv9-3", "2.2.2.3", "3.3.3.4", 10ms, 3s);
    flow(network, "sv9-4", "3.3.3.4", "2.2.2.3", 10ms, 3s);
    network.run_for(4s);
    CHECK(three.data_received == 300);
    CHECK(four.data_received == 300);
    CHECK(three.data_dropped + four.data_dropped == 0);
    CHECK(network.sa(three, four));
    for (auto* node : {&three, &four}) {
        const auto* other = node->adjacency(node == &three ? "192.168.1.3" : "192.168.1.2");
        REQUIRE(other != nullptr);
        CHECK_FALSE(other->temporary);
        CHECK(node->engine->resolutions_under_way() == 0);
        CHECK(node->engine->delayed_requests() == 0);
        CHECK(node->engine->cache().size() == 2);
    }
}

TEST_CASE("D9: a virtual day of 20 % loss, duplicates and reorder on every link") {
    for (const std::uint64_t seed : {1U, 2U, 3U}) {
        Network network(seed);
        network.record = false;
        phase2(network);
        for (auto& [name, node] : network.nodes_) {
            node->interface().nhrp.holdtime_s = 600;
        }
        start(network);
        network.loss = 0.2;
        network.duplicate = 0.1;
        network.jitter = 50ms;
        auto& three = network["sv9-3"];
        auto& four = network["sv9-4"];
        flow(network, "sv9-3", "2.2.2.3", "3.3.3.4", 5s, 86400s);
        network.run_for(86400s);
        // The direct tunnel stayed in use: the hub saw next to nothing.
        CHECK(network["sv9-2"].data_through < 86400 / 5 / 50);
        CHECK(three.data_dropped == 0);
        CHECK(four.data_received >= 86400 / 5 - 2);
        CHECK(three.lines.count("NHRP_NHS_DOWN") <= 1);
        // Without faults all comes to rest as it should.
        network.loss = network.duplicate = 0;
        network.jitter = 0ms;
        network.run_for(700s);
        CHECK(three.server().state == ServerState::responding);
        CHECK(four.server().state == ServerState::responding);
        CHECK(network["sv9-2"].engine->cache().size() == 2);
    }
}

TEST_CASE("D5: IKE with the far spoke fails: packets go by the hub, and nothing is hammered") {
    Network network;
    phase2(network);
    start(network);
    network.ike_works = false;
    auto& three = network["sv9-3"];
    const auto before = three.sent.size();
    flow(network, "sv9-3", "2.2.2.3", "3.3.3.4", 100ms, 300s);
    network.run_for(300s);
    CHECK(network["sv9-4"].data_received == 3000);
    CHECK(three.data_dropped == 0);
    CHECK(three.sent.size() - before < 100);
    CHECK(three.drops(Drop::tunnel_failed) > 0);
    CHECK(three.adjacency("192.168.1.3")->temporary);
    // As soon as it works, the shortcut comes.
    network.ike_works = true;
    flow(network, "sv9-3", "2.2.2.3", "3.3.3.4", 100ms, 100s);
    network.run_for(100s);
    CHECK_FALSE(three.adjacency("192.168.1.3")->temporary);
}

TEST_CASE("D7: a far spoke that restarts is found again at once") {
    Network network;
    phase2(network);
    start(network);
    flow(network, "sv9-3", "2.2.2.3", "3.3.3.4", 100ms, 60s);
    network.run_for(10s);
    auto& three = network["sv9-3"];
    auto& four = network["sv9-4"];
    REQUIRE_FALSE(three.adjacency("192.168.1.3")->temporary);
    four.power_off();
    network.drop_sas(four);
    four.power_on();
    network.run_for(10s);
    CHECK(network.sa(three, four));
    CHECK_FALSE(three.adjacency("192.168.1.3")->temporary);
}

TEST_CASE(
    "D5: a target that nobody registered is refused, and remembered as such for three minutes") {
    Network network;
    phase2(network);
    start(network);
    auto& three = network["sv9-3"];
    flow(network, "sv9-3", "2.2.2.3", "192.168.1.77", 1s, 400s);
    network.run_for(100s);
    const auto* entry = three.entry("192.168.1.77/32");
    REQUIRE(entry != nullptr);
    CHECK(entry->negative);
    CHECK(entry->type == EntryType::incomplete);
    CHECK(three.engine->resolutions_under_way() == 0);
    CHECK(network["sv9-2"].drops(Drop::no_route) == 1);
    network.run_for(300s);
    CHECK(network["sv9-2"].drops(Drop::no_route) == 3);
}

TEST_CASE("D5: phase 3: redirect, shortcut, the route goes with its entry") {
    Network network;
    phase3(network);
    for (auto& [name, node] : network.nodes_) {
        node->interface().nhrp.holdtime_s = 600;
    }
    start(network);
    auto& three = network["sv9-3"];
    auto& four = network["sv9-4"];
    flow(network, "sv9-3", "2.2.2.3", "3.3.3.4", 1s, 1000s);
    network.run_for(5s);
    REQUIRE(three.shortcuts.contains(net("3.3.3.0/24")));
    const auto& route = three.shortcuts.at(net("3.3.3.0/24"));
    CHECK(route.kind == RouteKind::shortcut);
    CHECK(route.next_hop == ip("192.168.1.3"));
    CHECK(three.adjacency("192.168.1.3")->nbma.address == ip("209.168.202.130"));
    const auto* hop = three.entry("192.168.1.3/32");
    REQUIRE(hop != nullptr);
    CHECK(hop->nhop);
    CHECK(three.entry("3.3.3.4/32") == nullptr);
    CHECK(network["sv9-2"].engine->tunnels().at(kTunnel0).traffic.sent[8] == 1);
    const auto through = network["sv9-2"].data_through;
    network.run_for(1000s);
    // Used: refreshed before its end, not one packet by the hub meanwhile.
    CHECK(network["sv9-2"].data_through == through);
    CHECK(four.data_received == 1000);
    // Unused: gone, with tunnel and route.
    network.run_for(1300s);
    CHECK(three.shortcuts.empty());
    CHECK(three.adjacency("192.168.1.3") == nullptr);
    CHECK_FALSE(network.sa(three, four));
}

TEST_CASE("D5: phase 3 over a route of the same prefix overrides its next hop") {
    Network network;
    phase3(network);
    network["sv9-3"].routes.add("3.3.3.0/24", kTunnel0, "192.168.1.1");
    start(network);
    auto& three = network["sv9-3"];
    flow(network, "sv9-3", "2.2.2.3", "3.3.3.4", 1s, 5s);
    network.run_for(5s);
    REQUIRE(three.shortcuts.contains(net("3.3.3.0/24")));
    CHECK(three.shortcuts.at(net("3.3.3.0/24")).kind == RouteKind::next_hop_override);
    three.routes.remove("3.3.3.0/24");
    three.engine->on_routes_changed(network.now);
    three.run_actions();
    CHECK(three.shortcuts.at(net("3.3.3.0/24")).kind == RouteKind::shortcut);
    // It does not outlive the route that it cuts short, and comes back with it.
    three.routes.remove("0.0.0.0/1");
    three.engine->on_routes_changed(network.now);
    three.run_actions();
    CHECK(three.shortcuts.empty());
    three.routes.add("0.0.0.0/1", kTunnel0, "192.168.1.1");
    network.run_for(10s);
    flow(network, "sv9-3", "2.2.2.3", "3.3.3.4", 1s, 5s);
    network.run_for(5s);
    CHECK(three.shortcuts.contains(net("3.3.3.0/24")));
    // Switched off, it goes.
    three.interface().nhrp.shortcut = false;
    three.configure();
    CHECK(three.shortcuts.empty());
}

TEST_CASE("D5: a network that moved away from the spoke that answered is purged from who asked") {
    Network network;
    phase3(network);
    start(network);
    auto& three = network["sv9-3"];
    auto& four = network["sv9-4"];
    flow(network, "sv9-3", "2.2.2.3", "3.3.3.4", 1s, 5s);
    network.run_for(6s);
    REQUIRE(three.shortcuts.contains(net("3.3.3.0/24")));
    four.routes.remove("3.3.3.0/24");
    four.engine->on_routes_changed(network.now);
    four.run_actions();
    network.run_for(1s);
    CHECK(three.shortcuts.empty());
    CHECK(three.entry("3.3.3.0/24") == nullptr);
    CHECK(three.engine->tunnels().at(kTunnel0).traffic.sent[6] == 1);
    // The purge was answered: nothing is sent again.
    const auto purges = four.engine->tunnels().at(kTunnel0).traffic.sent[5];
    network.run_for(60s);
    CHECK(four.engine->tunnels().at(kTunnel0).traffic.sent[5] == purges);
}

TEST_CASE("D5: a purge gets through loss, and gives up after a while") {
    Network network(4);
    phase3(network);
    start(network);
    auto& three = network["sv9-3"];
    auto& four = network["sv9-4"];
    flow(network, "sv9-3", "2.2.2.3", "3.3.3.4", 1s, 5s);
    network.run_for(6s);
    network.loss = 0.5;
    four.routes.remove("3.3.3.0/24");
    four.engine->on_routes_changed(network.now);
    four.run_actions();
    network.run_for(120s);
    CHECK(three.entry("3.3.3.0/24") == nullptr);
    const auto sent = four.engine->tunnels().at(kTunnel0).traffic.sent[5];
    CHECK(sent <= 4);
}

TEST_CASE("D5: two spokes behind one NAT are told apart, and reach each other directly inside") {
    Network network;
    phase2(network);
    auto& three = network["sv9-3"];
    auto& four = network["sv9-4"];
    three.public_nbma = four.public_nbma = ip("198.51.100.1");
    three.interface().nbma = ip("10.9.9.3");
    four.interface().nbma = ip("10.9.9.4");
    start(network);
    auto& hub = network["sv9-2"];
    const auto* a = hub.entry("192.168.1.2/32");
    const auto* b = hub.entry("192.168.1.3/32");
    REQUIRE((a != nullptr && b != nullptr));
    CHECK(a->nbma == Nbma{ip("198.51.100.1"), ip("10.9.9.3")});
    CHECK(b->nbma == Nbma{ip("198.51.100.1"), ip("10.9.9.4")});
    CHECK(hub.multicast.at(kTunnel0).size() == 2);
    CHECK(three.engine->tunnels().at(kTunnel0).public_nbma == ip("198.51.100.1"));
    // No flapping between them: both renew for a day.
    network.run_for(86400s);
    CHECK(hub.drops(Drop::registration_not_unique) == 0);
    CHECK(hub.entry("192.168.1.2/32")->created < TimePoint{1010s});
    flow(network, "sv9-3", "2.2.2.3", "3.3.3.4", 100ms, 10s);
    network.run_for(10s);
    CHECK(four.data_received == 100);
    CHECK(three.data_dropped == 0);
    REQUIRE(three.adjacency("192.168.1.3") != nullptr);
    CHECK(three.adjacency("192.168.1.3")->nbma == Nbma{ip("10.9.9.4"), std::nullopt});
    CHECK_FALSE(three.adjacency("192.168.1.3")->temporary);
}

TEST_CASE("D5: a spoke behind a NAT and one that is not, whoever begins") {
    for (const bool inside_begins : {true, false}) {
        Network network;
        phase2(network);
        auto& three = network["sv9-3"];
        auto& four = network["sv9-4"];
        three.public_nbma = ip("198.51.100.1");
        three.interface().nbma = ip("10.9.9.3");
        start(network);
        const std::string first = inside_begins ? "sv9-3" : "sv9-4";
        const std::string second = inside_begins ? "sv9-4" : "sv9-3";
        const auto one = inside_begins ? "2.2.2.3" : "3.3.3.4";
        const auto two = inside_begins ? "3.3.3.4" : "2.2.2.3";
        flow(network, first, one, two, 100ms, 10s);
        network.run_for(5ms);
        flow(network, second, two, one, 100ms, 10s);  // what is answered
        network.run_for(11s);
        CHECK(network.sa(three, four));
        CHECK(four.data_received == 100);
        CHECK(three.data_dropped + four.data_dropped == 0);
        const auto* out = three.adjacency("192.168.1.3");
        REQUIRE(out != nullptr);
        CHECK(out->nbma == Nbma{ip("209.168.202.130"), std::nullopt});
        CHECK_FALSE(out->temporary);
        const auto* back = four.adjacency("192.168.1.2");
        REQUIRE(back != nullptr);
        CHECK(back->nbma == Nbma{ip("198.51.100.1"), ip("10.9.9.3")});
        CHECK_FALSE(back->temporary);
    }
}

// spoke1 ── hub1 ── top ── hub2 ── spoke2
TEST_CASE("Hub behind hub: the question goes along the servers and the answer comes back") {
    Network network;
    auto& top = network.add("top", "192.168.1.1", "10.0.0.1", "");
    top.interface().nhrp.redirect = true;
    for (const auto* number : {"1", "2"}) {
        const std::string n(number);
        auto& hub = network.add("hub" + n, "192.168.1.1" + n, "10.0.0.1" + n, "");
        hub.interface().nhrp.servers = {{ip("192.168.1.1"), ip("10.0.0.1"), true}};
        auto& spoke =
            network.add("spoke" + n, "192.168.1.2" + n, "10.0.0.2" + n, "172.16." + n + ".0/24");
        spoke.interface().nhrp.servers = {{ip("192.168.1.1" + n), ip("10.0.0.1" + n), true}};
        const std::string other = n == "1" ? "2" : "1";
        spoke.routes.add("172.16." + other + ".0/24", kTunnel0);
        hub.routes.add("172.16." + n + ".0/24", kTunnel0, "192.168.1.2" + n);
        hub.routes.add("172.16." + other + ".0/24", kTunnel0, "192.168.1.1");
        top.routes.add("172.16." + n + ".0/24", kTunnel0, "192.168.1.1" + n);
    }
    start(network);
    auto& one = network["spoke1"];
    auto& two = network["spoke2"];
    flow(network, "spoke1", "172.16.1.5", "172.16.2.5", 100ms, 10s);
    network.run_for(10s);
    CHECK(two.data_received == 100);
    CHECK(network.sa(one, two));
    CHECK_FALSE(one.adjacency("172.16.2.5")->temporary);
    CHECK(one.adjacency("172.16.2.5")->nbma.address == ip("10.0.0.22"));
    // Three transit records went along.
    bool seen = false;
    for (const auto& packet : two.sent) {
        const auto parsed = parse(packet.nhrp);
        if (parsed->type == PacketType::resolution_reply) {
            seen = parse_cies(parsed->find(ExtensionType::forward_transit)->data)->size() == 3;
        }
    }
    CHECK(seen);
}

TEST_CASE(
    "Loops: servers that point at each other stop at the first repetition, or at the hop count") {
    for (const bool record : {true, false}) {
        Network network;
        auto& a = network.add("a", "192.168.1.1", "10.0.0.1", "");
        auto& b = network.add("b", "192.168.1.2", "10.0.0.2", "");
        auto& c = network.add("c", "192.168.1.3", "10.0.0.3", "");
        Node* nodes[] = {&a, &b, &c};
        for (unsigned i = 0; i < 3; ++i) {
            auto& interface = nodes[i]->interface();
            interface.protection = false;
            interface.nhrp.record = record;
            const auto next = (i + 1) % 3;
            interface.nhrp.servers = {
                {nodes[next]->interface().address, nodes[next]->interface().nbma}};
            nodes[i]->routes.add(
                "172.16.0.0/16", kTunnel0, nodes[next]->interface().address.to_string());
        }
        start(network);
        const auto before = a.sent.size() + b.sent.size() + c.sent.size();
        a.engine->on_packet(network.now,
                            kTunnel0,
                            ip("10.0.0.9"),
                            build(request(ip("10.0.0.9"), ip("192.168.1.9"), ip("172.16.1.1"))));
        a.run_actions();
        network.run_for(5s);
        const auto sent = a.sent.size() + b.sent.size() + c.sent.size() - before;
        CHECK(sent < (record ? 8U : 270U));
        CHECK((record ? a.drops(Drop::loop_detected) + b.drops(Drop::loop_detected) +
                            c.drops(Drop::loop_detected)
                      : a.drops(Drop::hop_count_exceeded) + b.drops(Drop::hop_count_exceeded) +
                            c.drops(Drop::hop_count_exceeded)) == 1);
    }
}

TEST_CASE("Strangers purge nothing, answer nothing, redirect nothing") {
    Network network;
    phase3(network);
    for (auto& [name, node] : network.nodes_) {
        node->interface().protection = false;
    }
    start(network);
    auto& hub = network["sv9-2"];
    auto& three = network["sv9-3"];
    Packet purge = request(ip("6.6.6.6"), ip("192.168.1.66"), ip("192.168.1.1"));
    purge.type = PacketType::purge_request;
    purge.flags = 0;
    purge.cies = {{0, 32, 0, 0, 0, std::nullopt, ip("192.168.1.2")}};
    hub.engine->on_packet(network.now, kTunnel0, ip("6.6.6.6"), build(purge));
    // … nor with the owner's name.
    purge.source_protocol = ip("192.168.1.2");
    hub.engine->on_packet(network.now, kTunnel0, ip("6.6.6.6"), build(purge));
    hub.run_actions();
    CHECK(hub.entry("192.168.1.2/32") != nullptr);
    CHECK(hub.drops(Drop::purge_refused) == 2);

    // An answer that was not asked for, with a guessed id.
    Packet reply = request(three.interface().nbma, ip("192.168.1.2"), ip("3.3.3.4"));
    reply.type = PacketType::resolution_reply;
    reply.cies = {{0, 24, 1514, 7200, 0, ip("6.6.6.6"), ip("192.168.1.66")}};
    three.engine->on_packet(network.now, kTunnel0, ip("6.6.6.6"), build(reply));
    CHECK(three.drops(Drop::unmatched_reply) == 1);

    Packet indication;
    indication.type = PacketType::traffic_indication;
    indication.source_nbma = ip("6.6.6.6");
    indication.source_protocol = ip("192.168.1.66");
    indication.destination_protocol = ip("192.168.1.2");
    indication.contents = from_hex("45000064000500ff0001a78f0202020303030304");
    indication.extensions.push_back(make_authentication("cisco123"));
    three.engine->on_packet(network.now, kTunnel0, ip("6.6.6.6"), build(indication));
    CHECK(three.drops(Drop::redirect_ignored) == 1);
    CHECK(three.engine->resolutions_under_way() == 0);
    // From the hub it counts, with 8 or 64 bytes of the packet.
    for (const std::size_t bytes : {28U, 64U}) {
        indication.contents.resize(bytes);
        three.engine->on_packet(network.now, kTunnel0, ip("209.168.202.225"), build(indication));
        CHECK(three.engine->resolutions_under_way() == 1);
    }
    CHECK(three.engine->is_consistent());
}

TEST_CASE("An answer is used for what was asked, and not for more") {
    Network network;
    phase3(network);
    for (auto& [name, node] : network.nodes_) {
        node->interface().protection = false;
    }
    start(network);
    network.loss = 1;
    auto& three = network["sv9-3"];
    const auto answer =
        [&](std::uint8_t prefix, std::string_view nbma, std::string_view via, std::uint16_t hold) {
            three.route_packet(ip("2.2.2.3"), ip("192.168.1.3"), kNoInterface, {}, 255);
            network.run_for(20ms);
            const auto asked = parse(three.sent.back().nhrp);
            REQUIRE(asked->type == PacketType::resolution_request);
            Packet reply = *asked;
            reply.type = PacketType::resolution_reply;
            reply.cies = {{0, prefix, 1514, hold, 0, ip(nbma), ip(via)}};
            three.engine->on_packet(network.now, kTunnel0, ip("209.168.202.225"), build(reply));
            three.run_actions();
        };
    answer(32, "0.0.0.0", "192.168.1.3", 600);
    answer(32, "224.0.0.1", "192.168.1.3", 600);
    answer(33, "6.6.6.6", "192.168.1.3", 600);
    answer(32, "6.6.6.6", "192.168.1.2", 600);  // "via yourself"
    answer(32, "209.168.202.131", "192.168.1.3", 600);
    answer(32, "6.6.6.6", "192.168.1.3", 0);
    CHECK(three.drops(Drop::invalid_reply) == 6);
    CHECK(three.entry("192.168.1.3/32")->type == EntryType::incomplete);
    // A whole world of prefix for one host of the fabric: the host is what was asked.
    answer(1, "6.6.6.6", "192.168.1.3", 600);
    CHECK(three.entry("192.168.1.3/32")->type == EntryType::dynamic);
    CHECK(three.shortcuts.empty());
    // Static entries are never overwritten.
    CHECK(three.entry("192.168.1.1/32")->nbma.address == ip("209.168.202.225"));
}

TEST_CASE("Limits: resolutions, delayed requests, redirects and adjacencies at their limits") {
    Network network;
    phase3(network);
    for (auto& [name, node] : network.nodes_) {
        node->limits = {.resolutions = 5,
                        .delayed = 4,
                        .redirects = 6,
                        .adjacencies = 8,
                        .source_burst = 10000};
        node->power_on();
    }
    network.run_for(5s);
    network.ike_works = false;
    auto& three = network["sv9-3"];
    for (unsigned i = 30; i < 50; ++i) {
        three.engine->on_resolution_needed(network.now,
                                           kTunnel0,
                                           Ipv4Address(192, 168, 1, static_cast<std::uint8_t>(i)),
                                           Ipv4Address(192, 168, 1, static_cast<std::uint8_t>(i)));
    }
    three.run_actions();
    CHECK(three.engine->resolutions_under_way() == 5);
    CHECK(three.drops(Drop::resolution_queue_full) == 15);
    for (unsigned i = 30; i < 50; ++i) {
        const auto n = static_cast<std::uint8_t>(i);
        auto packet = request(Ipv4Address(10, 0, 0, n), Ipv4Address(192, 168, 1, n), ip("2.2.2.3"));
        packet.hop_count = 254;
        three.engine->on_packet(network.now, kTunnel0, ip("209.168.202.225"), build(packet));
    }
    three.run_actions();
    CHECK(three.engine->delayed_requests() == 4);
    CHECK(three.drops(Drop::delayed_queue_full) == 16);
    // They do not wait for ever.
    network.run_for(40s);
    CHECK(three.engine->delayed_requests() == 0);

    auto& hub = network["sv9-2"];
    const auto sent = hub.engine->tunnels().at(kTunnel0).traffic.sent[8];
    for (unsigned i = 0; i < 20; ++i) {
        ByteWriter packet;
        packet.u8(0x45)
            .zeros(11)
            .address(ip("2.2.2.3"))
            .address(Ipv4Address(0x03030300U + i))
            .zeros(8);
        hub.engine->on_redirect(
            network.now, kTunnel0, kTunnel0, ip("209.168.202.131"), packet.view());
    }
    hub.run_actions();
    CHECK(hub.engine->tunnels().at(kTunnel0).traffic.sent[8] - sent == 6);
    network.run_for(10s);
    network.ike_works = true;

    // One network's entry serves its hosts, so many of them.
    flow(network, "sv9-3", "2.2.2.3", "3.3.3.4", 1s, 60s);
    network.run_for(60s);
    REQUIRE(three.entry("3.3.3.0/24") != nullptr);
    for (unsigned i = 0; i < 30; ++i) {
        three.engine->on_resolution_needed(
            network.now, kTunnel0, Ipv4Address(0x03030310U + i), Ipv4Address(0x03030310U + i));
        three.run_actions();
    }
    CHECK(three.entry("3.3.3.0/24")->adjacencies.size() == 8);
}

TEST_CASE("clear ip nhrp: dynamic entries go everywhere, static ones stay, all comes back") {
    Network network;
    phase2(network);
    start(network);
    auto& three = network["sv9-3"];
    auto& hub = network["sv9-2"];
    flow(network, "sv9-3", "2.2.2.3", "3.3.3.4", 100ms, 20s);
    network.run_for(5s);
    three.engine->on_clear(network.now);
    three.run_actions();
    CHECK(three.engine->cache().size() == 1);
    CHECK(three.adjacencies.size() == 1);
    network.run_for(5s);
    CHECK_FALSE(three.adjacency("192.168.1.3")->temporary);
    hub.engine->on_clear(network.now, ip("192.168.1.3"));
    hub.run_actions();
    CHECK(hub.engine->cache().size() == 1);
    // The asker was told.
    network.run_for(1s);
    CHECK(three.engine->tunnels().at(kTunnel0).traffic.received[5] >= 1);
    network.run_for(86400s);
    CHECK(hub.engine->cache().size() == 2);
}

TEST_CASE("Random and damaged packets, at random times, never break what must be true") {
    for (const std::uint64_t seed : {11U, 12U, 13U}) {
        Network network(seed);
        phase3(network);
        for (auto& [name, node] : network.nodes_) {
            node->limits = {.cache_entries = 64,
                            .resolutions = 16,
                            .delayed = 16,
                            .requesters = 4,
                            .redirects = 16,
                            .sources = 64,
                            .purges = 16,
                            .adjacencies = 4,
                            .source_burst = 100000};
            node->interface().nhrp.authentication.clear();
            node->interface().nhrp.holdtime_s = 60;
            node->power_on();
        }
        network.run_for(5s);
        flow(network, "sv9-3", "2.2.2.3", "3.3.3.4", 3s, 600s);
        SeededRandom random(seed);
        std::vector<Bytes> seeds;
        const auto gather = [&] {
            for (auto& [name, node] : network.nodes_) {
                for (const auto& packet : node->sent) {
                    seeds.push_back(packet.nhrp);
                }
                node->sent.clear();
            }
            if (seeds.size() > 200) {
                seeds.erase(seeds.begin(), seeds.end() - 100);
            }
        };
        for (int i = 0; i < 6000; ++i) {
            network.run_for(Duration(random.below(200'000'000)));
            gather();
            auto bytes = seeds[random.below(seeds.size())];
            if (auto packet = parse(bytes); packet && random.below(4) != 0) {
                const auto any = [&] {
                    static constexpr std::uint32_t kSome[] = {0xC0A80101,
                                                              0xC0A80102,
                                                              0xC0A80103,
                                                              0x03030304,
                                                              0x02020203,
                                                              0xD1A8CA83,
                                                              0xD1A8CA82,
                                                              0xD1A8CAE1,
                                                              0,
                                                              0xFFFFFFFF};
                    return random.below(3) == 0 ? Ipv4Address(random.u32())
                                                : Ipv4Address(kSome[random.below(10)]);
                };
                for (int k = 0; k < 3; ++k) {
                    switch (random.below(9)) {
                    case 0:
                        packet->type = static_cast<PacketType>(random.below(8) + 1);
                        break;
                    case 1:
                        packet->source_protocol = any();
                        break;
                    case 2:
                        packet->destination_protocol = any();
                        break;
                    case 3:
                        packet->source_nbma = any();
                        break;
                    case 4:
                        packet->cies.push_back({static_cast<std::uint8_t>(random.below(3) * 6),
                                                static_cast<std::uint8_t>(random.u32()),
                                                1400,
                                                static_cast<std::uint16_t>(random.below(100)),
                                                0,
                                                any(),
                                                any()});
                        break;
                    case 5:
                        packet->flags = static_cast<std::uint16_t>(random.u32());
                        break;
                    case 6:
                        packet->hop_count = static_cast<std::uint8_t>(random.u32());
                        break;
                    case 7: {
                        const Cie cie{0, 32, 1400, 60, 0, any(), any()};
                        packet->extensions.push_back(
                            make_extension(random.below(2) != 0 ? ExtensionType::nat_address
                                                                : ExtensionType::forward_transit,
                                           {&cie, 1}));
                        break;
                    }
                    default:
                        packet->cies.clear();
                        break;
                    }
                }
                packet->cies.resize(std::min(packet->cies.size(), kMaxCies));
                packet->extensions.resize(std::min(packet->extensions.size(), kMaxExtensions));
                bytes = build(*packet);
            } else {
                bytes[random.below(bytes.size())] = static_cast<std::uint8_t>(random.u32());
            }
            auto& node =
                *std::next(network.nodes_.begin(), static_cast<std::ptrdiff_t>(random.below(3)))
                     ->second;
            static constexpr std::uint32_t kFrom[] = {
                0xD1A8CA83, 0xD1A8CA82, 0xD1A8CAE1, 0x06060606};
            node.engine->on_packet(
                network.now, kTunnel0, Ipv4Address(kFrom[random.below(4)]), bytes);
            node.run_actions();
            if (random.below(200) == 0) {
                network.drop_sas(node);
            }
            if (random.below(400) == 0) {
                node.engine->on_clear(network.now);
                node.run_actions();
            }
            if (random.below(400) == 0) {
                node.interface().nhrp.shortcut = !node.interface().nhrp.shortcut;
                node.interface().nhrp.holdtime_s =
                    static_cast<std::uint16_t>(random.below(100) + 10);
                node.configure();
            }
        }
        // Nobody speaks nonsense any more: everything comes to rest.
        network.run_for(70000s);
        CHECK(network["sv9-3"].server().state == ServerState::responding);
        CHECK(network["sv9-4"].server().state == ServerState::responding);
    }
}

}  // namespace viaduct::nhrp::test
