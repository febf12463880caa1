"""Scenes of the path itself: not reached, refused, cut by name, forged, broken IPv6, no QUIC."""

from __future__ import annotations

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.packet import Raw
from scene import BAD, UNCLEAR, WELL, in_flows, on_wire
from scene_flows import Flows
from scene_visit import reach, visit
from scene_wire import AB_EDGE, EDGE, EDGE6, WS_EDGE, Connection, Wire

ELSEWHERE = "93.184.215.14"
NAMES = (
    ("chatgpt.com", EDGE),
    ("ab.chatgpt.com", AB_EDGE),
    ("ws.chatgpt.com", WS_EDGE),
    ("cdn.oaistatic.com", "104.18.41.158"),
)


def elsewhere(wire: Wire, time: float = 0.0, count: int = 3, address: str = ELSEWHERE) -> None:
    """Another site, which works, until well after the failure."""
    for index in range(count):
        reach(wire, time + index * 8.0, "www.example.org", address)


@on_wire("syn-into-silence", "network", "tcp.unreachable", subject="chatgpt.com")
def silence(wire: Wire) -> None:
    elsewhere(wire)
    for index in range(2):
        wire.lookup(index * 9.0, "chatgpt.com", EDGE)
        Connection(wire, EDGE).unanswered(index * 9.0 + 0.1)


@on_wire("syn-into-silence-raw", "network", "tcp.unreachable", link="raw", suffix=".pcapng")
def silence_raw(wire: Wire) -> None:
    """The name lookup alone shows that the capture hears both directions."""
    wire.lookup(0.1, "chatgpt.com", EDGE)
    Connection(wire, EDGE).unanswered(0.2, 5)
    wire.lookup(20.0, "www.example.org", ELSEWHERE)


@on_wire("syn-once-then-capture-ends", "healthy", statuses=UNCLEAR)
def silence_short(wire: Wire) -> None:
    elsewhere(wire, count=1)
    wire.lookup(0.5, "chatgpt.com", EDGE)
    Connection(wire, EDGE).unanswered(0.6, 1)


@on_wire("one-direction-only", "healthy", statuses=UNCLEAR)
def one_direction(wire: Wire) -> None:
    """A mirror port that shows only what leaves: nothing is ever answered."""
    for index, (name, address) in enumerate(NAMES):
        wire.lookup(index * 1.0, name, address, answered=False)
        Connection(wire, address).unanswered(index + 0.2)
    wire.packets = [item for item in wire.packets if item[1].src == wire.client]
    wire.packets = [item for item in wire.packets if UDP not in item[1]]


@on_wire("syn-refused", "network", "tcp.refused", subject="chatgpt.com")
def refused(wire: Wire) -> None:
    elsewhere(wire)
    for index in range(4):
        wire.lookup(index * 3.0, "chatgpt.com", EDGE)
        Connection(wire, EDGE).refused(index * 3.0 + 0.1, 0.018)


@on_wire("refused-once-then-works", "healthy", statuses=WELL)
def refused_once(wire: Wire) -> None:
    wire.lookup(0.1, "chatgpt.com", EDGE)
    Connection(wire, EDGE).refused(0.15, 0.018)
    visit(wire, 1.0)


@in_flows("flows-connect-refused", "network", "tcp.refused", subject="chatgpt.com")
def flows_refused(flows: Flows) -> None:
    flows.add(0.1, "https://www.example.org/", kind="text/html", body=b"<html></html>", edge=False)
    for index in range(3):
        flows.add(
            1.0 + index, "https://chatgpt.com/", None, connected=False,
            error="[Errno 111] Connect call failed ('104.18.32.47', 443)",
        )  # fmt: skip


@on_wire("firewall-by-address", "network", "net.firewall_ip_block")
def firewall(wire: Wire) -> None:
    """Every address of the service is dead, all else works."""
    elsewhere(wire)
    for index, (name, address) in enumerate(NAMES):
        wire.lookup(1 + index * 1.0, name, address)
        Connection(wire, address).unanswered(1.1 + index)


@on_wire("firewall-refuses", "network", "net.firewall_ip_block", link="cooked")
def firewall_refuses(wire: Wire) -> None:
    elsewhere(wire)
    for index, (name, address) in enumerate(NAMES):
        wire.lookup(1 + index * 1.0, name, address)
        for again in range(2):
            Connection(wire, address).refused(1.1 + index + again / 2, 0.018)


@on_wire("firewall-says-prohibited", "network", "net.firewall_ip_block", vendor="192.168.1.254")
def prohibited(wire: Wire) -> None:
    """One address, and the firewall says itself by ICMP that it forbids it."""
    elsewhere(wire)
    wire.lookup(1.0, "chatgpt.com", EDGE)
    conn = Connection(wire, EDGE)
    conn.unanswered(1.1)
    port = conn.ports[0]
    quoted = IP(src=wire.client, dst=EDGE) / TCP(sport=port, dport=443, flags="S", seq=1000)
    wire.put(1.101, "192.168.1.254", wire.client, ICMP(type=3, code=13) / quoted)


@on_wire("one-edge-of-two-dead", "healthy", statuses=WELL)
def one_dead(wire: Wire) -> None:
    """The browser goes on to the other address of the same name."""
    wire.lookup(0.1, "chatgpt.com", EDGE, AB_EDGE)
    Connection(wire, EDGE).unanswered(0.2)
    reach(wire, 1.4, "chatgpt.com", AB_EDGE, lookup=False)
    visit(wire, 3.0)


def hellos(
    wire: Wire, name: str, address: str, count: int = 3, *, ttl: int = 57, begin: float = 2.0,
    delay: float = 0.02,
) -> None:  # fmt: skip
    """Connections reset right after the ClientHello, with the server's address."""
    for index in range(count):
        wire.lookup(begin + index * 2, name, address)
        conn = Connection(wire, address)
        now = conn.open(begin + 0.1 + index * 2)
        conn.hello_only(now, name)
        conn.ttl = ttl
        conn.rst(now + delay)


@on_wire("name-cut-control-at-same-address", "network", "tls.sni_blocked", subject="chatgpt.com")
def cut_with_control(wire: Wire) -> None:
    elsewhere(wire, address=EDGE)
    hellos(wire, "chatgpt.com", EDGE)


@on_wire("name-cut-foreign-ttl", "network", "tls.sni_blocked", also=("tcp.reset_injected",))
def cut_by_ttl(wire: Wire) -> None:
    elsewhere(wire)
    hellos(wire, "chatgpt.com", EDGE, ttl=62)


@on_wire("name-cut-no-control", "network", "tls.sni_blocked", subject="chatgpt.com")
def cut_alone(wire: Wire) -> None:
    hellos(wire, "chatgpt.com", EDGE, 4)


@on_wire("name-met-with-silence", "network", "tls.sni_blocked", subject="chatgpt.com")
def cut_by_silence(wire: Wire) -> None:
    elsewhere(wire, count=5, address=EDGE)
    for index in range(2):
        wire.lookup(2.0 + index * 5, "chatgpt.com", EDGE)
        conn = Connection(wire, EDGE)
        now = conn.open(2.1 + index * 5)
        conn.hello_only(now, "chatgpt.com")


@on_wire("name-forgotten-by-a-gate", "network", "tls.sni_blocked", subject="chatgpt.com")
def cut_by_a_gate(wire: Wire) -> None:
    """A gate acknowledges the hello and drops the connection; the client's FIN draws a reset."""
    elsewhere(wire, count=5, address=EDGE)
    for index in range(2):
        wire.lookup(2.0 + index, "chatgpt.com", EDGE)
        conn = Connection(wire, EDGE, ttl=64)
        conn.hello_only(conn.open(2.1 + index), "chatgpt.com")
        conn.leave(22.0 + index)
        conn.rst(22.001 + index, ack=False)


@on_wire("preconnects-left-at-once", "healthy", statuses=WELL)
def left_at_once(wire: Wire) -> None:
    """The browser drops two spare connections, and resets answer its goodbye."""
    visit(wire)
    for index in range(2):
        conn = Connection(wire, EDGE)
        now = conn.open(4.1 + index)
        conn.hello_only(now, "chatgpt.com")
        conn.leave(now + 0.05)
        conn.rst(now + 0.06, ack=False)


@on_wire("hello-reset-once", "healthy", statuses=WELL)
def hello_once(wire: Wire) -> None:
    """A load balancer restarts under one connection; the next works."""
    hellos(wire, "chatgpt.com", EDGE, 1, begin=0.1)
    visit(wire, 2.0)


@on_wire("other-name-cut", "healthy", statuses=WELL)
def other_cut(wire: Wire) -> None:
    visit(wire)
    hellos(wire, "video.example.net", "93.184.215.99", ttl=62)


@on_wire("forged-reset-in-session", "network", "tcp.reset_injected", statuses=BAD)
def forged(wire: Wire) -> None:
    """The site is cut again and again in the middle, by resets with a foreign TTL."""
    for index in range(4):
        conn = reach(wire, index * 4.0, "chatgpt.com", EDGE)
        conn.ttl = 249
        conn.rst(index * 4.0 + 2)


@on_wire("server-resets-after-fin", "healthy", statuses=WELL)
def after_fin(wire: Wire) -> None:
    """The browser leaves while data is under way; the edge answers it with a reset."""
    visit(wire)
    for index in range(3):
        conn = reach(wire, 5 + index * 2.0, "chatgpt.com", EDGE)
        conn.fin(6.5 + index * 2)
        conn.rst(6.6 + index * 2, ack=False)


@on_wire("ipv6-dead-each-time", "network", "net.ipv6_broken", statuses=BAD)
def ipv6(wire: Wire) -> None:
    for index in range(4):
        now = index * 10.0
        wire.lookup(now, "chatgpt.com", EDGE)
        wire.lookup(now, "chatgpt.com", EDGE6, kind="AAAA")
        Connection(wire, EDGE6).unanswered(now + 0.02)
        reach(wire, now + 7.5, "chatgpt.com", EDGE, lookup=False)
    visit(wire, 45)


@on_wire("ipv6-loses-its-race", "healthy", statuses=WELL)
def ipv6_race(wire: Wire) -> None:
    """One SYN over IPv6 that is given up after 250 ms, beside IPv6 that works."""
    wire.lookup(0.0, "chatgpt.com", EDGE6, kind="AAAA")
    Connection(wire, EDGE6).unanswered(0.02, 1)
    reach(wire, 0.27, "chatgpt.com", EDGE)
    visit(wire, 3)
    reach(wire, 8, "chatgpt.com", EDGE6)


@on_wire("address-of-another-name", "healthy", statuses=WELL)
def shared(wire: Wire) -> None:
    """A dead address of the same edge, which this machine reached for by another name."""
    visit(wire)
    wire.lookup(1.0, "shop.example.com", "104.18.1.1")
    for index in range(3):
        Connection(wire, "104.18.1.1").unanswered(1.1 + index)


@on_wire("udp-443-dropped", "healthy", statuses=WELL, also=())
def quic_dropped(wire: Wire) -> None:
    """Initials without an answer, and TCP that wins at once: nobody notices."""
    for index in range(3):
        datagram = UDP(sport=55000 + index, dport=443) / Raw(b"\xc3\x00\x00\x00\x01" + bytes(1195))
        for again in (0.0, 0.3):
            wire.put(0.05 + index + again, wire.client, EDGE, datagram)
    visit(wire)
