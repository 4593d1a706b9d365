#include "controlplane/lab/lab.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <set>

#include "controlplane/lab/external.h"
#include "controlplane/lab/router_node.h"
#include "dataplane/base/check.h"

namespace viaduct::lab {

namespace {

using SteadyClock = std::chrono::steady_clock;

/// Locally administered, the same in every run, and (by asking again) unique in the lab.
class MacMaker {
public:
    MacAddress make(std::string_view owner) {
        for (std::uint64_t attempt = 0;; ++attempt) {
            const auto word = derive_seed(attempt, owner);
            MacAddress::Octets octets{0x02};
            for (std::size_t i = 1; i < octets.size(); ++i) {
                octets[i] = static_cast<std::uint8_t>(word >> (8 * i));
            }
            if (const MacAddress mac{octets}; used_.insert(mac).second) {
                return mac;
            }
        }
    }

private:
    std::set<MacAddress> used_;
};

class RouterCommand final : public Command {
public:
    explicit RouterCommand(RouterNode& node) : node_(node), device_(node.device()) {}

    [[nodiscard]] bool finished() const override { return !alive() || !node_.session()->busy(); }

    void interrupt(TimePoint) override {
        if (alive()) {
            node_.session()->interrupt();
        }
    }

    std::string take_output() override { return alive() ? node_.session()->take_output() : ""; }

private:
    /// False after the router lost its power or was reloaded.
    [[nodiscard]] bool alive() const { return device_ != nullptr && node_.device() == device_; }

    RouterNode& node_;
    Device* device_;
};

class HostCommand final : public Command {
public:
    HostCommand(Host& host, Job& job) : host_(host), job_(job) {}

    HostCommand(const HostCommand&) = delete;
    HostCommand& operator=(const HostCommand&) = delete;
    HostCommand(HostCommand&&) = delete;
    HostCommand& operator=(HostCommand&&) = delete;

    ~HostCommand() override { host_.forget(job_); }

    [[nodiscard]] bool finished() const override { return job_.finished(); }

    void interrupt(TimePoint now) override { job_.interrupt(now); }

    std::string take_output() override { return job_.take_output(); }

private:
    Host& host_;
    Job& job_;
};

}  // namespace

Lab::Lab(const LabOptions& options) : options_(options) {
    epoch_offset_ = kVirtualEpoch.time_since_epoch() - Scheduler::kStart.time_since_epoch();
    if (options_.pace == Pace::wall_clock) {
        enter_real_time();
        const auto calendar = std::chrono::time_point_cast<std::chrono::nanoseconds>(
            std::chrono::system_clock::now());
        epoch_offset_ = calendar.time_since_epoch() - Scheduler::kStart.time_since_epoch();
    }
}

Lab::~Lab() = default;

Result<std::unique_ptr<Lab>> Lab::create(const Topology& topology,
                                         const LabOptions& options,
                                         DeviceFactory factory) {
    std::unique_ptr<Lab> lab(new Lab(options));
    if (auto built = lab->build(topology, std::move(factory)); !built) {
        return tl::unexpected<Error>(built.error());
    }
    return lab;
}

Result<void> Lab::capture(Link& link) {
    auto writer = PcapWriter::create(
        (std::filesystem::path(options_.pcap_folder) / (link.name() + ".pcap")).string());
    if (!writer) {
        return tl::unexpected<Error>(writer.error());
    }
    captures_.push_back(std::move(*writer));
    link.add_tap([this, file = captures_.back().get()](TimePoint, BytesView frame) {
        file->write(wall(), frame);
    });
    return {};
}

Result<void> Lab::build(const Topology& topology, DeviceFactory factory) {
    MacMaker macs;
    if (!options_.pcap_folder.empty()) {
        std::error_code error;
        std::filesystem::create_directories(options_.pcap_folder, error);
        if (error) {
            return failure(fmt::format("{}: {}", options_.pcap_folder, error.message()));
        }
    }
    for (const auto& spec : topology.links) {
        auto& link = links_[spec.name];
        link = std::make_unique<Link>(scheduler_, spec.name, spec.parameters, options_.seed);
        if (!options_.pcap_folder.empty()) {
            if (auto opened = capture(*link); !opened) {
                return opened;
            }
        }
        if (spec.parameters.external.empty()) {
            continue;
        }
        if (options_.pace != Pace::wall_clock) {
            return failure(
                fmt::format("link '{}' has an external interface: it needs --real", spec.name));
        }
        auto external = ExternalNode::open(scheduler_, poller_, *link, spec.parameters.external);
        if (!external) {
            return tl::unexpected<Error>(external.error());
        }
        externals_.push_back(std::move(*external));
    }
    for (const auto& spec : topology.routers) {
        auto& node = routers_[spec.name];
        node =
            std::make_unique<RouterNode>(*this, scheduler_, poller_, spec, options_.seed, factory);
        for (const auto& port : spec.ports) {
            node->attach(*links_.at(port.link),
                         macs.make(spec.name + " " + port.interface.to_string()));
        }
        if (auto started = node->power_on(problems_); !started) {
            return started;
        }
    }
    for (const auto& spec : topology.hosts) {
        hosts_[spec.name] =
            std::make_unique<Host>(scheduler_,
                                   *links_.at(spec.link),
                                   Host::Options{spec.name,
                                                 macs.make(spec.name),
                                                 spec.address,
                                                 derive_seed(options_.seed, "host " + spec.name)});
        hosts_[spec.name]->start(scheduler_.now());
    }
    return {};
}

WallTime Lab::wall() const {
    return WallTime{scheduler_.now().time_since_epoch() + epoch_offset_};
}

TimePoint Lab::real_now() const {
    return TimePoint{SteadyClock::now().time_since_epoch() + real_offset_};
}

void Lab::enter_real_time() {
    options_.pace = Pace::wall_clock;
    real_offset_ = scheduler_.now().time_since_epoch() - SteadyClock::now().time_since_epoch();
}

bool Lab::run_until(TimePoint until, const std::function<bool()>& stop) {
    bool stopped = stop && stop();
    if (stopped) {
        return true;
    }
    const auto watch = [&] {
        stopped = stop && stop();
        return stopped;
    };
    if (options_.pace == Pace::as_fast_as_possible) {
        scheduler_.run_until(until, watch);
        return stopped;
    }
    run_real(until, watch, stopped);
    return stopped;
}

void Lab::run_real(TimePoint until, const std::function<bool()>& stop, bool& stopped) {
    while (!stopped) {
        const auto now = std::min(real_now(), until);
        scheduler_.run_until(std::max(now, scheduler_.now()), stop);
        if (stopped || now >= until) {
            return;
        }
        const auto next = std::min(until, scheduler_.next_event());
        poller_.wait(std::max<Duration>(next - real_now(), Duration{}));
        // What arrived, arrived now: first everything before, then the newcomers.
        scheduler_.run_until(std::max(real_now(), scheduler_.now()), stop);
        poller_.dispatch();
        stop();  // a wake() from outside may be what it waits for
    }
}

RouterNode* Lab::find_router(std::string_view name) const {
    const auto found = routers_.find(name);
    return found == routers_.end() ? nullptr : found->second.get();
}

bool Lab::is_router(std::string_view name) const {
    return routers_.find(name) != routers_.end();
}

bool Lab::is_host(std::string_view name) const {
    return hosts_.find(name) != hosts_.end();
}

bool Lab::is_link(std::string_view name) const {
    return links_.find(name) != links_.end();
}

bool Lab::powered(std::string_view router) const {
    const auto* node = find_router(router);
    return node != nullptr && node->device() != nullptr;
}

std::string Lab::prompt(std::string_view node) {
    auto* router = find_router(node);
    if (router != nullptr && router->session() != nullptr) {
        return router->session()->prompt();
    }
    return fmt::format("{}{}", node, router != nullptr ? "#" : "$");
}

Result<std::unique_ptr<Command>> Lab::begin(std::string_view node, std::string_view command) {
    if (const auto host = hosts_.find(node); host != hosts_.end()) {
        const auto job = host->second->begin(now(), command);
        if (!job) {
            return tl::unexpected<Error>(job.error());
        }
        return std::make_unique<HostCommand>(*host->second, **job);
    }
    auto* router = find_router(node);
    if (router == nullptr) {
        return failure(fmt::format("there is no router or host '{}'", node));
    }
    auto* session = router->session();
    if (session == nullptr) {
        return failure(fmt::format("{} has no power", node));
    }
    session->execute(now(), wall(), command);
    scheduler_.make_ready(*router);
    return std::make_unique<RouterCommand>(*router);
}

std::string Lab::ask(std::string_view node, std::string_view command) {
    const auto begun = begin(node, command);
    if (!begun) {
        return begun.error().message + "\n";
    }
    const auto& running = **begun;
    std::string output;
    if (!run_until(now() + kLongestCommand, [&] { return running.finished(); })) {
        (*begun)->interrupt(now());
    }
    // What the command changed takes effect before anything else happens.
    run_until(now(), {});
    return (*begun)->take_output();
}

Result<void> Lab::power(std::string_view router, bool on) {
    auto* node = find_router(router);
    if (node == nullptr) {
        return failure(fmt::format("there is no router '{}'", router));
    }
    if (!on) {
        node->power_off();
        return {};
    }
    return node->power_on(problems_);
}

Link& Lab::link(std::string_view name) {
    const auto found = links_.find(name);
    VIADUCT_CHECK(found != links_.end());
    return *found->second;
}

Host& Lab::host(std::string_view name) {
    const auto found = hosts_.find(name);
    VIADUCT_CHECK(found != hosts_.end());
    return *found->second;
}

Router* Lab::router(std::string_view name) {
    auto* node = find_router(name);
    VIADUCT_CHECK(node != nullptr);
    return node->device() == nullptr ? nullptr : node->device()->router();
}

std::vector<std::string> Lab::router_names() const {
    std::vector<std::string> names;
    for (const auto& [name, node] : routers_) {
        names.push_back(name);
    }
    return names;
}

Result<void> Lab::open_consoles(const std::string& folder) {
    for (const auto& [name, node] : routers_) {
        if (auto opened = node->listen_console((std::filesystem::path(folder) / name).string());
            !opened) {
            return opened;
        }
    }
    return {};
}

void Lab::flush_captures() {
    for (const auto& capture : captures_) {
        capture->flush();
    }
}

}  // namespace viaduct::lab
