"""Sessions in which all is well, in each format, with the oddities of real networks."""

from __future__ import annotations

from scapy.layers.inet import UDP
from scapy.packet import Raw
from scene import UNCLEAR, WELL, in_flows, on_wire
from scene_flows import Flows, connect
from scene_visit import reach, visit
from scene_wire import EDGE, EDGE6, Connection, Wire


@on_wire("healthy-ethernet", "healthy", statuses=WELL)
def ethernet(wire: Wire) -> None:
    visit(wire)


@on_wire("healthy-cooked", "healthy", statuses=WELL, link="cooked", suffix=".pcapng")
def cooked(wire: Wire) -> None:
    visit(wire)


@on_wire("healthy-vlan", "healthy", statuses=WELL, link="vlan")
def vlan(wire: Wire) -> None:
    visit(wire, rtt=0.045)


@on_wire("healthy-raw", "healthy", statuses=WELL, link="raw")
def raw(wire: Wire) -> None:
    visit(wire, rtt=0.008)


@on_wire("healthy-v6", "healthy", statuses=WELL)
def v6(wire: Wire) -> None:
    wire.resolver = "2001:db8:1::1"
    visit(wire, socket=False)
    reach(wire, 4, "chatgpt.com", EDGE6)


@on_wire("happy-eyeballs", "healthy", statuses=WELL)
def happy_eyeballs(wire: Wire) -> None:
    """IPv6 and IPv4 race on each connection; the loser is reset by the browser."""
    for index in range(4):
        now = index * 0.5
        wire.lookup(now, "chatgpt.com", EDGE)
        wire.lookup(now, "chatgpt.com", EDGE6, kind="AAAA")
        loser = Connection(wire, EDGE6)
        loser.open(now + 0.02, 0.27)
        loser.rst(now + 0.3, up=True, ack=False)
        reach(wire, now + 0.25, "chatgpt.com", EDGE, lookup=False)
    visit(wire, 3)


@on_wire("preconnects", "healthy", statuses=WELL)
def preconnects(wire: Wire) -> None:
    """The browser opens spare connections and closes them unused."""
    visit(wire)
    for index in range(3):
        conn = Connection(wire, EDGE)
        conn.open(1.0 + index / 10)
        conn.rst(10.0 + index, up=True)
        conn = Connection(wire, EDGE)
        conn.secure(conn.open(1.5 + index / 10), "chatgpt.com")
        conn.fin(11.0 + index)


@on_wire("started-late", "healthy", statuses=UNCLEAR)
def started_late(wire: Wire) -> None:
    """The capture began after the lookups and the handshakes."""
    visit(wire, lookup=False)
    wire.packets = [item for item in wire.packets if item[0] > 0.25]


@on_wire("names-from-cache", "healthy", statuses=WELL)
def from_cache(wire: Wire) -> None:
    """All names were in the machine's cache: handshakes, but no lookups."""
    visit(wire, lookup=False)


@on_wire("not-chatgpt", "healthy", statuses=UNCLEAR)
def not_chatgpt(wire: Wire) -> None:
    for index, name in enumerate(("www.example.org", "mail.example.net", "cdn.example.com")):
        reach(wire, index * 1.0, name, f"93.184.215.{14 + index}")


@on_wire("other-site-broken", "healthy", statuses=UNCLEAR)
def other_broken(wire: Wire) -> None:
    """Another service is down; ChatGPT works."""
    visit(wire)
    wire.lookup(1, "intranet.corp.example", rcode="NXDOMAIN")
    wire.lookup(1, "git.corp.example", "10.9.9.9")
    for index in range(3):
        Connection(wire, "10.9.9.9").refused(1.1 + index)
        Connection(wire, "203.0.113.9").unanswered(2.0 + index)
    conn = Connection(wire, "203.0.113.80")
    conn.ask(conn.secure(conn.open(5), "socket.example.org"))
    conn.rst(60)


@on_wire("quic-blocked-silently", "healthy", statuses=WELL)
def quic_unanswered(wire: Wire) -> None:
    """UDP 443 gets no answer, and TCP to the same name works at once."""
    wire.put(0.05, wire.client, EDGE, UDP(sport=55555, dport=443) / Raw(b"\xc0" + bytes(1199)))
    wire.put(0.35, wire.client, EDGE, UDP(sport=55555, dport=443) / Raw(b"\xc0" + bytes(1199)))
    visit(wire)


@on_wire("tls12-inspected", "healthy", statuses=WELL)
def tls12(wire: Wire) -> None:
    """TLS 1.2 to the service, as behind older boxes; everything works."""
    for index in range(3):
        wire.lookup(index * 1.0, "chatgpt.com", EDGE)
        conn = Connection(wire, EDGE)
        now = conn.secure(conn.open(index + 0.02), "chatgpt.com", version12=True)
        now = conn.ask(now)
        conn.notify(now + 1, up=True)
        conn.fin(now + 1.01)


@on_wire("lossy-but-fine", "healthy", statuses=WELL)
def lossy(wire: Wire) -> None:
    """One segment in a hundred comes twice; the session does not mind."""
    visit(wire)
    again = [
        (time + 0.2, packet.copy())
        for index, (time, packet) in enumerate(wire.packets)
        if index % 100 == 60 and time < 3
    ]
    wire.packets += again


@in_flows("healthy-inline", "healthy", statuses=WELL)
def inline(flows: Flows) -> None:
    flows.boot()
    flows.turn(3)
    flows.turn(20)
    flows.socket(2, messages=connect(2.2), end=120, code=1001, by_client=True)


@in_flows("healthy-inspected", "healthy", statuses=WELL)
def inspected(flows: Flows) -> None:
    """TLS inspection on the path, and nothing fails by it."""
    flows.issuer = ("Zscaler Inc.", "Zscaler Intermediate Root CA (zscalertwo.net)")
    flows.boot()
    flows.turn(3)


@in_flows("healthy-api-only", "healthy", statuses=UNCLEAR)
def api_only(flows: Flows) -> None:
    """Only API calls were recorded."""
    for index in range(4):
        flows.add(index * 2.0, "https://api.openai.com/v1/responses", method="POST", wait=0.8)


@in_flows("flows-not-chatgpt", "healthy", statuses=UNCLEAR)
def flows_not_chatgpt(flows: Flows) -> None:
    flows.add(0.1, "https://www.example.org/", kind="text/html", body=b"<html></html>", edge=False)
    flows.add(0.4, "https://www.example.org/a.js", 404, kind="text/html", edge=False)
    flows.add(1, "https://api.example.net/x", None, error="Connection reset by peer")


@in_flows("slow-first-byte", "healthy", statuses=UNCLEAR)
def slow_first_byte(flows: Flows) -> None:
    """A long prompt: the answer starts after 12 s, handshakes are quick."""
    flows.boot()
    flows.turn(3, wait=12)
    flows.turn(30, wait=9)
