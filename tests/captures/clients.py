#!/usr/bin/env python3
"""The clients of the sample capture. Usage: clients.py WORK ROLE, inside the client's namespace.

Every role has a plan: tasks that seeded dice deal out over the length of the capture.
"""

import os
import ssl
import sys
import threading
import time

import tasks as do
from tasks import DICE, ROLE, noise, v4, v6

START = float(os.environ["CAPTURE_START"])
SPREAD = 105


def everyday(both):
    """What every client does, but for a fifth that each leaves out.

    `both` holds the functions for a server's IPv4 and IPv6 address; they take turns.
    """
    turn = iter(range(1000))

    def host(digits):
        return both[next(turn) % 2](digits)

    def url(scheme, rest):
        return f"-{'46'[next(turn) % 2]} {scheme}://www.example.org{rest}"

    tls12, tls13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    plan = [
        (do.dig, question)
        for question in (
            "www.example.org A",
            "mail.example.org AAAA",
            "example.org MX",
            "nothing.example.org A",
            "no-such-name.example A",
            "+tcp www.example.org A",
            f"@{v6(53)} ftp.example.org A",
            f"@{v6(53)} +tcp example.org TXT",
        )
    ]
    plan += [
        (do.curl, url("http", path))
        for path in ("/", "/", "/news", "/missing", "/moved", "/chunked", ":8080/status")
    ]
    plan += [(do.curl, "-I " + url("http", "/")), (do.curl, "-d 'name=alice&age=30' " + url("http", "/form"))]
    plan += [(do.curl, f"-{'46'[next(turn) % 2]} -x http://proxy.example.org:3128 https://www.example.org/")]
    plan += [(do.keep_alive, host(80), 3, 0.4), (do.keep_alive, host(80), 2, 6.5)]
    plan += [
        (do.curl, f"--tlsv1.3 {url('https', '/')}"),
        (do.curl, f"--tls-max 1.2 {url('https', '/account')}"),
    ]
    plan += [
        (do.https, host(80), 443, "shop.example.org", tls13),
        (do.https, host(80), 443, "www.example.org", tls12, ("/a", "/b")),
    ]
    plan += [
        (do.https, host(80), 8443, "old.example.org", tls12),
        (do.https, host(80), 9443, "new.example.org", tls13),
    ]
    plan += [(do.https, host(80), 9443, "new.example.org", tls12), (do.untrusted, host(80))]
    plan += [(do.quic, host(80), "video.example.org", 2), (do.quic, host(80), "www.example.org")]
    plan += [
        (do.ntp, host(123)),
        (do.ntp, host(123), 123),
        (do.syslog, host(14), 3),
        (do.snmp, v4(161)),
        (do.stun, host(78)),
    ]
    plan += [
        (do.smtp, host(25), 25),
        (do.pop3, host(25)),
        (do.imap, host(25)),
        (do.ldap, host(89)),
        (do.redis, host(63), "SET greeting hello"),
    ]
    plan += [
        (do.mysql, v4(33), "select * from goods"),
        (do.postgres, host(32), "select * from goods"),
        (do.ssh, host(22), "uptime"),
    ]
    plan += [
        (do.ping, f"-c 3 {v4(80)}"),
        (do.ping, f"-c 3 {v6(80)}"),
        (do.closed_port, host(90), 9199),
        (do.black_hole, host(90), 9198, 3),
    ]
    left_out = ("c1", "c2", "c3", "c4", "far").index(ROLE)
    return [task for number, task in enumerate(plan) if number % 5 != left_out]


def special():
    """What only one client does."""
    plans = {
        "c1": [
            (do.dhcp_exchange,),
            (do.mdns, False),
            (do.mdns, True),
            (do.ftp, v4(21), True),
            (do.ftp, v6(21), True),
            (do.tftp, "boot.cfg"),
            (do.traceroute, v4(80)),
            (do.traceroute, f"-I {v4(80)}"),
            (do.half_close, v4(90)),
            (do.half_close, v6(90)),
            (do.kerberos, "udp"),
            (do.sip_call, v4(60), 5060, 40000),
            (do.sip_register, v6(60)),
            (do.ike, v4(50)),
            (do.bittorrent, v4(68)),
            (do.dht, v4(68)),
            (do.connect_only, v4(90), 9001),
            (do.server_ends, v4(90), 9002),
            (do.server_ends, v4(90), 9003),
            (do.server_ends, v4(90), 9005, noise(90)),
            (do.chatter, v4(90), 9004, [450] * 6),
            (do.chatter, v4(90), 9012, [40]),
            (do.client_resets, v4(90), 9004),
            (do.reuse, v4(90), 41001),
            (do.stale, v4(90), 41011),
            (do.datagrams, v4(90), 9100, [300] * 8),
            (do.datagrams, v4(90), 9102, [30]),
            (do.left_open, v4(90), 9013),
            (do.snmp_walk, v4(161)),
            (do.ping, f"-c 2 -s 3000 {v4(80)}"),
            (do.http_abort, v4(80)),
        ],
        "c2": [
            (do.dig, f"@{v4(54)} www.example.org"),
            (do.llmnr,),
            (do.netbios_name,),
            (do.ftp, v4(21), False),
            (do.tftp, "boot.cfg"),
            (do.traceroute, f"-6 {v6(80)}"),
            (do.traceroute, f"-T -p 80 {v4(80)}"),
            (do.kerberos, "tcp"),
            (do.sip_call, v6(60), 5060, 40010),
            (do.ike, v6(50)),
            (do.bittorrent, v6(68)),
            (do.dht, v6(68)),
            (do.connect_only, v6(90), 9001),
            (do.server_ends, v6(90), 9002),
            (do.server_ends, v6(90), 9003),
            (do.server_ends, v6(90), 9005, noise(90)),
            (do.chatter, v6(90), 9004, [450] * 6),
            (do.chatter, v6(90), 9012, [40]),
            (do.client_resets, v6(90), 9004),
            (do.reuse, v6(90), 41002),
            (do.stale, v6(90), 41012),
            (do.datagrams, v6(90), 9100, [300] * 8),
            (do.datagrams, v6(90), 9102, [30]),
            (do.left_open, v6(90), 9013),
            (do.black_hole, "203.0.113.130", 443, 10),
            (do.black_hole, "2001:db8:bad::1", 443, 10),
            (do.telnet, v4(23)),
            (do.ping, f"-c 2 -s 3000 {v6(80)}"),
            (do.datagrams, v4(90), 9102, [3000]),
        ],
        "c3": [
            (do.dig, f"@{v6(54)} www.example.org"),
            (do.mdns, False),
            (do.ftp, v6(21), False),
            (do.ftp, v4(21), True, True),
            (do.tftp, "firmware.bin"),
            (do.traceroute, f"-I -6 {v6(80)}"),
            (do.sip_call, v4(60), 5070, 40020),
            (do.rdp,),
            (do.rdp,),
            (do.smb2,),
            (do.smb2,),
            (do.bare_protocol, 50, 6),
            (do.bare_protocol, 47, 4),
            (do.telnet, v4(23)),
            (do.telnet, v6(23)),
            (do.kerberos, "udp"),
            (do.chatter, v4(90), 9008, [300] * 6, 8.0),
            (do.chatter, v6(90), 9008, [50, 60], 7.0),
            (do.connect_only, v4(90), 9001, 12.0),
            (do.datagrams, v4(90), 9100, [200, 200, 200, 200, 200, 200], 0.2),
            (do.datagrams, v4(90), 9101, [120, 120, 120], 36.0),
            (do.datagrams, v6(90), 9101, [400] * 8),
            (do.datagrams, v6(90), 9102, [3000]),
            (do.banner_probe, v4(22), 22),
            (do.banner_probe, v4(25), 25),
            (do.banner_probe, v4(33), 3306),
            (do.banner_probe, v6(22), 22),
            (do.smtp, v4(25), 587, 3000),
            (do.mysql, v4(33), "select count(*), max(price) from goods"),
            (do.postgres, v4(32), "select 1", "require"),
            (do.curl, "-4 http://www.example.org/big/64"),
            (do.black_hole, "203.0.113.131", 25, 24),
            (do.black_hole, v4(200), 80, 6),
            (do.ping, f"-c 4 -i 8 {v4(53)}"),
            (do.ping, "-c 2 -W 1 203.0.113.132"),
            (do.quic, v4(80), "chat.example.org", 3, 5.0),
        ],
        "c4": [
            (do.ghost, "half_open", v4(80), 50001, 80),
            (do.ghost, "half_open", v4(22), 50002, 22),
            (do.ghost, "half_open", v4(90), 50003, 9001),
        ]
        + [
            (do.ghost, "syn_scan", v4(80), 51000 + port, port)
            for port in (21, 22, 23, 25, 80, 110, 443, 445, 3389, 8080)
        ]
        + [
            (do.ghost, "vanish", v4(90), 52001, 9004, noise(100)),
            (do.ghost, "vanish", v4(90), 52002, 9004, noise(700)),
            (do.ghost, "without_syn", v4(90), 53001, 9004, noise(100)),
            (do.ghost, "without_syn", v4(80), 53002, 80, noise(100)),
            (do.sip_register, v4(60)),
            (do.reuse, v4(90), 41003),
            (do.datagrams, v4(90), 9102, [16]),
            (do.ssh, v4(22), "sleep 20; uptime"),
            (do.ssh, v6(22), "uptime; sleep 400", 200),
            (do.redis, v4(63), "-r 12 INCR visits"),
            (do.syslog, v6(14), 8),
            (do.postgres, v4(32), "select g, md5(g::text) from generate_series(1, 40) g"),
            (do.connect_only, v4(90), 9197),
            (do.connect_only, v4(90), 9196),
            (do.connect_only, v6(90), 9197),
            (do.ntp, v6(123), 123),
        ],
        "far": [
            (do.curl, "-4 http://www.example.org/big/10"),
            (do.curl, "-6 http://www.example.org/big/10"),
            (do.curl, "-4 https://www.example.org/big/8"),
            (do.cross_close, v4(90)),
            (do.cross_close, v6(90)),
            (do.cross_close, v4(90)),
            (do.chatter, v4(90), 9004, [450] * 6),
            (do.chatter, v6(90), 9004, [450] * 6),
            (do.half_close, v4(90)),
            (do.ftp, v4(21), True),
            (do.ftp, v4(21), False),
            (do.http_abort, v4(80)),
            (do.ping, f"-c 12 -i 0.5 {v4(80)}"),
            (do.datagrams, v4(90), 9102, [1200, 900]),
            (do.connect_only, v4(90), 9001),
            (do.server_ends, v6(90), 9003),
            (do.smtp, v4(25), 587, 3000),
        ],
    }
    return plans.get(ROLE, [])


def main():
    plan = everyday((v4, v6) if ROLE in ("c1", "c3", "far") else (v6, v4)) + special()

    def later(delay, function, arguments):
        time.sleep(max(0, START + delay - time.time()))
        try:
            function(*arguments)
        except Exception as problem:  # a failure is often the point; say it and go on
            print(f"{ROLE}: {function.__name__}{arguments}: {problem!r}", file=sys.stderr)

    for function, *arguments in plan:
        soon = (
            function in (do.left_open, do.black_hole, do.half_close, do.ssh, do.stale, do.reuse)
            or 36.0 in arguments
            or 8.0 in arguments
        )
        delay = DICE.uniform(1, SPREAD * (0.5 if soon else 1.0))
        threading.Thread(target=later, args=(delay, function, arguments), daemon=True).start()
    time.sleep(max(0, START + SPREAD + 25 - time.time()))


main()
