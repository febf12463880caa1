"""dns.resolver_failing, dns.timeout and dns.slow: the resolver does its work badly.

No filter is claimed here.  One failure that a retry heals is nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from analysis.detect.delay import budgets
from analysis.detect.dns_answers import (
    REFUSED,
    SERVFAIL,
    answers,
    good_by_host,
)
from analysis.detect.dns_dnssec import unvalidated
from analysis.detect.dns_sinkhole import dns_evidence
from analysis.detect.reach import reach_of
from analysis.detect.support import (
    Record,
    earned,
    effect,
    finding,
    last_moment,
    matters,
    noted,
    packet_evidence,
    percentile,
    ranked,
    records,
    rule_of,
    where,
)
from analysis.knowledge import threshold
from analysis.knowledge.codes import ede
from analysis.model.diagnosis import Finding, Severity
from analysis.model.figures import Number
from analysis.model.frames import Tables
from analysis.model.message import capital, say, some, times_over

_MESSAGE = ("source", "response", "src", "src_port", "dst", "dst_port", "id", "qname", "qtype")
"""What two packets of one message have in common."""


def find_dns_resolver_failing(tables: Tables) -> Iterator[Finding]:
    found = answers(tables)
    good = good_by_host(found)
    failing = [
        answer
        for answer in found
        if answer.rcode in (SERVFAIL, REFUSED)
        and not answer.filter_codes
        and not unvalidated(answer)
        and answer.host not in good
        and _essential(answer.host)
    ]
    if not failing:
        return
    reach = reach_of(tables, frozenset(answer.host for answer in failing))
    failing = [answer for answer in failing if not reach[answer.host].worked]
    refusing = {answer.resolver for answer in failing if answer.rcode == REFUSED}
    if refusing:
        # REFUSED for this name alone is a filter's answer: dns.nxdomain_filter
        selective = _answers_others(tables) & refusing
        failing = [a for a in failing if a.rcode != REFUSED or a.resolver not in selective]
    if not failing:
        return
    hosts = ranked(answer.host for answer in failing)
    resolvers = tuple(dict.fromkeys(answer.resolver for answer in failing))
    codes = sorted({code for answer in failing for code in answer.row["ede"] or ()})
    why = some([f"EDE {code} {ede(code).name}" for code in codes])
    kinds = some(sorted({"REFUSED" if a.rcode == REFUSED else "SERVFAIL" for a in failing}))
    yield finding(
        "dns.resolver_failing",
        say(
            "{resolver} answers {hosts} with {kinds}, {times}, and no later answer heals it "
            "({why}).",
            resolver=some(resolvers),
            hosts=some(hosts),
            kinds=kinds,
            times=times_over(len(failing)),
            why=why,
        ),
        confidence=earned(0.7, (len(failing) > 2, 0.4), (bool(codes), 0.3)),
        subjects=hosts,
        severity=effect(hosts[0]) if len(failing) > 1 else Severity.INFO,
        count=len(failing),
        times=[answer.row["time"] for answer in failing],
        evidence=dns_evidence(failing, say("failures")),
        in_short=some(resolvers),
        measurements={"ede": codes},
    )


def _answers_others(tables: Tables) -> frozenset[str]:
    frame = tables["dns"]
    fine = frame[frame["response"].fillna(False) & (frame["rcode"] == 0).fillna(False)]
    return frozenset(row["src"] for row in records(fine[["src", "answers"]]) if row["answers"])


def _essential(host: str) -> bool:
    rule = rule_of(host)
    return rule is not None and rule.essential and not rule.wildcard


def find_dns_timeout(tables: Tables) -> Iterator[Finding]:
    frame = tables["dns"]
    if frame.empty:
        return
    seen = bool(frame["response"].fillna(False).any()) or _sees_both_ways(tables)
    frame = frame[frame["protocol"].fillna("dns") == "dns"]
    rows = records(where(frame, "qname", _essential))
    if not seen:
        # the capture may not see the way back: only what was sent again found no answer
        rows = _sent_again(rows)
    answered = {row["qname"] for row in rows if row["response"]}
    asked = [row for row in rows if not row["response"] and row["qname"] not in answered]
    end = last_moment(tables)
    asked = [
        row
        for row in asked
        if None not in (end, row["time"]) and end - row["time"] >= threshold("dns_timeout_s")
    ]
    tries: dict[str, list[Record]] = {}
    for row in asked:
        tries.setdefault(row["qname"], []).append(row)
    tries = {
        host: kept for host, found in tries.items() if _tried_again(kept := _without_copies(found))
    }
    reach = reach_of(tables, frozenset(tries))
    lost = [row for host, found in tries.items() if not reach[host].worked for row in found]
    if not lost:
        return
    hosts = ranked(row["qname"] for row in lost)
    # a browser's log names a failed lookup, not always the resolver that was asked
    resolvers = tuple(dict.fromkeys(row["dst"] or say("the system resolver") for row in lost))
    yield finding(
        "dns.timeout",
        capital(
            say(
                "{resolver} left {n} queries for {hosts} without an answer, retries included.",
                resolver=some(resolvers),
                n=len(lost),
                hosts=some(hosts),
            )
        ),
        confidence=earned(0.75, (len(lost) > 3, 0.4), (len(resolvers) > 1, 0.3)),
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(lost),
        times=[row["time"] for row in lost],
        evidence=packet_evidence(lost, say("queries without an answer")),
        in_short=some(resolvers),
    )


def _tried_again(rows: list[Record]) -> bool:
    """Some question was asked twice: a lookup asks for several types at once, each only once."""
    asked = [(row["src"], row["qtype"]) for row in rows]
    return len(set(asked)) < len(asked)


def _without_copies(rows: list[Record]) -> list[Record]:
    """Each message once: a mirror port shows it again before anybody could resend it."""
    last: dict[tuple[object, ...], float] = {}
    kept = []
    for row in rows:
        key = tuple(row[name] for name in _MESSAGE)
        time = row["time"] or 0.0
        if time - last.get(key, -math.inf) >= threshold("dns_resend_s"):
            kept.append(row)
        last[key] = time
    return kept


def _sent_again(rows: list[Record]) -> list[Record]:
    """Queries that the client resent with id and port unchanged, so that none of them was heard."""
    sent: dict[tuple[object, ...], list[Record]] = {}
    for row in rows:
        key = tuple(row[name] for name in ("src", "src_port", "dst", "id", "qname", "qtype"))
        sent.setdefault(key, []).append(row)
    again = threshold("dns_resend_s")
    return [
        row
        for found in sent.values()
        if (found[-1]["time"] or 0.0) - (found[0]["time"] or 0.0) >= again
        for row in found
    ]


def _sees_both_ways(tables: Tables) -> bool:
    tcp = tables["tcp"]
    return len(tcp) > 0 and bool(tcp["synack_frame"].notna().any())


def find_dns_slow(tables: Tables) -> Iterator[Finding]:
    by_resolver: dict[str, list[_Lookup]] = {}
    for lookup in (*_answered(tables), *_told_by_browser(tables)):
        by_resolver.setdefault(lookup.resolver, []).append(lookup)
    for resolver, found in sorted(by_resolver.items()):
        times = [lookup.took_ms for lookup in found]
        if len(times) < threshold("dns_slow_lookups") or median(times) < threshold("dns_slow_ms"):
            continue
        if median(times) < threshold("dns_slow_path") * _to_the_edge_ms(tables):
            continue  # everything is as far away as the resolver
        hosts = ranked(lookup.host for lookup in found)
        middle, high = median(times), percentile(times, 0.95)
        fault = middle >= threshold("dns_fault_ms")
        yield finding(
            "dns.slow",
            capital(
                say(
                    "{resolver} takes {median} ms (median) and {high} ms (95th percentile) over "
                    "{n} lookups of ChatGPT's names.",
                    resolver=resolver,
                    median=Number(middle),
                    high=Number(high),
                    n=len(times),
                )
            ),
            confidence=earned(0.75, (len(times) >= 8, 0.4), (fault, 0.4)),
            subjects=hosts,
            count=len(times),
            times=[lookup.time for lookup in found],
            evidence=packet_evidence([lookup.row for lookup in found], say("slow answers"))
            or [noted(lookup.row["source"] or "", say("slow answers")) for lookup in found[:1]],
            in_short=resolver,
            measurements={"median_ms": round(middle, 1), "p95_ms": round(high, 1), "n": len(times)},
        )


def _to_the_edge_ms(tables: Tables) -> float:
    """The shortest TCP handshake with the service; 0 where none was measured."""
    return min((budget.nearest for budget in budgets(tables)), default=0.0)


@dataclass(frozen=True, slots=True)
class _Lookup:
    """One lookup of a host that matters, and the row that shows it."""

    resolver: str
    host: str
    took_ms: float
    time: float | None
    row: Record


def _answered(tables: Tables) -> list[_Lookup]:
    """Lookups whose query and answer are in the capture."""
    frame = tables["dns"]
    if frame.empty:
        return []
    timed = frame[frame["latency_ms"].notna() & frame["response"].fillna(False)]
    return [
        _Lookup(
            row["src"] or say("the system resolver"),
            row["qname"],
            row["latency_ms"],
            row["time"],
            row,
        )
        for row in _without_copies(records(where(timed, "qname", matters)))
    ]


def _told_by_browser(tables: Tables) -> list[_Lookup]:
    """Lookups of which a HAR tells the time alone."""
    frame = tables["connections"]
    if frame.empty or len(tables["dns"]):
        return []  # where answers were captured, these are the same lookups once more
    timed = frame[frame["dns_ms"].notna() & frame["via"].isna()]
    return [
        _Lookup(
            say("the system resolver"),
            row["host"],
            row["dns_ms"],
            row["started"],
            {**row, "frame": None},
        )
        for row in records(where(timed, "host", matters))
    ]
