#include "dataplane/ports/ring_port.h"

#include "dataplane/packet.h"

namespace viaduct::dataplane {

namespace {

std::size_t take_from(Ring<rte_mbuf*>& ring, std::span<rte_mbuf*> out) {
    std::size_t n = 0;
    while (n < out.size() && ring.take(out[n])) {
        ++n;
    }
    return n;
}

}  // namespace

RingPort::RingPort(MacAddress mac, unsigned queues) : mac_(mac) {
    for (unsigned q = 0; q < queues; ++q) {
        queues_.push_back(std::make_unique<Queue>());
    }
}

RingPort::~RingPort() {
    for (const auto& q : queues_) {
        rte_mbuf* frame = nullptr;
        while (q->in.take(frame) || q->out.take(frame)) {
            free_buffer(frame);
        }
    }
}

bool RingPort::deliver(unsigned queue, rte_mbuf* frame) {
    return queues_[queue]->in.put(frame);
}

std::size_t RingPort::take(unsigned queue, std::span<rte_mbuf*> out) {
    return take_from(queues_[queue]->out, out);
}

std::size_t RingPort::receive(unsigned queue, std::span<rte_mbuf*> out) {
    auto& q = *queues_[queue];
    const auto n = take_from(q.in, out);
    q.rx_packets.add(n);
    return n;
}

std::size_t RingPort::transmit(unsigned queue, std::span<rte_mbuf*> frames) {
    auto& q = *queues_[queue];
    std::size_t n = 0;
    while (n < frames.size() && q.out.put(frames[n])) {
        ++n;
    }
    q.tx_packets.add(n);
    return n;
}

PortStatistics RingPort::statistics() const {
    PortStatistics s;
    for (const auto& q : queues_) {
        s.rx_packets += q->rx_packets.value();
        s.tx_packets += q->tx_packets.value();
    }
    return s;
}

}  // namespace viaduct::dataplane
