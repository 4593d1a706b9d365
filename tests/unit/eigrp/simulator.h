// A small network in virtual time for the tests of EIGRP: routers with real engines, segments that
// delay, lose, duplicate and reorder, and what each router would forward.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "controlplane/eigrp/engine.h"
#include "controlplane/eigrp/process.h"

namespace viaduct::eigrp::test {

inline constexpr Asn kAsn{90};

inline Ipv4Prefix prefix(const std::string& text) {
    return *Ipv4Prefix::parse(text);
}

inline config::InterfaceName name(const std::string& text) {
    return *config::InterfaceName::parse(text);
}

struct LogLines final : LogSink {
    std::vector<std::string> lines;
    std::size_t flaps = 0;  // neighbours that went down
    bool keep = true;

    void on_message(const LogMessage& m) override {
        if (m.mnemonic == "NBRCHANGE" && m.text.find(" is down") != std::string::npos) {
            ++flaps;
        }
        if (keep) {
            lines.push_back(m.facility.empty() ? m.text
                                               : "%" + m.facility + "-" +
                                                     std::to_string(static_cast<int>(m.severity)) +
                                                     "-" + m.mnemonic + ": " + m.text);
        }
    }

    [[nodiscard]] bool has(const std::string& part) const {
        for (const auto& l : lines) {
            if (l.find(part) != std::string::npos) {
                return true;
            }
        }
        return false;
    }
};

struct Node {
    explicit Node(std::string n, std::uint64_t seed, Options options)
        : name(std::move(n)),
          random(seed),
          log(sink),
          engine(std::make_unique<Engine>(random, log, options)),
          options_(options) {}

    std::string name;
    SeededRandom random;
    LogLines sink;
    Log log;
    std::unique_ptr<Engine> engine;
    Configuration configuration;
    std::vector<InterfaceState> interfaces;
    std::map<Ipv4Prefix, InstallRoute> rib;
    bool keep_rib = true;
    std::size_t installs = 0;
    std::map<IfIndex, std::size_t> segment_of;
    bool powered = true;
    TimePoint scheduled = kNever;

    config::EigrpConfig& eigrp() { return configuration.processes[kAsn]; }

    config::EigrpInterfaceConfig& eigrp(IfIndex i) {
        auto& c = configuration.interfaces[state(i).name];
        c.name = state(i).name;
        return c.eigrp[kAsn];
    }

    InterfaceState& state(IfIndex i) { return interfaces.at(i.value() - 1U); }

    [[nodiscard]] const Process& process() const { return *engine->processes().at(kAsn); }

    void reboot() {
        engine = std::make_unique<Engine>(random, log, options_);
        rib.clear();
    }

private:
    Options options_;
};

struct Port {
    std::size_t node;
    IfIndex interface;
    Ipv4Address address;
};

struct Segment {
    std::vector<Port> ports;
    std::map<Ipv4Address, std::size_t> by_address;
    double loss = 0;
    double duplicate = 0;
    Duration delay_minimum = 1ms;
    Duration delay_maximum = 1ms;
    bool up = true;
    std::optional<std::size_t> hub;  // a port: multicast goes between it and the others only
};

struct Sent {
    TimePoint at;
    std::size_t node;
    SendPacket packet;
};

class Network {
public:
    explicit Network(std::uint64_t seed) : random_(seed), seed_(seed) {}

    std::size_t add(const std::string& name, Options options = {}) {
        nodes_.push_back(std::make_unique<Node>(name, seed_ * 7919 + nodes_.size() + 1, options));
        nodes_.back()->eigrp().networks.push_back({Ipv4Address{}, std::nullopt});
        nodes_.back()->eigrp().auto_summary = false;
        return nodes_.size() - 1;
    }

    Node& node(std::size_t n) { return *nodes_.at(n); }

    [[nodiscard]] std::size_t size() const { return nodes_.size(); }

    Segment& segment(std::size_t s) { return segments_.at(s); }

    /// A new Ethernet on a router; 100 Mbit/s and 100 us.
    IfIndex interface(std::size_t n, Ipv4Address address, unsigned length) {
        auto& v = nodes_[n]->interfaces;
        InterfaceState s;
        s.index = IfIndex{static_cast<std::uint16_t>(v.size() + 1)};
        s.name = {config::InterfaceType::fast_ethernet, {0, static_cast<std::uint16_t>(v.size())}};
        s.up = true;
        s.address = address;
        s.length = length;
        v.push_back(s);
        return s.index;
    }

    std::size_t segment(const std::vector<std::pair<std::size_t, IfIndex>>& ports) {
        Segment s;
        for (const auto& [n, i] : ports) {
            attach(s, n, i);
        }
        segments_.push_back(std::move(s));
        for (const auto& [n, i] : ports) {
            nodes_[n]->segment_of[i] = segments_.size() - 1;
        }
        return segments_.size() - 1;
    }

    /// A point-to-point link with a /30 of its own.
    std::size_t link(std::size_t a, std::size_t b) {
        const std::uint32_t net = 0x0A000000U + 4U * ++links_;
        const auto ia = interface(a, Ipv4Address{net + 1}, 30);
        const auto ib = interface(b, Ipv4Address{net + 2}, 30);
        return segment({{a, ia}, {b, ib}});
    }

    /// A network with hosts only.
    IfIndex lan(std::size_t n, Ipv4Prefix p) {
        const auto i = interface(n, Ipv4Address{p.network().value() + 1}, p.length());
        nodes_[n]->interfaces.back().loopback = true;
        return i;
    }

    void power_on(std::size_t n) {
        auto& x = *nodes_[n];
        x.powered = true;
        x.engine->configure(now_, x.configuration);
        x.engine->set_interfaces(now_, x.interfaces);
        after(n);
    }

    void power_off(std::size_t n) {
        nodes_[n]->powered = false;
        nodes_[n]->reboot();
        nodes_[n]->scheduled = kNever;
    }

    void start() {
        for (std::size_t n = 0; n < nodes_.size(); ++n) {
            power_on(n);
        }
    }

    void apply(std::size_t n) {
        nodes_[n]->engine->configure(now_, nodes_[n]->configuration);
        nodes_[n]->engine->set_interfaces(now_, nodes_[n]->interfaces);
        after(n);
    }

    /// The wire is cut or mended; with carrier both ends see it.
    void set_link(std::size_t s, bool up, bool carrier = true) {
        segments_[s].up = up;
        if (!carrier) {
            return;
        }
        for (const auto& p : segments_[s].ports) {
            nodes_[p.node]->state(p.interface).up = up;
            if (nodes_[p.node]->powered) {
                apply(p.node);
            }
        }
    }

    [[nodiscard]] TimePoint now() const { return now_; }

    void run(Duration d) { run_until(now_ + d); }

    void run_until(TimePoint end) {
        while (!events_.empty() && events_.top().at <= end) {
            step();
        }
        now_ = end;
    }

    /// One event; false if there is none.
    bool step() {
        if (events_.empty()) {
            return false;
        }
        auto e = events_.top();
        events_.pop();
        now_ = std::max(now_, e.at);
        auto& n = *nodes_[e.node];
        if (!n.powered) {
            return true;
        }
        if (e.packet == nullptr) {
            if (n.scheduled != e.at) {
                return true;  // moved since
            }
            n.scheduled = kNever;
            n.engine->on_time(now_);
        } else {
            if (!n.state(e.interface).up) {
                return true;
            }
            n.engine->on_packet(
                now_, e.interface, e.source, e.packet->destination, e.packet->payload);
            ++delivered;
        }
        after(e.node);
        return true;
    }

    /// The ways of a prefix that a router forwards by: neighbours' nodes; empty if none.
    std::vector<std::size_t> forwards(std::size_t n, Ipv4Prefix p) const {
        std::vector<std::size_t> out;
        const auto it = nodes_[n]->rib.find(p);
        if (it == nodes_[n]->rib.end()) {
            return out;
        }
        for (const auto& h : it->second.next_hops) {
            const auto s = nodes_[n]->segment_of.find(h.interface);
            if (s == nodes_[n]->segment_of.end()) {
                continue;
            }
            const auto& seg = segments_[s->second];
            const auto port = seg.by_address.find(h.gateway);
            if (seg.up && port != seg.by_address.end()) {
                out.push_back(seg.ports[port->second].node);
            }
        }
        return out;
    }

    bool has_route(std::size_t n, const std::string& prefix) const {
        return nodes_[n]->rib.contains(*Ipv4Prefix::parse(prefix));
    }

    std::size_t delivered = 0;
    std::size_t lost = 0;
    std::function<void(const Sent&)> tap;  // sees all that is sent
    std::function<bool(const Sent&, const Port&)> filter;  // false: not delivered
    std::function<void(std::size_t, const Action&)> on_route;

    void attach(Segment& s, std::size_t n, IfIndex i) {
        const auto address = nodes_[n]->state(i).address;
        s.by_address[address] = s.ports.size();
        s.ports.push_back({n, i, address});
    }

    void after(std::size_t n) {
        auto& x = *nodes_[n];
        for (auto& action : x.engine->take_actions()) {
            if (auto* send = std::get_if<SendPacket>(&action)) {
                transmit(n, std::move(*send));
            } else if (auto* install = std::get_if<InstallRoute>(&action)) {
                ++x.installs;
                if (x.keep_rib) {
                    x.rib[install->prefix] = *install;
                }
                changed(n, action);
            } else {
                x.rib.erase(std::get<RemoveRoute>(action).prefix);
                changed(n, action);
            }
        }
        const auto next = x.engine->next_deadline();
        if (next != x.scheduled && next != kNever) {
            x.scheduled = next;
            events_.push({std::max(next, now_), ++order_, n, {}, {}, nullptr});
            x.scheduled = std::max(next, now_);
        }
    }

private:
    struct Event {
        TimePoint at;
        std::uint64_t order;
        std::size_t node;
        IfIndex interface;
        Ipv4Address source;
        std::shared_ptr<const SendPacket> packet;  // null: time for this node

        bool operator<(const Event& o) const {
            return std::tie(at, order) > std::tie(o.at, o.order);
        }
    };

    void changed(std::size_t n, const Action& a) {
        if (on_route) {
            on_route(n, a);
        }
    }

    void transmit(std::size_t n, SendPacket&& send) {
        if (tap) {
            tap({now_, n, send});
        }
        const auto s = nodes_[n]->segment_of.find(send.interface);
        if (s == nodes_[n]->segment_of.end() || !segments_[s->second].up) {
            return;
        }
        const auto& seg = segments_[s->second];
        const auto packet = std::make_shared<const SendPacket>(std::move(send));
        if (packet->destination.is_multicast()) {
            for (std::size_t p = 0; p < seg.ports.size(); ++p) {
                const bool own = seg.ports[p].node == n;
                const bool through_hub = !seg.hub || p == *seg.hub || seg.ports[*seg.hub].node == n;
                if (!own && through_hub) {
                    deliver(seg, n, seg.ports[p], packet);
                }
            }
            return;
        }
        const auto to = seg.by_address.find(packet->destination);
        if (to != seg.by_address.end()) {
            deliver(seg, n, seg.ports[to->second], packet);
        }
    }

    void deliver(const Segment& seg,
                 std::size_t from,
                 const Port& to,
                 const std::shared_ptr<const SendPacket>& packet) {
        if (filter && !filter({now_, from, *packet}, to)) {
            return;
        }
        if (seg.loss > 0 && random_.unit() < seg.loss) {
            ++lost;
            return;
        }
        const unsigned copies = seg.duplicate > 0 && random_.unit() < seg.duplicate ? 2 : 1;
        const auto source = nodes_[from]->state(packet->interface).address;
        for (unsigned c = 0; c < copies; ++c) {
            auto delay = seg.delay_minimum;
            if (seg.delay_maximum > seg.delay_minimum) {
                delay += Duration{static_cast<std::int64_t>(random_.below(
                    static_cast<std::uint64_t>((seg.delay_maximum - seg.delay_minimum).count())))};
            }
            events_.push({now_ + delay, ++order_, to.node, to.interface, source, packet});
        }
    }

    SeededRandom random_;
    std::uint64_t seed_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::deque<Segment> segments_;
    std::priority_queue<Event> events_;
    std::uint64_t order_ = 0;
    std::uint32_t links_ = 0;
    TimePoint now_{std::chrono::hours{1000}};
};

}  // namespace viaduct::eigrp::test
