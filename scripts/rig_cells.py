"""The cells of scripts/rig.py: for each line of the table a configuration, and the frames that go in."""

import struct

IMIX = [64] * 7 + [576] * 4 + [1420]
GCM_KEY = bytes(range(20))  # 16 of the key, 4 of the salt
CBC_KEY = bytes(range(16))
SHA_KEY = bytes(range(20))


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
        words = {"forward": "routes", "gre": "tunnels", "gre-protected": "tunnels", "nat": "flows"}
        return " ".join(filter(None, [self.kind, self.cipher, self.size])) + f" {self.count} {words.get(self.kind, 'SAs')}"

    @property
    def negotiated(self):
        """Its SA comes from IKE with a peer: rig_negotiated.py."""
        return self.kind in ("esp-udp", "gre-protected")

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
    for kind, bests in (("esp-udp", (7.9, 6.3, 3.9)), ("gre-protected", (8.4, 6.2, 3.8))):
        cells += [Cell(kind, "gcm", size, 1, best) for size, best in zip(("64", "imix", "1420"), bests)]
    cells += [Cell("nat", "", "64", 1024, 13.8), Cell("nat", "", "64", 65536, 5.3)]
    return cells
