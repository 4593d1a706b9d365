// FTP (RFC 959, RFC 2428): an inside host's words on the control connection that name an address and a port of its own,
//
//     PORT 10,1,0,2,19,137    EPRT |1|10.1.0.2|5001|                    client
//     227 … (10,1,0,2,19,137)    229 … (|||5001|)                       server
//
// become words that name what stands for them outside, which is opened to the other end. The line may grow or shrink:
// sequence numbers behind it, and acknowledgements that come back, are moved by as much.
//
// A line counts when it is whole within one segment; an address other than the host's own is left alone.
#include <algorithm>
#include <charconv>
#include <string_view>

#include "dataplane/base/checksum.h"
#include "dataplane/stages/nat44.h"

namespace viaduct::dataplane::nat44 {

namespace {

constexpr std::uint16_t kFtp = 21;
constexpr std::size_t kSequence = 4;
constexpr std::size_t kAcknowledged = 8;

enum class Form : std::uint8_t { commas, bars, bars_port_alone };

/// Where in the payload an endpoint stands.
struct Found {
    Form form = Form::commas;
    std::size_t begin = 0;
    std::size_t end = 0;
    NatEndpoint endpoint;
};

/// Reads text from a place on; sticky.
class TextReader {
public:
    TextReader(std::string_view text, std::size_t at) : text_(text), at_(at) {}

    /// Decimal, 0 … most.
    std::uint32_t number(std::uint32_t most) {
        std::uint32_t value = 0;
        const auto* first = text_.data() + std::min(at_, text_.size());
        const auto* last = text_.data() + text_.size();
        const auto [end, error] = std::from_chars(first, last, value);
        // What stands at the end of the segment may have more digits in the next one.
        good_ = good_ && error == std::errc{} && value <= most && end != last;
        at_ = static_cast<std::size_t>(end - text_.data());
        return value;
    }

    void expect(char c) {
        good_ = good_ && at_ < text_.size() && text_[at_] == c;
        ++at_;
    }

    [[nodiscard]] bool good() const { return good_; }

    [[nodiscard]] std::size_t at() const { return at_; }

private:
    std::string_view text_;
    std::size_t at_;
    bool good_ = true;
};

std::optional<Found> read_commas(std::string_view text, std::size_t at) {
    TextReader r(text, at);
    std::uint32_t parts[6]{};
    for (std::size_t i = 0; i < 6; ++i) {
        if (i != 0) {
            r.expect(',');
        }
        parts[i] = r.number(255);
    }
    if (!r.good()) {
        return std::nullopt;
    }
    const auto address = parts[0] << 24U | parts[1] << 16U | parts[2] << 8U | parts[3];
    return Found{
        Form::commas, at, r.at(), {address, static_cast<std::uint16_t>(parts[4] << 8U | parts[5])}};
}

std::optional<Found> read_bars(std::string_view text, std::size_t at) {
    TextReader r(text, at);
    r.expect('|');
    r.expect('1');
    r.expect('|');
    std::uint32_t address = 0;
    for (unsigned i = 0; i < 4; ++i) {
        if (i != 0) {
            r.expect('.');
        }
        address = address << 8U | r.number(255);
    }
    r.expect('|');
    const auto port = r.number(65535);
    r.expect('|');
    if (!r.good()) {
        return std::nullopt;
    }
    return Found{Form::bars, at, r.at(), {address, static_cast<std::uint16_t>(port)}};
}

std::optional<Found> read_port_alone(std::string_view text, std::size_t at, std::uint32_t address) {
    TextReader r(text, at);
    r.expect('|');
    r.expect('|');
    r.expect('|');
    const auto port = r.number(65535);
    r.expect('|');
    if (!r.good()) {
        return std::nullopt;
    }
    return Found{Form::bars_port_alone, at, r.at(), {address, static_cast<std::uint16_t>(port)}};
}

bool begins(std::string_view line, std::string_view word) {
    return line.size() >= word.size() &&
           std::equal(word.begin(), word.end(), line.begin(), [](char a, char b) {
               return a == (b >= 'a' && b <= 'z' ? b - 'a' + 'A' : b);
           });
}

std::optional<Found> find_in_line(
    std::string_view text, std::size_t at, std::size_t end, bool client, std::uint32_t address) {
    const auto line = text.substr(at, end - at);
    if (client) {
        if (begins(line, "PORT ")) {
            return read_commas(text, at + 5);
        }
        return begins(line, "EPRT ") ? read_bars(text, at + 5) : std::nullopt;
    }
    const auto open = line.find('(');
    if (open == std::string_view::npos) {
        return std::nullopt;
    }
    if (begins(line, "227 ")) {
        return read_commas(text, at + open + 1);
    }
    return begins(line, "229 ") ? read_port_alone(text, at + open + 1, address) : std::nullopt;
}

/// The first line that names an endpoint of this address.
std::optional<Found> find_endpoint(std::string_view text, bool client, std::uint32_t address) {
    for (std::size_t at = 0; at < text.size();) {
        const auto newline = text.find('\n', at);
        if (newline == std::string_view::npos) {
            return std::nullopt;
        }
        if (const auto found = find_in_line(text, at, newline, client, address); found) {
            return found->endpoint.address == address && found->endpoint.port != 0 ? found
                                                                                   : std::nullopt;
        }
        at = newline + 1;
    }
    return std::nullopt;
}

/// The words for an endpoint, in place of those that were there.
class Words {
public:
    Words(Form form, NatEndpoint e) {
        const auto octet = [&](unsigned i) { return e.address >> (24U - 8U * i) & 0xFFU; };
        if (form == Form::commas) {
            for (unsigned i = 0; i < 4; ++i) {
                number(octet(i)).put(',');
            }
            number(e.port >> 8U).put(',');
            number(e.port & 0xFFU);
        } else {
            put('|');
            if (form == Form::bars) {
                put('1');
            }
            put('|');
            for (unsigned i = 0; form == Form::bars && i < 4; ++i) {
                number(octet(i)).put(i < 3 ? '.' : '|');
            }
            if (form == Form::bars_port_alone) {
                put('|');
            }
            number(e.port).put('|');
        }
    }

    [[nodiscard]] std::string_view text() const { return {text_, size_}; }

private:
    Words& number(std::uint32_t value) {
        size_ = static_cast<std::size_t>(
            std::to_chars(text_ + size_, text_ + sizeof(text_), value).ptr - text_);
        return *this;
    }

    void put(char c) { text_[size_++] = c; }

    char text_[40]{};
    std::size_t size_ = 0;
};

void store_tcp_checksum(PacketMeta& p) {
    auto* tcp = p.l3 + p.header_bytes;
    const auto bytes = static_cast<std::size_t>(p.length - p.header_bytes);
    wire::write16(tcp + wire::kTcpChecksum, 0);
    auto sum = checksum_sum({p.l3 + wire::kIpSource, 8}) + kProtoTcp.value() + bytes;
    sum += checksum_sum({tcp, bytes});
    wire::write16(tcp + wire::kTcpChecksum, checksum_finish(sum));
}

/// False: there is no room.
bool replace(PacketMeta& p,
             std::uint8_t* payload,
             std::size_t bytes,
             const Found& found,
             std::string_view words) {
    const auto before = found.end - found.begin;
    if (words.size() > before && tailroom(p) < words.size() - before) {
        return false;
    }
    std::memmove(payload + found.begin + words.size(), payload + found.end, bytes - found.end);
    std::memcpy(payload + found.begin, words.data(), words.size());
    const auto old = p.length;
    p.length = static_cast<std::uint16_t>(p.length + words.size() - before);
    wire::write16(p.l3 + wire::kIpTotalLength, p.length);
    mend(p.l3 + wire::kIpChecksum, change_of(old, p.length));
    return true;
}

/// True: `a` is not before `b` in sequence space.
bool reached(std::uint32_t a, std::uint32_t b) {
    return a - b < 0x80000000U;
}

std::uint32_t delta_for(const FtpStream& s, std::uint32_t sequence) {
    for (std::size_t i = s.count; i != 0; --i) {
        if (reached(sequence, s.changes[i - 1].at)) {
            return static_cast<std::uint32_t>(s.changes[i - 1].delta);
        }
    }
    return 0;
}

void remember(FtpStream& s, std::uint32_t at, std::int32_t delta) {
    if (s.count != 0 && reached(s.changes[s.count - 1U].at, at)) {
        return;  // sent once more: it was counted
    }
    const auto before = s.count == 0 ? 0 : s.changes[s.count - 1U].delta;
    if (s.count == FtpStream::kDepth) {
        std::copy(s.changes + 1, s.changes + FtpStream::kDepth, s.changes);
        --s.count;
    }
    s.changes[s.count++] = {at, before + delta};
}

void shift(PacketMeta& p, std::size_t field, std::uint32_t by) {
    if (by != 0) {
        auto* tcp = p.l3 + p.header_bytes;
        const auto old = wire::read32(tcp + field);
        wire::write32(tcp + field, old + by);
        mend(tcp + wire::kTcpChecksum, change_of(old, old + by));
    }
}

/// The endpoint outside for one that an inside host named.
std::optional<NatEndpoint> open(Worker& w,
                                const PacketMeta& p,
                                const NatFlow& flow,
                                NatEndpoint local) {
    if (flow.kind.get() == NatFlow::dynamic) {
        return w.nat.table->expect(flow.rule.get(), p.protocol, local, flow.remote.get());
    }
    if (const auto fixed = w.nat.rules->to_global(NatSide::inside, p.protocol, local); fixed) {
        return fixed;
    }
    const auto* rule = rule_for(w, p);
    if (rule != nullptr && rule->config.overload) {
        return w.nat.table->expect(rule->config.id, p.protocol, local, flow.remote.get());
    }
    return NatEndpoint{flow.global.get(), local.port};
}

}  // namespace

bool is_ftp(const NatFlow& flow) {
    const auto ports = flow.out_ports.get();
    return flow.protocol.get() == kProtoTcp.value() &&
           (ports >> 16U == kFtp || (ports & 0xFFFFU) == kFtp);
}

bool is_ftp(const NatKey& key) {
    return key.protocol == kProtoTcp.value() &&
           (key.local_port() == kFtp || key.remote_port() == kFtp);
}

Drop ftp_out(Worker& w, PacketMeta& p, NatFlow& flow) {
    auto* tcp = p.l3 + p.header_bytes;
    const std::size_t header = (tcp[wire::kTcpDataOffset] >> 4U) * std::size_t{4};
    const auto all = static_cast<std::size_t>(p.length - p.header_bytes);
    if (header < wire::kTcpBytes || header > all) {
        return Drop::nat44_malformed;
    }
    auto* payload = tcp + header;
    const auto bytes = all - header;
    const auto sequence = wire::read32(tcp + kSequence);
    const auto* known = w.nat.table->ftp(flow);
    const auto by = known != nullptr ? delta_for(*known, sequence) : 0;
    const bool client = (flow.out_ports.get() & 0xFFFFU) == kFtp;
    const auto found =
        find_endpoint({reinterpret_cast<const char*>(payload), bytes}, client, p.source);
    if (found) {
        const auto global = open(w, p, flow, found->endpoint);
        if (!global) {
            return Drop::nat44_exhausted;
        }
        const Words words(found->form, *global);
        const auto delta = static_cast<std::int32_t>(words.text().size()) -
                           static_cast<std::int32_t>(found->end - found->begin);
        if (delta != 0) {
            auto* stream = w.nat.table->open_ftp(flow);
            if (stream == nullptr) {
                return Drop::nat44_table_full;
            }
            remember(*stream, sequence + static_cast<std::uint32_t>(bytes), delta);
        }
        if (!replace(p, payload, bytes, *found, words.text())) {
            return Drop::nat44_malformed;
        }
        store_tcp_checksum(p);
    }
    shift(p, kSequence, by);
    return Drop::kCount;
}

void ftp_in(Worker& w, PacketMeta& p, const NatFlow& flow) {
    const auto* s = w.nat.table->ftp(flow);
    if (s == nullptr) {
        return;
    }
    const auto acknowledged = wire::read32(p.l3 + p.header_bytes + kAcknowledged);
    for (std::size_t i = s->count; i != 0; --i) {
        const auto& change = s->changes[i - 1];
        const auto delta = static_cast<std::uint32_t>(change.delta);
        if (reached(acknowledged, change.at + delta)) {
            shift(p, kAcknowledged, std::uint32_t{0} - delta);
            return;
        }
    }
}

}  // namespace viaduct::dataplane::nat44
