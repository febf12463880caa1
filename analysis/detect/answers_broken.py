"""tls.intercept_breaks and quic.blocked without packets: the browser says what broke.

An error of HTTP/2, or of an answer's framing or compression, is about octets inside
TLS: a device that does not open TLS cannot cause it.  Where every try for the page
or for several hosts of ChatGPT ends so, while other sites answer, something that
opens TLS is on the path or on the machine; unless its certificate was seen the
service itself is not ruled out, so confidence stays below 0.8.  An error of HTTP/3
on every try means that QUIC does not get through and the browser did not fall back.
A host that any try reached is left out.  Source: Chromium net_error_list.h, which
gives both codes only after TLS; detection notes 5.1, 6 and 9.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from analysis.detect.attempts import usable, wire
from analysis.detect.certificates import inspector_at
from analysis.detect.path_answers import net_error
from analysis.detect.reach import reach_of
from analysis.detect.script_host_reset import SCRIPT_HOSTS
from analysis.detect.support import (
    Record,
    earned,
    effect,
    finding,
    flow_evidence,
    ranked,
    where,
)
from analysis.knowledge import hosts as known_hosts
from analysis.knowledge import threshold
from analysis.knowledge.browser_errors import INSIDE, QUIC, request_error
from analysis.knowledge.certificate_errors import certificate_error
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import plural, say, some


@dataclass(frozen=True, slots=True)
class Broken:
    """Hosts of which every try failed in one way: the exchanges, and the browser's codes."""

    hosts: tuple[str, ...]
    rows: tuple[Record, ...]

    @property
    def codes(self) -> str:
        return some(tuple(dict.fromkeys(net_error(row) or "" for row in self.rows)), 2)


def _broken(tables: Tables, kind: str) -> Broken | None:
    http = tables["http"]
    if http.empty or wire(tables).attempts or not http["status"].notna().any():
        return None
    failing = where(http[http["error"].notna()], "host", usable)
    names = frozenset(str(name) for name in failing["host"].dropna().unique())
    lost = {
        host: found.failed
        for host, found in reach_of(tables, names).items()
        if not found.worked
        and found.failed
        and all(row.get("flow") and _kind(row) == kind for row in found.failed)
    }
    rows = [row for host in ranked(lost) for row in lost[host]]
    own = [host for host in lost if known_hosts().essential(host) and host not in SCRIPT_HOSTS]
    pages = set(http[(http["request_dest"] == "document").fillna(False)]["host"])
    # one host of a feature alone is the feature's own matter
    if not (len(own) > 1 or pages & set(own)) or len(rows) < threshold("reset_tries"):
        return None
    return Broken(ranked(lost), tuple(rows))


def _kind(row: Record) -> str | None:
    """A certificate that was refused is a matter of its own, whatever it was shown in."""
    return None if certificate_error(row["error"]) else request_error(row["error"])


def find_tls_opened_and_broken(tables: Tables) -> Iterator[Finding]:
    broken = _broken(tables, INSIDE)
    if broken is None:
        return
    vendor = next(filter(None, (inspector_at(tables, host) for host in broken.hosts)), None)
    yield finding(
        "tls.intercept_breaks",
        plural(
            "{n} request to {hosts} broke inside TLS ({errors}) and none got an answer, while "
            "other sites answer: only what opens TLS on the way, or the service, can do that.",
            "{n} requests to {hosts} broke inside TLS ({errors}) and none got an answer, while "
            "other sites answer: only what opens TLS on the way, or the service, can do that.",
            len(broken.rows),
            hosts=some(broken.hosts),
            errors=broken.codes,
        ),
        confidence=earned(0.55, (len(broken.rows) > 2, 0.2), (vendor is not None, 0.6)),
        subjects=broken.hosts,
        severity=effect(broken.hosts[0]),
        vendor=vendor,
        count=len(broken.rows),
        times=[row["started"] for row in broken.rows],
        evidence=flow_evidence(broken.rows, say("the request that broke")),
        in_short=broken.codes,
    )


def find_quic_blocked_by_error(tables: Tables) -> Iterator[Finding]:
    broken = _broken(tables, QUIC)
    if broken is None:
        return
    yield finding(
        "quic.blocked",
        plural(
            "{n} request to {hosts} failed in HTTP/3 ({errors}) and none got an answer, while "
            "other sites answer: QUIC does not get through, and the browser did not fall back.",
            "{n} requests to {hosts} failed in HTTP/3 ({errors}) and none got an answer, while "
            "other sites answer: QUIC does not get through, and the browser did not fall back.",
            len(broken.rows),
            hosts=some(broken.hosts),
            errors=broken.codes,
        ),
        confidence=earned(0.7, (len(broken.rows) > 2, 0.3)),
        subjects=broken.hosts,
        severity=effect(broken.hosts[0]),
        count=len(broken.rows),
        times=[row["started"] for row in broken.rows],
        evidence=flow_evidence(broken.rows, say("the request that broke")),
        in_short=broken.codes,
    )
