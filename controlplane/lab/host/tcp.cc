#include "controlplane/lab/host/tcp.h"

#include <algorithm>

namespace viaduct::lab {

namespace {

constexpr std::uint16_t kHeaders = 40;
constexpr std::uint16_t kDefaultMss = 536;  // RFC 9293: "assume a default send MSS of 536"

/// a is before b on the circle of sequence numbers.
bool before(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::int32_t>(a - b) < 0;
}

}  // namespace

TcpConnection::TcpConnection(const TcpEndpoints& endpoints,
                             std::uint16_t mtu,
                             std::uint32_t initial_sequence)
    : endpoints_(endpoints),
      offered_mss_(static_cast<std::uint16_t>(mtu - kHeaders)),
      mss_(offered_mss_),
      initial_(initial_sequence) {}

void TcpConnection::set_state(State state, Failure failure) {
    state_ = state;
    if (state == State::closed) {
        failure_ = failure;
        deadline_ = kNever;
    }
}

void TcpConnection::connect(TimePoint now) {
    set_state(State::syn_sent);
    TcpView syn;
    syn.sequence = initial_;
    syn.syn = true;
    syn.mss = offered_mss_;
    emit(syn);
    tries_ = 1;
    timed_at_ = now;
    deadline_ = now + timeout_;
}

void TcpConnection::accept(TimePoint now, const TcpView& syn) {
    remote_initial_ = syn.sequence;
    next_ = syn.sequence + 1;
    mss_ = std::min(offered_mss_, syn.mss.value_or(kDefaultMss));
    window_ = syn.window;
    set_state(State::syn_received);
    TcpView reply;
    reply.sequence = initial_;
    reply.syn = true;
    reply.ack = true;
    reply.mss = offered_mss_;
    emit(reply);
    tries_ = 1;
    timed_at_ = now;
    deadline_ = now + timeout_;
}

void TcpConnection::send(TimePoint now, TcpSource source, std::uint64_t total) {
    source_ = std::move(source);
    total_ = total;
    closing_ = true;
    if (state_ == State::established) {
        set_state(State::fin_wait);
    } else if (state_ == State::close_wait) {
        set_state(State::last_ack);
    }
    fill_window(now);
}

void TcpConnection::abort() {
    if (state_ == State::closed) {
        return;
    }
    TcpView reset;
    reset.sequence = sequence_of(sent_);
    reset.reset = true;
    reset.ack = true;
    emit(reset);
    set_state(State::closed, Failure::reset);
}

void TcpConnection::on_segment(TimePoint now, const TcpView& segment) {
    if (state_ == State::closed) {
        return;
    }
    if (state_ == State::syn_sent || segment.syn) {
        on_synchronise(now, segment);
        return;
    }
    if (segment.reset) {
        // RFC 9293, 3.10.7.4: only an exact match resets; everything else could be a stranger's.
        if (segment.sequence == next_) {
            set_state(State::closed, Failure::reset);
        }
        return;
    }
    if (!segment.ack) {
        return;
    }
    if (state_ == State::syn_received) {
        if (segment.acknowledgement != initial_ + 1) {
            return;
        }
        finish_handshake(now);
    }
    on_ack(now, segment);
    if (state_ != State::closed) {
        on_data(now, segment);
    }
}

void TcpConnection::on_synchronise(TimePoint now, const TcpView& segment) {
    if (state_ != State::syn_sent) {
        if (state_ == State::syn_received && segment.sequence == remote_initial_) {
            accept(now, segment);  // our SYN-ACK was lost
        } else {
            emit_ack();  // the ACK of our SYN-ACK, or a stranger's SYN (RFC 5961's challenge)
        }
        return;
    }
    if (!segment.ack || segment.acknowledgement != initial_ + 1) {
        return;
    }
    if (segment.reset) {
        set_state(State::closed, Failure::refused);
        return;
    }
    if (!segment.syn) {
        return;
    }
    remote_initial_ = segment.sequence;
    next_ = segment.sequence + 1;
    mss_ = std::min(offered_mss_, segment.mss.value_or(kDefaultMss));
    window_ = segment.window;
    finish_handshake(now);
    emit_ack();
    fill_window(now);
}

void TcpConnection::finish_handshake(TimePoint now) {
    if (tries_ == 1) {
        measure(now);
    }
    tries_ = 0;
    deadline_ = kNever;
    set_state(closing_ ? State::fin_wait : State::established);
}

void TcpConnection::on_ack(TimePoint now, const TcpView& segment) {
    const auto outstanding = static_cast<std::uint32_t>(highest_ - acknowledged_);
    const auto progress = segment.acknowledgement - sequence_of(acknowledged_);
    window_ = segment.window;
    if (progress != 0 && progress <= outstanding) {
        on_new_ack(now, acknowledged_ + progress);
    } else if (progress == 0 && outstanding > 0 && segment.payload.empty() && !segment.fin) {
        ++duplicates_;
        if (duplicates_ == 3 && acknowledged_ >= recovery_) {
            recovery_ = sent_;
            retransmit_first(now);
        }
    }
    fill_window(now);
}

void TcpConnection::on_new_ack(TimePoint now, std::uint64_t position) {
    if (timed_offset_ && position >= *timed_offset_) {
        measure(now);
        timed_offset_.reset();
    }
    acknowledged_ = position;
    sent_ = std::max(sent_, position);
    duplicates_ = 0;
    tries_ = 0;
    if (smoothed_ != Duration{}) {
        timeout_ = std::clamp(smoothed_ + std::max<Duration>(4 * variation_, 10ms),
                              Duration{kShortestTimeout},
                              Duration{kLongestTimeout});
    }
    arm(now);
    // RFC 6582: a partial acknowledgement names the next hole.
    if (acknowledged_ < recovery_) {
        retransmit_first(now);
    }
    if (!all_acknowledged() || !closing_) {
        return;
    }
    if (state_ == State::last_ack) {
        set_state(State::closed);
    } else if (peer_closed_) {
        after_fin(now);
    }
}

void TcpConnection::after_fin(TimePoint now) {
    set_state(State::time_wait);
    deadline_ = now + kTimeWait;
}

void TcpConnection::on_data(TimePoint now, const TcpView& segment) {
    if (segment.payload.empty() && !segment.fin) {
        return;
    }
    const auto distance = segment.sequence - next_;
    if (segment.fin && (!before(segment.sequence, next_) || !segment.payload.empty())) {
        remote_fin_ = segment.sequence + static_cast<std::uint32_t>(segment.payload.size());
    }
    if (before(segment.sequence, next_)) {
        const auto old = next_ - segment.sequence;
        if (old < segment.payload.size()) {
            early_.insert_or_assign(next_ - remote_initial_,
                                    Bytes(segment.payload.begin() + old, segment.payload.end()));
        }
    } else if (distance < kWindow && !segment.payload.empty()) {
        early_.insert_or_assign(segment.sequence - remote_initial_,
                                Bytes(segment.payload.begin(), segment.payload.end()));
    }
    while (!early_.empty()) {
        const auto first = early_.begin();
        const auto sequence = remote_initial_ + first->first;
        if (before(next_, sequence)) {
            break;
        }
        const auto old = next_ - sequence;
        if (old < first->second.size()) {
            received_.insert(received_.end(), first->second.begin() + old, first->second.end());
            next_ += static_cast<std::uint32_t>(first->second.size()) - old;
        }
        early_.erase(first);
    }
    if (remote_fin_ && *remote_fin_ == next_ && !peer_closed_) {
        ++next_;
        peer_closed_ = true;
        if (state_ == State::established) {
            set_state(State::close_wait);
        } else if (state_ == State::fin_wait) {
            if (all_acknowledged()) {
                after_fin(now);
            } else {
                set_state(State::last_ack);
            }
        }
    }
    emit_ack();
}

void TcpConnection::fill_window(TimePoint now) {
    const auto may_send = state_ == State::established || state_ == State::close_wait ||
                          state_ == State::fin_wait || state_ == State::last_ack;
    if (!may_send || !closing_) {
        return;
    }
    const auto idle = sent_ == acknowledged_;
    const auto limit = acknowledged_ + std::max<std::uint32_t>(window_, 1);
    while (sent_ < end() && sent_ < limit) {
        const auto data =
            sent_ < total_ ? std::min({std::uint64_t{mss_}, total_ - sent_, limit - sent_}) : 0;
        emit_data(sent_, static_cast<std::size_t>(data));
        const auto with_fin = sent_ + data == total_;
        sent_ += data + (with_fin ? 1 : 0);
        highest_ = std::max(highest_, sent_);
        if (!timed_offset_ && tries_ == 0) {
            timed_offset_ = sent_;
            timed_at_ = now;
        }
    }
    if (idle && sent_ != acknowledged_) {
        arm(now);
    }
}

void TcpConnection::retransmit_first(TimePoint now) {
    const auto data =
        acknowledged_ < total_ ? std::min(std::uint64_t{mss_}, total_ - acknowledged_) : 0;
    ++retransmitted_;
    timed_offset_.reset();  // Karn: a retransmitted segment is not measured
    emit_data(acknowledged_, static_cast<std::size_t>(data));
    arm(now);
}

void TcpConnection::emit_data(std::uint64_t offset, std::size_t length) {
    Bytes data(length);
    if (length > 0) {
        source_(offset, data);
    }
    TcpView segment;
    segment.sequence = sequence_of(offset);
    segment.ack = true;
    segment.push = length > 0;
    segment.fin = offset + length == total_;
    segment.payload = data;
    emit(segment);
}

void TcpConnection::emit_ack() {
    TcpView segment;
    segment.sequence = sequence_of(highest_);
    segment.ack = true;
    emit(segment);
}

void TcpConnection::emit(TcpView segment) {
    segment.source = endpoints_.local;
    segment.destination = endpoints_.remote;
    segment.window = kWindow;
    segment.acknowledgement = segment.ack ? next_ : 0;
    segments_.push_back(write_tcp(endpoints_.local_address, endpoints_.remote_address, segment));
}

void TcpConnection::measure(TimePoint now) {
    const auto sample = now - timed_at_;
    if (smoothed_ == Duration{}) {
        smoothed_ = std::max<Duration>(sample, 1ns);
        variation_ = sample / 2;
    } else {
        const auto difference = smoothed_ > sample ? smoothed_ - sample : sample - smoothed_;
        variation_ = (3 * variation_ + difference) / 4;
        smoothed_ = (7 * smoothed_ + sample) / 8;
    }
    timeout_ = std::clamp(smoothed_ + std::max<Duration>(4 * variation_, 10ms),
                          Duration{kShortestTimeout},
                          Duration{kLongestTimeout});
}

void TcpConnection::arm(TimePoint now) {
    if (state_ == State::time_wait) {
        return;
    }
    deadline_ = sent_ == acknowledged_ ? kNever : now + timeout_;
}

void TcpConnection::on_path_mtu(TimePoint now, std::uint16_t mtu) {
    const auto mss = static_cast<std::uint16_t>(std::max<int>(mtu - kHeaders, 28));
    if (mss >= mss_) {
        return;
    }
    mss_ = mss;
    if (sent_ != acknowledged_) {
        // Everything outstanding was cut for the old path: it goes again in the new size.
        sent_ = acknowledged_;
        timed_offset_.reset();
        ++retransmitted_;
        recovery_ = 0;
        fill_window(now);
    }
}

void TcpConnection::on_time(TimePoint now) {
    if (now < deadline_) {
        return;
    }
    if (state_ == State::time_wait) {
        set_state(State::closed);
        return;
    }
    const auto handshake = state_ == State::syn_sent || state_ == State::syn_received;
    if (tries_ >= (handshake ? kSynTries : kTries)) {
        set_state(State::closed, Failure::timed_out);
        return;
    }
    ++tries_;
    timeout_ = std::min(timeout_ * 2, Duration{kLongestTimeout});
    if (!handshake) {
        duplicates_ = 0;
        recovery_ = sent_;
        retransmit_first(now);
        return;
    }
    TcpView syn;
    syn.sequence = initial_;
    syn.syn = true;
    syn.ack = state_ == State::syn_received;
    syn.mss = offered_mss_;
    emit(syn);
    deadline_ = now + timeout_;
}

}  // namespace viaduct::lab
