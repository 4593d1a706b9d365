#include "controlplane/router/router.h"

#include <fstream>
#include <utility>

#include "config/pix/pix.h"
#include "controlplane/dhcp/exec.h"
#include "controlplane/eigrp/exec.h"
#include "controlplane/ike/session_rows.h"
#include "controlplane/nhrp/exec.h"
#include "controlplane/router/core.h"

namespace viaduct {

namespace {

dataplane::PlaneOptions plane_options(const RouterOptions& options, Random& random) {
    dataplane::PlaneOptions out;
    out.workers = options.workers;
    out.max_sas = options.max_sas;
    out.nat_sessions = options.nat_sessions;
    out.random_seed = random.u64() | 1U;
    return out;
}

constexpr std::size_t kPuntsAtOnce = 512;

}  // namespace

RouterCore::RouterCore(Random& random_in,
                       crypto::Offload& offload_in,
                       LogSink& sink,
                       const RouterOptions& options_in)
    : random(random_in),
      offload(offload_in),
      options(options_in),
      log(sink),
      plane(plane_options(options_in, random_in)),
      arp(log,
          [this](IfIndex in, Ipv4Address address) {
              const auto found = rib.look_up(address);
              return !found.paths.empty() && !found.paths.front().null0 &&
                     found.paths.front().interface != in;
          }),
      icmp(random, log, [this](Ipv4Address destination) { return source_for(destination); }),
      forwarding(plane, [this](const rib::ResolvedPath& path) { return describe(path); }),
      protection(plane, log),
      ike(random, log, offload, protection, protection),
      aaa(random, log),
      nhrp_routes(*this),
      dmvpn_ipsec(*this),
      nhrp(random, log, nhrp_routes),
      eigrp(random, log),
      dhcp_client(random, log),
      dhcp_server(log) {}

Router::Router(Random& random,
               crypto::Offload& offload,
               LogSink& sink,
               const RouterOptions& options)
    : core_(std::make_unique<RouterCore>(random, offload, sink, options)) {
    core_->gather_rows();
}

Router::~Router() = default;

void Router::attach_port(const config::InterfaceName& name, std::unique_ptr<dataplane::Port> port) {
    const auto index = core_->index_of(name);
    auto& status = core_->interfaces[index];
    status.has_port = true;
    status.driver = port->driver();
    status.port_mac = port->mac();
    status.port_mtu = static_cast<std::uint16_t>(port->max_frame() - 14);
    status.port_link = port->link_up();
    core_->plane.attach_port(index, std::move(port));
}

ios::LoadResult Router::load(TimePoint now, std::string_view text, std::string_view file_name) {
    auto result = pix::load_any(text, file_name);
    core_->startup = std::string(text);
    core_->trustpoints_read.reset();  // a reload reads the files again
    apply(now, result.config);
    return result;
}

void Router::apply(TimePoint now, config::RunningConfig wanted) {
    if (core_->started == TimePoint{}) {
        core_->started = now;
    }
    core_->now = now;
    constexpr Duration kGoodbyeTime = 2ms;
    const bool leaving = core_->say_goodbyes(wanted);
    core_->model = std::move(wanted);
    if (leaving && core_->reconcile_at == kNever) {
        core_->reconcile_at = now + kGoodbyeTime;
    }
    if (core_->reconcile_at == kNever || now >= core_->reconcile_at) {
        core_->reconcile();
    }
}

void Router::leave(TimePoint now) {
    core_->now = now;
    core_->eigrp.configure(now, {});
    core_->carry();
}

const config::RunningConfig& Router::running() const {
    return core_->model;
}

Result<void> Router::save(std::string_view text) {
    core_->startup = std::string(text);
    if (core_->options.startup_path.empty()) {
        return {};
    }
    // Written beside and renamed: a crash in between leaves the old file whole.
    const auto temporary = core_->options.startup_path + ".new";
    std::ofstream file(temporary, std::ios::trunc);
    file << text;
    file.close();
    if (!file || std::rename(temporary.c_str(), core_->options.startup_path.c_str()) != 0) {
        return failure("cannot write " + core_->options.startup_path);
    }
    return {};
}

std::string Router::startup_text() const {
    return core_->startup;
}

void Router::poll(TimePoint now, WallTime wall) {
    core_->now = now;
    core_->wall = wall;
    core_->ike.set_wall(now, wall);
    core_->eigrp.set_wall(now, wall);
    core_->take_punts();
    for (auto& result : core_->offload.take_done()) {
        core_->ike.on_offload(now, std::move(result));
    }
    core_->carry_sa_events();
    if (now >= core_->reconcile_at) {
        core_->reconcile();
    }
    if (now >= core_->next_refresh || core_->refresh_wanted) {
        core_->refresh();
    }
    core_->run_timers();
    core_->carry();
    core_->plane.reclaim();
}

TimePoint Router::next_deadline() const {
    return std::min({core_->arp.next_deadline(),
                     core_->ike.next_deadline(),
                     core_->nhrp.next_deadline(),
                     core_->aaa.next_deadline(),
                     core_->eigrp.next_deadline(),
                     core_->keepalives.next_deadline(),
                     core_->dhcp_client.next_deadline(),
                     core_->dhcp_server.next_deadline(),
                     core_->reconcile_at,
                     core_->next_refresh});
}

dataplane::Plane& Router::plane() {
    return core_->plane;
}

Log& Router::log() {
    return core_->log;
}

const ios::ExecRows& Router::exec_rows() const {
    return core_->rows;
}

TimePoint Router::started_at() const {
    return core_->started;
}

void Router::set_console_sessions(std::size_t open) {
    core_->ike.set_management_sessions(open);
}

void RouterCore::gather_rows() {
    const auto add = [this](ios::ExecRows more) {
        for (auto& row : more) {
            // What a command leaves in an engine (`clear …`) is carried before the prompt comes back.
            row.run = [this, run = std::move(row.run)](ios::ExecContext& context,
                                                       const ios::Args& args) {
                now = context.now;
                auto job = run(context, args);
                carry();
                return job;
            };
            rows.push_back(std::move(row));
        }
    };
    add(interface_rows(*this));
    add(routing_rows(*this));
    add(reachability_rows(*this));
    add(nat_rows(*this));
    add(pix_rows(*this));
    add(ike::exec_rows(ike));
    add(ike::session_rows(ike));
    add(nhrp::exec_rows(nhrp, &dmvpn_ipsec));
    add(eigrp::exec_rows(eigrp));
    add(dhcp::exec_rows(dhcp_client, dhcp_server));
}

void RouterCore::take_punts() {
    for (auto& punt : plane.take_punts(kPuntsAtOnce)) {
        on_punt(punt);
    }
}

}  // namespace viaduct
