#include "controlplane/console/console.h"

#include <utility>

#include "dataplane/base/check.h"

namespace viaduct::console {

namespace {

void append(ios::ExecRows& all, ios::ExecRows rows) {
    for (ios::ExecRow& row : rows) {
        all.push_back(std::move(row));
    }
}

}  // namespace

Console::Console() {
    book_.set_display([this](std::string_view line, bool console, bool monitor) {
        for (const auto& [id, session] : sessions_) {
            const bool wanted = (console && session->interactive) || (monitor && session->monitor);
            if (!wanted) {
                continue;
            }
            if (session->log_lines.size() + line.size() > kMaxWaitingLog) {
                ++session->log_lines_lost;
                continue;
            }
            session->log_lines += line;
        }
    });
}

Console::~Console() = default;

void Console::attach(std::unique_ptr<Host> host) {
    host_ = std::move(host);
    sessions_told_ = 0;
    tell_sessions();
    build_commands();
}

void Console::build_commands() {
    own_rows_ = shell_rows(*this);
    append(own_rows_, system_rows(*this));
    append(own_rows_, startup_rows(*this));
    append(own_rows_, debug_rows(*this));
    rows_.clear();
    commands_ = {};
    for (const ios::ExecRow& row : host_->exec_rows()) {
        rows_.push_back(&row);
    }
    for (const ios::ExecRow& row : own_rows_) {
        rows_.push_back(&row);
    }
    add_commands(0);
    absent_rows_ = absent_rows(*this, commands_[1]);
    const std::size_t first = rows_.size();
    for (const ios::ExecRow& row : absent_rows_) {
        rows_.push_back(&row);
    }
    add_commands(first);
}

void Console::add_commands(std::size_t first) {
    for (std::size_t id = first; id < rows_.size(); ++id) {
        const ios::ExecRow& row = *rows_[id];
        if (row.privilege <= 1) {
            commands_[0].add(id, row.pattern, row.help);
        }
        commands_[1].add(id, row.pattern, row.help);
    }
}

void Console::on_clock(TimePoint now, WallTime wall) {
    now_ = now;
    wall_ = wall;
    tell_sessions();
}

void Console::on_message(const LogMessage& message) {
    // Before attach() the router is being built: its messages are stamped by the defaults.
    static const config::SystemConfig kDefaults;
    const config::SystemConfig& system = host_ ? host_->running().system : kDefaults;
    const Duration uptime = host_ ? now_ - host_->started_at() : Duration{};
    events_.add(message, system.logging.events, wall_, system.clock_offset_min);
    book_.add(message, system, wall_, uptime);
}

Host& Console::host() {
    VIADUCT_CHECK(host_ != nullptr);
    return *host_;
}

const Host& Console::host() const {
    VIADUCT_CHECK(host_ != nullptr);
    return *host_;
}

Session* Console::open_session(const SessionSpec& spec) {
    if (sessions_.size() >= kMaxSessions) {
        return nullptr;
    }
    auto session = std::make_unique<Session>();
    session->id = next_session_++;
    session->interactive = spec.interactive;
    session->privilege = spec.privileged ? 15 : 1;
    session->length = spec.interactive ? spec.length : 0;
    session->width = spec.width;
    session->opened = now_;
    session->last_input = now_;
    Session* const raw = session.get();
    sessions_.emplace(raw->id, std::move(session));
    tell_sessions();
    return raw;
}

void Console::close_session(std::uint32_t id) {
    sessions_.erase(id);  // the router may be gone by now: it is told by on_clock()
}

void Console::tell_sessions() {
    if (host_ && sessions_told_ != sessions_.size()) {
        sessions_told_ = sessions_.size();
        host_->on_sessions(sessions_told_);
    }
}

Session* Console::session(std::uint32_t id) {
    const auto found = sessions_.find(id);
    return found == sessions_.end() ? nullptr : found->second.get();
}

std::vector<Process> Console::processes() const {
    if (processes_) {
        return processes_();
    }
    std::vector<Process> names{{.id = 1, .name = "control"}};
    for (unsigned i = 0; i < host().workers(); ++i) {
        names.push_back({.id = i + 2, .name = "worker " + std::to_string(i)});
    }
    return names;
}

const ios::CommandSet& Console::commands(std::uint8_t privilege) const {
    return commands_[privilege >= 15 ? 1 : 0];
}

}  // namespace viaduct::console
