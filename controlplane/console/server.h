// The console's socket: a Unix stream socket on which any number of `viaduct console` clients hold their
// sessions. No thread of its own: one epoll descriptor for the owner's loop.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "controlplane/console/file_descriptor.h"
#include "controlplane/console/frame.h"
#include "controlplane/console/shell.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/result.h"

namespace viaduct::console {

class Server {
public:
    /// Listens on `path` with mode 0600. Refuses a path that is no socket, or where somebody answers;
    /// a socket that a dead process left is replaced. `console` outlives the server.
    static Result<std::unique_ptr<Server>> listen(Console& console, const std::string& path);
    /// Without a socket of its own: clients come by adopt().
    explicit Server(Console& console);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    Server(Server&&) = delete;
    Server& operator=(Server&&) = delete;

    /// Takes a connected stream socket as a client.
    void adopt(FileDescriptor client);

    /// Readable when service() has something to do.
    [[nodiscard]] int fd() const { return epoll_.get(); }

    /// Accepts, reads, runs, writes; never blocks. Also to be called after the router's own turn, so that
    /// log lines go out, and at next_deadline().
    void service(TimePoint now, WallTime wall);
    [[nodiscard]] TimePoint next_deadline() const;

    [[nodiscard]] std::size_t clients() const { return clients_.size(); }

    /// Ends all sessions with a last word, as far as the sockets take it at once.
    void close_all(std::string_view last_words);

private:
    struct Client;

    void accept_clients();
    void serve(Client& client, TimePoint now, WallTime wall);
    void read(Client& client);
    void on_frame(Client& client, const Frame& frame);
    void run(Client& client, TimePoint now, WallTime wall);
    void report(Client& client, Shell::Status status);
    void show_output(Client& client);
    void show_prompt(Client& client);
    void write(Client& client);

    Console& console_;
    FileDescriptor epoll_;
    FileDescriptor listener_;
    std::string path_;
    std::map<int, std::unique_ptr<Client>> clients_;
};

}  // namespace viaduct::console
