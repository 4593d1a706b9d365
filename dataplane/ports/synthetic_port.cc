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

BufferStack::~BufferStack() {
    free_buffers(buffers_.data(), buffers_.size());
}

void BufferStack::put(std::span<rte_mbuf*> buffers) {
    for (auto* b : buffers) {
        if (buffers_.size() == kSize || b->pool != small_pool()) {
            free_buffer(b);
        } else {
            buffers_.push_back(b);
        }
    }
}

std::size_t BufferStack::take(std::span<rte_mbuf*> out) {
    const auto have = std::min(out.size(), buffers_.size());
    std::copy(buffers_.end() - static_cast<std::ptrdiff_t>(have), buffers_.end(), out.begin());
    buffers_.resize(buffers_.size() - have);
    const auto want = static_cast<unsigned>(out.size() - have);
    if (want != 0 && rte_pktmbuf_alloc_bulk(small_pool(), out.data() + have, want) != 0) {
        return have;
    }
    return out.size();
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
    constexpr std::size_t kLine = 64;  // frames stand in whole lines of the store
    const auto count = buffers_->take(out.first(std::min<std::uint64_t>(out.size(), left_)));
    for (std::size_t i = 0; i < count; ++i) {
        if (i + 4 < count) {
            rte_prefetch0(out[i + 4]);
        }
        const auto length = frames_->lengths[at_];
        auto* buffer = out[i];
        buffer->data_off = RTE_PKTMBUF_HEADROOM;
        buffer->data_len = length;
        buffer->pkt_len = length;
        const auto* from = frames_->bytes.data() + frames_->offsets[at_];
        auto* to = rte_pktmbuf_mtod(buffer, std::uint8_t*);
        for (std::size_t n = 0; n < length; n += kLine) {
            std::memcpy(to + n, from + n, kLine);
        }
        at_ = at_ + 1 == frames_->size() ? 0 : at_ + 1;
    }
    left_ -= count;
    statistics_.rx_packets += count;
    return count;
}

std::size_t SourcePort::transmit(unsigned /*queue*/, std::span<rte_mbuf*> frames) {
    buffers_->put(frames);
    statistics_.tx_packets += frames.size();
    return frames.size();
}

std::size_t SinkPort::receive(unsigned /*queue*/, std::span<rte_mbuf*> /*out*/) {
    return 0;
}

std::size_t SinkPort::transmit(unsigned /*queue*/, std::span<rte_mbuf*> frames) {
    if (store_ != nullptr) {
        for (auto* f : frames) {
            store_->add(Packet{f}.view());
        }
    }
    buffers_->put(frames);
    statistics_.tx_packets += frames.size();
    return frames.size();
}

}  // namespace viaduct::dataplane
