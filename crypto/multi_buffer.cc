#include "crypto/multi_buffer.h"

#include "dataplane/base/check.h"

namespace viaduct::crypto {

namespace {

bool has(std::uint64_t features, std::uint64_t wanted) {
    return (features & wanted) == wanted;
}

void initialise(IMB_MGR* manager, EspIsa isa) {
    const auto features = manager->features;
    if (isa == EspIsa::sse && has(features, IMB_CPUFLAGS_SSE)) {
        init_mb_mgr_sse(manager);
    } else if (isa == EspIsa::avx2 && has(features, IMB_CPUFLAGS_AVX2)) {
        init_mb_mgr_avx2(manager);
    } else if (isa == EspIsa::avx512 && has(features, IMB_CPUFLAGS_AVX512)) {
        init_mb_mgr_avx512(manager);
    } else {
        init_mb_mgr_auto(manager, nullptr);
    }
}

}  // namespace

MultiBuffer make_multi_buffer(EspIsa isa) {
    MultiBuffer manager{alloc_mb_mgr(0)};
    VIADUCT_CHECK(manager != nullptr);
    initialise(manager.get(), isa);
    VIADUCT_CHECK(imb_get_errno(manager.get()) == 0);
    return manager;
}

const IMB_MGR& key_expander(EspIsa isa) {
    switch (isa) {
    case EspIsa::sse: {
        static const MultiBuffer manager = make_multi_buffer(EspIsa::sse);
        return *manager;
    }
    case EspIsa::avx2: {
        static const MultiBuffer manager = make_multi_buffer(EspIsa::avx2);
        return *manager;
    }
    case EspIsa::avx512:
    case EspIsa::best:
        break;
    }
    static const MultiBuffer manager = make_multi_buffer(EspIsa::best);
    return *manager;
}

std::string_view name_of(const IMB_MGR& manager) {
    switch (manager.used_arch) {
    case IMB_ARCH_AVX512:
        return has(manager.features, IMB_FEATURE_VAES | IMB_FEATURE_VPCLMULQDQ) ? "AVX512 VAES"
                                                                                : "AVX512";
    case IMB_ARCH_AVX2:
        return "AVX2";
    case IMB_ARCH_AVX:
        return "AVX";
    default:
        return "SSE";
    }
}

}  // namespace viaduct::crypto
