"""Sessions in which TCP cannot be opened, and lists that lack an entry: causes that lie close."""

from __future__ import annotations

from line import HOSTS, Line, Stream
from line_tls import records
from scapy.layers.inet import IP, TCP
from scene import WELL
from session_scene import as_packets

EDGE_SITES = {
    "discord.com": ("162.159.135.232", "162.159.138.232"),
    "www.udemy.com": ("104.16.142.237", "104.16.143.237"),
    "medium.com": ("162.159.152.4", "162.159.153.4"),
}
"""Sites of others behind the same edge as the service."""

FRONT = "10.44.3.12"


def lost(line: Line, at: float, name: str, places: tuple[str, ...]) -> None:
    """Every address of a name stays silent."""
    line.lookup(at, name, places)
    ready = at + 0.02
    for number, place in enumerate(places):
        Stream(line, place).silent(ready + number * 0.25, 5)


def edge_dead(line: Line, sites: tuple[str, ...]) -> None:
    for at in (0.0, 34.0):
        lost(line, at, "chatgpt.com", HOSTS["chatgpt.com"])
    for number, name in enumerate(sites):
        lost(line, 9.0 + 8.0 * number, name, EDGE_SITES[name])
    for at, name in ((4.0, "www.bing.com"), (14.0, "outlook.office.com"), (29.0, "www.bing.com")):
        line.elsewhere(at, name)


@as_packets("unopened-whole-edge", "tcp", "tcp.unreachable", never=("net.firewall_ip_block",))
def whole_edge(line: Line) -> None:
    """Nothing behind the edge answers, whoever's it is; the rest of the internet does."""
    edge_dead(line, ("discord.com", "www.udemy.com", "medium.com"))


@as_packets("unopened-and-one-other", "network", "net.firewall_ip_block")
def one_other(line: Line) -> None:
    """One other site behind the edge is down as well, which may be its own matter."""
    edge_dead(line, ("medium.com",))


@as_packets("unopened-beside-the-edge", "network", "net.firewall_ip_block")
def beside_the_edge(line: Line) -> None:
    """Two other sites are blocked too, and a third behind the same edge answers."""
    edge_dead(line, ("discord.com", "medium.com"))
    line.lookup(40.0, "www.udemy.com", EDGE_SITES["www.udemy.com"])
    line.connect(40.1, "www.udemy.com", EDGE_SITES["www.udemy.com"][0], lookup=False)


# --- what answered refuses


def front(line: Line, back: float, *, place: str = FRONT, tries: int = 9) -> None:
    """The service's local front works, falls at 30 s, and refuses all until `back`."""
    line.rtt, line.ttl = 0.002, 62
    streams = []
    for at, name in ((0.0, "chatgpt.com"), (1.0, "ws.chatgpt.com")):
        line.lookup(at, name, (place,))
        stream = line.connect(at + 0.02, name, place, lookup=False, far=0.02)
        for _ in range(6):
            stream.ask(500, 5_000, 0.07)
        streams.append(stream)
    streams[0].stream(12.0, [0.05] * 80)
    streams[1].receive(26.0, records(60))
    if back < 99.0:  # who goes by plan says goodbye
        streams[1].receive(29.9, records(19))
        streams[1].send(29.92, records(19))
    for stream in streams:
        stream.finish(30.0, by_client=False)
    for number in range(tries):
        Stream(line, place).refused(30.4 + number * number * 0.4)
    if back < 99.0:
        stream = line.connect(back, "chatgpt.com", place, lookup=False, far=0.02)
        stream.stream(back + 1.0, [0.05] * 60)
        stream = line.connect(back + 0.5, "ws.chatgpt.com", place, lookup=False, far=0.02)
        stream.ask(780, 260, 0.05)
    line.elsewhere(33.0, "outlook.office.com", rtt=0.03)
    line.elsewhere(58.0, "outlook.office.com", rtt=0.03)


@as_packets("unopened-front-fell", "tcp", "tcp.refused", subject="chatgpt.com")
def front_fell(line: Line) -> None:
    """A company's own front for the service dies and stays away."""
    front(line, 100.0)


@as_packets("unopened-front-is-back", "healthy", statuses=WELL, never=("tcp.refused",))
def front_back(line: Line) -> None:
    """It is started anew: refused for two seconds, and all is well again."""
    front(line, 33.2, tries=3)


@as_packets("unopened-public-fell", "tcp", "tcp.refused", subject="chatgpt.com")
def public_fell(line: Line) -> None:
    """The same at a public address."""
    front(line, 100.0, place="104.18.32.47")


@as_packets("unopened-front-cut-off", "tcp", "tcp.reset_injected", never=("tcp.refused",))
def front_cut_off(line: Line) -> None:
    """The same refusals, by a device on the way: their TTL is not the front's."""
    front(line, 100.0)
    for _, packet in line.packets:
        if TCP in packet and packet[TCP].flags == "RA":
            packet[IP].ttl = 254


# --- an entry that the list lacks

RPZ = "rpz.office.example. localhost. admin.office.example. 3 60 60 60 60"


def denied(line: Line, name: str, times: tuple[float, ...], mark: str | None = RPZ) -> None:
    line.visit(0.0)["chatgpt.com"].stream(12.0, [0.05] * 60)
    for at in times:
        for kind in ("A", "AAAA", "HTTPS"):
            line.lookup(at, name, (), kind=kind, rcode="NXDOMAIN", extra=mark)


@as_packets("list-lacks-the-payment-form", "dns", "allowlist.missing_entry",
            subject="js.stripe.com")  # fmt: skip
def payment(line: Line) -> None:
    """Chat works; the form for paying is asked for again and again."""
    denied(line, "js.stripe.com", (20.0, 21.2, 23.4, 28.0, 41.0))


@as_packets("list-lacks-what-nobody-wants", "healthy", statuses=WELL)
def payment_once(line: Line) -> None:
    """The page asks for the same once in passing."""
    denied(line, "js.stripe.com", (20.0, 21.1))


@as_packets("list-lacks-telemetry", "healthy", statuses=WELL)
def telemetry(line: Line) -> None:
    """Measurements are denied, however often they are tried."""
    times = tuple(20.0 + 3.0 * number for number in range(12))
    denied(line, "o33249.ingest.sentry.io", times)


@as_packets("list-lacks-the-picker", "healthy", statuses=WELL)
def picker(line: Line) -> None:
    """Somebody else's drive, which a program of this machine asks for without end."""
    times = tuple(20.0 + 3.0 * number for number in range(12))
    denied(line, "drive.google.com", times)
