#include <catch2/catch.hpp>

#include "controlplane/dhcp/client.h"
#include "controlplane/dhcp/server.h"

namespace viaduct::dhcp {
namespace {

class Silent final : public LogSink {
public:
    void on_message(const LogMessage& message) override { last = message.text; }

    std::string last;
};

constexpr TimePoint kStart{1000s};
constexpr IfIndex kClientIf{1};
constexpr IfIndex kServerIf{7};
const Ipv4Address kServerIp{10, 100, 2, 3};
const Ipv4Address kAll{255, 255, 255, 255};

/// A client and a server on one segment; messages cross at once unless the server is off.
struct Bench {
    Silent sink;
    Log log{sink};
    SeededRandom random{3};
    Client client{random, log};
    Server server{log};
    bool server_on = true;
    std::vector<LeaseChanged> changes;
    std::vector<Message> from_client;
    std::vector<Message> from_server;
    config::DhcpConfig config;

    Bench() {
        auto& pool = config.pools["lab"];
        pool.network = *Ipv4Prefix::parse("10.100.2.0/24");
        pool.default_routers = {kServerIp};
        pool.dns_servers = {Ipv4Address(1, 1, 1, 1)};
        pool.domain_name = "cisco.com";
        pool.lease_s = 3600;
        config.excluded = {{Ipv4Address(10, 100, 2, 1), Ipv4Address(10, 100, 2, 101)}};
        configure_server();
    }

    void configure_server() {
        server.configure(
            config, {{kServerIf, true, kServerIp, 24, *MacAddress::parse("0200.0000.00ff"), {}}});
    }

    static ClientInterface interface(bool up = true, const char* mac = "0200.0000.0001") {
        return {kClientIf,
                *config::InterfaceName::parse("Fa0/0"),
                *MacAddress::parse(mac),
                up,
                "",
                "Spoke"};
    }

    void run(TimePoint now) {
        for (int round = 0; round < 8; ++round) {
            for (auto& action : client.take_actions()) {
                if (auto* change = std::get_if<LeaseChanged>(&action)) {
                    changes.push_back(*change);
                    continue;
                }
                const auto& send = std::get<ClientSend>(action);
                const auto message = parse(send.payload);
                REQUIRE(message);
                CHECK(send.payload.size() >= 300);
                from_client.push_back(*message);
                if (server_on) {
                    server.on_request(now, kServerIf, send.source, send.destination, *message);
                }
            }
            for (auto& action : server.take_actions()) {
                const auto bytes = std::visit([](const auto& a) { return a.payload; }, action);
                const auto message = parse(bytes);
                REQUIRE(message);
                from_server.push_back(*message);
                client.on_message(now, kClientIf, kServerIp, *message);
            }
        }
    }

    /// Lets time pass from deadline to deadline.
    void until(TimePoint end) {
        while (std::min(client.next_deadline(), server.next_deadline()) <= end) {
            const auto now = std::min(client.next_deadline(), server.next_deadline());
            client.on_time(now);
            server.on_time(now);
            run(now);
        }
    }
};

TEST_CASE("P4: discover, offer, request, ack; the address and default router are there") {
    Bench b;
    b.client.configure(kStart, {Bench::interface()});
    b.run(kStart);
    REQUIRE(b.changes.size() == 1);
    REQUIRE(b.changes[0].lease);
    CHECK(b.changes[0].lease->address == Ipv4Address(10, 100, 2, 102));
    CHECK(b.changes[0].lease->length == 24);
    CHECK(b.changes[0].lease->routers == std::vector{kServerIp});
    CHECK(b.changes[0].lease->domain == "cisco.com");
    REQUIRE(b.from_client.size() == 2);
    CHECK(b.from_client[0].type() == MessageType::discover);
    CHECK(b.from_client[0].broadcast);
    CHECK(b.from_client[1].type() == MessageType::request);
    CHECK(b.from_client[1].address_option(option::kServerId) == kServerIp);
    CHECK(b.client.next_deadline() == kStart + 1800s);
}

TEST_CASE("P4: the lease is renewed for hours and never lost") {
    Bench b;
    b.client.configure(kStart, {Bench::interface()});
    b.run(kStart);
    b.until(kStart + 24h);
    for (const auto& change : b.changes) {
        REQUIRE(change.lease);
        CHECK(change.lease->address == Ipv4Address(10, 100, 2, 102));
    }
    CHECK(b.changes.size() >= 48);
    CHECK(b.server.bindings().size() == 1);
}

TEST_CASE("P4: without a server the lease is renewed, rebound, then lost, and had again later") {
    Bench b;
    b.client.configure(kStart, {Bench::interface()});
    b.run(kStart);
    b.server_on = false;
    b.until(kStart + 3599s);
    CHECK(b.client.sessions().at(kClientIf).state == Client::State::rebinding);
    CHECK(b.changes.size() == 1);
    b.until(kStart + 3601s);
    REQUIRE(b.changes.size() == 2);
    CHECK_FALSE(b.changes[1].lease);
    b.server_on = true;
    b.until(kStart + 3700s);
    REQUIRE(b.changes.size() == 3);
    CHECK(b.changes[2].lease);
}

TEST_CASE("A NAK takes the address away and starts over") {
    Bench b;
    b.client.configure(kStart, {Bench::interface()});
    b.run(kStart);
    b.config.excluded.push_back({Ipv4Address(10, 100, 2, 102), Ipv4Address(10, 100, 2, 102)});
    b.configure_server();
    b.until(kStart + 1801s);
    REQUIRE(b.changes.size() == 3);
    CHECK_FALSE(b.changes[1].lease);
    CHECK(b.changes[2].lease->address == Ipv4Address(10, 100, 2, 103));
}

TEST_CASE("release and renew by hand") {
    Bench b;
    b.client.configure(kStart, {Bench::interface()});
    b.run(kStart);
    CHECK(b.client.release(kStart + 1s, kClientIf));
    b.run(kStart + 1s);
    CHECK(b.server.bindings().empty());
    CHECK(b.client.next_deadline() == kNever);
    CHECK(b.client.renew(kStart + 2s, kClientIf));
    b.run(kStart + 2s);
    CHECK(b.server.bindings().size() == 1);
    CHECK_FALSE(b.client.release(kStart, IfIndex{9}));
}

TEST_CASE("The server: one client, one address; manual bindings; a full pool") {
    Bench b;
    b.config.pools["lab"].network = *Ipv4Prefix::parse("10.100.2.0/29");
    b.config.excluded.clear();
    b.config.pools["printer"].host = config::InterfaceAddress{Ipv4Address(10, 100, 2, 200), 24};
    b.config.pools["printer"].hardware_address = MacAddress::parse("0200.0000.0099");
    b.configure_server();
    const auto discover = [&](std::uint8_t last) {
        Message m;
        m.xid = last;
        m.chaddr = MacAddress{MacAddress::Octets{2, 0, 0, 0, 0, last}};
        m.set_type(MessageType::discover);
        b.server.on_request(kStart, kServerIf, Ipv4Address{}, kAll, m);
        const auto actions = b.server.take_actions();
        return actions.empty()
                   ? std::nullopt
                   : std::optional(parse(std::get<ServerReply>(actions.front()).payload)->yiaddr);
    };
    CHECK(discover(0x99) == Ipv4Address(10, 100, 2, 200));
    const auto first = discover(1);
    CHECK(first);
    CHECK(discover(1) == first);
    for (std::uint8_t i = 2; i <= 5; ++i) {
        CHECK(discover(i));
    }
    CHECK_FALSE(discover(6));  // .1 to .6 without the router's own .3
    CHECK(b.server.counters().exhausted == 1);
    b.server.on_time(kStart + 61s);
    CHECK(discover(6));
}

TEST_CASE("The relay fills giaddr, counts hops, and brings the answer back") {
    Bench b;
    const Ipv4Address relay_ip{10, 2, 2, 2};
    Server relay{b.log};
    relay.configure({}, {{kServerIf, true, relay_ip, 24, MacAddress{}, {kServerIp}}});
    Message discover;
    discover.xid = 5;
    discover.chaddr = *MacAddress::parse("0200.0000.0005");
    discover.set_type(MessageType::discover);
    relay.on_request(kStart, kServerIf, Ipv4Address{}, kAll, discover);
    auto actions = relay.take_actions();
    REQUIRE(actions.size() == 1);
    const auto& forwarded = std::get<ServerUnicast>(actions[0]);
    CHECK(forwarded.destination == kServerIp);
    const auto message = parse(forwarded.payload);
    CHECK(message->giaddr == relay_ip);
    CHECK(message->hops == 1);

    b.config.pools["remote"].network = *Ipv4Prefix::parse("10.2.2.0/24");
    b.configure_server();
    b.server.on_request(kStart, kServerIf, relay_ip, kServerIp, *message);
    actions = b.server.take_actions();
    REQUIRE(actions.size() == 1);
    const auto& back = std::get<ServerUnicast>(actions[0]);
    CHECK(back.destination == relay_ip);
    relay.on_reply(kStart, *parse(back.payload));
    actions = relay.take_actions();
    REQUIRE(actions.size() == 1);
    CHECK(std::get<ServerReply>(actions[0]).mac == *MacAddress::parse("0200.0000.0005"));
    CHECK(parse(std::get<ServerReply>(actions[0]).payload)->yiaddr == Ipv4Address(10, 2, 2, 1));
}

TEST_CASE(
    "DHCP messages: every truncation up to the options is refused, and what is written is read") {
    Message message;
    message.reply = true;
    message.xid = 0x12345678;
    message.yiaddr = Ipv4Address(1, 2, 3, 4);
    message.chaddr = *MacAddress::parse("0200.0000.0005");
    message.set_type(MessageType::offer);
    message.set_text(option::kDomainName, "cisco.com");
    const auto bytes = write(message);
    CHECK(parse(bytes) == message);
    for (std::size_t n = 0; n < 240; ++n) {
        CHECK_FALSE(parse(BytesView(bytes).first(n)));
    }
    CHECK_FALSE(parse(BytesView(bytes).first(242)));  // inside an option
}

}  // namespace
}  // namespace viaduct::dhcp
