// The socket server: frames in and out over a socket pair and over a path, without a thread of the server's.
#include "controlplane/console/server.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>

#include <catch2/catch.hpp>

#include "controlplane/console/script_client.h"
#include "controlplane/console/unix_socket.h"
#include "tests/unit/console/fake_host.h"

using namespace viaduct;
using namespace viaduct::console;
using viaduct::console::test::Fixture;

namespace {

std::pair<FileDescriptor, FileDescriptor> socket_pair() {
    int fds[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    return {FileDescriptor(fds[0]), FileDescriptor(fds[1])};
}

/// The client's side, by hand: what came so far, as frames.
class Peer {
public:
    explicit Peer(FileDescriptor fd) : fd_(std::move(fd)) { set_nonblocking(fd_.get()); }

    void send(const std::string& bytes) { REQUIRE(write_all(fd_.get(), bytes)); }

    void send(FrameType type, std::string payload = {}) {
        send(encode(Frame{.type = type, .payload = std::move(payload)}));
    }

    std::vector<Frame> receive() {
        std::vector<Frame> frames;
        char buffer[4096];
        ssize_t n = 0;
        while ((n = ::recv(fd_.get(), buffer, sizeof(buffer), 0)) > 0) {
            reader_.feed({buffer, static_cast<std::size_t>(n)});
        }
        hung_up = n == 0;
        while (true) {
            auto frame = reader_.next();
            REQUIRE(frame);
            if (!*frame) {
                return frames;
            }
            frames.push_back(**frame);
        }
    }

    bool hung_up = false;

private:
    FileDescriptor fd_;
    FrameReader reader_{kMaxServerPayload};
};

const std::string kDone(1, '\0');
const std::string kInvalid(1, '\1');

/// Lets the server work until the script's thread is finished.
void serve_until(Server& server, Fixture& f, const std::atomic<bool>& finished) {
    while (!finished) {
        pollfd watched{.fd = server.fd(), .events = POLLIN, .revents = 0};
        ::poll(&watched, 1, 5);
        if (f.now < server.next_deadline() && server.next_deadline() != kNever) {
            f.now = server.next_deadline();
        }
        f.console.on_clock(f.now, f.wall());
        server.service(f.now, f.wall());
    }
}

}  // namespace

TEST_CASE("A session over a socket pair: prompt, output, result, help, Tab, end") {
    Fixture f;
    Server server(f.console);
    auto [ours, theirs] = socket_pair();
    server.adopt(std::move(ours));
    Peer peer(std::move(theirs));
    const auto serve = [&] {
        server.service(f.now, f.wall());
        return peer.receive();
    };
    peer.send(encode(Hello{.interactive = true, .rows = 30, .columns = 100}));
    auto frames = serve();
    REQUIRE(frames.size() == 1);
    CHECK(parse_prompt(frames[0].payload) ==
          PromptFrame{.echo = true, .page_length = 30, .text = "sv9-2>"});

    peer.send(FrameType::line, "show clock");
    frames = serve();
    REQUIRE(frames.size() == 3);
    CHECK(frames[0] ==
          Frame{.type = FrameType::output, .payload = "*00:00:00.000 UTC Mon Mar 1 1993\n"});
    CHECK(frames[1] == Frame{.type = FrameType::result, .payload = kDone});

    peer.send(FrameType::line, "show foo");
    frames = serve();
    REQUIRE(frames.size() == 3);
    CHECK(frames[1] == Frame{.type = FrameType::result, .payload = kInvalid});

    peer.send(FrameType::help, "show ip ");
    frames = serve();
    REQUIRE(frames.size() == 2);
    CHECK(frames[0].payload.find("route") != std::string::npos);

    peer.send(FrameType::tab, "show vers");
    frames = serve();
    REQUIRE(frames.size() == 1);
    CHECK(frames[0] == Frame{.type = FrameType::inserted, .payload = "ion "});

    f.host->log().message("SYS", Severity::errors, "TEST", "unasked");
    frames = serve();
    REQUIRE(frames.size() == 1);
    CHECK(frames[0].payload.find("%SYS-3-TEST: unasked") != std::string::npos);

    peer.send(FrameType::line, "exit");
    frames = serve();
    CHECK(frames.back().type == FrameType::closed);
    CHECK(server.clients() == 0);
    CHECK(f.console.sessions().size() == 1);
}

TEST_CASE("A job over the socket: output as it comes, interrupt") {
    Fixture f;
    Server server(f.console);
    auto [ours, theirs] = socket_pair();
    server.adopt(std::move(ours));
    Peer peer(std::move(theirs));
    peer.send(encode(Hello{}));
    peer.send(FrameType::line, "ping 1.2.3.4");
    peer.send(FrameType::line, "show clock");
    server.service(f.now, f.wall());
    auto frames = peer.receive();
    CHECK(frames.back().payload == "Type escape sequence to abort.\n");
    CHECK(server.next_deadline() == f.now + 1s);
    f.now += 1s;
    server.service(f.now, f.wall());
    frames = peer.receive();
    REQUIRE(frames.size() == 1);
    CHECK(frames[0].payload == "!");
    peer.send(FrameType::interrupt);
    server.service(f.now, f.wall());
    frames = peer.receive();
    REQUIRE(frames.size() == 3);
    CHECK(frames[0].payload == "\nSuccess rate is 20 percent\n");
    CHECK(frames[1] == Frame{.type = FrameType::result, .payload = kDone});
    // The interrupt also dropped what was typed ahead.
    CHECK(frames[2].type == FrameType::prompt);
}

TEST_CASE("Who does not keep to the protocol is cut off; who goes away leaves nothing") {
    Fixture f;
    Server server(f.console);
    for (const std::string& bytes :
         {std::string("GET / HTTP/1.1\r\n\r\n"),
          encode(Frame{.type = FrameType::line, .payload = "show clock"}),
          encode(Hello{.version = 9}),
          encode(Hello{}) + encode(Hello{}),
          encode(Hello{}) + encode(Frame{.type = FrameType::window, .payload = "x"}),
          encode(Hello{}) + encode(Frame{.type = FrameType::closed})}) {
        auto [ours, theirs] = socket_pair();
        server.adopt(std::move(ours));
        Peer peer(std::move(theirs));
        peer.send(bytes);
        server.service(f.now, f.wall());
        server.service(f.now, f.wall());
        CHECK(server.clients() == 0);
    }
    {
        auto [ours, theirs] = socket_pair();
        server.adopt(std::move(ours));
        Peer peer(std::move(theirs));
        peer.send(encode(Hello{}) +
                  encode(Frame{.type = FrameType::line, .payload = "ping 1.1.1.1"}));
        server.service(f.now, f.wall());
        CHECK(server.clients() == 1);
    }
    server.service(f.now, f.wall());
    CHECK(server.clients() == 0);
    CHECK(f.console.sessions().size() == 1);
}

TEST_CASE("The script client: outputs, exit status, the prompt before a caret") {
    Fixture f;
    Server server(f.console);
    const auto run = [&](std::vector<std::string> commands) {
        auto [ours, theirs] = socket_pair();
        server.adopt(std::move(ours));
        std::string shown;
        std::atomic<bool> finished = false;
        Result<int> status = 99;
        std::thread script([&, client = std::move(theirs)] {
            status = ScriptClient(client.get()).run(commands, [&shown](std::string_view text) {
                shown += text;
            });
            finished = true;
        });
        serve_until(server, f, finished);
        script.join();
        return std::pair(status, shown);
    };
    auto [good, clock] = run({"show clock", "show privilege"});
    CHECK(good == 0);
    CHECK(clock.ends_with("UTC Mon Mar 1 1993\nCurrent privilege level is 15\n"));
    auto [bad, caret] = run({"show foo", "show privilege"});
    CHECK(bad == 1);
    CHECK(caret ==
          "sv9-2#show foo\n           ^\n% Invalid input detected at '^' marker.\n\n"
          "Current privilege level is 15\n");
    auto [pinged, ping] = run({"ping 1.2.3.4"});
    CHECK(pinged == 0);
    CHECK(ping == "Type escape sequence to abort.\n!!!!!\nSuccess rate is 100 percent\n");
    auto [left, nothing] = run({"exit", "show clock"});
    CHECK(left == 0);
    CHECK(nothing.empty());
}

TEST_CASE("The socket's path: mode 0600, stale sockets replaced, others refused") {
    Fixture f;
    char pattern[] = "/tmp/viaduct-test-XXXXXX";
    REQUIRE(::mkdtemp(pattern) != nullptr);
    const std::filesystem::path folder = pattern;
    const std::string path = folder / "r.sock";
    {
        auto server = Server::listen(f.console, path);
        REQUIRE(server);
        struct stat status{};
        REQUIRE(::stat(path.c_str(), &status) == 0);
        CHECK((status.st_mode & 0777U) == 0600U);
        const auto second = Server::listen(f.console, path);
        REQUIRE_FALSE(second);
        CHECK(second.error().message == path + ": another router listens there");
        CHECK(connect_to(path));
    }
    CHECK_FALSE(std::filesystem::exists(path));
    const auto nobody = connect_to(path);
    REQUIRE_FALSE(nobody);
    CHECK(nobody.error().message == path + ": no router answers there (No such file or directory)");
    {
        const auto stale = listen_on(path, 1);
    }
    CHECK(std::filesystem::exists(path));
    CHECK(Server::listen(f.console, path));
    std::ofstream(path) << "a file";
    CHECK(Server::listen(f.console, path).error().message == path + ": exists and is not a socket");
    CHECK_FALSE(Server::listen(f.console, folder / "no" / "such"));
    CHECK_FALSE(Server::listen(f.console, std::string(200, 'x')));
    std::filesystem::remove_all(folder);
}
