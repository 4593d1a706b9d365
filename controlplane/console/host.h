// What the console needs of the router that it belongs to: a narrow view, so that the console's tests
// stand without a dataplane.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/ios/exec_row.h"
#include "config/model/running_config.h"
#include "controlplane/log/log.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/result.h"

namespace viaduct {

class Router;

namespace console {

class Host {
public:
    Host() = default;
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;
    Host(Host&&) = delete;
    Host& operator=(Host&&) = delete;
    virtual ~Host() = default;

    [[nodiscard]] virtual const config::RunningConfig& running() const = 0;
    virtual void apply(TimePoint now, config::RunningConfig wanted) = 0;
    virtual Result<void> save(std::string_view text) = 0;
    [[nodiscard]] virtual std::string startup_text() const = 0;
    virtual void request_reload() = 0;
    [[nodiscard]] virtual Log& log() = 0;
    /// The rows of the features; valid as long as the host.
    [[nodiscard]] virtual const ios::ExecRows& exec_rows() const = 0;
    [[nodiscard]] virtual TimePoint started_at() const = 0;
    /// "AVX512 VAES": the code path of the ciphers in use.
    [[nodiscard]] virtual std::string cipher_path() const = 0;
    [[nodiscard]] virtual unsigned workers() const = 0;

    /// So many sessions are open.
    virtual void on_sessions(std::size_t /*open*/) {}
};

/// The real one. `router` outlives it.
std::unique_ptr<Host> host_of(Router& router);

}  // namespace console
}  // namespace viaduct
