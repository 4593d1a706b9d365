#!/usr/bin/python3
"""Measures the real program as its users run it: `viaduct run` with one worker in poll mode from a configuration file,
a capture replayed for ever into its first port (net_pcap, infinite_rx=1), what it sends thrown away (net_null, no-rx=1).
Packets a second are what the second port counted between two looks at `show interfaces json`; a packet that was dropped
is not counted, and a cell with drops is refused. Called by scripts/bench; `--help` says what can be chosen.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

IMIX = [64] * 7 + [576] * 4 + [1420]
GCM_KEY = bytes(range(20))  # 16 of the key, 4 of the salt
CBC_KEY = bytes(range(16))
SHA_KEY = bytes(range(20))
SECONDS_TO_START = 60


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def address(text):
    return bytes(int(part) for part in text.split("."))


def udp_frame(size, source, destination, port=1000):
    """An Ethernet frame of `size` bytes with its check sequence (so 4 fewer here), UDP without a checksum."""
    ip_bytes = size - 4 - 14
    udp = struct.pack("!HHHH", port, 2000, ip_bytes - 20, 0) + bytes(ip_bytes - 28)
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, ip_bytes, 0, 0, 64, 17, 0, address(source), address(destination))
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    return bytes.fromhex("020000000001020000000011") + b"\x08\x00" + header + udp


def write_pcap(path, frames):
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            out.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)


def read_pcap(path):
    frames = []
    with open(path, "rb") as file:
        data = file.read()
    at = 24
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        frames.append(data[at + 16 : at + 16 + length])
        at += 16 + length
    return frames


def sizes_of(name):
    return IMIX if name == "imix" else [int(name)]


def host(base, number):
    """The number-th /24's host 2 of a /8: 20.0.1.2 …"""
    return f"{base}.{number >> 8 & 255}.{number & 255}.2"


class Cell:
    """One line of the table: a configuration, and the frames that go in."""

    def __init__(self, kind, cipher, size, count, best):
        self.kind, self.cipher, self.size, self.count, self.best = kind, cipher, size, count, best

    @property
    def name(self):
        words = {"forward": "routes", "esp-out": "SAs", "esp-in": "SAs", "gre": "tunnels", "nat": "flows"}
        return " ".join(filter(None, [self.kind, self.cipher, self.size])) + f" {self.count} {words[self.kind]}"

    def clear_frames(self):
        """At least 1,024 frames, each flow of the cell in every size of its mix."""
        sizes = sizes_of(self.size)
        frames = []
        for i in range(max(1024, self.count * len(sizes))):
            flow = (i // len(sizes)) % self.count
            size = sizes[i % len(sizes)]
            if self.kind == "nat":
                frames.append(udp_frame(size, f"10.0.0.{2 + flow % 200}", "20.0.0.2", 2000 + flow // 200))
            else:
                frames.append(udp_frame(size, "10.0.0.2", host(20, flow)))
        return frames

    def configuration(self, inbound=False):
        lines = ["version 12.4", "hostname rig"]
        if self.kind.startswith("esp"):
            transform = "esp-gcm" if self.cipher == "gcm" else "esp-aes esp-sha-hmac"
            lines += [f"crypto ipsec transform-set manual {transform}", "crypto ipsec security-association replay disable"]
            lines += self.crypto_map(inbound)
        lines += ["interface FastEthernet0/0", " mac-address 0200.0000.0001", " ip address 10.0.0.1 255.255.255.0"]
        if self.kind == "nat":
            lines += [" ip nat inside"]
        if self.kind.startswith("esp") and inbound:
            lines += [" crypto map manual"]
        lines += ["interface FastEthernet0/1", " mac-address 0200.0000.0002", " ip address 10.0.1.1 255.255.255.0"]
        if self.kind == "nat":
            lines += [" ip nat outside"]
        if self.kind.startswith("esp") and not inbound:
            lines += [" crypto map manual"]
        if self.kind == "gre":
            lines += ["interface Tunnel0", " ip address 10.9.0.1 255.255.255.0", " tunnel source 10.0.1.1"]
            lines += [" tunnel destination 10.0.2.2", "ip route 20.0.0.0 255.0.0.0 Tunnel0", "ip route 10.0.2.0 255.255.255.0 10.0.1.2"]
        elif self.kind == "forward":
            lines += [f"ip route 20.{i >> 8}.{i & 255}.0 255.255.255.0 10.0.1.2" for i in range(self.count)]
        else:
            lines += ["ip route 20.0.0.0 255.0.0.0 10.0.1.2", "ip route 10.0.2.0 255.255.255.0 10.0.1.2"]
        if self.kind == "nat":
            lines += ["ip nat pool outside 30.0.0.1 30.0.0.8 prefix-length 24", "ip nat inside source list 1 pool outside overload"]
            lines += ["access-list 1 permit 10.0.0.0 0.0.0.255"]
        lines += ["arp 10.0.1.2 0200.0000.0012 arpa", "arp 10.0.0.2 0200.0000.0011 arpa", "line con 0", "end", ""]
        return "\n".join(lines)

    def crypto_map(self, inbound):
        """The tunnel's near end is 10.0.1.1 and its far end 10.0.2.2; the inbound router is the far end of the outbound one."""
        cipher, auth = (GCM_KEY.hex(), "") if self.cipher == "gcm" else (CBC_KEY.hex(), f" authenticator {SHA_KEY.hex()}")
        lists, entries = [], []
        for i in range(self.count):
            ours, theirs = "any", f"20.{i >> 8}.{i & 255}.0 0.0.0.255"
            lists += [f"ip access-list extended flow{i}"]
            lists += [f" permit ip {theirs} {ours}" if inbound else f" permit ip {ours} {theirs}"]
            here, there = ("inbound", "outbound") if inbound else ("outbound", "inbound")
            peer = "10.0.1.1" if inbound else "10.0.2.2"
            entries += [f"crypto map manual {i + 1} ipsec-manual", f" set peer {peer}", " set transform-set manual"]
            entries += [f" set session-key {here} esp {10000 + i} cipher {cipher}{auth}"]
            entries += [f" set session-key {there} esp {50000 + i} cipher {cipher}{auth}", f" match address flow{i}"]
        return lists + entries

    def inbound_configuration(self):
        """The far end: it is 10.0.2.2 on the port that the capture comes into, and sends to a host behind the other."""
        text = self.configuration(inbound=True)
        text = text.replace(" ip address 10.0.0.1 255.255.255.0", " ip address 10.0.2.2 255.255.255.0", 1)
        text = text.replace("ip route 10.0.2.0 255.255.255.0 10.0.1.2", "ip route 10.0.1.1 255.255.255.255 10.0.2.9")
        text = text.replace("arp 10.0.0.2 ", "arp 10.0.2.9 ")
        return text.replace(" ip address 10.0.1.1 255.255.255.0", " ip address 10.0.3.1 255.255.255.0", 1).replace(
            "10.0.1.2", "10.0.3.2"
        )


def table():
    cells = [Cell("forward", "", size, 1000, best) for size, best in (("64", 41), ("imix", 29), ("1420", 16))]
    for kind, cipher, one, many in (
        ("esp-out", "gcm", (8.8, 6.9, 3.8), (7.1, 5.3)),
        ("esp-out", "cbc", (6.1, 3.6, 2.0), (4.8, 2.9)),
        ("esp-in", "gcm", (7.3, 5.9, 3.5), (6.3, 4.6)),
        ("esp-in", "cbc", (5.7, 4.0, 2.2), (4.1, 3.2)),
    ):
        cells += [Cell(kind, cipher, size, 1, best) for size, best in zip(("64", "imix", "1420"), one)]
        cells += [Cell(kind, cipher, size, 1000, best) for size, best in zip(("64", "imix"), many)]
    cells += [Cell("gre", "", size, 1, best) for size, best in (("64", 18.2), ("imix", 17.7), ("1420", 9.8))]
    cells += [Cell("nat", "", "64", 1024, 13.8), Cell("nat", "", "64", 65536, 5.3)]
    return cells


class Router:
    """One `viaduct run` in a folder of its own."""

    def __init__(self, options, folder, configuration, first_port, second_port):
        self.options, self.folder = options, folder
        self.socket = os.path.join(folder, "socket")
        with open(os.path.join(folder, "startup.cfg"), "w", encoding="ascii") as file:
            file.write(configuration)
        with open(os.path.join(folder, "platform.yaml"), "w", encoding="ascii") as file:
            file.write(
                f"memory-mb: {options.memory}\nworkers: [{options.core}]\nidle: {options.idle}\ninterfaces:\n"
                f'  FastEthernet0/0: {{ port: "{first_port}" }}\n  FastEthernet0/1: {{ port: "{second_port}" }}\n'
                f"console: {{ socket: {self.socket} }}\n"
            )

    def __enter__(self):
        self.log = open(os.path.join(self.folder, "log"), "w", encoding="utf-8")
        self.process = subprocess.Popen(
            [self.options.viaduct, "run", "--platform", "platform.yaml", "--config", "startup.cfg"],
            cwd=self.folder, stdout=self.log, stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + SECONDS_TO_START
        while self.try_console("show clock") is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise RuntimeError("the router does not start: " + open(self.log.name, encoding="utf-8").read()[-2000:])
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def try_console(self, command):
        done = subprocess.run(
            [self.options.viaduct, "console", "-s", self.socket, "-c", command], capture_output=True, text=True, check=False
        )
        return done.stdout if done.returncode == 0 else None

    def counters(self):
        before = time.monotonic()
        text = self.try_console("show interfaces json")
        if text is None:
            raise RuntimeError("no answer on the console")
        values = json.loads(text)
        values["at"] = (before + time.monotonic()) / 2
        return values


def sent(values):
    return next(i for i in values["interfaces"] if i["name"] == "FastEthernet0/1")["out_packets"]


def measure(router, seconds):
    """Mpps out of the second port; the drops in the measured time."""
    deadline = time.monotonic() + SECONDS_TO_START
    while sent(router.counters()) < 10000:
        if time.monotonic() > deadline:
            values = router.counters()
            raise RuntimeError("nothing comes out: " + str({k: v for k, v in values["drops"].items() if v}))
        time.sleep(0.1)
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


def run_cell(options, cell, captures):
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
    parser.add_argument("--list", action="store_true", help="print the cells' names")
    options = parser.parse_args()
    options.viaduct, options.idle = os.path.abspath(options.viaduct), "poll"
    if options.footprint is not None:
        resident, sas, static = footprint(options)
        print(f"viaduct run, 2 ports, {sas} SAs, {static} static routes, no hugepages: {resident:.0f} MB resident")
        return 1 if resident > options.footprint else 0
    cells = [c for c in table() if re.search(options.cells, c.name)]
    if options.list:
        print("\n".join(c.name for c in cells))
        return 0
    results = {"cells": {}, "ceiling": {}, "cipher": {}}
    failures = 0
    if not options.no_rig:
        failures += measure_rig(options, results)
    captures, rates, drops = {}, {c.name: [] for c in cells}, {}
    for _ in range(options.rounds):
        for cell in cells:
            try:
                rate, lost = run_cell(options, cell, captures)
                rates[cell.name].append(rate)
                if lost:
                    drops[cell.name] = lost
            except (RuntimeError, OSError) as error:
                print(f"{cell.name}: {error}", file=sys.stderr)
                failures += 1
    print(f"\n{'viaduct run, one worker':34} {'Mpps':>7} {'spread':>13} {'best peer':>10} {'ratio':>6}")
    for cell in cells:
        values = rates[cell.name]
        if not values:
            print(f"{cell.name:34} failed")
            continue
        middle = statistics.median(values)
        spread = f"{min(values):.1f}–{max(values):.1f}"
        print(f"{cell.name:34} {middle:7.2f} {spread:>13} {cell.best:10.1f} {middle / cell.best:6.2f}")
        results["cells"][cell.name] = {"mpps": middle, "rounds": values, "best_peer": cell.best, "drops": drops.get(cell.name, {})}
        if cell.name in drops:
            print(f"    refused: drops {drops[cell.name]}")
            failures += 1
    if options.json:
        with open(options.json, "w", encoding="ascii") as file:
            json.dump(results, file, indent=1)
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
