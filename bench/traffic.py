"""A capture of everyday traffic, made the same way each time.

A unit holds name lookups, TLS 1.2 and 1.3 connections
of every length, streams of small records, QUIC and attempts that nobody
answers, many at the same time, some over IPv6, with losses, repeats and
reordering. A file is the unit again and again, with other clients and later.
"""

from __future__ import annotations

import random
import struct
import sys
from pathlib import Path
from socket import AF_INET6, inet_aton, inet_pton
from typing import Literal

import dns.message
import dns.rrset
import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from analysis.read.packets.quic import client_keys

type Container = Literal["pcap", "pcapng"]
type Timed = tuple[float, bytes]

UNIT = 188_875
"""Packets of one unit."""

SPAN = 40.0
"""Seconds of one unit."""

_MTU = 1388
_STARTED = 1_700_000_000
_DOWN, _UP = False, True


class Connection:
    """Makes the packets of one TCP connection; `packets` holds them with their times."""

    def __init__(self, chance: random.Random, number: int, *, port: int = 443) -> None:
        self.packets: list[Timed] = []
        self._chance = chance
        self._ports = (20_000 + number % 40_000, port)
        self._six = number % 6 == 0
        self._host = number % 250
        self.now = chance.random() * SPAN * 0.8
        self.rtt = chance.choice((0.004, 0.02, 0.05, 0.18))
        self._seq = {_UP: chance.getrandbits(32), _DOWN: chance.getrandbits(32)}
        self._tsval = chance.getrandbits(31)

    def _send(self, up: bool, flags: int, payload: bytes = b"", *, back: int = 0) -> bytes:
        """One packet; `back` octets behind the next sequence number."""
        seq, ack = self._seq[up] - back & 0xFFFFFFFF, self._seq[not up]
        stamp = struct.pack("!BBBBII", 1, 1, 8, 10, self._tsval + int(self.now * 1000), 1)
        options = (b"\2\4\5\xb4" + stamp) if flags & 2 else stamp
        ports = self._ports if up else self._ports[::-1]
        offset = (20 + len(options)) // 4 << 4
        acknowledged = ack & 0xFFFFFFFF if flags & 16 else 0
        head = struct.pack("!HHIIBBHHH", *ports, seq, acknowledged, offset, flags, 4000, 0, 0)
        return packet(6, head + options + payload, up=up, host=self._host, six=self._six)

    def _put(self, later: float, frame: bytes) -> None:
        self.packets.append((self.now + later, frame))

    def open(self) -> None:
        """The three-way handshake."""
        self._put(0, self._send(_UP, 2))
        self._seq[_UP] += 1
        self.now += self.rtt
        self._put(0, self._send(_DOWN, 18))
        self._seq[_DOWN] += 1
        self.now += 5e-5
        self._put(0, self._send(_UP, 16))

    def fail(self, *, refused: bool) -> None:
        """A SYN, and a reset for it or the SYN again."""
        syn = self._send(_UP, 2)
        self._put(0, syn)
        if refused:
            self._seq[_UP] += 1
            self._put(self.rtt, self._send(_DOWN, 20))
        else:
            self._put(1, syn)

    def say(self, up: bool, octets: bytes, *, loss: float = 0.0) -> None:
        """Send octets as segments, acknowledged every second one; some are lost or late."""
        for index, at in enumerate(range(0, len(octets), _MTU)):
            part = octets[at : at + _MTU]
            frame = self._send(up, 16 | 8, part)
            self._seq[up] += len(part)
            fate = self._chance.random()
            self.now += 2e-5
            if fate < loss:
                self._lost(up, frame)
            elif fate < 1.5 * loss:
                self._put(3e-5, frame)  # overtaken by the next
            else:
                self._put(0, frame)
            if index % 2 or at + _MTU >= len(octets):
                self._put(6e-5, self._send(not up, 16))

    def _lost(self, up: bool, frame: bytes) -> None:
        """What was sent arrives only when it is sent again, after two duplicate ACKs."""
        if self._chance.random() < 0.5:
            self._put(0, frame)  # the capture saw it, its receiver did not
        length = len(frame) - (86 if self._six else 66)
        self._seq[up] -= length
        for _ in range(3):
            self._put(1e-5, self._send(not up, 16))
            self.now += 1e-5
        self._seq[up] += length
        self._put(self.rtt, frame)
        self.now += self.rtt + 1e-4

    def close(self) -> None:
        """FIN from either side, or a reset."""
        if self._chance.random() < 0.1:
            self._put(0.01, self._send(_DOWN, 20))
            return
        self.now += 0.01
        self._put(0, self._send(_UP, 17))
        self._seq[_UP] += 1
        self.now += self.rtt
        self._put(0, self._send(_DOWN, 17))
        self._seq[_DOWN] += 1
        self._put(1e-4, self._send(_UP, 16))


def packet(protocol: int, payload: bytes, *, up: bool, host: int, six: bool) -> bytes:
    """An Ethernet frame between a client of unit 0 and a server."""
    macs = (b"\2\0\0\0\0\1", b"\2\0\0\0\0\2")
    ethernet = (macs[0] + macs[1]) if up else (macs[1] + macs[0])
    if six:
        client = inet_pton(AF_INET6, f"2001:db8:1::{host + 1:x}")
        server = inet_pton(AF_INET6, f"2001:db8:f::{host + 1:x}")
        pair = client + server if up else server + client
        head = struct.pack("!IHBB", 0x60000000, len(payload), protocol, 64 if up else 57)
        return ethernet + b"\x86\xdd" + head + pair + payload
    client, server = inet_aton(f"10.0.1.{host + 1}"), inet_aton(f"104.18.32.{host + 1}")
    pair = client + server if up else server + client
    head = struct.pack(
        "!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0x4000, 64 if up else 57, protocol, 0
    )
    return ethernet + b"\x08\0" + head + pair + payload


def client_hello(chance: random.Random, name: str, *, hybrid: bool) -> bytes:
    """A ClientHello message; `hybrid` with a post-quantum key share, above one segment."""
    host = name.encode()
    sni = struct.pack("!HBH", len(host) + 3, 0, len(host))
    share = 1216 if hybrid else 32
    group = 0x11EC if hybrid else 0x1D
    keys = struct.pack("!HHH", share + 4, group, share) + chance.randbytes(share)
    extensions = b"".join(
        struct.pack("!HH", kind, len(body)) + body
        for kind, body in (
            (0, sni + host),
            (10, b"\0\4\x11\xec\0\x1d"),
            (13, b"\0\x08\4\3\x08\4\4\1\5\3"),
            (16, b"\0\x0c\x02h2\x08http/1.1"),
            (43, b"\4\3\4\3\3"),
            (51, keys),
            (21, bytes(180)),
        )
    )
    body = b"\3\3" + chance.randbytes(32) + b"\x20" + chance.randbytes(32)
    body += b"\0\x08\x13\1\x13\2\xc0\x2b\xc0\x2f\1\0"
    body += struct.pack("!H", len(extensions)) + extensions
    return b"\1" + len(body).to_bytes(3) + body


def server_hello(chance: random.Random, *, modern: bool) -> bytes:
    """A ServerHello message of TLS 1.3 or 1.2."""
    body = b"\3\3" + chance.randbytes(32) + b"\x20" + chance.randbytes(32)
    body += b"\x13\1\0" if modern else b"\xc0\x2f\0"
    extensions = b"\0\x2b\0\2\3\4" if modern else b"\xff\1\0\1\0"
    body += struct.pack("!H", len(extensions)) + extensions
    return b"\2" + len(body).to_bytes(3) + body


def record(kind: int, body: bytes) -> bytes:
    """A TLS record."""
    return struct.pack("!BHH", kind, 0x303, len(body)) + body


def data(chance: random.Random, octets: int) -> bytes:
    """Application data of `octets` in records of at most 16 KiB."""
    filler = chance.randbytes(64) * 257
    return b"".join(
        record(23, filler[: min(16_401, octets - at)]) for at in range(0, octets, 16_401)
    )


def tls(chance: random.Random, connection: Connection, name: str) -> None:
    """Opens a TLS connection, a fifth of them TLS 1.2."""
    modern = chance.random() < 0.8
    connection.open()
    hello = client_hello(chance, name, hybrid=modern and chance.random() < 0.6)
    connection.say(_UP, record(22, hello))
    connection.now += connection.rtt
    answer = record(22, server_hello(chance, modern=modern)) + record(20, b"\1")
    if not modern:
        answer = record(22, server_hello(chance, modern=False) + b"\x0e\0\0\0")
    connection.say(_DOWN, answer + (data(chance, 2400) if modern else b""))
    connection.say(_UP, record(20, b"\1") + (data(chance, 69) if modern else record(22, b"x" * 40)))


def browse(chance: random.Random, number: int) -> list[Timed]:
    """A short connection: a few requests."""
    connection = Connection(chance, number)
    tls(chance, connection, f"host{number % 97}.example.com")
    for _ in range(chance.randrange(1, 5)):
        connection.say(_UP, data(chance, chance.randrange(80, 700)))
        connection.now += connection.rtt
        connection.say(_DOWN, data(chance, chance.randrange(300, 30_000)), loss=0.005)
        connection.now += chance.random()
    connection.close()
    return connection.packets


def download(chance: random.Random, number: int) -> list[Timed]:
    """Bulk data."""
    connection = Connection(chance, number)
    tls(chance, connection, "files.example.com")
    connection.say(_UP, data(chance, 300))
    for _ in range(chance.randrange(20, 120)):
        connection.now += connection.rtt
        connection.say(_DOWN, data(chance, 64_000), loss=0.003)
    connection.close()
    return connection.packets


def stream(chance: random.Random, number: int) -> list[Timed]:
    """Small records, as of an answer that is written while one watches."""
    connection = Connection(chance, number)
    tls(chance, connection, "chatgpt.com")
    connection.say(_UP, data(chance, 900))
    for _ in range(chance.randrange(150, 700)):
        connection.now += chance.expovariate(60)
        connection.say(_DOWN, data(chance, chance.randrange(60, 400)), loss=0.002)
    connection.close()
    return connection.packets


def unanswered(chance: random.Random, number: int) -> list[Timed]:
    """A connection that is refused, or that nobody answers."""
    connection = Connection(chance, number, port=8443)
    connection.fail(refused=chance.random() < 0.5)
    return connection.packets


def lookup(chance: random.Random, number: int) -> list[Timed]:
    """A DNS query and its answer."""
    at = chance.random() * SPAN
    name = f"host{number % 997}.cdn{number % 13}.example.com."
    query = dns.message.make_query(name, "AAAA" if number % 2 else "A", id=number & 0xFFFF)
    answer = dns.message.make_response(query)
    alias = f"edge{number % 7}.example.net."
    final = "2001:db8::5" if number % 2 else "192.0.2.5"
    answer.answer = [
        dns.rrset.from_text(name, 60, "IN", "CNAME", alias),
        dns.rrset.from_text(alias, 60, "IN", "AAAA" if number % 2 else "A", final),
    ]
    both = []
    for up, message in ((_UP, query), (_DOWN, answer)):
        octets = message.to_wire()
        ports = (1024 + number % 60_000, 53)
        head = struct.pack("!HHHH", *(ports if up else ports[::-1]), 8 + len(octets), 0)
        frame = packet(17, head + octets, up=up, host=number % 250, six=number % 6 == 0)
        both.append((at + (0 if up else 0.015), frame))
    return both


def quic(chance: random.Random, number: int) -> list[Timed]:
    """A QUIC v1 connection: Initial, answer, and some packets with short headers."""
    at = chance.random() * SPAN * 0.9
    identity = chance.randbytes(8)
    hello = client_hello(chance, "quic.example.com", hybrid=False)
    keys = client_keys(1, identity)
    plain = b"\6\0" + struct.pack("!H", 0x4000 | len(hello)) + hello
    plain += bytes(1162 - len(plain))
    length = struct.pack("!H", 0x4000 | len(plain) + 17)
    head = b"\xc0\0\0\0\1\x08" + identity + b"\0\0" + length + b"\0"
    sealed = AESGCM(keys.key).encrypt(keys.iv, plain, head)
    block = Cipher(algorithms.AES(keys.header), modes.ECB())  # noqa: S305 - RFC 9001 5.4.3
    mask = block.encryptor().update(sealed[3:19])
    first = bytes((head[0] ^ mask[0] & 15,)) + head[1:-1] + bytes((head[-1] ^ mask[1],)) + sealed
    short = b"\x41" + chance.randbytes(1200)
    out = []
    packets = [(_UP, first), (_DOWN, b"\xc1" + head[1:] + chance.randbytes(1150))]
    packets += [(chance.random() < 0.3, short) for _ in range(chance.randrange(4, 40))]
    for up, octets in packets:
        ports = (30_000 + number % 20_000, 443)
        udp = struct.pack("!HHHH", *(ports if up else ports[::-1]), 8 + len(octets), 0)
        frame = packet(17, udp + octets, up=up, host=number % 250, six=number % 6 == 0)
        out.append((at, frame))
        at += 0.002
    return out


_MIX = ((lookup, 2900), (browse, 480), (unanswered, 350), (quic, 60), (stream, 70), (download, 20))
"""Kinds and how many of each a unit holds."""


def unit(seed: int = 1) -> list[Timed]:
    """The packets of one unit with their times from 0 on, in order."""
    chance = random.Random(seed)  # noqa: S311 - the same each time
    out: list[Timed] = []
    number = 0
    for kind, count in _MIX:
        for _ in range(count):
            out += kind(chance, number)
            number += 1
    out.sort(key=lambda item: item[0])
    return out


class _Records:
    """The unit as records of a container, with places to patch for each repetition."""

    def __init__(self, container: Container) -> None:
        ng = container == "pcapng"
        pieces: list[bytes] = []
        at = 0
        starts, stamps, four, six = [], [], [], []
        for time, frame in unit():
            head, tail = _record_ng(frame) if ng else (bytes(8) + _lengths(frame), b"")
            starts.append(at)
            stamps.append(time)
            body = at + len(head)
            if frame[12] == 8:
                client = 26 if frame[26] == 10 else 30
                four.append(body + client + 1)
            else:
                six.append(body + (22 if frame[27] == 1 else 38) + 6)
            pieces += (head, frame, tail)
            at += len(head) + len(frame) + len(tail)
        self.octets = np.frombuffer(b"".join(pieces), np.uint8).copy()
        self.starts = np.array(starts)
        self.stamps = np.array(stamps)
        self.clients = np.array(four + six)
        self._ng = ng

    def patched(self, number: int) -> bytes:
        """The repetition `number`."""
        self.octets[self.clients] = number & 0xFF
        micros = np.round((self.stamps + number * SPAN + _STARTED) * 1e6).astype(np.uint64)
        if self._ng:
            words = np.stack((micros >> np.uint64(32), micros & np.uint64(0xFFFFFFFF)), 1)
            where = self.starts + 12
        else:
            million = np.uint64(1_000_000)
            words = np.stack((micros // million, micros % million), 1)
            where = self.starts
        self.octets[where[:, None] + np.arange(8)] = words.astype("<u4").view(np.uint8)
        return self.octets.tobytes()


def _lengths(frame: bytes) -> bytes:
    return struct.pack("<II", len(frame), len(frame))


def _record_ng(frame: bytes) -> tuple[bytes, bytes]:
    padding = bytes(-len(frame) % 4)
    total = 32 + len(frame) + len(padding)
    head = struct.pack("<IIIQ", 6, total, 0, 0) + _lengths(frame)
    return head, padding + struct.pack("<I", total)


def write(path: Path, units: int, container: Container = "pcap") -> int:
    """Write a file of `units` repetitions; the number of packets."""
    records = _Records(container)
    with path.open("wb") as file:
        if container == "pcapng":
            file.write(struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28))
            file.write(struct.pack("<IIHHII", 1, 20, 1, 0, 0, 20))
        else:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1))
        for number in range(units):
            file.write(records.patched(number))
    return len(records.starts) * units


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]), "pcapng" if sys.argv[1].endswith("ng") else "pcap")
