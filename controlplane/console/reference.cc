// `viaduct reference`: the manual of commands, printed from the tables that the router itself uses.
#include <cstdio>
#include <fmt/format.h>
#include <string>

#include "config/ios/rows.h"
#include "controlplane/console/console.h"
#include "controlplane/console/subcommands.h"
#include "controlplane/router/router.h"
#include "crypto/offload.h"
#include "dataplane/base/random.h"
#include "dataplane/ports/eal.h"

namespace viaduct {

namespace {

std::string_view remark(ios::Effect effect) {
    switch (effect) {
    case ios::Effect::acted_on:
        return "";
    case ios::Effect::kept:
        return " *(accepted, without effect)*";
    case ios::Effect::later:
        return " *(kept in the configuration, not acted upon)*";
    }
    return "";
}

void print_configuration() {
    fmt::print("# Configuration commands\n");
    for (int i = 0; i < static_cast<int>(ios::Mode::kCount); ++i) {
        const auto mode = static_cast<ios::Mode>(i);
        bool titled = false;
        for (const ios::Row& row : ios::all_rows()) {
            if (row.mode != mode) {
                continue;
            }
            if (!titled) {
                fmt::print("\n## {} `{}#`\n\n", ios::title_of(mode), ios::prompt_of(mode));
                titled = true;
            }
            fmt::print("- `{}` – {}{}\n",
                       row.pattern,
                       row.help.substr(0, row.help.find('|')),
                       remark(row.effect));
        }
    }
}

void print_exec(const console::Console& console) {
    fmt::print("\n# Exec commands\n\n");
    for (const ios::ExecRow* const row : console.rows()) {
        fmt::print("- `{}`{}\n", row->pattern, row->privilege >= 15 ? " (privileged)" : "");
    }
}

}  // namespace

int reference_main() {
    print_configuration();
    const auto started = dataplane::start_eal({.memory_mb = 64, .buffers = 2048});
    if (!started) {
        fmt::print(stderr, "viaduct reference: {}\n", started.error().message);
        return 2;
    }
    SeededRandom random(1);
    crypto::InlineOffload offload(random);
    console::Console console;
    Router router(random, offload, console, {});
    console.attach(router);
    print_exec(console);
    return 0;
}

}  // namespace viaduct
