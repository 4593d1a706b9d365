// The exec mode: errors, filters, help, rights, jobs, logs; against a router that is none.
#include <catch2/catch.hpp>

#include "tests/has.h"
#include "tests/unit/console/fake_host.h"

using namespace viaduct;
using namespace viaduct::console;
using viaduct::console::test::Fixture;
using Status = Shell::Status;

namespace {

constexpr SessionSpec kVisitor{.interactive = true, .privileged = false};

}  // namespace

TEST_CASE("Everywhere: the forms of IOS's error messages") {
    Fixture f;
    CHECK(f.shell->prompt() == "sv9-2#");
    CHECK(f.run("show foo") == "           ^\n% Invalid input detected at '^' marker.\n\n");
    CHECK(f.status == Status::invalid);
    CHECK(f.run("show ip route extra") ==
          "                    ^\n% Invalid input detected at '^' marker.\n\n");
    CHECK(f.run("show ip") == "% Incomplete command.\n\n");
    CHECK(f.status == Status::invalid);
    CHECK(f.run("d") == "% Ambiguous command:  \"d\"\n");
    CHECK(f.run("frobnicate") ==
          "% Unknown command or computer name, or unable to find computer address\n");
    CHECK(f.run("frobnicate all") == "      ^\n% Invalid input detected at '^' marker.\n\n");
    CHECK(f.run("show ip route | frob x") ==
          "                      ^\n% Invalid input detected at '^' marker.\n\n");
    CHECK(f.run("show ip route | include") == "% Incomplete command.\n\n");
    CHECK(has(f.run("show ip route | include ["), "% Failed to compile regular expression"));
    CHECK(f.status == Status::invalid);
    CHECK(f.run("").empty());
    CHECK(f.run("! a comment").empty());
    CHECK(f.status == Status::done);
}

TEST_CASE("Everywhere: abbreviations and output filters") {
    Fixture f;
    CHECK(has(f.run("sh ip ro"), "directly connected"));
    CHECK(f.run("sh ip ro | i ^C") ==
          "Codes: C - connected\nC    10.0.0.0/8 is directly connected\n");
    CHECK(f.run("sh ip ro | inc via|10.0.0.0") ==
          "C    10.0.0.0/8 is directly connected\nS    0.0.0.0/0 via 10.0.0.1\n");
    CHECK(f.run("sh ip ro | exclude C") == "\nS    0.0.0.0/0 via 10.0.0.1\n     more of S\n");
    CHECK(f.run("sh ip ro | begin ^S") == "S    0.0.0.0/0 via 10.0.0.1\n     more of S\n");
    CHECK(f.run("sh ip ro | section ^S") == "S    0.0.0.0/0 via 10.0.0.1\n     more of S\n");
    CHECK(f.run("sh ip ro | count [CS] ") == "Number of lines which match regexp = 4\n");
    CHECK(f.run("sh ip ro | i _10.0.0.1_") == "S    0.0.0.0/0 via 10.0.0.1\n");
}

TEST_CASE("Everywhere: a job runs on, is filtered and can be interrupted") {
    Fixture f;
    const TimePoint start = f.now;
    CHECK(f.run("ping 1.2.3.4") ==
          "Type escape sequence to abort.\n!!!!!\nSuccess rate is 100 percent\n");
    CHECK(f.now == start + 5s);
    CHECK(f.run("ping 1.2.3.4 | include rate") == "Success rate is 100 percent\n");
    CHECK(f.shell->execute(f.now, f.wall(), "ping 1.2.3.4") == Status::running);
    f.pass(1s);
    CHECK(f.status == Status::running);
    f.shell->interrupt();
    f.pass(0s);
    CHECK(f.status == Status::done);
    CHECK(f.shell->take_output() ==
          "Type escape sequence to abort.\n!\nSuccess rate is 20 percent\n");
}

TEST_CASE("Everywhere: help and Tab") {
    Fixture f;
    const std::string help = f.run("show ip ?");
    CHECK(has(help, "  interface  IP interface status and configuration\n"));
    CHECK(has(help, "  route      IP routing table\n"));
    CHECK(f.run("show ve?") == "version\n");
    CHECK(has(f.run("show ip route ?"), "  |     Output modifiers\n  <cr>\n"));
    CHECK(has(f.run("show ip route | ?"), "  include  Include lines that match\n"));
    CHECK(f.run("show ip route | in?") == "include\n");
    CHECK(f.run("show zz?") == "% Unrecognized command\n");
    CHECK(has(f.run("?"), "  undebug"));
    CHECK(f.run("undebug cry?") == "crypto\n");
    CHECK(f.shell->tab("show ver") == "sion ");
    CHECK(f.shell->tab("show ip r") == "oute ");
    CHECK(f.shell->tab("sho").starts_with("w "));
    CHECK(f.shell->tab("show pr").empty());
    CHECK(f.shell->tab("un") == "debug ");
}

TEST_CASE("Everywhere: debug words switch the log's flags") {
    Fixture f;
    CHECK(f.run("debug crypto isakmp") == "Crypto ISAKMP debugging is on\n");
    CHECK(f.host->log().enabled(Debug::crypto_isakmp));
    CHECK(f.run("deb nhrp pack") == "NHRP activity debugging is on\n");
    CHECK(f.run("show debugging") ==
          "  Crypto ISAKMP debugging is on\n  NHRP activity debugging is on\n");
    CHECK(f.run("no debug crypto isakmp") == "Crypto ISAKMP debugging is off\n");
    CHECK(f.run("undebug nhrp packet") == "NHRP activity debugging is off\n");
    CHECK_FALSE(f.host->log().enabled(Debug::nhrp_packet));
    f.run("debug crypto ipsec");
    CHECK(f.run("u all") == "All possible debugging has been turned off\n");
    CHECK(f.run("show debug").empty());
    CHECK(f.run("undebug nothing") ==
          "              ^\n% Invalid input detected at '^' marker.\n\n");
    CHECK(f.run("no debug nothing") ==
          "               ^\n% Invalid input detected at '^' marker.\n\n");
}

TEST_CASE("Everywhere: history, terminal and rights") {
    Fixture f;
    f.run("show clock");
    f.run("show privilege");
    CHECK(f.run("show history") == "  show clock\n  show privilege\n  show history\n");
    f.run("terminal history size 2");
    CHECK(f.run("show history") == "  terminal history size 2\n  show history\n");
    f.run("terminal length 5");
    CHECK(f.shell->length() == 5);
    f.shell->set_window(50, 132);
    CHECK(f.shell->length() == 5);
    f.run("disable");
    CHECK(f.shell->prompt() == "sv9-2>");
    CHECK(f.run("show running-config") ==
          "           ^\n% Invalid input detected at '^' marker.\n\n");
    f.run("enable");
    CHECK(f.shell->prompt() == "sv9-2#");
    CHECK(f.run("show privilege") == "Current privilege level is 15\n");
    f.run("exit");
    CHECK(f.status == Status::closed);
}

TEST_CASE("Everywhere: enable asks for the secret three times") {
    Fixture f("hostname Hub\nenable secret cisco\n", kVisitor);
    CHECK(f.host->refused.empty());
    f.run("enable");
    CHECK(f.shell->prompt() == "Password: ");
    CHECK_FALSE(f.shell->echo());
    CHECK(f.run("wrong").empty());
    CHECK(f.run("wrong").empty());
    CHECK(f.run("wrong") == "% Bad secrets\n\n");
    CHECK(f.shell->prompt() == "Hub>");
    f.run("enable");
    f.run("cisco");
    CHECK(f.shell->prompt() == "Hub#");
    CHECK_FALSE(has(f.run("show history"), "cisco"));
}

TEST_CASE("Everywhere: a secret that stands there as MD5-crypt hash fits its password") {
    // $1$…: openssl passwd -1 -salt mERr cisco
    Fixture f("enable secret 5 $1$mERr$hx5rVt7rPNoS4wqbXKX7m0\n", kVisitor);
    CHECK(f.host->refused.empty());
    f.run("enable");
    f.run("cisco");
    CHECK(f.shell->prompt() == "Router#");
}

TEST_CASE("Everywhere: the console line asks for a user, shows banners and closes when idle") {
    Fixture f(
        "hostname Hub\nusername anna privilege 15 password 0 secret\nbanner motd #Welcome#\n"
        "line con 0\n exec-timeout 1 30\n login local\n",
        kVisitor);
    CHECK(f.host->refused.empty());
    CHECK(f.shell->take_output() == "Welcome\n\nUser Access Verification\n\n");
    CHECK(f.shell->prompt() == "Username: ");
    CHECK(f.shell->complete("").empty());
    f.run("anna");
    CHECK(f.shell->prompt() == "Password: ");
    f.shell->interrupt();
    CHECK(f.shell->prompt() == "Password: ");
    CHECK(f.run("wrong") == "% Login invalid\n\n");
    CHECK(f.shell->prompt() == "Username: ");
    f.run("anna");
    f.run("secret");
    CHECK(f.shell->prompt() == "Hub#");
    CHECK(f.shell->next_deadline() == f.now + 90s);
    f.pass(89s);
    CHECK(f.status == Status::done);
    f.pass(1s);
    CHECK(f.status == Status::closed);
    CHECK_FALSE(f.shell->is_open());
}

TEST_CASE("Everywhere: three wrong logins end the session") {
    Fixture f("line con 0\n password cisco\n login\n", kVisitor);
    f.shell->take_output();
    CHECK(f.shell->prompt() == "Password: ");
    f.run("a");
    f.run("b");
    CHECK(f.run("c") == "% Bad passwords\n");
    CHECK(f.status == Status::closed);
}

TEST_CASE("Everywhere: log lines reach who asked for them, stamped as configured") {
    Fixture f(
        "hostname R\nservice timestamps log datetime msec\nservice timestamps debug uptime\n"
        "logging buffered 4096\nlogging 10.0.0.9\n");
    std::vector<std::string> datagrams;
    f.console.set_syslog([&datagrams](Ipv4Address host, std::string_view text) {
        datagrams.push_back(host.to_string() + " " + std::string(text));
    });
    Shell person(f.console, SessionSpec{.interactive = true, .privileged = true});
    person.take_output();
    f.now += 123ms;
    f.console.on_clock(f.now, f.wall());
    f.host->log().message(
        "SYS", Severity::notifications, "CONFIG_I", "Configured from {}", "there");
    CHECK(f.shell->take_output().empty());
    CHECK(person.take_output() == "*Mar  1 00:00:00.123: %SYS-5-CONFIG_I: Configured from there\n");
    REQUIRE(datagrams.size() == 1);
    // RFC 3164: local7 (23) * 8 + 5.
    CHECK(datagrams[0] == "10.0.0.9 <189>Mar  1 00:00:00 R %SYS-5-CONFIG_I: Configured from there");
    f.run("terminal monitor");
    f.host->log().set(Debug::crypto_isakmp, true);
    f.host->log().debug(Debug::crypto_isakmp, "ISAKMP: local port {}", 500);
    CHECK(f.shell->take_output() == "00:16:40: ISAKMP: local port 500\n");
    CHECK(datagrams.size() == 1);
    const std::string logging = f.run("show logging");
    CHECK(has(logging, "    Buffer logging: level debugging, 2 messages logged\n"));
    CHECK(has(logging, "Logging to 10.0.0.9 (udp port 514), 1 message lines logged\n"));
    CHECK(has(logging, "Log Buffer (4096 bytes):\n\n*Mar  1 00:00:00.123: %SYS-5-CONFIG_I: "));
    CHECK(has(logging, "\n00:16:40: ISAKMP: local port 500\n"));
    f.run("clear logging");
    CHECK_FALSE(has(f.run("show logging"), "ISAKMP"));
    f.run("terminal no monitor");
    f.host->log().debug(Debug::crypto_isakmp, "unseen");
    CHECK(f.shell->take_output().empty());
}

TEST_CASE("The log buffer and a session's waiting lines are bounded") {
    Fixture f("logging buffered 4096\n");
    f.run("terminal monitor");
    const std::string line(1000, 'x');
    for (int i = 0; i < 1000; ++i) {
        f.host->log().message("SYS", Severity::errors, "TEST", "{}", line);
    }
    const std::string shown = f.shell->take_output();
    CHECK(shown.size() < kMaxWaitingLog + 100);
    CHECK(has(shown, " log lines were not shown\n"));
    CHECK(f.run("show logging").size() < 4096 + 1000);
}

TEST_CASE("No more sessions than the console has room for") {
    Fixture f;
    std::vector<std::unique_ptr<Shell>> shells;
    for (std::size_t i = 1; i < kMaxSessions; ++i) {
        shells.push_back(std::make_unique<Shell>(f.console, ShellMode::privileged));
        CHECK(shells.back()->is_open());
    }
    Shell refused(f.console, ShellMode::privileged);
    CHECK_FALSE(refused.is_open());
    CHECK(refused.take_output() == "% All lines are in use\n");
    CHECK(refused.execute(f.now, f.wall(), "show clock") == Status::closed);
    CHECK(refused.prompt().empty());
    shells.pop_back();
    CHECK(Shell(f.console, ShellMode::user).is_open());
}

TEST_CASE("Everywhere: show version, clock, users, processes; clear line") {
    Fixture f("hostname Hub\ninterface FastEthernet0/0\ninterface FastEthernet0/1\nexit\n");
    const std::string version = f.run("show version");
    CHECK(has(version, "Hub uptime is 16 minutes\n"));
    CHECK(has(version, "code path AVX512 VAES"));
    CHECK(has(version, "2 FastEthernet interfaces\n"));
    CHECK(f.run("show clock") == "*00:00:00.000 UTC Mon Mar 1 1993\n");
    CHECK(has(f.run("show processes"), "worker 1\n"));
    Shell other(f.console, ShellMode::privileged);
    CHECK(has(f.run("show users"), "* "));
    f.run("clear line 2");
    CHECK(other.poll(f.now, f.wall()) == Status::closed);
    CHECK(f.run("clear line 77") == "% Not allowed to clear that line\n");
}

TEST_CASE("A feature that is configured and not running says so") {
    Fixture f("ip local pool ippool 10.5.5.1 10.5.5.254\n");
    CHECK(f.run("show ip local pool") == "% IP local pool: configured, not running\n");
    CHECK(f.run("show ip nat translations") == "% IP NAT: not configured\n");
}
