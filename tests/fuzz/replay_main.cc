// Runs a fuzz target without libFuzzer: over the files of its corpus folder, then over inputs made from them and from
// nothing by a seeded generator, so that the ordinary suites (and the sanitizer builds) walk through every target.
//
//     TARGET CORPUS_FOLDER [INPUTS [SEED]]
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "dataplane/base/random.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using viaduct::Bytes;

std::vector<Bytes> read_corpus(const char* folder) {
    std::vector<std::filesystem::path> files;
    if (std::filesystem::is_directory(folder)) {
        for (const auto& entry : std::filesystem::directory_iterator(folder)) {
            files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    std::vector<Bytes> out;
    for (const auto& path : files) {
        std::ifstream file(path, std::ios::binary);
        out.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    return out;
}

/// A corpus file with a few bytes changed, cut off or doubled; or noise where there is no corpus.
Bytes make_input(viaduct::Random& random, const std::vector<Bytes>& corpus) {
    constexpr std::size_t kMost = 512;
    if (corpus.empty() || random.below(8) == 0) {
        return random.bytes(random.below(kMost));
    }
    auto input = corpus[random.below(corpus.size())];
    for (auto changes = random.below(6); changes > 0 && !input.empty(); --changes) {
        const auto at = random.below(input.size());
        switch (random.below(4)) {
        case 0:
            input[at] = static_cast<std::uint8_t>(random.u32());
            break;
        case 1:
            input[at] ^= static_cast<std::uint8_t>(1U << random.below(8));
            break;
        case 2:
            input.resize(at);
            break;
        default:
            input.insert(input.begin() + static_cast<std::ptrdiff_t>(at),
                         static_cast<std::uint8_t>(random.u32()));
            break;
        }
    }
    return input;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        (void)std::fprintf(stderr, "usage: %s CORPUS_FOLDER [INPUTS [SEED]]\n", argv[0]);
        return 2;
    }
    const auto corpus = read_corpus(argv[1]);
    for (const auto& input : corpus) {
        LLVMFuzzerTestOneInput(input.data(), input.size());
    }
    const auto inputs = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 2000UL;
    viaduct::SeededRandom random(argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1);
    for (unsigned long i = 0; i < inputs; ++i) {
        const auto input = make_input(random, corpus);
        LLVMFuzzerTestOneInput(input.data(), input.size());
    }
    (void)std::printf("%zu corpus files and %lu made inputs: no crash\n", corpus.size(), inputs);
    return 0;
}
