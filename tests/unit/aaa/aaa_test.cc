#include <catch2/catch.hpp>

#include "controlplane/aaa/engine.h"
#include "crypto/primitives.h"

namespace viaduct::aaa {
namespace {

class Silent final : public LogSink {
public:
    void on_message(const LogMessage& /*message*/) override {}
};

constexpr TimePoint kStart{1000s};
const Ipv4Address kServer1{127, 0, 0, 1};
const Ipv4Address kServer2{127, 0, 0, 2};

// RFC 2865, section 7.1: user nemo, password arctangent, secret xyzzy5461.
const Bytes kRfcRequest = from_hex(
    "01000038 0f403f9473978057bd83d5cb98f4227a 01066e656d6f 02120dbe708d93d413ce3196e43f782a0aee"
    "0406c0a80110 050600000003");
const Bytes kRfcAccept =
    from_hex("02000026 86fe220e7624ba2a1005f6bf9b55e0b2 060600000001 0f0600000000 0e06c0a80103");

TEST_CASE("RADIUS: the login of RFC 2865, section 7.1") {
    const auto request = parse_radius(kRfcRequest);
    REQUIRE(request);
    CHECK(write_radius(*request) == kRfcRequest);
    const auto hidden =
        hide_password(as_bytes("arctangent"), as_bytes("xyzzy5461"), request->authenticator);
    CHECK(hidden == request->find(kUserPassword)->value);
    CHECK(response_is_genuine(kRfcAccept, request->authenticator, as_bytes("xyzzy5461")));
    CHECK_FALSE(response_is_genuine(kRfcAccept, request->authenticator, as_bytes("xyzzy5462")));
    auto changed = kRfcAccept;
    changed.back() ^= 1U;
    CHECK_FALSE(response_is_genuine(changed, request->authenticator, as_bytes("xyzzy5461")));
}

TEST_CASE("RADIUS: truncated packets are refused") {
    for (std::size_t n = 0; n < kRfcRequest.size(); ++n) {
        CHECK_FALSE(parse_radius(BytesView(kRfcRequest).first(n)));
    }
    auto zero_length = kRfcRequest;
    zero_length[21] = 0;
    CHECK_FALSE(parse_radius(zero_length));
}

struct Bench {
    Silent sink;
    Log log{sink};
    SeededRandom random{7};
    Engine engine{random, log};
    config::RunningConfig config;

    Bench() {
        using Method = config::AaaMethodList::Method;
        config.system.users["vpnuser"].password = {7, "121A0C041104"};
        config.aaa.login["clientauth"].methods = {Method::local};
        config.aaa.login["remote"].methods = {Method::radius, Method::local};
        config.aaa.radius_servers = {{kServer1, 1812, 1813, {0, "secret1"}},
                                     {kServer2, 1812, 1813, {0, "secret2"}}};
        config.aaa.radius_timeout_s = 2;
        config.aaa.radius_retransmit = 1;
        engine.configure(config);
    }

    void login(const char* list, const char* user, std::string_view password) {
        engine.authenticate(kStart, {1, list, user, Secret(as_bytes(password)), ""});
    }

    std::vector<Decision> decisions;
    std::vector<SendPacket> sent;

    void take() {
        for (auto& action : engine.take_actions()) {
            if (auto* decision = std::get_if<Decision>(&action)) {
                decisions.push_back(*decision);
            } else {
                sent.push_back(std::get<SendPacket>(action));
            }
        }
    }

    /// What a server with this secret would answer.
    static Bytes answer(const SendPacket& request,
                        RadiusCode code,
                        std::string_view secret,
                        std::vector<RadiusAttribute> attributes = {}) {
        auto packet = *parse_radius(request.payload);
        const auto authenticator = packet.authenticator;
        packet.code = static_cast<std::uint8_t>(code);
        packet.attributes = std::move(attributes);
        auto bytes = write_radius(packet);
        const auto digest = crypto::digest(crypto::Hash::md5,
                                           {BytesView(bytes).first(4),
                                            authenticator,
                                            BytesView(bytes).subspan(20),
                                            as_bytes(secret)});
        std::copy(digest.begin(), digest.end(), bytes.begin() + 4);
        return bytes;
    }
};

TEST_CASE("P2: local users with a type-7 password") {
    Bench b;
    b.login("clientauth", "vpnuser", "cisco");
    b.login("clientauth", "vpnuser", "Cisco");
    b.login("clientauth", "nobody", "cisco");
    b.take();
    REQUIRE(b.decisions.size() == 3);
    CHECK(b.decisions[0].accepted);
    CHECK_FALSE(b.decisions[1].accepted);
    CHECK_FALSE(b.decisions[2].accepted);
}

TEST_CASE("P2: local users with hashed secrets; nobody gets in by a name that is not there") {
    Bench b;
    auto& users = b.config.system.users;
    users["five"] = {{5, "$1$mERr$hx5rVt7rPNoS4wqbXKX7m0"}, true, 1};
    users["nine"] = {{9, "$9$2MJBozw/9R3UsU$2lFhcKvpghcyw8deP25GOfyZaagyUOGBymkryvOdfo6"}, true, 1};
    b.engine.configure(b.config);
    b.login("clientauth", "five", "cisco");
    b.login("clientauth", "nine", "hashcat");
    b.login("clientauth", "five", "hashcat");
    b.login("clientauth", "nobody", "cisco");
    b.take();
    REQUIRE(b.decisions.size() == 4);
    CHECK(b.decisions[0].accepted);
    CHECK(b.decisions[1].accepted);
    CHECK_FALSE(b.decisions[2].accepted);
    CHECK_FALSE(b.decisions[3].accepted);
}

TEST_CASE("RADIUS: accept with Framed-IP-Address and Class, reject, forgery") {
    Bench b;
    b.login("remote", "anna", "pw");
    b.take();
    REQUIRE(b.sent.size() == 1);
    CHECK(b.sent[0].server == kServer1);
    const auto wrong = Bench::answer(b.sent[0], RadiusCode::access_accept, "other");
    b.engine.on_packet(kStart, kServer1, L4Port{1812}, Engine::kLocalPort, wrong);
    b.take();
    CHECK(b.decisions.empty());
    CHECK(b.engine.counters().forged == 1);
    SECTION("accept") {
        const auto text = as_bytes("OU=sales;");
        const auto right = Bench::answer(
            b.sent[0],
            RadiusCode::access_accept,
            "secret1",
            {{kFramedIpAddress, from_hex("0a050507")}, {kClass, Bytes(text.begin(), text.end())}});
        b.engine.on_packet(kStart, kServer1, L4Port{1812}, Engine::kLocalPort, right);
        b.take();
        REQUIRE(b.decisions.size() == 1);
        CHECK(b.decisions[0].accepted);
        CHECK(b.decisions[0].framed_address == Ipv4Address(10, 5, 5, 7));
        CHECK(b.decisions[0].group == "sales");
    }
    SECTION("reject ends it: the local table is not asked") {
        b.engine.on_packet(kStart,
                           kServer1,
                           L4Port{1812},
                           Engine::kLocalPort,
                           Bench::answer(b.sent[0], RadiusCode::access_reject, "secret1"));
        b.take();
        REQUIRE(b.decisions.size() == 1);
        CHECK_FALSE(b.decisions[0].accepted);
    }
}

TEST_CASE("RADIUS: a time-out goes to the next server, then to the next method") {
    Bench b;
    b.login("remote", "vpnuser", "cisco");
    while (b.engine.next_deadline() != kNever) {
        b.engine.on_time(b.engine.next_deadline());
    }
    b.take();
    REQUIRE(b.sent.size() == 4);
    CHECK(b.sent[1].payload == b.sent[0].payload);
    CHECK(b.sent[2].server == kServer2);
    REQUIRE(b.decisions.size() == 1);
    CHECK(b.decisions[0].accepted);  // by the local table
}

TEST_CASE("RADIUS: requests that wait are bounded") {
    Bench b;
    for (int i = 0; i < 1000; ++i) {
        b.login("remote", "vpnuser", "cisco");
    }
    b.take();
    CHECK(b.sent.size() == Engine::kMaxPending);
    CHECK(b.engine.counters().table_full == 1000 - Engine::kMaxPending);
}

}  // namespace
}  // namespace viaduct::aaa
