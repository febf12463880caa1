"""device.clock_skew: the machine's clock is wrong.

The Date header of clean answers against the machine's own time of their arrival:
several answers, all off by the same, on a clock that ticks.  Only answers with
the edge's mark count: a cache or a portal may send any Date.  The clock facts
that the capture took itself count as well.  So do certificates of public authorities:
where those of several sites, other people's among them, begin after the machine's time
or ended before it, and none is valid, they are right and the machine is wrong; so in
packets too, where TLS 1.2 shows them and the client's alerts.
Source: RFC 9110 section 6.6.1; detection notes 12 and 15.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

import pandas as pd

from analysis.detect.certificates import alerted, foreign_issuer, hidden_alerts, outside
from analysis.detect.once import once
from analysis.detect.support import (
    MAX_EVIDENCE,
    Record,
    connection_evidence,
    earned,
    finding,
    flow_evidence,
    matters,
    noted,
    packet_evidence,
    ranked,
    records,
    rule_of,
    where,
)
from analysis.knowledge import threshold
from analysis.knowledge.certificate_errors import certificate_error
from analysis.knowledge.probes import probe_answer
from analysis.model.diagnosis import Evidence, Finding
from analysis.model.figures import Number
from analysis.model.frames import Tables
from analysis.model.message import Message, plural, say, some

_COLUMNS = [
    *("source", "flow", "host", "status", "started"),
    *("date", "response_start", "from_cache", "headers"),
]
_DATED = [*_COLUMNS, "path"]
_MOST = 2000
"""Answers looked at: a clock is known after a few."""
_LEAST = 3
"""Answers that must agree: one may be old or from another server."""


@dataclass(frozen=True, slots=True)
class Skew:
    """`ahead_s` is how far the machine's clock is ahead of the service's (negative: behind).

    Where the certificates of `sites` tell it, that is the least it can be. `refused` are hosts
    whose certificate the machine did not take, for a reason it does not tell.
    """

    ahead_s: float
    rows: tuple[Record, ...]
    evidence: tuple[Evidence, ...]
    sites: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


@once
def clock_skew(tables: Tables) -> Skew | None:
    """How wrong the clock is; None when it is right or cannot be told."""
    return (
        _from_answers(tables)
        or _from_snapshot(tables)
        or _from_certificates(tables)
        or _from_tests(tables)
        or _from_clear_certificates(tables)
    )


def _from_answers(tables: Tables) -> Skew | None:
    http = tables["http"]
    if http.empty:
        return None
    dated = http[http["date"].notna() & http["cf_ray"].notna() & http["response_start"].notna()]
    rows = [
        row
        for row in records(where(dated, "host", matters)[_COLUMNS].head(_MOST))
        if not row["from_cache"] and not _aged(row) and (row["status"] or 0) < 500
    ]
    ticks = {row["date"] for row in rows}
    if len(rows) < _LEAST or len(ticks) < 2:
        return None  # a Date that never changes is not a clock
    ahead = [row["response_start"] - row["date"] for row in rows]
    middle = median(ahead)
    agree = [
        (row, value)
        for row, value in zip(rows, ahead, strict=True)
        if abs(value - middle) <= threshold("clock_agree_s")
    ]
    if abs(middle) < threshold("clock_skew_s") or len(agree) < 0.75 * len(rows):
        return None
    chosen = tuple(row for row, _ in agree)
    return Skew(middle, chosen, flow_evidence(chosen[:MAX_EVIDENCE], say("Date against arrival")))


def _aged(row: Record) -> bool:
    """The answer lay in a cache: its Date is that of its making."""
    return any(text.lower().startswith("age:") for text in row["headers"] or ())


def _from_snapshot(tables: Tables) -> Skew | None:
    """Host rows of section clock, ``offset_s``: local time minus the time of a time server."""
    for row in records(where(tables["host"], "section", lambda name: name == "clock")):
        if row["name"] != "offset_s":
            continue
        try:
            ahead = float(row["value"] or "")
        except ValueError:
            continue
        if math.isfinite(ahead) and abs(ahead) >= threshold("clock_skew_s"):
            note = say("clock {seconds} s ahead of its time server", seconds=Number(ahead, 1))
            return Skew(ahead, (), (noted(row["source"] or "", note),))
    return None


def _from_certificates(tables: Tables) -> Skew | None:
    """Every certificate that the browser saw is of another time than the machine's."""
    frame = tables["connections"]
    if frame.empty:
        return None
    rows = records(_dated(frame, "host", "started").head(_MOST))
    refused = [row for row in rows if certificate_error(row["error"] or "") == "date"]
    if not all(row["error"] for row in rows):
        return None
    ahead = _ahead_of_all(rows, refused, "host", "started")
    if ahead is None:
        return None
    evidence = tuple(
        connection_evidence(row, say("to {host}: {error}", host=row["host"], error=row["error"]))
        for row in refused[:MAX_EVIDENCE]
    )
    return Skew(ahead, (), evidence, _sites(refused, "host"))


def _from_clear_certificates(tables: Tables) -> Skew | None:
    """The same of certificates in packets (TLS 1.2), each refused by an alert in clear."""
    frame = tables["tls"]
    if frame.empty:
        return None
    dated = _dated(frame, "sni", "time")
    refused = _out_of_date(tables, lambda _: True)
    if len(refused) < len(dated):
        return None
    ahead = _ahead_of_all(records(dated.head(_MOST)), refused, "sni", "time")
    if ahead is None:
        return None
    note = say("a certificate of another time than the machine's, which refuses it")
    evidence = packet_evidence(refused[:MAX_EVIDENCE], note, ("frame", "alert_frame"))
    return Skew(ahead, (), evidence, _sites(refused, "sni"))


def _dated(frame: pd.DataFrame, host: str, time: str) -> pd.DataFrame:
    """The rows that show a certificate, whose it was and when it was seen."""
    return frame.dropna(subset=["not_before", "not_after", host, time])


def _ahead_of_all(rows: list[Record], refused: list[Record], host: str, time: str) -> float | None:
    """The least by which the machine is ahead, where all certificates seen agree on it."""
    if not refused or any(foreign_issuer(row["issuer"]) for row in rows):
        return None  # whoever re-signs may do so with any dates
    early: list[float] = [row["not_before"] - row[time] for row in refused]
    late: list[float] = [row[time] - row["not_after"] for row in refused]
    off = early if all(value > 0 for value in early) else late
    own = [row[host] for row in refused if matters(row[host])]
    foreign = [row for row in refused if rule_of(row[host]) is None]
    few = len(_sites(refused, host)) < threshold("clock_sites")
    if min(off) <= 0 or not own or not foreign or few:
        return None
    return -max(off) if off is early else max(off)


def _out_of_date(tables: Tables, wanted: Callable[[str], bool] = matters) -> list[Record]:
    """Handshakes that the client refused aloud, with a certificate of another time than its own."""
    return [
        row
        for row in alerted(tables, wanted)
        if outside(row["time"], row["not_before"], row["not_after"])
    ]


def _sites(rows: list[Record], host: str) -> tuple[str, ...]:
    return tuple(sorted({_site(row[host]) for row in rows}))


def _from_tests(tables: Tables) -> Skew | None:
    """Dates of the system's own connectivity test, where the machine refuses certificates.

    Times of a capture may have been shifted since, or be those of another machine: without
    that effect they say nothing.
    """
    note = say("Date against arrival")
    refused = ranked(row["sni"] for row in (*hidden_alerts(tables), *_out_of_date(tables)))
    rows = _tests(tables["cleartext"]) if refused else []
    evidence = packet_evidence(rows, note, ("frame", "response_frame"))
    if not rows:
        refused = _refused_by_date(tables)
        rows = _in_clear(tables["http"]) if len(refused) > 1 else []
        evidence = flow_evidence(rows, note)
    ahead = [row["response_start"] - row["date"] for row in rows]
    if len({row["date"] for row in rows}) < 2 or abs(ahead[0]) < threshold("clock_day_s"):
        return None
    if max(ahead) - min(ahead) > threshold("clock_agree_s"):
        return None
    return Skew(median(ahead), (), evidence, refused=refused)


def _is_tested(host: str) -> bool:
    return probe_answer(host, None) is not None


def _tests(frame: pd.DataFrame) -> list[Record]:
    """Answers to connectivity tests that are the right ones, and dated."""
    if frame.empty:
        return []
    dated = frame[frame["date"].notna() & frame["response_start"].notna()]
    return [
        row
        for row in records(where(dated, "host", _is_tested))[:_MOST]
        if row["status"] is not None
        and probe_answer(row["host"], row["path"]) == row["status"]
        and not _aged(row)
    ]


def _in_clear(frame: pd.DataFrame) -> list[Record]:
    """Dated answers without TLS, of whom a wrong clock keeps nobody away."""
    if frame.empty:
        return []
    plain = frame[(frame["scheme"] == "http").fillna(False) & frame["status"].notna()]
    dated = plain[plain["date"].notna() & plain["response_start"].notna()]
    return [
        row
        for row in records(dated[dated["status"].between(200, 399).fillna(False)][_DATED])[:_MOST]
        if not row["from_cache"]
        and not _aged(row)
        and probe_answer(row["host"] or "", row["path"]) in (None, row["status"])
    ]


def _refused_by_date(tables: Tables) -> tuple[str, ...]:
    """Hosts whose certificate was refused for its dates, as a browser or a proxy words it."""
    frame = tables["connections"]
    lost = frame[frame["error_stage"].isin(["tls"]).fillna(False)]
    rows = records(where(lost, "host", matters))
    return ranked(row["host"] for row in rows if certificate_error(row["error"]) == "date")


def _site(host: str) -> str:
    return ".".join(host.split(".")[-2:])


def find_device_clock_skew(tables: Tables) -> Iterator[Finding]:
    skew = clock_skew(tables)
    if skew is None:
        return
    hosts = ranked(row["host"] for row in skew.rows) or skew.refused
    amount = _span(abs(skew.ahead_s))
    yield finding(
        "device.clock_skew",
        _summary(skew, amount),
        confidence=earned(0.8, (len(skew.rows) >= 6, 0.4), (abs(skew.ahead_s) > 3600, 0.5)),
        subjects=hosts,
        count=max(len(skew.rows), 1),
        times=[row["started"] for row in skew.rows],
        evidence=skew.evidence,
        in_short=say("{amount} ahead", amount=amount)
        if skew.ahead_s > 0
        else say("{amount} behind", amount=amount),
        measurements={"ahead_s": round(skew.ahead_s, 1), "n": len(skew.rows)},
    )


def _summary(skew: Skew, amount: str) -> Message:
    ahead, count = skew.ahead_s > 0, len(skew.rows)
    if skew.sites:
        if ahead:
            return say(
                "By this machine's clock the certificates of {sites} are all over: it is at least "
                "{amount} ahead.",
                sites=some(skew.sites),
                amount=amount,
            )
        return say(
            "By this machine's clock the certificates of {sites} all begin in the future: it is at "
            "least {amount} behind.",
            sites=some(skew.sites),
            amount=amount,
        )
    if skew.refused:
        if ahead:
            return say(
                "This machine's clock is {amount} ahead of the time that the answers to its "
                "connectivity test carry, and it refuses certificates.",
                amount=amount,
            )
        return say(
            "This machine's clock is {amount} behind the time that the answers to its "
            "connectivity test carry, and it refuses certificates.",
            amount=amount,
        )
    if not skew.rows:
        if ahead:
            return say("This machine's clock is {amount} ahead of its time server.", amount=amount)
        return say("This machine's clock is {amount} behind its time server.", amount=amount)
    if ahead:
        return plural(
            "This machine's clock is {amount} ahead of the time that the service's own answers "
            "carry ({n} answer).",
            "This machine's clock is {amount} ahead of the time that the service's own answers "
            "carry ({n} answers).",
            count,
            amount=amount,
        )
    return plural(
        "This machine's clock is {amount} behind the time that the service's own answers "
        "carry ({n} answer).",
        "This machine's clock is {amount} behind the time that the service's own answers "
        "carry ({n} answers).",
        count,
        amount=amount,
    )


def _span(seconds: float) -> Message:
    if seconds >= 86400:
        return plural("{n} day", "{n} days", round(seconds / 86400))
    if seconds >= 3600:
        return plural("{n} hour", "{n} hours", round(seconds / 3600))
    if seconds >= 120:
        return plural("{n} minute", "{n} minutes", round(seconds / 60))
    return plural("{n} second", "{n} seconds", round(seconds))
