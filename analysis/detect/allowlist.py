"""allowlist.missing_entry: a host of OpenAI's published list is blocked here.

What blocks it is another finding's matter (a DNS filter, a firewall, a proxy);
this one says which entries of the list are missing, so that all of them can be
put right at once.  A host that was not seen is not claimed.  See requirements.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import inf

from analysis.detect.dns_answers import answers, telemetry_answers
from analysis.detect.dns_nxdomain import shows_filter
from analysis.detect.dns_sinkhole import dns_evidence
from analysis.detect.requirements import BLOCKED, OK, VOICE, requirements
from analysis.detect.support import (
    earned,
    effect,
    finding,
    matters,
    noted,
    packet_evidence,
    ranked,
    records,
    rule_of,
    where,
)
from analysis.knowledge import threshold
from analysis.model.diagnosis import Evidence, Finding, Severity
from analysis.model.frames import Tables
from analysis.model.message import joined, plural, say, some


def find_allowlist_missing_entry(tables: Tables) -> Iterator[Finding]:
    scored = requirements(tables)
    # telemetry alone is script.telemetry_blocked, and voice a finding of its own
    missing = [
        item
        for item in scored
        if item.status == BLOCKED and item.rule.pattern != VOICE and any(map(matters, item.blocked))
    ]
    hosts = ranked(host for item in missing for host in item.blocked)
    evidence = _evidence(tables, hosts)
    if not missing or not evidence:
        return
    entries = tuple(item.rule.pattern for item in missing)
    working = {host for item in scored if item.status == OK for host in item.seen}
    trapped = [
        item.rule.pattern
        for item in missing
        if item.apex and any(host.endswith(f".{item.rule.pattern}") for host in working)
    ]
    trap = (
        say(
            "Names below {names} work: the list's wildcard was taken, but it does not cover "
            "{names} itself.",
            names=some(trapped),
        )
        if trapped
        else ""
    )
    wanted = tuple(host for host in hosts if _wanted(tables, host))
    asked = (
        say(
            "The resolver's policy takes {names} away, and it was asked for again and again.",
            names=some(wanted),
        )
        if wanted
        else ""
    )
    blocked = plural(
        "Of OpenAI's published host list, {entries} is blocked here ({hosts}).",
        "Of OpenAI's published host list, {entries} are blocked here ({hosts}).",
        len(entries),
        entries=some(entries),
        hosts=some(hosts),
    )
    yield finding(
        "allowlist.missing_entry",
        joined([blocked, asked, trap]),
        confidence=earned(0.7, (len(hosts) > 1, 0.2), (bool(trapped), 0.3), (bool(wanted), 0.3)),
        subjects=hosts,
        severity=Severity.WARNING
        if wanted
        else min((effect(host, Severity.WARNING) for host in hosts), key=lambda s: s.rank),
        count=len(entries),
        evidence=evidence,
        in_short=some(entries),
        measurements={"entries": list(entries), "apex_trap": trapped},
    )


def _wanted(tables: Tables, host: str) -> bool:
    """A feature's host that a filter takes away, and that the page asks for time and again.

    A filter shows itself; a name that only a wildcard of the list covers may be anything.
    """
    rule = rule_of(host)
    if rule is None or rule.wildcard or "web" not in rule.surface:
        return False
    asked = sorted(
        answer.time
        for answer in answers(tables)
        if answer.host == host
        and answer.failed
        and (answer.sunk or answer.name_vendor or answer.filter_codes or shows_filter(answer))
    )
    again = threshold("feature_again_s")
    times = [when for last, when in pairwise([-inf, *asked]) if when - last >= again]
    return len(times) >= threshold("feature_asked")


def _evidence(tables: Tables, hosts: tuple[str, ...]) -> tuple[Evidence, ...]:
    """What shows the block: answers, failed connections, or hellos that were cut."""
    named = set(hosts)
    found = [a for a in (*answers(tables), *telemetry_answers(tables)) if a.host in named]
    pieces = dns_evidence(
        [answer for answer in found if answer.failed], say("the name is not given")
    )
    connections = tables["connections"]
    lost = connections[connections["error"].notna()] if len(connections) else connections
    pieces += tuple(
        noted(
            row["source"] or "",
            say("connection to {host}: {error}", host=row["host"], error=row["error"]),
        )
        for row in records(where(lost, "host", lambda name: name in named).head(10))
    )
    hellos = tables["tls"]
    silent = hellos[hellos["server_hello_ms"].isna()] if len(hellos) else hellos
    cut = records(where(silent, "sni", lambda name: name in named))
    pieces += packet_evidence(cut, say("ClientHello without an answer"))
    http = tables["http"]
    failed = http[http["error"].notna()] if len(http) else http
    rows = records(where(failed, "host", lambda name: name in named).head(10))
    return pieces + tuple(
        Evidence.flow(row["source"] or "", row["flow"], row["error"]) for row in rows if row["flow"]
    )
