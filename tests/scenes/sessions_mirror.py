"""Sessions as a mirror port shows them: each packet twice, or one direction alone."""

from __future__ import annotations

from line import EDGES, HOSTS, Line, Stream
from line_tls import openssl_hello, server_flight
from scene import UNCLEAR, WELL
from session_scene import as_packets
from sessions_calm import mirror


@as_packets("mirror-single-syn-lost", "healthy", statuses=UNCLEAR)
def single_syn(line: Line) -> None:
    """One SYN that the browser gave up in its race; its copy is no second try."""
    for address in EDGES:
        line.resolve(0.0, "chatgpt.com")
        Stream(line, address).silent(0.05, tries=1)
    line.elsewhere(6.0)
    mirror(line)


@as_packets("mirror-unreachable", "network", "net.firewall_ip_block", "tcp.unreachable")
def unreachable(line: Line) -> None:
    for number, address in enumerate(EDGES):
        line.resolve(number * 0.2, "chatgpt.com")
        Stream(line, address).silent(0.05 + number)
    line.elsewhere(9.0)
    mirror(line)


@as_packets("mirror-lookup-lost-once", "healthy", statuses=UNCLEAR)
def lookup_lost(line: Line) -> None:
    """A question in the air when the page was closed, doubled by the mirror port."""
    line.lookup(0.0, "chatgpt.com", answered=False)
    line.elsewhere(0.5)
    line.elsewhere(9.0)
    mirror(line)


@as_packets("mirror-two-slow-lookups", "healthy", statuses=WELL)
def slow_lookups(line: Line) -> None:
    """Two first lookups that the resolver had to fetch; doubled they would be four."""
    line.lookup(0.0, "chatgpt.com", delay=0.42)
    line.lookup(0.1, "ab.chatgpt.com", delay=0.38)
    app = line.connect(0.6, "chatgpt.com", lookup=False)
    for _ in range(12):
        app.ask(600, 6_000, 0.08)
    line.connect(1.2, "ab.chatgpt.com", lookup=False).ask(1_400, 7_000, 0.06)
    mirror(line)


@as_packets("mirror-slow-lookups", "dns", "dns.slow")
def slow(line: Line) -> None:
    for number, name in enumerate(("chatgpt.com", "ab.chatgpt.com", "ws.chatgpt.com")):
        line.lookup(number * 2.0, name, delay=0.9)
        line.connect(number * 2.0 + 1.0, name, lookup=False).ask(600, 6_000, 0.08)
    mirror(line)


def ended(line: Line, at: float, *, later: float) -> None:
    """The server answers, and its own reset follows its last segment at once."""
    stream = Stream(line, HOSTS["chatgpt.com"][0])
    ready = stream.open(at)
    hello = openssl_hello("chatgpt.com")
    sent = stream.send(ready, hello)
    stream.receive(sent + stream.rtt, server_flight(hello), acked=False)
    stream.reset(stream.busy + later, ttl=stream.ttl, ident=stream.ident + 900)


@as_packets(
    "mirror-copy-after-the-reset",
    "healthy",
    statuses=UNCLEAR,
    never=("tcp.reset_injected", "tls.sni_blocked"),
)
def copy_after_reset(line: Line) -> None:
    """The copy of the last segment comes 0.3 ms later, when the reset has passed."""
    line.resolve(0.0, "chatgpt.com")
    for number in range(3):
        ended(line, 0.1 + number * 2.0, later=0.00001)
    line.elsewhere(8.0)
    mirror(line, 0.0003)


def one_way(line: Line, *, up: bool) -> None:
    mine = (line.client, line.client6)
    line.packets = [item for item in line.packets if (item[1].src in mine) is up]


@as_packets("only-what-leaves", "healthy", statuses=UNCLEAR)
def leaves(line: Line) -> None:
    line.visit()
    line.elsewhere(4.0)
    one_way(line, up=True)


@as_packets("only-what-comes", "healthy", statuses=UNCLEAR)
def comes(line: Line) -> None:
    line.visit()
    line.elsewhere(4.0)
    one_way(line, up=False)


@as_packets("only-what-leaves-twice", "healthy", statuses=UNCLEAR)
def leaves_twice(line: Line) -> None:
    line.visit()
    line.elsewhere(4.0)
    one_way(line, up=True)
    mirror(line)


@as_packets("lookups-both-ways-connections-one-way", "healthy", statuses=UNCLEAR)
def asymmetric(line: Line) -> None:
    """The answers of the resolver nearby are seen, those from outside take another way."""
    line.visit()
    line.elsewhere(4.0)
    mine = (line.client, line.client6)
    near = (*mine, line.resolver)
    line.packets = [item for item in line.packets if item[1].src in near]
    mirror(line)
