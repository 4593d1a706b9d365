// `write terminal` of a PIX.
#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "config/ios/words.h"
#include "config/pix/lines.h"
#include "config/pix/pix.h"

namespace viaduct::pix {

namespace {

using config::AccessEntry;
using config::AddressMatch;
using config::PortMatch;
using config::PortOperator;
using config::RunningConfig;

/// A PIX writes its name always; document 000's listing leaves it out, and so do we while nobody gave it one.
constexpr std::string_view kDefaultHostname = "pixfirewall";

std::string match_text(const AddressMatch& match) {
    if (match.any()) {
        return "any";
    }
    if (match.wildcard.is_unspecified()) {
        return "host " + match.address.to_string();
    }
    return match.address.to_string() + " " + Ipv4Address{~match.wildcard.value()}.to_string();
}

std::string port_text(const PortMatch& match, bool tcp) {
    constexpr std::array<std::string_view, 6> kWords{"", "eq", "neq", "lt", "gt", "range"};
    if (match.op == PortOperator::any) {
        return "";
    }
    auto text = fmt::format(
        " {} {}", kWords.at(static_cast<std::size_t>(match.op)), ios::port_text(match.first, tcp));
    return match.op == PortOperator::range ? text + " " + ios::port_text(match.last, tcp) : text;
}

std::string entry_text(const AccessEntry& entry) {
    if (!entry.remark.empty()) {
        return "remark " + entry.remark;
    }
    const bool tcp = entry.protocol == kProtoTcp;
    auto out = fmt::format("{} {} {}{} {}{}",
                           entry.action == config::AclAction::permit ? "permit" : "deny",
                           entry.protocol ? ios::protocol_text(entry.protocol->value()) : "ip",
                           match_text(entry.source),
                           port_text(entry.source_port, tcp),
                           match_text(entry.destination),
                           port_text(entry.destination_port, tcp));
    if (entry.icmp_type) {
        const auto name = ios::icmp_name(*entry.icmp_type, entry.icmp_code);
        out += name.empty() ? fmt::format(" {}", *entry.icmp_type) : " " + std::string(name);
    }
    return out + (entry.log ? " log" : "");
}

/// Writes the lines of the model, and among them the kept ones where a PIX has them.
class Writer {
public:
    explicit Writer(const RunningConfig& config) : config_(config) {}

    std::string run() {
        out_ = ": Saved\n:\n";
        line("PIX Version {}", config_.system.version);
        hardware();
        kept(KeptPlace::passwords);
        if (config_.system.hostname != kDefaultHostname) {
            line("hostname {}", config_.system.hostname);
        }
        if (!config_.system.domain_name.empty()) {
            line("domain-name {}", config_.system.domain_name);
        }
        kept(KeptPlace::names);
        access_lists();
        kept(KeptPlace::terminal);
        addresses();
        kept(KeptPlace::addresses);
        if (const auto first = config_.interfaces.begin();
            first != config_.interfaces.end() &&
            first->second.arp_timeout_s != config::InterfaceConfig{}.arp_timeout_s) {
            line("arp timeout {}", first->second.arp_timeout_s);
        }
        kept(KeptPlace::global);
        kept(KeptPlace::nat);
        kept(KeptPlace::static_nat);
        access_groups();
        routes();
        kept(KeptPlace::timeouts);
        kept(KeptPlace::services);
        kept(KeptPlace::checksum);
        return out_ + ": end\n";
    }

private:
    template <typename... T>
    void line(fmt::format_string<T...> format, T&&... args) {
        out_ += fmt::format(format, std::forward<T>(args)...) + "\n";
    }

    void kept(KeptPlace place) {
        for (const auto& text : config_.pix_kept) {
            if (kept_place(text) == place) {
                out_ += text + "\n";
            }
        }
    }

    void hardware() {
        for (const auto& [name, interface] : config_.interfaces) {
            if (!interface.speed.empty() || interface.shutdown) {
                line("interface {} {}{}",
                     hardware_name(name),
                     interface.speed.empty() ? "auto" : interface.speed,
                     interface.shutdown ? " shutdown" : "");
            }
        }
        for (const auto& [port, name] : config_.pix_names) {
            line("nameif {} {} security{}", port, name, config_.pix_security.at(name));
        }
    }

    void access_lists() {
        for (const auto& [name, list] : config_.access_lists) {
            if (name.starts_with('(')) {
                continue;  // made of nat lines
            }
            for (const auto& entry : list.entries) {
                line("access-list {} {}", name, entry_text(entry));
            }
        }
    }

    /// The configured interface of each name, in the order of the hardware.
    template <typename Each>
    void each_named(Each each) {
        for (const auto& [port, name] : config_.pix_names) {
            const auto parsed = config::InterfaceName::parse(port);
            const auto found = parsed ? config_.interfaces.find(*parsed) : config_.interfaces.end();
            if (found != config_.interfaces.end()) {
                each(name, found->second);
            }
        }
    }

    void addresses() {
        each_named([this](const std::string& name, const config::InterfaceConfig& interface) {
            if (interface.mtu) {
                line("mtu {} {}", name, *interface.mtu);
            }
        });
        each_named([this](const std::string& name, const config::InterfaceConfig& interface) {
            if (interface.address_source == config::AddressSource::dhcp) {
                line("ip address {} dhcp", name);
            } else if (interface.address) {
                line("ip address {} {} {}",
                     name,
                     interface.address->address.to_string(),
                     mask_of(interface.address->length).to_string());
            }
        });
    }

    void access_groups() {
        each_named([this](const std::string& name, const config::InterfaceConfig& interface) {
            if (!interface.access_group_in.empty()) {
                line("access-group {} in interface {}", interface.access_group_in, name);
            }
        });
    }

    void routes() {
        for (const auto& route : config_.static_routes) {
            const auto port = route.interface ? hardware_name(*route.interface) : "";
            const auto name = config_.pix_names.find(port);
            if (name != config_.pix_names.end() && route.gateway) {
                line("route {} {} {} {} {}",
                     name->second,
                     route.prefix.network().to_string(),
                     route.prefix.mask().to_string(),
                     route.gateway->to_string(),
                     route.distance);
            }
        }
    }

    const RunningConfig& config_;
    std::string out_;
};

}  // namespace

std::string write_pix_config(const RunningConfig& config) {
    return Writer(config).run();
}

}  // namespace viaduct::pix
