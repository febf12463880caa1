"""The difference of captures: the records of ``chatpath.comparison/1``.

These are the words that leave the house as JSON, so a field here is a public
promise: see ``docs/reference.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from analysis.model.diagnosis import Diagnosis, Evidence, Finding, utc

SCHEMA = "chatpath.comparison/1"


class Outcome(StrEnum):
    """What a comparison of two sides came to."""

    SAME = "same"
    DIFFERENT = "different"
    INSUFFICIENT = "insufficient"


@dataclass(frozen=True, slots=True)
class Run:
    """One capture: its label, its diagnosis, and the facts of the whole session in words.

    `facts` are (what, value) pairs such as ``("Resolver", "192.168.1.1")``.
    """

    label: str
    diagnosis: Diagnosis
    facts: tuple[tuple[str, str], ...] = ()

    @property
    def first_seen(self) -> float | None:
        """When the first thing in it was seen."""
        seen = [item.first_seen for item in self.diagnosis.sources if item.first_seen is not None]
        return min(seen, default=None)

    def to_json(self) -> dict[str, object]:
        return {
            "label": self.label,
            "sources": [source.to_json() for source in self.diagnosis.sources],
            "first_seen": utc(self.first_seen),
            "verdict": self.diagnosis.verdict.to_json(),
            "facts": [{"name": name, "value": value} for name, value in self.facts],
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that is not the same on both sides.

    `factor` is an id of the factors table and `area` its layer; `subject` is the
    host or the step it is about, empty for the whole session. `baseline` and
    `suspect` are the values in words, one for each distinct value of the runs of
    that side. `outcome` tells that the user notices it. `explained_by` is the
    `key` of the difference that accounts for it, None for one that nothing does.
    """

    factor: str
    area: str
    subject: str
    what: str
    baseline: tuple[str, ...]
    suspect: tuple[str, ...]
    outcome: bool = False
    explained_by: str | None = None
    hosts: tuple[str, ...] = ()
    baseline_evidence: tuple[Evidence, ...] = ()
    suspect_evidence: tuple[Evidence, ...] = ()

    @property
    def key(self) -> str:
        """Names it within its comparison."""
        return f"{self.factor} {self.subject}".rstrip()

    def to_json(self) -> dict[str, object]:
        return {
            "key": self.key,
            "factor": self.factor,
            "area": self.area,
            "subject": self.subject or None,
            "what": self.what,
            "baseline": list(self.baseline),
            "suspect": list(self.suspect),
            "outcome": self.outcome,
            "explained_by": self.explained_by,
            "evidence": {
                "baseline": [item.to_json() for item in self.baseline_evidence],
                "suspect": [item.to_json() for item in self.suspect_evidence],
            },
        }


@dataclass(frozen=True, slots=True)
class Candidate:
    """The lowest difference that accounts for the change.

    `explains` are the keys of the outcomes it accounts for, `finding` the id of
    the finding of one side that says the same, `rivals` the keys of independent
    differences that could account for it as well.
    """

    difference: Difference
    sentence: str
    confidence: float
    explains: tuple[str, ...] = ()
    finding: str | None = None
    rivals: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        return {
            "key": self.difference.key,
            "factor": self.difference.factor,
            "area": self.difference.area,
            "subject": self.difference.subject or None,
            "baseline": list(self.difference.baseline),
            "suspect": list(self.difference.suspect),
            "sentence": self.sentence,
            "confidence": round(self.confidence, 2),
            "explains": list(self.explains),
            "finding": self.finding,
            "rivals": list(self.rivals),
        }


@dataclass(frozen=True, slots=True)
class Spread:
    """Measurements of one leg: median, quartiles and 95th percentile in ms, and how many."""

    median_ms: float
    low_ms: float
    high_ms: float
    p95_ms: float
    n: int

    def to_json(self) -> dict[str, object]:
        return {
            "median_ms": round(self.median_ms, 1),
            "p25_ms": round(self.low_ms, 1),
            "p75_ms": round(self.high_ms, 1),
            "p95_ms": round(self.p95_ms, 1),
            "n": self.n,
        }


@dataclass(frozen=True, slots=True)
class DelayPair:
    """One leg of the way on both sides; `claimed` when the difference is above the noise.

    `note` says why nothing is claimed, or what the difference is.
    """

    leg: str
    name: str
    baseline: Spread | None
    suspect: Spread | None
    claimed: bool
    note: str

    def to_json(self) -> dict[str, object]:
        return {
            "leg": self.leg,
            "name": self.name,
            "baseline": self.baseline.to_json() if self.baseline else None,
            "suspect": self.suspect.to_json() if self.suspect else None,
            "claimed": self.claimed,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Equal:
    """A factor that was compared and was the same on both sides."""

    factor: str
    area: str
    what: str
    value: str

    def to_json(self) -> dict[str, object]:
        return {"factor": self.factor, "area": self.area, "what": self.what, "value": self.value}


@dataclass(frozen=True, slots=True)
class NotCompared:
    """A factor that could not be compared, and why."""

    factor: str
    area: str
    what: str
    reason: str

    def to_json(self) -> dict[str, object]:
        return {"factor": self.factor, "area": self.area, "what": self.what, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Certainty:
    """How sure the runs can be: how many of each side, and what chance alone would do.

    `p` is the share of all ways of sharing the runs out in which the sides differ
    as much as they do; None for one pair.
    """

    baseline_runs: int
    suspect_runs: int
    p: float | None
    sentence: str

    def to_json(self) -> dict[str, object]:
        return {
            "baseline_runs": self.baseline_runs,
            "suspect_runs": self.suspect_runs,
            "p": None if self.p is None else round(self.p, 4),
            "sentence": self.sentence,
        }


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sides compared, each by its label."""

    baseline: str
    suspect: str
    outcome: Outcome
    headline: str
    certainty: Certainty
    candidate: Candidate | None = None
    differences: tuple[Difference, ...] = ()
    delays: tuple[DelayPair, ...] = ()
    equal: tuple[Equal, ...] = ()
    not_compared: tuple[NotCompared, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def outcomes(self) -> tuple[Difference, ...]:
        """What the user notices."""
        return tuple(item for item in self.differences if item.outcome)

    @property
    def factors(self) -> tuple[Difference, ...]:
        """What else is not the same."""
        return tuple(item for item in self.differences if not item.outcome)

    def to_json(self) -> dict[str, object]:
        return {
            "baseline": self.baseline,
            "suspect": self.suspect,
            "outcome": self.outcome.value,
            "headline": self.headline,
            "candidate": self.candidate.to_json() if self.candidate else None,
            "certainty": self.certainty.to_json(),
            "differences": [item.to_json() for item in self.differences],
            "delays": [item.to_json() for item in self.delays],
            "equal": [item.to_json() for item in self.equal],
            "not_compared": [item.to_json() for item in self.not_compared],
            "findings": [item.to_json() for item in self.findings],
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """All runs, and each side compared with the first one."""

    tool_version: str
    rules_version: str
    runs: tuple[Run, ...]
    pairs: tuple[Pair, ...] = field(default=())

    @property
    def outcome(self) -> Outcome:
        """Different when any pair is; insufficient when none could be compared."""
        found = {pair.outcome for pair in self.pairs}
        if Outcome.DIFFERENT in found:
            return Outcome.DIFFERENT
        return Outcome.SAME if Outcome.SAME in found else Outcome.INSUFFICIENT

    def to_json(self) -> dict[str, object]:
        return {
            "schema": SCHEMA,
            "tool": {"version": self.tool_version, "rules_version": self.rules_version},
            "outcome": self.outcome.value,
            "runs": [run.to_json() for run in self.runs],
            "pairs": [pair.to_json() for pair in self.pairs],
        }
