// The console's frames: what is written is read back, and nothing else is taken.
#include "controlplane/console/frame.h"

#include <catch2/catch.hpp>

using namespace viaduct::console;

TEST_CASE("Frames come back as they went, however the stream is cut") {
    const std::string stream = encode(Hello{.interactive = true, .rows = 50, .columns = 132}) +
                               encode(Frame{.type = FrameType::line, .payload = "show version"}) +
                               encode(Frame{.type = FrameType::interrupt});
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        FrameReader reader(kMaxClientPayload);
        std::vector<Frame> frames;
        for (const auto& part : {stream.substr(0, cut), stream.substr(cut)}) {
            reader.feed(part);
            while (true) {
                auto frame = reader.next();
                REQUIRE(frame);
                if (!*frame) {
                    break;
                }
                frames.push_back(**frame);
            }
        }
        REQUIRE(frames.size() == 3);
        CHECK(parse_hello(frames[0].payload) ==
              Hello{.interactive = true, .rows = 50, .columns = 132});
        CHECK(frames[1] == Frame{.type = FrameType::line, .payload = "show version"});
        CHECK(frames[2] == Frame{.type = FrameType::interrupt});
    }
}

TEST_CASE("Foreign and oversized frames are refused") {
    FrameReader foreign(kMaxClientPayload);
    foreign.feed("GET / HTTP/1.1\r\n");
    CHECK_FALSE(foreign.next());
    FrameReader large(kMaxClientPayload);
    large.feed(
        encode(Frame{.type = FrameType::line, .payload = std::string(kMaxClientPayload + 1, 'x')}));
    CHECK_FALSE(large.next());
    FrameReader fits(kMaxClientPayload);
    fits.feed(
        encode(Frame{.type = FrameType::line, .payload = std::string(kMaxClientPayload, 'x')}));
    CHECK(fits.next().value().has_value());
}

TEST_CASE("Payloads of another length are refused") {
    const std::string hello("\1\1\0\x18\0\x50", 6);
    CHECK(parse_hello(hello));
    for (std::size_t n = 0; n < hello.size(); ++n) {
        CHECK_FALSE(parse_hello(hello.substr(0, n)));
    }
    CHECK_FALSE(parse_hello(hello + "x"));
    const std::string window("\0\x18\0\x50", 4);
    CHECK(parse_window(window) == Window{.rows = 24, .columns = 80});
    for (std::size_t n = 0; n < window.size(); ++n) {
        CHECK_FALSE(parse_window(window.substr(0, n)));
    }
    CHECK_FALSE(parse_window(window + "x"));
    CHECK_FALSE(parse_prompt(""));
    CHECK_FALSE(parse_prompt(std::string("\2\0\0R#", 5)));
    CHECK(parse_prompt(std::string("\1\0\x18R#", 5)) ==
          PromptFrame{.echo = true, .page_length = 24, .text = "R#"});
}

TEST_CASE("Long output is cut into frames that a client takes") {
    const std::string text(3 * kMaxServerPayload + 7, 'x');
    FrameReader reader(kMaxServerPayload);
    reader.feed(encode_output(text));
    std::string together;
    while (true) {
        auto frame = reader.next();
        REQUIRE(frame);
        if (!*frame) {
            break;
        }
        together += (*frame)->payload;
    }
    CHECK(together == text);
    CHECK(encode_output("").empty());
}
