// The process's two pools of packet buffers, made by start_eal(). Only for ports/ and packet.cc.
#pragma once

#include <cstddef>

struct rte_mempool;

namespace viaduct::dataplane {

/// Data room of the jumbo pool's buffers behind the headroom: the largest packet that is carried whole.
inline constexpr std::size_t kJumboRoom = 18432;

rte_mempool* small_pool();
rte_mempool* jumbo_pool();
/// The pool whose buffers have room for `bytes`; nullptr: too large, or EAL was not started.
rte_mempool* pool_for(std::size_t bytes);

}  // namespace viaduct::dataplane
