// Unix stream sockets by path, with errors in words.
#pragma once

#include <string>

#include "controlplane/console/file_descriptor.h"
#include "dataplane/base/result.h"

namespace viaduct::console {

/// A listening socket, mode 0600, not blocking. A socket that nobody listens on any more is replaced.
Result<FileDescriptor> listen_on(const std::string& path, int backlog);
/// A connected socket, blocking.
Result<FileDescriptor> connect_to(const std::string& path);
void set_nonblocking(int fd);

}  // namespace viaduct::console
