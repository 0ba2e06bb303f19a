"""What a client of the sample capture can do: one function for each kind of session."""

import asyncio
import contextlib
import ftplib
import http.client
import imaplib
import poplib
import random
import smtplib
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

from aioquic.asyncio import QuicConnectionProtocol, connect
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived
from aioquic.quic.configuration import QuicConfiguration

from ghost import Ghost

WORK, ROLE = sys.argv[1], sys.argv[2]
DICE = random.Random(ROLE)
TCP_REPAIR = 19


def v4(host):
    return f"198.51.100.{host}"


def v6(host):
    return f"2001:db8:2::{host}"


def noise(count, seed=7):
    """Bytes that begin like no protocol."""
    dice = random.Random(seed)
    return (b"\x1e" + bytes(dice.randrange(0x80, 0x100) for _ in range(count)))[:count]


def run(command, timeout=40, text=None):
    subprocess.run(
        ["sh", "-c", command],
        input=text,
        timeout=timeout,
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def tcp(address, port, sport=0, timeout=20):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    here = socket.socket(family, socket.SOCK_STREAM)
    here.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    here.settimeout(timeout)
    if sport:
        here.bind(("", sport))
    here.connect((address, port))
    return here


def udp(address, sport=0):
    here = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    here.settimeout(3)
    if sport:
        here.bind(("", sport))
    return here


def ask(here, address, port, data):
    here.sendto(data, (address, port))
    try:
        return here.recv(65535)
    except OSError:
        return b""


def drain(here):
    while here.recv(65536):
        pass


# Names, time, management


def dig(arguments):
    run(f"dig +time=2 +tries=2 {arguments}")


def ntp(address, sport=0):
    with udp(address, sport) as here:
        ask(here, address, 123, struct.pack("!B39sQ", 0x23, b"", int((time.time() + 2208988800) * 2**32)))


def syslog(address, lines):
    with udp(address) as here:
        for number in range(lines):
            stamp = f"<{134 + number % 3}>Jan  5 12:00:{number:02} gate1"
            text = f"{stamp} example[42]: session {number} opened for user alice"
            here.sendto(text.encode(), (address, 514))
            time.sleep(0.3)


def snmp(address):
    run(f"snmpget -v2c -c public -t 2 -r 0 udp:{address} 1.3.6.1.2.1.1.1.0 1.3.6.1.2.1.1.5.0")


def snmp_walk(address):
    run(f"snmpwalk -v2c -c public -t 2 -r 0 udp:{address} 1.3.6.1.2.1.1")


def tftp(name):
    run(f"cd {WORK}/out && tftp -m binary {v4(69)} -c get {name} {ROLE}.{name}")


def mdns(six):
    name = b"\x05_http\x04_tcp\x05local\0"
    query = struct.pack("!HHHHHH", 0, 0, 1, 0, 0, 0) + name + struct.pack("!HH", 12, 1)
    answer = (
        struct.pack("!HHHHHH", 0, 0x8400, 0, 1, 0, 0)
        + name
        + struct.pack("!HHIH", 12, 1, 120, 10)
        + b"\x07printer\xc0\x0c"
    )
    group = "ff02::fb" if six else "224.0.0.251"
    with udp(group, 5353) as here:
        if six:
            here.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        else:
            here.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
        target = (group, 5353, 0, socket.if_nametoindex("eth0")) if six else (group, 5353)
        for data in query, query, answer:
            here.sendto(data, target)
            time.sleep(1)


def llmnr():
    query = struct.pack("!HHHHHH", 0x1234, 0, 1, 0, 0, 0) + b"\x07printer\0" + struct.pack("!HH", 1, 1)
    with udp("224.0.0.252") as here:
        for _ in range(2):
            here.sendto(query, ("224.0.0.252", 5355))
            time.sleep(0.4)


def netbios_name():
    label = b"".join(bytes([65 + (c >> 4), 65 + (c & 15)]) for c in b"PRINTER".ljust(15) + b"\0")
    query = (
        struct.pack("!HHHHHH", 0x4321, 0x0110, 1, 0, 0, 0)
        + b"\x20"
        + label
        + b"\0"
        + struct.pack("!HH", 32, 1)
    )
    with udp("192.0.2.255", 137) as here:
        here.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        for _ in range(3):
            here.sendto(query, ("192.0.2.255", 137))
            time.sleep(0.75)


def dhcp_exchange():
    run(
        f"dhclient -4 -1 -d -cf {WORK}/dhclient.conf -lf {WORK}/{ROLE}.leases -pf {WORK}/{ROLE}.dhcp.pid"
        " -sf /bin/true eth0",
        8,
    )


# Web


def curl(arguments):
    run(f"curl -s -m 30 -k -A example-browser/1.0 {arguments}")


def keep_alive(address, requests, pause):
    connection = http.client.HTTPConnection(address, 80, timeout=20)
    for number in range(requests):
        connection.request(
            "GET", f"/page/{number}", headers={"Host": "www.example.org", "User-Agent": "example-browser/1.0"}
        )
        connection.getresponse().read()
        time.sleep(pause)
    connection.close()


def http_abort(address):
    """Leaves a download half way: the client resets."""
    here = tcp(address, 80)
    here.sendall(b"GET /big/12 HTTP/1.1\r\nHost: www.example.org\r\n\r\n")
    here.recv(2000)
    here.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    here.close()


def https(address, port, name, version=None, paths=("/",)):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if version:
        context.minimum_version = context.maximum_version = version
    with tcp(address, port) as raw, context.wrap_socket(raw, server_hostname=name) as here:
        for path in paths:
            here.sendall(f"GET {path} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
            answer = b""
            while b"\r\n\r\n" not in answer or not answer.endswith(b"</html>\n"):
                answer += here.recv(65536)
        with contextlib.suppress(ssl.SSLError):
            here.unwrap()


def untrusted(address):
    """The client does not know who signed the certificate and says so."""
    context = ssl.create_default_context()
    with tcp(address, 443) as raw, context.wrap_socket(raw, server_hostname="www.example.org"):
        pass


class Http3(QuicConnectionProtocol):
    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.http = H3Connection(self._quic)
        self.over = asyncio.Event()

    def quic_event_received(self, event):
        for found in self.http.handle_event(event):
            if isinstance(found, DataReceived) and found.stream_ended:
                self.over.set()

    async def get(self, name, path):
        stream = self._quic.get_next_available_stream_id()
        self.over.clear()
        self.http.send_headers(
            stream,
            [
                (b":method", b"GET"),
                (b":scheme", b"https"),
                (b":authority", name.encode()),
                (b":path", path.encode()),
                (b"user-agent", b"example-browser/1.0"),
            ],
            end_stream=True,
        )
        self.transmit()
        await asyncio.wait_for(self.over.wait(), 10)


def quic(address, name, requests=1, pause=0.0):
    async def visit():
        configuration = QuicConfiguration(
            is_client=True, alpn_protocols=["h3"], server_name=name, verify_mode=ssl.CERT_NONE
        )
        async with connect(address, 443, configuration=configuration, create_protocol=Http3) as client:
            for number in range(requests):
                await client.get(name, f"/{number}")
                await asyncio.sleep(pause)

    asyncio.run(visit())


# Terminals, files, mail


SSH = (
    f"-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -i {WORK}/client_key"
    " -o IdentitiesOnly=yes -o KexAlgorithms=curve25519-sha256"
)


def ssh(address, command, timeout=60):
    run(f"ssh {SSH} root@{address} '{command}'", timeout)


def banner_probe(address, port):
    """Reads what the server says first, says nothing itself."""
    with tcp(address, port) as here:
        here.recv(2000)


def telnet(address):
    run(f"(sleep 1; echo alice; sleep 1; echo status; sleep 1; echo quit; sleep 1) | telnet {address}", 30)


def ftp(address, passive, upload=False):
    client = ftplib.FTP()
    client.connect(address, 21, 20)
    client.login("reader", "not-a-secret") if upload else client.login()
    client.set_pasv(passive)
    client.cwd("/")
    client.retrlines("LIST", lambda _: None)
    client.retrbinary("RETR notes.txt", lambda _: None)
    if upload:
        client.storbinary(f"STOR {ROLE}.bin", open(f"{WORK}/ftp/notes.txt", "rb"))
    client.quit()


def smtp(address, port, size=400):
    with smtplib.SMTP(address, port, local_hostname="client.example.org", timeout=20) as client:
        text = (
            "From: alice@example.org\r\nTo: bob@example.org\r\nSubject: sample\r\n\r\n"
            + "A line of a letter.\r\n" * (size // 20)
        )
        client.sendmail("alice@example.org", ["bob@example.org"], text)


def pop3(address):
    client = poplib.POP3(address, 110, timeout=20)
    client.user("alice")
    client.pass_("not-a-secret")
    client.stat()
    client.quit()


def imap(address):
    client = imaplib.IMAP4(address, 143, timeout=20)
    client.login("alice", "not-a-secret")
    client.select()
    client.search(None, "ALL")
    client.logout()


# Directories and databases


def ldap(address):
    host = f"[{address}]" if ":" in address else address
    run(f"ldapsearch -x -H ldap://{host} -b dc=example,dc=org '(objectClass=*)'")


def kerberos(flavour):
    run(
        f"export KRB5_CONFIG={WORK}/krb5-{flavour}.conf KRB5CCNAME={WORK}/{ROLE}.{flavour}.cc"
        " && echo not-a-secret | kinit alice@EXAMPLE.ORG && kvno host/www.example.org"
    )


def mysql(address, query):
    run(
        "HOME=/nonexistent mariadb --no-defaults --skip-ssl"
        f" -h {address} -u reader -pnot-a-secret -e '{query}' shop"
    )


def postgres(address, query, mode="disable"):
    run(
        f"HOME=/nonexistent PGPASSWORD=not-a-secret psql -h {address} -U reader"
        f" -c \"{query}\" 'dbname=shop sslmode={mode}'"
    )


def redis(address, command):
    run(f"redis-cli -h {address} {command}")


# Voice, tunnels, peers


def sip_register(address):
    with udp(address, 5060 + DICE.randrange(1, 900)) as here:
        mine = here.getsockname()[1]
        ask(here, address, 5060, sip_message("REGISTER", address, mine, 1))


def sip_message(method, address, port, sequence, body=""):
    host = f"[{address}]" if ":" in address else address
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return (
        f"{method} sip:bob@{host} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP client.example.org:{port};branch=z9hG4bK{port}{sequence}\r\n"
        f"From: <sip:alice@example.org>;tag=a{port}\r\nTo: <sip:bob@example.org>\r\n"
        f"Call-ID: {port}-{ROLE}@example.org\r\n"
        f"CSeq: {sequence} {method}\r\nMax-Forwards: 70\r\nContact: <sip:alice@client.example.org:{port}>\r\n"
        f"{kind}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def sip_call(address, sport, media_port):
    six = ":" in address
    with udp(address, sport) as here, udp(address, media_port) as media:
        here.connect((address, 5060))
        mine, kind = here.getsockname()[0], "IP6" if six else "IP4"
        body = (
            f"v=0\r\no=alice 1 1 IN {kind} {mine}\r\ns=-\r\nc=IN {kind} {mine}\r\nt=0 0\r\n"
            f"m=audio {media_port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        )
        here.send(sip_message("INVITE", address, sport, 1, body))
        answer = ""
        while "m=audio" not in answer:
            answer = here.recv(65535).decode()
        port = int(answer.split("m=audio ")[1].split(" ")[0])
        here.send(sip_message("ACK", address, sport, 1))
        for number in range(25):
            header = struct.pack(
                "!BBHII", 0x80, 0x80 if number == 0 else 0, 300 + number, 160 * number, 0x5EED0001
            )
            media.sendto(header + b"\xd5" * 160, (address, port))
            time.sleep(0.02)
        time.sleep(0.8)
        here.send(sip_message("BYE", address, sport, 2))
        here.recv(65535)


def stun(address):
    with udp(address) as here:
        for number in range(2):
            software = b"example client12"
            body = struct.pack("!HH", 0x8022, len(software)) + software
            ask(here, address, 3478, struct.pack("!HHI", 1, len(body), 0x2112A442) + noise(12, number) + body)


def ike(address):
    spi = noise(8, DICE.randrange(1 << 30))
    transforms = (
        struct.pack("!BBHBBHHH", 3, 0, 12, 1, 0, 20, 0x800E, 256)
        + struct.pack("!BBHBBH", 3, 0, 8, 2, 0, 5)
        + struct.pack("!BBHBBH", 0, 0, 8, 4, 0, 14)
    )
    proposal = struct.pack("!BBHBBBB", 0, 0, 8 + len(transforms), 1, 1, 0, 3) + transforms
    body = (
        struct.pack("!BBH", 34, 0, 4 + len(proposal))
        + proposal
        + struct.pack("!BBHHH", 40, 0, 264, 14, 0)
        + noise(256, 1)
        + struct.pack("!BBH", 0, 0, 36)
        + noise(32, 2)
    )
    with udp(address, 500) as here:
        answer = ask(
            here,
            address,
            500,
            spi + bytes(8) + struct.pack("!BBBBII", 33, 0x20, 34, 8, 0, 28 + len(body)) + body,
        )
    if not answer:
        return
    body = struct.pack("!BBH", 35, 0, 4 + 208) + noise(208, 3)
    with udp(address, 4500) as here:
        ask(
            here,
            address,
            4500,
            bytes(4) + answer[:16] + struct.pack("!BBBBII", 46, 0x20, 35, 8, 1, 28 + len(body)) + body,
        )
        for number in range(1, 9):
            ask(here, address, 4500, b"\x9a\x01\x02\x03" + struct.pack("!I", number) + noise(88, number))


def bare_protocol(number, packets):
    """ESP or GRE without anything above it."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, number) as here:
        for count in range(1, packets + 1):
            head = (
                b"\x9a\x01\x02\x04" + struct.pack("!I", count)
                if number == 50
                else b"\0\0\x88\xb5" + struct.pack("!I", count)
            )
            here.sendto(head + noise(88, count), (v4(50), 0))
            time.sleep(0.1)


def bittorrent(address):
    with tcp(address, 6881) as here:
        here.sendall(
            b"\x13BitTorrent protocol" + bytes(8) + b"sample-info-hash-000" + b"-EX0100-client000000"
        )
        here.recv(2000)
        here.sendall(struct.pack("!IB", 1, 2))
        for piece in range(3):
            here.sendall(struct.pack("!IBIII", 13, 6, piece, 0, 1024))
            left = 4 + 9 + 1024
            while left:
                left -= len(here.recv(left))


def dht(address):
    with udp(address) as here:
        ask(here, address, 6881, b"d1:ad2:id20:client-node-id-00000e1:q4:ping1:t2:aa1:y1:qe")
        ask(
            here,
            address,
            6881,
            b"d1:ad2:id20:client-node-id-000006:target20:server-node-id-00000e1:q9:find_node1:t2:ab1:y1:qe",
        )


def rdp():
    with tcp(v4(39), 3389) as here:
        cookie = b"Cookie: mstshash=alice\r\n" + bytes.fromhex("0100080003000000")
        here.sendall(
            struct.pack("!BBH", 3, 0, 11 + len(cookie))
            + struct.pack("!BBHHB", 6 + len(cookie), 0xE0, 0, 0, 0)
            + cookie
        )
        here.recv(2000)


def smb2():
    with tcp(v4(45), 445) as here:
        body = (
            struct.pack("<HHHHI", 36, 2, 1, 0, 0x7F)
            + b"example-cli-guid"
            + bytes(8)
            + struct.pack("<HH", 0x0210, 0x0302)
        )
        header = b"\xfeSMB" + struct.pack("<HHIHHIIQIIQ", 64, 0, 0, 0, 31, 0, 0, 0, 0xFEFF, 0, 0) + bytes(16)
        here.sendall(struct.pack("!I", len(header) + len(body)) + header + body)
        here.recv(2000)


# The ways of TCP


def connect_only(address, port, pause=0.1):
    """A connection without a byte."""
    with tcp(address, port):
        time.sleep(pause)


def server_ends(address, port, say=b""):
    """The server closes or resets; the client only watches."""
    with tcp(address, port) as here:
        if say:
            here.sendall(say)
        drain(here)


def chatter(address, port, sizes, pause=0.05):
    """Random bytes to an echo server, in pieces of these sizes."""
    with tcp(address, port) as here:
        for number, size in enumerate(sizes):
            here.sendall(noise(size, number + 1))
            left = size
            while left:
                left -= len(here.recv(left))
            time.sleep(pause)


def client_resets(address, port):
    here = tcp(address, port)
    here.sendall(noise(200, 4))
    here.recv(200)
    here.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    here.close()


def half_close(address):
    with tcp(address, 9006) as here:
        here.sendall(noise(120, 6))
        here.shutdown(socket.SHUT_WR)
        drain(here)


def cross_close(address):
    """Both ends close at the same instant, a link delay apart: the FINs meet on the way."""
    with tcp(address, 9007) as here:
        moment = time.time() + 1.0
        here.sendall(noise(12, 8) + struct.pack("!d", moment))
        here.recv(100)
        time.sleep(max(0, moment - time.time()))
        here.shutdown(socket.SHUT_WR)
        drain(here)


def reuse(address, sport):
    """The same four numbers again, two seconds after the server closed the first connection."""
    for _ in range(2):
        with tcp(address, 9009, sport) as here:
            here.sendall(noise(50, 9))
            drain(here)
        time.sleep(2)


def stale(address, sport):
    """The client forgets a connection without a word and opens it again; the server still has the old one."""
    here = tcp(address, 9010, sport)
    here.sendall(noise(60, 10))
    here.recv(100)
    here.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    here.close()
    time.sleep(3)
    with tcp(address, 9010, sport) as again:
        again.sendall(noise(60, 11))
        again.recv(100)


def black_hole(address, port, timeout):
    try:
        tcp(address, port, timeout=timeout).close()
    except OSError:
        pass


def left_open(address, port):
    """Open and idle when the capture ends."""
    here = tcp(address, port)
    here.sendall(noise(80, 12))
    here.recv(100)
    time.sleep(400)


# The ways of UDP and ICMP


def datagrams(address, port, sizes, pause=0.1):
    with udp(address) as here:
        for number, size in enumerate(sizes):
            if port == 9101:
                here.sendto(noise(size, number + 20), (address, port))
            else:
                ask(here, address, port, noise(size, number + 20))
            time.sleep(pause)


def closed_port(address, port):
    with udp(address) as here:
        here.connect((address, port))
        for _ in range(2):
            try:
                here.send(noise(24, 30))
                here.recv(100)
            except OSError:
                time.sleep(0.5)


def ping(arguments):
    run(f"ping {arguments}")


def traceroute(arguments):
    run(f"traceroute -n -w 2 -q 1 -N 2 -m 8 {arguments}")


GHOST_LOCK = threading.Lock()


def ghost(way, *arguments):
    with GHOST_LOCK:
        getattr(Ghost("eth0", "02:00:00:00:00:01"), way)(*arguments)
