#include "controlplane/console/frame.h"

#include <algorithm>

#include "dataplane/base/bytes.h"

namespace viaduct::console {

namespace {

constexpr std::size_t kHeader = 5;

std::string text_of(const Bytes& bytes) {
    return {bytes.begin(), bytes.end()};
}

Bytes bytes_of(std::string_view text) {
    return {text.begin(), text.end()};
}

bool is_known(std::uint8_t type) {
    return (type >= static_cast<std::uint8_t>(FrameType::hello) &&
            type <= static_cast<std::uint8_t>(FrameType::window)) ||
           (type >= static_cast<std::uint8_t>(FrameType::output) &&
            type <= static_cast<std::uint8_t>(FrameType::closed));
}

std::string encode_raw(FrameType type, std::string_view payload) {
    ByteWriter writer;
    writer.u8(static_cast<std::uint8_t>(type));
    writer.u32(static_cast<std::uint32_t>(payload.size()));
    return text_of(writer.take()) + std::string(payload);
}

}  // namespace

std::string encode(const Frame& frame) {
    return encode_raw(frame.type, frame.payload);
}

std::string encode(const Hello& hello) {
    ByteWriter writer;
    writer.u8(hello.version);
    writer.u8(hello.interactive ? 1 : 0);
    writer.u16(hello.rows);
    writer.u16(hello.columns);
    return encode_raw(FrameType::hello, text_of(writer.take()));
}

std::string encode(const Window& window) {
    ByteWriter writer;
    writer.u16(window.rows);
    writer.u16(window.columns);
    return encode_raw(FrameType::window, text_of(writer.take()));
}

std::string encode(const PromptFrame& prompt) {
    ByteWriter writer;
    writer.u8(prompt.echo ? 1 : 0);
    writer.u16(prompt.page_length);
    return encode_raw(FrameType::prompt, text_of(writer.take()) + prompt.text);
}

std::string encode_output(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::string_view part = text.substr(0, kMaxServerPayload);
        out += encode_raw(FrameType::output, part);
        text.remove_prefix(part.size());
    }
    return out;
}

std::optional<Hello> parse_hello(std::string_view payload) {
    const Bytes bytes = bytes_of(payload);
    ByteReader reader(bytes);
    Hello hello;
    hello.version = reader.u8();
    const std::uint8_t interactive = reader.u8();
    hello.interactive = interactive == 1;
    hello.rows = reader.u16();
    hello.columns = reader.u16();
    if (!reader.done() || interactive > 1) {
        return std::nullopt;
    }
    return hello;
}

std::optional<Window> parse_window(std::string_view payload) {
    const Bytes bytes = bytes_of(payload);
    ByteReader reader(bytes);
    Window window;
    window.rows = reader.u16();
    window.columns = reader.u16();
    if (!reader.done()) {
        return std::nullopt;
    }
    return window;
}

std::optional<PromptFrame> parse_prompt(std::string_view payload) {
    const Bytes bytes = bytes_of(payload);
    ByteReader reader(bytes);
    PromptFrame prompt;
    const std::uint8_t echo = reader.u8();
    prompt.page_length = reader.u16();
    if (!reader.ok() || echo > 1) {
        return std::nullopt;
    }
    prompt.echo = echo == 1;
    prompt.text = payload.substr(3);
    return prompt;
}

Result<std::optional<Frame>> FrameReader::next() {
    if (buffer_.size() - read_ < kHeader) {
        buffer_.erase(0, read_);
        read_ = 0;
        return std::optional<Frame>{};
    }
    const Bytes header = bytes_of(std::string_view(buffer_).substr(read_, kHeader));
    ByteReader reader(header);
    const std::uint8_t type = reader.u8();
    const std::uint32_t length = reader.u32();
    if (!is_known(type)) {
        return failure("the other end does not speak the console's protocol");
    }
    if (length > max_payload_) {
        return failure("a frame of the console's protocol is too long");
    }
    if (buffer_.size() - read_ < kHeader + length) {
        return std::optional<Frame>{};
    }
    Frame frame{.type = static_cast<FrameType>(type),
                .payload = buffer_.substr(read_ + kHeader, length)};
    read_ += kHeader + length;
    return std::optional<Frame>(std::move(frame));
}

}  // namespace viaduct::console
