// NAT traversal: a translator rewrites addresses and ports between the engines.
#include <catch2/catch.hpp>

#include "controlplane/ike/show.h"
#include "tests/unit/ike/world.h"

namespace viaduct::ike::test {

namespace {

constexpr Ipv4Address kHub(172, 16, 172, 50);
constexpr Ipv4Address kPublic(171, 69, 89, 78);

void behind_nat(World& world, std::initializer_list<Ipv4Address> inside) {
    Nat nat;
    nat.outside = kPublic;
    nat.inside = inside;
    world.nats.push_back(nat);
}

}  // namespace

TEST_CASE("N3 N9: two peers behind one NAT, told apart by port, each with its own SAs") {
    World world(11);
    auto& hub = world.add("hub", kHub);
    auto& one = world.add("one", Ipv4Address(10, 10, 10, 2));
    auto& two = world.add("two", Ipv4Address(10, 10, 10, 3));
    behind_nat(world, {one.address, two.address});
    for (auto* node : {&hub, &one, &two}) {
        node->config.crypto.transform_sets["strong"].mode = config::IpsecMode::transport;
        configure_dmvpn(*node);
        node->config.crypto.transform_sets["strong"].mode = config::IpsecMode::transport;
    }
    one.acquire(dmvpn_acquire(one, hub));
    two.acquire(dmvpn_acquire(two, hub));
    world.run(5s);
    REQUIRE(hub.pairs.size() == 2);
    CHECK(hub.established_count() == 2);
    std::set<std::uint16_t> ports;
    std::set<Ipv4Address> originals;
    for (const auto& [id, pair] : hub.pairs) {
        CHECK(pair.parameters.udp_encapsulation);
        CHECK_FALSE(pair.parameters.tunnel_mode);
        CHECK(pair.parameters.remote.address == kPublic);
        CHECK(pair.parameters.local.port == kPortNatT);
        ports.insert(pair.parameters.remote.port.value());
        originals.insert(pair.parameters.remote_original.value());
    }
    CHECK(ports.size() == 2);
    CHECK(originals == std::set{one.address, two.address});
    const auto& of_one = one.pairs.begin()->second;
    CHECK(of_one.parameters.udp_encapsulation);
    CHECK(of_one.parameters.remote == Endpoint{kHub, kPortNatT});

    SECTION("N10: rekeying of both phases goes over the floated ports") {
        std::size_t on_500 = 0;
        world.filter = [&](const Endpoint& from, const Endpoint& to, const Bytes&) {
            on_500 += from.port == kPortIsakmp || to.port == kPortIsakmp ? 1U : 0U;
            return true;
        };
        world.start_traffic();
        world.run(1h);
        CHECK(on_500 == 0);
        CHECK(world.esp_lost_by_sa == 0);
        CHECK(one.counter(Counter::quick_established) > 20);
    }
    SECTION("N7: keepalives come from the end behind the NAT, one octet on 4500, and are counted") {
        world.run(5min);
        CHECK(one.counter(Counter::nat_keepalives_out) == 15);
        CHECK(hub.counter(Counter::nat_keepalives_out) == 0);
        CHECK(hub.counter(Counter::nat_keepalives_in) == 30);
    }
    SECTION("an unknown SPI from there is told to neither: nobody knows whose it was") {
        const auto sent_before = hub.sent.size();
        hub.engine->on_unknown_spi(world.now, kHub, kPublic, Spi{0x12345678});
        hub.drain();
        CHECK(hub.sent.size() == sent_before);
        world.run(2s);
        CHECK(hub.counter(Counter::unknown_spi) == 1);
        CHECK(hub.pairs.size() == 2);
    }
    SECTION("N9: a mapping that moves is followed after an authenticated packet, and only then") {
        const auto port_of_one = [&] {
            for (const auto& [id, pair] : hub.pairs) {
                if (pair.parameters.remote_original == one.address) {
                    return pair.parameters.remote.port.value();
                }
            }
            return std::uint16_t{0};
        };
        const auto before = port_of_one();
        world.nats[0].ports.erase({one.address, kPortNatT});
        // A stranger's packet with the right cookies changes nothing.
        auto forged = one.sent.back().payload;
        forged.back() ^= 1U;
        world.deliver_raw({kPublic, L4Port{9999}}, {kHub, kPortNatT}, forged);
        world.run(1s);
        CHECK(port_of_one() == before);
        one.engine->clear_ipsec(world.now, std::nullopt, "");
        one.drain();
        one.acquire(dmvpn_acquire(one, hub));
        world.run(3s);
        CHECK(port_of_one() != before);
        CHECK(port_of_one() != 0);
        CHECK(hub.pairs.size() == 2);
    }
}

TEST_CASE("N3: the NAT dialects of the drafts are spoken with peers that have nothing newer") {
    World world(12);
    auto& a = world.add("a", Ipv4Address(10, 10, 10, 2));
    auto& b = world.add("b", kHub);
    behind_nat(world, {a.address});
    configure_dmvpn(a);
    configure_dmvpn(b);
    const auto keep = GENERATE(VendorId::nat_t_rfc3947,
                               VendorId::nat_t_draft7,
                               VendorId::nat_t_draft3,
                               VendorId::nat_t_draft2_newline);
    // Message 1 loses the vendor IDs that this peer does not have.
    world.filter = [&](const Endpoint& from, const Endpoint& to, const Bytes& payload) {
        const auto header = parse_header(payload);
        if (!header || header->responder != Cookie{} || to.port != kPortIsakmp) {
            return true;
        }
        const auto chain =
            parse_chain(header->next, BytesView(payload).subspan(kHeaderBytes), Padding::none);
        if (chain->count(PayloadType::vendor_id) == 1) {
            return true;
        }
        ChainWriter out;
        for (const auto& p : chain->payloads) {
            if (p.type != PayloadType::vendor_id || recognise_vendor_id(p.body) == keep) {
                out.add(p.type, p.body);
            }
        }
        world.deliver_raw(from, to, write_message(*header, out.view()));
        return false;
    };
    a.acquire(dmvpn_acquire(a, b));
    world.run(3s);
    REQUIRE(b.pairs.size() == 1);
    CHECK(b.pairs.begin()->second.parameters.udp_encapsulation);
    CHECK(a.engine->state().ikes.begin()->second->nat.local_behind);
    CHECK(b.engine->state().ikes.begin()->second->nat.remote_behind);
    CHECK(a.engine->state().ikes.begin()->second->nat.vendor == keep);
}

TEST_CASE("N13: with NAT transparency off nothing is encapsulated") {
    World world(13);
    auto& a = world.add("a", Ipv4Address(10, 10, 10, 2));
    auto& b = world.add("b", kHub);
    behind_nat(world, {a.address});
    configure_dmvpn(a);
    configure_dmvpn(b);
    a.config.crypto.nat_transparency = false;
    a.acquire(dmvpn_acquire(a, b));
    world.run(3s);
    CHECK(a.established_count() == 1);
    for (const auto& [id, pair] : b.pairs) {
        CHECK_FALSE(pair.parameters.udp_encapsulation);
    }
}

TEST_CASE("N13: up but no bytes: both ends say why, once") {
    World world(15);
    auto& a = world.add("a", Ipv4Address(10, 10, 10, 2));
    auto& b = world.add("b", kHub);
    behind_nat(world, {a.address});
    const Ipv4Address lan_a(12, 12, 12, 0);
    const Ipv4Address lan_b(13, 13, 13, 0);
    configure_site(a, b, lan_a, lan_b);
    configure_site(b, a, lan_b, lan_a);
    a.config.crypto.nat_transparency = false;
    b.config.crypto.maps["mymap"].entries[10].peers = {kPublic.to_string()};
    b.config.crypto.keys.front().address = Ipv4Address{};
    b.config.crypto.keys.front().mask = Ipv4Address{};
    b.configure();
    a.acquire(site_acquire(a, b, lan_a, lan_b));
    world.run(3s);
    REQUIRE(a.pairs.size() == 1);
    REQUIRE(b.pairs.size() == 1);
    CHECK_FALSE(b.pairs.begin()->second.parameters.udp_encapsulation);
    const auto blocked = [](const Node& node) {
        return std::count_if(
            node.lines.lines.begin(), node.lines.lines.end(), [](const auto& line) {
                return line.find("IPSEC_NAT_BLOCKED") != std::string::npos;
            });
    };
    CHECK(blocked(b) == 0);
    a.pairs.begin()->second.usage.packets_out = 5;
    CHECK(show_session(b.engine->state(), world.now, false)
              .find("Nothing received: a NAT is in between (10.10.10.2 comes from 171.69.89.78), "
                    "and the peer does not "
                    "speak NAT-T\n") != std::string::npos);
    world.run(15s);
    CHECK(b.lines.contains(
        "%CRYPTO-4-IPSEC_NAT_BLOCKED: tunnel to 171.69.89.78 is up, but its ESP cannot pass: a NAT "
        "is in "
        "between (10.10.10.2 comes from 171.69.89.78), and the peer does not speak NAT-T"));
    CHECK(a.lines.contains(
        "5 packets have gone out and none has come in; NAT transparency is off here"));
    CHECK(show_session(a.engine->state(), world.now, false).find("Nothing received: 5 packets") !=
          std::string::npos);
    world.run(200s);
    CHECK(blocked(a) == 1);
    CHECK(blocked(b) == 1);
    // Bytes come after all (the translator passes ESP): nothing is said any more.
    b.pairs.begin()->second.usage.packets_in = 1;
    CHECK(show_session(b.engine->state(), world.now, false).find("Nothing received") ==
          std::string::npos);
}

TEST_CASE("N13: NAT traversal switched off for one LAN-to-LAN peer, the others keep it") {
    World world(14);
    auto& hub = world.add("hub", kHub);
    auto& one = world.add("one", Ipv4Address(10, 10, 10, 2));
    auto& two = world.add("two", Ipv4Address(10, 20, 10, 2));
    behind_nat(world, {one.address});
    world.nats.push_back({Ipv4Address(171, 69, 90, 1), {two.address}, {}, 1025});
    const Ipv4Address lan_hub(13, 13, 13, 0);
    const Ipv4Address lan_one(12, 12, 12, 0);
    const Ipv4Address lan_two(14, 14, 14, 0);
    configure_site(one, hub, lan_one, lan_hub);
    configure_site(two, hub, lan_two, lan_hub);
    configure_site(hub, one, lan_hub, lan_one);
    auto& map = hub.config.crypto.maps.begin()->second;
    auto second = map.entries.begin()->second;
    map.entries.begin()->second.peers = {kPublic.to_string()};
    map.entries.begin()->second.nat_t_disable = true;
    second.peers = {"171.69.90.1"};
    second.match_address = "102";
    map.entries[99] = second;
    auto list = hub.config.access_lists.begin()->second;
    list.entries.front().destination.address = lan_two;
    hub.config.access_lists["102"] = list;
    for (auto& key : hub.config.crypto.keys) {
        key.address = Ipv4Address{};
        key.mask = Ipv4Address{};
    }
    hub.configure();
    one.acquire(site_acquire(one, hub, lan_one, lan_hub));
    two.acquire(site_acquire(two, hub, lan_two, lan_hub));
    world.run(3s);
    REQUIRE(hub.pairs.size() == 2);
    for (const auto& [id, pair] : hub.pairs) {
        CHECK(pair.parameters.udp_encapsulation == (pair.parameters.remote.address != kPublic));
    }
    world.run(15s);
    CHECK(hub.lines.contains("and NAT transparency is off for this peer (crypto map"));
}

}  // namespace viaduct::ike::test
