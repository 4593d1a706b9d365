#include "controlplane/lab/external.h"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

namespace viaduct::lab {

namespace {

constexpr std::size_t kLargestFrame = 9216;
constexpr int kFramesATurn = 256;

std::string reason(int error) {
    std::array<char, 128> text{};
    return strerror_r(error, text.data(), text.size());
}

}  // namespace

Result<std::unique_ptr<ExternalNode>> ExternalNode::open(Scheduler& scheduler,
                                                         Poller& poller,
                                                         Link& link,
                                                         const std::string& interface) {
    const auto refused = [&](const std::string& why) {
        return failure(
            fmt::format("link '{}': external interface {}: {}", link.name(), interface, why));
    };
    const auto index = if_nametoindex(interface.c_str());
    if (index == 0) {
        return refused("no such interface");
    }
    const int descriptor = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return refused(reason(errno));
    }
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(index);
    packet_mreq request{};
    request.mr_ifindex = static_cast<int>(index);
    request.mr_type = PACKET_MR_PROMISC;
    const int yes = 1;
    if (bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
        setsockopt(descriptor, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof(request)) != 0 ||
        setsockopt(descriptor, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof(yes)) != 0) {
        const auto why = reason(errno);
        close(descriptor);
        return refused(why);
    }
    return std::unique_ptr<ExternalNode>(
        new ExternalNode(scheduler, poller, link, descriptor, interface));
}

ExternalNode::ExternalNode(
    Scheduler& scheduler, Poller& poller, Link& link, int socket, const std::string& interface)
    : Node(scheduler),
      poller_(poller),
      link_(link),
      socket_(socket),
      attachment_(link.attach(*this, 0, "external " + interface)) {
    poller_.watch(socket_, [this] { this->scheduler().make_ready(*this); });
}

ExternalNode::~ExternalNode() {
    poller_.forget(socket_);
    close(socket_);
}

void ExternalNode::deliver(TimePoint, unsigned, const Frame& frame) {
    output_.push_back(frame);
    scheduler().make_ready(*this);
}

void ExternalNode::on_link(TimePoint, unsigned, bool) {}

void ExternalNode::run(TimePoint now) {
    for (const auto& frame : output_) {
        // What does not fit is lost, as on any cable.
        [[maybe_unused]] const auto n = ::send(socket_, frame->data(), frame->size(), MSG_DONTWAIT);
    }
    output_.clear();
    std::array<std::uint8_t, kLargestFrame> buffer{};
    for (int i = 0; i < kFramesATurn; ++i) {
        const auto n = recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (n <= 0) {
            break;
        }
        link_.send(
            now, attachment_, std::make_shared<const Bytes>(buffer.begin(), buffer.begin() + n));
    }
}

}  // namespace viaduct::lab
