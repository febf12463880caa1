"""tcp.unreachable and tcp.refused: TCP to a host of ChatGPT could not be opened.

From packets (SYNs resent into silence, a reset in place of the SYN-ACK), else
from the errors that recorder or browser noted.  A host that any other try
reached is left out.  Does not prove that the service is down: a capture of one
direction looks the same, and so does a filter (net.firewall_ip_block).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from analysis.detect.attempts import Attempt, names_of_addresses, usable, wire
from analysis.detect.dns_answers import is_bogus
from analysis.detect.once import once
from analysis.detect.reach import reach_of
from analysis.detect.reachability import Blocked, blocked, lost_neighbours
from analysis.detect.support import (
    Record,
    connection_note,
    earned,
    effect,
    finding,
    flow_evidence,
    noted,
    packet_evidence,
    ranked,
    where,
)
from analysis.knowledge.addresses import address
from analysis.model.connect_error import Manner, manner, never_opened, tries
from analysis.model.diagnosis import Evidence, Finding, Severity
from analysis.model.frames import Tables
from analysis.model.message import Message, joined, plural, say, some

_NUMBERED = re.compile(r"errno|winerror")
_REFUSED: frozenset[Manner | None] = frozenset({"refused"})
_SILENT: frozenset[Manner | None] = frozenset({"timed out", "unreachable"})


@dataclass(frozen=True, slots=True)
class Failure:
    """What one finding rests on: hosts, addresses, how many tries, proof, and the control."""

    hosts: tuple[str, ...]
    places: tuple[str, ...]
    count: int
    times: tuple[float | None, ...]
    evidence: tuple[Evidence, ...]
    control: bool
    told: tuple[str, ...] = ()
    signature: str = ""


def find_tcp_unreachable(tables: Tables) -> Iterator[Finding]:
    seen = blocked(tables)
    failure = _of_packets(seen.dead, seen, say("SYN that nothing answered"))
    failure = _with_neighbours(failure, tables) or silent_by_errors(tables)
    if failure:
        yield _finding("tcp.unreachable", failure)


def find_tcp_refused(tables: Tables) -> Iterator[Finding]:
    seen = blocked(tables)
    at_once = any(item.cut_at_once for item in seen.refused)
    note = (
        say("the SYN, and the reset as soon as the connection was open")
        if at_once
        else say("SYN, and the reset in place of the SYN-ACK")
    )
    failure = _of_packets(seen.refused, seen, note)
    if failure and at_once:
        failure = replace(failure, signature=_AT_ONCE)
    failure = _with_neighbours(failure, tables)
    failure = failure or _fallen(seen, note) or _of_errors(tables, _REFUSED)
    if failure:
        yield _finding("tcp.refused", failure)


def _fallen(seen: Blocked, note: str) -> Failure | None:
    """Refusals of what had worked before in the same capture."""
    failure = _of_packets(seen.fallen, seen, note)
    word = say(
        "It had answered there before, and the resets come from as far as its answers did: "
        "nothing listens there any more"
    )
    return replace(failure, told=(*failure.told, word)) if failure else None


def _with_neighbours(failure: Failure | None, tables: Tables) -> Failure | None:
    """The same, with what fails alike in the same networks and is not of the service."""
    rows = lost_neighbours(tables)
    if failure is None or not rows:
        return failure
    known = names_of_addresses(tables)
    names = ranked(name for row in rows for name in known[row["server"]])
    word = say(
        "{names} in the same networks fail alike, so the way there is cut and not ChatGPT alone",
        names=some(names),
    )
    return replace(
        failure,
        told=(*failure.told, word),
        evidence=failure.evidence
        + packet_evidence(rows, say("another site of the same networks"), ("syn_frame",)),
    )


def _finding(finding_id: str, failure: Failure) -> Finding:
    told = say("{errors}.", errors=some(failure.told)) if failure.told else ""
    silent = finding_id == "tcp.unreachable"
    return finding(
        finding_id,
        joined([_in_vain(failure, silent=silent), told]),
        confidence=earned(
            0.6 if silent else 0.7,
            (failure.control, 0.5),
            (failure.count > 1, 0.3),
            (bool(failure.told), 0.4),
        ),
        subjects=failure.hosts,
        severity=severity_of(failure.hosts),
        count=failure.count,
        times=failure.times,
        evidence=failure.evidence,
        in_short=some(failure.places) or say("TCP port 443"),
        measurements={
            "addresses": list(failure.places[:20]),
            "signature": failure.signature or _SIGNATURE[silent],
        },
    )


_AT_ONCE = "⟨SYN ; ACK → RST⟩"
_SIGNATURE = {True: "⟨SYN → ∅⟩", False: "⟨SYN → RST+ACK⟩"}


def severity_of(hosts: Sequence[str]) -> Severity:
    """By the host that matters most; a range without a name is at most a warning."""
    return effect(hosts[0]) if usable(hosts[0]) and "." in hosts[0] else Severity.WARNING


def _in_vain(failure: Failure, *, silent: bool) -> Message:
    facts = {
        "hosts": some(failure.hosts),
        "addresses": some(failure.places),
        "others": say("while other destinations answer")
        if failure.control
        else say("while nothing else was reached"),
    }
    if silent:
        return plural(
            "TCP to {hosts} ({addresses}) gets no answer: {n} attempt in vain, {others}.",
            "TCP to {hosts} ({addresses}) gets no answer: {n} attempts in vain, {others}.",
            failure.count,
            **facts,
        )
    return plural(
        "TCP to {hosts} ({addresses}) is refused: {n} attempt in vain, {others}.",
        "TCP to {hosts} ({addresses}) is refused: {n} attempts in vain, {others}.",
        failure.count,
        **facts,
    )


def _of_packets(attempts: Sequence[Attempt], seen: Blocked, note: str) -> Failure | None:
    if not attempts:
        return None
    rows = [item.tcp for item in attempts]
    servers = {item.server for item in attempts}
    told = [row for row in seen.told if row["server"] in servers]
    words = tuple(
        dict.fromkeys(
            say(
                "{router} reports ICMP type {type} code {code}",
                router=row["src"] or "",
                type=str(row["type"]),
                code=str(row["code"]),
            )
            for row in told
        )
    )
    return Failure(
        hosts=ranked(host for item in attempts for host in item.hosts if usable(host)),
        places=tuple(sorted(servers)),
        count=len(rows),
        times=tuple(row["first_time"] for row in rows),
        evidence=packet_evidence(rows, note, ("syn_frame", "reset_frame"))
        + packet_evidence(told, say("ICMP error about it")),
        control=seen.control or seen.service_answered,
        told=words[:2],
    )


@once
def _errors(tables: Tables) -> dict[str, list[Record]]:
    """Failures that recorder or browser noted, of hosts that packets do not show at all."""
    shown = {host for item in wire(tables).attempts for host in item.hosts}
    names: set[str] = set()
    for table in ("connections", "http"):
        frame = tables[table]
        if len(frame):
            kept = where(frame[frame["error"].notna()], "host", lambda name: name not in shown)
            names |= {name for name in kept["host"].dropna().unique() if usable(name)}
    reach = reach_of(tables, frozenset(names))
    return {name: found.failed for name, found in reach.items() if not found.worked}


def silent_by_errors(tables: Tables) -> Failure | None:
    """What recorder or browser say got no answer."""
    return _of_errors(tables, _SILENT)


def _of_errors(tables: Tables, manners: frozenset[Manner | None]) -> Failure | None:
    rows = [
        row
        for failed in _errors(tables).values()
        for row in failed
        if _speaks(row, manners) and not _nowhere(row)
    ]
    if not rows:
        return None
    places = {row.get("address") for row in rows} | {
        place for row in rows for place in tries(row["error"])
    }
    return Failure(
        hosts=ranked(row["host"] for row in rows),
        places=tuple(sorted(place for place in places if place)),
        count=len(rows),
        times=tuple(row["started"] for row in rows),
        evidence=flow_evidence([row for row in rows if row.get("flow")], say("the failed request"))
        + tuple(
            noted(row["source"] or "", connection_note(row, row["error"]))
            for row in rows[:10]
            if not row.get("flow")
        ),
        control=_others_worked(tables),
    )


def _speaks(row: Record, manners: frozenset[Manner | None]) -> bool:
    """The error is TCP's own, not TLS's, a proxy's or a slow answer's."""
    text = str(row.get("error") or "").lower()
    if row.get("via") or row.get("error_stage") not in (None, "tcp"):
        return False
    if never_opened(row["error"] or "") and not tries(row["error"]):
        return False  # the name lookup failed
    if row.get("flow") and not (
        "net::err_" in text or tries(row["error"]) or _NUMBERED.search(text)
    ):
        return False
    return manner(text) in manners


def _nowhere(row: Record) -> bool:
    """The name lookup gave an address that leads nowhere: its matter, not TCP's."""
    given = [row.get("address"), *tries(row["error"])]
    known = [place for place in (address(text or "") for text in given) if place is not None]
    return bool(known) and all(is_bogus(place) for place in known)


def _others_worked(tables: Tables) -> bool:
    http, connections = tables["http"], tables["connections"]
    return bool(len(http) and http["status"].notna().any()) or bool(
        len(connections) and connections["tls_ms"].notna().any()
    )
