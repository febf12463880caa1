"""The delay budget: how long each leg of the way to ChatGPT takes.

For each connection to a listed host the near leg (TCP handshake) and the far
leg (ServerHello after the ClientHello, or the whole TLS handshake where only
that is known).  A client that talks straight to the service sees both alike,
however far away it is; where TCP is answered near by and TLS far away, a tunnel
or proxy sits between and the difference is its outer leg.  Directions are never
pooled: both figures are the client's own wait.  Source: detection notes 7.2,
rttgap, CalcuLatency (USENIX Security 2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import pandas as pd

from analysis.detect.certificates import foreign_issuer
from analysis.detect.once import once
from analysis.detect.support import (
    MAX_EVIDENCE,
    Record,
    connection_evidence,
    of_service,
    packet_evidence,
    records,
    spread,
    where,
    without_own_leg,
)
from analysis.knowledge import threshold
from analysis.knowledge.addresses import address
from analysis.model.diagnosis import Evidence
from analysis.model.figures import Number
from analysis.model.frames import Tables
from analysis.model.message import say


@dataclass(frozen=True, slots=True)
class Leg:
    """One connection: near and far wait in ms, and the proxy it used (None: straight)."""

    host: str
    near_ms: float
    far_ms: float
    proxy: str | None
    server: str
    time: float
    row: Record

    @property
    def gap_ms(self) -> float:
        return self.far_ms - self.near_ms


@dataclass(frozen=True, slots=True)
class Budget:
    """All measured connections of one way: straight, or through one proxy."""

    proxy: str | None
    legs: tuple[Leg, ...]
    answer_ms: float | None = None
    """How soon requests are answered at best; None where that would not tell more.

    A recorder's handshake and request times alone are one measurement: they are set against
    each other only where packets time the handshakes, or somebody opens TLS.
    """

    @property
    def enough(self) -> bool:
        """Fewer connections cannot be separated into legs."""
        return len(self.legs) >= threshold("leg_connections")

    @property
    def near(self) -> float:
        return median(leg.near_ms for leg in self.legs)

    @property
    def nearest(self) -> float:
        """The shortest wait for a near end, in ms."""
        return min(leg.near_ms for leg in self.legs)

    @property
    def gap(self) -> float:
        return median(leg.gap_ms for leg in self.legs)

    @property
    def apart(self) -> bool:
        """True when nearly every connection waits far longer behind the near end than for it."""
        if not self.legs or self.gap < threshold("leg_gap_ms") or self._answered_sooner:
            return False
        clear = [
            leg
            for leg in self.legs
            if leg.gap_ms >= threshold("leg_gap_floor_ms")
            and leg.far_ms >= threshold("leg_ratio") * leg.near_ms
        ]
        return len(clear) >= threshold("leg_share") * len(self.legs)

    @property
    def _answered_sooner(self) -> bool:
        """True when requests come back sooner than the far end could be reached.

        What is far is far for requests too. A gateway that opens TLS makes a certificate and a
        connection of its own during the handshake, and a busy machine is slow at it, but
        both then carry requests at once.
        """
        return self.answer_ms is not None and self.answer_ms < self.gap / 2

    @property
    def answered_near(self) -> bool:
        """TCP of a public address answered faster than any network outside could."""
        close = [
            leg for leg in self.legs if leg.near_ms < threshold("near_ms") and _public(leg.server)
        ]
        return len(close) > len(self.legs) / 2

    def measured(self) -> list[Record]:
        """median, p95 and n of each leg."""
        return [
            spread(say("near leg (TCP handshake)"), [leg.near_ms for leg in self.legs]),
            spread(say("whole way (TLS answer)"), [leg.far_ms for leg in self.legs]),
            spread(say("behind the near end"), [max(leg.gap_ms, 0.0) for leg in self.legs]),
        ]


def _public(text: str) -> bool:
    found = address(text)
    return found is not None and found.is_global


@once
def budgets(tables: Tables) -> list[Budget]:
    """Budgets by way, from packets where there are any, else from the recorder's connections."""
    seen, noted = _by_way(_from_packets(tables)), _by_way(_from_connections(tables))
    chosen = []
    for proxy in dict.fromkeys([*seen, *noted]):
        # the two measure the same connections: packets are the finer clock
        packets, connections = seen.get(proxy, ()), noted.get(proxy, ())
        budget = Budget(proxy, packets)
        legs = packets if budget.enough else max(packets, connections, key=len)
        seen_apart = legs is packets or _opened_by_somebody(legs, tables)
        chosen.append(Budget(proxy, legs, _quickest(legs, tables) if seen_apart else None))
    return chosen


def _opened_by_somebody(legs: Sequence[Leg], tables: Tables) -> bool:
    connections = tables["connections"]
    names = {leg.host for leg in legs}
    signed = connections[connections["host"].isin(names) & connections["issuer"].notna()]
    return any(foreign_issuer(issuer) for issuer in signed["issuer"].unique()[:50])


def _quickest(legs: Sequence[Leg], tables: Tables) -> float | None:
    """A low one of the waits for answers; not the lowest, as one may be measured wrongly."""
    http = tables["http"]
    asked = http[http["connection"].notna() & http["status"].notna() & http["ttfb_ms"].notna()]
    known = asked["host"].isin({leg.host for leg in legs})
    waits = sorted(asked[known & ~asked["from_cache"].fillna(False)]["ttfb_ms"].astype(float))
    few = int(threshold("leg_connections"))
    return waits[few - 1] if len(waits) >= few else None


def _by_way(legs: list[Leg]) -> dict[str | None, tuple[Leg, ...]]:
    ways: dict[str | None, list[Leg]] = {}
    for leg in legs:
        ways.setdefault(leg.proxy, []).append(leg)
    return {proxy: tuple(found) for proxy, found in ways.items()}


def _from_packets(tables: Tables) -> list[Leg]:
    hellos = without_own_leg(tables["tls"], tables)
    if hellos.empty or tables["tcp"].empty:
        return []
    timed = hellos[hellos["server_hello_ms"].notna() & hellos["stream"].notna()]
    timed = where(timed, "sni", of_service)
    if (timed["leg"] == "upstream").any():
        # a tunnel client on this machine goes on to the same hosts by itself: not the session's way
        timed = timed[timed["leg"] == "upstream"]
    tcp = tables["tcp"]
    tcp = tcp[tcp["syn_rtt_ms"].notna()]
    columns = [
        "source", "stream", "syn_rtt_ms", "bytes", "app", "connect_host", "syn_frame",
        "synack_frame", "client_mss",
    ]  # fmt: skip
    joined = timed.merge(tcp[columns], on=["source", "stream"], how="inner")
    return [
        Leg(
            host=row["sni"],
            near_ms=row["syn_rtt_ms"],
            far_ms=row["server_hello_ms"],
            proxy=_proxy(row),
            server=row["server"] or "",
            time=row["time"] or 0.0,
            row=row,
        )
        for row in records(joined)
    ]


def _proxy(row: Record) -> str | None:
    if row["connect_host"] or row["app"] in ("connect", "socks"):
        return f"{row['server']}:{row['server_port']}"
    return None


def _from_connections(tables: Tables) -> list[Leg]:
    frame = tables["connections"]
    if frame.empty:
        return []
    timed = frame[frame["tcp_ms"].notna() & frame["tls_ms"].notna()]
    compute = threshold("leg_compute_ms")
    legs = []
    ours = where(timed, "host", of_service)
    # a proxy is near or far for whatever it is asked for
    ways = set(ours["via"].dropna())
    for row in records(pd.concat([ours, where(timed[timed["via"].isin(ways)], "host", _foreign)])):
        # TLS 1.2 takes two round trips, TLS 1.3 one; the rest of it is work
        trips = 1 if (row["tls_version"] or "TLSv1.3") == "TLSv1.3" else 2
        legs.append(
            Leg(
                host=row["host"],
                near_ms=row["tcp_ms"],
                far_ms=max(row["tls_ms"] - compute, 0.0) / trips,
                proxy=row["via"],
                server=row["address"] or "",
                time=row["started"] or 0.0,
                row=row,
            )
        )
    return legs


def _foreign(host: str) -> bool:
    return not of_service(host)


def leg_evidence(budget: Budget) -> tuple[Evidence, ...]:
    """The handshakes behind a budget: frames, or the recorder's own figures."""
    rows = [leg.row for leg in budget.legs][:MAX_EVIDENCE]
    pieces = packet_evidence(
        rows,
        say("SYN, SYN-ACK, ClientHello and ServerHello"),
        ("syn_frame", "synack_frame", "frame", "server_hello_frame"),
    )
    if pieces:
        return pieces
    return tuple(
        connection_evidence(
            row,
            say(
                "to {host}: TCP {tcp} ms, TLS {tls} ms",
                host=row["host"],
                tcp=Number(row["tcp_ms"], 1),
                tls=Number(row["tls_ms"]),
            ),
        )
        for row in rows
    )
