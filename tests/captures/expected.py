#!/usr/bin/env python3
"""Groups the packets that expected.sh reads with tshark into sessions, and says how each should be logged.

The grouping of TCP is tshark's (tcp.stream); UDP, ICMP and other protocols are cut by idle time. Everything
about an end is read off the flags on the wire; everything about an application is known because the port says
what was run there.
"""

import sys
from collections import namedtuple

FIELDS = (
    "number time length src4 dst4 src6 dst6 protocol"
    " tcp_stream tcp_source tcp_destination tcp_flags tcp_length udp_stream udp_source udp_destination"
    " icmp_type icmp_identifier icmp6_type icmp6_identifier whole4 whole6 repeated disordered sequence"
)
Packet = namedtuple("Packet", FIELDS)
FIN, SYN, RST, ACK = 1, 2, 4, 16
# Seconds: the default time-outs of the product.
INIT, UDP, QUIC, ICMP, OTHER, TIME_WAIT = 5, 30, 120, 6, 30, 15
BARE = {"47": ("gre", "gre"), "50": ("esp", "ipsec-esp")}


class Session:
    def __init__(self, protocol, packet, source_port, destination_port):
        self.protocol, self.source, self.destination = protocol, source_of(packet), destination_of(packet)
        self.source_port, self.destination_port = source_port, destination_port
        self.packets, self.errors, self.fragments = [], 0, 0
        self.reused = self.stale = False

    def sent(self, packet):
        return source_of(packet) == self.source

    def flags(self):
        return [("c" if self.sent(packet) else "s", int(packet.tcp_flags, 16)) for packet in self.packets]


def source_of(packet):
    return packet.src4 or packet.src6


def destination_of(packet):
    return packet.dst4 or packet.dst6


def key_of(packet):
    """Protocol, a name for the conversation, two ports, idle time-out; None where nothing is a session."""
    if packet.icmp_type in ("3", "5", "11", "12") or (packet.icmp6_type and int(packet.icmp6_type) < 128):
        return None
    if packet.icmp_type in ("0", "8") or packet.icmp6_type in ("128", "129"):
        identifier = int(packet.icmp_identifier or packet.icmp6_identifier, 0)
        return ("icmp" if packet.icmp_type else "icmp6", identifier, identifier, 0, ICMP)
    if packet.icmp_type or packet.icmp6_type:
        return None
    if packet.tcp_stream:
        return ("tcp", int(packet.tcp_stream), int(packet.tcp_source), int(packet.tcp_destination), None)
    if packet.udp_stream:
        ports = int(packet.udp_source), int(packet.udp_destination)
        ends = frozenset(((source_of(packet), ports[0]), (destination_of(packet), ports[1])))
        return ("udp", ends, *ports, QUIC if 443 in ports else UDP)
    if packet.protocol in BARE:
        return (BARE[packet.protocol][0], frozenset((packet.src4, packet.dst4)), 0, 0, OTHER)
    return None


def gather(packets):
    sessions, current, where, by_stream, last_by_ports = [], {}, {}, {}, {}
    for packet in packets:
        key = key_of(packet)
        if key is None:
            continue
        name, patience = key[:2], key[4]
        session = current.get(name)
        if session and patience and float(packet.time) - float(session.packets[-1].time) > patience:
            session = None
        if session and key[0] == "tcp" and all(flags == SYN for _, flags in session.flags()):
            if float(packet.time) - float(session.packets[-1].time) > INIT:
                session = None
        if session is None:
            session = Session(key[0], packet, key[2], key[3])
            sessions.append(session)
            current[name] = session
            if key[0] == "tcp":
                ports = (session.source, session.destination, key[2], key[3])
                if ports in last_by_ports and (int(packet.tcp_flags, 16) & (SYN | ACK)) == SYN:
                    older = last_by_ports[ports]
                    silence = float(packet.time) - float(older.packets[-1].time)
                    older.reused = older.packets[0].tcp_stream != packet.tcp_stream and silence < TIME_WAIT
                last_by_ports[ports] = session
        session.packets.append(packet)
        where[packet.number] = session
        by_stream[packet.tcp_stream, packet.udp_stream] = session
    for packet in packets:
        whole = packet.whole4 or packet.whole6
        if whole and whole in where and packet.number not in where:
            where[whole].packets.append(packet)
            where[whole].fragments += 1
        if key_of(packet) is None and (packet.tcp_stream or packet.udp_stream):
            about = by_stream.get((packet.tcp_stream, packet.udp_stream))
            if about:
                about.errors += 1
    return sessions


def ends_of(session):
    return session.source, session.source_port, session.destination, session.destination_port


def settle_stale(sessions):
    """SYN, challenge ACK and RST still belong to the connection that the server had not forgotten.

    tshark begins a new stream with the first SYN, the server a new connection with the second.
    """
    connections = sorted((session for session in sessions if session.protocol == "tcp"), key=ends_of)
    for older, newer in zip(connections, connections[1:]):
        if ends_of(older) == ends_of(newer) and newer.flags()[:4] == [
            ("c", SYN),
            ("s", ACK),
            ("c", RST),
            ("c", SYN),
        ]:
            older.packets += newer.packets[:3]
            newer.packets = newer.packets[3:]
            older.stale, older.reused = True, False


def established(session):
    """Whether SYN, SYN-ACK and the client's ACK were all seen."""
    step = 0
    for side, flags in session.flags():
        if step == 0 and side == "c" and flags & (SYN | ACK) == SYN:
            step = 1
        elif step == 1 and side == "s" and flags & (SYN | ACK) == SYN | ACK:
            step = 2
        elif step == 2 and side == "c" and flags & ACK and not flags & RST:
            return True
    return False


def with_syn(session):
    return session.flags()[0][1] & (SYN | ACK) == SYN


def end_reason(session):
    if session.protocol != "tcp":
        return "aged-out", ""
    if not with_syn(session):
        return "-", "no SYN"
    resets = [number for number, (_, flags) in enumerate(session.flags()) if flags & RST]
    fins = [number for number, (_, flags) in enumerate(session.flags()) if flags & FIN]
    if session.reused:
        return ("tcp-reuse", "closed, then opened again") if fins and not resets else ("-", "opened again")
    if not resets:
        return ("tcp-fin", "") if fins else ("aged-out", "never closed")
    if session.stale:
        return "tcp-rst-from-client", "stale: opened again, challenge ACK, RST"
    sides = {session.flags()[number][0] for number in resets}
    if fins and fins[0] < resets[0]:
        return "-", "RST after FIN"
    if len(sides) == 2:
        return "-", "RST from both"
    return f"tcp-rst-from-{'client' if sides == {'c'} else 'server'}", ""


def application(session, services):
    if session.protocol in ("icmp", "icmp6"):
        return {"icmp": "ping", "icmp6": "ping6"}[session.protocol], ""
    for name, app in BARE.values():
        if session.protocol == name:
            return app, ""
    if session.protocol == "tcp" and not with_syn(session):
        return "-", ""
    if session.protocol == "tcp" and not (
        established(session) and any(int(p.tcp_length or 0) for p in session.packets)
    ):
        return "incomplete", ""
    known = services.get((session.protocol, session.destination_port))
    if known:
        return known, ""
    ends = session.source, session.destination
    if session.protocol == "udp" and any(end.endswith((".60", "::60")) for end in ends):
        return "rtp-base", ""
    if any(end in ("198.51.100.21", "2001:db8:2::21") for end in ends):
        return "-", "ftp data"
    if any(end in ("198.51.100.69", "2001:db8:2::69") for end in ends):
        return "-", "tftp data"
    return "-", "traceroute" if session.protocol == "udp" and session.destination_port > 33000 else ""


def line(session, services):
    session.packets.sort(key=lambda packet: int(packet.number))
    app, first = application(session, services)
    end, second = end_reason(session)
    notes = [first, second]
    if session.fragments:
        notes.append("fragments")
    if session.errors:
        notes.append(f"{session.errors} ICMP errors not counted")
    if any(packet.repeated for packet in session.packets):
        notes.append("retransmission")
    if any(packet.disordered for packet in session.packets):
        notes.append("out of order")
    sent = [int(packet.length) for packet in session.packets if session.sent(packet)]
    received = [int(packet.length) for packet in session.packets if not session.sent(packet)]
    columns = [
        session.protocol,
        session.source,
        session.source_port,
        session.destination,
        session.destination_port,
        len(sent),
        len(received),
        sum(sent),
        sum(received),
        app,
        end,
        session.packets[0].number,
        "; ".join(note for note in notes if note) or "-",
    ]
    return "\t".join(map(str, columns))


def main():
    services = {}
    with open(sys.argv[1], encoding="ascii") as table:
        for row in table:
            if not row.startswith("#"):
                protocol, port, app, _ = row.split("\t")
                services[protocol, int(port)] = app
    packets = [Packet(*row.rstrip("\n").split("\t")) for row in sys.stdin]
    print(
        "proto\tsrc\tsport\tdst\tdport\tpkts_sent\tpkts_received\tbytes_sent\tbytes_received\texpected_app"
        "\texpected_end_reason\tfirst_frame\tnote"
    )
    sessions = gather(packets)
    settle_stale(sessions)
    for session in sessions:
        print(line(session, services))


main()
