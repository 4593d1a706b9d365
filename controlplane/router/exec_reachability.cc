// ping, traceroute, show ip traffic.
#include <fmt/format.h>

#include "controlplane/router/core.h"

namespace viaduct {

namespace {

using ios::Args;
using ios::ExecContext;

/// The destination as typed: an address, or a name of `ip host`.
std::optional<Ipv4Address> destination_of(const RouterCore& router,
                                          const Args& args,
                                          std::string& out) {
    const auto text = args.text("destination");
    if (const auto address = Ipv4Address::parse(text)) {
        return address;
    }
    const auto host = router.model.system.hosts.find(text);
    if (host != router.model.system.hosts.end()) {
        return host->second;
    }
    out += "% Unrecognized host or address, or protocol not running.\n";
    return std::nullopt;
}

/// `source A.B.C.D` or `source INTERFACE`.
std::optional<Ipv4Address> source_of(const RouterCore& router, const Args& args) {
    if (args.has("source-address")) {
        return args.address("source-address");
    }
    if (const auto interface = args.interface("source-interface")) {
        const auto found = router.indices.find(*interface);
        return found == router.indices.end() ? std::nullopt
                                             : router.interfaces.at(found->second).primary();
    }
    return std::nullopt;
}

/// A job whose sends go out at once: the Router carries what the ICMP engine wants after each step.
class CarriedJob final : public ios::ExecJob {
public:
    CarriedJob(RouterCore& router, std::unique_ptr<ios::ExecJob> job)
        : router_(router), job_(std::move(job)) {}

    Progress poll(TimePoint now, std::string& out) override {
        const auto progress = job_->poll(now, out);
        router_.now = now;
        router_.carry_icmp();
        return progress;
    }

    [[nodiscard]] TimePoint next_deadline() const override { return job_->next_deadline(); }

    void interrupt() override { job_->interrupt(); }

private:
    RouterCore& router_;
    std::unique_ptr<ios::ExecJob> job_;
};

void show_traffic(const RouterCore& router, std::string& out) {
    const auto& icmp = router.icmp.counters();
    const auto& arp = router.arp.counters();
    out += "ICMP statistics:\n";
    out += fmt::format("  Rcvd: {} format errors, {} echo, {} echo reply, {} errors, {} unknown\n",
                       icmp.malformed,
                       icmp.echo_requests,
                       icmp.echo_replies,
                       icmp.errors_received,
                       icmp.unhandled);
    out +=
        fmt::format("  Sent: {} errors, {} rate-limited\n", icmp.errors_sent, icmp.errors_limited);
    out += "ARP statistics:\n";
    out += fmt::format("  Rcvd: {} requests, {} replies, {} malformed, {} from foreign networks\n",
                       arp.requests_received,
                       arp.replies_received,
                       arp.malformed,
                       arp.foreign);
    out += fmt::format("  Sent: {} requests, {} replies\n", arp.requests_sent, arp.replies_sent);
    out += fmt::format("Packets for the router that nobody wanted: {}\n", router.punts_dropped);
    out += "Dropped packets by reason:\n";
    for (const auto& drop : router.plane.drop_counters()) {
        if (drop.packets != 0) {
            out += fmt::format("  {:<40}{:>16}\n", drop.reason, drop.packets);
        }
    }
}

}  // namespace

ios::ExecRows reachability_rows(RouterCore& router) {
    ios::ExecRows rows;
    const std::vector<ios::TokenHelp> help = {
        {"ping", "Send echo messages"},
        {"ip", "IP echo"},
        {"destination", "Ping destination address or hostname"},
        {"repeat", "specify repeat count"},
        {"size", "specify datagram size"},
        {"source", "specify source address or name"},
        {"timeout", "specify timeout interval"},
        {"df-bit", "enable do not fragment bit in IP header"}};
    rows.push_back(
        {"ping [ ip ] <destination:WORD> ( repeat <count:1-2147483647> | size <bytes:36-18024> | "
         "timeout "
         "<seconds:0-3600> | df-bit | source { <source-address:A.B.C.D> | "
         "<source-interface:interface> } )*",
         help,
         1,
         [&router](ExecContext& context, const Args& args) -> std::unique_ptr<ios::ExecJob> {
             const auto destination = destination_of(router, args, context.out);
             if (!destination) {
                 return nullptr;
             }
             icmp::PingOptions options;
             options.destination = *destination;
             options.source = source_of(router, args);
             options.count = args.number("count", 5);
             options.size = args.number("bytes", 100);
             options.timeout = std::chrono::seconds(args.number("seconds", 2));
             options.dont_fragment = args.has("df-bit");
             return std::make_unique<CarriedJob>(router, router.icmp.ping(context.now, options));
         }});
    rows.push_back(
        {"traceroute [ ip ] <destination:WORD> [ source { <source-address:A.B.C.D> | "
         "<source-interface:interface> } ]",
         {{"traceroute", "Trace route to destination"},
          {"destination", "Trace route to destination address"}},
         1,
         [&router](ExecContext& context, const Args& args) -> std::unique_ptr<ios::ExecJob> {
             const auto destination = destination_of(router, args, context.out);
             if (!destination) {
                 return nullptr;
             }
             icmp::TraceOptions options;
             options.destination = *destination;
             options.source = source_of(router, args);
             return std::make_unique<CarriedJob>(router,
                                                 router.icmp.traceroute(context.now, options));
         }});
    rows.push_back(
        {"show ip traffic",
         {{"traffic", "IP protocol statistics"}},
         1,
         [&router](ExecContext& context, const Args& /*args*/) -> std::unique_ptr<ios::ExecJob> {
             show_traffic(router, context.out);
             return nullptr;
         }});
    return rows;
}

}  // namespace viaduct
