// The program: reads the command line (CLI11 stands in this file alone) and hands over to a subcommand.
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/console/build_info.h"
#include "controlplane/console/check.h"
#include "controlplane/console/client.h"
#include "controlplane/console/subcommands.h"
#include "controlplane/console/worker_threads.h"

namespace {

constexpr int kUsage = 2;

int parse_and_run(int argc, char** argv) {
    CLI::App app{"Viaduct: a virtual VPN router that speaks IOS"};
    app.set_version_flag("--version",
                         std::string("viaduct ") + std::string(viaduct::console::kVersion));
    app.require_subcommand(1);

    viaduct::RunOptions run_options;
    run_options.arguments = argv;
    CLI::App* const run = app.add_subcommand("run", "Run one router");
    run->add_option("--platform", run_options.platform, "What of the machine it gets (YAML)")
        ->required();
    run->add_option("--config", run_options.config, "Its startup configuration")->required();

    viaduct::console::ClientOptions client;
    client.socket = "/run/viaduct.sock";
    CLI::App* const console = app.add_subcommand("console", "The console of a running router");
    console->add_option("-s,--socket", client.socket, "Its socket")->capture_default_str();
    console
        ->add_option("-c,--command", client.commands, "Run this command and end; may be repeated")
        ->take_all()
        ->allow_extra_args(false);

    std::vector<std::string> files;
    CLI::App* const check =
        app.add_subcommand("check", "Check configuration files without running them");
    check->add_option("FILE", files, "Configuration files")->required();

    CLI::App* const reference = app.add_subcommand("reference", "Print the command reference");
    app.add_subcommand("lab", "Run a whole topology in one process (see viaduct lab --help)");
    app.add_subcommand("bench", "Measure this machine (see viaduct bench --help)");

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kUsage;
    }
    if (run->parsed()) {
        return viaduct::run_main(run_options);
    }
    if (console->parsed()) {
        return viaduct::console::run_client(client);
    }
    if (check->parsed()) {
        std::string out;
        std::string errors;
        const int status = viaduct::console::check_files(files, out, errors);
        std::cout << out;
        std::cerr << errors;
        return status;
    }
    if (reference->parsed()) {
        return viaduct::reference_main();
    }
    return kUsage;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        // These two read their own arguments.
        if (argc > 1 && std::string_view(argv[1]) == "lab") {
            return viaduct::lab_main(argc - 1, argv + 1);
        }
        if (argc > 1 && std::string_view(argv[1]) == "bench") {
            return viaduct::bench_main(argc - 1, argv + 1, viaduct::console::machine_time());
        }
        return parse_and_run(argc, argv);
    } catch (const std::exception& error) {
        std::cerr << "viaduct: " << error.what() << '\n';
        return kUsage;
    }
}
