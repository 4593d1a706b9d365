#include "dataplane/ports/synthetic_port.h"

#include <algorithm>
#include <cstring>

#include <rte_mbuf.h>

#include "dataplane/packet.h"
#include "dataplane/ports/pools.h"

namespace viaduct::dataplane {

void FrameStore::add(BytesView frame) {
    offsets.push_back(static_cast<std::uint32_t>(bytes.size()));
    lengths.push_back(static_cast<std::uint16_t>(frame.size()));
    bytes.insert(bytes.end(), frame.begin(), frame.end());
    bytes.resize((bytes.size() + 63) / 64 * 64);
}

void FrameStore::clear() {
    bytes.clear();
    offsets.clear();
    lengths.clear();
}

void SourcePort::load(const FrameStore* frames, std::uint64_t limit) {
    frames_ = frames;
    at_ = 0;
    left_ = limit == 0 ? ~std::uint64_t{0} : limit;
}

std::size_t SourcePort::receive(unsigned /*queue*/, std::span<rte_mbuf*> out) {
    if (frames_ == nullptr || frames_->size() == 0) {
        return 0;
    }
    const auto count = static_cast<unsigned>(std::min<std::uint64_t>(out.size(), left_));
    if (count == 0 || rte_pktmbuf_alloc_bulk(small_pool(), out.data(), count) != 0) {
        return 0;
    }
    for (unsigned i = 0; i < count; ++i) {
        const auto length = frames_->lengths[at_];
        auto* buffer = out[i];
        std::memcpy(rte_pktmbuf_mtod(buffer, void*), frames_->bytes.data() + frames_->offsets[at_], length);
        buffer->data_len = length;
        buffer->pkt_len = length;
        at_ = at_ + 1 == frames_->size() ? 0 : at_ + 1;
    }
    left_ -= count;
    statistics_.rx_packets += count;
    return count;
}

std::size_t SourcePort::transmit(unsigned /*queue*/, std::span<rte_mbuf*> frames) {
    free_buffers(frames.data(), frames.size());
    statistics_.tx_packets += frames.size();
    return frames.size();
}

std::size_t SinkPort::receive(unsigned /*queue*/, std::span<rte_mbuf*> /*out*/) { return 0; }

std::size_t SinkPort::transmit(unsigned /*queue*/, std::span<rte_mbuf*> frames) {
    if (store_ != nullptr) {
        for (auto* f : frames) {
            store_->add(Packet{f}.view());
        }
    }
    free_buffers(frames.data(), frames.size());
    statistics_.tx_packets += frames.size();
    return frames.size();
}

}  // namespace viaduct::dataplane
