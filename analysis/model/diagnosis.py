"""Findings and the diagnosis: the records of ``chatpath.diagnosis/1``.

These are the words that leave the house as JSON, so a field here is a public
promise: see ``docs/reference.md``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from analysis.model.digest import FileDigest

SCHEMA = "chatpath.diagnosis/1"


class Status(StrEnum):
    """How the session was, seen from the user."""

    OK = "ok"
    IMPAIRED = "impaired"
    BLOCKED = "blocked"
    DOWN = "down"
    INSUFFICIENT = "insufficient"


class Locus(StrEnum):
    """Where a cause sits."""

    BROWSER = "browser"
    DEVICE = "device"
    DNS = "dns"
    NETWORK = "network"
    VPN_PROXY = "vpn-proxy"
    SERVICE = "service"
    ACCOUNT = "account"
    CAPTURE = "capture"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    """The effect on ChatGPT for the user."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


class SourceKind(StrEnum):
    BUNDLE = "bundle"
    PCAP = "pcap"
    FLOWS = "flows"
    HAR = "har"
    NETLOG = "netlog"


_FINDING_ID = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+")


def is_finding_id(text: str) -> bool:
    """Whether `text` has the form of a finding's id: area, dot, name."""
    return _FINDING_ID.fullmatch(text) is not None


def utc(seconds: float | None) -> str | None:
    """RFC 3339 in UTC with milliseconds, or None."""
    if seconds is None:
        return None
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None  # a hostile capture may carry any number as a time
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Source:
    """One input and how far it could be read.

    `digest` is its SHA-256, or what is still taking it; `problems` are sentences for
    a person; `complete` is false when anything is missing from what the file should hold.
    """

    path: str
    kind: SourceKind
    digest: FileDigest | str | None = field(default=None, compare=False)
    complete: bool = True
    problems: tuple[str, ...] = ()
    first_seen: float | None = None
    last_seen: float | None = None

    @property
    def sha256(self) -> str | None:
        """Hash of the file; None where it could not be had. May wait for it."""
        digest = self.digest
        return digest.hexdigest() if isinstance(digest, FileDigest) else digest

    def to_json(self) -> dict[str, object]:
        return {
            "path": self.path,
            "kind": self.kind.value,
            "sha256": self.sha256,
            "complete": self.complete,
            "problems": list(self.problems),
            "first_seen": utc(self.first_seen),
            "last_seen": utc(self.last_seen),
        }


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of proof that a person can open.

    `source` is the file (``packets.pcapng``); either `frames` with a Wireshark
    display `filter`, or `flow_id` with a mitmproxy `filter` (``~u ...`` is not
    exact, so flows are named by id), and a `note` that says what is seen there.
    """

    source: str
    note: str = ""
    frames: tuple[int, ...] = ()
    filter: str | None = None
    flow_id: str | None = None

    @staticmethod
    def packets(source: str, frames: tuple[int, ...], note: str = "") -> Evidence:
        """Evidence by frame numbers; at most 50 are named."""
        frames = tuple(sorted(set(frames)))[:50]
        listed = ", ".join(str(frame) for frame in frames)
        return Evidence(source, note, frames, f"frame.number in {{{listed}}}" if frames else None)

    @staticmethod
    def flow(source: str, flow_id: str, note: str = "") -> Evidence:
        """Evidence by flow id."""
        return Evidence(source, note, flow_id=flow_id)

    def to_json(self) -> dict[str, object]:
        out: dict[str, object] = {"source": self.source}
        if self.frames:
            out["frames"] = list(self.frames)
        if self.filter:
            out["filter"] = self.filter
        if self.flow_id:
            out["flow_id"] = self.flow_id
        if self.note:
            out["note"] = self.note
        return out


@dataclass(frozen=True, slots=True)
class Remedy:
    """Who must act (it, user or service), the steps, and the text for a ticket."""

    who: str
    steps: tuple[str, ...]
    ticket: str

    def to_json(self) -> dict[str, object]:
        return {"who": self.who, "steps": list(self.steps), "ticket": self.ticket}


@dataclass(frozen=True, slots=True)
class Finding:
    """One judged claim with its evidence.

    `id` is public and in the catalogue. `subjects` are what it is about, host
    names first. `explained_by` is the id of the finding that caused this one,
    None for a root. `measurements` are the figures the claim rests on.
    """

    id: str
    locus: Locus
    severity: Severity
    confidence: float
    summary: str
    subjects: tuple[str, ...] = ()
    vendor: str | None = None
    count: int = 1
    first_seen: float | None = None
    last_seen: float | None = None
    explained_by: str | None = None
    evidence: tuple[Evidence, ...] = ()
    remedy: Remedy | None = None
    does_not_prove: str = ""
    measurements: dict[str, object] = field(default_factory=dict)

    def explained(self, by: str) -> Finding:
        """The same finding as a follower of `by`."""
        return replace(self, explained_by=by)

    def to_json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "locus": self.locus.value,
            "severity": self.severity.value,
            "confidence": round(self.confidence, 2),
            "subjects": list(self.subjects),
            "vendor": self.vendor,
            "count": self.count,
            "first_seen": utc(self.first_seen),
            "last_seen": utc(self.last_seen),
            "summary": self.summary,
            "explained_by": self.explained_by,
            "evidence": [item.to_json() for item in self.evidence],
            "remedy": self.remedy.to_json() if self.remedy else None,
            "does_not_prove": self.does_not_prove,
            "measurements": self.measurements,
        }


def causes_of(found: Finding, findings: Sequence[Finding]) -> list[Finding]:
    """The findings that explain this one.

    Those of the id that it names; where some of them share a subject with it, these alone.
    """
    named = [other for other in findings if other.id == found.explained_by and other is not found]
    about = [other for other in named if set(other.subjects) & set(found.subjects)]
    return about or named


@dataclass(frozen=True, slots=True)
class Coverage:
    """Whether one area could be judged, and why not."""

    area: str
    assessed: bool
    reason: str

    def to_json(self) -> dict[str, object]:
        status = "assessed" if self.assessed else "insufficient"
        return {"area": self.area, "status": status, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The session in one sentence. `primary` is the root with the largest effect."""

    status: Status
    locus: Locus
    primary: str | None
    headline: str
    confidence: float

    def to_json(self) -> dict[str, object]:
        return {
            "status": self.status.value,
            "locus": self.locus.value,
            "primary": self.primary,
            "headline": self.headline,
            "confidence": round(self.confidence, 2),
        }


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything chatpath says of a session."""

    tool_version: str
    rules_version: str
    sources: tuple[Source, ...]
    verdict: Verdict
    findings: tuple[Finding, ...]
    coverage: tuple[Coverage, ...]
    measurements: dict[str, object] = field(default_factory=dict)

    @property
    def primary(self) -> Finding | None:
        """The finding the verdict names."""
        for finding in self.findings:
            if finding.id == self.verdict.primary and finding.explained_by is None:
                return finding
        return None

    def to_json(self) -> dict[str, object]:
        return {
            "schema": SCHEMA,
            "tool": {"version": self.tool_version, "rules_version": self.rules_version},
            "sources": [source.to_json() for source in self.sources],
            "verdict": self.verdict.to_json(),
            "findings": [finding.to_json() for finding in self.findings],
            "coverage": [area.to_json() for area in self.coverage],
            "measurements": self.measurements,
        }
