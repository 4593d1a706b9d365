// The subcommands of the program. Each stands in a file of its own; main.cc reads the command line.
#pragma once

#include <string>

#include "dataplane/base/machine_time.h"

namespace viaduct {

struct RunOptions {
    std::string platform;
    std::string config;
    char** arguments = nullptr;  // of the whole program, for `reload`
};

/// `viaduct run`: 0 after SIGTERM; 2 when something it was given is wrong (one sentence on standard error).
int run_main(const RunOptions& options);

/// `viaduct reference`: the commands of the language and of the exec mode, as Markdown.
int reference_main();

/// `viaduct lab` and `viaduct bench` read their own arguments; argv[0] is the subcommand's name.
int lab_main(int argc, char** argv);
int bench_main(int argc, char** argv, const MachineTime& time);

}  // namespace viaduct
