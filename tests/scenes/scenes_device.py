"""Scenes of a wrong clock, a portal, a hosts file, blocked voice, and lookups that say more."""

from __future__ import annotations

from email.utils import formatdate

from scapy.layers.inet import UDP
from scapy.packet import Raw
from scene import BAD, WELL, in_flows, on_wire
from scene_flows import START, Flows
from scene_visit import reach, visit
from scene_wire import EDGE, Connection, Wire

VOICE = ("172.214.226.198", "20.74.221.21")
CANARY = "use-application-dns.net"
BINDING = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(range(12))
BOUND = b"\x01\x01\x00\x00\x21\x12\xa4\x42" + bytes(range(12))


def stun(wire: Wire, time: float, server: str, *, answered: bool, tries: int = 5) -> None:
    """STUN binding requests to port 3478, resent as RFC 8489 says."""
    for index in range(tries):
        now = time + 0.5 * 2**index
        wire.put(now, wire.client, server, UDP(sport=51000, dport=3478) / Raw(BINDING))
        if answered:
            wire.put(now + 0.03, server, wire.client, UDP(sport=3478, dport=51000) / Raw(BOUND))


@on_wire("voice-udp-dropped", "device", "voice.udp_blocked", statuses=BAD)
def voice_dropped(wire: Wire) -> None:
    visit(wire)
    for index, server in enumerate(VOICE):
        stun(wire, 5 + index, server, answered=False)


@on_wire("voice-falls-back", "device", "voice.udp_blocked", statuses=BAD)
def voice_fallback(wire: Wire) -> None:
    visit(wire)
    stun(wire, 5, VOICE[0], answered=False)
    conn = Connection(wire, VOICE[0])
    conn.ask(conn.secure(conn.open(25), None))


@on_wire("voice-well", "healthy", statuses=WELL)
def voice_well(wire: Wire) -> None:
    """One of two servers is silent, as ICE expects."""
    visit(wire)
    stun(wire, 5, VOICE[0], answered=True)
    stun(wire, 6, VOICE[1], answered=False)


@on_wire("stun-of-another-service", "healthy", statuses=WELL)
def other_stun(wire: Wire) -> None:
    visit(wire)
    stun(wire, 5, "52.112.1.2", answered=False)


def dated(flows: Flows, ahead: float) -> None:
    """Date headers as a machine sees them whose clock is ahead by that many seconds."""
    for made in flows.flows:
        if made.response:
            real = (made.response.timestamp_start or START) - ahead
            made.response.headers["date"] = formatdate(real, usegmt=True)


@in_flows("clock-two-hours-ahead", "device", "device.clock_skew", statuses=BAD)
def clock_ahead(flows: Flows) -> None:
    flows.boot()
    flows.turn(3)
    dated(flows, 7200)


@in_flows("clock-a-month-behind", "device", "device.clock_skew")
def clock_behind(flows: Flows) -> None:
    """The sign-in host's certificate is not valid yet on this clock."""
    flows.boot()
    dated(flows, -30 * 86400)
    error = "Certificate verify failed: certificate is not yet valid"
    made = flows.add(4, "https://auth.openai.com/authorize", None, error=error)
    made.server_conn.error = error
    made.server_conn.timestamp_tls_setup = None


@in_flows("clock-right", "healthy", statuses=WELL)
def clock_right(flows: Flows) -> None:
    flows.boot()
    flows.turn(3)
    dated(flows, 1.4)


@in_flows("date-that-stands-still", "healthy", statuses=WELL)
def frozen_date(flows: Flows) -> None:
    flows.boot()
    flows.turn(3)
    for made in flows.flows:
        if made.response:
            made.response.headers["date"] = formatdate(START - 90000, usegmt=True)


@in_flows("portal-511", "device", "net.captive_portal")
def portal(flows: Flows) -> None:
    flows.add(
        0.1, "http://connectivitycheck.gstatic.com/generate_204", 302, edge=False,
        headers={"location": "http://10.20.0.1/login", "server": "nginx"},
    )  # fmt: skip
    for index in range(2):
        flows.add(
            0.5 + index, "https://chatgpt.com/", 511, kind="text/html", edge=False,
            body=b"<html><title>Network Authentication Required</title></html>", dest="document",
        )  # fmt: skip


@in_flows("portal-passed", "healthy", statuses=WELL)
def portal_passed(flows: Flows) -> None:
    flows.add(
        0.1, "http://connectivitycheck.gstatic.com/generate_204", 302, edge=False,
        headers={"location": "http://10.20.0.1/login", "server": "nginx"},
    )  # fmt: skip
    flows.boot(3)
    flows.turn(8)


@in_flows("probe-answered", "healthy", statuses=WELL)
def probe(flows: Flows) -> None:
    flows.add(0.1, "http://connectivitycheck.gstatic.com/generate_204", 204, edge=False, body=b"")
    flows.boot(1)
    flows.turn(5)


@on_wire("hosts-file-private", "device", "dns.hosts_file")
def hosts_file(wire: Wire) -> None:
    """Other names are looked up; chatgpt.com goes to a private address at once, and hangs."""
    reach(wire, 0, "ab.chatgpt.com", EDGE)
    for index in range(2):
        conn = Connection(wire, "10.66.0.9")
        conn.hello_only(conn.open(1 + index * 9), "chatgpt.com")
    reach(wire, 22, "cdn.oaistatic.com", "104.18.41.158")


@on_wire("cached-before-the-capture", "healthy", statuses=WELL)
def cached(wire: Wire) -> None:
    """No lookup of chatgpt.com either, but the address is the service's."""
    reach(wire, 0, "ab.chatgpt.com", EDGE)
    reach(wire, 1, "chatgpt.com", EDGE, lookup=False)


@on_wire("dnssec-bogus", "device", "dns.dnssec_failure", statuses=BAD)
def dnssec(wire: Wire) -> None:
    for index in range(3):
        wire.lookup(
            index * 2.0, "chatgpt.com", rcode="SERVFAIL", ede=((6, "failed to verify"),)
        )  # fmt: skip
    reach(wire, 8, "ab.chatgpt.com", EDGE)


@on_wire("doh-canary-and-well", "healthy", statuses=WELL)
def canary(wire: Wire) -> None:
    wire.lookup(0, CANARY, rcode="NXDOMAIN")
    visit(wire, 0.5)


@on_wire("doh-only", "healthy", statuses=WELL, also=("dns.doh_hidden",))
def doh_only(wire: Wire) -> None:
    reach(wire, 0, "dns.google", "8.8.8.8", lookup=False)
    visit(wire, 0.5, lookup=False)
