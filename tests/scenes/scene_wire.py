"""Builds packet captures as an outsider would make them: real DNS messages, real TLS bytes.

DNS messages come from dnspython, TLS records from OpenSSL (an in-memory
handshake per connection), frames from scapy.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from scapy.config import conf
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import CookedLinux, Dot1Q, Ether, Loopback
from scapy.packet import Packet, Raw
from scapy.utils import PcapNgWriter, PcapWriter
from scene_certificates import server_files

START = 1_790_000_000.0
EDGE, WS_EDGE, AB_EDGE = "104.18.32.47", "104.18.39.21", "172.64.155.209"
EDGE6 = "2606:4700:4400::6812:202f"
RESOLVER, CLIENT, CLIENT6 = "192.168.1.1", "192.168.1.20", "2001:db8:1::20"

conf.ipv6_enabled = True


@cache
def _contexts(version12: bool) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    client.set_alpn_protocols(["h2", "http/1.1"])
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*server_files())
    server.set_alpn_protocols(["h2", "http/1.1"])
    if version12:
        server.maximum_version = ssl.TLSVersion.TLSv1_2
    return client, server


class Handshake:
    """Both ends of one TLS connection in memory; gives the octets each would send."""

    def __init__(self, name: str | None, version12: bool = False) -> None:
        client, server = _contexts(version12)
        self._to_client, self._from_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._to_server, self._from_server = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = client.wrap_bio(self._to_client, self._from_client, server_hostname=name)
        self.server = server.wrap_bio(self._to_server, self._from_server, server_side=True)

    def client_turn(self, received: bytes = b"") -> bytes:
        self._to_client.write(received)
        _step(self.client)
        return self._from_client.read()

    def server_turn(self, received: bytes) -> bytes:
        self._to_server.write(received)
        _step(self.server)
        return self._from_server.read()

    def client_data(self, size: int) -> bytes:
        self.client.write(bytes(size))
        return self._from_client.read()

    def server_data(self, size: int) -> bytes:
        self.server.write(bytes(size))
        return self._from_server.read()

    def client_close(self) -> bytes:
        return _close(self.client, self._from_client)

    def server_close(self) -> bytes:
        return _close(self.server, self._from_server)


def _step(side: ssl.SSLObject) -> None:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return


def _close(side: ssl.SSLObject, out: ssl.MemoryBIO) -> bytes:
    with suppress(ssl.SSLError):  # it only waits for the other side's close_notify
        side.unwrap()
    return out.read()


@dataclass
class Wire:
    """A capture in the making; times are seconds from its start."""

    client: str = CLIENT
    client6: str = CLIENT6
    resolver: str = RESOLVER
    packets: list[tuple[float, Packet]] = field(default_factory=list)
    ports: count[int] = field(default_factory=lambda: count(50001))
    numbers: count[int] = field(default_factory=lambda: count(4097))

    def put(self, time: float, source: str, target: str, payload: Packet, ttl: int = 64) -> None:
        if ":" in source:
            packet = IPv6(src=source, dst=target, hlim=ttl) / payload
        else:
            packet = IP(src=source, dst=target, ttl=ttl) / payload
        self.packets.append((time, packet))

    def me(self, other: str) -> str:
        return self.client6 if ":" in other else self.client

    # --- DNS

    def lookup(
        self,
        time: float,
        name: str,
        *answers: str,
        kind: str = "A",
        rcode: str = "NOERROR",
        ttl: int = 214,
        resolver: str | None = None,
        delay: float = 0.012,
        ede: tuple[tuple[int, str], ...] = (),
        authority: str | None = None,
        additional: str | None = None,
        recursion: bool = True,
        over_tcp: bool = False,
        answered: bool = True,
    ) -> None:
        """A question and its reply; an answer is an address or ``CNAME target``."""
        question = dns.message.make_query(name, kind, use_edns=0, id=next(self.numbers))
        reply = dns.message.make_response(question, recursion_available=recursion)
        reply.set_rcode(dns.rcode.from_text(rcode))
        owner = name
        for answer in answers:
            if answer.startswith("CNAME "):
                target = answer.split()[1]
                reply.answer.append(dns.rrset.from_text(owner + ".", ttl, "IN", "CNAME", target))
                owner = target.rstrip(".")
            else:
                reply.answer.append(dns.rrset.from_text(owner + ".", ttl, "IN", kind, answer))
        if authority:
            zone, mname = authority.split()
            text = f"{mname} hostmaster.{mname} 1 1800 900 604800 86400"
            reply.authority.append(dns.rrset.from_text(zone, 300, "IN", "SOA", text))
        if additional:
            text = f"{additional} hostmaster.{additional} 1 1800 900 604800 86400"
            reply.additional.append(dns.rrset.from_text(additional, 300, "IN", "SOA", text))
        if ede:
            options = [dns.edns.EDEOption(dns.edns.EDECode.make(c), text) for c, text in ede]
            reply.use_edns(0, payload=1232, options=options)
        server = resolver or self.resolver
        if over_tcp:
            self._lookup_tcp(time, server, question.to_wire(), reply.to_wire(), delay)
            return
        port, me = next(self.ports), self.me(server)
        self.put(time, me, server, UDP(sport=port, dport=53) / Raw(question.to_wire()))
        if answered:
            self.put(time + delay, server, me, UDP(sport=53, dport=port) / Raw(reply.to_wire()), 58)

    def _lookup_tcp(
        self, time: float, server: str, question: bytes, reply: bytes, delay: float
    ) -> None:
        conn = Connection(self, server, port=53)
        conn.open(time, 0.004)
        conn.up(time + 0.005, len(question).to_bytes(2) + question)
        conn.down(time + 0.005 + delay, len(reply).to_bytes(2) + reply)
        conn.fin(time + 0.01 + delay)

    # --- files

    def save(self, path: Path, link: str = "ethernet") -> Path:
        """Write it; the suffix chooses pcap or pcapng."""
        framed = []
        for time, packet in sorted(self.packets, key=lambda item: item[0]):
            frame = _frame(packet, link)
            frame.time = START + time
            framed.append(frame)
        writer = PcapNgWriter(str(path)) if path.suffix == ".pcapng" else PcapWriter(str(path))
        for frame in framed:
            writer.write(frame)
        writer.close()
        return path


def _frame(packet: Packet, link: str) -> Packet:
    kind = 0x86DD if isinstance(packet, IPv6) else 0x0800
    ends = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
    if link == "ethernet":
        return Ether(**ends) / packet
    if link == "vlan":
        return Ether(**ends) / Dot1Q(vlan=30) / packet
    if link == "cooked":
        return CookedLinux(proto=kind) / packet
    if link == "loopback":
        return Loopback() / packet
    return packet


class Connection:
    """One TCP connection, with TLS where asked."""

    def __init__(
        self,
        wire: Wire,
        server: str,
        *,
        port: int = 443,
        mss: int = 1460,
        server_mss: int = 1400,
        ttl: int = 57,
    ) -> None:
        self.wire, self.server, self.me = wire, server, wire.me(server)
        self.ports = (next(wire.ports), port)
        self.mss, self.server_mss, self.ttl = mss, server_mss, ttl
        self.sent, self.received = 1000, 9000
        self.tls: Handshake | None = None
        self.rtt = 0.0
        self.last_down = b""

    def _put(
        self, time: float, flags: str, *, up: bool, payload: bytes = b"", mss: int | None = None
    ) -> None:
        source, target = self.ports if up else self.ports[::-1]
        segment = TCP(
            sport=source,
            dport=target,
            flags=flags,
            seq=self.sent if up else self.received,
            ack=(self.received if up else self.sent) if "A" in flags else 0,
            window=64240,
            options=[("MSS", mss)] if mss else [],
        )
        if payload:
            segment /= Raw(payload)
        ends = (self.me, self.server) if up else (self.server, self.me)
        self.wire.put(time, *ends, segment, 64 if up else self.ttl)
        used = len(payload) + ("S" in flags) + ("F" in flags)
        if up:
            self.sent += used
        else:
            self.received += used

    def open(self, time: float, rtt: float = 0.018) -> float:
        """The TCP handshake; gives the time after it."""
        self.rtt = rtt
        self._put(time, "S", up=True, mss=self.mss)
        self._put(time + rtt, "SA", up=False, mss=self.server_mss)
        self._put(time + rtt + 0.0001, "A", up=True)
        return time + rtt + 0.0002

    def unanswered(self, time: float, tries: int = 4) -> None:
        for index in range(tries):
            self._put(time + 2.0**index - 1, "S", up=True, mss=self.mss)
            self.sent -= 1

    def refused(self, time: float, rtt: float = 0.001) -> None:
        self._put(time, "S", up=True, mss=self.mss)
        self._put(time + rtt, "RA", up=False)

    def up(self, time: float, payload: bytes, ack: bool = True) -> None:
        for start in range(0, len(payload), 1380):
            self._put(time, "PA", up=True, payload=payload[start : start + 1380])
        if ack:
            self._put(time + self.rtt, "A", up=False)

    def down(self, time: float, payload: bytes) -> None:
        for start in range(0, len(payload), 1380):
            self.last_down = payload[start : start + 1380]
            self._put(time + start * 1e-8, "PA", up=False, payload=self.last_down)
        self._put(time + 0.0002, "A", up=True)

    def secure(
        self, time: float, name: str | None, delay: float | None = None, version12: bool = False
    ) -> float:
        """The TLS handshake; `delay` is ClientHello to ServerHello. Gives the time after it."""
        delay = self.rtt + 0.002 if delay is None else delay
        self.tls = Handshake(name, version12)
        hello = self.tls.client_turn()
        self.up(time, hello)
        flight = self.tls.server_turn(hello)
        self.down(time + delay, flight)
        finished = self.tls.client_turn(flight)
        self.up(time + delay + 0.001, finished)
        rest = self.tls.server_turn(finished)
        if rest:
            self.down(time + 2 * delay + 0.001, rest)
            self.tls.client_turn(rest)
        return time + 2 * delay + 0.002

    def refuse(self, time: float, name: str) -> None:
        """TLS up to the server's flight, which the client answers with an encrypted alert."""
        tls = Handshake(name)
        hello = tls.client_turn()
        self.up(time, hello)
        self.down(time + self.rtt + 0.002, tls.server_turn(hello))
        now = time + self.rtt + 0.004
        change, alert = b"\x14\x03\x03\x00\x01\x01", b"\x17\x03\x03\x00\x13" + bytes(range(19))
        self.up(now, change + alert)
        self.fin(now + 0.001)

    def hello_only(self, time: float, name: str) -> None:
        self.up(time, Handshake(name).client_turn(), ack=False)

    def ask(self, time: float, size: int = 900, answer: int = 4000, wait: float = 0.09) -> float:
        """A request and its answer inside TLS; gives the time after it."""
        self.send(time, size)
        self.receive(time + wait, answer)
        return time + wait + 0.001

    def send(self, time: float, size: int) -> None:
        assert self.tls
        self.up(time, self.tls.client_data(size))

    def receive(self, time: float, size: int) -> None:
        assert self.tls
        self.down(time, self.tls.server_data(size))

    def notify(self, time: float, *, up: bool) -> None:
        """close_notify."""
        assert self.tls
        if up:
            self.up(time, self.tls.client_close())
        else:
            self.down(time, self.tls.server_close())

    def fin(self, time: float, *, up: bool = True) -> None:
        self._put(time, "FA", up=up)
        self._put(time + self.rtt, "FA", up=not up)
        self._put(time + self.rtt + 0.0001, "A", up=up)

    def repeat_last(self, time: float) -> None:
        """The server sends its last segment again, and the client acknowledges it again."""
        source, target = self.ports[::-1]
        size = len(self.last_down)
        again = TCP(sport=source, dport=target, flags="PA", seq=self.received - size, ack=self.sent)
        self.wire.put(time, self.server, self.me, again / Raw(self.last_down), self.ttl)
        self._put(time + 0.0002, "A", up=True)

    def leave(self, time: float) -> None:
        """The client's FIN, unanswered."""
        self._put(time, "FA", up=True)

    def rst(self, time: float, *, up: bool = False, ack: bool = True) -> None:
        self._put(time, "RA" if ack else "R", up=up)
