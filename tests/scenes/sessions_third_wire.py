"""Sessions of the third round as packets: what the earlier ones had not drawn.

First drawn from the domain notes by somebody who had not read the detectors;
faults and what only looks like them stand side by side.
"""

from __future__ import annotations

from line import EDGES, HOSTS, SOCKETS, Line, Stream
from line_tls import chromium_hello, openssl_hello, records, server_flight
from scapy.layers.inet import UDP
from scapy.packet import Raw
from scene import WELL
from session_scene import as_packets

NEAR = "198.18.0."
"""What a local proxy answers in place of addresses."""


def short(line: Line, at: float, name: str, address: str) -> Stream:
    """A connection that works, opened by a script's ClientHello of one segment."""
    stream = Stream(line, address)
    stream.open(at)
    stream.secure(name, hello=openssl_hello(name))
    stream.ask(400, 6_000, 0.06)
    return stream


@as_packets("third-hello-tail-passes", "tcp", "tcp.mtu_blackhole")
def hello_tail(line: Line) -> None:
    """A hello in two segments: the full one never arrives, SACK confirms its tail."""
    names = ("chatgpt.com", "chatgpt.com", "ws.chatgpt.com", "auth.openai.com")
    for number, name in enumerate(names):
        stream = Stream(line, HOSTS[name][0])
        ready = stream.open(line.resolve(number * 5.0, name))
        start, hello = stream.mine, chromium_hello(name)
        stream.send(ready, hello, acked=False)
        beyond = (start + stream.mss, stream.mine)
        sack = [("NOP", None), ("NOP", None), ("SAck", beyond)]
        stream.segment(ready + stream.rtt, up=False, ack=start, options=sack, window=131)
        for wait in (0.25, 0.8, 1.9, 4.1, 8.6):
            stream.segment(ready + wait, hello[: stream.mss], up=True, seq=start)
        stream.segment(ready + 15.0, up=True, flags="FA")


def repeated(stream: Stream, at: float, load: bytes) -> None:
    """Data that is sent again and again into nothing."""
    start = stream.mine
    stream.send(at, load, acked=False)
    for wait in (0.5, 1.4, 3.2, 6.8, 14.0):
        stream.segment(at + wait, load, up=True, flags="PA", seq=start)


@as_packets("third-offline-one-sends", "network", "net.offline_gap")
def offline(line: Line) -> None:
    """The network goes; the page alone has something to say, all come back to new connections."""
    app = line.visit()["chatgpt.com"]
    mail = line.elsewhere(8.0, "outlook.office.com")
    live = line.connect(8.2, "ws.chatgpt.com", protocols=("http/1.1",))
    app.stream(8.5, [0.05] * 60)
    live.receive(app.busy - 0.3, records(90))
    mail.receive(app.busy - 0.2, records(400))
    repeated(app, app.busy + 0.4, records(700))
    back = app.busy + 38.0
    line.connect(back, "chatgpt.com").stream(back + 1.0, [0.05] * 60)
    line.connect(back + 0.3, "ws.chatgpt.com", protocols=("http/1.1",)).ask(780, 260, 0.05)
    line.elsewhere(back + 0.4, "outlook.office.com")


@as_packets("third-one-connection-dies", "healthy", statuses=WELL)
def one_dies(line: Line) -> None:
    """One connection is lost; another is quiet by chance and goes on afterwards."""
    app = line.visit()["chatgpt.com"]
    mail = line.elsewhere(8.0, "outlook.office.com")
    app.stream(8.5, [0.05] * 60)
    mail.receive(app.busy - 0.2, records(400))
    repeated(app, app.busy + 0.4, records(700))
    back = app.busy + 20.0
    mail.ask(500, 3_000, 0.05, at=back)
    line.connect(back + 0.5, "chatgpt.com").stream(back + 1.5, [0.05] * 60)


def forged(line: Line, at: float) -> None:
    """Three resets come sooner than the server can answer; its own answer follows."""
    stream = Stream(line, EDGES[0])
    stream.rtt = 0.18
    ready = stream.open(at)
    hello = openssl_hello("chatgpt.com")
    stream.send(ready, hello, acked=False)
    theirs = stream.theirs
    for number, flags in enumerate(("R", "RA", "RA")):
        stream.reset(
            ready + 0.011 + number * 0.0005, flags=flags, ttl=61 + number, ident=9_000 + 77 * number
        )
    stream.segment(ready + 0.18, up=False)
    stream.receive(ready + 0.182, server_flight(hello), acked=False)
    stream.reset(ready + 0.1822, up=True, seq=stream.mine, ack=theirs)


@as_packets("third-name-reset-then-answer", "tcp", "tls.sni_blocked", also=("tcp.reset_injected",))
def reset_with_control(line: Line) -> None:
    """The forger is faster than the server; another name at the address works."""
    line.resolve(0.0, "chatgpt.com")
    for at in (0.1, 1.5, 3.2, 6.0):
        forged(line, at)
    for at in (4.0, 8.0):
        short(line, at, "www.canva.com", EDGES[0])
    line.elsewhere(10.0)


@as_packets("third-reset-then-answer", "tcp", "tcp.reset_injected")
def reset_without_control(line: Line) -> None:
    """The same, and nothing shows what drew the resets."""
    line.resolve(0.0, "chatgpt.com")
    for at in (0.1, 1.5, 3.2, 6.0):
        forged(line, at)
    line.elsewhere(10.0)


@as_packets("third-forgotten-when-idle", "tcp", "tcp.reset_after_idle")
def forgotten(line: Line) -> None:
    """After four minutes of silence the router knows the connection no more."""
    for number in range(4):
        app = line.connect(number * 260.0, "chatgpt.com", lookup=number == 0)
        for _ in range(5):
            app.ask(500, 6_000, 0.06)
        again = app.busy + 240.0 + number * 0.4
        app.send(again, records(420), acked=False)
        app.reset(again + 0.004)
    line.elsewhere(1_060.0)


@as_packets("third-asleep", "network", "net.offline_gap")
def asleep(line: Line) -> None:
    """The lid was shut for an hour; what was open is gone, and the page opens anew."""
    streams = line.visit()
    for stream in streams.values():
        stream.send(3_600.0, records(60), acked=False)
        stream.reset(3_600.03)
    line.visit(3_601.0)["chatgpt.com"].stream(3_606.0, [0.05] * 60)


# --- packets: near and far ends


def behind_local_proxy(line: Line, far: float) -> None:
    line.client, line.resolver, line.rtt = NEAR + "1", NEAR + "2", 0.0003
    names = ("chatgpt.com", "ab.chatgpt.com", "ws.chatgpt.com", "www.bing.com")
    for number, name in enumerate(names):
        place = NEAR + str(20 + number)
        line.lookup(number * 0.6, name, (place,), ttl=1, delay=0.0004)
        stream = line.connect(number * 0.6 + 0.01, name, place, lookup=False, far=far)
        for _ in range(6):
            stream.ask(400, 5_000, 0.05, far=far)


@as_packets("third-fake-ip-near", "healthy", statuses=WELL, also=("vpn.fake_ip_dns",))
def fake_near(line: Line) -> None:
    """A local proxy takes all connections; its exit is 90 ms away, as an edge may be."""
    behind_local_proxy(line, 0.09)


@as_packets("third-fake-ip-far", "latency", "vpn.latency")
def fake_far(line: Line) -> None:
    """The same local proxy with an exit on another continent."""
    behind_local_proxy(line, 0.34)


def through_wireguard(line: Line, rtt: float) -> None:
    """Both sides of a WireGuard tunnel: what goes in, and the datagrams that carry it."""
    outside, peer = line.client, "203.0.113.66"
    line.client, line.resolver, line.rtt = "10.66.0.2", "10.66.0.1", rtt
    app = line.visit(1.0)["chatgpt.com"]
    app.stream(app.busy + 2.0, [0.05] * 40)
    inner = list(line.packets)

    def datagram(at: float, up: bool, load: bytes) -> None:
        here, there = (41_641, 51_820) if up else (51_820, 41_641)
        ends = (outside, peer) if up else (peer, outside)
        line.put(at, *ends, UDP(sport=here, dport=there) / Raw(load), ttl=64 if up else 50)

    ours, theirs = b"\x11\x5a\x07\x9c", b"\x83\x02\xd4\x4e"
    datagram(0.1, True, b"\x01\0\0\0" + ours + bytes(140))
    datagram(0.18, False, b"\x02\0\0\0" + theirs + ours + bytes(80))
    for number, (at, packet) in enumerate(inner):
        up = packet.src == line.client
        head = b"\x04\0\0\0" + (theirs if up else ours) + number.to_bytes(8, "little")
        whole = len(packet) + -len(packet) % 16
        datagram(at + (0.00002 if up else -0.00002), up, head + bytes(whole + 16))


@as_packets("third-wireguard-far", "latency", "vpn.latency")
def wireguard_far(line: Line) -> None:
    """The exit is on the other side of the world."""
    through_wireguard(line, 0.39)


@as_packets("third-wireguard-near", "healthy", statuses=WELL, link="cooked", also=("vpn.detected",))
def wireguard_near(line: Line) -> None:
    """The exit is next door."""
    through_wireguard(line, 0.035)


# --- packets: names


@as_packets("third-censored-by-word", "dns", "dns.ede_filtered", also=("dns.nxdomain_filter",))
def censored(line: Line) -> None:
    """The resolver denies the name, and only its Extended DNS Error says why."""
    for at in (0.0, 2.5, 5.0):
        for kind in ("A", "AAAA", "HTTPS"):
            line.lookup(
                at, "chatgpt.com", kind=kind, rcode="NXDOMAIN", ede=(16, "order 2211 of the court")
            )
    line.elsewhere(7.0)


@as_packets("third-pfblocker", "dns", "dns.sinkhole", vendor="pfBlockerNG")
def pfblocker(line: Line) -> None:
    """The firewall's own page at a private address stands for the websocket's host."""
    line.visit(socket=False)
    for at in (4.0, 7.0, 12.0):
        line.lookup(at, "ws.chatgpt.com", ("10.10.10.1",), ttl=60)
        stream = Stream(line, "10.10.10.1")
        stream.rtt = 0.001
        stream.open(at + 0.02)
        issuer = ("pfSense webConfigurator", "pfSense-pfBNG-DNSBL-5f0c")
        stream.secure("ws.chatgpt.com", issuer=issuer, version12=True, refuse=True)


# --- packets: healthy


@as_packets("third-dns64", "healthy", statuses=WELL)
def dns64(line: Line) -> None:
    """A network of IPv6 alone: addresses are made from those of IPv4."""
    for number, name in enumerate(("chatgpt.com", "ab.chatgpt.com", "ws.chatgpt.com")):
        parts = [int(part) for part in HOSTS[name][0].split(".")]
        place = "64:ff9b::{:02x}{:02x}:{:02x}{:02x}".format(*parts)
        line.lookup(number * 0.7, name, ())
        line.lookup(number * 0.7 + 0.001, name, (place,), kind="AAAA")
        stream = line.connect(number * 0.7 + 0.03, name, place, lookup=False, rtt=0.04)
        for _ in range(8):
            stream.ask(300, 5_000, 0.05)


@as_packets("third-race-of-families", "healthy", statuses=WELL)
def race(line: Line) -> None:
    """IPv6 wins each time, and the browser resets the slower connection of IPv4."""
    for number, name in enumerate(("chatgpt.com", "ab.chatgpt.com", "ws.chatgpt.com")):
        at = number * 1.5
        line.lookup(at, name)
        line.lookup(at + 0.001, name, (f"2606:4700:4400::6812:20{number:02x}",), kind="AAAA")
        winner = line.connect(at + 0.02, name, f"2606:4700:4400::6812:20{number:02x}", lookup=False)
        for _ in range(8):
            winner.ask(300, 5_000, 0.05)
        loser = Stream(line, HOSTS[name][0])
        loser.rtt = 0.33
        loser.reset(loser.open(at + 0.27) + 0.001, up=True)


@as_packets("third-from-the-middle", "healthy", statuses=WELL)
def from_the_middle(line: Line) -> None:
    """The capture was started while the page was open; later it is loaded anew."""
    app = line.visit()["chatgpt.com"]
    app.stream(8.0, [0.05] * 60)
    line.packets = [item for item in line.packets if item[0] > 2.2]
    again = line.visit(30.0)["chatgpt.com"]
    again.stream(again.busy + 1.0, [0.05] * 60)


@as_packets("third-sockets-closed-in-order", "healthy", statuses=WELL)
def sockets_closed(line: Line) -> None:
    """The service closes the socket now and then, and the page opens another."""
    app = line.visit(socket=False)["chatgpt.com"]
    at = app.busy
    for life in (310, 1_190, 95):
        live = line.connect(at, "ws.chatgpt.com", SOCKETS[0], protocols=("http/1.1",))
        live.ask(780, 260, 0.05)
        for beat in range(25, life, 25):
            live.receive(at + beat, records(24))
            live.send(at + beat + 0.001, records(28))
        live.receive(at + life, records(19))
        live.send(at + life + 0.001, records(19))
        live.finish(at + life + 0.03, by_client=False)
        app.stream(at + life - 10.0, [0.05] * 30)
        at += life + 1.0


@as_packets("third-proxy-with-login", "healthy", statuses=WELL, also=("proxy.detected",))
def proxy_login(line: Line) -> None:
    """The proxy asks for a login each time, gets it, and is quick."""
    line.client, line.resolver = "10.20.7.51", "10.20.0.2"
    for number, name in enumerate(("chatgpt.com", "ab.chatgpt.com", "ws.chatgpt.com") * 2):
        stream = Stream(line, "10.20.0.8", port=8080)
        stream.rtt = 0.0012
        ask = f"CONNECT {name}:443 HTTP/1.1\r\nHost: {name}:443\r\n"
        ready = stream.open(number * 1.2)
        asked = stream.send(ready, (ask + "\r\n").encode())
        login = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\n"
        told = stream.receive(asked + 0.004, login + b"Content-Length: 0\r\n\r\n")
        asked = stream.send(
            told + 0.001, (ask + "Proxy-Authorization: Negotiate YII=\r\n\r\n").encode()
        )
        stream.receive(asked + 0.03, b"HTTP/1.1 200 Connection established\r\n\r\n")
        stream.secure(name, far=0.03)
        for _ in range(6):
            stream.ask(300, 5_000, 0.07, far=0.03)
