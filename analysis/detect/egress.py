"""net.split_egress: parts of one session leave by different ways.

The service then sees two exit addresses and may refuse one of them.  Shown by
the service's own trace page naming two exits in two places, or by HTTP/3 that
goes straight out and is answered while HTTP goes through a proxy.  Two exits
in one place are the two address families of one line.
Source: OpenClash#3972, ChatALL#545 (detection notes 6).
"""

from __future__ import annotations

from collections.abc import Iterator

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
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import joined, say, some


def find_net_split_egress(tables: Tables) -> Iterator[Finding]:
    traces = _two_exits(tables)
    asked, straight = _round_the_proxy(tables)
    signals = []
    if traces:
        exits = sorted({f"{row['egress']} ({_place(row)})" for row in traces})
        signals.append(say("the service's trace page saw {exits}", exits=some(exits, 4)))
    if straight:
        proxies = sorted({f"{row['server']}:{row['server_port']}" for row in asked})
        signals.append(
            say("HTTP/3 goes straight out while HTTP goes through {proxies}", proxies=some(proxies))
        )
    if not signals:
        return
    hosts = ranked([row["host"] for row in traces] + [row["sni"] for row in straight])
    yield finding(
        "net.split_egress",
        say(
            "Parts of this session reach {hosts} by different ways: {signals}. The service "
            "sees two "
            "addresses for one user.",
            hosts=some(hosts),
            signals=joined(signals, "; "),
        ),
        confidence=earned(0.7, (bool(traces), 0.5), (bool(straight), 0.4)),
        subjects=hosts,
        count=len(traces) + len(straight),
        times=[row["started"] for row in traces] + [row["time"] for row in straight],
        evidence=[
            *flow_evidence(traces, say("trace page with the exit it was asked from")),
            *packet_evidence(straight[:MAX_EVIDENCE], say("HTTP/3 straight to the service")),
            *packet_evidence(asked[:5], say("HTTP through the proxy"), ("first_frame",)),
        ],
        in_short=say("HTTP/3 beside the proxy") if straight else say("two exits"),
        measurements={"signals": signals},
    )


def trace_facts(row: Record) -> dict[str, str]:
    """The lines of a trace page by name: colo, loc, warp, gateway."""
    return dict(line.split("=", 1) for line in row["trace"] or () if "=" in line)


def _place(row: Record) -> str:
    facts = trace_facts(row)
    return facts.get("loc") or facts.get("colo") or "?"


def _two_exits(tables: Tables) -> list[Record]:
    http = tables["http"]
    if http.empty:
        return []
    rows = records(where(http[http["egress"].notna()], "host", matters))
    exits = {row["egress"] for row in rows}
    places = {_place(row) for row in rows}
    return rows if len(exits) > 1 and len(places - {"?"}) > 1 else []


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
