// `viaduct check`: what it prints and its exit status, also for the documents' configurations.
#include "controlplane/console/check.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

#include <catch2/catch.hpp>

using viaduct::console::check_files;

namespace {

struct Checked {
    int status = 0;
    std::string out;
    std::string errors;
};

Checked check(const std::vector<std::string>& files) {
    Checked result;
    result.status = check_files(files, result.out, result.errors);
    return result;
}

/// A file of its own, gone with the test.
class TemporaryFile {
public:
    explicit TemporaryFile(const std::string& text) {
        char pattern[] = "/tmp/viaduct-check-XXXXXX";
        const int fd = ::mkstemp(pattern);
        REQUIRE(fd >= 0);
        ::close(fd);
        path = pattern;
        std::ofstream(path) << text;
    }

    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    TemporaryFile(TemporaryFile&&) = delete;
    TemporaryFile& operator=(TemporaryFile&&) = delete;

    ~TemporaryFile() { std::filesystem::remove(path); }

    std::string path;
};

}  // namespace

TEST_CASE("D1 T1 P1: the documents' configurations pass the check as they stand") {
    const char* const root = std::getenv("VIADUCT_SOURCE_ROOT");
    const std::filesystem::path folder = std::filesystem::path(root != nullptr ? root : ".") /
                                         ".." / "shared" / "fixtures" / "configs";
    if (!std::filesystem::exists(folder)) {
        WARN("SKIPPED: the documents' configurations are not there");
        return;
    }
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().filename() != "pix501.cfg") {
            files.push_back(entry.path().string());
        }
    }
    std::ranges::sort(files);
    CHECK(files.size() >= 8);
    for (const std::string& file : files) {
        const Checked checked = check({file});
        INFO(checked.out);
        CHECK(checked.status == 0);
        CHECK(checked.errors.empty());
    }
}

TEST_CASE("A line nobody knows is told with file, line and caret; the status is 1") {
    const TemporaryFile file(
        "hostname R\ninterface FastEthernet0/0\n ip adress 1.1.1.1 255.0.0.0\n");
    const Checked checked = check({file.path});
    CHECK(checked.status == 1);
    CHECK(checked.out.starts_with(file.path + ":3: Invalid input detected at '^' marker."));
    CHECK(checked.out.find(" ip adress 1.1.1.1 255.0.0.0\n") != std::string::npos);
    CHECK(checked.out.find("    ^") != std::string::npos);
    CHECK(checked.out.find(file.path + ": 1 error, 0 warnings, 0 lines without effect\n") !=
          std::string::npos);
}

TEST_CASE("Lines without effect are listed apart and are no error") {
    const TemporaryFile file("hostname R\nip cef\n!\nip subnet-zero\n");
    const Checked checked = check({file.path});
    CHECK(checked.status == 0);
    CHECK(checked.out.find("accepted, without effect on a virtual router:\n") != std::string::npos);
    CHECK(checked.out.find("     2: ip cef\n") != std::string::npos);
}

TEST_CASE(
    "A file that is not there, a folder and a binary are status 2; the rest is still checked") {
    const TemporaryFile good("hostname R\n");
    const TemporaryFile binary(std::string("hostname R\n\0\1\2", 14));
    const Checked checked = check({"/nonexistent.cfg", "/tmp", binary.path, good.path});
    CHECK(checked.status == 2);
    CHECK(checked.errors ==
          "/nonexistent.cfg: cannot be read (No such file or directory)\n"
          "/tmp: cannot be read (Is a directory)\n" +
              binary.path + ":2: not a text file\n");
    CHECK(checked.out == good.path + ": 0 errors, 0 warnings, 0 lines without effect\n");
}
