// `viaduct console`: the other end of the socket, at a person's terminal or in a script.
#pragma once

#include <string>
#include <vector>

namespace viaduct::console {

struct ClientOptions {
    std::string socket;
    std::vector<std::string>
        commands;  // empty: interactive, or standard input if it is no terminal
};

/// Exit status: 0; 1 a command was invalid; 2 no router answers on the socket (said on standard error).
int run_client(const ClientOptions& options);

}  // namespace viaduct::console
