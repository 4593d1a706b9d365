// The composition root: one Router owns everything of one router — model, engines, forwarding plane —
// and carries what one engine says to the others. One control thread (or the lab's scheduler) drives it.
//
//                 configuration text            console sessions, scripts
//                        │                               │ exec rows
//                        ▼                               ▼
//   punts, events ─► Router::poll(now) ─► engines ─► actions ─► Router ─► tables, injected packets
//   (dataplane)                                                             (dataplane)
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/ios/exec_row.h"
#include "config/ios/parser.h"
#include "config/model/running_config.h"
#include "controlplane/log/log.h"
#include "crypto/offload.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/random.h"
#include "dataplane/plane.h"

namespace viaduct {

struct RouterOptions {
    unsigned workers = 1;
    std::string startup_path;  // where `write memory` goes; empty: nowhere (the lab keeps a copy)
    std::uint32_t max_sas = 4096;
    std::uint32_t nat_sessions = 65536;
    /// A file that the configuration names (certificates), relative to the configuration's folder; none: no files.
    std::function<Result<std::string>(const std::string& name)> read_file;
};

/// The inside (core.h).
struct RouterCore;

class Router {
public:
    Router(Random& random, crypto::Offload& offload, LogSink& sink, const RouterOptions& options);
    ~Router();
    Router(const Router&) = delete;
    Router& operator=(const Router&) = delete;
    Router(Router&&) = delete;
    Router& operator=(Router&&) = delete;

    /// Before load(): the port that carries this interface.
    void attach_port(const config::InterfaceName& name, std::unique_ptr<dataplane::Port> port);

    /// Loads a configuration text and makes it the running one: everything that differs from what ran before is
    /// reconciled, the rest goes on undisturbed. The problems of bad lines are in the result; good lines count.
    ios::LoadResult load(TimePoint now, std::string_view text, std::string_view file_name);
    /// Makes `wanted` the running configuration (a console line changed a copy of it).
    void apply(TimePoint now, config::RunningConfig wanted);
    [[nodiscard]] const config::RunningConfig& running() const;
    /// `write memory`: "" or why not.
    Result<void> save(std::string_view text);
    [[nodiscard]] std::string startup_text() const;

    /// `reload`: asked for by the console, carried out by whoever owns the Router.
    void request_reload() { reload_requested_ = true; }

    [[nodiscard]] bool reload_requested() const { return reload_requested_; }

    /// Before the end of the program or a reload: the neighbours are told (EIGRP's goodbye). It leaves with the
    /// workers' next turns.
    void leave(TimePoint now);
    /// One turn of the control thread: what came up from the dataplane and from helper threads, and what is due.
    void poll(TimePoint now, WallTime wall);
    /// When poll() is to be called next if nothing comes up before.
    [[nodiscard]] TimePoint next_deadline() const;

    [[nodiscard]] dataplane::Plane& plane();
    [[nodiscard]] Log& log();
    /// The exec commands of all features; the console adds its own.
    [[nodiscard]] const ios::ExecRows& exec_rows() const;
    [[nodiscard]] TimePoint started_at() const;
    /// So many sessions are open on its console (`show vpn-sessiondb`).
    void set_console_sessions(std::size_t open);

private:
    std::unique_ptr<RouterCore> core_;
    bool reload_requested_ = false;
};

}  // namespace viaduct
