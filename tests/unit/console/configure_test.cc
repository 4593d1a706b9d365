// The configuration mode and what concerns whole configurations: saving, erasing, reloading.
#include <catch2/catch.hpp>

#include "config/ios/writer.h"
#include "tests/has.h"
#include "tests/unit/console/fake_host.h"

using namespace viaduct;
using namespace viaduct::console;
using viaduct::console::test::Fixture;
using Status = Shell::Status;

namespace {

constexpr SessionSpec kOperator{.interactive = true, .privileged = true};

}  // namespace

TEST_CASE("Everywhere: configure terminal applies line by line, do and end work") {
    Fixture f("hostname R1\n", kOperator);
    f.run("enable");
    CHECK(f.run("conf t") == "Enter configuration commands, one per line.  End with CNTL/Z.\n");
    CHECK(f.shell->prompt() == "R1(config)#");
    CHECK(f.run("hostname R2").empty());
    CHECK(f.shell->prompt() == "R2(config)#");
    CHECK(f.host->applied == 1);
    f.run("interface FastEthernet0/0");
    CHECK(f.shell->prompt() == "R2(config-if)#");
    f.run("ip address 10.1.1.1 255.255.255.0");
    CHECK(f.run("ip address 10.1.1.1 banana") ==
          "                                  ^\n% Invalid input detected at '^' marker.\n\n");
    CHECK(f.status == Status::invalid);
    CHECK(has(f.run("do show ip route | include via"), "0.0.0.0/0 via"));
    CHECK(f.run("do show foo") ==
          "                      ^\n% Invalid input detected at '^' marker.\n\n");
    CHECK(has(f.run("do ?"), "  show "));
    CHECK(has(f.run("?"), "  do "));
    CHECK(f.run("descr?") == "description\n");
    f.run("exit");
    CHECK(f.shell->prompt() == "R2(config)#");
    CHECK(has(f.run("end"), "%SYS-5-CONFIG_I: Configured from console by console"));
    CHECK(f.shell->prompt() == "R2#");
    CHECK(has(f.run("show running-config"), "ip address 10.1.1.1 255.255.255.0"));
}

TEST_CASE("Everywhere: Ctrl-Z runs the line and leaves the configuration mode") {
    Fixture f;
    f.run("configure terminal");
    f.run("hostname Spoke\x1a");
    CHECK(f.shell->prompt() == "Spoke#");
    f.run("configure terminal");
    f.run("\x1a");
    CHECK(f.shell->prompt() == "Spoke#");
}

TEST_CASE("Two configuration sessions do not undo each other's lines") {
    Fixture f("hostname R1\n");
    Shell other(f.console, ShellMode::configuration);
    f.run("configure terminal");
    f.run("ip host a 1.1.1.1");
    CHECK(other.execute(f.now, f.wall(), "ip host b 2.2.2.2") == Status::done);
    f.run("ip host c 3.3.3.3");
    CHECK(f.host->running().system.hosts.size() == 3);
}

TEST_CASE("A refused line leaves the running configuration untouched") {
    Fixture f("hostname R1\n");
    const config::RunningConfig before = f.host->running();
    f.run("configure terminal");
    f.run("hostnome R2");
    CHECK(f.status == Status::invalid);
    f.run("hostname");
    CHECK(f.status == Status::invalid);
    CHECK(f.host->running() == before);
    CHECK(f.host->applied == 0);
}

TEST_CASE("Everywhere: a banner goes over several lines") {
    Fixture f;
    f.run("configure terminal");
    f.run("banner motd ^C");
    CHECK(f.shell->prompt().empty());
    f.run("  Authorised access ?");
    f.run("!");
    f.run("^C");
    CHECK(f.shell->prompt() == "sv9-2(config)#");
    CHECK(has(f.host->running().system.banner_motd, "  Authorised access ?\n!"));
}

TEST_CASE("Everywhere: copy, write, show startup-config, write erase") {
    Fixture f("hostname Keep\n");
    CHECK(f.run("show startup-config") == "startup-config is not present\n");
    CHECK(f.run("copy running-config startup-config") == "Building configuration...\n[OK]\n");
    CHECK(f.host->startup == ios::write_config(f.host->running()));
    CHECK(has(f.run("show startup-config"), "hostname Keep\n"));
    f.host->startup.clear();
    CHECK(f.run("wr") == "Building configuration...\n[OK]\n");
    CHECK_FALSE(f.host->startup.empty());
    CHECK(has(f.run("write erase"), "[OK]"));
    CHECK(f.host->startup.empty());
    f.host->read_only = true;
    CHECK(has(f.run("write memory"), "%Error writing startup-config (read-only file system)"));
    const std::string running = f.run("show run");
    CHECK(running.starts_with("Building configuration...\n\nCurrent configuration : "));
    CHECK(running.ends_with("end\n"));
    CHECK(f.run("write terminal") == running);
}

TEST_CASE("Everywhere: a person is asked before reload, erase and copy; a script is not") {
    Fixture f("hostname R\n", kOperator);
    f.run("reload");
    CHECK(f.shell->prompt() == "Proceed with reload? [confirm]");
    f.run("n");
    CHECK(f.host->reloads == 0);
    f.run("reload");
    f.shell->interrupt();
    CHECK(f.shell->prompt() == "R#");
    f.run("reload");
    CHECK(has(f.run(""), "%SYS-5-RELOAD: Reload requested"));
    CHECK(f.host->reloads == 1);
    f.run("copy run start");
    CHECK(f.shell->prompt() == "Destination filename [startup-config]? ");
    CHECK(has(f.run(""), "[OK]"));
    f.run("copy run start");
    CHECK(has(f.run("elsewhere"), "%Error"));

    Fixture script;
    script.run("reload");
    CHECK(script.host->reloads == 1);
}
