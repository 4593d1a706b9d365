#include "dataplane/spread.h"

#include <algorithm>

#include "dataplane/packet.h"

namespace viaduct::dataplane {

Spread::~Spread() {
    for (auto n = first_; n != end_; ++n) {
        auto& chunk = chunks_[place_of(n)];
        // Nobody runs any more: a chunk was either sent through the pipeline or not.
        if (states_[place_of(n)].load(std::memory_order_acquire) == State::done) {
            for (std::size_t i = 0; i < chunk.out_count; ++i) {
                free_buffer(chunk.out[i].buffer);
            }
        } else {
            free_buffers(chunk.in.data(), chunk.count);
        }
    }
}

void Spread::put(std::span<rte_mbuf*> frames, std::uint16_t interface) {
    while (!frames.empty()) {
        const auto place = place_of(end_);
        auto& chunk = chunks_[place];
        chunk.count = std::min(frames.size(), kChunk);
        std::copy_n(frames.begin(), chunk.count, chunk.in.begin());
        chunk.interface = interface;
        chunk.out_count = 0;
        frames = frames.subspan(chunk.count);
        ++end_;
        states_[place].store(State::queued, std::memory_order_release);
    }
}

Spread::Chunk* Spread::take() {
    const std::size_t oldest = oldest_.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < kChunks; ++i) {
        const auto place = place_of(oldest + i);
        auto expected = State::queued;
        if (states_[place].load(std::memory_order_relaxed) == State::queued &&
            states_[place].compare_exchange_strong(
                expected, State::taken, std::memory_order_acquire, std::memory_order_relaxed)) {
            return &chunks_[place];
        }
    }
    return nullptr;
}

void Spread::finish(Chunk& chunk) {
    const auto place = static_cast<std::size_t>(&chunk - chunks_.data());
    states_[place].store(State::done, std::memory_order_release);
}

Spread::Chunk* Spread::done() {
    const auto place = place_of(first_);
    if (empty() || states_[place].load(std::memory_order_acquire) != State::done) {
        return nullptr;
    }
    return &chunks_[place];
}

void Spread::close() {
    states_[place_of(first_)].store(State::free, std::memory_order_relaxed);
    ++first_;
    oldest_.store(static_cast<std::uint32_t>(place_of(first_)), std::memory_order_relaxed);
}

}  // namespace viaduct::dataplane
