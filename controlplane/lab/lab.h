// A whole network in one process: routers from their configuration files, hosts and links, in virtual or real time.
// This is the interface of tests and of the script runner; `viaduct lab` stands on it.
//
//     auto topology = lab::parse_topology(yaml, "lab.yaml");
//     auto lab = lab::Lab::create(*topology, {.seed = 7}, lab::make_router_factory());
//     (*lab)->run_for(30s);
//     (*lab)->ask("R1", "show ip route");
//     (*lab)->ask("PC1", "ping 10.2.0.10");
//
// One thread only. In virtual time the same topology, seed and calls give the same frames at the same times.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/lab/device.h"
#include "controlplane/lab/host/host.h"
#include "controlplane/lab/link.h"
#include "controlplane/lab/pcap_writer.h"
#include "controlplane/lab/poller.h"
#include "controlplane/lab/scheduler.h"
#include "controlplane/lab/topology.h"

namespace viaduct::lab {

class RouterNode;
class ExternalNode;

enum class Pace : std::uint8_t {
    as_fast_as_possible,  // virtual time
    wall_clock,  // real time
};

struct LabOptions {
    std::uint64_t seed = 1;
    Pace pace = Pace::as_fast_as_possible;
    std::string pcap_folder;  // one LINK.pcap a link; empty: none
};

/// A command on its way: on a router's console or a host.
class Command {
public:
    Command() = default;
    Command(const Command&) = delete;
    Command& operator=(const Command&) = delete;
    Command(Command&&) = delete;
    Command& operator=(Command&&) = delete;
    virtual ~Command() = default;

    [[nodiscard]] virtual bool finished() const = 0;
    virtual void interrupt(TimePoint now) = 0;
    virtual std::string take_output() = 0;
};

class Lab {
public:
    /// Virtual time's calendar begins here: 2026-01-01 00:00:00 UTC.
    static constexpr WallTime kVirtualEpoch{std::chrono::sys_days{
        std::chrono::year{2026} / std::chrono::January / std::chrono::day{1}}};
    /// A command that has not finished after this long is interrupted.
    static constexpr Duration kLongestCommand = std::chrono::hours{100};

    /// Nothing is started when it fails; the message is one sentence for the operator. Lines of configurations that were
    /// refused do not make it fail: see problems().
    static Result<std::unique_ptr<Lab>> create(const Topology& topology,
                                               const LabOptions& options,
                                               DeviceFactory factory);
    ~Lab();
    Lab(const Lab&) = delete;
    Lab& operator=(const Lab&) = delete;
    Lab(Lab&&) = delete;
    Lab& operator=(Lab&&) = delete;

    // ── time ──
    [[nodiscard]] TimePoint now() const { return scheduler_.now(); }

    [[nodiscard]] WallTime wall() const;

    void run_for(Duration time) { run_until(now() + time, {}); }

    /// Until then, or until `stop` is true at the end of an instant. Returns what stop() said last (false if empty).
    bool run_until(TimePoint until, const std::function<bool()>& stop);
    /// From now on time goes as the wall's clock does.
    void enter_real_time();

    [[nodiscard]] Pace pace() const { return options_.pace; }

    [[nodiscard]] std::uint64_t events() const { return scheduler_.events(); }

    // ── people and scripts ──
    [[nodiscard]] bool is_router(std::string_view name) const;
    [[nodiscard]] bool is_host(std::string_view name) const;
    [[nodiscard]] bool is_link(std::string_view name) const;
    [[nodiscard]] bool powered(std::string_view router) const;
    /// "R1#", "R1(config)#", "PC1$": what stands before a command typed now.
    [[nodiscard]] std::string prompt(std::string_view node);
    /// Begins a command on a router (its script session) or host. Fails when the node does not exist, has no power, or
    /// does not understand its command.
    Result<std::unique_ptr<Command>> begin(std::string_view node, std::string_view command);
    /// begin(), runs the clock until it is finished, and returns the output; an error's text if it could not begin.
    std::string ask(std::string_view node, std::string_view command);
    /// Off: the router and all it knew are gone. On: a new one from its startup configuration.
    Result<void> power(std::string_view router, bool on);

    /// Configuration lines that were refused or warned of so far, as "file:line: why" with the line below.
    [[nodiscard]] const std::string& problems() const { return problems_; }

    // ── parts; the name must exist (VIADUCT_CHECK) ──
    [[nodiscard]] Link& link(std::string_view name);
    [[nodiscard]] Host& host(std::string_view name);
    /// nullptr: without power, or a fake.
    [[nodiscard]] Router* router(std::string_view name);
    [[nodiscard]] std::vector<std::string> router_names() const;

    /// A console socket for every router: FOLDER/NAME.
    Result<void> open_consoles(const std::string& folder);

    /// Wakes run_until() in real time; may be called from another thread.
    void wake() { poller_.wake(); }

    /// The same when this descriptor (the caller's) becomes readable; until then nobody reads it.
    void wake_on(int descriptor) {
        poller_.watch(descriptor, [] {});
    }

    void flush_captures();

private:
    explicit Lab(const LabOptions& options);
    Result<void> build(const Topology& topology, DeviceFactory factory);
    Result<void> capture(Link& link);
    void run_real(TimePoint until, const std::function<bool()>& stop, bool& stopped);
    [[nodiscard]] TimePoint real_now() const;
    [[nodiscard]] RouterNode* find_router(std::string_view name) const;

    LabOptions options_;
    Scheduler scheduler_;
    Poller poller_;
    Duration real_offset_{};  // lab time minus the steady clock, at real pace
    Duration epoch_offset_{};  // calendar minus lab time
    std::string problems_;
    std::map<std::string, std::unique_ptr<Link>, std::less<>> links_;
    std::map<std::string, std::unique_ptr<RouterNode>, std::less<>> routers_;
    std::map<std::string, std::unique_ptr<Host>, std::less<>> hosts_;
    std::vector<std::unique_ptr<ExternalNode>> externals_;
    std::vector<std::unique_ptr<PcapWriter>> captures_;
};

}  // namespace viaduct::lab
