#!/usr/bin/env python3
"""Document 002 as it was printed: what both routers said while they debugged, and what Daphne showed afterwards.

    ted_document_test.py VIADUCT EXAMPLES FIXTURES

Runs the lab of config/examples/ted in virtual time. Debug: every line of the fixture must be in our log, in the
fixture's order; those that are not have their reason in LEFT_OUT. Show: the same lines in the same order, none more and
none less. Before that, numbers that differ from run to run are made the same, and white space is taken out, because
the fixtures' columns and line ends were damaged when the document was made. Status 77: no fixtures.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

SCRIPT = """
Daphne# configure terminal
Daphne# logging buffered 1000000
Daphne# end
fred# configure terminal
fred# logging buffered 1000000
fred# end
Daphne# debug crypto isakmp
Daphne# debug crypto ipsec
Daphne# debug crypto engine
fred# debug crypto isakmp
fred# debug crypto ipsec
fred# debug crypto engine
pc-daphne$ ping 12.12.12.13 count 10
Daphne# show crypto isakmp sa
Daphne# show crypto ipsec sa
Daphne# show crypto map
Daphne# show crypto engine connections active
Daphne# show logging
fred# show logging
"""

# Lines of the fixtures that we do not print, by pattern, and why.
LEFT_OUT = [
    # The 2600's own crypto engine: places for Diffie-Hellman numbers and a table of flows. We have neither.
    r"CryptoEngine0: clear dh number for conn id",
    r"validate proposal (request )?0$",
    r"ipsec allocate flow 0",
    # IOS 12.2 as initiator of quick mode. 12.3 (document 003, sv9-3) no longer says them there, and ours are its words;
    # the responder's are compared.
    r"ISAKMP \(0:2\): asking for 1 spis from ipsec$",
    r"had to get SPI's from ipsec",
    r"getting spi 4160804383 for SA from 11.11.11.1",
    r"Mar 1 02:07:23.289: ISAKMP: received ke message \(2/1\)",
    r"Mar 1 02:07:23.289: IPSEC\(key_engine\): got a queue event",
    # Message 6 of main mode: 12.2 names the state after it, 12.3 (and we) MM_KEY_EXCH as with message 4.
    r"Mar 1 02:07:50.135: ISAKMP \(0:2\): sending packet to 11.11.11.1 \(R\) QM_IDLE",
]
# Of those, what only the initiator leaves out.
ONLY_INITIATOR = [r"asking for 1 spis from ipsec$"]

# Lines that we print at another place, so only their presence is compared: router, pattern, and why.
ANYWHERE = [
    # A second after the discovery: on the 2600 amid the Diffie-Hellman of main mode, here long after it.
    (".*", r"purging SA\.|purging node 0|CryptoEngine0: delete connection 1"),
    # 12.2 says how it will authenticate when the policy is chosen, 12.3 (and we) when it sends its identity.
    (".*", r"SA is doing pre-shared key authentication"),
    # 12.2 computes its own half before message 2 or 3, and the secret between the KE and the NONCE payload; each on the
    # control processor, with a line about each. We compute apart, when both payloads have been read.
    (".*", r"CryptoEngine0: generate alg parameter|CRYPTO_ENGINE: Dh phase 1 status: 0|processing NONCE payload. message ID = 0"),
    # 12.2 makes a third context for HASH(3) before the SAs; ours is made with the message.
    ("Daphne", r"23\.974: CryptoEngine0: generate hmac context"),
    # Our SAs stand before message 3 goes out, so that its answer in ESP finds them.
    ("Daphne", r"23\.990: ISAKMP \(0:2\): sending packet|23\.994: ISAKMP \(0:2\): deleting node"),
]

# What differs from run to run, or between the IOS of this document (12.2) and that of the others, whose words ours are
# (12.3, 12.4): both sides are brought to the same.
SAME = [
    (r"-1992472852", "0"),                                      # a number that IOS forgot to set
    # run to run
    (r"13\.13\.13\.14", "13.13.13.4"),                          # the host that pinged while they debugged
    (r"(M-IDof|messageID=|deletingnode)-?\d{2,}", r"\1#"),
    (r"hasspi(0x[0-9A-F]+|-?\d+)and", "hasspi#and"),
    (r"spi=0x[0-9A-F]{2,}\(\d{2,}\)", "spi=#"),
    (r"(gettingspi)\d+", r"\1#"),
    (r"sa=[0-9A-F]+,delme=[0-9A-F]+", "sa=#,delme=#"),          # a pointer
    # IOS 12.2: no ports in these two lines, and other numbers in the flags
    (r"my_port500peer_port500|dport500sport500Global", ""),
    (r"\(f/i\)0/0", ""),
    (r"andflags[4C2A]$", "andflags#"),
    (r"flags=0x[4C2A]$", "flags=#"),
    (r"IPsec", "IPSec"),
    (r"addr:[\d.]+protocol", "protocol"),
    # damage
    (r"PEER_DISCOVERRY", "PEER_DISCOVERY"),
    (r"\(await\(\)\)", "(await)"),
    (r"(Crypto(ISAKMP|Engine|IPSEC)debuggingison)+$", ""),
]

# The same for the show commands.
SAME_SHOWN = [
    (r"spi:0x[0-9A-F]+\(\d+\)", "spi:#"),
    (r"currentoutboundspi:[0-9A-F]+", "currentoutboundspi:#"),
    (r"\(k/sec\):\(\d+/\d+\)", "(k/sec):#"),
    (r"current_peer:([\d.]+):500$", r"current_peer:\1"),        # IOS 12.3 shows the port
    (r"-{5,}", ""),                                             # a page's end
    (r"#recverrors", "#rcverrors"),                             # a letter that the extraction lost
]

SHOWN = {
    "show crypto isakmp sa": "daphne-crypto-isakmp-sa.txt",
    "show crypto ipsec sa": "daphne-crypto-ipsec-sa.txt",
    "show crypto map": "daphne-crypto-map.txt",
    "show crypto engine connections active": "daphne-crypto-engine-connections-active.txt",
}

STAMP = re.compile(r"^\*?\w{3} +\d+ [\d:.]+: ")


def plain(line, same):
    line = re.sub(r"\s", "", STAMP.sub("", line.strip()))
    for pattern, by in same:
        line = re.sub(pattern, by, line)
    return line


def sections(transcript):
    """Command line ("Daphne#show crypto map") → what it printed."""
    out, current = {}, None
    for line in transcript.splitlines():
        prompt = re.match(r"^(Daphne|fred|pc-daphne)(?:\(config[\w-]*\))?[#$] ?(.*)$", line)
        if prompt:
            current = prompt.group(1) + "#" + prompt.group(2)
            out.setdefault(current, [])
        elif current:
            out[current].append(line)
    return out


def is_left_out(router, raw):
    if router != "Daphne" and any(re.search(p, raw) for p in ONLY_INITIATOR):
        return False
    return any(re.search(p, raw) for p in LEFT_OUT)


def not_in_order(wanted, ours):
    """Places in `wanted` that are no part of the longest common subsequence."""
    longest = [[0] * (len(ours) + 1) for _ in range(len(wanted) + 1)]
    for i in range(len(wanted) - 1, -1, -1):
        for j in range(len(ours) - 1, -1, -1):
            longest[i][j] = (longest[i + 1][j + 1] + 1 if wanted[i] == ours[j]
                             else max(longest[i + 1][j], longest[i][j + 1]))
    out, i, j = [], 0, 0
    while i < len(wanted):
        if j < len(ours) and wanted[i] == ours[j]:
            i, j = i + 1, j + 1
        elif j < len(ours) and longest[i][j + 1] == longest[i][j]:
            j += 1
        else:
            out.append(i)
            i += 1
    return out


def compare_debug(name, fixture, log):
    """Every line of the fixture in our log, in order. Returns what is wrong."""
    wrong, wanted = [], []
    ours = [plain(line, SAME) for line in log if STAMP.match(line)]
    for number, raw in enumerate(fixture.read_text().splitlines(), 1):
        line = plain(raw, SAME)
        if not line or is_left_out(name, raw):
            continue
        if not any(re.fullmatch(who, name) and re.search(p, raw) for who, p in ANYWHERE):
            wanted.append((line, number, raw))
        elif line not in ours:
            wrong.append(f"{name}:{number}: missing: {raw.strip()}")
    for at in not_in_order([line for line, _, _ in wanted], ours):
        line, number, raw = wanted[at]
        wrong.append(f"{name}:{number}: {'out of order' if line in ours else 'missing'}: {raw.strip()}")
    return wrong


def compare_shown(name, fixture, shown):
    wanted = [plain(line, SAME_SHOWN) for line in fixture.read_text().splitlines()[1:]]
    ours = [plain(line, SAME_SHOWN) for line in shown]
    # Line ends inside of rows and lists are damage, too: one text.
    wanted, ours = "".join(wanted), "".join(ours)
    if wanted == ours:
        return []
    at = next((i for i, (a, b) in enumerate(zip(wanted, ours)) if a != b), min(len(wanted), len(ours)))
    return [f"{name}: from character {at}: document …{wanted[max(0, at - 30):at + 60]!r}, ours …{ours[max(0, at - 30):at + 60]!r}"]


def main():
    viaduct, examples, fixtures = map(pathlib.Path, sys.argv[1:4])
    if not (fixtures / "debug/ted-daphne.log").exists():
        print("SKIPPED: the fixtures are not beside the source")
        return 77
    with tempfile.NamedTemporaryFile("w", suffix=".script") as script:
        script.write(SCRIPT)
        script.flush()
        run = subprocess.run([viaduct, "lab", examples / "ted/lab.yaml", "--virtual", "--script", script.name],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    found = sections(run.stdout)
    wrong = [] if run.returncode == 0 else [f"the lab ended with status {run.returncode}"]
    for router in ("Daphne", "fred"):
        wrong += compare_debug(router, fixtures / f"debug/ted-{router.lower()}.log", found.get(f"{router}#show logging", []))
    for command, fixture in SHOWN.items():
        wrong += compare_shown(command, fixtures / "show" / fixture, found.get(f"Daphne#{command}", []))
    for line in wrong:
        print(line)
    if wrong:
        print(run.stdout[-60000:] if "-v" in sys.argv else "(-v shows the transcript)")
    return 1 if wrong else 0


sys.exit(main())
