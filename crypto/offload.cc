#include "crypto/offload.h"

#include <algorithm>
#include <ctime>
#include <pthread.h>
#include <utility>

#include "crypto/primitives.h"
#include "dataplane/base/check.h"

namespace viaduct::crypto {

namespace {

template <typename... Fs>
struct Overloaded : Fs... {
    using Fs::operator()...;
};

template <typename... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

DhResult run_dh(DhJob&& job, Random& random) {
    auto own = job.own ? std::move(*job.own) : dh_generate(job.group, random);
    Result<Secret> shared = Secret{};
    if (!job.peer_public.empty()) {
        shared = dh_shared(job.group, own, job.peer_public);
    }
    return {job.id, std::move(own), std::move(shared)};
}

JobResult refuse(Job&& job) {
    const auto why = failure("too many crypto jobs waiting");
    return std::visit(
        Overloaded{[&](DhJob& j) -> JobResult { return DhResult{j.id, {}, why}; },
                   [&](SignJob& j) -> JobResult { return SignResult{j.id, why}; },
                   [&](VerifyJob& j) -> JobResult { return VerifyResult{j.id, why}; }},
        job);
}

}  // namespace

std::uint64_t id_of(const JobResult& result) {
    return std::visit([](const auto& r) { return r.id; }, result);
}

JobResult run_job(Job&& job, Random& random) {
    return std::visit(
        Overloaded{[&](DhJob& j) -> JobResult { return run_dh(std::move(j), random); },
                   [&](SignJob& j) -> JobResult { return SignResult{j.id, j.key.sign(j.hash)}; },
                   [&](VerifyJob& j) -> JobResult {
                       return VerifyResult{j.id, j.key.verify(j.hash, j.signature)};
                   }},
        job);
}

void InlineOffload::submit(Job job) {
    done_.push_back(run_job(std::move(job), random_));
}

std::vector<JobResult> InlineOffload::take_done() {
    return std::exchange(done_, {});
}

ThreadOffload::ThreadOffload(unsigned n_threads,
                             std::function<void()> wake,
                             std::size_t queue_limit)
    : wake_(std::move(wake)), queue_limit_(queue_limit) {
    VIADUCT_CHECK(n_threads > 0);
    for (unsigned i = 0; i < n_threads; ++i) {
        threads_.emplace_back([this] { run(); });
    }
}

ThreadOffload::~ThreadOffload() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
    }
    work_.notify_all();
    for (auto& thread : threads_) {
        thread.join();
    }
}

void ThreadOffload::submit(Job job) {
    {
        const std::lock_guard lock{mutex_};
        ++pending_;
        if (waiting_.size() < queue_limit_) {
            waiting_.push_back(std::move(job));
            work_.notify_one();
            return;
        }
    }
    deliver(refuse(std::move(job)));
}

std::vector<JobResult> ThreadOffload::take_done() {
    const std::lock_guard lock{mutex_};
    pending_ -= done_.size();
    return std::exchange(done_, {});
}

std::size_t ThreadOffload::pending() const {
    const std::lock_guard lock{mutex_};
    return pending_;
}

std::chrono::nanoseconds ThreadOffload::cpu_time() const {
    std::chrono::nanoseconds sum{};
    for (const auto& thread : threads_) {
        // A pthread_t is what std::thread has here.
        auto handle = const_cast<std::thread&>(thread).native_handle();
        clockid_t clock{};
        timespec used{};
        if (pthread_getcpuclockid(handle, &clock) == 0 && clock_gettime(clock, &used) == 0) {
            sum += std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
        }
    }
    return sum;
}

void ThreadOffload::deliver(JobResult result) {
    bool was_empty = false;
    {
        const std::lock_guard lock{mutex_};
        was_empty = done_.empty();
        done_.push_back(std::move(result));
    }
    if (was_empty && wake_) {
        wake_();
    }
}

void ThreadOffload::run() {
    SystemRandom random;
    std::unique_lock lock{mutex_};
    while (true) {
        work_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
        if (stopping_) {
            return;
        }
        auto job = std::move(waiting_.front());
        waiting_.pop_front();
        lock.unlock();
        deliver(run_job(std::move(job), random));
        lock.lock();
    }
}

}  // namespace viaduct::crypto
