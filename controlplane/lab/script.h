// Scripts of a lab: what is typed where, what is done to links and routers, and what is expected to be seen.
//
//   # comment
//   wait 30s                                    also ms, m, h
//   ROUTER# COMMAND                             a line typed into the router's console; modes are kept, so after
//   ROUTER# configure terminal                  `configure terminal` lines without a prompt are its configuration, too,
//   interface FastEthernet0/0                   until `end`; prompts like ROUTER(config-if)# may be written or left out
//   HOST$ ping A [count N] [size S] [df] [interval TIME] [ttl N]
//   HOST$ tcp A:PORT send BYTES                 a byte stream whose content is checked at its end
//   HOST$ udp A:PORT send BYTES [count N]       port 7 of a host answers
//   HOST$ traceroute A
//   HOST$ ip address
//   HOST$ COMMAND &                             goes on while the script does; `HOST$ fg` waits for it and shows its output
//   link LINK loss 0.2 | delay-ms 5 | …         any key of LAB.yaml but external; several pairs in a line
//   link LINK down | up
//   power ROUTER off | on
//   expect TEXT                                 in the last output; /TEXT/ is a regular expression (ECMAScript),
//   expect-not TEXT                             lines are matched as a whole text: use [^] or \n across lines
//   wait-for NODE# COMMAND expect TEXT within 60s   types the command every second until its output has TEXT
//
// The last output is that of the last router or host command. The first expectation that is not met ends the script.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/lab/lab.h"

namespace viaduct::lab {

struct ScriptLine {
    enum class Kind : std::uint8_t {
        wait,
        command,
        background,
        foreground,
        link_set,
        link_down,
        link_up,
        power_off,
        power_on,
        expect,
        expect_not,
        wait_for,
    };
    Kind kind = Kind::wait;
    unsigned line = 0;  // from 1
    std::string node;  // router, host or link
    std::string text;  // command, or what is expected
    std::string expected;  // wait_for
    Duration time{};  // wait, wait_for
    std::vector<std::pair<std::string, std::string>> settings;  // link_set
};

struct Script {
    std::string file;
    std::vector<ScriptLine> lines;
};

/// Checked against the lab's names before anything runs; an error begins with "file:line: ".
Result<Script> parse_script(std::string_view text, const std::string& file, const Lab& lab);

/// How a script ended; the message is empty or says what was wrong, beginning with "file:line: ".
struct ScriptEnd {
    bool passed = true;
    std::string message;
};

/// Runs it and writes the transcript to `out`. `stop`: ends it early (Ctrl-C); may be empty.
ScriptEnd run_script(Lab& lab,
                     const Script& script,
                     std::ostream& out,
                     const std::function<bool()>& stop = {});

/// `text` contains `wanted`, or matches it if it is written /…/. An error if the regular expression is bad.
Result<bool> matches(std::string_view text, std::string_view wanted);

}  // namespace viaduct::lab
