"""Sessions whose parts leave by a tunnel of one address family and, by the other, beside it."""

from __future__ import annotations

from line import EDGES6, Line, Stream
from scapy.layers.inet import UDP
from scapy.packet import Raw
from scene import WELL
from session_scene import as_packets

OUTSIDE, PEER = "192.168.20.31", "203.0.113.66"
SOCKET6 = "2606:4700:4408::ac40:9496"


def tunnelled(line: Line, until: float) -> None:
    """WireGuard carries IPv4 alone; the capture holds the card's interface and the tunnel's."""
    line.client = line.tunnel = "10.66.0.2"
    line.resolver = "10.66.0.1"
    ours, theirs = b"\x11\x5a\x07\x9c", b"\x83\x02\xd4\x4e"

    def datagram(at: float, up: bool, load: bytes) -> None:
        here, there = (41_641, 51_820) if up else (51_820, 41_641)
        ends = (OUTSIDE, PEER) if up else (PEER, OUTSIDE)
        line.put(at, *ends, UDP(sport=here, dport=there) / Raw(load), ttl=64 if up else 50)

    datagram(0.1, True, b"\x01\0\0\0" + ours + bytes(140))
    datagram(0.18, False, b"\x02\0\0\0" + theirs + ours + bytes(80))
    for number in range(int(until * 4)):
        for up, index in ((True, theirs), (False, ours)):
            head = b"\x04\0\0\0" + index + number.to_bytes(8, "little")
            datagram(0.2 + number / 4 + (0.0 if up else 0.06), up, head + bytes(320))


def asked(line: Line, at: float, name: str, place: str | None, answer: int) -> Stream:
    """One connection with a request: by the tunnel, or with an IPv6 address beside it."""
    stream = line.connect(at, name, place, lookup=place is None, rtt=0.014 if place else 0.048)
    stream.ask(900, answer, 0.06)
    return stream


def by_turns(line: Line, *, ended: bool) -> None:
    tunnelled(line, 40.0)
    asked(line, 1.0, "ws.chatgpt.com", SOCKET6, 260)
    for number, at in enumerate((2.0, 4.1, 8.0, 9.3, 15.2, 17.0, 25.0, 26.6)):
        place = EDGES6[0] if number % 2 else None
        stream = asked(line, at, "chatgpt.com", place, 6_200)
        if ended:
            stream.finish(stream.busy + 0.9, by_client=False)
        else:
            stream.stream(stream.busy + 0.5, [0.06] * 40)
    asked(line, 30.0, "www.wikipedia.org", None, 12_000)


@as_packets("two-ways-ended-in-turn", "vpn", "net.split_egress", suffix=".pcapng")
def ended_in_turn(line: Line) -> None:
    """The page is opened anew by either way, and the service ends each connection at once."""
    by_turns(line, ended=True)


@as_packets("two-ways-in-turn-that-live", "healthy", suffix=".pcapng", statuses=WELL)
def in_turn_alive(line: Line) -> None:
    """Both ways in turn as well, and an answer comes over each."""
    by_turns(line, ended=False)


@as_packets("two-ways-one-for-the-page", "healthy", suffix=".pcapng", statuses=WELL)
def one_way_ended(line: Line) -> None:
    """A script beside the tunnel asks the page and is done; the browser stays in the tunnel."""
    tunnelled(line, 40.0)
    line.visit(0.5)["chatgpt.com"].stream(9.0, [0.06] * 60)
    for at in (14.0, 18.0, 22.0, 26.0, 30.0):
        stream = asked(line, at, "chatgpt.com", EDGES6[0], 6_200)
        stream.finish(stream.busy + 0.9, by_client=False)


def checked(line: Line, *, page: int, checks: int) -> None:
    tunnelled(line, 70.0)
    asked(line, 0.6, "ws.chatgpt.com", None, 260)
    for number in range(4):
        at = 1.0 + number * 16.0
        asked(line, at, "chatgpt.com", EDGES6[0], page)
        if number < checks:
            asked(line, at + 0.3, "challenges.cloudflare.com", None, 24_000)
    asked(line, 66.0, "www.wikipedia.org", None, 12_000)


@as_packets("two-ways-check-in-a-loop", "vpn", "net.split_egress", suffix=".pcapng")
def check_loop(line: Line) -> None:
    """The page goes beside the tunnel and its bot check through it, round after round."""
    checked(line, page=7_400, checks=4)


@as_packets("two-ways-check-passed", "healthy", suffix=".pcapng", statuses=WELL)
def check_passed(line: Line) -> None:
    """The same two ways; the page comes in full each time that it is loaded."""
    checked(line, page=160_000, checks=4)


@as_packets("two-ways-check-once", "healthy", suffix=".pcapng", statuses=WELL)
def check_once(line: Line) -> None:
    """Short calls beside the tunnel, and one check that is passed."""
    checked(line, page=7_400, checks=1)
