// The three measurements of the control plane: registrations, resolution, convergence.
#include <chrono>
#include <ctime>
#include <fmt/format.h>
#include <map>
#include <queue>
#include <string>
#include <vector>

#include "controlplane/bench/dmvpn.h"
#include "controlplane/eigrp/engine.h"
#include "controlplane/eigrp/process.h"
#include "controlplane/eigrp/wire.h"
#include "controlplane/lab/host/wire.h"
#include "controlplane/lab/lab.h"
#include "controlplane/nhrp/engine.h"
#include "dataplane/base/check.h"

namespace viaduct::bench {

namespace {

class NoLog final : public LogSink {
public:
    void on_message(const LogMessage& /*message*/) override {}
};

double cpu_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double to_seconds(Duration d) {
    return std::chrono::duration<double>(d).count();
}

// ── registrations ──────────────────────────────────────────────────────────────────────────────

class NoRoutes final : public nhrp::RouteLookup {
public:
    [[nodiscard]] std::optional<nhrp::Route> lookup(Ipv4Address /*destination*/) const override {
        return std::nullopt;
    }

    [[nodiscard]] std::string interface_name(IfIndex /*index*/) const override { return "Tunnel0"; }
};

constexpr IfIndex kTunnel{1};
constexpr std::uint32_t kInside = 0x0A000001;
constexpr std::uint32_t kOutside = 0xAC100001;

Bytes registration(std::uint32_t spoke, std::uint32_t request) {
    nhrp::Packet packet;
    packet.type = nhrp::PacketType::registration_request;
    packet.flags = nhrp::kRegistrationUnique | nhrp::kNatSupported;
    packet.request_id = request;
    packet.source_nbma = Ipv4Address{kOutside + spoke};
    packet.source_protocol = Ipv4Address{kInside + spoke};
    packet.destination_protocol = Ipv4Address{kInside};
    nhrp::Cie cie;
    cie.prefix_length = 32;
    cie.mtu = 17916;
    cie.holding_time_s = 7200;
    packet.cies.push_back(cie);
    for (const auto type : {nhrp::ExtensionType::responder_address,
                            nhrp::ExtensionType::forward_transit,
                            nhrp::ExtensionType::reverse_transit}) {
        packet.extensions.push_back(nhrp::make_extension(type, {}));
    }
    packet.extensions.push_back(nhrp::make_authentication("cisco123"));
    packet.extensions.push_back(nhrp::make_extension(nhrp::ExtensionType::nat_address, {}));
    return nhrp::build(packet);
}

/// All register once; returns how many a second.
double register_all(nhrp::Engine& engine, TimePoint& now, unsigned spokes, std::uint32_t request) {
    std::vector<Bytes> packets;
    for (unsigned n = 1; n <= spokes; ++n) {
        packets.push_back(registration(n, request + n));
    }
    std::size_t answered = 0;
    const double begin = cpu_seconds();
    for (unsigned n = 1; n <= spokes; ++n) {
        now += 2ms;  // below `max-send`
        engine.on_packet(now, kTunnel, Ipv4Address{kOutside + n}, packets[n - 1]);
        for (const auto& action : engine.take_actions()) {
            answered += std::holds_alternative<nhrp::SendPacket>(action) ? 1U : 0U;
        }
    }
    const double taken = cpu_seconds() - begin;
    VIADUCT_CHECK(answered == spokes && engine.cache().size() == spokes);
    return spokes / taken;
}

}  // namespace

Registrations measure_registrations(unsigned spokes) {
    NoLog sink;
    Log log(sink);
    SeededRandom random(1);
    const NoRoutes routes;
    nhrp::Engine engine(random, log, routes);
    TimePoint now{100s};
    nhrp::Interface hub;
    hub.index = kTunnel;
    hub.name = "Tunnel0";
    hub.address = Ipv4Address{kInside};
    hub.length = 8;
    hub.nbma = Ipv4Address{kOutside};
    hub.nhrp.network_id = 1;
    hub.nhrp.authentication = "cisco123";
    hub.nhrp.multicast_dynamic = true;
    engine.configure(now, {hub});
    (void)engine.take_actions();
    Registrations out;
    out.first_per_second = register_all(engine, now, spokes, 0);
    out.renewed_per_second = register_all(engine, now, spokes, 100'000);
    return out;
}

// ── resolution ─────────────────────────────────────────────────────────────────────────────────

namespace {

std::string router_text(unsigned n) {
    auto out = fmt::format(
        "version 15.1\nhostname r{0}\ncrypto isakmp policy 10\n authentication pre-share\n"
        "crypto isakmp key k address 0.0.0.0 0.0.0.0\n"
        "crypto ipsec transform-set t esp-aes esp-sha-hmac\n mode transport\n"
        "crypto ipsec profile p\n set transform-set t\n"
        "interface Tunnel0\n ip address 192.168.0.{0} 255.255.255.0\n ip mtu 1400\n"
        " ip nhrp map multicast dynamic\n ip nhrp network-id 1\n",
        n);
    if (n > 1) {
        out += " ip nhrp map 192.168.0.1 10.0.0.1\n ip nhrp nhs 192.168.0.1\n";
    }
    return out + fmt::format(
                     " tunnel source FastEthernet0/0\n tunnel mode gre multipoint\n tunnel key 0\n"
                     " tunnel protection ipsec profile p\n"
                     "interface FastEthernet0/0\n ip address 10.0.0.{} 255.255.255.0\nend\n",
                     n);
}

}  // namespace

std::optional<Resolution> measure_resolution() {
    lab::Topology topology;
    lab::LinkSpec cloud{"cloud", {}};
    cloud.parameters.delay = 5ms;
    topology.links.push_back(cloud);
    for (unsigned n = 1; n <= 3; ++n) {
        topology.routers.push_back({fmt::format("r{}", n),
                                    "generated",
                                    router_text(n),
                                    {{{config::InterfaceType::fast_ethernet, {0, 0}}, "cloud"}}});
    }
    auto made = lab::Lab::create(topology, {}, lab::make_router_factory());
    if (!made) {
        fmt::print(stderr, "viaduct bench dmvpn: {}\n", made.error().message);
        return std::nullopt;
    }
    auto& lab = **made;
    lab.run_for(30s);
    std::optional<TimePoint> direct;
    std::optional<TimePoint> answered;
    lab.link("cloud").add_tap([&](TimePoint now, BytesView frame) {
        const auto ethernet = lab::read_ethernet(frame);
        const auto packet = ethernet && ethernet->type == lab::kEtherTypeIpv4
                                ? lab::read_quoted_ipv4(ethernet->payload)
                                : std::nullopt;
        if (!packet || packet->protocol != kProtoEsp) {
            return;
        }
        const auto to = packet->destination;
        if (!answered && packet->source == Ipv4Address(10, 0, 0, 1) &&
            to == Ipv4Address(10, 0, 0, 2) && ethernet->payload.size() > 500) {
            answered = now;
        }
        if (!direct && packet->source == Ipv4Address(10, 0, 0, 2) &&
            to == Ipv4Address(10, 0, 0, 3) && ethernet->payload.size() > 500) {
            direct = now;
        }
    });
    const auto begin = lab.now();
    lab.ask("r2", "ping 192.168.0.3 size 500 repeat 200");
    if (!direct || !answered) {
        fmt::print(stderr, "viaduct bench dmvpn: no direct tunnel in the lab\n");
        return std::nullopt;
    }
    return Resolution{to_seconds(*answered - begin) * 1e3, to_seconds(*direct - begin) * 1e3};
}

// ── convergence ────────────────────────────────────────────────────────────────────────────────

namespace {

using namespace eigrp;

constexpr Asn kAsn{90};
constexpr Duration kOneWay = 10ms;
constexpr std::uint32_t kHubAddress = 0xC0A80001;

/// What a spoke of the protocol's own mind would say, and nothing more.
struct PlayedSpoke {
    Ipv4Address address;
    std::vector<Ipv4Prefix> networks;
    std::uint32_t sequence = 0;
    bool announced = false;
    TimePoint next_hello;
};

class Cloud {
public:
    Cloud(unsigned spokes, unsigned prefixes)
        : log_(sink_), engine_(random_, log_), spokes_(spokes) {
        configuration_.processes[kAsn].networks.push_back({Ipv4Address{}, std::nullopt});
        configuration_.processes[kAsn].auto_summary = false;
        InterfaceState tunnel;
        tunnel.index = kTunnel;
        tunnel.name = {config::InterfaceType::tunnel, {0}};
        tunnel.up = true;
        tunnel.address = Ipv4Address{kHubAddress};
        tunnel.length = 16;
        tunnel.bandwidth_kbps = 100'000;
        tunnel.delay_10us = 50'000;
        tunnel.ip_mtu = 1400;
        tunnel.multipoint = true;
        interfaces_ = {tunnel};
        auto& settings = configuration_.interfaces[tunnel.name].eigrp[kAsn];
        settings.split_horizon = false;
        settings.next_hop_self = false;
        for (unsigned n = 0; n < spokes; ++n) {
            spokes_[n].address = Ipv4Address{kHubAddress + 1 + n};
            spokes_[n].next_hello = now_ + Duration{5'000'000LL * n / spokes * 1000};
            for (unsigned p = 0; p < prefixes; ++p) {
                spokes_[n].networks.push_back(
                    {Ipv4Address{0x0A000000U + ((n * prefixes + p) << 4U)}, 28});
            }
        }
        wanted_ = std::size_t{spokes} * prefixes;
        work([&] {
            engine_.configure(now_, configuration_);
            engine_.set_interfaces(now_, interfaces_);
        });
    }

    void set_link(bool up) {
        up_ = up;
        mark_ = {now_, cpu_};
        interfaces_.front().up = up;
        for (auto& spoke : spokes_) {
            spoke.announced = false;
        }
        work([&] { engine_.set_interfaces(now_, interfaces_); });
    }

    /// Until the hub has this many routes of them and nothing is under way; virtual seconds, and the hub's CPU time,
    /// since the link was changed.
    std::pair<double, double> until(std::size_t routes, bool quiet) {
        const auto [begin, cpu] = mark_;
        const auto limit = now_ + std::chrono::minutes{30};
        while (now_ < limit && (routes_ != routes || (quiet && !settled()))) {
            step();
        }
        VIADUCT_CHECK(routes_ == routes);
        return {to_seconds(now_ - begin), cpu_ - cpu};
    }

    [[nodiscard]] std::uint64_t packets() const { return packets_; }

    [[nodiscard]] std::size_t all() const { return wanted_; }

private:
    struct Arrival {
        TimePoint at;
        std::uint64_t order = 0;
        unsigned spoke = 0;
        bool to_hub = false;
        std::shared_ptr<const Bytes> packet;
        bool multicast = false;

        bool operator>(const Arrival& other) const {
            return std::pair{at, order} > std::pair{other.at, other.order};
        }
    };

    template <typename F>
    void work(const F& input) {
        const double begin = cpu_seconds();
        input();
        auto actions = engine_.take_actions();
        cpu_ += cpu_seconds() - begin;
        for (auto& action : actions) {
            if (auto* send = std::get_if<SendPacket>(&action)) {
                leave(std::move(*send));
            } else if (std::holds_alternative<InstallRoute>(action)) {
                installed_[std::get<InstallRoute>(action).prefix] = true;
            } else {
                installed_.erase(std::get<RemoveRoute>(action).prefix);
            }
        }
        routes_ = installed_.size();
    }

    void leave(SendPacket send) {
        ++packets_;
        if (!up_) {
            return;
        }
        const auto packet = std::make_shared<const Bytes>(std::move(send.payload));
        if (send.destination.is_multicast()) {
            for (unsigned n = 0; n < spokes_.size(); ++n) {
                arrivals_.push({now_ + kOneWay, ++order_, n, false, packet, true});
            }
            return;
        }
        const auto n = send.destination.value() - kHubAddress - 1;
        arrivals_.push({now_ + kOneWay, ++order_, n, false, packet, false});
    }

    void say(unsigned n, const Header& header, BytesView body, bool multicast) {
        if (up_) {
            arrivals_.push({now_ + kOneWay,
                            ++order_,
                            n,
                            true,
                            std::make_shared<const Bytes>(write_packet(header, body)),
                            multicast});
        }
    }

    void say_hello(unsigned n) {
        ByteWriter body;
        write_parameters(body, {});
        say(n, {Opcode::hello, 0, 0, 0, 0, kAsn}, body.view(), true);
        spokes_[n].next_hello = now_ + 5s;
    }

    void say_routes(unsigned n,
                    Opcode opcode,
                    const std::vector<Ipv4Prefix>& list,
                    bool reachable) {
        ByteWriter body;
        for (const auto& prefix : list) {
            RouteTlv route;
            route.prefix = prefix;
            route.metric = {
                reachable ? delay_from_10us(10) : kUnreachableDelay, 100'000, 1400, 0, 255, 1};
            write_route(body, route);
        }
        say(n, {opcode, 0, ++spokes_[n].sequence, 0, 0, kAsn}, body.view(), false);
    }

    void on_spoke(unsigned n, const Bytes& bytes) {
        const auto header = parse_header(bytes);
        VIADUCT_CHECK(header.has_value());
        if (header->opcode == Opcode::hello || header->sequence == 0) {
            return;
        }
        auto& spoke = spokes_[n];
        say(n, {Opcode::hello, 0, 0, header->sequence, 0, kAsn}, {}, false);
        if ((header->flags & kFlagInit) != 0 && !spoke.announced) {
            spoke.announced = true;
            say(n,
                {Opcode::update, kFlagInit, ++spoke.sequence, header->sequence, 0, kAsn},
                {},
                false);
            say_routes(n, Opcode::update, spoke.networks, true);
        } else if (header->opcode == Opcode::query) {
            std::vector<Ipv4Prefix> asked;
            const auto query = parse_packet(bytes);
            for (const auto& route : query->routes) {
                asked.push_back(route.prefix);
            }
            say_routes(n, Opcode::reply, asked, false);
        }
    }

    [[nodiscard]] bool settled() const {
        for (const auto& [index, interface] : engine_.processes().at(kAsn)->interfaces()) {
            if (interface.lagging != 0 || interface.catching_up != 0) {
                return false;
            }
        }
        return engine_.processes().at(kAsn)->active_routes() == 0;
    }

    void step() {
        const auto hellos = now_ >= next_round_;
        if (hellos) {
            next_round_ = now_ + 50ms;
            for (unsigned n = 0; n < spokes_.size(); ++n) {
                if (spokes_[n].next_hello <= now_) {
                    say_hello(n);
                }
            }
        }
        auto next = std::min(next_round_, engine_.next_deadline());
        if (!arrivals_.empty()) {
            next = std::min(next, arrivals_.top().at);
        }
        now_ = std::max(now_, next);
        while (!arrivals_.empty() && arrivals_.top().at <= now_) {
            const auto arrival = arrivals_.top();
            arrivals_.pop();
            if (!arrival.to_hub) {
                on_spoke(arrival.spoke, *arrival.packet);
                continue;
            }
            ++packets_;
            const auto to = arrival.multicast ? kAllRouters : Ipv4Address{kHubAddress};
            work([&] {
                engine_.on_packet(
                    now_, kTunnel, spokes_[arrival.spoke].address, to, *arrival.packet);
            });
        }
        if (engine_.next_deadline() <= now_) {
            work([&] { engine_.on_time(now_); });
        }
    }

    NoLog sink_;
    Log log_;
    SeededRandom random_{1};
    Engine engine_;
    Configuration configuration_;
    std::vector<InterfaceState> interfaces_;
    std::vector<PlayedSpoke> spokes_;
    std::map<Ipv4Prefix, bool> installed_;
    std::priority_queue<Arrival, std::vector<Arrival>, std::greater<>> arrivals_;
    TimePoint now_{std::chrono::hours{1}};
    TimePoint next_round_{};
    std::uint64_t order_ = 0;
    std::uint64_t packets_ = 0;
    std::size_t routes_ = 0;
    std::size_t wanted_ = 0;
    double cpu_ = 0;
    std::pair<TimePoint, double> mark_{now_, 0.0};
    bool up_ = true;
};

}  // namespace

Convergence measure_convergence(unsigned spokes, unsigned prefixes) {
    Cloud cloud(spokes, prefixes);
    (void)cloud.until(cloud.all(), true);
    const auto before = cloud.packets();
    cloud.set_link(false);
    const auto [down, down_cpu] = cloud.until(0, false);
    cloud.set_link(true);
    const auto [up, up_cpu] = cloud.until(cloud.all(), true);
    return {down, down_cpu, up, up_cpu, cloud.packets() - before};
}

}  // namespace viaduct::bench
