#include "dataplane/ports/memory_port.h"

#include <algorithm>

#include "dataplane/packet.h"

namespace viaduct::dataplane {

namespace {
constexpr std::size_t kQueueLimit = 4096;
}

MemoryPort::MemoryPort(MacAddress mac, std::size_t max_frame) : mac_(mac), max_frame_(max_frame) {}

MemoryPort::~MemoryPort() {
    for (auto* frame : input_) {
        free_buffer(frame);
    }
    free_buffers(output_.data(), output_.size());
}

bool MemoryPort::deliver(BytesView frame) {
    if (frame.size() > max_frame_ || input_.size() >= kQueueLimit) {
        ++statistics_.rx_missed;
        return false;
    }
    auto* buffer = buffer_of(frame);
    if (buffer == nullptr) {
        ++statistics_.rx_missed;
        return false;
    }
    input_.push_back(buffer);
    return true;
}

bool MemoryPort::deliver(rte_mbuf* frame) {
    if (Packet{frame}.length() > max_frame_ || input_.size() >= kQueueLimit) {
        ++statistics_.rx_missed;
        free_buffer(frame);
        return false;
    }
    input_.push_back(frame);
    return true;
}

std::vector<rte_mbuf*> MemoryPort::take_transmitted() {
    return std::exchange(output_, {});
}

std::vector<Bytes> MemoryPort::take_transmitted_bytes() {
    std::vector<Bytes> out;
    for (auto* frame : take_transmitted()) {
        const auto view = Packet{frame}.view();
        out.emplace_back(view.begin(), view.end());
        free_buffer(frame);
    }
    return out;
}

std::size_t MemoryPort::receive(unsigned /*queue*/, std::span<rte_mbuf*> out) {
    if (!link_up_) {
        return 0;
    }
    const auto count = std::min(out.size(), input_.size());
    for (std::size_t i = 0; i < count; ++i) {
        out[i] = input_.front();
        input_.pop_front();
        statistics_.rx_bytes += Packet{out[i]}.length();
    }
    statistics_.rx_packets += count;
    return count;
}

std::size_t MemoryPort::transmit(unsigned /*queue*/, std::span<rte_mbuf*> frames) {
    if (!link_up_) {
        return 0;
    }
    const auto room = kQueueLimit - std::min(kQueueLimit, output_.size());
    const auto count = std::min(frames.size(), room);
    for (std::size_t i = 0; i < count; ++i) {
        statistics_.tx_bytes += Packet{frames[i]}.length();
    }
    output_.insert(
        output_.end(), frames.begin(), frames.begin() + static_cast<std::ptrdiff_t>(count));
    statistics_.tx_packets += count;
    return count;
}

}  // namespace viaduct::dataplane
