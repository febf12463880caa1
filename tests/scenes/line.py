"""Packets as a client's network card sees them: lookups, connections and what rides on them."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from line_tls import CHANGE, alert, chromium_hello, finish, records, server_flight
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import CookedLinux, Ether
from scapy.packet import Packet, Raw
from scapy.utils import PcapNgWriter, PcapWriter

EDGES = ("104.18.32.47", "172.64.155.209")
EDGES6 = ("2606:4700:4405::ac40:9bd1", "2a06:98c1:310d::6812:202f")
SOCKETS = ("104.18.39.21", "172.64.148.235")
HOSTS = {
    "chatgpt.com": EDGES,
    "ab.chatgpt.com": EDGES,
    "ws.chatgpt.com": SOCKETS,
    "auth.openai.com": ("104.18.41.241", "172.64.146.15"),
    "auth-cdn.oaistatic.com": ("104.18.41.158", "172.64.146.98"),
    "cdn.oaistatic.com": ("104.18.41.158", "172.64.146.98"),
    "sentinel.openai.com": ("104.18.7.192", "104.18.6.192"),
    "challenges.cloudflare.com": ("104.18.94.41", "104.18.95.41"),
    "files.oaiusercontent.com": ("20.60.88.132",),
    "www.bing.com": ("2.19.11.20",),
    "outlook.office.com": ("52.98.152.178",),
    "o33249.ingest.sentry.io": ("34.160.81.0",),
    "cdn.jsdelivr.net": ("104.16.175.226",),
    "www.wikipedia.org": ("185.15.59.224",),
}


@dataclass
class Line:
    """A capture in the making; times are seconds after `start`."""

    seed: int = 1
    start: float = 1_791_203_417.0
    client: str = "192.168.20.31"
    client6: str = "2001:db8:44:1::31"
    resolver: str = "192.168.20.1"
    rtt: float = 0.021
    ttl: int = 56
    tunnel: str = ""
    """The client's address inside a tunnel, whose interface the capture holds beside the card's."""
    packets: list[tuple[float, Packet]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.port = 49_200 + self.seed % 900
        self.ident = self.random.randrange(60_000)

    def put(
        self,
        at: float,
        source: str,
        target: str,
        load: Packet,
        *,
        ttl: int = 64,
        ident: int | None = None,
    ) -> None:
        """One packet of either family."""
        if ":" in source:
            self.packets.append((at, IPv6(src=source, dst=target, hlim=ttl) / load))
            return
        if ident is None:
            self.ident = ident = (self.ident + 1) % 65_536
        packet = IP(src=source, dst=target, ttl=ttl, id=ident, flags="DF") / load
        self.packets.append((at, packet))

    def me(self, other: str) -> str:
        return self.client6 if ":" in other else self.client

    def fresh_port(self) -> int:
        self.port += self.random.randrange(1, 5)
        return self.port

    def jitter(self) -> float:
        return float(self.random.uniform(0.9, 1.15))

    def lookup(
        self,
        at: float,
        name: str,
        answers: Iterable[str] | None = None,
        *,
        kind: str = "A",
        rcode: str = "NOERROR",
        ttl: int = 187,
        cname: str | None = None,
        soa: str | None = None,
        ede: tuple[int, str] | None = None,
        recursion: bool = True,
        delay: float = 0.009,
        answered: bool = True,
        resolver: str | None = None,
        port: int | None = None,
        ident: int | None = None,
        reply_ttl: int = 64,
        asked: bool = True,
        extra: str | None = None,
    ) -> tuple[int, int]:
        """A question and its reply; gives the (port, id) for a second one."""
        resolver = resolver or self.resolver
        query = dns.message.make_query(name, kind, use_edns=True, payload=1232)
        query.id = self.random.randrange(65_536) if ident is None else ident
        port = port or self.fresh_port()
        if asked:
            self.put(at, self.me(resolver), resolver, _datagram(port, 53, query.to_wire()))
        if not answered:
            return port, query.id
        reply = dns.message.make_response(query, recursion_available=recursion)
        reply.set_rcode(dns.rcode.from_text(rcode))
        owner = name + "."
        if cname:
            reply.answer.append(dns.rrset.from_text(owner, ttl, "IN", "CNAME", cname + "."))
            owner = cname + "."
        if answers is None and rcode == "NOERROR" and kind == "A" and not cname:
            answers = HOSTS[name]
        given = list(answers or ())
        if given:
            reply.answer.append(dns.rrset.from_text(owner, ttl, "IN", kind, *given))
        if soa:
            zone, text = soa.split(" ", 1)
            reply.authority.append(dns.rrset.from_text(zone, 60, "IN", "SOA", text))
        if extra:
            zone, text = extra.split(" ", 1)
            reply.additional.append(dns.rrset.from_text(zone, 60, "IN", "SOA", text))
        if ede:
            option = dns.edns.EDEOption(dns.edns.EDECode(ede[0]), ede[1] or None)
            reply.use_edns(0, 0, 1232, options=[option])
        datagram = _datagram(53, port, reply.to_wire())
        self.put(at + delay, resolver, self.me(resolver), datagram, ttl=reply_ttl)
        return port, query.id

    def resolve(self, at: float, name: str, **more: Any) -> float:
        """A browser's three questions for a name that resolves."""
        self.lookup(at, name, **more)
        soa = "chatgpt.com. ns1.cloudflare.com. dns.cloudflare.com. 1 10000 2400 604800 1800"
        self.lookup(at + 0.0004, name, (), kind="AAAA", soa=soa, **more)
        self.lookup(at + 0.0007, name, (), kind="HTTPS", soa=soa, **more)
        return at + float(more.get("delay", 0.009)) + 0.002

    def connect(
        self, at: float, name: str, address: str | None = None, *, lookup: bool = True, **more: Any
    ) -> Stream:
        """Lookup, connection and handshake; `busy` on the result is when it is ready."""
        if lookup:
            at = self.resolve(at, name)
        stream = Stream(self, address or HOSTS[name][self.seed % len(HOSTS[name])])
        stream.rtt = more.pop("rtt", self.rtt)
        stream.mss = more.pop("mss", 1460)
        stream.open(at)
        stream.secure(name, **more)
        return stream

    def visit(self, at: float = 0.0, *, socket: bool = True, **more: Any) -> dict[str, Stream]:
        """A page load, its calls and one answer over a few connections."""
        app = self.connect(at, "chatgpt.com", **more)
        app.ask(620, 14_000, 0.16)
        for number in range(14):
            app.ask(240, self.random.randrange(1_500, 9_000), 0.011 + 0.002 * (number % 5))
        for _ in range(11):
            app.ask(900, self.random.randrange(300, 2_600), self.random.uniform(0.04, 0.15))
        flags = self.connect(at + 1.2, "ab.chatgpt.com", **more)
        flags.ask(1_400, 7_000, 0.06)
        streams = {"chatgpt.com": app, "ab.chatgpt.com": flags}
        if socket:
            live = self.connect(app.busy, "ws.chatgpt.com", protocols=("http/1.1",), **more)
            live.ask(780, 260, 0.05)
            streams["ws.chatgpt.com"] = live
        return streams

    def elsewhere(self, at: float, name: str = "www.wikipedia.org", **more: Any) -> Stream:
        """Another site, which works."""
        other = self.connect(at, name, **more)
        other.ask(500, 8_000, 0.08)
        other.ask(300, 3_000, 0.05)
        return other

    def save(self, path: Path, link: str = "ethernet") -> Path:
        """Writes pcap or, by the name, pcapng."""
        ng = path.suffix == ".pcapng"
        writer = PcapNgWriter(str(path)) if ng else PcapWriter(str(path), linktype=_link(link))
        with writer:
            for at, packet in sorted(self.packets, key=lambda item: item[0]):
                framed = self._frame(packet, link)
                framed.time = self.start + at
                if self.tunnel:
                    inside = self.tunnel in (packet.src, packet.dst)
                    framed.sniffed_on = "utun4" if inside else "en0"
                writer.write(framed)
        return path

    def _frame(self, packet: Packet, link: str) -> Packet:
        if link == "raw":
            return packet
        mine = packet.src in (self.client, self.client6)
        if link == "cooked":
            proto = 0x86DD if IPv6 in packet else 0x0800
            return CookedLinux(pkttype=4 if mine else 0, proto=proto) / packet
        here, there = "3c:22:fb:10:20:31", "74:ac:b9:00:14:01"
        return Ether(src=here if mine else there, dst=there if mine else here) / packet


def _link(link: str) -> int:
    return {"ethernet": 1, "raw": 101, "cooked": 113}[link]


def _datagram(source: int, target: int, load: bytes) -> Packet:
    return UDP(sport=source, dport=target) / Raw(load)


class Stream:
    """A TCP connection of the client; `busy` is when its last answer was whole."""

    def __init__(self, line: Line, server: str, port: int = 443) -> None:
        self.line, self.server, self.server_port = line, server, port
        self.client_port = line.fresh_port()
        self.mine, self.theirs = line.random.getrandbits(31), line.random.getrandbits(31)
        self.rtt, self.mss, self.ttl = line.rtt, 1460, line.ttl
        self.offered = 1460
        self.ident = line.random.randrange(60_000)
        self.window = 65_535
        self.version12 = False
        self.busy = 0.0

    def segment(
        self,
        at: float,
        load: bytes = b"",
        *,
        up: bool,
        flags: str = "A",
        seq: int | None = None,
        ack: int | None = None,
        window: int | None = None,
        ttl: int | None = None,
        ident: int | None = None,
        options: list[Any] | None = None,
    ) -> None:
        """One segment; sequence numbers move only by `send` and `receive`."""
        if up:
            tcp = TCP(sport=self.client_port, dport=self.server_port)
            tcp.seq, tcp.ack = self.mine, self.theirs
        else:
            tcp = TCP(sport=self.server_port, dport=self.client_port)
            tcp.seq, tcp.ack = self.theirs, self.mine
        tcp.seq = tcp.seq if seq is None else seq % 2**32
        tcp.ack = tcp.ack if ack is None else ack
        tcp.ack = tcp.ack if "A" in flags else 0
        tcp.flags, tcp.window = flags, self.window if window is None else window
        tcp.options = options or []
        packet = tcp / Raw(load) if load else tcp
        here = self.line.me(self.server)
        if up:
            self.line.put(at, here, self.server, packet, ident=ident)
            return
        if ident is None:
            self.ident = ident = (self.ident + 1) % 65_536
        self.line.put(at, self.server, here, packet, ttl=ttl or self.ttl, ident=ident)

    def _syn_options(self, mss: int) -> list[Any]:
        return [("MSS", mss), ("SAckOK", b""), ("NOP", None), ("WScale", 7)]

    def open(self, at: float) -> float:
        """The three-way handshake."""
        at += 0.0003
        self.segment(at, up=True, flags="S", options=self._syn_options(self.offered))
        self.mine += 1
        back = at + self.rtt * self.line.jitter()
        self.segment(back, up=False, flags="SA", options=self._syn_options(min(self.mss, 1400)))
        self.theirs += 1
        self.segment(back + 0.00005, up=True)
        self.busy = back + 0.0001
        return self.busy

    def silent(self, at: float, tries: int = 4) -> float:
        """SYNs that nobody answers."""
        wait = 0.0
        for number in range(tries):
            at += wait
            self.segment(at, up=True, flags="S", options=self._syn_options(self.offered))
            wait = 1.0 * 2**number
        return at

    def refused(self, at: float, *, after: float | None = None, ttl: int | None = None) -> None:
        """A closed port."""
        self.segment(at, up=True, flags="S", options=self._syn_options(self.offered))
        self.mine += 1
        back = at + (self.rtt if after is None else after)
        self.theirs = 0
        self.segment(back, up=False, flags="RA", window=0, ttl=ttl)

    def send(self, at: float, load: bytes, *, acked: bool = True) -> float:
        """Bytes of the client, and the peer's acknowledgement."""
        for begin in range(0, len(load), self.mss):
            part = load[begin : begin + self.mss]
            last = begin + self.mss >= len(load)
            self.segment(at, part, up=True, flags="PA" if last else "A")
            self.mine += len(part)
            at += 0.00002
        if acked:
            self.segment(at + self.rtt * self.line.jitter(), up=False)
        return at

    def receive(self, at: float, load: bytes, *, acked: bool = True) -> float:
        """Bytes of the server as they arrive, acknowledged every second segment."""
        size = min(self.mss, 1400)
        for number, begin in enumerate(range(0, len(load), size)):
            part = load[begin : begin + size]
            last = begin + size >= len(load)
            self.segment(at, part, up=False, flags="PA" if last else "A")
            self.theirs += len(part)
            if acked and (last or number % 2):
                self.segment(at + 0.00004, up=True)
            at += 0.00011
        self.busy = max(self.busy, at)
        return at

    def secure(
        self,
        name: str,
        *,
        hello: bytes | None = None,
        issuer: tuple[str, str] = ("Google Trust Services", "WE1"),
        version12: bool = False,
        protocols: tuple[str, ...] = ("h2", "http/1.1"),
        far: float = 0.0,
        refuse: bool = False,
    ) -> float:
        """The TLS handshake; `far` is time beyond the nearest TCP end, `refuse` a client alert."""
        self.version12 = version12
        hello = hello or chromium_hello(name)
        sent = self.send(self.busy, hello)
        flight = server_flight(hello, issuer, version12=version12, protocols=protocols)
        came = self.receive(sent + (self.rtt + far) * self.line.jitter() + 0.003, flight)
        if refuse:
            self.send(came + 0.001, alert(48, sealed=not version12))
            self.finish(came + 0.0015)
            return came
        sent = self.send(came + 0.0012, finish(version12=version12))
        back = CHANGE + b"\x16\x03\x03\x00\x28" + os.urandom(40) if version12 else records(220)
        self.busy = self.receive(sent + self.rtt + far + 0.001, back)
        return self.busy

    def ask(
        self, size: int, answer: int, wait: float, *, at: float | None = None, far: float = 0.0
    ) -> float:
        """A request and its answer, `wait` of service time after it arrived."""
        sent = self.send(max(self.busy + 0.002, at or 0.0), records(size))
        self.busy = self.receive(sent + self.rtt + far + wait, records(answer))
        return self.busy

    def stream(self, at: float, gaps: Iterable[float], size: int = 120) -> float:
        """A question, then an answer in small records, `gaps` seconds apart."""
        when = self.send(max(self.busy + 0.002, at), records(1_900)) + self.rtt
        for gap in gaps:
            when += gap
            self.receive(when, records(size + self.line.random.randrange(40)))
        return self.busy

    def finish(self, at: float, *, by_client: bool = True) -> None:
        """An orderly end."""
        self.segment(at, up=by_client, flags="FA")
        if by_client:
            self.mine += 1
        else:
            self.theirs += 1
        self.segment(at + self.rtt, up=not by_client, flags="FA")
        if by_client:
            self.theirs += 1
        else:
            self.mine += 1
        self.segment(at + self.rtt + 0.0001, up=by_client)

    def reset(self, at: float, *, up: bool = False, flags: str = "R", **more: Any) -> None:
        self.segment(at, up=up, flags=flags, window=more.pop("window", 0), **more)


def unreachable(line: Line, at: float, stream: Stream, router: str = "192.168.20.1") -> None:
    """A router's word that it will not carry the connection (ICMP administratively prohibited)."""
    inner = IP(src=line.client, dst=stream.server) / TCP(
        sport=stream.client_port, dport=stream.server_port, seq=stream.mine
    )
    line.put(at, router, line.client, ICMP(type=3, code=13) / inner)
