// IPsec-MB's manager: created for an instruction set, and the one for key expansion that the whole
// process shares. Internal to crypto/.
#pragma once

#include <memory>
#include <string_view>

#include <intel-ipsec-mb.h>

#include "crypto/esp_cipher.h"

namespace viaduct::crypto {

struct MultiBufferFreer {
    void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};

using MultiBuffer = std::unique_ptr<IMB_MGR, MultiBufferFreer>;

/// Never nullptr; ends the program if there is no memory or the library's self-test fails.
MultiBuffer make_multi_buffer(EspIsa isa);

/// For key expansion, which does not change the manager: any thread. Jobs must not be given to it.
const IMB_MGR& key_expander(EspIsa isa);

/// "AVX512 VAES", "AVX512", "AVX2", "AVX", "SSE".
std::string_view name_of(const IMB_MGR& manager);

}  // namespace viaduct::crypto
