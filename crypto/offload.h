// The slow arithmetic of IKE as jobs: Diffie-Hellman and RSA signatures. Control submits and takes
// results; in the router a small pool of threads does the work between, in labs and tests it is
// done at once, so that virtual time stays deterministic.
//
//     engine ── Job ──▶ Offload ──(pool)──▶ done list ── take_done() ──▶ engine
//
// Every job submitted has exactly one result with its id, also when the queue was full (then the
// result is a failure, at once).
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <variant>
#include <vector>

#include "crypto/dh.h"
#include "crypto/signature.h"

namespace viaduct::crypto {

/// Generates a key pair when `own` is empty; computes the shared secret when `peer_public` is not.
struct DhJob {
    std::uint64_t id = 0;
    DhGroup group = DhGroup::modp1024;
    std::optional<DhKeyPair> own;
    Bytes peer_public;
};

struct DhResult {
    std::uint64_t id = 0;
    DhKeyPair own;  // the job's own, or the fresh one; empty if the queue was full
    Result<Secret> shared;  // empty secret if no peer_public was given
};

struct SignJob {
    std::uint64_t id = 0;
    RsaPrivateKey key;
    Bytes hash;
};

struct SignResult {
    std::uint64_t id = 0;
    Result<Bytes> signature;
};

struct VerifyJob {
    std::uint64_t id = 0;
    RsaPublicKey key;
    Bytes hash;
    Bytes signature;
};

struct VerifyResult {
    std::uint64_t id = 0;
    Result<bool> valid;  // failure only if the queue was full
};

using Job = std::variant<DhJob, SignJob, VerifyJob>;
using JobResult = std::variant<DhResult, SignResult, VerifyResult>;

/// The id of a result, whatever it is.
std::uint64_t id_of(const JobResult& result);

/// Runs one job where it stands.
JobResult run_job(Job&& job, Random& random);

class Offload {
public:
    Offload() = default;
    Offload(const Offload&) = delete;
    Offload& operator=(const Offload&) = delete;
    Offload(Offload&&) = delete;
    Offload& operator=(Offload&&) = delete;
    virtual ~Offload() = default;

    virtual void submit(Job job) = 0;
    /// What is done since the last call, in the order of completion. Control thread only.
    virtual std::vector<JobResult> take_done() = 0;
    /// Jobs submitted whose result has not been taken yet.
    [[nodiscard]] virtual std::size_t pending() const = 0;
};

/// Does the work inside submit(). Deterministic with a SeededRandom.
class InlineOffload final : public Offload {
public:
    explicit InlineOffload(Random& random) : random_(random) {}

    void submit(Job job) override;
    std::vector<JobResult> take_done() override;

    [[nodiscard]] std::size_t pending() const override { return done_.size(); }

private:
    Random& random_;
    std::vector<JobResult> done_;
};

/// A pool of threads with the operating system's randomness. submit(), take_done() and pending() are
/// for one control thread; `wake` is called on a pool thread (or inside submit() when the queue is
/// full) after the done list was empty and no longer is: write to an eventfd there, nothing more.
class ThreadOffload final : public Offload {
public:
    /// `queue_limit`: jobs waiting, not counting those being worked on.
    ThreadOffload(unsigned n_threads, std::function<void()> wake, std::size_t queue_limit = 4096);
    ThreadOffload(const ThreadOffload&) = delete;
    ThreadOffload& operator=(const ThreadOffload&) = delete;
    ThreadOffload(ThreadOffload&&) = delete;
    ThreadOffload& operator=(ThreadOffload&&) = delete;
    /// Waits for the jobs that are being worked on; waiting ones are dropped.
    ~ThreadOffload() override;

    void submit(Job job) override;
    std::vector<JobResult> take_done() override;
    [[nodiscard]] std::size_t pending() const override;
    /// Processor time that the threads of the pool have used so far.
    [[nodiscard]] std::chrono::nanoseconds cpu_time() const;

private:
    void run();
    void deliver(JobResult result);

    const std::function<void()> wake_;
    const std::size_t queue_limit_;
    mutable std::mutex mutex_;  // guards the four below
    std::condition_variable work_;
    std::deque<Job> waiting_;
    std::vector<JobResult> done_;
    std::size_t pending_ = 0;
    bool stopping_ = false;
    std::vector<std::thread> threads_;  // last: they use everything above
};

}  // namespace viaduct::crypto
