// An interface of this machine as one more node on a link, by a packet socket: real peers join the lab. Real time only;
// needs CAP_NET_RAW.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "controlplane/lab/link.h"
#include "controlplane/lab/poller.h"
#include "dataplane/base/result.h"

namespace viaduct::lab {

class ExternalNode final : public Node {
public:
    /// Fails with the system's reason.
    static Result<std::unique_ptr<ExternalNode>> open(Scheduler& scheduler,
                                                      Poller& poller,
                                                      Link& link,
                                                      const std::string& interface);
    ~ExternalNode() override;
    ExternalNode(const ExternalNode&) = delete;
    ExternalNode& operator=(const ExternalNode&) = delete;
    ExternalNode(ExternalNode&&) = delete;
    ExternalNode& operator=(ExternalNode&&) = delete;

    void deliver(TimePoint now, unsigned port, const Frame& frame) override;
    void on_link(TimePoint now, unsigned port, bool up) override;
    void run(TimePoint now) override;

    [[nodiscard]] TimePoint next_deadline() const override { return kNever; }

private:
    ExternalNode(
        Scheduler& scheduler, Poller& poller, Link& link, int socket, const std::string& interface);

    Poller& poller_;
    Link& link_;
    int socket_;
    unsigned attachment_;
    std::vector<Frame> output_;
};

}  // namespace viaduct::lab
