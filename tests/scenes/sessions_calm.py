"""Sessions of the fourth round: healthy and near-healthy ones, and a fault beside the same noise.

First drawn from the domain notes by somebody who had not read the detectors.
"""

from __future__ import annotations

from line import HOSTS, Line, Stream
from line_tls import records
from scapy.layers.inet import IP, UDP
from scapy.packet import Raw
from scene import WELL
from session import Session
from session_parts import answer_frames, handoff_events, sse
from session_scene import as_packets, as_record

MAGIC = b"\x21\x12\xa4\x42"
"""Cookie of a STUN message (RFC 8489 section 5)."""


def mirror(line: Line, later: float = 0.000008, hops: int = 0) -> None:
    """Each packet once more, as a mirror port gives it that watches both ways in and out."""
    copies = []
    for at, packet in line.packets:
        copy = packet.copy()
        if hops and IP in copy:
            copy[IP].ttl -= hops
        copies.append((at + later, copy))
    line.packets += copies


def answered(line: Line) -> dict[str, Stream]:
    """A visit with an answer."""
    streams = line.visit()
    app = streams["chatgpt.com"]
    app.stream(app.busy + 2.0, [0.05] * 50)
    return streams


@as_packets("calm-mirror-port", "healthy", statuses=WELL)
def mirror_port(line: Line) -> None:
    """A mirror port shows each packet twice."""
    answered(line)
    mirror(line)


@as_packets("calm-router-in-and-out", "healthy", statuses=WELL)
def router(line: Line) -> None:
    """Captured on a router, before and after it lowered the TTL."""
    answered(line)
    mirror(line, 0.00005, hops=1)


@as_packets("calm-mirror-port-with-loss", "tcp", "tcp.loss")
def mirror_with_loss(line: Line) -> None:
    """The same mirror port on a line that really loses one segment in six."""
    app = answered(line)["chatgpt.com"]
    at = app.busy + 1.0
    for number in range(120):
        part = records(900)
        if number % 6 == 3:
            app.segment(at + 0.24, part, up=False, flags="PA")
        else:
            app.segment(at, part, up=False, flags="PA")
        app.theirs += len(part)
        if number % 6 == 5:
            app.segment(at + 0.3, up=True)
            at += 0.4
        else:
            at += 0.01
    mirror(line)


def moments(line: Line, *, times: int, shut: float) -> None:
    """The page takes no more for `shut` seconds, `times` times, while an answer comes."""
    app = answered(line)["chatgpt.com"]
    at = app.busy + 1.0
    for _ in range(times):
        at = app.receive(at, records(40_000)) + 0.001
        app.segment(at, up=True, window=0)
        app.segment(at + shut / 2, up=False, seq=app.theirs - 1)
        app.segment(at + shut / 2 + 0.0001, up=True, window=0)
        app.segment(at + shut, up=True)
        at += shut + app.rtt
    app.receive(at, records(20_000))


@as_packets("calm-window-shut-for-moments", "healthy", statuses=WELL)
def window_moments(line: Line) -> None:
    """Flow control: three times shut for half a second."""
    moments(line, times=3, shut=0.55)


@as_packets("calm-window-shut-again-and-again", "device", "tcp.zero_window")
def window_again(line: Line) -> None:
    """The same half seconds, fifteen of them, are felt."""
    moments(line, times=15, shut=0.55)


@as_packets("calm-edge-keep-alive", "healthy", statuses=WELL)
def edge_keep_alive(line: Line) -> None:
    """Nothing is asked for 400 s; the edge lets go of what was idle, by resets."""
    streams = answered(line)
    names = ("cdn.oaistatic.com", "sentinel.openai.com")
    streams |= {name: line.connect(2.0, name) for name in names}
    live = streams.pop("ws.chatgpt.com")
    begun = live.busy
    for number in range(18):
        live.send(begun + 25.0 * (number + 1), records(6))
        live.receive(begun + 25.0 * (number + 1) + 2 * live.rtt, records(6))
    for stream in streams.values():
        stream.reset(stream.busy + 400.0)


@as_packets("calm-voice-with-dead-candidates", "healthy", statuses=WELL)
def voice(line: Line) -> None:
    """Two of voice's addresses never answer, the third carries the talk."""
    answered(line)
    for number in range(12):
        at, ident = 6.0 + 2.5 * number, line.random.randbytes(12)
        asked = b"\0\1\0\0" + MAGIC + ident
        for port, address in ((56_000, "52.191.40.20"), (56_001, "52.191.40.21")):
            if port == 56_000 or number < 5:
                line.put(
                    at, line.client, address, UDP(sport=port, dport=3478) / Raw(asked)
                )  # fmt: skip
        told = b"\1\1\0\x0c" + MAGIC + ident + b"\0\x20\0\x08\0\1" + line.random.randbytes(6)
        reply = UDP(sport=3478, dport=56_000) / Raw(told)
        line.put(at + 0.04, "52.191.40.20", line.client, reply, ttl=50)


@as_packets("calm-satellite", "healthy", statuses=WELL)
def satellite(line: Line) -> None:
    """600 ms there and back, and lookups that take as long."""
    line.rtt = 0.6
    for number, name in enumerate(("chatgpt.com", "ab.chatgpt.com", "ws.chatgpt.com")):
        line.lookup(number * 0.01, name, delay=0.6)
        stream = line.connect(0.62 + number * 0.01, name, lookup=False)
        for _ in range(4):
            stream.ask(500, 5_000, 0.06)
        if number == 0:
            stream.stream(stream.busy + 1.0, [0.05] * 40)


@as_packets("calm-nat64", "healthy", statuses=WELL)
def nat64(line: Line) -> None:
    """An IPv6-only network: DNS64 writes the addresses, NAT64 carries the packets."""
    line.resolver = "2001:db8:44:1::53"
    for number, name in enumerate(("chatgpt.com", "ab.chatgpt.com", "ws.chatgpt.com")):
        address = "64:ff9b::" + HOSTS[name][0]
        line.lookup(number * 0.1, name, (address,), kind="AAAA")
        stream = line.connect(number * 0.1 + 0.02, name, address, lookup=False, rtt=0.04)
        for _ in range(5):
            stream.ask(500, 4_000, 0.05)
        if number == 0:
            stream.stream(stream.busy + 1.0, [0.05] * 40)


@as_record("calm-guest-refused", "flows", "none")
def guest(session: Session) -> None:
    """A guest asks once for what guests do not have, and gets an answer."""
    session.page()
    session.assets()
    told = b'{"detail": "Authentication required"}'
    for at, path, status, body in (
        (1.5, "conversations?offset=0&limit=28", 401, told),
        (1.7, "me", 200, b'{"id": "guest"}'),
        (3.0, "sentinel/chat-requirements", 200, b'{"token": "t"}'),
    ):
        session.ask(
            at, "/backend-anon/" + path, status=status, body=body, mime="application/json",
            resource="fetch", wait=0.1,
        )  # fmt: skip


@as_record("calm-two-handoffs-reopened", "chrome", "none")
def reopened(session: Session) -> None:
    """The websocket is closed in order (1001) and opened anew; both turns end on it."""
    session.page()
    session.assets()
    session.boot()
    for number, at in enumerate((8.0, 70.0)):
        topic = f"conversation-turn-c{number}"
        session.turn(at, body=sse(handoff_events("c", topic)), took=0.4)
        frames = answer_frames(at + 1.8, topic, words=30)
        session.socket(at - 5.0, messages=frames, ended=at + 40.0, close=(1001, "", False))
