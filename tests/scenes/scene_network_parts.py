"""Pieces of broken TCP: segments sent again, hellos of a wanted size, resets by a middlebox."""

from __future__ import annotations

from scapy.layers.inet import TCP
from scene_wire import Connection, Handshake, Wire


def resend(conn: Connection, time: float, *, up: bool, after: float = 0.25) -> None:
    """The last segment with payload of one side goes out once more."""
    port = conn.ports[0] if up else conn.ports[1]
    mine = [
        packet
        for moment, packet in conn.wire.packets
        if moment <= time + 0.001
        and TCP in packet
        and packet[TCP].sport == port
        and packet[TCP].payload
        and conn.ports[0] in (packet[TCP].sport, packet[TCP].dport)
    ]
    conn.wire.packets.append((time + after, mine[-1].copy()))


def receive_with_loss(conn: Connection, time: float) -> None:
    """Three segments of an answer, of which the second is lost and comes 180 ms later."""
    assert conn.tls
    data = conn.tls.server_data(4000)
    parts = [data[start : start + 1380] for start in range(0, len(data), 1380)]
    first = conn.received
    conn._put(time, "PA", up=False, payload=parts[0])
    hole = conn.received
    conn.received += len(parts[1])
    for index, part in enumerate(parts[2:]):
        conn._put(time + 0.001 * (index + 1), "PA", up=False, payload=part)
        end, conn.received = conn.received, hole
        conn._put(time + 0.001 * (index + 1) + 0.0001, "A", up=True)
        conn.received = end
    end, conn.received = conn.received, hole
    conn._put(time + 0.18, "PA", up=False, payload=parts[1])
    conn.received = end
    conn._put(time + 0.1802, "A", up=True)
    assert first < hole < end


def hello_of(wire: Wire, time: float, name: str, address: str) -> tuple[Connection, bytes]:
    """A connection up to its ClientHello, and what the server would answer."""
    wire.lookup(time, name, address)
    conn = Connection(wire, address)
    now = conn.open(time + 0.1)
    shake = Handshake(name)
    hello = shake.client_turn()
    conn.up(now, hello, ack=False)
    return conn, shake.server_turn(hello)[:900]


def tampered(
    wire: Wire,
    time: float,
    name: str,
    address: str,
    kinds: tuple[str, ...],
    *,
    large: bool | None = None,
) -> None:
    """A connection reset by `kinds` right after its ClientHello; without any, it works.

    `large` asks for a hello with the post-quantum key share in two segments, or without it.
    """
    wire.lookup(time, name, address)
    conn = Connection(wire, address)
    now = conn.open(time + 0.1)
    if not kinds:
        now = conn.secure(now, name)
        conn.ask(now)
        conn.fin(now + 2)
        return
    conn.up(now, _hello(name, large), ack=False)
    for index, kind in enumerate(kinds):
        conn._put(now + 0.02 + index * 0.0003, kind, up=False)
        conn.received += 1460


def _hello(name: str, large: bool | None) -> bytes:
    hello = Handshake(name).client_turn()
    return hello if not large else post_quantum(name)


def post_quantum(name: str) -> bytes:
    """A ClientHello as today's browsers send it: X25519MLKEM768 first, 1.2 kB of key share."""
    server_name = name.encode()
    names = len(server_name).to_bytes(2) + server_name
    entry = b"\x00" + names
    sni = _extension(0, len(entry).to_bytes(2) + entry)
    groups = _extension(10, b"\x00\x04\x11\xec\x00\x1d")
    versions = _extension(43, b"\x02\x03\x04")
    signatures = _extension(13, b"\x00\x04\x04\x03\x08\x04")
    share = b"\x11\xec" + (1216).to_bytes(2) + bytes(1216) + b"\x00\x1d\x00\x20" + bytes(32)
    shares = _extension(51, len(share).to_bytes(2) + share)
    padding = _extension(21, bytes(200))
    extensions = sni + groups + versions + signatures + shares + padding
    body = b"\x03\x03" + bytes(32) + b"\x20" + bytes(32) + b"\x00\x02\x13\x01\x01\x00"
    body += len(extensions).to_bytes(2) + extensions
    message = b"\x01" + len(body).to_bytes(3) + body
    return b"\x16\x03\x01" + len(message).to_bytes(2) + message


def _extension(kind: int, data: bytes) -> bytes:
    return kind.to_bytes(2) + len(data).to_bytes(2) + data
