#include "controlplane/console/script_client.h"

#include <array>
#include <cerrno>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace viaduct::console {

bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n < 0 && errno == ENOTSOCK) {
            n = ::write(fd, bytes.data(), bytes.size());
        }
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

Result<Frame> ScriptClient::receive() {
    std::array<char, 16384> buffer{};
    while (true) {
        auto frame = reader_.next();
        if (!frame) {
            return tl::unexpected(frame.error());
        }
        if (*frame) {
            return std::move(**frame);
        }
        const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return failure("the router closed the connection");
        }
        reader_.feed({buffer.data(), static_cast<std::size_t>(n)});
    }
}

Result<Frame> ScriptClient::relay(std::string& held,
                                  const std::function<void(std::string_view)>& write) {
    while (true) {
        auto frame = receive();
        if (!frame || frame->type != FrameType::output) {
            return frame;
        }
        if (!held.empty()) {
            write(held);
        }
        held = std::move(frame->payload);
    }
}

Result<int> ScriptClient::run(std::span<const std::string> commands,
                              const std::function<void(std::string_view)>& write) {
    if (!write_all(fd_, encode(Hello{.interactive = false}))) {
        return failure("the router closed the connection");
    }
    int status = 0;
    std::size_t next = 0;
    std::string held;
    std::string_view command;
    while (true) {
        auto frame = relay(held, write);
        if (!frame) {
            write(held);
            return tl::unexpected(frame.error());
        }
        if (frame->type == FrameType::result) {
            if (frame->payload == std::string(1, '\1')) {
                status = 1;
                write(prompt_ + std::string(command) + "\n");
            }
        }
        write(std::exchange(held, {}));
        if (frame->type == FrameType::closed) {
            return status;
        }
        if (frame->type != FrameType::prompt) {
            continue;
        }
        const auto prompt = parse_prompt(frame->payload);
        prompt_ = prompt ? prompt->text : "";
        if (next == commands.size()) {
            return status;
        }
        command = commands[next++];
        if (!write_all(fd_,
                       encode(Frame{.type = FrameType::line, .payload = std::string(command)}))) {
            return failure("the router closed the connection");
        }
    }
}

}  // namespace viaduct::console
