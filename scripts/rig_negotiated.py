"""The cells of scripts/rig.py whose SA no manual key can make: ESP in UDP, and GRE with tunnel protection.

    capture ──▶ FastEthernet0/0 [ measured ] FastEthernet0/1 ──▶ thrown away (10.0.1.1; 10.0.1.2 is a static ARP entry)
                                [  router  ] FastEthernet1/0 ══ memif ══ [ NAT ] ══ memif ══ [ peer ] 10.0.2.2, 20.0.0.2

Each box is a `viaduct run`. The capture's port is shut down while IKE makes the SA, by way of FastEthernet1/0, and a ping
goes through the tunnel and back. Then the helpers are killed, so that nobody says good-bye. The memif's link falls, and
with it the route to the peer; the floating one out of FastEthernet0/1 takes its place, and the port is brought up.
"""

import contextlib
import os
import re
import struct
import tempfile
import time

from rig_cells import read_pcap, write_pcap
from rig_router import SECONDS_TO_START, Router, interface, sent, wait_until

# The largest number of kilobytes that can be said: the default, 4.6 GB, is sent in a second or two.
IKE = """version 12.4
crypto isakmp policy 10
 encr aes
 authentication pre-share
 group 14
crypto isakmp key rig address 0.0.0.0 0.0.0.0
crypto ipsec security-association lifetime kilobytes 4294967295
crypto ipsec transform-set gcm esp-gcm
"""
PORTS = """interface FastEthernet0/0
 mac-address 0200.0000.0001
 ip address 10.0.0.1 255.255.255.0
 shutdown
interface FastEthernet1/0
 ip address 10.0.4.1 255.255.255.0
interface FastEthernet0/1
 mac-address 0200.0000.0002
 ip address 10.0.1.1 255.255.255.0
"""
ROUTES = """ip route 10.0.2.0 255.255.255.0 10.0.4.2
ip route 10.0.2.0 255.255.255.0 10.0.1.2 200
arp 10.0.1.2 0200.0000.0012 arpa
arp 10.0.0.2 0200.0000.0011 arpa
line con 0
end
"""
UDP_MEASURED = IKE + """hostname measured
crypto map out 10 ipsec-isakmp
 set peer 10.0.2.2
 set transform-set gcm
 match address flows
ip access-list extended flows
 permit ip any 20.0.0.0 0.255.255.255
""" + PORTS + """ crypto map out
ip route 20.0.0.0 255.0.0.0 10.0.1.2
""" + ROUTES
UDP_NAT = """version 12.4
hostname nat
interface FastEthernet0/0
 ip address 10.0.4.2 255.255.255.0
 ip nat inside
interface FastEthernet0/1
 ip address 10.0.2.1 255.255.255.0
 ip nat outside
ip nat inside source list 1 interface FastEthernet0/1 overload
access-list 1 permit 10.0.1.0 0.0.0.255
ip route 10.0.1.0 255.255.255.0 10.0.4.1
line con 0
end
"""
UDP_PEER = IKE + """hostname peer
crypto dynamic-map any 10
 set transform-set gcm
crypto map in 10 ipsec-isakmp dynamic any
interface Loopback0
 ip address 20.0.0.2 255.0.0.0
interface FastEthernet0/0
 ip address 10.0.2.2 255.255.255.0
 crypto map in
ip route 0.0.0.0 0.0.0.0 10.0.2.1
line con 0
end
"""
GRE_PROFILE = """ mode transport
crypto ipsec profile guard
 set transform-set gcm
"""
GRE_MEASURED = IKE + GRE_PROFILE + "hostname measured\n" + PORTS + """interface Tunnel0
 ip address 10.9.0.1 255.255.255.0
 tunnel source FastEthernet0/1
 tunnel destination 10.0.2.2
 tunnel protection ipsec profile guard
ip route 20.0.0.0 255.0.0.0 Tunnel0
""" + ROUTES
GRE_PEER = IKE + GRE_PROFILE + """hostname peer
interface Loopback0
 ip address 20.0.0.2 255.0.0.0
interface Loopback1
 ip address 10.0.2.2 255.255.255.255
interface FastEthernet0/0
 ip address 10.0.4.2 255.255.255.0
interface Tunnel0
 ip address 10.9.0.2 255.255.255.0
 tunnel source Loopback1
 tunnel destination 10.0.1.1
 tunnel protection ipsec profile guard
ip route 0.0.0.0 0.0.0.0 10.0.4.1
line con 0
end
"""


def memif(number, role, socket):
    return f"net_memif{number},role={role},socket={socket},socket-abstract=no"


class Tunnel:
    """A measured router with an SA that IKE made; a context."""

    def __init__(self, options, cell, second_port):
        self.options, self.cell, self.second_port = options, cell, second_port
        self.stack = contextlib.ExitStack()
        self.helpers = []

    def __enter__(self):
        with contextlib.ExitStack() as building:
            self.top = building.enter_context(tempfile.TemporaryDirectory(prefix="viaduct-rig-"))
            capture = os.path.join(self.top, "in.pcap")
            write_pcap(capture, self.cell.clear_frames())
            wires = [os.path.join(self.top, f"memif{i}") for i in range(2)]
            udp = self.cell.kind == "esp-udp"
            # A memif's server first: a client without one does not start.
            self.router = building.enter_context(self.start(
                "measured", UDP_MEASURED if udp else GRE_MEASURED, f"net_pcap0,rx_pcap={capture},infinite_rx=1",
                self.second_port, memif(0, "server", wires[0])))
            if udp:
                self.help(building, "nat", UDP_NAT, memif(0, "client", wires[0]), memif(1, "server", wires[1]))
            self.help(building, "peer", UDP_PEER if udp else GRE_PEER, memif(0, "client", wires[-1 if udp else 0]))
            self.set_up()
            self.stack = building.pop_all()
        return self

    def __exit__(self, *error):
        return self.stack.__exit__(*error)

    def start(self, name, configuration, *ports, helper=False):
        folder = os.path.join(self.top, name)
        os.mkdir(folder)
        return Router(self.options, folder, configuration, *ports, helper=helper)

    def help(self, building, name, configuration, *ports):
        self.helpers.append(building.enter_context(self.start(name, configuration, *ports, helper=True)))

    def set_up(self):
        """The first packet makes the SA; the tunnel stands when all of a later ping's come back."""
        for router in [self.router, *self.helpers]:
            name = "FastEthernet1/0" if router is self.router else "FastEthernet0/0"
            wait_until(lambda r=router, n=name: interface(r.counters(), n)["line_up"], "a memif has no link")
        wait_until(lambda: "!!!!!" in self.router.console("ping 20.0.0.2 timeout 1"), "no ping through the tunnel")
        words = "UDP-Encaps" if self.cell.kind == "esp-udp" else "Transport"
        text = self.router.console("show crypto ipsec sa")
        if words not in text:
            raise RuntimeError(f"the SA is not as the cell says ({words}): " + text)
        self.spi = outbound_spi(self.router)

    def leave_peer(self):
        for helper in self.helpers:
            helper.kill()
        wait_until(lambda: not interface(self.router.counters(), "FastEthernet1/0")["line_up"], "the memif's link stays up")
        wait_until(lambda: "[200/0] via 10.0.1.2" in self.router.console("show ip route"), "the route to the peer does not move")

    def let_in(self):
        self.router.console("configure terminal", "interface FastEthernet0/0", "no shutdown", "end")

    def burst(self):
        """Some thousand packets of the capture; how many."""
        first = last = encrypted(self.router)
        deadline = time.monotonic() + SECONDS_TO_START
        while last < first + 1000:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{last - first} packets were encrypted")
            self.let_in()
            self.router.console("configure terminal", "interface FastEthernet0/0", "shutdown", "end")
            while last != (last := encrypted(self.router)):
                time.sleep(0.1)
        return last - first

    def check_same_sa(self):
        if outbound_spi(self.router) != self.spi:
            raise RuntimeError("the SA was made anew in the measured time")


def number_of(router, expression, base=10):
    text = router.console("show crypto ipsec sa")
    found = re.findall(expression, text)
    if len(found) != 1:
        raise RuntimeError(f"{len(found)} pairs of SAs instead of one: " + text)
    return int(found[0], base)


def outbound_spi(router):
    return number_of(router, r"current outbound spi: ([0-9A-F]+)", 16)


def encrypted(router):
    return number_of(router, r"#pkts encrypt: (\d+)")


def decrypted(router):
    return number_of(router, r"#pkts decrypt: (\d+)")


def on_the_way(routers):
    """Packets that were encrypted and have not been decrypted, nor dropped because a memif was full."""
    dropped = sum(router.counters()["drops"]["tx_queue_full"] for router in routers[:-1])
    return encrypted(routers[0]) - decrypted(routers[-1]) - dropped


def esp_of(kind, frame):
    """SPI and sequence number of a frame on the wire; None if it is not ESP in the cell's way."""
    ip = frame[14:]
    if frame[12:14] != b"\x08\x00" or ip[16:20] != bytes((10, 0, 2, 2)):
        return None
    if kind == "esp-udp":
        if ip[9] != 17 or struct.unpack_from("!HH", ip, 20) != (4500, 4500) or ip[26:28] != b"\0\0":
            return None
        ip = ip[8:]
    elif ip[9] != 50:
        return None
    return struct.unpack_from("!II", ip, 20) if len(ip) >= 28 else None


def verify(options, cell):
    """What the cell sends is right: a burst of the capture that the living peer decrypts, every packet that was not dropped
    and counted on its way; and one after the peer has gone, seen on the wire, every packet that was counted as encrypted,
    in order. Returns both numbers."""
    with tempfile.TemporaryDirectory(prefix="viaduct-rig-") as folder:
        wire = os.path.join(folder, "wire.pcap")
        with Tunnel(options, cell, f"net_pcap1,tx_pcap={wire}") as tunnel:
            routers = [tunnel.router, *tunnel.helpers]
            peer = tunnel.helpers[-1]
            first = decrypted(peer)
            tunnel.burst()
            wait_until(lambda: on_the_way(routers) == 0,
                       lambda: f"{on_the_way(routers)} of {encrypted(tunnel.router)} encrypted packets were not decrypted", 10)
            arrived = decrypted(peer) - first
            bad = {k: v for k, v in peer.counters()["drops"].items() if v and k.startswith("esp_in")}
            if bad or arrived == 0:
                raise RuntimeError(f"the peer decrypted {arrived} packets and refused {bad}")
            tunnel.leave_peer()
            before, sent_before = encrypted(tunnel.router), sent(tunnel.router.counters())
            count = tunnel.burst()
            out = sent(tunnel.router.counters()) - sent_before
            tunnel.check_same_sa()
        seen = [esp_of(cell.kind, f) for f in read_pcap(wire)]
    wanted = [(tunnel.spi, before + 1 + i) for i in range(count)]
    if [f for f in seen if f] != wanted or not count <= out <= count + 5:
        raise RuntimeError(f"{count} packets were encrypted, {len(seen)} seen, {out} counted; first {seen[:3]}, last {seen[-3:]}")
    return arrived, count
