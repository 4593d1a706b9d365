#include "controlplane/console/shell.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <optional>
#include <utility>

#include "config/ios/session.h"
#include "config/ios/text.h"
#include "controlplane/console/filter.h"
#include "controlplane/console/help.h"
#include "controlplane/console/login.h"

namespace viaduct::console {

namespace {

constexpr char kCtrlZ = '\x1a';
constexpr unsigned kTries = 3;  // of a password
/// IOS: a line of the exec is 254 characters long; keys and certificates need more.
constexpr std::size_t kMaxLine = 4096;
constexpr std::uint32_t kDefaultExecTimeout = 600;  // seconds

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kFilterWords{{
    {"begin", "Begin with the line that matches"},
    {"count", "Count number of lines which match regexp"},
    {"exclude", "Exclude lines that match"},
    {"include", "Include lines that match"},
    {"section", "Filter a section of output"},
}};

/// `undebug X` and `no debug X` are the way back of `debug X`.
struct ExecLine {
    std::string text;  // what the grammar sees
    bool negated = false;
    std::ptrdiff_t shift = 0;  // added to a column in `text`, the column in the line as typed
};

bool abbreviates(std::string_view typed, std::string_view word, std::size_t least) {
    return typed.size() >= least && word.starts_with(typed);
}

ExecLine exec_line(std::string_view line) {
    const std::size_t first = line.find_first_not_of(" \t");
    const std::size_t end = line.find_first_of(" \t", first);
    if (first == std::string_view::npos || end == std::string_view::npos) {
        return {.text = std::string(line)};
    }
    const std::string_view word = line.substr(first, end - first);
    const std::size_t rest = line.find_first_not_of(" \t", end);
    const std::string_view after = rest == std::string_view::npos ? "" : line.substr(rest);
    const std::size_t start = rest == std::string_view::npos ? line.size() : rest;
    if (abbreviates(word, "undebug", 1)) {
        constexpr std::string_view kDebug = "debug ";
        return {.text = std::string(kDebug) + std::string(after),
                .negated = true,
                .shift = static_cast<std::ptrdiff_t>(start) -
                         static_cast<std::ptrdiff_t>(kDebug.size())};
    }
    if (word == "no" && abbreviates(after.substr(0, after.find(' ')), "debug", 1)) {
        return {.text = std::string(after),
                .negated = true,
                .shift = static_cast<std::ptrdiff_t>(start)};
    }
    return {.text = std::string(line)};
}

/// "do" and what follows it, if the line begins so; npos if not.
std::size_t behind_do(std::string_view line) {
    const std::size_t first = line.find_first_not_of(" \t");
    if (first == std::string_view::npos || !line.substr(first).starts_with("do") ||
        line.size() <= first + 2 || (line[first + 2] != ' ' && line[first + 2] != '\t')) {
        return std::string_view::npos;
    }
    return first + 3;
}

}  // namespace

struct Shell::Impl {
    Impl(Console& owner, Session* opened) : console(owner), session(opened) {}

    Console& console;
    Session* session;  // nullptr: the console was full
    std::uint32_t id = 0;
    std::string out;
    bool closed = false;
    std::unique_ptr<ios::ExecJob> job;
    std::optional<Filter> filter;
    config::RunningConfig model;  // the copy that a configuration session works on
    std::unique_ptr<ios::ConfigSession> config;
    std::uint8_t privilege_before_login = 1;
    unsigned tries = 0;

    // ── what the router says of this session ──
    [[nodiscard]] const config::RunningConfig& running() const { return console.host().running(); }

    [[nodiscard]] config::LineConfig line() const {
        return line_config(running(), config::LineConfig::Kind::console);
    }

    [[nodiscard]] TimePoint idle_deadline() const {
        if (!session->interactive) {
            return kNever;
        }
        const std::uint32_t seconds = line().exec_timeout_s.value_or(kDefaultExecTimeout);
        return seconds == 0 ? kNever : session->last_input + std::chrono::seconds(seconds);
    }

    // ── coming in ──
    void open(const SessionSpec& spec) {
        const config::LineConfig settings = line();
        if (!spec.interactive) {
            return;
        }
        if (settings.length) {
            session->length = *settings.length;
            session->length_set = true;
        }
        if (settings.privilege) {
            session->privilege = *settings.privilege;
        }
        add_banner(running().system.banner_motd);
        const LoginKind kind = login_kind(running(), settings);
        if (kind == LoginKind::none) {
            add_banner(running().system.banner_exec);
            return;
        }
        privilege_before_login = session->privilege;
        session->privilege = 0;
        add_banner(running().system.banner_login);
        out += "\nUser Access Verification\n\n";
        ask_login(kind);
    }

    void add_banner(const std::string& text) {
        if (!text.empty()) {
            out += text;
            out += text.ends_with('\n') ? "" : "\n";
        }
    }

    void ask_login(LoginKind kind) {
        if (kind != LoginKind::local) {
            ask_login_password(kind, "");
            return;
        }
        session->question = Question{.prompt = "Username: ",
                                     .echo = true,
                                     .answer = [this](std::string_view name, std::string&) {
                                         ask_login_password(LoginKind::local, std::string(name));
                                     }};
    }

    void ask_login_password(LoginKind kind, std::string name) {
        session->question = Question{.prompt = "Password: ",
                                     .echo = false,
                                     .answer = [this, kind, name = std::move(name)](
                                                   std::string_view typed, std::string& text) {
                                         const std::uint8_t level = login_level(kind, name, typed);
                                         if (level > 0) {
                                             session->user = name;
                                             session->privilege = level;
                                             tries = 0;
                                             add_banner(running().system.banner_exec);
                                             return;
                                         }
                                         text +=
                                             kind == LoginKind::local ? "% Login invalid\n\n" : "";
                                         if (++tries >= kTries) {
                                             text += "% Bad passwords\n";
                                             closed = true;
                                             return;
                                         }
                                         ask_login(kind);
                                     }};
    }

    /// 0: refused.
    [[nodiscard]] std::uint8_t login_level(LoginKind kind,
                                           std::string_view name,
                                           std::string_view typed) const {
        switch (kind) {
        case LoginKind::none:
            return privilege_before_login;
        case LoginKind::password:
            return password_fits(line().password, typed) ? privilege_before_login : 0;
        case LoginKind::enable:
            return password_fits(enable_password(running().system), typed) ? privilege_before_login
                                                                           : 0;
        case LoginKind::local:
            return check_user(running(), name, typed);
        }
        return 0;
    }

    void enable() {
        if (session->privilege >= 15) {
            return;
        }
        if (enable_password(running().system).empty()) {
            session->privilege = 15;
            return;
        }
        tries = 0;
        ask_enable();
    }

    void ask_enable() {
        session->question = Question{.prompt = "Password: ",
                                     .echo = false,
                                     .answer = [this](std::string_view typed, std::string& text) {
                                         const config::SystemConfig& system = running().system;
                                         if (password_fits(enable_password(system), typed)) {
                                             session->privilege = 15;
                                             return;
                                         }
                                         if (++tries >= kTries) {
                                             text += system.enable_secret.empty()
                                                         ? "% Bad passwords\n\n"
                                                         : "% Bad secrets\n\n";
                                             return;
                                         }
                                         ask_enable();
                                     }};
    }

    // ── errors ──
    /// `column` counts from the beginning of the line as typed.
    void complain(std::string_view prompt_text, const ios::SyntaxError& error, std::size_t column) {
        if (error.message.find("'^'") != std::string::npos) {
            out += std::string(prompt_text.size() + column, ' ') + "^\n";
        }
        out += error.message;
        out += error.kind == ios::SyntaxError::Kind::ambiguous ? "\n" : "\n\n";
    }

    // ── exec ──
    Status run_exec(TimePoint now,
                    WallTime wall,
                    std::string_view line,
                    std::size_t offset,
                    const std::string& prompt_text) {
        const FilteredLine split = split_filter(line);
        filter.reset();
        if (split.has_filter) {
            auto parsed = Filter::parse(split.filter);
            if (!parsed) {
                complain(prompt_text,
                         {.kind = ios::SyntaxError::Kind::invalid,
                          .column = split.filter_column,
                          .message = parsed.error().message},
                         offset + split.filter_column);
                return Status::invalid;
            }
            filter.emplace(std::move(*parsed));
        }
        const ExecLine given = exec_line(split.command);
        auto match = console.commands(session->privilege).match(given.text);
        if (!match) {
            refuse(prompt_text, given, match.error(), offset);
            return Status::invalid;
        }
        match->args.set_negated(given.negated);
        std::string text;
        ios::ExecContext context{.now = now, .wall = wall, .session = session->id, .out = text};
        job = console.row(match->id).run(context, match->args);
        add(text);
        if (job) {
            return Status::running;
        }
        finish_output();
        return carry_out_request();
    }

    void refuse(const std::string& prompt_text,
                const ExecLine& given,
                const ios::SyntaxError& error,
                std::size_t offset) {
        const bool one_word = ios::trimmed(given.text).find(' ') == std::string_view::npos;
        const bool unknown = error.kind == ios::SyntaxError::Kind::invalid ||
                             error.kind == ios::SyntaxError::Kind::unknown;
        if (!config && unknown && one_word && ios::trimmed(given.text).size() > 0 &&
            error.column == given.text.find_first_not_of(' ')) {
            // IOS: a single unknown word might have been the name of a host to log in to.
            out += "% Unknown command or computer name, or unable to find computer address\n";
            return;
        }
        const std::ptrdiff_t column = static_cast<std::ptrdiff_t>(error.column) + given.shift;
        complain(prompt_text,
                 error,
                 offset + static_cast<std::size_t>(std::max<std::ptrdiff_t>(column, 0)));
    }

    void add(std::string_view text) {
        if (filter) {
            filter->feed(text, out);
        } else {
            out += text;
        }
    }

    void finish_output() {
        if (filter) {
            filter->finish(out);
            filter.reset();
        }
    }

    Status carry_out_request() {
        switch (std::exchange(session->request, ShellRequest::none)) {
        case ShellRequest::none:
            break;
        case ShellRequest::enable:
            enable();
            break;
        case ShellRequest::disable:
            session->privilege = 1;
            break;
        case ShellRequest::close:
            closed = true;
            return Status::closed;
        case ShellRequest::configure:
            configure();
            break;
        }
        return Status::done;
    }

    // ── configuration ──
    void configure() {
        if (config) {
            return;
        }
        if (running().dialect == config::Dialect::pix) {
            out +=
                "% A PIX file is read whole: change the file and load it again (SIGHUP, reload)\n";
            return;
        }
        out += session->interactive
                   ? "Enter configuration commands, one per line.  End with CNTL/Z.\n"
                   : "";
        model = running();
        config = std::make_unique<ios::ConfigSession>(model);
    }

    Status run_configuration(TimePoint now, std::string_view line, const std::string& prompt_text) {
        // Another session may have changed the configuration since the last line.
        model = running();
        const auto executed = config->execute(line);
        Status status = Status::done;
        if (!executed) {
            complain(prompt_text, executed.error(), executed.error().column);
            status = Status::invalid;
        } else if (model != running()) {
            console.host().apply(now, model);
        }
        if (config->finished()) {
            config.reset();
            console.host().log().message("SYS",
                                         Severity::notifications,
                                         "CONFIG_I",
                                         "Configured from console by {}",
                                         session->user.empty() ? "console" : session->user);
        }
        return status;
    }

    void remember(std::string_view line) {
        if (session->history_size == 0) {
            return;
        }
        session->history.emplace_back(line);
        while (session->history.size() > session->history_size) {
            session->history.pop_front();
        }
    }

    // ── help ──
    [[nodiscard]] std::vector<ios::Completion> complete_exec(std::string_view line) const {
        const FilteredLine split = split_filter(line);
        std::vector<ios::Completion> found;
        if (split.has_filter) {
            const bool in_word = split.filter.find(' ') == std::string_view::npos &&
                                 (split.filter.empty() || !line.ends_with(' '));
            if (!in_word) {
                return {{"LINE", "Regular Expression"}};
            }
            for (const auto& [word, text] : kFilterWords) {
                if (word.starts_with(split.filter)) {
                    found.push_back({std::string(word), std::string(text)});
                }
            }
            return found;
        }
        const ExecLine given = exec_line(line);
        found = console.commands(session->privilege).complete(given.text);
        const std::string_view typed =
            line.substr(std::min(line.find_first_not_of(' '), line.size()));
        if (session->privilege >= 15 && typed.find(' ') == std::string_view::npos &&
            abbreviates(typed, "undebug", 0)) {
            found.push_back({"undebug", "Disable debugging functions (see also 'debug')"});
        }
        const bool may_filter = std::ranges::any_of(
            found, [](const ios::Completion& next) { return next.word == "<cr>"; });
        if (may_filter && typed.starts_with("sh")) {
            found.insert(std::ranges::find(found, ios::Completion{"<cr>", ""}, &trim_help),
                         {"|", "Output modifiers"});
        }
        return found;
    }

    static ios::Completion trim_help(const ios::Completion& completion) {
        return {completion.word, ""};
    }

    [[nodiscard]] std::vector<ios::Completion> complete(std::string_view line) const {
        if (session->question || closed) {
            return {};
        }
        if (!config) {
            return complete_exec(line);
        }
        if (const std::size_t start = behind_do(line); start != std::string_view::npos) {
            return complete_exec(line.substr(start));
        }
        if (config->wants_text()) {
            return {};
        }
        std::vector<ios::Completion> found = config->complete(line);
        if (std::string_view("do").starts_with(line)) {
            found.push_back({"do", "To run exec commands in config mode"});
            std::ranges::sort(found, {}, &ios::Completion::word);
        }
        return found;
    }
};

Shell::Shell(Console& console, ShellMode start)
    : Shell(console, SessionSpec{.interactive = false, .privileged = start != ShellMode::user}) {
    if (start == ShellMode::configuration && impl_->session != nullptr) {
        impl_->configure();
    }
}

Shell::Shell(Console& console, const SessionSpec& spec)
    : impl_(std::make_unique<Impl>(console, console.open_session(spec))) {
    if (impl_->session == nullptr) {
        impl_->closed = true;
        impl_->out = "% All lines are in use\n";
        return;
    }
    impl_->id = impl_->session->id;
    impl_->open(spec);
}

Shell::~Shell() {
    if (impl_->session != nullptr) {
        impl_->console.close_session(impl_->id);
    }
}

std::string Shell::prompt() const {
    if (impl_->closed) {
        return {};
    }
    const Session& session = *impl_->session;
    if (session.question) {
        return session.question->prompt;
    }
    const std::string& name = impl_->running().system.hostname;
    if (impl_->config) {
        return impl_->config->wants_text() ? std::string{}
                                           : name + impl_->config->prompt_suffix() + "#";
    }
    return name + (session.privilege >= 15 ? "#" : ">");
}

bool Shell::echo() const {
    return impl_->closed || !impl_->session->question || impl_->session->question->echo;
}

bool Shell::is_open() const {
    return !impl_->closed;
}

Shell::Status Shell::execute(TimePoint now, WallTime wall, std::string_view line) {
    Impl& me = *impl_;
    if (me.closed || me.session->cleared) {
        me.closed = true;
        return Status::closed;
    }
    if (me.job) {
        return Status::running;
    }
    me.session->last_input = now;
    if (me.session->question) {
        // The answer may ask the next question.
        const Question question = std::move(*me.session->question);
        me.session->question.reset();
        question.answer(ios::trimmed(line), me.out);
        return me.closed ? Status::closed : me.carry_out_request();
    }
    const std::string prompt_text = prompt();
    if (me.config && me.config->wants_text()) {
        return me.run_configuration(now, line, prompt_text);
    }
    if (line.size() > kMaxLine) {
        me.out += "% Line too long\n";
        return Status::invalid;
    }
    if (line.ends_with('?')) {
        me.out += help(line.substr(0, line.size() - 1));
        return Status::done;
    }
    const bool end = line.ends_with(kCtrlZ);
    const std::string_view command = end ? line.substr(0, line.size() - 1) : line;
    const std::string_view bare = ios::trimmed(command);
    Status status = Status::done;
    if (!bare.empty() && bare.front() != '!') {
        me.remember(bare);
        const std::size_t start = me.config ? behind_do(command) : 0;
        status = start == std::string_view::npos
                     ? me.run_configuration(now, command, prompt_text)
                     : me.run_exec(now, wall, command.substr(start), start, prompt_text);
    }
    if (end && me.config) {
        me.run_configuration(now, "end", prompt_text);
    }
    return status;
}

Shell::Status Shell::poll(TimePoint now, WallTime /*wall*/) {
    Impl& me = *impl_;
    if (me.closed || me.session->cleared) {
        me.closed = true;
        return Status::closed;
    }
    if (me.job) {
        std::string text;
        const auto progress = me.job->poll(now, text);
        me.add(text);
        if (progress == ios::ExecJob::Progress::running) {
            return Status::running;
        }
        me.job.reset();
        me.finish_output();
        me.session->last_input = now;
        return me.carry_out_request();
    }
    if (now >= me.idle_deadline()) {
        me.out += "\n% Session idle: closed by exec-timeout\n";
        me.closed = true;
        return Status::closed;
    }
    return Status::done;
}

TimePoint Shell::next_deadline() const {
    if (impl_->closed) {
        return kNever;
    }
    return impl_->job ? impl_->job->next_deadline() : impl_->idle_deadline();
}

void Shell::interrupt() {
    Impl& me = *impl_;
    if (me.closed) {
        return;
    }
    if (me.job) {
        me.job->interrupt();
    } else if (me.session->question && me.session->privilege > 0) {
        me.session->question.reset();  // a login is not left this way
    }
}

std::string Shell::take_output() {
    Impl& me = *impl_;
    std::string text = std::exchange(me.out, {});
    if (me.session != nullptr) {
        text += std::exchange(me.session->log_lines, {});
        if (const auto lost = std::exchange(me.session->log_lines_lost, 0); lost > 0) {
            text += fmt::format("% {} log lines were not shown\n", lost);
        }
    }
    return text;
}

std::vector<ios::Completion> Shell::complete(std::string_view line) const {
    return impl_->closed ? std::vector<ios::Completion>{} : impl_->complete(line);
}

std::string Shell::help(std::string_view line) const {
    return format_help(
        line, complete(line), impl_->session != nullptr ? impl_->session->width : 80);
}

std::string Shell::tab(std::string_view line) const {
    return tab_text(line, complete(line));
}

unsigned Shell::length() const {
    return impl_->session == nullptr ? 0 : impl_->session->length;
}

void Shell::set_window(unsigned rows, unsigned columns) {
    if (impl_->session == nullptr) {
        return;
    }
    if (!impl_->session->length_set) {
        impl_->session->length = rows;
    }
    impl_->session->width = columns;
}

}  // namespace viaduct::console
