"""A host that exists only as raw frames: TCP as no operating system would do it.

The gateway knows its address by a static neighbor entry; the kernel never sees the answers as its own.
"""

import socket
import struct
import time

ADDRESS, MAC = "192.0.2.66", bytes.fromhex("020000000066")
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Ghost:
    def __init__(self, interface, gateway_mac):
        self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        self.wire.bind((interface, 0x0800))
        self.wire.setsockopt(263, 1, struct.pack("iHH8s", socket.if_nametoindex(interface), 1, 0, b""))
        self.gateway = bytes.fromhex(gateway_mac.replace(":", ""))

    def send(self, server, sport, dport, flags, sequence, acknowledged=0, data=b""):
        options = b"\x02\x04\x05\xb4" if flags & SYN else b""
        there = socket.inet_aton(server)
        head = struct.pack(
            "!HHIIBBHHH", sport, dport, sequence, acknowledged, (20 + len(options)) << 2, flags, 64240, 0, 0
        )
        segment = head + options + data
        pseudo = socket.inet_aton(ADDRESS) + there + struct.pack("!BBH", 0, 6, len(segment))
        segment = segment[:16] + struct.pack("!H", checksum(pseudo + segment)) + segment[18:]
        packet = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), sport, 0x4000, 64, 6, 0)
        packet += socket.inet_aton(ADDRESS) + there
        packet = packet[:10] + struct.pack("!H", checksum(packet)) + packet[12:]
        self.wire.send(self.gateway + MAC + b"\x08\x00" + packet + segment)

    def receive(self, sport, wanted, timeout=2.0):
        """The sequence number of the next segment to `sport` with all of the flags `wanted`."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            self.wire.settimeout(left)
            try:
                frame = self.wire.recv(65535)
            except TimeoutError:
                break
            if frame[:6] == MAC and frame[23] == 6:
                _, port, sequence, _, _, flags = struct.unpack("!HHIIBB", frame[34:48])
                if port == sport and flags & wanted == wanted:
                    return sequence
        return None

    def half_open(self, server, sport, dport):
        """SYN; the SYN-ACK is never acknowledged."""
        self.send(server, sport, dport, SYN, 1000)

    def syn_scan(self, server, sport, dport):
        """SYN, SYN-ACK, RST: a port scanner's probe."""
        self.send(server, sport, dport, SYN, 2000)
        if self.receive(sport, SYN | ACK) is not None:
            self.send(server, sport, dport, RST, 2001)

    def vanish(self, server, sport, dport, data):
        """A connection whose client falls silent for ever after it has sent something."""
        self.send(server, sport, dport, SYN, 3000)
        theirs = self.receive(sport, SYN | ACK)
        if theirs is not None:
            self.send(server, sport, dport, ACK, 3001, theirs + 1)
            self.send(server, sport, dport, ACK | PSH, 3001, theirs + 1, data)
            answer = self.receive(sport, ACK | PSH)
            if answer is not None:
                self.send(server, sport, dport, ACK, 3001 + len(data), answer + len(data))

    def without_syn(self, server, sport, dport, data):
        """Data out of nowhere: no SYN was ever sent."""
        self.send(server, sport, dport, ACK | PSH, 4000, 4242, data)
