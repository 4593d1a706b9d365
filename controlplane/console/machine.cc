#include "controlplane/console/machine.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <netinet/in.h>
#include <sstream>
#include <string>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

#include "dataplane/base/bytes.h"

namespace viaduct::console {

namespace {

constexpr std::uint16_t kSyslogPort = 514;

/// User and system time of a thread, from the 14th and 15th field of its stat.
Duration cpu_time(const std::filesystem::path& task) {
    std::ifstream file(task / "stat");
    std::string text;
    std::getline(file, text);
    // The second field is the name in parentheses and may contain blanks.
    const std::size_t name_end = text.rfind(')');
    if (name_end == std::string::npos) {
        return {};
    }
    std::istringstream fields(text.substr(name_end + 1));
    std::string skipped;
    constexpr int kFieldsBefore = 11;
    for (int i = 0; i < kFieldsBefore; ++i) {
        fields >> skipped;
    }
    std::int64_t user = 0;
    std::int64_t system = 0;
    fields >> user >> system;
    const std::int64_t per_second = std::max<std::int64_t>(::sysconf(_SC_CLK_TCK), 1);
    return std::chrono::milliseconds((user + system) * 1000 / per_second);
}

}  // namespace

WallTime wall_now() {
    return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
}

std::vector<Process> process_threads() {
    std::vector<Process> threads;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", error)) {
        Process process;
        const std::string id = entry.path().filename().string();
        std::from_chars(id.data(), id.data() + id.size(), process.id);
        std::ifstream name(entry.path() / "comm");
        std::getline(name, process.name);
        process.cpu = cpu_time(entry.path());
        threads.push_back(std::move(process));
    }
    std::ranges::sort(threads, {}, &Process::id);
    return threads;
}

SyslogSocket::SyslogSocket()
    : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}

void SyslogSocket::send(Ipv4Address host, std::string_view datagram) const {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = big_endian(kSyslogPort);
    address.sin_addr.s_addr = big_endian(host.value());
    // The C interface wants the general type of address.
    ::sendto(fd_.get(),
             datagram.data(),
             datagram.size(),
             MSG_NOSIGNAL | MSG_DONTWAIT,
             reinterpret_cast<const sockaddr*>(&address),
             sizeof(address));
}

}  // namespace viaduct::console
