"""What every detector needs: rows as plain values, listed hosts, and findings with wording."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Any

import pandas as pd
import pyarrow as pa

from analysis.knowledge import findings, hosts, threshold, wording
from analysis.knowledge.addresses import address as parsed
from analysis.knowledge.hosts import HostRule
from analysis.model.diagnosis import Evidence, Finding, Severity
from analysis.model.frames import Tables
from analysis.model.message import Message, say
from analysis.model.printable import printable

type Record = dict[str, Any]
"""One row as plain Python values; a missing value is None."""

MAX_EVIDENCE = 20


def records(frame: pd.DataFrame) -> list[Record]:
    """Rows as dictionaries. Filter the frame first: this is a Python loop."""
    if frame.empty:
        return []
    columns = {str(name): pa.array(frame[name]).to_pylist() for name in frame.columns}
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def where(frame: pd.DataFrame, column: str, keep: Callable[[str], bool]) -> pd.DataFrame:
    """Rows whose value in `column` satisfies `keep`, which is asked once per distinct value."""
    if frame.empty:
        return frame
    chosen = [value for value in frame[column].dropna().unique() if keep(value)]
    return frame[frame[column].isin(chosen).fillna(False)]


def rule_of(host: str | None) -> HostRule | None:
    """The host rule of a name, None for a missing or foreign one."""
    return hosts().match(host) if host else None


def matters(host: str | None) -> bool:
    """True for a listed host that is not mere telemetry."""
    rule = rule_of(host)
    return rule is not None and not rule.harmless


def of_service(host: str | None) -> bool:
    """True for a host of the service itself; sign-in and pickers of others are left out."""
    rule = rule_of(host)
    return rule is not None and rule.intercept and not rule.harmless


def effect(host: str, worst: Severity = Severity.CRITICAL) -> Severity:
    """Severity of losing a host: `worst` when ChatGPT needs it, info when only a feature does.

    A name that only a bare wildcard covers may be anything, so it is at most a warning.
    """
    rule = rule_of(host)
    if rule is None or not rule.essential:
        return Severity.INFO
    return Severity.WARNING if rule.wildcard and worst is Severity.CRITICAL else worst


def ranked(names: Iterable[str | None]) -> tuple[str, ...]:
    """Distinct host names: essential ones first, then by name."""
    distinct = {name for name in names if name}
    return tuple(sorted(distinct, key=lambda name: (effect(name).rank, name)))


def without_own_leg(frame: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """TCP or TLS rows without the leg between the client and chatpath's own proxy.

    Local connections of other programs in a proxied session are left out as
    well: they are neither of the session nor on the way out.
    """
    if len(frame):
        local = frame["server"].fillna("").str.startswith(("127.", "::1"))
        foreign = (frame["leg"] == "browser") | ((frame["leg"] == "other") & local)
        frame = frame[~foreign.fillna(False)]
    for facts in tables.captures:
        address, _, port = (facts.listen or "").rpartition(":")
        if frame.empty or not port.isdigit():
            continue
        own = (frame["server_port"] == int(port)).fillna(False)
        listening = parsed(address.strip("[]"))
        if listening is not None and not listening.is_unspecified:
            server = frame["server"].fillna("")
            own &= (server == str(listening)) | server.str.startswith(("127.", "::1"))
        frame = frame[~own]
    return frame


def syns_sent(row: Record) -> int:
    """SYNs of a connection that nothing answered, without the copies that a mirror port made."""
    return (row["syns"] or 0) - (row["client_copies"] or 0)


def last_moment(tables: Tables) -> float | None:
    """When the last thing was seen in the whole session."""
    columns = (
        ("dns", "time"),
        ("tcp", "last_time"),
        ("tls", "time"),
        ("http", "ended"),
        ("http", "started"),
        ("ws", "ended"),
        ("ws", "opened"),
        ("ws_frames", "time"),
        ("sse", "last_chunk"),
        ("connections", "ended"),
    )
    moments = [tables[name][column].max() for name, column in columns if len(tables[name])]
    known = [float(moment) for moment in moments if not pd.isna(moment)]
    known += [facts.ended for facts in tables.captures if facts.ended is not None]
    return max(known, default=None)


def capture_end(tables: Tables) -> float | None:
    """When the capture was stopped, where it says so itself."""
    return max((facts.ended for facts in tables.captures if facts.ended is not None), default=None)


def snap_length(tables: Tables) -> int | None:
    """The octets that a capture held of each packet, where these are too few to read names in.

    A sampler keeps little on purpose, and all that is needed of handshakes.
    """
    if any(facts.packets_sampled is not None for facts in tables.captures):
        return None
    host = tables["host"]
    told = host[(host["section"] == "capture") & (host["name"] == "snap length")]
    lengths = [int(value) for value in told["value"].dropna() if value.isdecimal()]
    short = [length for length in lengths if length < threshold("capture_snap_octets")]
    return min(short, default=None)


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest-rank percentile of at least one value."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(leg: str, values: Sequence[float]) -> Record:
    """One leg of the delay budget: leg, median_ms, p95_ms, n."""
    return {
        "leg": leg,
        "median_ms": round(median(values), 2),
        "p95_ms": round(percentile(values, 0.95), 2),
        "n": len(values),
    }


def packet_evidence(
    rows: Iterable[Record], note: str, columns: Sequence[str] = ("frame",)
) -> tuple[Evidence, ...]:
    """Evidence by frame, one piece per capture file."""
    frames: dict[str, set[int]] = {}
    for row in rows:
        numbers = {int(row[column]) for column in columns if row.get(column) is not None}
        if numbers:
            frames.setdefault(row["source"] or "", set()).update(numbers)
    return tuple(
        Evidence.packets(source, tuple(numbers), note) for source, numbers in sorted(frames.items())
    )


def flow_evidence(rows: Iterable[Record], note: str, column: str = "flow") -> tuple[Evidence, ...]:
    """Evidence by flow id, at most 20 flows."""
    named = dict.fromkeys((row["source"] or "", row[column]) for row in rows if row.get(column))
    return tuple(Evidence.flow(source, flow, note) for source, flow in list(named)[:MAX_EVIDENCE])


def noted(source: str, note: str) -> Evidence:
    """Evidence in a file that has neither frames nor flows for it."""
    return Evidence(source, note)


def packets_below(tables: Tables, connections: Sequence[str]) -> list[Record]:
    """The tcp rows of these connections of the recorder, by their port on this machine."""
    known, tcp = tables["connections"], tables["tcp"]
    if not connections or known.empty or tcp.empty:
        return []
    used = known[known["connection"].isin(connections).fillna(False)]
    ports = [int(port) for port in used["local_port"].dropna()]
    return records(tcp[tcp["client_port"].isin(ports).fillna(False)])


def connection_evidence(row: Record, note: str) -> Evidence:
    """The exchange that a connection carried, or the note alone where it carried none."""
    source, said = row["source"] or "", connection_note(row, note)
    return Evidence.flow(source, row["flow"], said) if row["flow"] else noted(source, said)


def connection_note(row: Record, note: str) -> Message:
    """What is said of one connection: ``connection 7: no answer``."""
    return say(
        "connection {connection}: {note}", connection=str(row.get("connection") or ""), note=note
    )


def earned(base: float, *signals: tuple[bool, float]) -> float:
    """Confidence: `base`; every independent signal that holds takes its share of the doubt left."""
    doubt = 1 - base
    for holds, share in signals:
        if holds:
            doubt *= 1 - share
    return round(min(1 - doubt, 0.99), 3)


def finding(
    finding_id: str,
    summary: str,
    *,
    confidence: float,
    subjects: Sequence[str] = (),
    severity: Severity | None = None,
    vendor: str | None = None,
    count: int = 1,
    times: Iterable[float | None] = (),
    evidence: Iterable[Evidence] = (),
    explained_by: str | None = None,
    in_short: str = "",
    measurements: Record | None = None,
) -> Finding:
    """A finding of the catalogue with its wording.

    `in_short` is the figure or address that headline and ticket quote. Raises
    KeyError for an id that is not in the catalogue or has no wording.
    """
    entry = findings()[finding_id]
    words = wording(finding_id)
    seen = sorted(time for time in times if time is not None)
    # names come from the capture: they must neither drive a terminal nor reorder a page
    subjects = tuple(printable(name) for name in subjects)
    in_short = printable(in_short)
    return Finding(
        id=finding_id,
        locus=entry.locus,
        severity=severity or entry.severity,
        confidence=confidence,
        summary=printable(summary),
        subjects=subjects,
        vendor=vendor,
        count=count,
        first_seen=seen[0] if seen else None,
        last_seen=seen[-1] if seen else None,
        explained_by=explained_by,
        evidence=tuple(evidence),
        remedy=words.remedy_for(subjects, vendor, in_short),
        does_not_prove=entry.does_not_prove,
        measurements={**(measurements or {}), **({"in_short": in_short} if in_short else {})},
    )
