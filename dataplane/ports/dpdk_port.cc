#include "dataplane/ports/dpdk_port.h"

#include <algorithm>
#include <fmt/format.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/ports/pools.h"

namespace viaduct::dataplane {

namespace {

constexpr std::uint16_t kDescriptors = 1024;

rte_ether_addr to_dpdk(MacAddress mac) {
    rte_ether_addr out{};
    std::copy(mac.octets().begin(), mac.octets().end(), out.addr_bytes);
    return out;
}

MacAddress from_dpdk(const rte_ether_addr& mac) {
    MacAddress::Octets octets{};
    std::copy(std::begin(mac.addr_bytes), std::end(mac.addr_bytes), octets.begin());
    return MacAddress{octets};
}

class DpdkPort final : public Port {
public:
    DpdkPort(std::uint16_t id,
             rte_device* device,
             unsigned queues,
             MacAddress mac,
             std::uint16_t mtu,
             std::string driver)
        : id_(id),
          device_(device),
          queues_(queues),
          mac_(mac),
          mtu_(mtu),
          driver_(std::move(driver)) {}

    ~DpdkPort() override {
        (void)rte_eth_dev_stop(id_);
        (void)rte_eth_dev_close(id_);
        (void)rte_dev_remove(device_);
    }

    DpdkPort(const DpdkPort&) = delete;
    DpdkPort& operator=(const DpdkPort&) = delete;
    DpdkPort(DpdkPort&&) = delete;
    DpdkPort& operator=(DpdkPort&&) = delete;

    std::size_t receive(unsigned queue, std::span<rte_mbuf*> out) override {
        return rte_eth_rx_burst(id_,
                                static_cast<std::uint16_t>(queue),
                                out.data(),
                                static_cast<std::uint16_t>(out.size()));
    }

    std::size_t transmit(unsigned queue, std::span<rte_mbuf*> frames) override {
        // Some drivers take only so many at a time.
        std::size_t sent = 0;
        while (sent < frames.size()) {
            const auto n = rte_eth_tx_burst(id_,
                                            static_cast<std::uint16_t>(queue),
                                            frames.data() + sent,
                                            static_cast<std::uint16_t>(frames.size() - sent));
            if (n == 0) {
                break;
            }
            sent += n;
        }
        return sent;
    }

    [[nodiscard]] unsigned queues() const override { return queues_; }

    [[nodiscard]] MacAddress mac() const override { return mac_; }

    [[nodiscard]] bool link_up() const override {
        rte_eth_link link{};
        return rte_eth_link_get_nowait(id_, &link) != 0 || link.link_status == RTE_ETH_LINK_UP;
    }

    [[nodiscard]] std::size_t max_frame() const override {
        return std::size_t{mtu_} + RTE_ETHER_HDR_LEN;
    }

    [[nodiscard]] PortStatistics statistics() const override {
        rte_eth_stats s{};
        if (rte_eth_stats_get(id_, &s) != 0) {
            return {};
        }
        return {s.ipackets,
                s.ibytes,
                s.imissed,
                s.ierrors + s.rx_nombuf,
                s.opackets,
                s.obytes,
                s.oerrors};
    }

    [[nodiscard]] std::string driver() const override { return driver_; }

private:
    std::uint16_t id_;
    rte_device* device_;
    unsigned queues_;
    MacAddress mac_;
    std::uint16_t mtu_;
    std::string driver_;
};

/// A device that was probed; removed again unless the port is opened.
class Probed {
public:
    explicit Probed(std::uint16_t id, rte_device* device) : id_(id), device_(device) {}

    ~Probed() {
        if (!kept_) {
            (void)rte_eth_dev_close(id_);
            (void)rte_dev_remove(device_);
        }
    }

    Probed(const Probed&) = delete;
    Probed& operator=(const Probed&) = delete;
    Probed(Probed&&) = delete;
    Probed& operator=(Probed&&) = delete;

    void keep() { kept_ = true; }

private:
    std::uint16_t id_;
    rte_device* device_;
    bool kept_ = false;
};

tl::unexpected<Error> refused(const DpdkPortOptions& o, std::string_view what, int status) {
    return failure(fmt::format(
        "port \"{}\": {}: {}", o.device, what, rte_strerror(status < 0 ? -status : rte_errno)));
}

Result<std::uint16_t> probe(const DpdkPortOptions& o) {
    const auto name = o.device.substr(0, o.device.find(','));
    std::uint16_t id = 0;
    if (rte_eth_dev_get_port_by_name(name.c_str(), &id) == 0) {
        return failure(fmt::format("port \"{}\": {} is open already", o.device, name));
    }
    if (const int status = rte_dev_probe(o.device.c_str()); status != 0) {
        if (status == -EEXIST) {
            return failure(fmt::format("port \"{}\": {} is in use already", o.device, name));
        }
        return failure(
            fmt::format("port \"{}\": DPDK does not open it ({}); is the device there, and are its "
                        "parameters right?",
                        o.device,
                        rte_strerror(-status)));
    }
    if (rte_eth_dev_get_port_by_name(name.c_str(), &id) != 0) {
        return failure(fmt::format("port \"{}\": no driver took it for a network port", o.device));
    }
    return id;
}

Result<void> configure(const DpdkPortOptions& o,
                       std::uint16_t id,
                       const rte_eth_dev_info& info,
                       unsigned queues) {
    rte_eth_conf conf{};
    conf.rxmode.mtu = o.mtu;
    if (queues > 1 && info.flow_type_rss_offloads != 0) {
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf =
            info.flow_type_rss_offloads &
            (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_ESP);
    }
    const auto n = static_cast<std::uint16_t>(queues);
    if (const int status = rte_eth_dev_configure(id, n, n, &conf); status != 0) {
        return refused(
            o, fmt::format("{} queues and an MTU of {} are not taken", queues, o.mtu), status);
    }
    std::uint16_t rx = kDescriptors;
    std::uint16_t tx = kDescriptors;
    (void)rte_eth_dev_adjust_nb_rx_tx_desc(id, &rx, &tx);
    auto* pool = pool_for(std::size_t{o.mtu} + RTE_ETHER_HDR_LEN);
    if (pool == nullptr) {
        return failure(fmt::format(
            "port \"{}\": an MTU of {} is too large, or DPDK was not started", o.device, o.mtu));
    }
    const auto socket = static_cast<unsigned>(SOCKET_ID_ANY);
    for (std::uint16_t q = 0; q < n; ++q) {
        if (const int status = rte_eth_rx_queue_setup(id, q, rx, socket, nullptr, pool);
            status != 0) {
            return refused(o, fmt::format("receive queue {} cannot be set up", q), status);
        }
        if (const int status = rte_eth_tx_queue_setup(id, q, tx, socket, nullptr); status != 0) {
            return refused(o, fmt::format("send queue {} cannot be set up", q), status);
        }
    }
    return {};
}

/// The address that the port answers to. Where the device does not take another one, it hears everything
/// and the ethernet stage sorts out what is for us.
MacAddress set_mac(const DpdkPortOptions& o, std::uint16_t id) {
    rte_ether_addr own{};
    (void)rte_eth_macaddr_get(id, &own);
    if (!o.mac || *o.mac == from_dpdk(own)) {
        return from_dpdk(own);
    }
    auto wanted = to_dpdk(*o.mac);
    if (rte_eth_dev_default_mac_addr_set(id, &wanted) != 0) {
        (void)rte_eth_promiscuous_enable(id);
    }
    return *o.mac;
}

}  // namespace

Result<std::unique_ptr<Port>> open_dpdk_port(const DpdkPortOptions& options) {
    if (small_pool() == nullptr) {
        return failure(fmt::format("port \"{}\": DPDK was not started", options.device));
    }
    const auto id = probe(options);
    if (!id) {
        return tl::unexpected(id.error());
    }
    rte_eth_dev_info info{};
    if (const int status = rte_eth_dev_info_get(*id, &info); status != 0) {
        return refused(options, "the driver says nothing about it", status);
    }
    Probed probed(*id, info.device);
    const auto most = std::min(info.max_rx_queues, info.max_tx_queues);
    const auto queues = std::clamp<unsigned>(options.queues, 1, std::max<unsigned>(most, 1));
    if (auto done = configure(options, *id, info, queues); !done) {
        return tl::unexpected(done.error());
    }
    if (const int status = rte_eth_dev_start(*id); status != 0) {
        return refused(options, "it does not start", status);
    }
    if (options.promiscuous) {
        (void)rte_eth_promiscuous_enable(*id);
    }
    (void)rte_eth_allmulticast_enable(*id);
    const auto mac = set_mac(options, *id);
    probed.keep();
    return std::make_unique<DpdkPort>(*id,
                                      info.device,
                                      queues,
                                      mac,
                                      options.mtu,
                                      options.device.substr(0, options.device.find(',')));
}

}  // namespace viaduct::dataplane
