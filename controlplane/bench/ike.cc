#include "controlplane/bench/ike.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "config/ios/parser.h"
#include "controlplane/ike/core.h"
#include "controlplane/ike/engine.h"
#include "crypto/offload.h"
#include "crypto/primitives.h"

namespace viaduct::bench {

namespace {

using ike::Endpoint;

constexpr Ipv4Address kResponder{10, 0, 0, 1};
constexpr std::uint32_t kFirstPeer = 0x0A010000;  // 10.1.0.0
constexpr Duration kWarmUp = 200ms;
constexpr L4Port kPort{500};
constexpr std::string_view kOutsideInterface = "FastEthernet0/0";
constexpr IfIndex kOutsideIndex{1};

// ── what both ends are told to be ───────────────────────────────────────────────────────────────

std::string policy_text(crypto::DhGroup group) {
    return fmt::format(
        "crypto isakmp policy 10\n encr aes\n hash sha\n authentication pre-share\n group {}\n"
        "crypto ipsec transform-set ts esp-aes esp-sha-hmac\n",
        static_cast<unsigned>(group));
}

std::string responder_text(const IkeBenchOptions& options) {
    auto text = policy_text(options.group);
    if (options.kind == IkeBenchOptions::Kind::site) {
        text +=
            "crypto isakmp key cisco123 address 0.0.0.0 0.0.0.0\n"
            "crypto dynamic-map dyn 10\n set transform-set ts\n";
    } else {
        text +=
            "aaa new-model\naaa authentication login users local\n"
            "aaa authorization network groups local\nusername someone password secret\n"
            "crypto isakmp client configuration group staff\n key cisco321\n pool clients\n"
            "crypto isakmp profile clients\n match identity group staff\n"
            " client authentication list users\n isakmp authorization list groups\n"
            " client configuration address respond\n"
            "crypto dynamic-map dyn 10\n set transform-set ts\n set isakmp-profile clients\n"
            "ip local pool clients 10.128.0.1 10.129.255.254\n";
    }
    return text +
           "crypto map vpn 10 ipsec-isakmp dynamic dyn\n"
           "interface FastEthernet0/0\n ip address 10.0.0.1 255.0.0.0\n crypto map vpn\n";
}

std::string initiator_text(const IkeBenchOptions& options) {
    auto text = policy_text(options.group);
    if (options.kind == IkeBenchOptions::Kind::site) {
        return text +
               "crypto isakmp key cisco123 address 10.0.0.1\n"
               "crypto map vpn 10 ipsec-isakmp\n set peer 10.0.0.1\n set transform-set ts\n"
               " match address 101\naccess-list 101 permit ip any any\n"
               "interface FastEthernet0/0\n ip address 10.1.0.1 255.0.0.0\n crypto map vpn\n";
    }
    return text +
           "crypto ipsec client ezvpn hub\n connect auto\n group staff key cisco321\n"
           " mode client\n peer 10.0.0.1\n username someone password secret\n"
           "interface FastEthernet0/0\n ip address 10.1.0.1 255.0.0.0\n"
           " crypto ipsec client ezvpn hub\n";
}

Result<config::RunningConfig> loaded(const std::string& text) {
    auto result = ios::load(text, "bench");
    if (!result.ok()) {
        return failure("the benchmark's configuration does not load: " +
                       ios::problem_text(result.problems.front()));
    }
    return std::move(result.config);
}

// ── one end: a thread, its letter-box and its pool ──────────────────────────────────────────────

struct Datagram {
    Endpoint from;
    Endpoint to;
    Bytes payload;
};

/// What another thread puts in; the end sleeps on it.
class LetterBox {
public:
    void post(std::vector<Datagram>& letters) {
        {
            const std::lock_guard lock(mutex_);
            std::move(letters.begin(), letters.end(), std::back_inserter(letters_));
        }
        letters.clear();
        there_is_.notify_one();
    }

    void ring() {
        {
            const std::lock_guard lock(mutex_);
            rung_ = true;
        }
        there_is_.notify_one();
    }

    std::vector<Datagram> wait() {
        std::unique_lock lock(mutex_);
        there_is_.wait_for(lock, 10ms, [this] { return rung_ || !letters_.empty(); });
        rung_ = false;
        return std::exchange(letters_, {});
    }

private:
    std::mutex mutex_;
    std::condition_variable there_is_;
    std::vector<Datagram> letters_;
    bool rung_ = false;
};

class Silence final : public LogSink {
public:
    void on_message(const LogMessage& /*message*/) override {}
};

/// SA table and counters of nobody's dataplane.
class NoDataplane final : public ike::SpiSource, public ike::SaUsageSource {
public:
    explicit NoDataplane(Random& random) : random_(random) {}

    std::optional<Reservation> reserve() override {
        return Reservation{SaIndex{next_++}, Spi{random_.u32() | 0x10000000U}};
    }

    void release(SaIndex /*index*/) override {}

    [[nodiscard]] ike::SaUsage usage(ike::ChildId /*child*/) const override { return {}; }

private:
    Random& random_;
    std::uint32_t next_ = 1;
};

/// The halves of one pair, for the comparison at the end. Keyed by the responder's inbound SPI.
struct PairKeys {
    Spi in;
    Spi out;
    Bytes keys_in;
    Bytes keys_out;
};

Bytes joined(const ike::ChildKeys& keys) {
    Bytes out(keys.cipher_key.view().begin(), keys.cipher_key.view().end());
    out.insert(out.end(), keys.auth_key.view().begin(), keys.auth_key.view().end());
    return out;
}

/// Collects both halves of a pair; true when the second is there.
class Pairs {
public:
    void add(const ike::InstallInbound& half) {
        auto& pair = begun_[half.child.id];
        pair.in = half.spi;
        pair.keys_in = joined(half.keys);
    }

    const PairKeys& finish(const ike::InstallOutbound& half) {
        auto pair = std::move(begun_[half.child.id]);
        begun_.erase(half.child.id);
        pair.out = half.spi;
        pair.keys_out = joined(half.keys);
        done.push_back(std::move(pair));
        return done.back();
    }

    std::vector<PairKeys> done;

private:
    std::unordered_map<ike::ChildId, PairKeys> begun_;
};

std::chrono::nanoseconds cpu_of(std::thread& thread) {
    clockid_t clock{};
    timespec used{};
    if (pthread_getcpuclockid(thread.native_handle(), &clock) != 0 ||
        clock_gettime(clock, &used) != 0) {
        return {};
    }
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

void pin(std::optional<int> core) {
    if (core) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(*core, &set);
        (void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
    }
}

/// The cores that this process may use.
std::vector<int> cores() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::vector<int> out;
    if (sched_getaffinity(0, sizeof(set), &set) == 0) {
        for (int core = 0; core < CPU_SETSIZE; ++core) {
            if (CPU_ISSET(core, &set)) {
                out.push_back(core);
            }
        }
    }
    return out;
}

/// What both kinds of end have. `turn` is called on the end's own thread.
class End {
public:
    explicit End(TimePoint (*now)()) : now_(now) {}

    End(const End&) = delete;
    End& operator=(const End&) = delete;
    End(End&&) = delete;
    End& operator=(End&&) = delete;

    virtual ~End() = default;

    void start(std::optional<int> core, unsigned n_threads, LetterBox& other) {
        other_ = &other;
        thread_ = std::thread([this, core, n_threads] {
            pin(core);  // its pool inherits it
            pool_ = std::make_unique<crypto::ThreadOffload>(n_threads, [this] { box.ring(); });
            begin();
            ready_.store(true);
            ready_.notify_one();
            while (!stopping_.load()) {
                auto letters = box.wait();
                turn(letters);
                if (!out_.empty()) {
                    other_->post(out_);
                }
            }
        });
        ready_.wait(false);
    }

    void stop() {
        stopping_.store(true);
        box.ring();
        if (thread_.joinable()) {
            thread_.join();
        }
    }

    [[nodiscard]] std::chrono::nanoseconds control_cpu() { return cpu_of(thread_); }

    [[nodiscard]] std::chrono::nanoseconds pool_cpu() const { return pool_->cpu_time(); }

    LetterBox box;
    std::atomic<std::uint64_t> completed{0};
    Pairs pairs;  // read by others after stop()

protected:
    virtual void begin() = 0;
    virtual void turn(std::vector<Datagram>& letters) = 0;

    void send(const ike::SendPacket& packet) {
        out_.push_back({packet.local, packet.remote, packet.payload});
    }

    crypto::Offload& pool() { return *pool_; }

    TimePoint (*const now_)();
    crypto::SystemRandom random_;
    Silence silence_;
    Log log_{silence_};
    NoDataplane dataplane_{random_};

private:
    std::unique_ptr<crypto::ThreadOffload> pool_;
    LetterBox* other_ = nullptr;
    std::vector<Datagram> out_;
    std::atomic<bool> ready_{false};
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

ike::LocalInterface interface_of(Ipv4Address address, const std::string& map) {
    ike::LocalInterface interface;
    interface.index = kOutsideIndex;
    interface.name = *config::InterfaceName::parse(kOutsideInterface);
    interface.address = address;
    interface.up = true;
    interface.crypto_map = map;
    return interface;
}

// ── the responder ───────────────────────────────────────────────────────────────────────────────

class Responder final : public End {
public:
    Responder(config::RunningConfig config, TimePoint (*now)())
        : End(now), config_(std::move(config)) {}

    Responder(const Responder&) = delete;
    Responder& operator=(const Responder&) = delete;
    Responder(Responder&&) = delete;
    Responder& operator=(Responder&&) = delete;

    ~Responder() override { stop(); }

    /// After stop().
    [[nodiscard]] std::uint64_t failed() const {
        const auto& counters = engine_->state().counters;
        return counters.of(ike::Counter::phase1_failed) +
               counters.of(ike::Counter::aggressive_rate_limit) +
               counters.of(ike::Counter::half_open_limit);
    }

protected:
    void begin() override {
        engine_ = std::make_unique<ike::Engine>(random_, log_, pool(), dataplane_, dataplane_);
        engine_->configure(now_(), config_, {interface_of(kResponder, "vpn")});
    }

    void turn(std::vector<Datagram>& letters) override {
        const auto now = now_();
        for (const auto& letter : letters) {
            engine_->on_packet(now, {kOutsideIndex, letter.to, letter.from, letter.payload});
        }
        for (auto& result : pool().take_done()) {
            engine_->on_offload(now, std::move(result));
        }
        if (engine_->next_deadline() <= now) {
            engine_->on_time(now);
        }
        for (auto actions = engine_->take_actions(); !actions.empty();
             actions = engine_->take_actions()) {
            for (const auto& action : actions) {
                apply(now, action);
            }
        }
    }

private:
    void apply(TimePoint now, const ike::Action& action) {
        if (const auto* packet = std::get_if<ike::SendPacket>(&action)) {
            send(*packet);
        } else if (const auto* in = std::get_if<ike::InstallInbound>(&action)) {
            pairs.add(*in);
        } else if (const auto* out = std::get_if<ike::InstallOutbound>(&action)) {
            pairs.finish(*out);
            completed.fetch_add(1);
        } else if (const auto* login = std::get_if<ike::AuthenticateUser>(&action)) {
            const auto user = config_.system.users.find(login->user);
            ike::AuthenticationResult result;
            result.accepted =
                user != config_.system.users.end() &&
                crypto::equal_constant_time(login->password.view(),
                                            as_bytes(std::string_view(user->second.password.text)));
            engine_->on_authentication(now, login->request, result);
        }
    }

    config::RunningConfig config_;
    std::unique_ptr<ike::Engine> engine_;
};

// ── the initiators ──────────────────────────────────────────────────────────────────────────────

/// One engine's share of the pool: job numbers are each engine's own.
class SharedPool final : public crypto::Offload {
public:
    struct Owner {
        std::uint64_t peer = 0;
        std::uint64_t job = 0;
    };

    using Owners = std::unordered_map<std::uint64_t, Owner>;

    SharedPool(crypto::Offload& pool, Owners& owners, std::uint64_t& last, std::uint64_t peer)
        : pool_(pool), owners_(owners), last_(last), peer_(peer) {}

    void submit(crypto::Job job) override {
        const auto id = ++last_;
        std::visit(
            [&](auto& one) {
                owners_.emplace(id, Owner{peer_, one.id});
                one.id = id;
            },
            job);
        pool_.submit(std::move(job));
    }

    std::vector<crypto::JobResult> take_done() override { return {}; }

    [[nodiscard]] std::size_t pending() const override { return 0; }

private:
    crypto::Offload& pool_;
    Owners& owners_;
    std::uint64_t& last_;
    std::uint64_t peer_;
};

class Initiators final : public End {
public:
    Initiators(config::RunningConfig config, IkeBenchOptions options)
        : End(options.time.now), config_(std::move(config)), options_(options) {}

    Initiators(const Initiators&) = delete;
    Initiators& operator=(const Initiators&) = delete;
    Initiators(Initiators&&) = delete;
    Initiators& operator=(Initiators&&) = delete;

    ~Initiators() override { stop(); }

protected:
    void begin() override { call_many((options_.parallel + 1) / 2); }

    void turn(std::vector<Datagram>& letters) override {
        const auto now = now_();
        for (const auto& letter : letters) {
            if (const auto it = peers_.find(letter.to.address); it != peers_.end()) {
                it->second->engine->on_packet(
                    now, {kOutsideIndex, letter.to, letter.from, letter.payload});
                touched_.push_back(letter.to.address);
            }
        }
        for (auto& result : pool().take_done()) {
            const auto owner = owners_.extract(crypto::id_of(result)).mapped();
            const Ipv4Address address(static_cast<std::uint32_t>(owner.peer));
            if (const auto it = peers_.find(address); it != peers_.end()) {
                std::visit([&](auto& one) { one.id = owner.job; }, result);
                it->second->engine->on_offload(now, std::move(result));
                touched_.push_back(address);
            }
        }
        for (const auto address : std::exchange(touched_, {})) {
            settle(now, address);
        }
        // The other half a step later: else all would be at one end, then all at the other.
        if (!letters.empty() && n_called_ < options_.parallel) {
            call_many(options_.parallel - n_called_);
        }
    }

private:
    void call_many(unsigned peers) {
        for (unsigned i = 0; i < peers; ++i) {
            call(now_());
        }
    }

    struct Peer {
        Peer(Initiators& all, Ipv4Address address)
            : pool(all.pool(), all.owners_, all.last_job_, address.value()),
              engine(std::make_unique<ike::Engine>(
                  all.random_, all.log_, pool, all.dataplane_, all.dataplane_)) {}

        SharedPool pool;
        std::unique_ptr<ike::Engine> engine;
        Pairs pairs;
    };

    /// A peer that nobody has seen yet begins.
    void call(TimePoint now) {
        const Ipv4Address address(kFirstPeer + ++n_called_);
        auto& peer = *peers_.emplace(address, std::make_unique<Peer>(*this, address)).first->second;
        const bool site = options_.kind == IkeBenchOptions::Kind::site;
        peer.engine->configure(now, config_, {interface_of(address, site ? "vpn" : "")});
        if (site) {
            constexpr Ipv4Address kHost{0xFFFFFFFFU};
            ike::Acquire acquire;
            acquire.policy.interface = kOutsideIndex;
            acquire.policy.crypto_map = "vpn";
            acquire.policy.sequence = 10;
            acquire.local = address;
            acquire.peers = {kResponder};
            acquire.proxies.local = {address, kHost, std::nullopt, 0};
            acquire.proxies.remote = {Ipv4Address(192, 168, 0, 0), mask_of(16), std::nullopt, 0};
            peer.engine->on_acquire(now, acquire);
        }
        settle(now, address);
    }

    /// Does what the peer's engine wants; a peer that is done makes room for the next.
    void settle(TimePoint now, Ipv4Address address) {
        const auto it = peers_.find(address);
        if (it == peers_.end()) {
            return;
        }
        auto& peer = *it->second;
        bool done = false;
        for (const auto& action : peer.engine->take_actions()) {
            if (const auto* packet = std::get_if<ike::SendPacket>(&action)) {
                send(*packet);
            } else if (const auto* in = std::get_if<ike::InstallInbound>(&action)) {
                peer.pairs.add(*in);
            } else if (const auto* out = std::get_if<ike::InstallOutbound>(&action)) {
                pairs.done.push_back(peer.pairs.finish(*out));
                done = true;
            }
        }
        if (done) {
            completed.fetch_add(1);
            peers_.erase(it);
            call(now);
        }
    }

    config::RunningConfig config_;
    IkeBenchOptions options_;
    std::unordered_map<Ipv4Address, std::unique_ptr<Peer>> peers_;
    SharedPool::Owners owners_;
    std::uint64_t last_job_ = 0;
    std::uint32_t n_called_ = 0;
    std::vector<Ipv4Address> touched_;
};

/// How many of the responder's pairs the initiators have with the same keys. Error: keys that differ.
Result<std::uint64_t> compare(const std::vector<PairKeys>& own, const std::vector<PairKeys>& peer) {
    std::unordered_map<Spi, const PairKeys*> by_out;
    for (const auto& pair : peer) {
        by_out.emplace(pair.out, &pair);
    }
    std::uint64_t same = 0;
    for (const auto& pair : own) {
        const auto it = by_out.find(pair.in);
        if (it == by_out.end() || it->second->in != pair.out) {
            continue;
        }
        if (it->second->keys_in != pair.keys_out || it->second->keys_out != pair.keys_in ||
            pair.keys_in.empty() || pair.keys_in == pair.keys_out) {
            return failure("the two ends of a pair of SAs have different keys");
        }
        ++same;
    }
    return same;
}

double milliseconds(std::chrono::nanoseconds time) {
    return std::chrono::duration<double, std::milli>(time).count();
}

}  // namespace

Result<IkeBenchResult> run_ike_bench(const IkeBenchOptions& options) {
    auto responder_config = loaded(responder_text(options));
    auto initiator_config = loaded(initiator_text(options));
    if (!responder_config || !initiator_config) {
        return failure(
            (responder_config ? initiator_config.error() : responder_config.error()).message);
    }
    const auto usable = cores();
    IkeBenchResult result;
    result.own_cores = usable.size() > 1;
    Responder responder(std::move(*responder_config), options.time.now);
    Initiators initiators(std::move(*initiator_config), options);
    const auto core = [&](bool first) {
        return !result.own_cores ? std::optional<int>()
                                 : std::optional(first ? usable.front() : usable.back());
    };
    responder.start(core(false), options.offload_threads, initiators.box);
    initiators.start(core(true), options.offload_threads, responder.box);

    options.time.pause(kWarmUp);
    const auto start = options.time.now();
    const auto done_before = responder.completed.load();
    const auto control_before = responder.control_cpu();
    const auto pool_before = responder.pool_cpu();
    const auto other_before = initiators.control_cpu() + initiators.pool_cpu();
    options.time.pause(duration_of(options.seconds));
    const auto took = options.time.now() - start;
    const auto done = responder.completed.load() - done_before;
    const auto control = responder.control_cpu() - control_before;
    const auto pool = responder.pool_cpu() - pool_before;
    const auto other = initiators.control_cpu() + initiators.pool_cpu() - other_before;
    initiators.stop();
    responder.stop();

    if (done == 0) {
        return failure("no set-up was completed");
    }
    const auto same = compare(responder.pairs.done, initiators.pairs.done);
    if (!same) {
        return failure(same.error().message);
    }
    const auto n = static_cast<double>(done);
    result.completed = done;
    result.checked = *same;
    result.failed = responder.failed();
    result.per_second = n / std::chrono::duration<double>(took).count();
    result.responder_control_ms = milliseconds(control) / n;
    result.responder_ms = milliseconds(control + pool) / n;
    result.initiator_ms = milliseconds(other) / n;
    return result;
}

}  // namespace viaduct::bench
