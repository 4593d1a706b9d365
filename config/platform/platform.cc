#include "config/platform/platform.h"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <system_error>

#include <yaml-cpp/yaml.h>

namespace viaduct::config {

namespace {

constexpr unsigned kMaxQueues = 64;
constexpr unsigned kMaxCore = 1023;
constexpr unsigned kMinMemory = 64;
constexpr unsigned kMaxMemory = 1024 * 1024;

/// Walks the nodes; the first complaint stays.
class Reader {
public:
    explicit Reader(std::string_view file) : file_(file) {}

    Result<Platform> read(const YAML::Node& root);

private:
    using Entry = void (Reader::*)(const YAML::Node&);

    struct Key {
        std::string_view name;
        Entry read;
    };

    static unsigned line_of(const YAML::Node& node) {
        return static_cast<unsigned>(node.Mark().line + 1);
    }

    void complain(const YAML::Node& node, std::string_view what) {
        if (!error_) {
            error_ = fmt::format("{}:{}: {}", file_, line_of(node), what);
        }
    }

    template <std::size_t N>
    void read_map(const YAML::Node& node, std::string_view what, const Key (&keys)[N]) {
        if (!node.IsMap()) {
            complain(node, fmt::format("{} must be a map of keys and values", what));
            return;
        }
        std::set<std::string> seen;
        for (const auto& entry : node) {
            const std::string name = entry.first.Scalar();
            const auto* const key =
                std::find_if(std::begin(keys), std::end(keys), [&name](const Key& candidate) {
                    return candidate.name == name;
                });
            if (key == std::end(keys)) {
                complain(entry.first, fmt::format("unknown key \"{}\" in {}", name, what));
            } else if (!seen.insert(name).second) {
                complain(entry.first, fmt::format("key \"{}\" stands there twice", name));
            } else {
                (this->*key->read)(entry.second);
            }
        }
    }

    std::string scalar(const YAML::Node& node, std::string_view what) {
        if (!node.IsScalar() || node.Scalar().empty()) {
            complain(node, fmt::format("{} needs a value", what));
            return {};
        }
        return node.Scalar();
    }

    unsigned number(const YAML::Node& node, std::string_view what, unsigned low, unsigned high) {
        const std::string text = scalar(node, what);
        const bool digits = !text.empty() && text.size() <= 9 &&
                            std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
        const unsigned long value = digits ? std::stoul(text) : 0;
        if (!digits || value < low || value > high) {
            complain(
                node,
                fmt::format("{} is \"{}\", not a number from {} to {}", what, text, low, high));
            return low;
        }
        return static_cast<unsigned>(value);
    }

    void hugepages(const YAML::Node& node) {
        const std::string text = scalar(node, "hugepages");
        if (text != "true" && text != "false") {
            complain(node, fmt::format("hugepages is \"{}\", not true or false", text));
        }
        platform_.hugepages = text == "true";
    }

    void memory(const YAML::Node& node) {
        platform_.memory_mb = number(node, "memory-mb", kMinMemory, kMaxMemory);
    }

    void workers(const YAML::Node& node) {
        if (!node.IsSequence() && !node.IsNull()) {
            complain(node, "workers must be a list of cores, such as [2, 3]");
            return;
        }
        platform_.workers_line = line_of(node);
        for (const YAML::Node& core : node) {
            const unsigned value = number(core, "a worker's core", 0, kMaxCore);
            if (std::ranges::find(platform_.workers, value) != platform_.workers.end()) {
                complain(core, fmt::format("core {} has a worker already", value));
            }
            platform_.workers.push_back(value);
        }
    }

    void idle(const YAML::Node& node) {
        const std::string text = scalar(node, "idle");
        if (text != "adaptive" && text != "poll") {
            complain(node, fmt::format("idle is \"{}\", not adaptive or poll", text));
        }
        platform_.idle = text == "poll" ? Idle::poll : Idle::adaptive;
    }

    void interfaces(const YAML::Node& node) {
        if (!node.IsMap()) {
            complain(node, "interfaces must be a map of interface names");
            return;
        }
        for (const auto& entry : node) {
            interface(entry.first, entry.second);
        }
    }

    void interface(const YAML::Node& name_node, const YAML::Node& node) {
        const std::string text = name_node.Scalar();
        const auto name = InterfaceName::parse(text);
        if (!name || !name->is_ethernet()) {
            complain(name_node,
                     fmt::format("\"{}\" is not the name of an Ethernet interface, such as "
                                 "FastEthernet0/0",
                                 text));
            return;
        }
        port_ = {.interface = *name, .port = {}, .queues = 1, .line = line_of(name_node)};
        static constexpr Key kKeys[] = {{"port", &Reader::port}, {"queues", &Reader::queues}};
        read_map(node, text, kKeys);
        if (port_.port.empty()) {
            complain(name_node, fmt::format("{} has no port", text));
        }
        for (const PlatformPort& other : platform_.interfaces) {
            if (other.interface == port_.interface) {
                complain(name_node, fmt::format("{} stands there twice", text));
            } else if (other.port == port_.port) {
                complain(
                    name_node,
                    fmt::format(
                        "port \"{}\" carries {} already", port_.port, other.interface.to_string()));
            }
        }
        platform_.interfaces.push_back(port_);
    }

    void port(const YAML::Node& node) { port_.port = scalar(node, "port"); }

    void queues(const YAML::Node& node) { port_.queues = number(node, "queues", 1, kMaxQueues); }

    void console(const YAML::Node& node) {
        static constexpr Key kKeys[] = {{"socket", &Reader::socket}};
        read_map(node, "console", kKeys);
    }

    void socket(const YAML::Node& node) {
        platform_.console_socket = scalar(node, "socket");
        platform_.console_line = line_of(node);
    }

    std::string_view file_;
    std::optional<std::string> error_;
    Platform platform_;
    PlatformPort port_;  // the one that is being read
};

Result<Platform> Reader::read(const YAML::Node& root) {
    static constexpr Key kKeys[] = {
        {"hugepages", &Reader::hugepages},
        {"memory-mb", &Reader::memory},
        {"workers", &Reader::workers},
        {"idle", &Reader::idle},
        {"interfaces", &Reader::interfaces},
        {"console", &Reader::console},
    };
    platform_.file = file_;
    if (root.IsNull() || !root.IsDefined()) {
        return failure(fmt::format("{}:1: the platform file is empty", file_));
    }
    read_map(root, "the platform file", kKeys);
    if (error_) {
        return failure(*error_);
    }
    return platform_;
}

}  // namespace

Result<Platform> parse_platform(std::string_view text, std::string_view file_name) {
    try {
        return Reader(file_name).read(YAML::Load(std::string(text)));
    } catch (const YAML::Exception& error) {
        // yaml-cpp's exceptions stop here.
        return failure(fmt::format("{}:{}: {}", file_name, error.mark.line + 1, error.msg));
    }
}

Result<Platform> read_platform(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    if (file.is_open()) {
        text << file.rdbuf();
    }
    if (!file.is_open() || file.bad() || file.fail()) {
        return failure(
            fmt::format("{}: cannot be read ({})", path, std::generic_category().message(errno)));
    }
    return parse_platform(text.str(), path);
}

}  // namespace viaduct::config
