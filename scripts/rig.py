#!/usr/bin/python3
"""Measures the real program as its users run it: `viaduct run` with one worker in poll mode from a configuration file,
a capture replayed for ever into its first port (net_pcap, infinite_rx=1), what it sends thrown away (net_null, no-rx=1).
Packets a second are what the second port counted between two looks at `show interfaces json`; a packet that was dropped
is not counted, and a cell with drops is refused. Called by scripts/bench; `--help` says what can be chosen. The cells are
in rig_cells.py and rig_negotiated.py.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import rig_negotiated
import rig_peers
from rig_cells import Cell, read_pcap, table, write_pcap
from rig_router import SECONDS_TO_START, Router, sent, wait_until


def measure(router, seconds):
    """Mpps out of the second port; the drops in the measured time."""
    wait_until(lambda: sent(router.counters()) > 10000,
               lambda: "nothing comes out: " + str({k: v for k, v in router.counters()["drops"].items() if v}))
    time.sleep(0.5)
    first = router.counters()
    time.sleep(seconds)
    last = router.counters()
    drops = {k: v - first["drops"][k] for k, v in last["drops"].items() if v - first["drops"][k] > 0}
    return (sent(last) - sent(first)) / (last["at"] - first["at"]) / 1e6, drops


def encrypted_frames(options, cell):
    """What an outbound router makes of the clear frames, caught by net_pcap: the inbound cell's capture."""
    with tempfile.TemporaryDirectory(prefix="viaduct-rig-") as folder:
        out = Cell("esp-out", cell.cipher, cell.size, cell.count, 0)
        clear = out.clear_frames()
        write_pcap(os.path.join(folder, "clear.pcap"), clear)
        wire = os.path.join(folder, "wire.pcap")
        router = Router(options, folder, out.configuration(), f"net_pcap0,rx_pcap={folder}/clear.pcap,infinite_rx=0",
                        f"net_pcap1,tx_pcap={wire}")
        with router:
            deadline = time.monotonic() + SECONDS_TO_START
            while sent(router.counters()) < len(clear) and time.monotonic() < deadline:
                time.sleep(0.1)
        frames = [f for f in read_pcap(wire) if f[12:14] == b"\x08\x00" and f[23] == 50]
        if len(frames) < len(clear) * 9 // 10:
            raise RuntimeError(f"only {len(frames)} of {len(clear)} packets were encrypted")
        return [bytes.fromhex("020000000001020000000099") + f[12:] for f in frames]


def run_cell(options, cell, captures, peers):
    if cell.negotiated:
        with rig_negotiated.Tunnel(options, cell, "net_null0,no-rx=1") as tunnel:
            tunnel.leave_peer()
            tunnel.let_in()
            result = measure(tunnel.router, options.seconds)
            tunnel.check_same_sa()
            return result
    with tempfile.TemporaryDirectory(prefix="viaduct-rig-") as folder:
        capture = os.path.join(folder, "in.pcap")
        if cell.kind == "esp-in":
            if cell.name not in captures:
                captures[cell.name] = encrypted_frames(options, cell)
            write_pcap(capture, captures[cell.name])
            text = cell.inbound_configuration()
        else:
            write_pcap(capture, cell.clear_frames())
            text = cell.configuration()
        with Router(options, folder, text, f"net_pcap0,rx_pcap={capture},infinite_rx=1", "net_null0,no-rx=1") as router:
            if peers.play(cell):
                return peers.measure(cell, router, read_pcap(capture))
            return measure(router, options.seconds)


def footprint(options):
    """MB resident of a router with two ports, 1,000 SAs (500 tunnels, both ways), 10,000 routes, no hugepages, which has
    carried packets by all of them; how many tunnels were seen on the wire, and the console's static routes."""
    tunnels, routes = 500, 10000
    cell = Cell("esp-out", "gcm", "imix", tunnels, 0)
    text = cell.configuration().replace("ip route 20.0.0.0 255.0.0.0 10.0.1.2\n", "")
    lines = [f"ip route 20.{i >> 8}.{i & 255}.0 255.255.255.0 10.0.1.2" for i in range(routes)]
    text = text.replace("arp 10.0.1.2", "\n".join(lines) + "\narp 10.0.1.2", 1)
    options.memory, options.idle = 256, "adaptive"  # what `viaduct run` takes where nothing is said
    with tempfile.TemporaryDirectory(prefix="viaduct-rig-") as folder:
        frames = cell.clear_frames()
        write_pcap(os.path.join(folder, "in.pcap"), frames)
        wire = os.path.join(folder, "wire.pcap")
        router = Router(options, folder, text, f"net_pcap0,rx_pcap={folder}/in.pcap,infinite_rx=0", f"net_pcap1,tx_pcap={wire}")
        with router:
            deadline = time.monotonic() + SECONDS_TO_START
            while sent(router.counters()) < len(frames):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{sent(router.counters())} of {len(frames)} packets came out")
                time.sleep(0.1)
            static = len(re.findall(r"(?m)^S", router.try_console("show ip route") or ""))
            with open(f"/proc/{router.process.pid}/status", encoding="ascii") as file:
                resident = int(re.search(r"VmRSS:\s+(\d+) kB", file.read()).group(1)) / 1000
        spis = {f[34:38] for f in read_pcap(wire) if f[12:14] == b"\x08\x00" and f[23] == 50}
    if len(spis) != tunnels or static < routes:
        raise RuntimeError(f"the router has {len(spis)} outbound SAs and {static} static routes")
    return resident, 2 * len(spis), static


def ceiling(options, size):
    """The rig without a router: dpdk-testpmd from the same port to the same port."""
    with tempfile.TemporaryDirectory(prefix="viaduct-rig-") as folder:
        capture = os.path.join(folder, "in.pcap")
        write_pcap(capture, Cell("forward", "", size, 1000, 0).clear_frames())
        command = ["dpdk-testpmd", "--no-huge", "-m", "1024", "--no-pci", "--no-shconf", "-l", f"{options.control},{options.core}",
                   "--vdev", f"net_pcap0,rx_pcap={capture},infinite_rx=1", "--vdev", "net_null0,no-rx=1", "--",
                   "--forward-mode=io", "--stats-period=1", "--auto-start", "--no-mlockall", "--total-num-mbufs=65536"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
        rates, port, output = [], None, []
        deadline = time.monotonic() + SECONDS_TO_START + options.seconds
        try:
            for line in process.stdout:
                output.append(line)
                if found := re.search(r"NIC statistics for port (\d+)", line):
                    port = int(found.group(1))
                if port == 1 and (found := re.search(r"Tx-pps: +(\d+)", line)) and int(found.group(1)) > 0:
                    rates.append(int(found.group(1)) / 1e6)
                if len(rates) > options.seconds + 2 or time.monotonic() > deadline:
                    break
        finally:
            process.terminate()
            process.wait()
    if len(rates) < 2:
        raise RuntimeError("dpdk-testpmd said nothing of use: " + "".join(output[-15:]))
    return statistics.median(rates[1:])


def bare_cipher(options, cipher, size):
    """dpdk-test-crypto-perf on IPsec-MB's device: Mops of the bare cipher, one core."""
    if cipher == "gcm":
        algorithm = ["--optype", "aead", "--aead-algo", "aes-gcm", "--aead-op", "encrypt", "--aead-key-sz", "16",
                     "--aead-iv-sz", "12", "--aead-aad-sz", "8", "--digest-sz", "16"]
        device = "crypto_aesni_gcm"
    else:
        algorithm = ["--optype", "cipher-then-auth", "--cipher-algo", "aes-cbc", "--cipher-op", "encrypt", "--cipher-key-sz", "16",
                     "--cipher-iv-sz", "16", "--auth-algo", "sha1-hmac", "--auth-op", "generate", "--auth-key-sz", "20", "--digest-sz", "12"]
        device = "crypto_aesni_mb"
    command = ["dpdk-test-crypto-perf", "--no-huge", "-m", "1024", "--no-pci", "--no-shconf", "-l", f"{options.control},{options.core}",
               "--vdev", f"{device}0", "--", "--ptest", "throughput", "--devtype", device, "--total-ops", "3000000", "--burst-sz", "64",
               "--buffer-sz", str(size), "--silent", "--csv-friendly", *algorithm]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    rows = [line.split(",") for line in done.stdout.splitlines() if re.match(r"\d+,\d+,\d+,", line)]
    if not rows:
        raise RuntimeError("dpdk-test-crypto-perf: " + (done.stdout + done.stderr)[-400:])
    return float(rows[-1][7])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viaduct", default="build/viaduct", help="the program (default: build/viaduct)")
    parser.add_argument("--cells", default="", help="only cells whose name this regular expression finds")
    parser.add_argument("--seconds", type=float, default=3, help="measured time of one cell in one round (3)")
    parser.add_argument("--rounds", type=int, default=3, help="every cell this often, one round after the other (3)")
    parser.add_argument("--core", type=int, default=(os.cpu_count() or 2) - 1, help="the worker's core (the last one)")
    parser.add_argument("--control", type=int, default=0, help="the core of everything else (0)")
    parser.add_argument("--memory", type=int, default=1024, help="memory-mb of the router (1024)")
    parser.add_argument("--json", metavar="FILE", help="write the results there, too")
    parser.add_argument("--no-rig", action="store_true", help="without the rig's ceiling and the bare cipher")
    parser.add_argument("--footprint", type=float, metavar="MB",
                        help="instead: resident memory of a router with 1,000 SAs and 10,000 routes; more than this fails")
    parser.add_argument("--verify", action="store_true",
                        help="instead: what the cells with a negotiated SA send is decrypted by the peer and seen on the wire")
    parser.add_argument("--peers", metavar="FOLDER", nargs="?", const="build/peers",
                        help="beside ours the programs that scripts/peers has built there (build/peers), in the same rounds")
    parser.add_argument("--list", action="store_true", help="print the cells' names")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the routers and their folders go, too
    options.viaduct, options.idle = os.path.abspath(options.viaduct), "poll"
    if options.footprint is not None:
        resident, sas, static = footprint(options)
        print(f"viaduct run, 2 ports, {sas} SAs, {static} static routes, no hugepages: {resident:.0f} MB resident")
        return 1 if resident > options.footprint else 0
    cells = [c for c in table() if re.search(options.cells, c.name)]
    if options.list:
        print("\n".join(c.name for c in cells))
        return 0
    if options.verify:
        return verify(options, [c for c in cells if c.negotiated])
    peers = rig_peers.Peers(options)
    results = {"cells": {}, "ceiling": {}, "cipher": {}}
    failures = 0
    if not options.no_rig:
        failures += measure_rig(options, results)
    captures, rates, drops = {}, {c.name: [] for c in cells}, {}
    for _ in range(options.rounds):
        for cell in cells:
            try:
                rate, lost = run_cell(options, cell, captures, peers)
                rates[cell.name].append(rate)
                if lost:
                    drops[cell.name] = lost
            except (RuntimeError, OSError) as error:
                print(f"{cell.name}: {error}", file=sys.stderr)
                failures += 1
    print(f"\n{'viaduct run, one worker':34} {'Mpps':>7} {'spread':>13} {'best peer':>10} {'ratio':>6}{peers.heading()}")
    for cell in cells:
        values = rates[cell.name]
        if not values:
            print(f"{cell.name:34} failed")
            continue
        middle = statistics.median(values)
        spread = f"{min(values):.1f}–{max(values):.1f}"
        print(f"{cell.name:34} {middle:7.2f} {spread:>13} {cell.best:10.1f} {middle / cell.best:6.2f}{peers.columns(cell, middle)}")
        results["cells"][cell.name] = {"mpps": middle, "rounds": values, "best_peer": cell.best, "drops": drops.get(cell.name, {}),
                                         "peers": peers.rounds(cell)}
        if cell.name in drops:
            print(f"    refused: drops {drops[cell.name]}")
            failures += 1
    if options.json:
        with open(options.json, "w", encoding="ascii") as file:
            json.dump(results, file, indent=1)
    return 1 if failures else 0


def verify(options, cells):
    failures = 0
    options.idle = "adaptive"
    for cell in cells:
        try:
            arrived, seen = rig_negotiated.verify(options, cell)
            print(f"{cell.name}: the peer decrypted {arrived} packets; {seen} more are on the wire as they should be")
        except (RuntimeError, OSError) as error:
            print(f"{cell.name}: {error}", file=sys.stderr)
            failures += 1
    return 1 if failures else 0


def measure_rig(options, results):
    failures = 0
    if not shutil.which("dpdk-testpmd"):
        print("SKIPPED: the rig's ceiling and the bare cipher: dpdk-testpmd is not installed (Debian package dpdk-dev)")
        return 0
    print(f"{'the rig itself (dpdk-testpmd, io)':34} {'Mpps':>7}")
    for size in ("64", "imix", "1420"):
        try:
            results["ceiling"][size] = ceiling(options, size)
            print(f"{size:34} {results['ceiling'][size]:7.2f}")
        except (RuntimeError, OSError) as error:
            print(f"{size}: {error}", file=sys.stderr)
            failures += 1
    print(f"\n{'bare cipher (crypto-perf), bytes':34} {'Mops':>7}")
    for cipher in ("gcm", "cbc"):
        for size in (64, 1408):
            with contextlib.suppress(subprocess.TimeoutExpired):
                try:
                    results["cipher"][f"{cipher} {size}"] = bare_cipher(options, cipher, size)
                    print(f"{cipher + ' ' + str(size):34} {results['cipher'][f'{cipher} {size}']:7.2f}")
                except (RuntimeError, OSError) as error:
                    print(f"{cipher} {size}: {error}", file=sys.stderr)
                    failures += 1
    return failures


if __name__ == "__main__":
    sys.exit(main())
