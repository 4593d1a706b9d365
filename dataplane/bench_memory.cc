#include "dataplane/bench_memory.h"

#include <cstdio>
#include <malloc.h>
#include <unistd.h>

#include "dataplane/base/random.h"
#include "dataplane/bench_nat.h"
#include "dataplane/plane.h"

namespace viaduct::dataplane {

namespace {

/// Memory that was freed and not given back must not pay for what comes now.
std::uint64_t before() {
    (void)malloc_trim(0);
    return resident_memory();
}

SaParameters sa_of(std::uint32_t i, crypto::Cipher cipher, crypto::Auth auth, Random& random) {
    SaParameters p;
    p.local = Ipv4Address{192, 0, 2, 1};
    p.remote = Ipv4Address{0x0B000000U + i};
    p.cipher = cipher;
    p.auth = auth;
    p.cipher_key = Secret(random.bytes(info(cipher).key_bytes + info(cipher).salt_bytes));
    p.auth_key = Secret(random.bytes(info(auth).key_bytes));
    p.interface = IfIndex{1};
    return p;
}

Result<MemoryRow> measure_sas(const char* what,
                              std::uint32_t count,
                              crypto::Cipher cipher,
                              crypto::Auth auth) {
    SeededRandom random{1};
    PlaneOptions o;
    o.max_sas = count + 16;
    Plane plane{o};
    // The cipher engine is the process's, not the SAs'.
    if (auto first = plane.install_outbound(sa_of(0, cipher, auth, random)); !first) {
        return tl::unexpected(first.error());
    }
    const auto start = before();
    for (std::uint32_t i = 0; i < count; i += 2) {
        auto p = sa_of(i, cipher, auth, random);
        if (auto out = plane.install_outbound(p); !out) {
            return tl::unexpected(out.error());
        }
        const auto reserved = plane.reserve_inbound();
        if (!reserved) {
            return failure("the SA table is full");
        }
        p.spi = reserved->spi;
        if (auto in = plane.install_inbound(reserved->index, p); !in) {
            return tl::unexpected(in.error());
        }
    }
    return MemoryRow{what, count, resident_memory() - start};
}

MemoryRow measure_routes(std::uint32_t count) {
    Plane plane{PlaneOptions{}};
    NextHop n;
    n.kind = NextHop::Kind::ethernet;
    n.interface = IfIndex{1};
    const auto hop = plane.add_next_hop(n);
    const auto start = before();
    for (std::uint32_t i = 0; i < count; ++i) {
        // Scattered and 18 to 25 bits long, as a full table's are.
        const std::uint32_t address = 0x01000000U + i * 0x9E3779B1U % 0xDE000000U;
        plane.set_route(Ipv4Prefix{Ipv4Address{address}, 18 + i % 8}, hop);
    }
    plane.commit_routes();
    plane.reclaim();
    return {"routes", count, resident_memory() - start};
}

}  // namespace

std::uint64_t resident_memory() {
    std::uint64_t pages = 0;
    if (auto* file = std::fopen("/proc/self/statm", "r"); file != nullptr) {
        if (std::fscanf(file, "%*u %lu", &pages) != 1) {
            pages = 0;
        }
        (void)std::fclose(file);
    }
    return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

Result<std::vector<MemoryRow>> run_memory_bench(const MemoryBenchOptions& options) {
    std::vector<MemoryRow> rows;
    for (const auto& [what, cipher, auth] :
         {std::tuple{"SAs, AES-128-GCM", crypto::Cipher::aes_gcm_128, crypto::Auth::none},
          std::tuple{"SAs, AES-128-CBC + SHA-1",
                     crypto::Cipher::aes_cbc_128,
                     crypto::Auth::hmac_sha1_96}}) {
        auto row = measure_sas(what, options.sas, cipher, auth);
        if (!row) {
            return tl::unexpected(row.error());
        }
        rows.push_back(std::move(*row));
    }
    rows.push_back(measure_routes(10000));
    rows.push_back(measure_routes(options.routes));
    NatBenchOptions nat;
    nat.time = options.time;
    nat.flows = options.sessions;
    nat.seconds = 0.05;
    const auto sessions = run_nat_bench(nat);
    if (!sessions) {
        return tl::unexpected(sessions.error());
    }
    rows.push_back({"NAT sessions",
                    options.sessions,
                    static_cast<std::uint64_t>(sessions->bytes_per_session * options.sessions)});
    return rows;
}

}  // namespace viaduct::dataplane
