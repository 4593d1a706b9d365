// Who may come in: passwords of `enable`, of lines and of local users, held against what was typed.
#pragma once

#include <string_view>

#include "config/model/running_config.h"

namespace viaduct::console {

enum class LoginKind : std::uint8_t {
    none,  // comes in without being asked
    password,  // `login` with the line's password
    local,  // a user name and its password
    enable,  // the enable password
};

/// How `line con 0` (or another line) lets people in.
LoginKind login_kind(const config::RunningConfig& config, const config::LineConfig& line);

/// The line, or the defaults if it is not in the configuration.
config::LineConfig line_config(const config::RunningConfig& config, config::LineConfig::Kind kind);

/// Plain text, type 7, and the hashes of types 5, 8 and 9. Constant time in the password.
bool password_fits(const config::Password& stored, std::string_view typed);

/// The user's privilege level, or 0 if name and password do not fit.
std::uint8_t check_user(const config::RunningConfig& config,
                        std::string_view name,
                        std::string_view typed);

/// The secret if there is one, else the password.
const config::Password& enable_password(const config::SystemConfig& system);

}  // namespace viaduct::console
