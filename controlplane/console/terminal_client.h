// The console at a person's terminal: raw keys in, line editing, paging, log lines between.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "controlplane/console/frame.h"
#include "controlplane/console/line_editor.h"
#include "controlplane/console/pager.h"
#include "dataplane/base/result.h"

namespace viaduct::console {

class TerminalClient {
public:
    /// `socket`: connected, owned by the caller. Uses standard input and output, which are terminals.
    explicit TerminalClient(int socket);

    /// Until the session ends: 0, or an error if the connection broke.
    Result<int> run();

private:
    enum class State : std::uint8_t { editing, busy, over };

    Result<void> on_socket();
    void on_frame(const Frame& frame);
    void on_output(std::string_view text);
    void on_prompt(PromptFrame prompt);
    void on_keys();
    void use_keys();
    void on_event(LineEditor::Event event, std::string& out);
    void on_window_change();
    void show_prompt_if_free();
    void send(FrameType type, std::string_view payload);
    static void show(std::string_view text);

    int socket_;
    FrameReader reader_{kMaxServerPayload};
    LineEditor editor_;
    Pager pager_;
    State state_ = State::busy;
    bool prompt_waits_ = false;  // it came while a page waits for a key
    PromptFrame prompt_;
    unsigned rows_ = 24;
    unsigned columns_ = 80;
    std::deque<char> typed_ahead_;
};

}  // namespace viaduct::console
