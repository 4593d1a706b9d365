#include "controlplane/console/client.h"

#include <cstdio>
#include <fmt/format.h>
#include <iostream>
#include <unistd.h>

#include "controlplane/console/script_client.h"
#include "controlplane/console/terminal_client.h"
#include "controlplane/console/unix_socket.h"

namespace viaduct::console {

namespace {

std::vector<std::string> lines_of_standard_input() {
    std::vector<std::string> lines;
    std::string line;
    while (std::getline(std::cin, line)) {
        lines.push_back(line);
    }
    return lines;
}

}  // namespace

int run_client(const ClientOptions& options) {
    const auto socket = connect_to(options.socket);
    if (!socket) {
        fmt::print(stderr, "viaduct console: {}\n", socket.error().message);
        return 2;
    }
    Result<int> status = 0;
    if (options.commands.empty() && ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1) {
        status = TerminalClient(socket->get()).run();
    } else {
        const std::vector<std::string> commands =
            options.commands.empty() ? lines_of_standard_input() : options.commands;
        status = ScriptClient(socket->get()).run(commands, [](std::string_view text) {
            write_all(STDOUT_FILENO, text);
        });
    }
    if (!status) {
        fmt::print(stderr, "viaduct console: {}\n", status.error().message);
        return 2;
    }
    return *status;
}

}  // namespace viaduct::console
