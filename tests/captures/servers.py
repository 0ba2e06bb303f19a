#!/usr/bin/env python3
"""The servers of the sample capture that no Debian package brings, and those with manners of their own.

Usage: servers.py WORK, inside the server namespace. WORK holds cert.pem, key.pem, ftp/ and the like.
Ports 9001 to 9010 each show one way in which a TCP connection can go; services.tsv says which.
"""

import asyncio
import random
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

WORK = sys.argv[1]


def v4(host):
    return f"198.51.100.{host}"


def v6(host):
    return f"2001:db8:2::{host}"


def noise(count, seed=7):
    """Bytes that begin like no protocol."""
    dice = random.Random(seed)
    return (b"\x1e" + bytes(dice.randrange(0x80, 0x100) for _ in range(count)))[:count]


def background(function, *arguments):
    threading.Thread(target=function, args=arguments, daemon=True).start()


# TCP


def tcp(address, port, handle):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(64)

    def one(connection):
        try:
            handle(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def loop():
        while True:
            connection, _ = listener.accept()
            background(one, connection)

    background(loop)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def until_closed(connection):
    while connection.recv(65536):
        pass


def close_at_once(connection):
    connection.shutdown(socket.SHUT_WR)
    until_closed(connection)


def echo(connection):
    while data := connection.recv(65536):
        connection.sendall(data)


def read_then_reset(connection):
    connection.recv(65536)
    connection.sendall(noise(40))
    time.sleep(0.05)
    reset(connection)


def answer_after_half_close(connection):
    until_closed(connection)
    for part in range(8):
        connection.sendall(noise(300, part))
        time.sleep(0.9)


def close_at_given_time(connection):
    """Closes at the time that the client names: it does the same, and the FINs cross."""
    moment = struct.unpack("!d", connection.recv(65536)[-8:])[0]
    connection.sendall(noise(20))
    time.sleep(max(0, moment - time.time()))
    close_at_once(connection)


def server_closes_first(connection):
    connection.recv(65536)
    connection.sendall(noise(60))
    close_at_once(connection)


def hold(connection):
    connection.settimeout(600)
    echo(connection)


# HTTP, TLS and QUIC


class Web(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "example"
    sys_version = ""

    def reply(self, status, body=b"", kind="text/html"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        if self.path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in range(5):
                text = f"part {part} of five\n".encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
                time.sleep(0.02)
            self.wfile.write(b"0\r\n\r\n")
        elif self.path.startswith("/big/"):
            self.reply(200, b"0123456789abcdef" * 64 * int(self.path[5:]), "application/octet-stream")
        elif self.path.startswith("/missing"):
            self.reply(404, b"<h1>Not found</h1>\n")
        elif self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.reply(200, b"<html><title>Example</title><p>" + self.path.encode() * 12 + b"</html>\n")

    do_HEAD = do_GET

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.reply(201, b'{"received": %d}\n' % len(body), "application/json")

    def log_message(self, *_):
        pass


class WebServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass


class WebServer6(WebServer):
    address_family = socket.AF_INET6


def web(address, port, context=None):
    server = (WebServer6 if ":" in address else WebServer)((address, port), Web)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    background(server.serve_forever)


def tls(version=None, ciphers=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{WORK}/cert.pem", f"{WORK}/key.pem")
    if version:
        context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(ciphers)
    return context


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def connect_proxy(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(65536)
    target = head.split(b" ")[1].decode()
    host, _, port = target.rpartition(":")
    try:
        onward = socket.create_connection((host, int(port)), 5)
    except OSError:
        connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        return
    connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    background(pump, connection, onward)
    pump(onward, connection)
    onward.close()


class Http3(QuicConnectionProtocol):
    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.http = H3Connection(self._quic)

    def quic_event_received(self, event):
        for found in self.http.handle_event(event):
            if isinstance(found, HeadersReceived):
                self.http.send_headers(found.stream_id, [(b":status", b"200"), (b"server", b"example")])
                self.http.send_data(found.stream_id, b"<p>hello</p>" * 50, end_stream=True)
                self.transmit()


async def quic():
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
    configuration.load_cert_chain(f"{WORK}/cert.pem", f"{WORK}/key.pem")
    for address in v4(80), v6(80):
        await serve(address, 443, configuration=configuration, create_protocol=Http3)
    await asyncio.Future()


# Mail, files, terminals


def ftp(address):
    people = DummyAuthorizer()
    people.add_anonymous(f"{WORK}/ftp")
    people.add_user("reader", "not-a-secret", f"{WORK}/ftp", perm="elradfmw")

    class Handler(FTPHandler):
        authorizer = people
        banner = "ftp.example.org ready"
        use_sendfile = False

    background(FTPServer((address, 21), Handler, ioloop=IOLoop()).serve_forever)


def telnet(connection):
    connection.setblocking(True)
    subprocess.run(
        ["/usr/sbin/telnetd", "-h", "-E", f"{WORK}/login.sh"],
        stdin=connection,
        stdout=connection,
        stderr=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


# UDP


def udp(address, port, answer):
    """`answer(data, peer, socket)` returns the datagrams to send back."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    here = socket.socket(family, socket.SOCK_DGRAM)
    here.bind((address, port))

    def loop():
        while True:
            data, peer = here.recvfrom(65535)
            for reply in answer(data, peer, here):
                here.sendto(reply, peer)

    background(loop)


def silent(*_):
    return []


def echo_datagram(data, *_):
    return [bytes(byte ^ 0x15 for byte in data)]


def stun(data, peer, here):
    if data[4:8] != b"\x21\x12\xa4\x42":
        return []
    mask = data[4:20]
    six = here.family == socket.AF_INET6
    address = socket.inet_pton(here.family, peer[0])
    port = peer[1] ^ 0x2112
    mapped = struct.pack("!BBH", 0, 2 if six else 1, port) + bytes(a ^ b for a, b in zip(address, mask))
    software = b"example stun"
    body = (
        struct.pack("!HH", 0x0020, len(mapped))
        + mapped
        + struct.pack("!HH", 0x8022, len(software))
        + software
    )
    return [struct.pack("!HH", 0x0101, len(body)) + data[4:20] + body]


def sip(data, peer, here):
    head = data.decode().split("\r\n\r\n")[0].split("\r\n")
    method = head[0].split(" ")[0]
    if method == "ACK":
        return []
    kept = [line for line in head if line.split(":")[0] in ("Via", "From", "Call-ID", "CSeq")]
    to = next(line for line in head if line.startswith("To:")) + ";tag=srv1"

    def response(status, body="", *more):
        lines = [f"SIP/2.0 {status}", *kept, to, *more, f"Content-Length: {len(body)}", "", body]
        return "\r\n".join(lines).encode()

    if method != "INVITE":
        return [response("200 OK")]
    wanted = data.decode()
    their_port = int(wanted.split("m=audio ")[1].split(" ")[0])
    media = socket.socket(here.family, socket.SOCK_DGRAM)
    media.bind((here.getsockname()[0], 0))
    port = media.getsockname()[1] & ~1
    media.close()
    background(rtp, here.getsockname()[0], port, peer[0], their_port)
    mine, kind = here.getsockname()[0], "IP6" if here.family == socket.AF_INET6 else "IP4"
    body = (
        f"v=0\r\no=bob 1 1 IN {kind} {mine}\r\ns=-\r\nc=IN {kind} {mine}\r\n"
        f"t=0 0\r\nm=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    )
    return [
        response("100 Trying"),
        response("180 Ringing"),
        response("200 OK", body, "Contact: <sip:bob@sip.example.org>", "Content-Type: application/sdp"),
    ]


def rtp(address, port, peer, peer_port, packets=25):
    media = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    media.bind((address, port))
    time.sleep(0.2)
    for number in range(packets):
        header = struct.pack(
            "!BBHII", 0x80, 0x80 if number == 0 else 0, 700 + number, 160 * number, 0x5EED0002
        )
        media.sendto(header + b"\xd5" * 160, (peer, peer_port))
        time.sleep(0.02)
    time.sleep(2)
    media.close()


def ike(data, peer, here):
    """An IKEv2 responder: a proper header and payload chain around random keys."""
    marker = b"" if here.getsockname()[1] == 500 else b"\0\0\0\0"
    if marker and data[:4] != marker:
        return [bytes([0xC0, 1, 2, 3]) + data[4:8] + noise(88, data[7])]
    packet = data[len(marker) :]
    initiator, exchange, identifier = packet[:8], packet[18], packet[20:24]
    responder = b"\x5a" + noise(7, 3)
    if exchange == 34:
        body = ike_payloads(noise(256, 11), noise(32, 12))
        first = 33
    else:
        body = struct.pack("!BBH", 36, 0, 4 + 112) + noise(112, 13)
        first = 46
    size = struct.pack("!I", 28 + len(body))
    return [
        marker
        + initiator
        + responder
        + struct.pack("!BBBB", first, 0x20, exchange, 0x20)
        + identifier
        + size
        + body
    ]


def ike_payloads(key, nonce):
    transforms = (
        struct.pack("!BBHBBHHH", 3, 0, 12, 1, 0, 20, 0x800E, 256)
        + struct.pack("!BBHBBH", 3, 0, 8, 2, 0, 5)
        + struct.pack("!BBHBBH", 0, 0, 8, 4, 0, 14)
    )
    proposal = struct.pack("!BBHBBBB", 0, 0, 8 + len(transforms), 1, 1, 0, 3) + transforms
    return (
        struct.pack("!BBH", 34, 0, 4 + len(proposal))
        + proposal
        + struct.pack("!BBHHH", 40, 0, 8 + len(key), 14, 0)
        + key
        + struct.pack("!BBH", 0, 0, 4 + len(nonce))
        + nonce
    )


# Peer to peer


def bittorrent(connection):
    hello = connection.recv(68, socket.MSG_WAITALL)
    connection.sendall(hello[:48] + b"-EX0100-server000000")
    connection.sendall(struct.pack("!IB", 3, 5) + b"\xff\xf0" + struct.pack("!IB", 1, 1))
    while head := connection.recv(4, socket.MSG_WAITALL):
        message = connection.recv(struct.unpack("!I", head)[0], socket.MSG_WAITALL)
        if message[:1] == b"\x06":
            index, begin, length = struct.unpack("!III", message[1:13])
            connection.sendall(struct.pack("!IBII", 9 + length, 7, index, begin) + noise(length, index))


def dht(data, *_):
    transaction = data.split(b"1:t2:")[1][:2]
    return [b"d1:rd2:id20:" + b"server-node-id-00000" + b"e1:t2:" + transaction + b"1:y1:re"]


# Terminal-server and file-server greetings


def rdp(connection):
    connection.recv(65536)
    connection.sendall(bytes.fromhex("0300001302d000001234000200080001000000"[:38]))
    until_closed(connection)


def smb2(connection):
    connection.recv(65536)
    body = (
        struct.pack("<HHHH", 65, 1, 0x0302, 0)
        + b"example-smb-guid"
        + struct.pack("<IIIIQQHHI", 7, 65536, 65536, 65536, 133000000000000000, 0, 128, 0, 0)
    )
    header = b"\xfeSMB" + struct.pack("<HHIHHIIQIIQ", 64, 1, 0, 0, 1, 1, 0, 0, 0xFEFF, 0, 0) + bytes(16)
    connection.sendall(struct.pack("!I", len(header) + len(body)) + header + body)
    until_closed(connection)


def raw_listener(address, protocol):
    """Takes in a bare IP protocol, so that the kernel does not call it unreachable, and answers in kind."""
    here = socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
    here.bind((address, 0))
    while True:
        packet, peer = here.recvfrom(65535)
        here.sendto(packet[20:28] + noise(len(packet) - 28, 5), peer)


def main():
    ways = {
        9001: until_closed,
        9002: close_at_once,
        9003: reset,
        9004: echo,
        9005: read_then_reset,
        9006: answer_after_half_close,
        9007: close_at_given_time,
        9008: echo,
        9009: server_closes_first,
        9010: hold,
        9011: until_closed,
        9012: echo,
        9013: hold,
    }
    for make in v4, v6:
        for port, way in ways.items():
            tcp(make(90), port, way)
        web(make(80), 80)
        web(make(80), 8080)
        web(make(80), 443, tls())
        web(make(80), 8443, tls(ssl.TLSVersion.TLSv1_2, "ECDHE+AESGCM"))
        web(make(80), 9443, tls(ssl.TLSVersion.TLSv1_3))
        ftp(make(21))
        tcp(make(23), 23, telnet)
        tcp(make(81), 3128, connect_proxy)
        tcp(make(68), 6881, bittorrent)
        udp(make(68), 6881, dht)
        udp(make(54), 53, silent)
        udp(make(14), 514, silent)
        udp(make(60), 5060, sip)
        udp(make(78), 3478, stun)
        udp(make(50), 500, ike)
        udp(make(50), 4500, ike)
        udp(make(90), 9100, echo_datagram)
        udp(make(90), 9101, silent)
        udp(make(90), 9102, echo_datagram)
    tcp(v4(39), 3389, rdp)
    tcp(v4(45), 445, smb2)
    background(raw_listener, v4(50), 50)
    background(raw_listener, v4(50), 47)
    for address in v4(25), v6(25):
        for port in 25, 587:
            Controller(
                Sink(), hostname=address, port=port, server_hostname="mail.example.org", ident="example ESMTP"
            ).start()
    asyncio.run(quic())


main()
