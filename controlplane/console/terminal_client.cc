#include "controlplane/console/terminal_client.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>
#include <utility>

#include "controlplane/console/file_descriptor.h"
#include "controlplane/console/script_client.h"

namespace viaduct::console {

namespace {

constexpr char kControlC = '\x03';
constexpr char kControlCaret = '\x1e';
constexpr std::size_t kMaxTypedAhead = 4096;

/// Keys come one by one and unseen; what is printed is still treated as text. Undone on the way out.
class RawMode {
public:
    RawMode() {
        if (::tcgetattr(STDIN_FILENO, &before_) != 0) {
            return;
        }
        termios raw = before_;
        raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG | IEXTEN);
        raw.c_iflag &= ~static_cast<tcflag_t>(IXON | ICRNL | INLCR);
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        active_ = ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
    }

    RawMode(const RawMode&) = delete;
    RawMode& operator=(const RawMode&) = delete;
    RawMode(RawMode&&) = delete;
    RawMode& operator=(RawMode&&) = delete;

    ~RawMode() {
        if (active_) {
            ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
        }
    }

private:
    termios before_{};
    bool active_ = false;
};

FileDescriptor signals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int signal : {SIGWINCH, SIGTERM, SIGHUP}) {
        ::sigaddset(&set, signal);
    }
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    return FileDescriptor(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

}  // namespace

TerminalClient::TerminalClient(int socket) : socket_(socket) {}

void TerminalClient::show(std::string_view text) {
    write_all(STDOUT_FILENO, text);
}

void TerminalClient::send(FrameType type, std::string_view payload) {
    if (!write_all(socket_, encode(Frame{.type = type, .payload = std::string(payload)}))) {
        state_ = State::over;
    }
}

void TerminalClient::on_window_change() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
        rows_ = size.ws_row;
        columns_ = size.ws_col;
    }
    editor_.set_columns(columns_);
}

Result<int> TerminalClient::run() {
    const FileDescriptor signal = signals();
    const RawMode raw;
    on_window_change();
    if (!write_all(socket_,
                   encode(Hello{.interactive = true,
                                .rows = static_cast<std::uint16_t>(rows_),
                                .columns = static_cast<std::uint16_t>(columns_)}))) {
        return failure("the router closed the connection");
    }
    std::array<pollfd, 3> watched{{{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                                   {.fd = socket_, .events = POLLIN, .revents = 0},
                                   {.fd = signal.get(), .events = POLLIN, .revents = 0}}};
    while (state_ != State::over) {
        if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) {
            return failure("the terminal cannot be read");
        }
        if ((watched[2].revents & POLLIN) != 0) {
            signalfd_siginfo info{};
            if (::read(signal.get(), &info, sizeof(info)) == sizeof(info) &&
                info.ssi_signo != SIGWINCH) {
                return 0;
            }
            on_window_change();
            write_all(socket_,
                      encode(Window{.rows = static_cast<std::uint16_t>(rows_),
                                    .columns = static_cast<std::uint16_t>(columns_)}));
        }
        if (watched[1].revents != 0) {
            if (const auto read = on_socket(); !read) {
                return tl::unexpected(read.error());
            }
        }
        if (watched[0].revents != 0) {
            on_keys();
        }
        use_keys();
    }
    return 0;
}

Result<void> TerminalClient::on_socket() {
    std::array<char, 16384> buffer{};
    const ssize_t n = ::recv(socket_, buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) {
        return {};
    }
    if (n <= 0) {
        show("\n");
        return failure("the router closed the connection");
    }
    reader_.feed({buffer.data(), static_cast<std::size_t>(n)});
    while (true) {
        auto frame = reader_.next();
        if (!frame) {
            return tl::unexpected(frame.error());
        }
        if (!*frame) {
            return {};
        }
        on_frame(**frame);
    }
}

void TerminalClient::on_frame(const Frame& frame) {
    switch (frame.type) {
    case FrameType::output:
        on_output(frame.payload);
        return;
    case FrameType::prompt:
        if (auto prompt = parse_prompt(frame.payload)) {
            on_prompt(std::move(*prompt));
        }
        return;
    case FrameType::inserted: {
        std::string out;
        if (frame.payload.empty()) {
            out += '\a';
        } else {
            editor_.insert(frame.payload, out);
        }
        show(out);
        return;
    }
    case FrameType::closed:
        if (state_ == State::editing) {
            show("\n");
        }
        state_ = State::over;
        return;
    case FrameType::result:
    case FrameType::hello:
    case FrameType::line:
    case FrameType::help:
    case FrameType::tab:
    case FrameType::interrupt:
    case FrameType::window:
        return;
    }
}

void TerminalClient::on_output(std::string_view text) {
    if (state_ == State::busy) {
        show(pager_.feed(text));
        return;
    }
    // Log lines while somebody types: above the line that is being typed.
    std::string out;
    editor_.hide(out);
    out += text;
    editor_.draw(out);
    show(out);
}

void TerminalClient::on_prompt(PromptFrame prompt) {
    prompt_ = std::move(prompt);
    prompt_waits_ = true;
    show_prompt_if_free();
}

void TerminalClient::show_prompt_if_free() {
    if (!prompt_waits_ || pager_.waiting()) {
        return;
    }
    prompt_waits_ = false;
    editor_.set_prompt(prompt_.text);
    editor_.set_echo(prompt_.echo);
    pager_.set_length(prompt_.page_length);
    state_ = State::editing;
    std::string out;
    editor_.draw(out);
    show(out);
}

void TerminalClient::on_keys() {
    std::array<char, 1024> keys{};
    const ssize_t n = ::read(STDIN_FILENO, keys.data(), keys.size());
    if (n <= 0) {
        if (n == 0 || errno != EINTR) {
            state_ = State::over;
        }
        return;
    }
    for (ssize_t i = 0; i < n; ++i) {
        const char key = keys[static_cast<std::size_t>(i)];
        const bool stops = key == kControlC || key == kControlCaret;
        if (state_ == State::busy && !pager_.waiting() && stops) {
            typed_ahead_.clear();
            send(FrameType::interrupt, "");
        } else if (typed_ahead_.size() < kMaxTypedAhead) {
            typed_ahead_.push_back(key);
        }
    }
}

/// What was typed while a command ran waits for its prompt.
void TerminalClient::use_keys() {
    while (!typed_ahead_.empty() && (pager_.waiting() || state_ == State::editing)) {
        const char key = typed_ahead_.front();
        typed_ahead_.pop_front();
        if (pager_.waiting()) {
            show(pager_.key(key));
            show_prompt_if_free();
            continue;
        }
        std::string out;
        const LineEditor::Event event = editor_.feed(key, out);
        on_event(event, out);
        show(out);
    }
}

void TerminalClient::on_event(LineEditor::Event event, std::string& out) {
    switch (event) {
    case LineEditor::Event::none:
        return;
    case LineEditor::Event::line:
    case LineEditor::Event::end: {
        std::string line = editor_.take_line();
        if (event == LineEditor::Event::end) {
            line += '\x1a';
        }
        pager_.start();
        state_ = State::busy;
        send(FrameType::line, line);
        return;
    }
    case LineEditor::Event::help:
        // The line stays in the editor; the prompt that follows the help shows it again.
        out += "?\r\n";
        pager_.start();
        state_ = State::busy;
        send(FrameType::help, editor_.before_cursor());
        return;
    case LineEditor::Event::tab:
        send(FrameType::tab, editor_.before_cursor());
        return;
    case LineEditor::Event::interrupt:
        out += "^C\r\n";
        send(FrameType::interrupt, "");
        pager_.start();
        state_ = State::busy;
        send(FrameType::line, "");
        return;
    case LineEditor::Event::end_of_file:
        pager_.start();
        state_ = State::busy;
        send(FrameType::line, "exit");
        return;
    }
}

}  // namespace viaduct::console
