// Exec rows about configurations as a whole: show, save, erase, reload.
#include <fmt/format.h>

#include "config/ios/writer.h"
#include "config/pix/pix.h"
#include "controlplane/console/console.h"

namespace viaduct::console {

namespace {

using Run = std::function<void(ios::ExecContext&, const ios::Args&)>;

ios::ExecRow row(std::string_view pattern, std::vector<ios::TokenHelp> help, Run run) {
    return {.pattern = pattern,
            .help = std::move(help),
            .privilege = 15,
            .run = [run = std::move(run)](ios::ExecContext& context,
                                          const ios::Args& args) -> std::unique_ptr<ios::ExecJob> {
                run(context, args);
                return nullptr;
            }};
}

/// Asks when there is a person to ask; a script has made up its mind.
void confirmed(Console& console,
               ios::ExecContext& context,
               std::string prompt,
               std::function<void(std::string_view answer, std::string& out)> action) {
    Session* const session = console.session(context.session);
    if (session == nullptr || !session->interactive) {
        action("", context.out);
        return;
    }
    session->question =
        Question{.prompt = std::move(prompt), .echo = true, .answer = std::move(action)};
}

/// IOS: `[confirm]` takes Return or "y"; everything else is no.
bool is_yes(std::string_view answer) {
    return answer.empty() || answer.starts_with('y') || answer.starts_with('Y');
}

void show_running(const Console& console, std::string& out) {
    const std::string text = pix::write_any(console.host().running());
    if (console.host().running().dialect == config::Dialect::pix) {
        out += "Building configuration...\n" + text + "[OK]\n";
        return;
    }
    out += "Building configuration...\n\n";
    out += fmt::format("Current configuration : {} bytes\n", text.size());
    out += text.starts_with('!') ? "" : "!\n";
    out += text;
}

void show_startup(const Console& console, std::string& out) {
    const std::string text = console.host().startup_text();
    if (text.empty()) {
        out += "startup-config is not present\n";
        return;
    }
    out += fmt::format("Using {} bytes\n", text.size());
    out += text;
    if (!text.ends_with('\n')) {
        out += '\n';
    }
}

void save(Console& console, std::string& out) {
    out += "Building configuration...\n";
    const auto saved = console.host().save(pix::write_any(console.host().running()));
    out += saved ? std::string("[OK]\n")
                 : fmt::format("%Error writing startup-config ({})\n", saved.error().message);
}

void erase(Console& console, std::string& out) {
    const auto saved = console.host().save("");
    out += saved ? std::string("[OK]\nErase of nvram: complete\n")
                 : fmt::format("%Error erasing startup-config ({})\n", saved.error().message);
}

void ask_erase(Console& console, ios::ExecContext& context) {
    confirmed(
        console,
        context,
        "Erasing the nvram filesystem will remove all configuration files! Continue? [confirm]",
        [&console](std::string_view answer, std::string& out) {
            if (is_yes(answer)) {
                erase(console, out);
            }
        });
}

void ask_reload(Console& console, ios::ExecContext& context) {
    confirmed(console,
              context,
              "Proceed with reload? [confirm]",
              [&console](std::string_view answer, std::string& out) {
                  if (!is_yes(answer)) {
                      return;
                  }
                  out += "\n";
                  console.host().log().message("SYS",
                                               Severity::notifications,
                                               "RELOAD",
                                               "Reload requested by console. Reload Reason: "
                                               "Reload Command.");
                  console.host().request_reload();
              });
}

void ask_copy(Console& console, ios::ExecContext& context) {
    confirmed(console,
              context,
              "Destination filename [startup-config]? ",
              [&console](std::string_view answer, std::string& out) {
                  if (!answer.empty() && answer != "startup-config") {
                      out += "%Error: the one destination is startup-config\n";
                      return;
                  }
                  save(console, out);
              });
}

}  // namespace

ios::ExecRows startup_rows(Console& console) {
    const ios::TokenHelp show{"show", "Show running system information"};
    const ios::TokenHelp write{"write", "Write running configuration to memory or terminal"};
    ios::ExecRows rows;
    const Run running = [&console](ios::ExecContext& context, const ios::Args&) {
        show_running(console, context.out);
    };
    const Run memory = [&console](ios::ExecContext& context, const ios::Args&) {
        save(console, context.out);
    };
    const Run erasing = [&console](ios::ExecContext& context, const ios::Args&) {
        ask_erase(console, context);
    };
    rows.push_back(row("show running-config",
                       {show, {"running-config", "Current operating configuration"}},
                       running));
    rows.push_back(row("show startup-config",
                       {show, {"startup-config", "Contents of startup configuration"}},
                       [&console](ios::ExecContext& context, const ios::Args&) {
                           show_startup(console, context.out);
                       }));
    rows.push_back(row(
        "copy running-config startup-config",
        {{"copy", "Copy from one file to another"},
         {"running-config", "Copy from current system configuration"},
         {"startup-config", "Copy to startup configuration"}},
        [&console](ios::ExecContext& context, const ios::Args&) { ask_copy(console, context); }));
    rows.push_back(row("write", {write}, memory));
    rows.push_back(row("write memory", {write, {"memory", "Write to NV memory"}}, memory));
    rows.push_back(row("write terminal", {write, {"terminal", "Write to terminal"}}, running));
    rows.push_back(row("write erase", {write, {"erase", "Erase NV memory"}}, erasing));
    rows.push_back(row("erase startup-config",
                       {{"erase", "Erase a filesystem"},
                        {"startup-config", "Erase contents of configuration memory"}},
                       erasing));
    rows.push_back(row(
        "reload",
        {{"reload", "Halt and perform a cold restart"}},
        [&console](ios::ExecContext& context, const ios::Args&) { ask_reload(console, context); }));
    return rows;
}

}  // namespace viaduct::console
