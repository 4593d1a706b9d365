// Writes one link's frames to a pcap file (the classic format with nanoseconds), stamped with the lab's
// calendar time. The same frames at the same times give the same bytes.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

#include "dataplane/base/bytes.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/result.h"

namespace viaduct::lab {

class PcapWriter {
public:
    /// Fails with the system's reason when the file cannot be written.
    static Result<std::unique_ptr<PcapWriter>> create(const std::string& path);

    void write(WallTime when, BytesView frame);
    void flush();

private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };

    explicit PcapWriter(std::FILE* file) : file_(file) {}

    std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace viaduct::lab
