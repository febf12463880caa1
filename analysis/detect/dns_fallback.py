"""dns.timeout where the first of two resolvers is dead, so that every lookup waits for it.

A resolver that never answers in the capture, and a client that asks another one for
the same name after a wait and is answered there.  Clients that ask all of their
resolvers at once do not wait and are not meant.  Names are found in the end, so that the
session is only slower: a warning.  Source: resolv.conf(5), options
timeout and attempts; the fallback times of Windows' DNS client.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from analysis.detect.support import (
    Record,
    earned,
    finding,
    matters,
    packet_evidence,
    ranked,
    records,
    where,
)
from analysis.knowledge import threshold
from analysis.model.diagnosis import Finding, Severity
from analysis.model.figures import Number
from analysis.model.frames import Tables
from analysis.model.message import say, some


def find_dns_timeout_by_fallback(tables: Tables) -> Iterator[Finding]:
    frame = tables["dns"]
    if frame.empty:
        return
    frame = frame[(frame["protocol"].fillna("dns") == "dns") & frame["time"].notna()]
    alive = {row["src"] for row in records(frame[frame["response"].fillna(False)][["src"]])}
    rows = sorted(records(where(frame, "qname", matters)), key=lambda row: row["time"])
    waits: dict[str, list[tuple[Record, float]]] = {}
    for (_, resolver), (asked, wait) in _waits(rows, alive).items():
        waits.setdefault(resolver, []).append((asked, wait))
    for resolver, found in sorted(waits.items()):
        seconds = [wait for _, wait in found]
        if len(found) < threshold("dns_slow_lookups"):
            continue
        hosts = ranked(asked["qname"] for asked, _ in found)
        yield finding(
            "dns.timeout",
            say(
                "{resolver} never answers, so that {n} lookups of ChatGPT's names waited {median} "
                "ms (median) before another resolver was asked.",
                resolver=resolver,
                n=len(found),
                median=Number(median(seconds) * 1000),
            ),
            confidence=earned(0.8, (len(found) >= 8, 0.4)),
            subjects=hosts,
            severity=Severity.WARNING,
            count=len(found),
            times=[asked["time"] for asked, _ in found],
            evidence=packet_evidence(
                [asked for asked, _ in found], say("queries without an answer")
            ),
            in_short=some([resolver]),
            measurements={"median_ms": round(median(seconds) * 1000, 1), "n": len(found)},
        )


def _waits(rows: list[Record], alive: set[str]) -> dict[tuple[str, str], tuple[Record, float]]:
    """Per name and dead resolver: its first query, and the seconds until another one was asked.

    One wait per name, since A, AAAA and HTTPS are asked at once and wait together.
    """
    answered = {(row["src"], row["qname"], row["qtype"]) for row in rows if row["response"]}
    waiting: dict[tuple[str, str, str], Record] = {}
    found: dict[tuple[str, str], tuple[Record, float]] = {}
    for row in rows:
        if row["response"]:
            continue
        name, kind, resolver = row["qname"], row["qtype"], row["dst"]
        if resolver not in alive:
            waiting.setdefault((name, kind, resolver), row)
        elif (resolver, name, kind) in answered:
            for key in [key for key in waiting if key[:2] == (name, kind)]:
                asked = waiting.pop(key)
                wait = row["time"] - asked["time"]
                if threshold("dns_resend_s") <= wait <= threshold("dns_heal_s"):
                    found.setdefault((name, key[2]), (asked, wait))
    return found
