// EIGRP settings of an interface, one set an autonomous system.
#include <algorithm>

#include "config/ios/fields.h"

namespace viaduct::ios {

namespace {

using config::EigrpInterfaceConfig;
using config::InterfaceConfig;

using Change = std::function<Result<void>(EigrpInterfaceConfig&, const Args&)>;
using Text = std::function<std::string(const EigrpInterfaceConfig&, Asn)>;

/// A row on the settings of one autonomous system (`<asn>` in the pattern). Settings that are all default
/// again are not there.
Row eigrp(const std::string& pattern, std::string help, Change change, Text text) {
    Row row{.mode = Mode::interface, .pattern = pattern, .help = std::move(help)};
    row.apply = [change = std::move(change)](ConfigSession& session,
                                             const Args& args) -> Result<void> {
        if (!args.has("asn")) {
            return failure("Incomplete command.");
        }
        const Asn asn{static_cast<std::uint16_t>(args.number("asn"))};
        auto& all = session.object<InterfaceConfig>().eigrp;
        const auto found = all.find(asn);
        auto settings = found != all.end() ? found->second : EigrpInterfaceConfig{};
        if (auto result = change(settings, args); !result) {
            return result;
        }
        if (settings == EigrpInterfaceConfig{}) {
            all.erase(asn);
        } else {
            all[asn] = std::move(settings);
        }
        return done();
    };
    row.write = [text = std::move(text)](Writer& out) {
        for (const auto& [asn, settings] : out.object<InterfaceConfig>().eigrp) {
            if (const auto lines = text(settings, asn); !lines.empty()) {
                out.text(lines);
            }
        }
    };
    return row;
}

Row timer_row(const std::string& words,
              std::optional<std::uint16_t> EigrpInterfaceConfig::* field,
              const std::string& help) {
    auto row = eigrp(
        words + " eigrp <asn:1-65535> <seconds:1-65535>",
        help + "|asn: Autonomous system number|seconds: Seconds",
        [field](EigrpInterfaceConfig& settings, const Args& args) {
            settings.*field = static_cast<std::uint16_t>(args.number("seconds"));
            if (args.negated()) {
                (settings.*field).reset();
            }
            return done();
        },
        [field, words](const EigrpInterfaceConfig& settings, Asn asn) {
            const auto& value = settings.*field;
            return value ? fmt::format("{} eigrp {} {}", words, asn.value(), *value) : "";
        });
    row.examples = {words + " eigrp 90 60"};
    return row;
}

Row switch_row(const std::string& words,
               bool EigrpInterfaceConfig::* field,
               const std::string& help) {
    auto row = eigrp(
        words + " eigrp <asn:1-65535>",
        help + "|asn: Autonomous system number",
        [field](EigrpInterfaceConfig& settings, const Args& args) {
            settings.*field = !args.negated();
            return done();
        },
        [field, words](const EigrpInterfaceConfig& settings, Asn asn) {
            return settings.*field ? "" : fmt::format("no {} eigrp {}", words, asn.value());
        });
    row.examples = {"no " + words + " eigrp 90"};
    row.default_on = true;
    return row;
}

Row bandwidth_row() {
    auto row = eigrp(
        "ip bandwidth-percent eigrp <asn:1-65535> <percent:1-255>",
        "Set EIGRP bandwidth limit|asn: Autonomous system number|percent: Maximum bandwidth "
        "percentage that EIGRP may use",
        [](EigrpInterfaceConfig& settings, const Args& args) {
            const auto normal = EigrpInterfaceConfig{}.bandwidth_percent;
            settings.bandwidth_percent =
                args.negated() ? normal : static_cast<std::uint8_t>(args.number("percent"));
            return done();
        },
        [](const EigrpInterfaceConfig& settings, Asn asn) {
            return settings.bandwidth_percent != EigrpInterfaceConfig{}.bandwidth_percent
                       ? fmt::format("ip bandwidth-percent eigrp {} {}",
                                     asn.value(),
                                     settings.bandwidth_percent)
                       : "";
        });
    row.examples = {"ip bandwidth-percent eigrp 90 20"};
    return row;
}

Row authentication_mode_row() {
    auto row = eigrp(
        "ip authentication mode eigrp <asn:1-65535> md5",
        "Set authentication mode|md5: Keyed message digest|asn: Autonomous system number",
        [](EigrpInterfaceConfig& settings, const Args& args) {
            settings.authentication_md5 = !args.negated();
            return done();
        },
        [](const EigrpInterfaceConfig& settings, Asn asn) {
            return settings.authentication_md5
                       ? fmt::format("ip authentication mode eigrp {} md5", asn.value())
                       : "";
        });
    row.examples = {"ip authentication mode eigrp 90 md5"};
    return row;
}

Row eigrp_key_chain_row() {
    auto row = eigrp(
        "ip authentication key-chain eigrp <asn:1-65535> <chain:WORD>",
        "Set authentication key-chain|chain: Name of key-chain|asn: Autonomous system number",
        [](EigrpInterfaceConfig& settings, const Args& args) {
            settings.key_chain = args.negated() ? "" : args.text("chain");
            return done();
        },
        [](const EigrpInterfaceConfig& settings, Asn asn) {
            return settings.key_chain.empty()
                       ? ""
                       : fmt::format("ip authentication key-chain eigrp {} {}",
                                     asn.value(),
                                     quoted(settings.key_chain));
        });
    row.examples = {"ip authentication key-chain eigrp 90 keys"};
    return row;
}

Result<void> change_summary(EigrpInterfaceConfig& settings, const Args& args) {
    config::EigrpSummary summary;
    summary.asn = Asn{static_cast<std::uint16_t>(args.number("asn"))};
    summary.prefix =
        Ipv4Prefix{args.address("address"), length_of_mask(args.address("mask")).value_or(0)};
    summary.distance = static_cast<std::uint8_t>(args.number("distance", summary.distance));
    const auto same = [&summary](const config::EigrpSummary& other) {
        return other.prefix == summary.prefix;
    };
    const bool all = args.negated() && !args.has("address");
    if (all) {
        settings.summaries.clear();
        return done();
    }
    std::erase_if(settings.summaries, same);
    if (!args.negated()) {
        if (settings.summaries.size() >= 256) {
            return failure("Summary addresses: limit of 256");
        }
        settings.summaries.push_back(summary);
    }
    return done();
}

Row summary_row() {
    auto row = eigrp(
        "ip summary-address eigrp <asn:1-65535> <address:A.B.C.D> <mask:mask> "
        "[ <distance:1-255> ]",
        "Perform address summarization|asn: Autonomous system number|address: IP "
        "address|mask: IP network mask|distance: Administrative distance",
        change_summary,
        [](const EigrpInterfaceConfig& settings, Asn asn) {
            std::string lines;
            for (const auto& summary : settings.summaries) {
                lines += fmt::format("{}ip summary-address eigrp {} {} {} {}",
                                     lines.empty() ? "" : "\n ",
                                     asn.value(),
                                     summary.prefix.network().to_string(),
                                     summary.prefix.mask().to_string(),
                                     summary.distance);
            }
            return lines;
        });
    row.examples = {"ip summary-address eigrp 90 10.0.0.0 255.0.0.0",
                    "ip summary-address eigrp 90 10.0.0.0 255.0.0.0 90"};
    return row;
}

}  // namespace

Rows eigrp_interface_rows() {
    return {
        timer_row(
            "ip hello-interval", &EigrpInterfaceConfig::hello_s, "Configures EIGRP hello interval"),
        timer_row("ip hold-time", &EigrpInterfaceConfig::hold_s, "Configures EIGRP hold time"),
        switch_row(
            "ip split-horizon", &EigrpInterfaceConfig::split_horizon, "Perform split horizon"),
        switch_row("ip next-hop-self",
                   &EigrpInterfaceConfig::next_hop_self,
                   "Configures EIGRP next-hop-self"),
        bandwidth_row(),
        authentication_mode_row(),
        eigrp_key_chain_row(),
        summary_row(),
    };
}

}  // namespace viaduct::ios
