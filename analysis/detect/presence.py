"""vpn.detected, vpn.fake_ip_dns and proxy.detected: inventory, not faults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from analysis.detect.delay import budgets, leg_evidence
from analysis.detect.dns_answers import answers
from analysis.detect.dns_sinkhole import dns_evidence, ranked_addresses
from analysis.detect.egress import trace_facts
from analysis.detect.support import (
    Record,
    earned,
    finding,
    flow_evidence,
    matters,
    noted,
    packet_evidence,
    ranked,
    records,
    where,
    without_own_leg,
)
from analysis.knowledge import threshold
from analysis.knowledge.tunnels import tunnel_protocols
from analysis.model.diagnosis import Evidence, Finding
from analysis.model.frames import Tables
from analysis.model.message import joined, say, some

_TUNNEL_INTERFACE = re.compile(
    r"\b(?:u?tun|tap|wg|ppp|ipsec|gpd|cscotun|tailscale|nordlynx|cloudflarewarp)\d*\b", re.I
)
_NO_TUNNEL = ("crowdstrike", "sentinelone", "kaspersky", "avast", "eset", "umbrella")
"""Agents that inspect or answer on the machine, but carry no traffic away."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A tunnel that was seen: what it is, and where that is written."""

    name: str
    evidence: Evidence
    carries: bool = False
    """The default route leads into it."""
    outside: str | None = None
    """This machine's own address, from which the tunnel's packets are sent."""
    octets: int = 0
    """What the tunnel's packets carried, both ways."""


def tunnels(tables: Tables) -> list[Tunnel]:
    """Tunnels from packets, trace pages and the host table, each named once.

    Protocols on the wire come first; rows of section ``tunnel`` come from packets
    too, ``route`` (the default routes) and ``agent`` (programs that run) from the
    snapshot.
    """
    found = _on_the_wire(tables) | _by_trace(tables)
    for row in records(where(tables["host"], "section", _telling)):
        name, value = row["name"] or "", row["value"] or ""
        interface = _TUNNEL_INTERFACE.search(f"{name} {value}")
        what: str | None = None
        if row["section"] == "tunnel":
            what = name
        elif row["section"] == "route" and interface:
            what = say("tunnel interface {name}", name=interface.group())
        elif row["section"] == "agent":
            # the snapshot may name the program in either column
            what = value if value and value.lower() not in ("true", "yes", "running") else name
            if any(word in what.lower() for word in _NO_TUNNEL):
                what = None
        if what:
            carries = row["section"] == "route"
            piece = noted(row["source"] or "", f"{name}: {value}")
            found.setdefault(what, Tunnel(what, piece, carries))
    return list(found.values())


def _on_the_wire(tables: Tables) -> dict[str, Tunnel]:
    """Tunnels whose both ends were heard, by the protocol's name."""
    udp = tables["udp"]
    if udp.empty:
        return {}
    names = tunnel_protocols(alone=True)
    rows = records(where(udp[udp["answered"].fillna(False)], "protocol", names.__contains__))
    found: dict[str, Tunnel] = {}
    for row in rows:
        name = names[row["protocol"]]
        note = say(
            "{protocol} between {client} and {server}",
            protocol=name,
            client=row["client"] or "",
            server=row["server"] or "",
        )
        for piece in packet_evidence([row], note):
            octets = (row["client_bytes"] or 0) + (row["server_bytes"] or 0)
            found.setdefault(name, Tunnel(name, piece, outside=row["client"], octets=octets))
    return found


def _by_trace(tables: Tables) -> dict[str, Tunnel]:
    """Cloudflare's own client, where the edge's trace page says that it is on."""
    http = tables["http"]
    rows = records(http[http["trace"].notna()].head(50)) if len(http) else []
    found: dict[str, Tunnel] = {}
    for row in rows:
        facts = trace_facts(row)
        for name, product in (("warp", "Cloudflare WARP"), ("gateway", "Cloudflare Gateway")):
            if facts.get(name) in ("on", "plus"):
                fact = f"{name}={facts[name]}"
                note = say("the trace page says {fact}", fact=fact)
                for piece in flow_evidence([row], note):
                    found.setdefault(product, Tunnel(product, piece))
    return found


def _telling(section: str) -> bool:
    return section in ("tunnel", "route", "agent")


def find_vpn_detected(tables: Tables) -> Iterator[Finding]:
    seen = tunnels(tables)
    signals = [tunnel.name for tunnel in seen]
    evidence = [tunnel.evidence for tunnel in seen]
    clamped = _clamped(tables)
    if clamped:
        sizes = sorted({row["client_mss"] for row in clamped})
        signals.append(
            say(
                "a maximum segment size of {sizes}",
                sizes=some([str(size) for size in sizes]),
            )
        )
        evidence += packet_evidence(clamped, say("SYN with a small MSS"), ("syn_frame",))
    apart = [budget for budget in budgets(tables) if budget.proxy is None and budget.apart]
    if apart:
        signals.append(say("TCP answered nearer than TLS"))
        evidence += [piece for budget in apart for piece in leg_evidence(budget)]
    # a small MSS alone may be a clamped line, and a gap alone the service's own work
    if not seen and not (clamped and apart) and not any(budget.enough for budget in apart):
        return
    yield finding(
        "vpn.detected",
        say(
            "A VPN or tunnel carries the traffic: {signals}. That alone is not a fault.",
            signals=joined(signals, "; "),
        ),
        confidence=earned(
            0.6, *((True, 0.5) for _ in seen[:3]), (bool(clamped), 0.4), (bool(apart), 0.4)
        ),
        vendor=seen[0].name if seen else None,
        count=max(len(seen), 1),
        evidence=evidence,
        measurements={"signals": signals},
    )


def _clamped(tables: Tables) -> list[Record]:
    tcp = without_own_leg(tables["tcp"], tables)
    if tcp.empty:
        return []
    small = tcp["client_mss"].between(1200, threshold("mss_plain")).fillna(False)
    rows = records(tcp[small & tcp["syn_frame"].notna()].head(20))
    return rows if len(rows) >= 3 else []


def find_vpn_fake_ip_dns(tables: Tables) -> Iterator[Finding]:
    found = [answer for answer in answers(tables) if answer.fake]
    if not found:
        return
    hosts = ranked(answer.host for answer in found)
    given = ranked_addresses(found)
    standard = all(text.startswith(("198.18.", "198.19.")) for text in given)
    yield finding(
        "vpn.fake_ip_dns",
        say(
            "The name lookup for {hosts} gives {addresses}, of a fake-IP range: a local proxy "
            "takes "
            "these connections. That alone is not a fault.",
            hosts=some(hosts),
            addresses=some(given),
        ),
        confidence=0.95 if standard else 0.7,
        subjects=hosts,
        count=len(found),
        times=[answer.row["time"] for answer in found],
        evidence=dns_evidence(found, say("answers from a fake-IP range")),
    )


def find_proxy_detected(tables: Tables) -> Iterator[Finding]:
    named: dict[str, list[Evidence]] = {}
    tcp = without_own_leg(tables["tcp"], tables)
    if len(tcp):
        asked = tcp[tcp["connect_host"].notna()]
        for row in records(asked):
            if matters((row["connect_host"] or "").rpartition(":")[0]):
                proxy = f"{row['server']}:{row['server_port']}"
                named.setdefault(proxy, []).extend(
                    packet_evidence(
                        [row],
                        say("asks it for {host}", host=row["connect_host"]),
                        ("first_frame",),
                    )
                )
    connections = tables["connections"]
    if len(connections):
        for row in records(where(connections[connections["via"].notna()], "host", matters)):
            note = say(
                "connection {connection} to {host} goes through it",
                connection=str(row["connection"]),
                host=row["host"],
            )
            named.setdefault(row["via"], []).append(noted(row["source"] or "", note))
    via = _via(tables)
    for proxy in via:
        named.setdefault(proxy, []).extend(via[proxy])
    listening = {facts.listen for facts in tables.captures}
    named = {proxy: evidence for proxy, evidence in named.items() if proxy not in listening}
    if not named:
        return
    yield finding(
        "proxy.detected",
        say(
            "Traffic to ChatGPT goes through {proxies}. That alone is not a fault.",
            proxies=some(list(named)),
        ),
        confidence=0.95,
        subjects=tuple(named),
        count=sum(len(evidence) for evidence in named.values()),
        evidence=[piece for evidence in named.values() for piece in evidence[:5]],
        in_short=some(list(named)),
    )


def _via(tables: Tables) -> dict[str, list[Evidence]]:
    """Proxies that name themselves in a Via header; the service's own edge does too."""
    http = tables["http"]
    if http.empty:
        return {}
    found: dict[str, list[Evidence]] = {}
    rows = records(where(http[http["via"].notna()], "host", matters).head(200))
    for row in rows:
        text = row["via"]
        if any(word in text.lower() for word in ("cloudflare", "google", "envoy", "varnish")):
            continue
        name = text.partition(" ")[2][:80] or text[:80]  # after the protocol's version
        if len(found) < 10:
            found.setdefault(name, []).extend(flow_evidence([row], say("names itself in Via")))
    return found
