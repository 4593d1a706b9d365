// The line editor and the pager, key by key.
#include "controlplane/console/line_editor.h"

#include <catch2/catch.hpp>

#include "controlplane/console/pager.h"

using viaduct::console::LineEditor;
using viaduct::console::Pager;
using Event = LineEditor::Event;

namespace {

Event type(LineEditor& editor, std::string_view keys) {
    std::string shown;
    Event last = Event::none;
    for (const char key : keys) {
        last = editor.feed(key, shown);
    }
    return last;
}

std::string typed(std::string_view keys) {
    LineEditor editor;
    CHECK(type(editor, keys) == Event::line);
    return editor.take_line();
}

}  // namespace

TEST_CASE("Everywhere: keys edit the line as on IOS") {
    CHECK(typed("show version\r") == "show version");
    CHECK(typed("show versoin\x14\r") == "show versoni");
    CHECK(typed("show verx\x7fsion\r") == "show version");
    CHECK(typed("version\x01show \r") == "show version");
    CHECK(typed("show version\x17users\r") == "show users");
    CHECK(typed("show version\x15\r").empty());
    CHECK(typed("abc\x1b[D\x1b[DX\r") == "aXbc");
    CHECK(typed("abc\x1b[HX\x1b[FY\r") == "XabcY");
    CHECK(typed("one two\x1b"
                "bX\r") == "one Xtwo");
    CHECK(typed("abc\x01\x0b\x19\x19\r") == "abcabc");
    CHECK(typed("who\x16?\r") == "who?");
}

TEST_CASE("Everywhere: help, Tab and the escape keys are told at once") {
    LineEditor editor;
    CHECK(type(editor, "show ?") == Event::help);
    CHECK(editor.before_cursor() == "show ");
    CHECK(type(editor, "ver\t") == Event::tab);
    std::string shown;
    editor.insert("sion ", shown);
    CHECK(editor.line() == "show version ");
    CHECK(type(editor, "\x1a") == Event::end);
    CHECK(editor.take_line() == "show version ");
    CHECK(type(editor, "abc\x03") == Event::interrupt);
    CHECK(editor.line().empty());
    CHECK(type(editor, "\x1e") == Event::interrupt);
    CHECK(type(editor, "\x04") == Event::end_of_file);
}

TEST_CASE("Everywhere: the history goes back and forth, and keeps no password") {
    LineEditor editor;
    type(editor, "first\r");
    editor.take_line();
    type(editor, "second\r");
    editor.take_line();
    editor.set_echo(false);
    std::string shown;
    for (const char key : std::string_view("hid?den\r")) {
        editor.feed(key, shown);
    }
    CHECK(editor.take_line() == "hid?den");
    CHECK(shown.find("hid") == std::string::npos);
    editor.set_echo(true);
    type(editor, "new\x10");
    CHECK(editor.line() == "second");
    type(editor, "\x1b[A\x1b[A\x1b[A");
    CHECK(editor.line() == "first");
    type(editor, "\x0e\x0e");
    CHECK(editor.line() == "new");
}

TEST_CASE("A line longer than the terminal scrolls sideways") {
    LineEditor editor;
    editor.set_prompt("R#");
    editor.set_columns(20);
    type(editor, "abcdefghijklmnopqrstuvwxyz");
    std::string shown;
    editor.draw(shown);
    CHECK(shown == "\r\x1b[KR#klmnopqrstuvwxyz");
    type(editor, "\r");
    CHECK(editor.take_line() == "abcdefghijklmnopqrstuvwxyz");
}

TEST_CASE("Everywhere: --More-- stops at each page, blank, Return and q go on or end") {
    Pager pager;
    pager.set_length(3);
    pager.start();
    CHECK(pager.feed("1\n2\n") == "1\n2\n");
    CHECK_FALSE(pager.waiting());
    CHECK(pager.feed("3\n4\n5\n6\n7\n") == " --More-- ");
    CHECK(pager.waiting());
    CHECK(pager.key('\r') == "\r          \r3\n --More-- ");
    CHECK(pager.key(' ') == "\r          \r4\n5\n --More-- ");
    CHECK(pager.key('q') == "\r          \r");
    CHECK(pager.quit());
    CHECK(pager.feed("8\n").empty());
    pager.start();
    CHECK(pager.feed("1\n") == "1\n");
}

TEST_CASE("terminal length 0 never stops") {
    Pager pager;
    pager.set_length(0);
    pager.start();
    std::string text;
    for (int i = 0; i < 200; ++i) {
        text += "line\n";
    }
    CHECK(pager.feed(text) == text);
    CHECK_FALSE(pager.waiting());
}
