"""Every leg of the delay budget: resolver, near end, tunnel or proxy, edge, service, stream.

Each with median, 95th percentile and number of measurements; legs of fewer than
three are given, and said to be inseparable.  Directions are never pooled, and no
leg is the difference of two medians of different connections but the service's,
which says so.  Source: detection notes 7.2.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from analysis.detect.delay import budgets
from analysis.detect.egress import trace_facts
from analysis.detect.path_answers import fronted
from analysis.detect.support import Record, of_service, percentile, records, spread, where
from analysis.knowledge import threshold
from analysis.model.frames import Tables
from analysis.model.message import say

TRACE_PATH = "/cdn-cgi/trace"
MAX_RESOLVERS = 4
_API = ("/backend-api/", "/api/", "/public-api/", "/v1/")


def delay_legs(tables: Tables) -> list[Record]:
    """Legs in the order of a request's way; ``way`` is direct, a proxy, or all of them.

    ``part`` is where a leg stands in that way: lookup, near, whole (near and
    behind it), behind, edge, service, both (of these two) or stream.
    """
    found = [
        {**leg, "part": part, "way": budget.proxy or "direct"}
        for budget in budgets(tables)
        if budget.legs
        for part, leg in zip(("near", "whole", "behind"), budget.measured(), strict=True)
    ]
    ways = {leg["way"] for leg in found}
    common = ways.pop() if len(ways) == 1 else "all"
    around = [{**leg, "way": common} for leg in _resolvers(tables)]
    beyond = [{**leg, "way": common} for leg in (*_edge(tables), *_stream(tables))]
    return [_judged(leg) for leg in (*around, *found, *beyond)]


def _judged(leg: Record) -> Record:
    enough = leg["n"] >= threshold("leg_connections")
    note = say("{n} measured: cannot be separated from chance", n=leg["n"])
    return {**leg, "separable": enough, **({} if enough else {"note": note})}


def _resolvers(tables: Tables) -> Iterator[Record]:
    frame = tables["dns"]
    if frame.empty:
        return
    timed = where(frame[frame["latency_ms"].notna()], "qname", of_service)
    by_resolver: dict[str, list[float]] = {}
    for row in records(timed[["src", "latency_ms"]]):
        name = row["src"] or say("the system resolver")
        by_resolver.setdefault(name, []).append(row["latency_ms"])
    busiest = sorted(by_resolver, key=lambda name: (-len(by_resolver[name]), name))
    for name in busiest[:MAX_RESOLVERS]:
        yield {**spread(say("resolver {name}", name=name), by_resolver[name]), "part": "lookup"}


def _edge(tables: Tables) -> Iterator[Record]:
    """First octet of the edge's own page, and of what the service itself answers."""
    http = tables["http"]
    timed = http[http["ttfb_ms"].notna() & http["status"].notna()] if len(http) else http
    timed = where(timed, "host", fronted)
    if timed.empty:
        return
    path = timed["path"].fillna("")
    edge = _times(timed[path.str.startswith(TRACE_PATH)]["ttfb_ms"])
    calls = path.str.startswith(_API) & timed["cf_ray"].notna() & timed["upgrade"].isna()
    calls &= (timed["content_type"] != "text/event-stream").fillna(True)
    service = _times(timed[calls]["ttfb_ms"])
    if edge:
        yield {**spread(say("edge (its trace page)"), edge), "part": "edge"}
    if service and len(edge) >= threshold("leg_connections"):
        middle = percentile(edge, 0.5)
        beyond = [max(time - middle, 0.0) for time in service]
        yield {**spread(say("service (API call less the edge)"), beyond), "part": "service"}
    elif service:
        yield {**spread(say("edge and service (API call)"), service), "part": "both"}


def _stream(tables: Tables) -> Iterator[Record]:
    rows = where(tables["sse"], "host", of_service)
    first = [round(value, -1) for value in _times(rows["ttft_ms"])] if len(rows) else []
    if first:
        # coarse on purpose: exact times of an answer tell what was said
        yield {**spread(say("stream (first part of an answer)"), first), "part": "stream"}


def _times(column: pd.Series[float]) -> list[float]:
    return [float(value) for value in column.dropna()]


def exit_facts(tables: Tables) -> dict[str, object]:
    """Where the session came out, by the service's own words, and where the machine says it is."""
    http = where(tables["http"], "host", fronted)
    if http.empty:
        return {}
    facts: dict[str, set[str]] = {}
    for row in records(http[http["trace"].notna()][["trace"]].head(50)):
        for name, value in trace_facts(row).items():
            if name in ("colo", "loc", "warp", "gateway"):
                facts.setdefault(name, set()).add(value[:20])
    rays = http["cf_ray"].dropna().head(2000)
    centres = {str(ray).rpartition("-")[2] for ray in rays if "-" in str(ray)}
    facts.setdefault("colo", {centre for centre in centres if centre.isalpha()})
    exits = {str(value) for value in http["egress"].dropna().unique()}
    zones = where(tables["host"], "name", lambda name: name == "timezone")
    found: dict[str, object] = {name: sorted(values)[:8] for name, values in facts.items()}
    found["exits"] = sorted(exits)[:8]
    found["machine_timezone"] = [str(value) for value in zones["value"].dropna().unique()][:4]
    return {name: value for name, value in found.items() if value}
