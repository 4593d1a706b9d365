#include "controlplane/lab/topology.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <memory>
#include <set>

#include <yaml-cpp/yaml.h>

#include "controlplane/lab/words.h"

namespace viaduct::lab {

namespace {

/// Ends the reading of a lab; caught in parse_topology.
struct Refused {
    std::string message;
};

class Reader {
public:
    explicit Reader(std::string file)
        : file_(std::move(file)), folder_(std::filesystem::path(file_).parent_path()) {}

    Topology read(std::string_view text) {
        const auto root = YAML::Load(std::string(text));
        if (!root.IsMap()) {
            refuse(root, "a lab is a map of routers, hosts and links");
        }
        known_keys(root, "a lab", {"routers", "hosts", "links"});
        each(root["links"], "links", [this](const auto& name, const auto& node) {
            out_.links.push_back({name, link(node)});
            links_.insert(name);
        });
        each(root["routers"], "routers", [this](const auto& name, const auto& node) {
            out_.routers.push_back(router(name, node));
        });
        each(root["hosts"], "hosts", [this](const auto& name, const auto& node) {
            out_.hosts.push_back(host(name, node));
        });
        if (out_.routers.empty() && out_.hosts.empty()) {
            refuse(root, "there is neither a router nor a host");
        }
        return std::move(out_);
    }

private:
    [[noreturn]] void refuse(const YAML::Node& at, const std::string& why) const {
        throw Refused{fmt::format("{}:{}: {}", file_, std::max(at.Mark().line, 0) + 1, why)};
    }

    template <typename Function>
    void each(const YAML::Node& map, std::string_view what, const Function& function) {
        if (!map || map.IsNull()) {
            return;
        }
        if (!map.IsMap()) {
            refuse(map, fmt::format("'{}' is a map of names", what));
        }
        std::set<std::string> seen;
        for (const auto& entry : map) {
            const auto name = entry.first.as<std::string>();
            if (!good_name(name)) {
                refuse(
                    entry.first,
                    fmt::format("'{}' is not a name: letters, digits, '-', '_' and '.', at most 63",
                                name));
            }
            const auto unique = what == "links"
                                    ? seen.insert(name).second
                                    : seen.insert(name).second && names_.insert(name).second;
            if (!unique) {
                refuse(entry.first, fmt::format("'{}' is there twice", name));
            }
            if (seen.size() > kMaxNodes) {
                refuse(entry.first, fmt::format("more than {} {}", kMaxNodes, what));
            }
            function(name, entry.second);
        }
    }

    static bool good_name(const std::string& name) {
        return !name.empty() && name.size() <= 63 &&
               name.find_first_not_of(
                   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                   "0123456789-_.") == std::string::npos;
    }

    void known_keys(const YAML::Node& map,
                    std::string_view what,
                    std::initializer_list<std::string_view> keys) const {
        for (const auto& entry : map) {
            const auto key = entry.first.as<std::string>();
            if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
                refuse(
                    entry.first,
                    fmt::format(
                        "unknown key '{}' in {}; known are {}", key, what, fmt::join(keys, ", ")));
            }
        }
    }

    [[nodiscard]] std::string text(const YAML::Node& map,
                                   const char* key,
                                   std::string_view what) const {
        const auto node = map[key];
        if (!node) {
            refuse(map, fmt::format("{} needs '{}'", what, key));
        }
        if (!node.IsScalar()) {
            refuse(node, fmt::format("'{}' of {} is one word", key, what));
        }
        return node.as<std::string>();
    }

    LinkParameters link(const YAML::Node& node) {
        LinkParameters out;
        if (node.IsNull()) {
            return out;
        }
        if (!node.IsMap()) {
            refuse(node, "a link is a map of its parameters");
        }
        known_keys(node,
                   "a link",
                   {"delay-ms",
                    "jitter-ms",
                    "loss",
                    "duplicate",
                    "reorder",
                    "rate-mbps",
                    "mtu",
                    "external"});
        for (const auto& entry : node) {
            const auto key = entry.first.as<std::string>();
            const auto value = text(node, key.c_str(), "a link");
            if (key == "external") {
                if (value.empty() || value.size() > 15) {
                    refuse(entry.second, "'external' is the name of an interface of this machine");
                }
                out.external = value;
            } else if (const auto set = set_link_parameter(out, key, value); !set) {
                refuse(entry.second, set.error().message);
            }
        }
        return out;
    }

    std::string link_name(const YAML::Node& node) const {
        if (!node.IsScalar()) {
            refuse(node, "the name of a link is one word");
        }
        const auto name = node.as<std::string>();
        if (!links_.contains(name)) {
            refuse(node, fmt::format("there is no link '{}' in 'links'", name));
        }
        return name;
    }

    RouterSpec router(const std::string& name, const YAML::Node& node) {
        const auto what = fmt::format("router '{}'", name);
        if (!node.IsMap()) {
            refuse(node, what + " is a map of 'config' and 'links'");
        }
        known_keys(node, "a router", {"config", "links"});
        RouterSpec out;
        out.name = name;
        out.config_file = (folder_ / text(node, "config", what)).string();
        auto config = read_text_file(out.config_file);
        if (!config) {
            refuse(node["config"], config.error().message);
        }
        out.config_text = std::move(*config);
        const auto ports = node["links"];
        if (ports && !ports.IsNull() && !ports.IsMap()) {
            refuse(ports, "'links' of a router is a map from its interfaces to links");
        }
        if (ports && ports.IsMap()) {
            for (const auto& entry : ports) {
                const auto word = entry.first.as<std::string>();
                const auto interface = config::InterfaceName::parse(word);
                if (!interface) {
                    refuse(entry.first, fmt::format("'{}' is not the name of an interface", word));
                }
                for (const auto& port : out.ports) {
                    if (port.interface == *interface) {
                        refuse(entry.first, fmt::format("{} is there twice", word));
                    }
                }
                out.ports.push_back({*interface, link_name(entry.second)});
            }
        }
        return out;
    }

    HostSpec host(const std::string& name, const YAML::Node& node) {
        const auto what = fmt::format("host '{}'", name);
        if (!node.IsMap()) {
            refuse(node, what + " is a map of 'address', 'gateway' and 'link'");
        }
        known_keys(node, "a host", {"address", "gateway", "link"});
        HostSpec out;
        out.name = name;
        const auto address = text(node, "address", what);
        if (!node["link"]) {
            refuse(node, what + " needs 'link'");
        }
        out.link = link_name(node["link"]);
        const auto gateway = node["gateway"];
        if (address == "dhcp") {
            if (gateway) {
                refuse(gateway, "a host with 'address: dhcp' is told its gateway by the server");
            }
            return out;
        }
        const auto slash = address.find('/');
        const auto parsed = Ipv4Address::parse(std::string_view(address).substr(0, slash));
        const auto length_text = slash == std::string::npos
                                     ? std::string_view{}
                                     : std::string_view(address).substr(slash + 1);
        const unsigned length = parse_number<unsigned>(length_text, 1, 32).value_or(0);
        if (!parsed || parsed->is_unspecified() || length == 0) {
            refuse(node["address"],
                   fmt::format("'{}' is neither an address like 10.1.0.10/24 nor dhcp", address));
        }
        out.address.address = *parsed;
        out.address.prefix_length = length;
        if (gateway) {
            const auto word = text(node, "gateway", what);
            const auto by = Ipv4Address::parse(word);
            if (!by || !Ipv4Prefix(*parsed, length).contains(*by)) {
                refuse(gateway,
                       fmt::format("the gateway '{}' is not an address on the host's own network",
                                   word));
            }
            out.address.gateway = *by;
        }
        return out;
    }

    std::string file_;
    std::filesystem::path folder_;
    Topology out_;
    std::set<std::string> links_;
    std::set<std::string> names_;
};

Result<double> number(std::string_view key, std::string_view value, double low, double high) {
    const auto parsed = parse_number<double>(value, low, high);
    if (!parsed) {
        return failure(fmt::format(
            "'{}' of a link is a number from {} to {}, not '{}'", key, low, high, value));
    }
    return *parsed;
}

Result<void> set_duration(Duration& out, std::string_view key, std::string_view value) {
    const auto parsed = number(key, value, 0, 60'000);
    if (!parsed) {
        return tl::unexpected<Error>(parsed.error());
    }
    out = Duration{static_cast<Duration::rep>(*parsed * 1e6)};
    return {};
}

Result<void> set_double(double& out, std::string_view key, std::string_view value, double high) {
    const auto parsed = number(key, value, 0, high);
    if (!parsed) {
        return tl::unexpected<Error>(parsed.error());
    }
    out = *parsed;
    return {};
}

}  // namespace

Result<void> set_link_parameter(LinkParameters& parameters,
                                std::string_view key,
                                std::string_view value) {
    if (key == "delay-ms") {
        return set_duration(parameters.delay, key, value);
    }
    if (key == "jitter-ms") {
        return set_duration(parameters.jitter, key, value);
    }
    if (key == "loss") {
        return set_double(parameters.loss, key, value, 1);
    }
    if (key == "duplicate") {
        return set_double(parameters.duplicate, key, value, 1);
    }
    if (key == "reorder") {
        return set_double(parameters.reorder, key, value, 1);
    }
    if (key == "rate-mbps") {
        return set_double(parameters.rate_mbps, key, value, 1'000'000);
    }
    if (key == "mtu") {
        const auto parsed = parse_number<unsigned>(value, 68, 9216);
        if (!parsed) {
            return failure(
                fmt::format("'mtu' of a link is a number from 68 to 9216, not '{}'", value));
        }
        parameters.mtu = *parsed;
        return {};
    }
    return failure(
        fmt::format("'{}' is not a parameter of a link: delay-ms, jitter-ms, loss, duplicate, "
                    "reorder, rate-mbps or mtu",
                    key));
}

Result<std::string> read_text_file(const std::string& path) {
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };

    const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rb"));
    std::array<char, 4096> piece{};
    const auto refusal = [&](int error) {
        return failure(fmt::format("{}: {}", path, strerror_r(error, piece.data(), piece.size())));
    };
    if (!file) {
        return refusal(errno);
    }
    std::string text;
    std::size_t n = 0;
    while ((n = std::fread(piece.data(), 1, piece.size(), file.get())) > 0) {
        text.append(piece.data(), n);
    }
    if (std::ferror(file.get()) != 0) {
        return refusal(errno);
    }
    return text;
}

Result<Topology> parse_topology(std::string_view text, const std::string& file) {
    try {
        return Reader(file).read(text);
    } catch (const Refused& refused) {
        return failure(refused.message);
    } catch (const YAML::Exception& error) {
        return failure(fmt::format("{}:{}: {}", file, error.mark.line + 1, error.msg));
    }
}

Result<Topology> read_topology(const std::string& file) {
    const auto text = read_text_file(file);
    if (!text) {
        return tl::unexpected<Error>(text.error());
    }
    return parse_topology(*text, file);
}

}  // namespace viaduct::lab
