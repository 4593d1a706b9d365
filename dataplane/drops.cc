#include "dataplane/drops.h"

#include <array>

namespace viaduct::dataplane {

std::string_view drop_name(Drop reason) {
    static constexpr std::array<std::string_view, kDropCount> kNames{
#define VIADUCT_DROP_TEXT(name) #name,
        VIADUCT_DROP_REASONS(VIADUCT_DROP_TEXT)
#undef VIADUCT_DROP_TEXT
    };
    return kNames[static_cast<std::size_t>(reason)];
}

}  // namespace viaduct::dataplane
