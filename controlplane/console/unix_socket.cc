#include "controlplane/console/unix_socket.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <system_error>

namespace viaduct::console {

namespace {

std::string reason(int error) {
    return std::generic_category().message(error);
}

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty()) {
        return failure("the console's socket has no path");
    }
    if (path.size() >= sizeof(address.sun_path)) {
        return failure(
            fmt::format("{}: longer than the {} characters that a socket's path may have",
                        path,
                        sizeof(address.sun_path) - 1));
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

/// The C interface wants the general type of address; this is the one place that gives it.
const sockaddr* general(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace

void set_nonblocking(int fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags >= 0) {
        ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    }
}

Result<FileDescriptor> connect_to(const std::string& path) {
    const auto address = address_of(path);
    if (!address) {
        return tl::unexpected(address.error());
    }
    FileDescriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd.is_open() || ::connect(fd.get(), general(*address), sizeof(*address)) != 0) {
        return failure(fmt::format("{}: no router answers there ({})", path, reason(errno)));
    }
    return fd;
}

Result<FileDescriptor> listen_on(const std::string& path, int backlog) {
    const auto address = address_of(path);
    if (!address) {
        return tl::unexpected(address.error());
    }
    struct stat status{};
    if (::lstat(path.c_str(), &status) == 0) {
        if (!S_ISSOCK(status.st_mode)) {
            return failure(fmt::format("{}: exists and is not a socket", path));
        }
        if (connect_to(path)) {
            return failure(fmt::format("{}: another router listens there", path));
        }
        ::unlink(path.c_str());
    }
    FileDescriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.is_open()) {
        return failure(fmt::format("{}: no socket to be had ({})", path, reason(errno)));
    }
    // Nobody else may connect in the moment between bind and chmod.
    const mode_t before = ::umask(0177);
    const int bound = ::bind(fd.get(), general(*address), sizeof(*address));
    const int error = errno;
    ::umask(before);
    if (bound != 0) {
        return failure(fmt::format("{}: cannot listen there ({})", path, reason(error)));
    }
    if (::listen(fd.get(), backlog) != 0) {
        return failure(fmt::format("{}: cannot listen there ({})", path, reason(errno)));
    }
    return fd;
}

}  // namespace viaduct::console
