#include "controlplane/lab/router_node.h"

#include <fmt/format.h>

#include "controlplane/lab/lab.h"

namespace viaduct::lab {

RouterNode::RouterNode(Lab& lab,
                       Scheduler& scheduler,
                       Poller& poller,
                       RouterSpec spec,
                       std::uint64_t seed,
                       DeviceFactory factory)
    : Node(scheduler),
      lab_(lab),
      poller_(poller),
      spec_(std::move(spec)),
      seed_(seed),
      factory_(std::move(factory)),
      startup_text_(spec_.config_text) {}

RouterNode::~RouterNode() {
    power_off();
}

void RouterNode::attach(Link& link, MacAddress mac) {
    const auto index = ports_.size();
    ports_.push_back({&link,
                      link.attach(*this,
                                  static_cast<unsigned>(index),
                                  spec_.name + " " + spec_.ports[index].interface.to_string()),
                      mac});
}

Result<void> RouterNode::power_on(std::string& problems) {
    if (device_) {
        return {};
    }
    // A router that starts again does not repeat its random numbers.
    const auto seed = derive_seed(seed_, fmt::format("{} start {}", spec_.name, starts_++));
    std::vector<unsigned> mtus;
    std::vector<MacAddress> macs;
    for (const auto& port : ports_) {
        mtus.push_back(port.link->parameters().mtu);
        macs.push_back(port.mac);
    }
    auto made = factory_(
        {spec_, startup_text_, seed, mtus, macs, scheduler().now(), lab_.wall(), problems});
    if (!made) {
        return tl::unexpected<Error>(made.error());
    }
    device_ = std::move(*made);
    for (unsigned i = 0; i < ports_.size(); ++i) {
        device_->set_link(i, ports_[i].link->up());
    }
    scheduler().make_ready(*this);
    return open_console();
}

void RouterNode::power_off() {
    if (!device_) {
        return;
    }
    if (device_->console_descriptor() >= 0) {
        poller_.forget(device_->console_descriptor());
    }
    startup_text_ = device_->startup_text();
    session_.reset();
    device_.reset();
}

Result<void> RouterNode::listen_console(const std::string& path) {
    console_path_ = path;
    return open_console();
}

Result<void> RouterNode::open_console() {
    if (console_path_.empty() || !device_) {
        return {};
    }
    if (auto opened = device_->listen_console(console_path_); !opened) {
        return opened;
    }
    poller_.watch(device_->console_descriptor(), [this] { scheduler().make_ready(*this); });
    return {};
}

DeviceSession* RouterNode::session() {
    if (device_ && !session_) {
        session_ = device_->open_session();
    }
    return session_.get();
}

void RouterNode::deliver(TimePoint, unsigned port, const Frame& frame) {
    if (device_) {
        device_->deliver(port, *frame);
        scheduler().make_ready(*this);
    }
}

void RouterNode::on_link(TimePoint, unsigned port, bool up) {
    if (device_) {
        device_->set_link(port, up);
        scheduler().make_ready(*this);
    }
}

void RouterNode::run_device(TimePoint now) {
    device_->run(now, lab_.wall());
    for (unsigned i = 0; i < ports_.size(); ++i) {
        for (auto& frame : device_->take_frames(i)) {
            ports_[i].link->send(
                now, ports_[i].attachment, std::make_shared<const Bytes>(std::move(frame)));
        }
    }
}

void RouterNode::run(TimePoint now) {
    if (!device_) {
        return;
    }
    run_device(now);
    if (device_->reload_requested()) {
        device_->leave(now);
        run_device(now);
        power_off();
        // What was refused at the first start is refused again; the operator has read it.
        problems_.clear();
        [[maybe_unused]] const auto started = power_on(problems_);
    }
}

TimePoint RouterNode::next_deadline() const {
    return device_ ? device_->next_deadline() : kNever;
}

}  // namespace viaduct::lab
