"""dns.injected: two different answers to one question.

One (id, question, client port) answered twice with different data.  Identical
answers are duplicates; a resolver that rotates its addresses does not answer
twice.  Source: OONI techniques, Hold-On (SATIN 2012).
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.dns_answers import Answer, answers
from analysis.detect.dns_sinkhole import dns_evidence, ranked_addresses
from analysis.detect.support import earned, effect, finding, ranked
from analysis.knowledge import threshold
from analysis.knowledge.addresses import in_group
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import joined, say, some


def find_dns_injected(tables: Tables) -> Iterator[Finding]:
    pairs: dict[tuple[object, ...], list[Answer]] = {}
    for answer in answers(tables):
        row = answer.row
        if row["frame"] is not None and row["id"] is not None:
            key = (row["source"], row["id"], answer.host, row["qtype"], row["dst"], row["dst_port"])
            pairs.setdefault((*key, answer.resolver), []).append(answer)
    forged = [found for found in pairs.values() if _differ(found)]
    if not forged:
        return
    flat = [answer for found in forged for answer in found]
    hosts = ranked(answer.host for answer in flat)
    ttl = any(_ttl_differs(found) for found in forged)
    outside = any(_one_outside(found) for found in forged)
    resolvers = tuple(dict.fromkeys(answer.resolver for answer in flat))
    signals = [say("two answers with different data to one query")]
    if ttl:
        signals.append(say("their IP TTLs differ"))
    if outside:
        signals.append(say("only one of them lies in the service's published ranges"))
    yield finding(
        "dns.injected",
        say(
            "Queries for {hosts} to {resolver} got {addresses} in two separate answers: {signals}.",
            hosts=some(hosts),
            resolver=some(resolvers),
            addresses=some(ranked_addresses(flat), 4),
            signals=joined(signals, "; "),
        ),
        confidence=earned(0.8, (ttl, 0.6), (outside, 0.6), (len(forged) > 1, 0.3)),
        subjects=hosts,
        severity=effect(hosts[0]),
        count=len(forged),
        times=[answer.row["time"] for answer in flat],
        evidence=dns_evidence(flat, say("both answers to the same query")),
        in_short=some(resolvers),
        measurements={"signals": signals},
    )


def _differ(found: list[Answer]) -> bool:
    first = found[0]
    return any(
        set(other.addresses) != set(first.addresses)
        and abs(other.time - first.time) <= threshold("dns_pair_s")
        for other in found[1:]
    )


def _ttl_differs(found: list[Answer]) -> bool:
    seen = [answer.row["ip_ttl"] for answer in found if answer.row["ip_ttl"] is not None]
    return len(seen) > 1 and max(seen) - min(seen) > 1


def _one_outside(found: list[Answer]) -> bool:
    inside = [any(in_group("cloudflare", item) for item in answer.addresses) for answer in found]
    return any(inside) and not all(inside)
