// libFuzzer target: EIGRP's engine. The input is a list of steps: packets of three neighbours (mostly
// well-formed, built from the input), raw packets, time, interfaces going down and up, configuration.
// After every step the engine's invariants are checked.
#include <cstddef>
#include <cstdint>

#include "controlplane/eigrp/engine.h"
#include "controlplane/eigrp/process.h"
#include "dataplane/base/check.h"

using namespace viaduct;
using namespace viaduct::eigrp;

namespace {

constexpr Asn kAsn{90};

class NoLog final : public LogSink {
public:
    void on_message(const LogMessage&) override {}
};

class World {
public:
    explicit World(BytesView input) : in_(input), log_(sink_), engine_(random_, log_) {
        auto& process = configuration_.processes[kAsn];
        process.networks.push_back({Ipv4Address{}, std::nullopt});
        process.auto_summary = (in_.u8() & 1U) != 0;
        for (std::uint8_t i = 1; i <= 2; ++i) {
            InterfaceState s;
            s.index = IfIndex{i};
            s.name = {config::InterfaceType::fast_ethernet, {0, i}};
            s.up = true;
            s.address = Ipv4Address(10, i, 0, 1);
            s.length = 24;
            interfaces_.push_back(s);
        }
        apply();
    }

    void run() {
        while (in_.remaining() > 0) {
            step();
            for (auto& action : engine_.take_actions()) {
                take(action);
            }
            VIADUCT_CHECK(engine_.is_consistent());
        }
    }

private:
    void apply() {
        engine_.configure(now_, configuration_);
        engine_.set_interfaces(now_, interfaces_);
    }

    void take(const Action& action) {
        if (const auto* send = std::get_if<SendPacket>(&action)) {
            const auto packet = parse_packet(send->payload);
            VIADUCT_CHECK(packet.has_value());
            VIADUCT_CHECK(send->payload.size() + kIpHeaderBytes <= 1500);
            last_[send->interface.value() % 3] = packet->header.sequence != 0
                                                     ? packet->header.sequence
                                                     : last_[send->interface.value() % 3];
        }
    }

    void deliver(const Bytes& packet, IfIndex i, std::uint8_t who, bool multicast) {
        const Ipv4Address from(10, static_cast<std::uint8_t>(i.value()), 0, who);
        const Ipv4Address to =
            multicast ? kAllRouters : Ipv4Address(10, static_cast<std::uint8_t>(i.value()), 0, 1);
        engine_.on_packet(now_, i, from, to, packet);
    }

    void routes(ByteWriter& out) {
        const unsigned count = in_.u8() % 6;
        for (unsigned n = 0; n < count; ++n) {
            RouteTlv t;
            const auto bits = in_.u8();
            t.style = (bits & 1U) != 0 ? MetricStyle::wide : MetricStyle::classic;
            t.prefix = {Ipv4Address(172, 16, static_cast<std::uint8_t>(in_.u8() % 4), 0),
                        (bits & 2U) != 0 ? 16U : 24U};
            t.metric = {delay_from_10us(1U + in_.u8()), 1000, 1500, in_.u8(), 255, 1};
            if ((bits & 4U) != 0) {
                t.metric.delay_ps = kUnreachableDelay;
            }
            if ((bits & 8U) != 0) {
                t.external = External{Ipv4Address(1, 1, 1, in_.u8()), 0, 0, 0, 3, 0};
            }
            t.flags = (bits & 16U) != 0 ? kRouteActive : 0;
            write_route(out, t);
        }
    }

    void packet() {
        static constexpr Opcode kOpcodes[] = {Opcode::update,
                                              Opcode::query,
                                              Opcode::reply,
                                              Opcode::sia_query,
                                              Opcode::sia_reply,
                                              Opcode::hello};
        const IfIndex i{static_cast<std::uint16_t>(1 + in_.u8() % 2)};
        const auto who = static_cast<std::uint8_t>(2 + in_.u8() % 3);
        Header h;
        h.opcode = kOpcodes[in_.u8() % 6];
        const auto bits = in_.u8();
        h.flags = bits & 0x0FU;
        h.asn = kAsn;
        h.sequence = (bits & 0x10U) != 0 ? ++sequence_ : in_.u8();
        h.ack = (bits & 0x20U) != 0 ? last_[i.value() % 3] : in_.u8();
        ByteWriter body;
        if (h.opcode == Opcode::hello && (bits & 0x40U) != 0) {
            h.ack = 0;
            write_parameters(body, {(in_.u8() & 7U) == 0 ? kGoodbyeK : kDefaultK, 15});
            if ((bits & 1U) != 0) {
                write_stub(body, kStubConnected);
            }
            if ((bits & 2U) != 0) {
                write_sequence_list(body, {Ipv4Address(10, 1, 0, 1)});
                write_next_multicast(body, sequence_ + 1);
            }
        } else {
            routes(body);
        }
        deliver(write_packet(h, body.view()), i, who, (bits & 0x80U) != 0);
    }

    void step() {
        switch (in_.u8() % 12) {
        case 0: {
            now_ += std::chrono::milliseconds{in_.u16()};
            engine_.on_time(now_);
            break;
        }
        case 1: {
            const auto next = engine_.next_deadline();
            if (next != kNever) {
                now_ = std::max(now_, next);
                engine_.on_time(now_);
            }
            break;
        }
        case 2: {
            auto& s = interfaces_[in_.u8() % 2];
            s.up = !s.up;
            engine_.set_interfaces(now_, interfaces_);
            break;
        }
        case 3:
            configure();
            break;
        case 4: {
            const auto raw = in_.bytes(std::min<std::size_t>(in_.u8(), in_.remaining()));
            Bytes bytes(raw.begin(), raw.end());
            if (bytes.size() >= kHeaderBytes) {
                bytes[0] = 2;
                bytes[18] = 0;
                bytes[19] = 90;
                seal(bytes);
            }
            deliver(bytes, IfIndex{1}, 2, false);
            break;
        }
        default:
            packet();
        }
    }

    void configure() {
        auto& p = configuration_.processes[kAsn];
        auto& i = configuration_.interfaces[interfaces_[0].name].eigrp[kAsn];
        switch (in_.u8() % 8) {
        case 0:
            p.stub.enabled = !p.stub.enabled;
            break;
        case 1:
            i.split_horizon = !i.split_horizon;
            break;
        case 2:
            p.variance = static_cast<std::uint8_t>(1 + in_.u8() % 8);
            break;
        case 3:
            i.summaries = {{kAsn, {Ipv4Address(172, 16, 0, 0), 16}, 5}};
            break;
        case 4:
            p.passive_default = !p.passive_default;
            break;
        case 5:
            interfaces_[0].delay_10us = 1U + in_.u8();
            break;
        case 6:
            p.active_time_minutes = static_cast<std::uint16_t>(1 + in_.u8() % 3);
            break;
        default:
            engine_.clear_neighbors(now_);
        }
        apply();
    }

    ByteReader in_;
    SeededRandom random_{1};
    NoLog sink_;
    Log log_;
    Engine engine_;
    Configuration configuration_;
    std::vector<InterfaceState> interfaces_;
    TimePoint now_{std::chrono::hours{1}};
    std::uint32_t sequence_ = 0;
    std::uint32_t last_[3]{};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    World(BytesView(data, size)).run();
    return 0;
}
