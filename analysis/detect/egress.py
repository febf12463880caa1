"""net.split_egress: parts of one session leave by different ways.

The service then sees two exit addresses and may refuse one of them.  Shown by the
service's own trace page naming two exits in two places by turns, by HTTP/3 that goes
straight out and is answered while HTTP goes through a proxy, or by a tunnel that has
the default route of one address family alone while the service is reached by both;
that last is told, and no fault until the service minds it (see egress_harm).  Two exits in
one place are the two address families of one line, and two after one another a
tunnel that was switched on in between.
Source: OpenClash#3972, ChatALL#545 (detection notes 6).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise

import pandas as pd

from analysis.detect.attempts import Attempt, usable, wire
from analysis.detect.egress_harm import Ways, checked_elsewhere, ended_in_turn
from analysis.detect.support import (
    MAX_EVIDENCE,
    Record,
    earned,
    finding,
    flow_evidence,
    matters,
    of_service,
    packet_evidence,
    ranked,
    records,
    where,
    without_own_leg,
)
from analysis.knowledge import threshold
from analysis.knowledge.tunnels import tunnel_protocols
from analysis.model.diagnosis import Finding, Severity
from analysis.model.frames import Tables
from analysis.model.message import joined, plural, say, some

_INTERFACE = ["source", "stream", "interface"]
_CLIENT = ["client", "interface"]
_FAMILIES = {False: "IPv4", True: "IPv6"}


def find_net_split_egress(tables: Tables) -> Iterator[Finding]:
    traces = two_exits(tables)
    asked, straight = _round_the_proxy(tables)
    ways = _beside_the_tunnel(tables) or _beside_in_packets(tables) or ((), ())
    beside = list(ways[0])
    turns, checks = ended_in_turn(ways), checked_elsewhere(ways)
    signals = []
    if traces:
        exits = sorted({f"{row['egress']} ({_place(row)})" for row in traces})
        signals.append(say("the service's trace page saw {exits}", exits=some(exits, 4)))
    if straight:
        proxies = sorted({f"{row['server']}:{row['server_port']}" for row in asked})
        signals.append(
            say("HTTP/3 goes straight out while HTTP goes through {proxies}", proxies=some(proxies))
        )
    if beside:
        signals.append(
            say(
                "a tunnel carries {one} alone, and {other} leaves beside it",
                one=_FAMILIES[not beside[0].six],
                other=_FAMILIES[beside[0].six],
            )
        )
    if turns:
        signals.append(
            say(
                "{host} was opened anew by both in turn, and the service ended each connection "
                "within seconds",
                host=turns[0].host,
            )
        )
    if checks:
        signals.append(
            plural(
                "{host} is asked for {n} time and never comes in full, each time with the bot "
                "check by the other way",
                "{host} is asked for {n} times and never comes in full, each time with the bot "
                "check by the other way",
                len(checks),
                host=checks[0].host,
            )
        )
    if not signals:
        return
    left = [name for item in beside for name in item.hosts if usable(name)]
    hosts = ranked([row["host"] for row in traces] + [row["sni"] for row in straight] + left)
    yield finding(
        "net.split_egress",
        say(
            "Parts of this session reach {hosts} by different ways: {signals}. The service "
            "sees two "
            "addresses for one user.",
            hosts=some(hosts),
            signals=joined(signals, "; "),
        ),
        confidence=earned(
            0.7,
            (bool(traces), 0.5),
            (bool(straight), 0.4),
            (bool(beside), 0.3),
            (bool(turns or checks), 0.3),
        ),
        subjects=hosts,
        severity=Severity.WARNING if traces or straight or turns or checks else Severity.INFO,
        count=len(traces) + len(straight) + len(beside),
        times=[row["started"] for row in traces]
        + [row["time"] for row in straight]
        + [item.began for item in beside],
        evidence=[
            *flow_evidence(traces, say("trace page with the exit it was asked from")),
            *packet_evidence(straight[:MAX_EVIDENCE], say("HTTP/3 straight to the service")),
            *packet_evidence(asked[:5], say("HTTP through the proxy"), ("first_frame",)),
            *packet_evidence(
                [item.tcp for item in beside[:5]], say("beside the tunnel"), ("syn_frame",)
            ),
            *packet_evidence(
                [item.tcp for item in (turns or checks)[:MAX_EVIDENCE]],
                say("opened anew, by one way or the other"),
                ("syn_frame", "last_frame"),
            ),
        ],
        in_short=_in_short(traces, straight, beside),
        measurements={"signals": signals},
    )


def _in_short(traces: list[Record], straight: list[Record], beside: list[Attempt]) -> str:
    if straight:
        return say("HTTP/3 beside the proxy")
    if traces:
        return say("two exits")
    return say("{family} beside the tunnel", family=_FAMILIES[beside[0].six])


def trace_facts(row: Record) -> dict[str, str]:
    """The lines of a trace page by name: colo, loc, warp, gateway."""
    return dict(line.split("=", 1) for line in row["trace"] or () if "=" in line)


def _place(row: Record) -> str:
    facts = trace_facts(row)
    return facts.get("loc") or facts.get("colo") or "?"


def two_exits(tables: Tables) -> list[Record]:
    """Answers that name the exit they were asked from, where these are of two places."""
    http = tables["http"]
    if http.empty:
        return []
    rows = records(where(http[http["egress"].notna()], "host", matters))
    exits = {row["egress"] for row in rows}
    places = {_place(row) for row in rows}
    two = len(exits) > 1 and len(places - {"?"}) > 1
    return rows if two and _at_the_same_time(rows) else []


def _at_the_same_time(rows: list[Record]) -> bool:
    """The exits take turns, or follow at once: a tunnel switched on in between changes them once.

    Where the times are not known, the exits count.
    """
    timed = sorted((row for row in rows if row["started"] is not None), key=lambda r: r["started"])
    if len(timed) < len(rows):
        return True
    turns = [(one, two) for one, two in pairwise(timed) if one["egress"] != two["egress"]]
    soon = any(two["started"] - one["started"] <= threshold("exits_s") for one, two in turns)
    return soon or len(turns) >= len({row["egress"] for row in timed})


def _beside_the_tunnel(tables: Tables) -> Ways | None:
    """Connections by the tunnel and of the family that it leaves out, where both are in use."""
    tunnels: set[str] = set()
    routes: dict[str, set[str]] = {}
    for row in records(where(tables["host"], "section", ("interface", "route").__contains__)):
        said = _said(row["value"])
        if row["section"] == "route":
            family = said.get("family")
            routes.setdefault(str(family), set()).add(str(said.get("interface")))
        elif said.get("tunnel") is True:
            tunnels.add(str(said.get("name")))
    taken = {family for family, names in routes.items() if names & tunnels}
    if taken not in ({"ipv4"}, {"ipv6"}) or set(routes) < {"ipv4", "ipv6"}:
        return None
    reached = [
        item for item in wire(tables).attempts if item.answered and any(map(usable, item.hosts))
    ]
    beside = [item for item in reached if item.six is (taken == {"ipv4"})]
    through = [item for item in reached if item.six is (taken == {"ipv6"})]
    return (beside, through) if beside and through else None


def _beside_in_packets(tables: Tables) -> Ways | None:
    """The same where packets of both interfaces show it: inside the tunnel, and outside of it."""
    tcp, udp = tables["tcp"], tables["udp"]
    if tcp.empty or udp.empty:
        return None
    carried = udp[udp["protocol"].isin(list(tunnel_protocols())) & udp["answered"].fillna(False)]
    outer = set(carried["client"].dropna())
    known = tcp[tcp["interface"].notna()]
    on = {(row["source"], row["stream"]): row["interface"] for row in records(known[_INTERFACE])}
    outside = _outside(known, outer)
    if not outside:
        return None
    reached = [
        (item, on[key] in outside)
        for item in wire(tables).attempts
        if (key := (item.tcp["source"], item.tcp["stream"])) in on
        and item.answered
        and any(map(usable, item.hosts))
    ]
    through = [item for item, out in reached if not out]
    beside = [item for item, out in reached if out and item.tcp["client"] not in outer]
    inside = {item.six for item in through}
    # one family each: programs that go round the tunnel do so by both
    one_each = len(inside) == 1 and {item.six for item in beside} == {not inside.pop()}
    return (beside, through) if one_each else None


def _outside(known: pd.DataFrame, outer: set[str]) -> set[int]:
    """The interfaces that are not the tunnel's, by the addresses that connections come from.

    The one that the tunnel itself is sent by may show no connection of the family that the
    tunnel takes.  Then the tunnel's is the one with another address of the sender's family.
    """
    named = {(str(row["client"]), row["interface"]) for row in records(known[_CLIENT])}
    sending = {interface for client, interface in named if client in outer}
    if sending or not outer:
        return sending
    sixes = {":" in client for client in outer}
    local = {interface for client, interface in named if client.startswith(("127.", "::1"))}
    inside = {interface for client, interface in named if sixes == {":" in client}} - local
    return {interface for _, interface in named} - inside - local if inside else set()


def _said(text: str | None) -> dict[str, object]:
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _round_the_proxy(tables: Tables) -> tuple[list[Record], list[Record]]:
    """CONNECT requests that were granted, and answered QUIC of the same client to the service."""
    tcp, quic = without_own_leg(tables["tcp"], tables), tables["quic"]
    if tcp.empty or quic.empty:
        return [], []
    asked = [
        row
        for row in records(tcp[tcp["connect_host"].notna()])
        if of_service(row["connect_host"].rpartition(":")[0])
        and (row["connect_status"] or 200) < 300
        # a proxy on the machine itself goes on from there by the same address
        and row["client"] != row["server"]
    ]
    clients = {row["client"] for row in asked}
    answered = records(where(quic[quic["answered"].fillna(False)], "sni", of_service))
    straight = [row for row in answered if row["client"] in clients]
    return (asked, straight) if straight else ([], [])
