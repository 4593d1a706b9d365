#include "controlplane/console/text_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <system_error>
#include <unistd.h>

#include "controlplane/console/file_descriptor.h"

namespace viaduct::console {

namespace {

constexpr std::size_t kMaxBytes = 16UL * 1024 * 1024;

}  // namespace

Result<std::string> read_text_file(const std::string& path) {
    const auto failed = [&path](int error) {
        return failure(
            fmt::format("{}: cannot be read ({})", path, std::generic_category().message(error)));
    };
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) {
        return failed(errno);
    }
    std::string text;
    std::array<char, 65536> buffer{};
    ssize_t n = 0;
    while ((n = ::read(file.get(), buffer.data(), buffer.size())) > 0) {
        text.append(buffer.data(), static_cast<std::size_t>(n));
        if (text.size() > kMaxBytes) {
            return failure(fmt::format("{}: larger than 16 MiB, which no configuration is", path));
        }
    }
    if (n < 0) {
        return failed(errno);
    }
    if (const std::size_t zero = text.find('\0'); zero != std::string::npos) {
        const auto line =
            1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(zero), '\n');
        return failure(fmt::format("{}:{}: not a text file", path, line));
    }
    return text;
}

}  // namespace viaduct::console
