// The real Router as a Device: Router, Console and forwarding plane on memory ports, all on the lab's one thread.
#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

#include "controlplane/console/console.h"
#include "controlplane/console/server.h"
#include "controlplane/console/shell.h"
#include "controlplane/lab/device.h"
#include "controlplane/router/router.h"
#include "crypto/offload.h"
#include "dataplane/base/random.h"
#include "dataplane/plane.h"
#include "dataplane/ports/eal.h"
#include "dataplane/ports/memory_port.h"

namespace viaduct::lab {

namespace {

constexpr std::size_t kEthernetHeader = 14;
/// Turns of plane and control in one instant; more means that the two keep each other busy for ever, and the rest
/// waits for the next instant.
constexpr unsigned kMaxTurns = 1000;

class ShellSession final : public DeviceSession {
public:
    explicit ShellSession(console::Console& console)
        : shell_(console, console::ShellMode::privileged) {}

    [[nodiscard]] std::string prompt() const override { return shell_.prompt(); }

    bool execute(TimePoint now, WallTime wall, std::string_view line) override {
        status_ = shell_.execute(now, wall, line);
        return status_ != console::Shell::Status::invalid;
    }

    [[nodiscard]] bool busy() const override { return status_ == console::Shell::Status::running; }

    void interrupt() override { shell_.interrupt(); }

    std::string take_output() override { return shell_.take_output(); }

    void poll(TimePoint now, WallTime wall) {
        if (busy()) {
            status_ = shell_.poll(now, wall);
        }
    }

    [[nodiscard]] TimePoint next_deadline() const {
        return busy() ? shell_.next_deadline() : kNever;
    }

private:
    console::Shell shell_;
    console::Shell::Status status_ = console::Shell::Status::done;
};

class RouterDevice final : public Device {
public:
    explicit RouterDevice(const DeviceContext& context)
        : random_(context.seed),
          offload_(random_),
          router_(random_, offload_, console_, options(context.spec.config_file)) {
        console_.attach(router_);
        console_.on_clock(context.now, context.wall);
        for (std::size_t i = 0; i < context.spec.ports.size(); ++i) {
            auto port = std::make_unique<dataplane::MemoryPort>(context.macs[i],
                                                                context.mtus[i] + kEthernetHeader);
            ports_.push_back(port.get());
            router_.attach_port(context.spec.ports[i].interface, std::move(port));
        }
        const auto loaded =
            router_.load(context.now, context.startup_text, context.spec.config_file);
        for (const auto& problem : loaded.problems) {
            if (problem.kind != ios::LineProblem::Kind::without_effect) {
                context.problems += ios::problem_text(problem);
            }
        }
    }

    RouterDevice(const RouterDevice&) = delete;
    RouterDevice& operator=(const RouterDevice&) = delete;
    RouterDevice(RouterDevice&&) = delete;
    RouterDevice& operator=(RouterDevice&&) = delete;

    ~RouterDevice() override {
        if (server_) {
            server_->close_all("\nThe router has been switched off.\n");
        }
    }

    void deliver(unsigned port, BytesView frame) override { ports_[port]->deliver(frame); }

    void set_link(unsigned port, bool up) override { ports_[port]->set_link(up); }

    void run(TimePoint now, WallTime wall) override {
        console_.on_clock(now, wall);
        auto& plane = router_.plane();
        for (unsigned turn = 0; turn < kMaxTurns; ++turn) {
            const auto handled = run_plane(plane, now);
            if (handled == 0 && turn > 0) {
                break;
            }
            router_.poll(now, wall);
            serve_consoles(now, wall);
        }
        plane.reclaim();
    }

    std::vector<Bytes> take_frames(unsigned port) override {
        return ports_[port]->take_transmitted_bytes();
    }

    [[nodiscard]] TimePoint next_deadline() const override {
        auto deadline = router_.next_deadline();
        if (session_ != nullptr) {
            deadline = std::min(deadline, session_->next_deadline());
        }
        return server_ ? std::min(deadline, server_->next_deadline()) : deadline;
    }

    /// One at a time: the lab's.
    std::unique_ptr<DeviceSession> open_session() override {
        auto session = std::make_unique<ShellSession>(console_);
        session_ = session.get();
        return session;
    }

    Result<void> listen_console(const std::string& path) override {
        auto server = console::Server::listen(console_, path);
        if (!server) {
            return tl::unexpected<Error>(server.error());
        }
        server_ = std::move(*server);
        return {};
    }

    [[nodiscard]] int console_descriptor() const override { return server_ ? server_->fd() : -1; }

    void leave(TimePoint now) override { router_.leave(now); }

    [[nodiscard]] bool reload_requested() const override { return router_.reload_requested(); }

    [[nodiscard]] std::string startup_text() const override { return router_.startup_text(); }

    [[nodiscard]] Router* router() override { return &router_; }

private:
    static RouterOptions options(const std::string& config_file) {
        RouterOptions out;
        out.workers = 1;
        out.read_file =
            [folder = std::filesystem::path(config_file).parent_path()](const std::string& name) {
                return read_text_file((folder / name).string());
            };
        return out;
    }

    static std::size_t run_plane(dataplane::Plane& plane, TimePoint now) {
        std::size_t handled = 0;
        for (unsigned turn = 0; turn < kMaxTurns; ++turn) {
            const auto n = plane.run_once(0, now);
            if (n == 0) {
                break;
            }
            handled += n;
        }
        return handled;
    }

    void serve_consoles(TimePoint now, WallTime wall) {
        if (session_ != nullptr) {
            session_->poll(now, wall);
        }
        if (server_) {
            server_->service(now, wall);
        }
    }

    SeededRandom random_;
    crypto::InlineOffload offload_;
    console::Console console_;
    Router router_;
    std::vector<dataplane::MemoryPort*> ports_;  // the plane's
    ShellSession* session_ = nullptr;
    std::unique_ptr<console::Server> server_;
};

}  // namespace

DeviceFactory make_router_factory() {
    return [](const DeviceContext& context) -> Result<std::unique_ptr<Device>> {
        if (auto started = dataplane::start_eal({}); !started) {
            return tl::unexpected<Error>(started.error());
        }
        return std::make_unique<RouterDevice>(context);
    };
}

}  // namespace viaduct::lab
