#include "dataplane/packet.h"

#include "dataplane/ports/pools.h"

namespace viaduct::dataplane {

rte_mbuf* allocate_buffer(std::size_t bytes) {
    auto* pool = pool_for(bytes);
    return pool == nullptr ? nullptr : rte_pktmbuf_alloc(pool);
}

rte_mbuf* buffer_of(BytesView bytes) {
    auto* buffer = allocate_buffer(bytes.size());
    if (buffer != nullptr) {
        std::memcpy(Packet{buffer}.data(), bytes.data(), bytes.size());
        buffer->data_len = static_cast<std::uint16_t>(bytes.size());
        buffer->pkt_len = buffer->data_len;
    }
    return buffer;
}

void free_buffer(rte_mbuf* buffer) {
    rte_pktmbuf_free(buffer);
}

void free_buffers(rte_mbuf** buffers, std::size_t count) {
    rte_pktmbuf_free_bulk(buffers, static_cast<unsigned>(count));
}

std::size_t buffers_in_use() {
    std::size_t count = 0;
    for (auto* pool : {small_pool(), jumbo_pool()}) {
        count += pool == nullptr ? 0 : rte_mempool_in_use_count(pool);
    }
    return count;
}

}  // namespace viaduct::dataplane
