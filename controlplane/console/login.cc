#include "controlplane/console/login.h"

#include <cstdint>

#include "config/ios/password.h"
#include "crypto/password_hash.h"
#include "crypto/primitives.h"
#include "dataplane/base/bytes.h"

namespace viaduct::console {

namespace {

bool equal(std::string_view a, std::string_view b) {
    const Bytes left(a.begin(), a.end());
    const Bytes right(b.begin(), b.end());
    return crypto::equal_constant_time(left, right);
}

LoginKind kind_of(const config::AaaMethodList& list) {
    using Method = config::AaaMethodList::Method;
    for (const Method method : list.methods) {
        switch (method) {
        case Method::local:
        case Method::local_case:
            return LoginKind::local;
        case Method::enable:
            return LoginKind::enable;
        case Method::line:
            return LoginKind::password;
        case Method::none:
        case Method::if_authenticated:
            return LoginKind::none;
        case Method::radius:
            break;  // the console asks no server: the next method counts
        }
    }
    return LoginKind::local;
}

}  // namespace

config::LineConfig line_config(const config::RunningConfig& config, config::LineConfig::Kind kind) {
    for (const config::LineConfig& line : config.system.lines) {
        if (line.kind == kind) {
            return line;
        }
    }
    return {.kind = kind};
}

LoginKind login_kind(const config::RunningConfig& config, const config::LineConfig& line) {
    if (config.aaa.new_model) {
        const std::string& name =
            line.login_authentication.empty() ? "default" : line.login_authentication;
        const auto list = config.aaa.login.find(name);
        if (list != config.aaa.login.end()) {
            return kind_of(list->second);
        }
        // IOS: without a list of its own the console line comes in without being asked.
        return LoginKind::none;
    }
    if (line.login_local) {
        return LoginKind::local;
    }
    if (line.login && !line.password.empty()) {
        return LoginKind::password;
    }
    return LoginKind::none;
}

bool password_fits(const config::Password& stored, std::string_view typed) {
    if (stored.empty()) {
        return false;
    }
    if (stored.type != 0 && stored.type != 7) {
        return crypto::secret_fits(stored.type, stored.text, typed);
    }
    const auto plain = ios::plain_text(stored);
    return plain && equal(*plain, typed);
}

std::uint8_t check_user(const config::RunningConfig& config,
                        std::string_view name,
                        std::string_view typed) {
    const auto user = config.system.users.find(std::string(name));
    if (user == config.system.users.end()) {
        return 0;
    }
    return password_fits(user->second.password, typed) ? user->second.privilege : 0;
}

const config::Password& enable_password(const config::SystemConfig& system) {
    return system.enable_secret.empty() ? system.enable_password : system.enable_secret;
}

}  // namespace viaduct::console
