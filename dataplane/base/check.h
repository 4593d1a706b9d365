// VIADUCT_CHECK: our own mistakes end the program at the place where they show. Never for what a
// peer sends or an operator types.
#pragma once

namespace viaduct {

/// Prints "file:line: check failed: what" to standard error and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* what);

}  // namespace viaduct

#define VIADUCT_CHECK(condition)                                     \
    do {                                                             \
        if (!(condition)) [[unlikely]] {                             \
            ::viaduct::check_failed(__FILE__, __LINE__, #condition); \
        }                                                            \
    } while (false)
