#include "controlplane/console/host.h"

#include <utility>

#include "controlplane/console/console.h"
#include "controlplane/router/router.h"

namespace viaduct::console {

namespace {

class RouterHost final : public Host {
public:
    explicit RouterHost(Router& router) : router_(router) {}

    [[nodiscard]] const config::RunningConfig& running() const override {
        return router_.running();
    }

    void apply(TimePoint now, config::RunningConfig wanted) override {
        router_.apply(now, std::move(wanted));
    }

    Result<void> save(std::string_view text) override { return router_.save(text); }

    [[nodiscard]] std::string startup_text() const override { return router_.startup_text(); }

    void request_reload() override { router_.request_reload(); }

    [[nodiscard]] Log& log() override { return router_.log(); }

    [[nodiscard]] const ios::ExecRows& exec_rows() const override { return router_.exec_rows(); }

    [[nodiscard]] TimePoint started_at() const override { return router_.started_at(); }

    [[nodiscard]] std::string cipher_path() const override { return router_.plane().cipher_path(); }

    [[nodiscard]] unsigned workers() const override { return router_.plane().workers(); }

    void on_sessions(std::size_t open) override { router_.set_console_sessions(open); }

private:
    Router& router_;
};

}  // namespace

std::unique_ptr<Host> host_of(Router& router) {
    return std::make_unique<RouterHost>(router);
}

void Console::attach(Router& router) {
    attach(host_of(router));
}

}  // namespace viaduct::console
