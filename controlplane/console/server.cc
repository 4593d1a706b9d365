#include "controlplane/console/server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <utility>
#include <vector>

#include "controlplane/console/unix_socket.h"

namespace viaduct::console {

namespace {

constexpr std::size_t kMaxQueuedLines = 4096;
/// While a client has this much unread, its commands and log lines wait.
constexpr std::size_t kMaxUnsent = 1024 * 1024;
constexpr int kBacklog = 16;

}  // namespace

struct Server::Client {
    explicit Client(FileDescriptor descriptor) : fd(std::move(descriptor)) {}

    FileDescriptor fd;
    FrameReader reader{kMaxClientPayload};
    std::unique_ptr<Shell> shell;  // from hello on
    std::deque<Frame> requests;  // line, help and tab, in order
    std::string unsent;
    bool running = false;
    bool ending = false;  // to be closed when all is sent
    bool gone = false;  // the socket is of no use any more
    bool wants_write = false;
};

Result<std::unique_ptr<Server>> Server::listen(Console& console, const std::string& path) {
    auto listener = listen_on(path, kBacklog);
    if (!listener) {
        return tl::unexpected(listener.error());
    }
    auto server = std::make_unique<Server>(console);
    server->listener_ = std::move(*listener);
    server->path_ = path;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = server->listener_.get();
    if (::epoll_ctl(server->epoll_.get(), EPOLL_CTL_ADD, server->listener_.get(), &event) != 0) {
        return failure(fmt::format("{}: cannot be watched", path));
    }
    return server;
}

Server::Server(Console& console) : console_(console), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

Server::~Server() {
    if (!path_.empty()) {
        ::unlink(path_.c_str());
    }
}

void Server::adopt(FileDescriptor client) {
    set_nonblocking(client.get());
    const int fd = client.get();
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) {
        clients_.emplace(fd, std::make_unique<Client>(std::move(client)));
    }
}

void Server::accept_clients() {
    if (!listener_.is_open()) {
        return;
    }
    while (true) {
        FileDescriptor client(
            ::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!client.is_open()) {
            return;
        }
        if (clients_.size() < kMaxSessions) {
            adopt(std::move(client));
        }
    }
}

void Server::service(TimePoint now, WallTime wall) {
    accept_clients();
    for (auto& [fd, client] : clients_) {
        serve(*client, now, wall);
    }
    std::erase_if(clients_, [](const auto& entry) {
        const Client& client = *entry.second;
        return client.gone || (client.ending && client.unsent.empty());
    });
}

void Server::serve(Client& client, TimePoint now, WallTime wall) {
    read(client);
    run(client, now, wall);
    write(client);
    const bool wants = !client.unsent.empty();
    if (wants != client.wants_write && !client.gone) {
        epoll_event event{};
        event.events = wants ? EPOLLIN | EPOLLOUT : EPOLLIN;
        event.data.fd = client.fd.get();
        client.gone = ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, client.fd.get(), &event) != 0;
        client.wants_write = wants;
    }
}

void Server::read(Client& client) {
    std::array<char, 16384> buffer{};
    while (!client.gone) {
        const ssize_t n = ::recv(client.fd.get(), buffer.data(), buffer.size(), 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            break;
        }
        if (n <= 0) {
            client.gone = true;
            return;
        }
        client.reader.feed({buffer.data(), static_cast<std::size_t>(n)});
        while (!client.gone) {
            auto frame = client.reader.next();
            if (!frame) {
                client.gone = true;
            } else if (!*frame) {
                break;
            } else {
                on_frame(client, **frame);
            }
        }
    }
}

void Server::on_frame(Client& client, const Frame& frame) {
    if (!client.shell) {
        const auto hello = parse_hello(frame.payload);
        if (frame.type != FrameType::hello || !hello || hello->version != kProtocolVersion) {
            client.unsent +=
                encode_output("% This router speaks another version of the console's protocol\n");
            client.unsent += encode(Frame{.type = FrameType::closed});
            client.ending = true;
            return;
        }
        client.shell = std::make_unique<Shell>(console_,
                                               SessionSpec{.interactive = hello->interactive,
                                                           .privileged = !hello->interactive,
                                                           .length = hello->rows,
                                                           .width = hello->columns});
        show_output(client);
        show_prompt(client);
        return;
    }
    switch (frame.type) {
    case FrameType::line:
    case FrameType::help:
    case FrameType::tab:
        client.requests.push_back(frame);
        client.gone = client.requests.size() > kMaxQueuedLines;
        return;
    case FrameType::interrupt:
        client.requests.clear();
        client.shell->interrupt();
        return;
    case FrameType::window:
        if (const auto window = parse_window(frame.payload)) {
            client.shell->set_window(window->rows, window->columns);
            return;
        }
        break;
    case FrameType::hello:
    case FrameType::output:
    case FrameType::prompt:
    case FrameType::result:
    case FrameType::inserted:
    case FrameType::closed:
        break;
    }
    client.gone = true;  // it does not keep to the protocol
}

void Server::run(Client& client, TimePoint now, WallTime wall) {
    if (!client.shell || client.ending || client.gone) {
        return;
    }
    const Shell::Status polled = client.shell->poll(now, wall);
    if (client.running && polled != Shell::Status::running) {
        client.running = false;
        report(client, polled);
    } else if (polled == Shell::Status::closed) {
        report(client, polled);
    }
    while (!client.running && !client.ending && !client.requests.empty() &&
           client.unsent.size() < kMaxUnsent) {
        const Frame request = std::move(client.requests.front());
        client.requests.pop_front();
        if (request.type == FrameType::help) {
            client.unsent += encode_output(client.shell->help(request.payload));
            show_prompt(client);
            continue;
        }
        if (request.type == FrameType::tab) {
            client.unsent += encode(
                Frame{.type = FrameType::inserted, .payload = client.shell->tab(request.payload)});
            continue;
        }
        const Shell::Status status = client.shell->execute(now, wall, request.payload);
        if (status == Shell::Status::running) {
            client.running = true;
        } else {
            report(client, status);
        }
    }
    if (client.unsent.size() < kMaxUnsent) {
        show_output(client);
    }
}

/// A line is done: what it printed, how it went, and the next prompt.
void Server::report(Client& client, Shell::Status status) {
    show_output(client);
    const bool invalid = status == Shell::Status::invalid;
    client.unsent +=
        encode(Frame{.type = FrameType::result, .payload = std::string(1, invalid ? '\1' : '\0')});
    if (status == Shell::Status::closed) {
        client.unsent += encode(Frame{.type = FrameType::closed});
        client.ending = true;
        return;
    }
    show_prompt(client);
}

void Server::show_output(Client& client) {
    client.unsent += encode_output(client.shell->take_output());
}

void Server::show_prompt(Client& client) {
    if (!client.shell->is_open()) {
        client.unsent += encode(Frame{.type = FrameType::closed});
        client.ending = true;
        return;
    }
    client.unsent +=
        encode(PromptFrame{.echo = client.shell->echo(),
                           .page_length = static_cast<std::uint16_t>(client.shell->length()),
                           .text = client.shell->prompt()});
}

void Server::write(Client& client) {
    while (!client.gone && !client.unsent.empty()) {
        const ssize_t n =
            ::send(client.fd.get(), client.unsent.data(), client.unsent.size(), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return;
        }
        if (n <= 0) {
            client.gone = true;
            return;
        }
        client.unsent.erase(0, static_cast<std::size_t>(n));
    }
}

TimePoint Server::next_deadline() const {
    TimePoint next = kNever;
    for (const auto& [fd, client] : clients_) {
        if (client->shell) {
            next = std::min(next, client->shell->next_deadline());
        }
    }
    return next;
}

void Server::close_all(std::string_view last_words) {
    for (auto& [fd, client] : clients_) {
        if (client->shell) {
            show_output(*client);
        }
        client->unsent += encode_output(last_words);
        client->unsent += encode(Frame{.type = FrameType::closed});
        write(*client);
    }
    clients_.clear();
}

}  // namespace viaduct::console
