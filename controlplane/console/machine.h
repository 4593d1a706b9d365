// What the console takes from the operating system: the time of day, the threads' processor times, a UDP
// socket for syslog.
#pragma once

#include <string_view>
#include <vector>

#include "controlplane/console/console.h"
#include "controlplane/console/file_descriptor.h"
#include "dataplane/base/address.h"
#include "dataplane/base/clock.h"

namespace viaduct::console {

WallTime wall_now();

/// This process's threads, for `show processes`.
std::vector<Process> process_threads();

/// Sends syslog datagrams (RFC 3164) through the machine's own stack; never blocks, losses are losses.
class SyslogSocket {
public:
    SyslogSocket();
    void send(Ipv4Address host, std::string_view datagram) const;

private:
    FileDescriptor fd_;
};

}  // namespace viaduct::console
