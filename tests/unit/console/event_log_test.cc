// N15: the event log by class and severity: which message is which event, the ring, the commands.
#include <catch2/catch.hpp>

#include "config/ios/writer.h"
#include "tests/has.h"
#include "tests/unit/console/fake_host.h"

namespace viaduct::console::test {

using config::EventClass;

namespace {

EventKind kind_of(std::string_view facility, Severity severity, std::string_view mnemonic) {
    const auto kind =
        event_of(LogMessage{std::string(facility), severity, std::string(mnemonic), ""});
    REQUIRE(kind);
    return *kind;
}

}  // namespace

TEST_CASE(
    "N15: every message of IKE, IPsec and authentication has a class and a severity of 1 to 13") {
    CHECK(kind_of("CRYPTO", Severity::notifications, "SESSION_STATUS") ==
          EventKind{EventClass::ike, 4});
    CHECK(kind_of("CRYPTO", Severity::warnings, "RECVD_PKT_INV_SPI") ==
          EventKind{EventClass::ipsec, 3});
    CHECK(kind_of("CRYPTO", Severity::errors, "IPSEC_SETUP_FAILURE") ==
          EventKind{EventClass::ipsec, 2});
    CHECK(kind_of("CRYPTO", Severity::warnings, "IKMP_XAUTH_FAILED") ==
          EventKind{EventClass::auth, 3});
    CHECK(kind_of("RADIUS", Severity::warnings, "RADIUS_DEAD") == EventKind{EventClass::auth, 3});
    CHECK(kind_of("PKI", Severity::critical, "TRUSTPOINT_FILE") == EventKind{EventClass::cert, 1});
    CHECK_FALSE(event_of(LogMessage{"DUAL", Severity::notifications, "NBRCHANGE", ""}));
    // As document 000's concentrator has them.
    CHECK(event_of(Debug::crypto_isakmp) == EventKind{EventClass::ikedbg, 8});
    CHECK(event_of(Debug::crypto_isakmp_detail) == EventKind{EventClass::ikedecode, 8});
    CHECK(event_of(Debug::crypto_ipsec) == EventKind{EventClass::ipsecdbg, 9});
    CHECK_FALSE(event_of(Debug::eigrp_fsm));
}

TEST_CASE(
    "N15: show event-log in the concentrator's form, filtered by class, severity and number") {
    Fixture f("hostname Hub\nevent class IKEDBG severity-to-log 9\n");
    CHECK(f.host->refused.empty());
    Log& log = f.host->log();
    record_events(log, f.host->running().system.logging.events);
    log.message("CRYPTO", Severity::notifications, "SESSION_STATUS", "Crypto tunnel is UP");
    log.debug(Debug::crypto_isakmp, "processing hash");
    log.debug(Debug::crypto_ipsec, "not wanted");
    log.message("DUAL", Severity::notifications, "NBRCHANGE", "of no class");
    log.message("CRYPTO", Severity::notifications, "SESSION_STATUS", "Crypto tunnel is DOWN");
    const std::string first =
        "1 03/01/1993 00:00:00.000 SEV=4 IKE/SESSION_STATUS RPT=1\nCrypto tunnel is UP\n";
    const std::string second = "2 03/01/1993 00:00:00.000 SEV=8 IKEDBG/0 RPT=1\nprocessing hash\n";
    const std::string third =
        "3 03/01/1993 00:00:00.000 SEV=4 IKE/SESSION_STATUS RPT=2\nCrypto tunnel is DOWN\n";
    CHECK(f.run("show event-log") == first + second + third);
    CHECK(f.run("show event-log class ike") == first + third);
    CHECK(f.run("show event-log severity 7") == first + third);
    CHECK(f.run("show event-log last 2") == second + third);
    CHECK(f.run("show event-log class IKE last 1") == third);
    CHECK(f.run("show event-log class IKEDBG severity 5").empty());
    CHECK(f.run("show event-log class NONE") == "% Unknown event class NONE\n");
    CHECK(f.run("show event-log severity 14") ==
          "                            ^\n% Invalid input detected at '^' marker.\n\n");
    // The switch is off, so nothing of it stands in the router's own log.
    CHECK_FALSE(has(f.run("show logging"), "processing hash"));
    CHECK(f.run("show debugging").empty());
    f.run("clear event-log");
    CHECK(f.run("show event-log").empty());
    log.message("CRYPTO", Severity::errors, "IPSEC_SETUP_FAILURE", "x");
    CHECK(has(f.run("show event-log"), "4 03/01/1993"));
}

TEST_CASE("N15: the event log is a ring, and long texts are cut") {
    EventLog events;
    const config::EventConfig wanted;
    for (std::size_t i = 0; i < EventLog::kMaxEvents + 100; ++i) {
        events.add({"CRYPTO", Severity::errors, "IPSEC_X", std::string(5000, 'x')}, wanted, {}, 0);
    }
    const auto text = events.show({});
    CHECK(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) ==
          2 * EventLog::kMaxEvents);
    CHECK(text.starts_with("101 "));
    CHECK(text.size() < EventLog::kMaxEvents * (EventLog::kMaxTextBytes + 100));
    CHECK_FALSE(has(text, std::string(EventLog::kMaxTextBytes + 1, 'x')));
}

TEST_CASE("N15: severity-to-console decides what a class shows there") {
    Fixture f(
        "hostname Hub\nevent class IKEDBG severity-to-console 8\n"
        "event class IKE severity-to-console 3\nno logging buffered\n",
        {.interactive = true, .privileged = true});
    Log& log = f.host->log();
    record_events(log, f.host->running().system.logging.events);
    log.debug(Debug::crypto_isakmp, "a step");
    log.debug(Debug::crypto_engine, "severity 9");
    log.message("CRYPTO", Severity::notifications, "SESSION_STATUS", "severity 4");
    log.message("CRYPTO", Severity::warnings, "POLICY", "severity 3");
    const auto shown = f.console.sessions().begin()->second->log_lines;
    CHECK(has(shown, "a step"));
    CHECK_FALSE(has(shown, "severity 9"));
    CHECK_FALSE(has(shown, "severity 4"));
    CHECK(has(shown, "%CRYPTO-4-POLICY: severity 3"));
}

TEST_CASE("N15: event class rows go to the configuration and back") {
    Fixture f;
    f.run("configure terminal");
    f.run("event class IKEDBG severity-to-log 9 severity-to-console 3");
    f.run("event class AUTH severity-to-log 7");
    f.run("no event class AUTH severity-to-log 7");
    const auto text = ios::write_config(f.host->running());
    CHECK(has(text,
              "event class IKEDBG severity-to-log 9\nevent class IKEDBG severity-to-console 3\n"));
    CHECK_FALSE(has(text, "AUTH"));
    f.run("no event class IKEDBG");
    CHECK_FALSE(has(ios::write_config(f.host->running()), "event class"));
    CHECK(has(f.run("event class ?"), "IKEDECODE"));
}

TEST_CASE("N15: logging class takes an event class as well as a facility") {
    Fixture f("logging class IKEDBG errors\nlogging class DUAL 4\n");
    f.run("debug crypto isakmp");
    f.host->log().debug(Debug::crypto_isakmp, "silenced");
    f.host->log().message("DUAL", Severity::notifications, "NBRCHANGE", "silenced");
    f.host->log().message("DUAL", Severity::errors, "SIA", "heard");
    const auto text = f.run("show logging");
    CHECK_FALSE(has(text, "silenced"));
    CHECK(has(text, "heard"));
}

}  // namespace viaduct::console::test
