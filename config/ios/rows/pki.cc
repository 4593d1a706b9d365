// Trustpoints, as far as RSA signatures from files need them.
#include "config/ios/fields.h"

namespace viaduct::ios {

namespace {

using config::Trustpoint;

constexpr Mode kTrustpointMode = Mode::trustpoint;

Row enter_trustpoint_row(const std::string& words, bool writes) {
    Row row{.mode = Mode::global,
            .pattern = words + " <name:WORD>",
            .help =
                "Define a CA trustpoint|name: CA Server Name|pki: Public Key components|ca: "
                "Certification "
                "authority"};
    row.no = row.pattern;
    row.apply = [](ConfigSession& session, const Args& args) {
        auto& trustpoints = session.config().crypto.trustpoints;
        const auto name = args.text("name");
        if (args.negated()) {
            trustpoints.erase(name);
            return done();
        }
        trustpoints.try_emplace(name);
        session.enter({.mode = kTrustpointMode, .name = name});
        return done();
    };
    if (writes) {
        row.write = [words](Writer& out) {
            for (const auto& [name, trustpoint] : out.config().crypto.trustpoints) {
                out.separator();
                out.section(words + " " + quoted(name), {.mode = kTrustpointMode, .name = name});
            }
        };
    }
    row.examples = {words + " ca"};
    row.enters = true;
    return at(Place::trustpoints, std::move(row));
}

Row field(const std::string& words,
          const std::string& kind,
          std::string Trustpoint::* member,
          const std::string& help,
          const std::string& example,
          Effect does = Effect::acted_on) {
    auto row = text_row(kTrustpointMode, words, kind, member, help);
    row.examples = {example};
    row.effect = does;
    return row;
}

}  // namespace

Rows pki_rows() {
    return {
        enter_trustpoint_row("crypto pki trustpoint", true),
        enter_trustpoint_row("crypto ca trustpoint", false),
        field("enrollment",
              "LINE",
              &Trustpoint::enrollment,
              "Enrollment parameters|text: terminal, url …",
              "enrollment terminal",
              Effect::kept),
        field("subject-name",
              "LINE",
              &Trustpoint::subject_name,
              "Subject Name|text: Distinguished name",
              "subject-name CN=hub",
              Effect::kept),
        field("revocation-check",
              "LINE",
              &Trustpoint::revocation_check,
              "Revocation checking options|text: crl, none, ocsp",
              "revocation-check none"),
        field("rsakeypair",
              "WORD",
              &Trustpoint::rsakeypair,
              "Specify rsakeypair for this identity|text: RSA key pair label",
              "rsakeypair hub",
              Effect::kept),
        field("certificate-file",
              "WORD",
              &Trustpoint::certificate_file,
              "File of this router's certificate (Viaduct)|text: Path of a PEM file",
              "certificate-file /etc/viaduct/hub.pem"),
        field("key-file",
              "WORD",
              &Trustpoint::key_file,
              "File of this router's private key (Viaduct)|text: Path of a PEM file",
              "key-file /etc/viaduct/hub.key"),
        field(
            "ca-file",
            "WORD",
            &Trustpoint::ca_file,
            "File of the certification authority's certificate (Viaduct)|text: Path of a PEM file",
            "ca-file /etc/viaduct/ca.pem"),
    };
}

}  // namespace viaduct::ios
