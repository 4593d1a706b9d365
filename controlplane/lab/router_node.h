// A router of a lab: the power switch around a Device, and its cables.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "controlplane/lab/device.h"
#include "controlplane/lab/link.h"
#include "controlplane/lab/poller.h"

namespace viaduct::lab {

class Lab;

class RouterNode final : public Node {
public:
    RouterNode(Lab& lab,
               Scheduler& scheduler,
               Poller& poller,
               RouterSpec spec,
               std::uint64_t seed,
               DeviceFactory factory);
    ~RouterNode() override;
    RouterNode(const RouterNode&) = delete;
    RouterNode& operator=(const RouterNode&) = delete;
    RouterNode(RouterNode&&) = delete;
    RouterNode& operator=(RouterNode&&) = delete;

    /// Cables; before the first power_on().
    void attach(Link& link, MacAddress mac);
    /// From the startup configuration; refused lines are appended to `problems`.
    Result<void> power_on(std::string& problems);
    void power_off();

    [[nodiscard]] Device* device() const { return device_.get(); }

    /// The one session that scripts type into; nullptr without power.
    [[nodiscard]] DeviceSession* session();
    Result<void> listen_console(const std::string& path);

    void deliver(TimePoint now, unsigned port, const Frame& frame) override;
    void on_link(TimePoint now, unsigned port, bool up) override;
    void run(TimePoint now) override;
    [[nodiscard]] TimePoint next_deadline() const override;

private:
    struct Port {
        Link* link = nullptr;
        unsigned attachment = 0;
        MacAddress mac;
    };

    Result<void> open_console();
    void run_device(TimePoint now);

    Lab& lab_;
    Poller& poller_;
    RouterSpec spec_;
    std::uint64_t seed_;
    unsigned starts_ = 0;
    DeviceFactory factory_;
    std::vector<Port> ports_;
    std::string startup_text_;
    std::string console_path_;
    std::string problems_;
    std::unique_ptr<Device> device_;
    std::unique_ptr<DeviceSession> session_;
};

}  // namespace viaduct::lab
