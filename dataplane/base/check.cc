#include "dataplane/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace viaduct {

void check_failed(const char* file, int line, const char* what) {
    (void)std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, what);
    std::abort();
}

}  // namespace viaduct
