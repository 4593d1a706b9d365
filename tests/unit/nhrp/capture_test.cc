// Packets of real IOS gear, replayed into the engine: parsed whole, answered as IOS did, byte for byte.
#include <cstdlib>

#include <catch2/catch.hpp>

#include "dataplane/base/checksum.h"
#include "network.h"
#include "pcap.h"

namespace viaduct::nhrp::test {
namespace {

std::vector<CapturedNhrp> capture(const std::string& name) {
    // The folder stands beside the checkout, or where the environment says.
    const char* elsewhere = std::getenv("VIADUCT_FIXTURES");
    auto out = read_capture(std::string(elsewhere != nullptr ? elsewhere : VIADUCT_FIXTURES) +
                            "/captures/" + name);
    if (out.empty()) {
        WARN("skipped: ../shared/fixtures/captures/" << name << " is absent");
    }
    return out;
}

/// With the captured packet's request id and the checksum made anew.
std::string with_id(Bytes ours, const Bytes& theirs) {
    REQUIRE(ours.size() >= 28);
    std::copy(theirs.begin() + 24, theirs.begin() + 28, ours.begin() + 24);
    ByteWriter out(std::move(ours));
    out.patch_u16(12, 0);
    out.patch_u16(12, internet_checksum(out.view()));
    return to_hex(out.view());
}

Interface plain(std::string_view address,
                std::string_view nbma,
                std::string_view password,
                std::uint16_t mtu) {
    Interface out;
    out.index = kTunnel0;
    out.name = "Tunnel0";
    out.address = ip(address);
    out.nbma = ip(nbma);
    out.nhrp.authentication = password;
    out.nhrp.network_id = 1;
    out.cie_mtu = mtu;
    return out;
}

struct One {
    SeededRandom random{3};
    Lines lines;
    Log log{lines};
    Routes routes;
    Engine engine{random, log, routes};

    /// The NHRP packets that it wants to send now.
    std::vector<SendPacket> sent() {
        std::vector<SendPacket> out;
        for (auto& action : engine.take_actions()) {
            if (auto* packet = std::get_if<SendPacket>(&action)) {
                out.push_back(std::move(*packet));
            }
        }
        return out;
    }
};

constexpr TimePoint kStart{100s};

}  // namespace

TEST_CASE("D3: every captured NHRP packet of IOS parses whole and is built again byte for byte") {
    for (const auto* name : {"NHRP_registration.pcap", "nhrp-trace.pcap", "nhrp.pcapng"}) {
        for (const auto& packet : capture(name)) {
            const auto parsed = parse(packet.nhrp);
            REQUIRE(parsed);
            CHECK(to_hex(build(*parsed)) == to_hex(packet.nhrp));
            CHECK(packet.tos == 0xC0);
        }
    }
}

TEST_CASE("D3: our registration and the hub's reply are those of IOS") {
    struct Case {
        const char* file;
        const char* password;
        std::uint16_t mtu;
    };

    for (const auto& c :
         {Case{"NHRP_registration.pcap", "NHRPAUTH", 17912}, Case{"nhrp.pcapng", "OTUS", 17916}}) {
        const auto packets = capture(c.file);
        if (packets.size() < 2) {
            return;
        }
        const auto request = parse(packets[0].nhrp);
        REQUIRE(request);
        One spoke;
        auto interface = plain(
            request->source_protocol.to_string(), packets[0].source.to_string(), c.password, c.mtu);
        interface.nhrp.servers.push_back({request->destination_protocol, packets[0].destination});
        spoke.engine.configure(kStart, {interface});
        const auto sent = spoke.sent();
        REQUIRE(sent.size() == 1);
        CHECK(sent[0].to == Nbma{packets[0].destination, std::nullopt});
        CHECK(with_id(sent[0].nhrp, packets[0].nhrp) == to_hex(packets[0].nhrp));

        One hub;
        hub.engine.configure(kStart,
                             {plain(request->destination_protocol.to_string(),
                                    packets[0].destination.to_string(),
                                    c.password,
                                    c.mtu)});
        hub.engine.on_packet(kStart, kTunnel0, packets[0].source, packets[0].nhrp);
        const auto reply = hub.sent();
        REQUIRE(reply.size() == 1);
        CHECK(to_hex(reply[0].nhrp) == to_hex(packets[1].nhrp));

        // The reply, with the id that we used, makes the server respond.
        auto answer = parse(packets[1].nhrp);
        REQUIRE(answer);
        answer->request_id = parse(sent[0].nhrp)->request_id;
        spoke.engine.on_packet(kStart, kTunnel0, packets[1].source, build(*answer));
        CHECK(spoke.engine.tunnels().at(kTunnel0).servers[0].state == ServerState::responding);
    }
}

// 10.255.255.3 (192.168.200.3) ── hub 10.255.255.1 (192.168.200.1) ── 10.255.255.2 (192.168.200.2)
TEST_CASE(
    "D5: phase 3 as IOS did it: indication, request, forwarded request and reply, byte for byte") {
    const auto packets = capture("nhrp-trace.pcap");
    if (packets.size() < 4) {
        return;
    }
    One hub;
    auto interface = plain("10.255.255.1", "192.168.200.1", "secret", 1514);
    interface.nhrp.redirect = true;
    interface.nhrp.maps = {{ip("10.255.255.2"), 32, ip("192.168.200.2")},
                           {ip("10.255.255.3"), 32, ip("192.168.200.3")}};
    hub.routes.add("10.255.255.0/24", kTunnel0);
    hub.engine.configure(kStart, {interface});
    hub.sent();
    auto offending = parse(packets[0].nhrp)->contents;
    offending.resize(100);
    hub.engine.on_redirect(kStart, kTunnel0, kTunnel0, ip("192.168.200.3"), offending);
    auto sent = hub.sent();
    REQUIRE(sent.size() == 1);
    CHECK(to_hex(sent[0].nhrp) == to_hex(packets[0].nhrp));

    One three;
    interface = plain("10.255.255.3", "192.168.200.3", "secret", 1514);
    interface.nhrp.shortcut = true;
    interface.nhrp.servers.push_back({ip("10.255.255.1"), ip("192.168.200.1")});
    three.routes.add("10.255.255.0/24", kTunnel0);
    three.engine.configure(kStart, {interface});
    three.sent();
    three.engine.on_packet(kStart, kTunnel0, packets[0].source, packets[0].nhrp);
    three.engine.on_time(kStart + 12ms);
    sent = three.sent();
    REQUIRE(sent.size() == 1);
    CHECK(with_id(sent[0].nhrp, packets[1].nhrp) == to_hex(packets[1].nhrp));
    CHECK(sent[0].to.address == ip("192.168.200.1"));

    hub.engine.on_packet(kStart, kTunnel0, packets[1].source, packets[1].nhrp);
    const auto forwarded = hub.sent();
    REQUIRE(forwarded.size() == 1);
    CHECK(to_hex(forwarded[0].nhrp) == to_hex(packets[2].nhrp));
    CHECK(forwarded[0].to.address == ip("192.168.200.2"));

    One two;
    interface = plain("10.255.255.2", "192.168.200.2", "secret", 1514);
    two.routes.add("10.255.255.0/24", kTunnel0);
    two.engine.configure(kStart, {interface});
    two.engine.on_packet(kStart, kTunnel0, packets[2].source, packets[2].nhrp);
    const auto reply = two.sent();
    REQUIRE(reply.size() == 1);
    CHECK(to_hex(reply[0].nhrp) == to_hex(packets[3].nhrp));
    CHECK(reply[0].to.address == ip("192.168.200.3"));

    auto answer = parse(packets[3].nhrp);
    answer->request_id = parse(sent[0].nhrp)->request_id;
    three.engine.on_packet(kStart, kTunnel0, packets[3].source, build(*answer));
    const auto& entries = three.engine.cache().entries();
    const auto entry = entries.find({kTunnel0, net("10.255.255.2/32")});
    REQUIRE(entry != entries.end());
    CHECK(entry->second.complete());
    CHECK(entry->second.nbma.address == ip("192.168.200.2"));
}

}  // namespace viaduct::nhrp::test
