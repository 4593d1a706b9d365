// Ports for benchmarks: one that hands out copies of prepared frames for ever, as a replayed capture does,
// and one that swallows what is sent to it, or keeps it to be looked at.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "dataplane/base/bytes.h"
#include "dataplane/ports/port.h"

namespace viaduct::dataplane {

/// Prepared frames side by side.
struct FrameStore {
    std::vector<std::uint8_t> bytes;
    std::vector<std::uint32_t> offsets;
    std::vector<std::uint16_t> lengths;

    void add(BytesView frame);
    void clear();

    [[nodiscard]] std::size_t size() const { return offsets.size(); }

    [[nodiscard]] BytesView at(std::size_t i) const {
        return BytesView(bytes).subspan(offsets[i], lengths[i]);
    }
};

/// Buffers that went out and come in again, as a NIC's rings would have them: no pool in between.
class BufferStack {
public:
    static constexpr std::size_t kSize = 1024;

    BufferStack() { buffers_.reserve(kSize); }

    ~BufferStack();
    BufferStack(const BufferStack&) = delete;
    BufferStack& operator=(const BufferStack&) = delete;
    BufferStack(BufferStack&&) = delete;
    BufferStack& operator=(BufferStack&&) = delete;

    void put(std::span<rte_mbuf*> buffers);
    /// Fresh ones from the pool where the stack has none.
    std::size_t take(std::span<rte_mbuf*> out);

private:
    std::vector<rte_mbuf*> buffers_;
};

class SourcePort final : public Port {
public:
    SourcePort(MacAddress mac, std::shared_ptr<BufferStack> buffers)
        : mac_(mac), buffers_(std::move(buffers)) {}

    /// Frames to hand out, each in turn; they must outlive the port's use of them. `limit` frames in
    /// all; 0: no end.
    void load(const FrameStore* frames, std::uint64_t limit);

    std::size_t receive(unsigned queue, std::span<rte_mbuf*> out) override;
    std::size_t transmit(unsigned queue, std::span<rte_mbuf*> frames) override;

    [[nodiscard]] unsigned queues() const override { return 1; }

    [[nodiscard]] MacAddress mac() const override { return mac_; }

    [[nodiscard]] bool link_up() const override { return true; }

    [[nodiscard]] std::size_t max_frame() const override { return 9600; }

    [[nodiscard]] PortStatistics statistics() const override { return statistics_; }

    [[nodiscard]] std::string driver() const override { return "source"; }

private:
    MacAddress mac_;
    std::shared_ptr<BufferStack> buffers_;
    const FrameStore* frames_ = nullptr;
    std::size_t at_ = 0;
    std::uint64_t left_ = 0;
    PortStatistics statistics_;
};

class SinkPort final : public Port {
public:
    SinkPort(MacAddress mac, std::shared_ptr<BufferStack> buffers)
        : mac_(mac), buffers_(std::move(buffers)) {}

    /// From now on frames are kept here (nullptr: swallowed).
    void keep_in(FrameStore* store) { store_ = store; }

    std::size_t receive(unsigned queue, std::span<rte_mbuf*> out) override;
    std::size_t transmit(unsigned queue, std::span<rte_mbuf*> frames) override;

    [[nodiscard]] unsigned queues() const override { return 1; }

    [[nodiscard]] MacAddress mac() const override { return mac_; }

    [[nodiscard]] bool link_up() const override { return true; }

    [[nodiscard]] std::size_t max_frame() const override { return 9600; }

    [[nodiscard]] PortStatistics statistics() const override { return statistics_; }

    [[nodiscard]] std::string driver() const override { return "sink"; }

private:
    MacAddress mac_;
    std::shared_ptr<BufferStack> buffers_;
    FrameStore* store_ = nullptr;
    PortStatistics statistics_;
};

}  // namespace viaduct::dataplane
