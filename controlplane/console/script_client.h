// Commands of a script over a connected socket: one after the other, plain output.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "controlplane/console/frame.h"
#include "dataplane/base/result.h"

namespace viaduct::console {

/// Writes all of it to a blocking descriptor; false if the other end is gone.
bool write_all(int fd, std::string_view bytes);

class ScriptClient {
public:
    /// `fd`: connected and blocking; the caller owns it.
    explicit ScriptClient(int fd) : fd_(fd) {}

    /// Runs the commands until one ends the session. Outputs go to `write` as they come; an invalid command
    /// is shown with its prompt, so that the caret points somewhere.
    /// 0: all were valid; 1: one was not; an error if the connection broke.
    Result<int> run(std::span<const std::string> commands,
                    const std::function<void(std::string_view)>& write);

private:
    Result<Frame> receive();
    /// Output frames until another frame comes, which is returned; one is held back for the caller.
    Result<Frame> relay(std::string& held, const std::function<void(std::string_view)>& write);

    int fd_;
    FrameReader reader_{kMaxServerPayload};
    std::string prompt_;
};

}  // namespace viaduct::console
