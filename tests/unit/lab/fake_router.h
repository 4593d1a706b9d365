// A router small enough to be seen through, so that the lab's own tests stand without the real one. Its configuration:
//   port 0 10.1.0.1/24
//   route 10.2.0.0/24 1 10.9.0.2
// It answers ARP and echo, forwards with TTL and "fragmentation needed", and knows the command `show forwarded`.
#pragma once

#include <map>
#include <sstream>

#include "controlplane/lab/device.h"
#include "controlplane/lab/host/wire.h"

namespace viaduct::lab {

class FakeRouter final : public Device {
public:
    explicit FakeRouter(const DeviceContext& context)
        : startup_(context.startup_text), mtus_(context.mtus), macs_(context.macs) {
        output_.resize(macs_.size());
        addresses_.resize(macs_.size());
        lengths_.resize(macs_.size());
        std::istringstream lines{startup_};
        std::string word;
        while (lines >> word) {
            std::size_t port = 0;
            std::string first;
            std::string second;
            if (word == "port" && lines >> port >> first) {
                const auto slash = first.find('/');
                addresses_[port] = *Ipv4Address::parse(first.substr(0, slash));
                lengths_[port] = static_cast<unsigned>(std::stoul(first.substr(slash + 1)));
            } else if (word == "route" && lines >> first >> port >> second) {
                routes_.push_back({*Ipv4Prefix::parse(first), port, *Ipv4Address::parse(second)});
            }
        }
    }

    void deliver(unsigned port, BytesView frame) override {
        input_.emplace_back(port, Bytes(frame.begin(), frame.end()));
    }

    void set_link(unsigned, bool) override {}

    void run(TimePoint, WallTime) override {
        for (const auto& [port, frame] : std::exchange(input_, {})) {
            const auto ethernet = read_ethernet(frame);
            if (ethernet->type == kEtherTypeArp) {
                on_arp(port, *read_arp(ethernet->payload));
            } else if (const auto packet = read_ipv4(ethernet->payload);
                       packet && ethernet->destination == macs_[port]) {
                on_packet(port, *packet);
            }
        }
    }

    std::vector<Bytes> take_frames(unsigned port) override {
        return std::exchange(output_[port], {});
    }

    [[nodiscard]] TimePoint next_deadline() const override { return kNever; }

    std::unique_ptr<DeviceSession> open_session() override {
        return std::make_unique<Session>(*this);
    }

    Result<void> listen_console(const std::string&) override { return failure("a fake"); }

    [[nodiscard]] int console_descriptor() const override { return -1; }

    [[nodiscard]] bool reload_requested() const override { return false; }

    [[nodiscard]] std::string startup_text() const override { return startup_; }

    [[nodiscard]] Router* router() override { return nullptr; }

private:
    struct Route {
        Ipv4Prefix prefix;
        std::size_t port;
        Ipv4Address via;
    };

    class Session final : public DeviceSession {
    public:
        explicit Session(FakeRouter& router) : router_(router) {}

        [[nodiscard]] std::string prompt() const override {
            return configuring_ ? "fake(config)#" : "fake#";
        }

        bool execute(TimePoint, WallTime, std::string_view line) override {
            if (line == "show forwarded") {
                output_ = std::to_string(router_.forwarded_) + " packets forwarded\n";
            } else if (line == "configure terminal" || line == "end") {
                configuring_ = line != "end";
            } else {
                output_ = "typed: " + std::string(line) + "\n";
            }
            return true;
        }

        [[nodiscard]] bool busy() const override { return false; }

        void interrupt() override {}

        std::string take_output() override { return std::exchange(output_, {}); }

    private:
        FakeRouter& router_;
        bool configuring_ = false;
        std::string output_;
    };

    void on_arp(std::size_t port, const ArpPacket& arp) {
        neighbors_[arp.sender] = arp.sender_mac;
        if (arp.operation == 1 && arp.target == addresses_[port]) {
            const ArpPacket reply{2, macs_[port], arp.target, arp.sender_mac, arp.sender};
            output_[port].push_back(
                write_ethernet({arp.sender_mac, macs_[port], kEtherTypeArp, write_arp(reply)}));
        }
        for (auto& [out, hop, packet] : std::exchange(waiting_, {})) {
            emit(out, hop, std::move(packet));
        }
    }

    void on_packet(std::size_t port, Ipv4View packet) {
        for (const auto& address : addresses_) {
            if (packet.destination == address) {
                const auto icmp = read_icmp(packet.payload);
                if (packet.protocol == kProtoIcmp && icmp && icmp->type == kIcmpEcho) {
                    auto reply = *icmp;
                    reply.type = kIcmpEchoReply;
                    send(packet.destination, packet.source, write_icmp(reply));
                }
                return;
            }
        }
        if (packet.ttl <= 1) {
            error(port, packet, {kIcmpTimeExceeded, 0, 0, {}});
            return;
        }
        --packet.ttl;
        const auto [out, hop] = look_up(packet.destination);
        if (out >= macs_.size()) {
            error(port, packet, {kIcmpUnreachable, 0, 0, {}});
            return;
        }
        auto bytes = write_ipv4(packet);
        if (bytes.size() > mtus_[out]) {
            error(port, packet, {kIcmpUnreachable, kIcmpTooBig, mtus_[out], {}});
            return;
        }
        ++forwarded_;
        emit(out, hop, std::move(bytes));
    }

    void error(std::size_t port, const Ipv4View& packet, IcmpView message) {
        const auto quoted = write_ipv4(packet);
        message.payload = BytesView(quoted).first(std::min<std::size_t>(quoted.size(), 28));
        send(addresses_[port], packet.source, write_icmp(message));
    }

    void send(Ipv4Address from, Ipv4Address to, const Bytes& message) {
        Ipv4View packet;
        packet.protocol = kProtoIcmp;
        packet.source = from;
        packet.destination = to;
        packet.payload = message;
        const auto [out, hop] = look_up(to);
        emit(out, hop, write_ipv4(packet));
    }

    [[nodiscard]] std::pair<std::size_t, Ipv4Address> look_up(Ipv4Address to) const {
        for (std::size_t i = 0; i < addresses_.size(); ++i) {
            if (Ipv4Prefix(addresses_[i], lengths_[i]).contains(to)) {
                return {i, to};
            }
        }
        for (const auto& route : routes_) {
            if (route.prefix.contains(to)) {
                return {route.port, route.via};
            }
        }
        return {macs_.size(), to};
    }

    void emit(std::size_t port, Ipv4Address hop, Bytes packet) {
        const auto neighbor = neighbors_.find(hop);
        if (neighbor != neighbors_.end()) {
            output_[port].push_back(
                write_ethernet({neighbor->second, macs_[port], kEtherTypeIpv4, packet}));
            return;
        }
        waiting_.push_back({port, hop, std::move(packet)});
        const ArpPacket request{1, macs_[port], addresses_[port], MacAddress{}, hop};
        output_[port].push_back(write_ethernet(
            {MacAddress::broadcast(), macs_[port], kEtherTypeArp, write_arp(request)}));
    }

    struct Waiting {
        std::size_t port;
        Ipv4Address hop;
        Bytes packet;
    };

    std::string startup_;
    std::vector<unsigned> mtus_;
    std::vector<MacAddress> macs_;
    std::vector<Ipv4Address> addresses_;
    std::vector<unsigned> lengths_;
    std::vector<Route> routes_;
    std::map<Ipv4Address, MacAddress> neighbors_;
    std::vector<std::pair<std::size_t, Bytes>> input_;
    std::vector<std::vector<Bytes>> output_;
    std::vector<Waiting> waiting_;
    std::uint64_t forwarded_ = 0;
};

inline DeviceFactory fake_factory() {
    return [](const DeviceContext& context) -> Result<std::unique_ptr<Device>> {
        return std::make_unique<FakeRouter>(context);
    };
}

}  // namespace viaduct::lab
