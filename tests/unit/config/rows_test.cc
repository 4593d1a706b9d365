// What holds for every row of the table: its examples are understood by it and by no other row, writing is a
// fixpoint, and `no` leads back.
#include <algorithm>
#include <sstream>

#include <catch2/catch.hpp>

#include "config/ios/parser.h"
#include "config/ios/table.h"

using namespace viaduct;
using ios::Mode;
using ios::Row;

namespace {

std::string context_of(const Row& row) {
    return row.context.empty() ? ios::mode_opener(row.mode) : row.context;
}

/// A session in the row's mode.
void open(ios::ConfigSession& session, const Row& row) {
    std::istringstream lines(context_of(row));
    for (std::string line; std::getline(lines, line);) {
        REQUIRE(session.execute(line));
    }
}

std::string inverse(const std::string& line) {
    return line.starts_with("no ") ? line.substr(3) : "no " + line;
}

std::string body(const std::string& line) {
    return line.starts_with("no ") ? line.substr(3) : line;
}

}  // namespace

TEST_CASE("rows: every row has help, and examples that it and no other row understands", "[rows]") {
    for (const auto& row : ios::all_rows()) {
        INFO(row.pattern << row.no);
        CHECK_FALSE(ios::split_help(row.help).summary.empty());
        CHECK(row.apply);
        CHECK((!row.examples.empty() || row.no == "-" || row.pattern.empty()));
        for (const auto& example : row.examples) {
            INFO(example);
            config::RunningConfig config;
            ios::ConfigSession session(config);
            open(session, row);
            const auto done = session.execute(example);
            if (!done) {
                FAIL(done.error().message << " at " << done.error().column);
            }
            CHECK(session.last_row() == &row);
        }
    }
}

TEST_CASE("rows: parse(write(model)) == model after every example", "[rows]") {
    for (const auto& row : ios::all_rows()) {
        for (const auto& example : row.examples) {
            INFO(example);
            config::RunningConfig config;
            ios::ConfigSession session(config);
            open(session, row);
            REQUIRE(session.execute(example));
            REQUIRE_FALSE(session.wants_text());
            const auto written = ios::write_config(config);
            INFO(written);
            const auto again = ios::load(written, "written");
            CHECK(again.ok());
            CHECK(again.config == config);
            CHECK(ios::write_config(again.config) == written);
        }
    }
}

TEST_CASE("rows: no and default lead back to the default", "[rows]") {
    for (const auto& row : ios::all_rows()) {
        if (row.no == "-") {
            continue;
        }
        for (const auto& example : row.examples) {
            INFO(example);
            config::RunningConfig config;
            ios::ConfigSession session(config);
            open(session, row);
            const auto fresh = config;
            REQUIRE(session.execute(example));
            if (row.effect != ios::Effect::kept && !row.enters) {
                // The example says something, or is the default itself.
                CHECK((config != fresh || ios::write_config(config) == ios::write_config(fresh)));
            }
            if (!row.three_states) {
                const auto back = session.execute(inverse(example));
                if (!back) {
                    FAIL(back.error().message << " at " << back.error().column);
                }
                CHECK(config == fresh);
                REQUIRE(session.execute(example));
            }
            if (!row.enters) {
                const auto back = session.execute("default " + body(example));
                if (!back) {
                    FAIL(back.error().message << " at " << back.error().column);
                }
                CHECK(config == fresh);
            }
        }
    }
}

namespace {

/// The words of a pattern: its keywords, or the names of its arguments.
std::vector<std::string> names_in(const std::string& pattern, bool arguments) {
    std::vector<std::string> out;
    std::istringstream words(pattern);
    for (std::string word; words >> word;) {
        if (word.front() == '<' && arguments) {
            out.push_back(word.substr(1, word.find(':') - 1));
        } else if (std::string("<{}[]|()").find(word.front()) == std::string::npos && !arguments) {
            out.push_back(word);
        }
    }
    return out;
}

}  // namespace

TEST_CASE("rows: no argument has the name of a keyword of its pattern", "[rows]") {
    for (const auto& row : ios::all_rows()) {
        for (const auto& pattern : {row.pattern, row.no}) {
            INFO(pattern);
            const auto keywords = names_in(pattern, false);
            for (const auto& name : names_in(pattern, true)) {
                CHECK(std::find(keywords.begin(), keywords.end(), name) == keywords.end());
            }
        }
    }
}

TEST_CASE("rows: the table is built in a few milliseconds", "[rows]") {
    CHECK(ios::all_rows().size() > 300);
    for (std::size_t mode = 0; mode < static_cast<std::size_t>(Mode::kCount); ++mode) {
        ios::commands_of(static_cast<Mode>(mode));
    }
}
