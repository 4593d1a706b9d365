// What the lab needs of a router: ports where frames go in and out, a clock, a console. Implemented by router_device.cc with
// the real Router; by small fakes in the lab's own tests.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/lab/scheduler.h"
#include "controlplane/lab/topology.h"
#include "dataplane/base/result.h"

namespace viaduct {
class Router;
}

namespace viaduct::lab {

/// A console session. Commands that take time go on while the lab's clock runs.
class DeviceSession {
public:
    DeviceSession() = default;
    DeviceSession(const DeviceSession&) = delete;
    DeviceSession& operator=(const DeviceSession&) = delete;
    DeviceSession(DeviceSession&&) = delete;
    DeviceSession& operator=(DeviceSession&&) = delete;
    virtual ~DeviceSession() = default;

    [[nodiscard]] virtual std::string prompt() const = 0;
    /// False: the line was not understood (the output says why).
    virtual bool execute(TimePoint now, WallTime wall, std::string_view line) = 0;
    /// A command still runs.
    [[nodiscard]] virtual bool busy() const = 0;
    virtual void interrupt() = 0;
    virtual std::string take_output() = 0;
};

class Device {
public:
    Device() = default;
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;
    Device(Device&&) = delete;
    Device& operator=(Device&&) = delete;
    virtual ~Device() = default;

    virtual void deliver(unsigned port, BytesView frame) = 0;
    virtual void set_link(unsigned port, bool up) = 0;
    /// Works until nothing is left to do at this time.
    virtual void run(TimePoint now, WallTime wall) = 0;
    /// What was sent by this port since the last call, in order.
    virtual std::vector<Bytes> take_frames(unsigned port) = 0;
    [[nodiscard]] virtual TimePoint next_deadline() const = 0;

    virtual std::unique_ptr<DeviceSession> open_session() = 0;
    /// Opens a socket for `viaduct console -s PATH`. Fails with the system's reason.
    virtual Result<void> listen_console(const std::string& path) = 0;
    /// Readable when console clients want something; -1: no socket was opened.
    [[nodiscard]] virtual int console_descriptor() const = 0;

    /// `reload` was typed: the lab makes a new one from startup_text().
    [[nodiscard]] virtual bool reload_requested() const = 0;
    [[nodiscard]] virtual std::string startup_text() const = 0;

    /// Before it is replaced: the neighbours are told.
    virtual void leave(TimePoint /*now*/) {}

    /// nullptr for a fake.
    [[nodiscard]] virtual Router* router() = 0;
};

/// Everything a new device is made of. `problems`: where lines of the configuration that were refused are told, as
/// "file:line: why" with the line and a caret; the rest of the configuration counts.
struct DeviceContext {
    const RouterSpec& spec;
    std::string_view startup_text;
    std::uint64_t seed = 0;
    std::vector<unsigned> mtus;  // of the ports' links
    std::vector<MacAddress> macs;
    TimePoint now;
    WallTime wall;
    std::string& problems;
};

using DeviceFactory = std::function<Result<std::unique_ptr<Device>>(const DeviceContext&)>;

/// The real Router with its forwarding plane, on memory ports.
DeviceFactory make_router_factory();

}  // namespace viaduct::lab
