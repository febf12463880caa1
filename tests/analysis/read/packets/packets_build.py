"""Builds packets and capture files for tests, from plain octets."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from socket import AF_INET6, inet_aton, inet_pton

ETHERNET, NULL, RAW, SLL, SLL2, PPP = 1, 0, 101, 113, 276, 9
CLIENT, SERVER = "10.0.0.1", "192.0.2.1"


def tcp(
    flags: str,
    *,
    to_server: bool = True,
    seq: int = 0,
    ack: int = 0,
    payload: bytes = b"",
    ports: tuple[int, int] = (50000, 443),
    options: bytes = b"",
    window: int = 1000,
) -> bytes:
    """An IPv4 packet with a TCP segment; `flags` are letters of SAFRP, `ports` client's first."""
    bits = sum({"F": 1, "S": 2, "R": 4, "P": 8, "A": 16}[letter] for letter in flags)
    source, target = ports if to_server else ports[::-1]
    offset = (20 + len(options)) // 4 << 4
    head = struct.pack(">HHIIBBHHH", source, target, seq, ack, offset, bits, window, 0, 0)
    return ipv4(6, head + options + payload, to_server=to_server)


def udp(payload: bytes, *, to_server: bool = True, ports: tuple[int, int] = (50000, 53)) -> bytes:
    """An IPv4 packet with a UDP datagram."""
    return ipv4(17, udp_datagram(payload, to_server=to_server, ports=ports), to_server=to_server)


def udp_datagram(payload: bytes, *, to_server: bool, ports: tuple[int, int]) -> bytes:
    """UDP header and payload."""
    source, target = ports if to_server else ports[::-1]
    return struct.pack(">HHHH", source, target, 8 + len(payload), 0) + payload


def ipv4(
    protocol: int,
    payload: bytes,
    *,
    to_server: bool = True,
    options: bytes = b"",
    fragment: int = 0,
    number: int = 7,
) -> bytes:
    """An IPv4 packet; `fragment` is the flags and offset field."""
    source, target = (CLIENT, SERVER) if to_server else (SERVER, CLIENT)
    length = 20 + len(options)
    head = struct.pack(
        ">BBHHHBBH",
        0x40 | length // 4,
        0,
        length + len(payload),
        number,
        fragment,
        61,
        protocol,
        0,
    )
    return head + inet_aton(source) + inet_aton(target) + options + payload


def ipv6(following: int, payload: bytes) -> bytes:
    """An IPv6 packet from 2001:db8::1 to 2001:db8::2."""
    head = struct.pack(">IHBB", 0x60000000, len(payload), following, 60)
    return head + inet_pton(AF_INET6, "2001:db8::1") + inet_pton(AF_INET6, "2001:db8::2") + payload


def ethernet(packet: bytes, kind: int | None = None, tags: bytes = b"") -> bytes:
    """An Ethernet frame; the type follows from the packet unless given."""
    if kind is None:
        kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    return b"\x02" * 12 + tags + kind.to_bytes(2) + packet


def pcap(
    frames: Iterable[bytes],
    *,
    order: str = "<",
    nano: bool = False,
    link: int = ETHERNET,
    snap: int = 65535,
    start: float = 1_700_000_000.0,
    step: float = 0.01,
) -> bytes:
    """A libpcap file; frame n has the time start + n * step."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    out = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, snap, link)
    for index, frame in enumerate(frames):
        time = start + index * step
        unit = 1_000_000_000 if nano else 1_000_000
        fraction = round((time - int(time)) * unit)
        kept = frame[:snap]
        out += struct.pack(order + "IIII", int(time), fraction, len(kept), len(frame)) + kept
    return out


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A pcapng block."""
    body += bytes(-len(body) % 4)
    total = len(body) + 12
    return struct.pack(order + "II", kind, total) + body + struct.pack(order + "I", total)


def section(order: str = "<") -> bytes:
    """A section header block."""
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(
    link: int = ETHERNET, *, order: str = "<", options: bytes = b"", snap: int = 0
) -> bytes:
    """An interface description block."""
    return block(1, struct.pack(order + "HHI", link, 0, snap) + options, order)


def enhanced(frame: bytes, ticks: int, *, number: int = 0, order: str = "<") -> bytes:
    """An enhanced packet block."""
    head = struct.pack(
        order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame)
    )
    return block(6, head + frame, order)


def written(path: Path, content: bytes) -> Path:
    """`path`, with `content` in it."""
    path.write_bytes(content)
    return path


def handshake(*, payloads: Iterable[tuple[bool, bytes]], ports: tuple[int, int]) -> list[bytes]:
    """Frames of a TCP connection: SYN, SYN-ACK, ACK, then the payloads (to server?, octets)."""
    frames = [
        tcp("S", seq=99, ports=ports, options=b"\x02\x04\x05\xb4"),
        tcp("SA", to_server=False, seq=199, ack=100, ports=ports, options=b"\x02\x04\x05\x64"),
        tcp("A", seq=100, ack=200, ports=ports),
    ]
    up, down = 100, 200
    for to_server, octets in payloads:
        if to_server:
            frames.append(tcp("PA", seq=up, ack=down, payload=octets, ports=ports))
            up += len(octets)
        else:
            frames.append(tcp("PA", to_server=False, seq=down, ack=up, payload=octets, ports=ports))
            down += len(octets)
    return [ethernet(frame) for frame in frames]
