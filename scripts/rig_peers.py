"""Public programs beside ours, on the same machine in the same minute: for scripts/rig.py --peers FOLDER, with what
scripts/peers has built there. DPDK's l3fwd plays the forwarding cells, its ipsec-secgw those of ESP with manual keys; every
mode that a user could choose is run in every round, on the rig's ports and captures, and the best mode counts. Within a
round ours and theirs take turns on the worker's core: a machine that slows down for a second slows all of them.
Before a mode is measured for the first time, what it makes of each frame is caught and looked at.
"""

import contextlib
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import tempfile
import time

from rig_cells import CBC_KEY, GCM_KEY, SHA_KEY, Cell, read_pcap, write_pcap
from rig_router import Router, sent, wait_until

NEXT_HOP = "02:00:00:00:00:12"
SLICE = 0.1  # seconds of a turn
LOST_AT_MOST = 0.01  # of what came in, within the measured time; what is in flight at its ends is far less


class Mode:
    """A way to run a program: its name in the table, the program, the crypto device, its arguments, what stands after each SA."""

    def __init__(self, name, program, *arguments, device=None, sa=""):
        self.name, self.program, self.arguments, self.device, self.sa = name, program, arguments, device, sa


def modes(cell):
    if cell.kind == "forward":
        return [Mode(f"l3fwd {lookup}", "l3fwd", "--lookup", lookup) for lookup in ("lpm", "fib")]
    if cell.kind in ("esp-out", "esp-in"):
        device = "crypto_aesni_gcm0" if cell.cipher == "gcm" else "crypto_aesni_mb0"
        return [
            Mode("secgw legacy", "ipsec-secgw", device=device),
            Mode("secgw library", "ipsec-secgw", "-l", "-w", "0", device=device),
            Mode("secgw cpu-crypto", "ipsec-secgw", "-l", "-w", "0", device=device, sa=" type cpu-crypto"),
        ]
    return []


def gateway_configuration(cell, mode):
    """ipsec-secgw's file: the SAs of Cell.crypto_map, both directions, a policy for each, the route behind them."""
    if cell.cipher == "gcm":
        keys = f"aead_algo aes-128-gcm aead_key {GCM_KEY.hex(':')}"
    else:
        keys = f"cipher_algo aes-128-cbc cipher_key {CBC_KEY.hex(':')} auth_algo sha1-hmac auth_key {SHA_KEY.hex(':')}"
    this, other = ("in", "out") if cell.kind == "esp-in" else ("out", "in")
    any_port = "sport 0:65535 dport 0:65535"
    lines = []
    for i in range(cell.count):
        flow = f"20.{i >> 8}.{i & 255}.0/24"
        lines += [f"sp ipv4 {this} esp protect {10000 + i} pri 1 dst {flow} {any_port}"]
        lines += [f"sp ipv4 {other} esp protect {50000 + i} pri 1 src {flow} {any_port}"]
        lines += [f"sa {this} {10000 + i} {keys} mode ipv4-tunnel src 10.0.1.1 dst 10.0.2.2{mode.sa}"]
        lines += [f"sa {other} {50000 + i} {keys} mode ipv4-tunnel src 10.0.2.2 dst 10.0.1.1{mode.sa}"]
    behind = "20.0.0.0/8" if cell.kind == "esp-in" else "10.0.2.0/24"
    return "\n".join([*lines, f"rt ipv4 dst {behind} port 1", f"neigh port 1 {NEXT_HOP}", ""])


class Peer:
    """A peer's process in a folder of its own, which is its run-time folder, too."""

    def __init__(self, options, folder, cell, mode, frames, ports):
        self.folder, self.mode, self.socket = folder, mode, None
        path = os.path.join(options.peers, mode.program)
        core = options.core
        self.command = [path, "--no-huge", "-m", str(options.memory), "--no-pci", "-l", str(core)]
        for device in [*ports, *([mode.device] if mode.device else [])]:
            self.command += ["--vdev", device]
        self.command += ["--", "-p", "3", "-P"]
        if mode.program == "l3fwd":
            self.write("routes", "".join(f"R20.{i >> 8}.{i & 255}.0/24 1\n" for i in range(cell.count)))
            self.write("routes6", "R2001:0200:0000:0000:0000:0000:0000:0000/64 0\n")
            queue = min(65535, max(1024, len(frames) + 4096))  # its buffers are counted from this: the capture needs one each
            self.command += ["--config", f"(0,0,{core})", "--rule_ipv4=routes", "--rule_ipv6=routes6", "--parse-ptype"]
            self.command += [f"--eth-dest=1,{NEXT_HOP}", "--rx-queue-size", str(queue)]
        else:
            # Its SAs of a direction come to a core only with a port of that direction: the sending port is polled, too.
            self.write("gateway.cfg", gateway_configuration(cell, mode))
            self.command += ["--config", f"(0,0,{core}),(1,0,{core})", "-f", "gateway.cfg", "-s", str(len(frames) + 16384)]
            self.command += ["-u", "1" if cell.kind == "esp-in" else "2"]
            self.command += ["-c", str(128 if cell.count <= 128 else 1024)]  # its cache of inbound SAs: all of them fit
        self.command += mode.arguments

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="ascii") as file:
            file.write(text)

    def __enter__(self):
        self.log = open(os.path.join(self.folder, "log"), "w", encoding="utf-8")
        self.process = subprocess.Popen(self.command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT, env={**os.environ, "RUNTIME_DIRECTORY": self.folder})
        try:
            wait_until(self.connects, lambda: "does not start: " + self.last_words())
        except BaseException:
            self.__exit__()
            raise
        return self

    def connects(self):
        if self.process.poll() is not None:
            raise RuntimeError("ends at once: " + self.last_words())
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            channel.connect(os.path.join(self.folder, "dpdk", "rte", "dpdk_telemetry.v2"))
            channel.settimeout(5)
            channel.recv(65536)  # it says who it is
        except OSError:
            channel.close()
            return False
        self.socket = channel
        return True

    def __exit__(self, *_):
        """Asked to end it closes its ports, which writes what they caught."""
        if self.socket:
            self.socket.close()
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def last_words(self):
        with open(self.log.name, encoding="utf-8", errors="replace") as file:
            text = file.read()
        cause = re.search(r"Cause: *(.*)", text)
        return cause.group(1) if cause else text[-200:].strip()

    def stats(self, port):
        """The driver's counters, with the time at which they were taken; empty while there is no such port."""
        before = time.monotonic()
        try:
            self.socket.send(f"/ethdev/stats,{port}".encode())
            values = json.loads(self.socket.recv(65536))["/ethdev/stats"] or {}
        except (OSError, ValueError) as error:
            raise RuntimeError("has ended: " + self.last_words()) from error
        values["at"] = (before + time.monotonic()) / 2
        return values

    def sent(self):
        return self.stats(1).get("opackets", 0)

    def counters(self):
        came, left = self.stats(0), self.stats(1)
        return {"came": came["ipackets"], "sent": left["opackets"], "errors": left["oerrors"], "at": left["at"]}


class Turn:
    """A program that takes turns on the worker's core: it stands still between them. `counters` gives what it has counted
    so far, with the time `at` which."""

    def __init__(self, process, counters):
        self.process, self.counters, self.ran, self.first, self.last = process, counters, 0.0, None, None
        self.stop()

    def stop(self):
        self.process.send_signal(signal.SIGSTOP)

    def go(self):
        self.process.send_signal(signal.SIGCONT)

    def take(self, seconds, is_last):
        self.go()
        begin = time.monotonic()
        if self.first is None:
            self.first = self.counters()
            begin = self.first["at"]
        time.sleep(seconds)
        if is_last:
            self.last = self.counters()
        self.stop()
        self.ran += (self.last["at"] if is_last else time.monotonic()) - begin

    def grew(self, name):
        return self.last[name] - self.first[name]


def take_turns(turns, seconds):
    """Each runs for about `seconds`, in slices: what slows the machine for longer than that slows all of them."""
    count = max(2, round(seconds / SLICE))
    for i in range(count):
        for turn in turns:
            turn.take(seconds / count, i == count - 1)


def caught(options, cell, mode, frames):
    """What the peer makes of the frames, each played once."""
    with tempfile.TemporaryDirectory(prefix="viaduct-rig-") as folder:
        capture, wire = os.path.join(folder, "in.pcap"), os.path.join(folder, "wire.pcap")
        write_pcap(capture, frames)
        with Peer(options, folder, cell, mode, frames, [f"net_pcap0,rx_pcap={capture}", f"net_pcap1,tx_pcap={wire}"]) as peer:
            wait_until(lambda: peer.sent() >= len(frames), lambda: f"{peer.sent()} of {len(frames)} packets came out")
        return read_pcap(wire)


def decrypted_by_ours(options, cell, frames):
    """What our inbound router makes of a peer's ESP."""
    with tempfile.TemporaryDirectory(prefix="viaduct-rig-") as folder:
        capture, wire = os.path.join(folder, "in.pcap"), os.path.join(folder, "wire.pcap")
        write_pcap(capture, [bytes.fromhex("020000000001020000000099") + f[12:] for f in frames])
        inbound = Cell("esp-in", cell.cipher, cell.size, cell.count, 0)
        with Router(options, folder, inbound.inbound_configuration(), f"net_pcap0,rx_pcap={capture},infinite_rx=0",
                    f"net_pcap1,tx_pcap={wire}") as router:
            wait_until(lambda: sent(router.counters()) >= len(frames),
                       lambda: f"ours decrypts {sent(router.counters())} of {len(frames)} packets")
        return [f for f in read_pcap(wire) if f[12:14] == b"\x08\x00"]  # without its own ARP


def inner(frame):
    """The IPv4 packet without the octets that a router changes: type of service, time to live, checksum."""
    return frame[16:22] + frame[23:24] + frame[26:]


def check(options, cell, mode, frames):
    """Every frame comes out as it should, in any order; a RuntimeError if not."""
    out = caught(options, cell, mode, frames)
    clear = cell.clear_frames()
    if {f[:6] for f in out} != {bytes.fromhex(NEXT_HOP.replace(":", ""))}:
        raise RuntimeError("not everything goes to the next hop")
    if cell.kind == "esp-out":
        spis = {int.from_bytes(f[34:38], "big") for f in out if f[23] == 50}
        if spis != set(range(10000, 10000 + cell.count)) or any(f[23] != 50 for f in out):
            raise RuntimeError(f"what comes out is not ESP of the {cell.count} SAs")
        out = decrypted_by_ours(options, cell, out)
    if sorted(map(inner, out)) != sorted(map(inner, clear)):
        raise RuntimeError("what comes out is not what went in")


def router_counters(router):
    values = router.counters()
    return {"sent": sent(values), "drops": values["drops"], "at": values["at"]}


class Peers:
    """The rates of all modes of the cells, over the rounds."""

    def __init__(self, options):
        self.options, self.rates, self.errors, self.checked = options, {}, {}, {}
        if options.peers:
            options.peers = os.path.abspath(options.peers)
            for program in ("l3fwd", "ipsec-secgw"):
                if not os.access(os.path.join(options.peers, program), os.X_OK):
                    raise SystemExit(f"rig.py: no {program} in {options.peers} (scripts/peers {options.peers})")

    def play(self, cell):
        return bool(self.options.peers and modes(cell))

    def measure(self, cell, router, frames):
        """A round: our router, which is running already, and all modes take turns. Ours: Mpps out of the second port; the
        drops in that time. The modes' rates are kept here."""
        wait_until(lambda: sent(router.counters()) > 10000, "nothing comes out")
        ours = Turn(router.process, lambda: router_counters(router))
        with contextlib.ExitStack() as stack:
            stack.callback(ours.go)
            theirs = {}
            for mode in modes(cell):
                try:
                    self.check_once(cell, mode, frames)
                    theirs[mode.name] = self.start(stack, cell, mode, frames)
                except (RuntimeError, OSError) as error:
                    self.errors[cell.name, mode.name] = str(error)
            take_turns([ours, *theirs.values()], self.options.seconds)
        for name, turn in theirs.items():
            if turn.grew("sent") < turn.grew("came") * (1 - LOST_AT_MOST) or turn.grew("errors"):
                self.errors[cell.name, name] = f"loses packets: {turn.grew('came')} came in, {turn.grew('sent')} went out"
            else:
                self.rates.setdefault((cell.name, name), []).append(turn.grew("sent") / turn.ran / 1e6)
        drops = {k: v - ours.first["drops"][k] for k, v in ours.last["drops"].items() if v > ours.first["drops"][k]}
        return ours.grew("sent") / ours.ran / 1e6, drops

    def start(self, stack, cell, mode, frames):
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="viaduct-rig-"))
        capture = os.path.join(folder, "in.pcap")
        write_pcap(capture, frames)
        ports = [f"net_pcap0,rx_pcap={capture},infinite_rx=1", "net_null0,no-rx=1"]
        peer = stack.enter_context(Peer(self.options, folder, cell, mode, frames, ports))
        wait_until(lambda: peer.sent() > 10000, lambda: "nothing comes out: " + peer.last_words())
        return Turn(peer.process, peer.counters)

    def check_once(self, cell, mode, frames):
        """Once for each program, direction, cipher and number of SAs: a second size shows nothing new."""
        key = (cell.kind, cell.cipher, cell.count, mode.name)
        if key not in self.checked:
            self.checked[key] = None
            try:
                check(self.options, cell, mode, frames)
            except RuntimeError as error:
                self.checked[key] = str(error)
        if self.checked[key]:
            raise RuntimeError(self.checked[key])

    def rounds(self, cell):
        found = {mode.name: self.rates.get((cell.name, mode.name)) for mode in modes(cell)}
        return {name: values for name, values in found.items() if values}

    def heading(self):
        return f" {'peer here':>10} {'spread':>13} {'ratio':>6}  its best mode" if self.options.peers else ""

    def columns(self, cell, ours):
        """What stands behind our figures."""
        if not self.options.peers:
            return ""
        nothing = f" {'–':>10} {'–':>13} {'–':>6}  "
        if not modes(cell):
            return nothing + "no peer here does it"
        rounds = self.rounds(cell)
        failed = "; ".join(f"{mode.name}: {self.errors[cell.name, mode.name]}" for mode in modes(cell)
                           if (cell.name, mode.name) in self.errors)
        if not rounds:
            return nothing + failed
        best = max(rounds, key=lambda name: statistics.median(rounds[name]))
        middle, spread = statistics.median(rounds[best]), f"{min(rounds[best]):.1f}–{max(rounds[best]):.1f}"
        return f" {middle:10.2f} {spread:>13} {ours / middle:6.2f}  {best}" + (f" ({failed})" if failed else "")
