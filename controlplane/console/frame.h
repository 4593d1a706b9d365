// The protocol between `viaduct console` and the router, over a Unix stream socket: frames of a type, a
// length and a payload.
//
//    0               1               2               3               4
//   +---------------+---------------+---------------+---------------+---------------+
//   |     type      |          length of the payload, big-endian                    |
//   +---------------+---------------+---------------+---------------+---------------+
//   |  payload …
//
// The client begins with `hello`; the server answers each `line` with any number of `output` frames, one
// `result` and the next `prompt`. `output` also comes unasked (log lines). Version 1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

namespace viaduct::console {

enum class FrameType : std::uint8_t {
    // client to server
    hello = 1,  // version, interactive 0|1, rows u16, columns u16
    line = 2,  // text without the newline
    help = 3,  // text before the question mark
    tab = 4,  // text before the cursor
    interrupt = 5,  // nothing
    window = 6,  // rows u16, columns u16
    // server to client
    output = 16,  // text
    prompt = 17,  // echo 0|1, page length u16, text
    result = 18,  // 0 done, 1 invalid
    inserted = 19,  // what Tab adds
    closed = 20,  // nothing: the server ends the session
};

struct Frame {
    FrameType type = FrameType::output;
    std::string payload;

    bool operator==(const Frame&) const = default;
};

inline constexpr std::uint8_t kProtocolVersion = 1;
/// A longer payload is refused: of what a client may send, and of what a server sends at once.
inline constexpr std::size_t kMaxClientPayload = 16 * 1024;
inline constexpr std::size_t kMaxServerPayload = 64 * 1024;

struct Hello {
    std::uint8_t version = kProtocolVersion;
    bool interactive = false;
    std::uint16_t rows = 24;
    std::uint16_t columns = 80;

    bool operator==(const Hello&) const = default;
};

struct Window {
    std::uint16_t rows = 24;
    std::uint16_t columns = 80;

    bool operator==(const Window&) const = default;
};

struct PromptFrame {
    bool echo = true;
    std::uint16_t page_length = 0;  // 0: no paging
    std::string text;

    bool operator==(const PromptFrame&) const = default;
};

std::string encode(const Frame& frame);
std::string encode(const Hello& hello);
std::string encode(const Window& window);
std::string encode(const PromptFrame& prompt);
/// Text of any length, in as many frames as it takes; empty text is no frame.
std::string encode_output(std::string_view text);

/// Payloads; nullopt: too short, too long or out of range.
std::optional<Hello> parse_hello(std::string_view payload);
std::optional<Window> parse_window(std::string_view payload);
std::optional<PromptFrame> parse_prompt(std::string_view payload);

/// Cuts a stream into frames.
class FrameReader {
public:
    explicit FrameReader(std::size_t max_payload) : max_payload_(max_payload) {}

    void feed(std::string_view bytes) { buffer_ += bytes; }

    /// The next whole frame; nullopt: more bytes are wanted. An error is final.
    Result<std::optional<Frame>> next();

private:
    std::size_t max_payload_;
    std::string buffer_;
    std::size_t read_ = 0;
};

}  // namespace viaduct::console
