"""One fact of a run, and which hosts of ChatGPT the run is about.

A fact is compared by its `value`, which holds nothing that changes from run to run by
itself: a public address stands for any other of the service, an id for any id.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from analysis.detect.support import Record, flow_evidence, matters, packet_evidence, where
from analysis.knowledge import hosts
from analysis.knowledge.hosts import normal
from analysis.model.diagnosis import Evidence
from analysis.model.frames import Tables
from analysis.model.message import joined, some
from analysis.model.printable import printable

MAX_EVIDENCE = 3
MAX_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Fact:
    """What one run says of one factor.

    `subject` is a host or a step, empty for the whole session; `kind` is the sort of
    the value in one word, `value` is compared, `shown` is for people, `fault` says
    that the user is worse off by it.
    """

    factor: str
    subject: str
    kind: str
    value: str
    shown: str
    fault: bool = False
    needed: bool = False
    hosts: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()


def fact(
    factor: str,
    value: str,
    *,
    kind: str = "",
    subject: str = "",
    shown: str = "",
    fault: bool = False,
    needed: bool = False,
    hosts: Iterable[str] = (),
    evidence: Iterable[Evidence] = (),
) -> Fact:
    """A fact whose text is bounded and fit to be shown."""
    return Fact(
        factor=factor,
        subject=printable(subject)[:MAX_SHOWN],
        kind=kind or value,
        value=_bounded(value),
        shown=_bounded(shown or value),
        fault=fault,
        needed=needed,
        hosts=tuple(printable(name) for name in hosts),
        evidence=tuple(evidence)[:MAX_EVIDENCE],
    )


def place_of(host: str) -> str:
    """The name a host is compared by: one of many with a changing name is its rule."""
    rule = hosts().match(host)
    return rule.pattern if rule is not None and "*" in rule.pattern else normal(host)[:255]


def hosts_of(tables: Tables) -> frozenset[str]:
    """Hosts of ChatGPT that a run asked for, by the names they are compared by."""
    found: set[str] = set()
    for table, column in (
        ("dns", "qname"),
        ("tls", "sni"),
        ("quic", "sni"),
        ("http", "host"),
        ("ws", "host"),
        ("connections", "host"),
    ):
        frame = where(tables[table], column, matters)
        if len(frame):
            found.update(place_of(str(host)) for host in frame[column].dropna().unique())
    asked = tables["tcp"]["connect_host"].dropna().unique()
    names = (str(name).rpartition(":")[0] for name in asked)
    return frozenset(found | {place_of(name) for name in names if matters(name)})


def evidence_of(row: Record, note: str) -> tuple[Evidence, ...]:
    """The frame of a row, or the exchange that it is or carried."""
    if row.get("frame") is not None or row.get("first_frame") is not None:
        return packet_evidence([row], note, ("frame", "first_frame"))
    return flow_evidence([row], note)


def _bounded(text: str) -> str:
    """Fit to be shown; a message that is short enough stays one."""
    text = printable(text)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN]


def listed(values: Iterable[str], most: int = 4) -> str:
    """Distinct values in order, ``a, b and 2 more``; a set must read the same in every run."""
    distinct = sorted({value for value in values if value})
    if len(distinct) <= most:
        return joined(distinct, ", ")
    return some(distinct, most)
