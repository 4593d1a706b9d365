// Configuration files from the disk.
#pragma once

#include <string>

#include "dataplane/base/result.h"

namespace viaduct::console {

/// The whole file. Errors: "FILE: sentence" — not there, a folder, not text, larger than 16 MiB.
Result<std::string> read_text_file(const std::string& path);

}  // namespace viaduct::console
