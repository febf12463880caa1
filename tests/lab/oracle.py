"""Was chatpath right? Compares a diagnosis, as its JSON says it, with a scene's true cause.

It knows nothing of how the diagnosis came about: only the label and the published output count.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.lab.scene import Truth


class Outcome(StrEnum):
    """How a scene was judged; the order is from good to bad."""

    EXACT = "exact"
    """The true cause is named, with a right status and all else that the label asks."""
    QUIET = "quiet"
    """A healthy session, and nothing above info was said."""
    PARTIAL = "partial"
    """The true cause is primary, or a healthy session quiet, but something beside it is wrong."""
    MISSED = "missed"
    """Something is broken and no cause was named."""
    WRONG = "wrong"
    """Something is broken and another cause was named."""
    FALSE_ALARM = "false-alarm"
    """A healthy session, and something above info was said."""
    FAILED = "failed"
    """The scene did not run to its end."""
    SKIPPED = "skipped"
    """Something that the scene takes is not on this machine."""

    @property
    def right(self) -> bool:
        return self in {Outcome.EXACT, Outcome.QUIET}

    @property
    def rank(self) -> int:
        """0 for right, more for worse."""
        if self.right:
            return 0
        return 1 if self is Outcome.PARTIAL else 2


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome with its reasons, and what the diagnosis said."""

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    status: str | None = None
    primary: str | None = None
    found: tuple[str, ...] = ()
    """Ids found above info, each once, roots first."""


def judge(truth: Truth, diagnosis: dict[str, Any]) -> Judgement:
    """Compare. `diagnosis` is a ``chatpath.diagnosis/1`` object."""
    verdict = diagnosis["verdict"]
    serious = [item for item in diagnosis["findings"] if item["severity"] != "info"]
    serious.sort(key=lambda item: item["explained_by"] is not None)
    found = tuple(dict.fromkeys(item["id"] for item in serious))
    status, primary = verdict["status"], verdict["primary"]
    reasons = []
    if status not in truth.statuses:
        reasons.append(f"status is {status}, not {' or '.join(truth.statuses)}")
    reasons += [f"{item} was found" for item in truth.never if item in found]
    notes = _notes(truth, diagnosis)
    if truth.healthy:
        reasons += [f"{item} was found" for item in found if item not in truth.never]
        quiet = Outcome.PARTIAL if notes else Outcome.QUIET
        outcome = Outcome.FALSE_ALARM if reasons else quiet
        return Judgement(outcome, (*reasons, *notes), status, primary, found)
    if primary not in truth.causes:
        outcome = Outcome.MISSED if primary is None else Outcome.WRONG
        reasons.insert(0, f"primary is {primary}, not {' or '.join(truth.causes)}")
        return Judgement(outcome, tuple(reasons), status, primary, found)
    reasons += [*notes, *_details(truth, diagnosis, primary)]
    outcome = Outcome.PARTIAL if reasons else Outcome.EXACT
    return Judgement(outcome, tuple(reasons), status, primary, found)


def _notes(truth: Truth, diagnosis: dict[str, Any]) -> list[str]:
    """What should have been said at any severity and was not, and what was and should not."""
    told = {item["id"] for item in diagnosis["findings"]}
    missing = [f"{item} was not found" for item in truth.also if item not in told]
    return missing + [f"{item} was found" for item in truth.unsaid if item in told]


def _details(truth: Truth, diagnosis: dict[str, Any], primary: str) -> list[str]:
    """What is wrong beside the cause itself."""
    named = [
        item
        for item in diagnosis["findings"]
        if item["id"] == primary and item["explained_by"] is None
    ]
    reasons = []
    if truth.vendor is not None:
        words = " ".join(f"{item['vendor']} {item['summary']}" for item in named)
        if truth.vendor.lower() not in words.lower():
            reasons.append(f"{truth.vendor} was not named")
    subjects = {subject.partition("/")[0] for item in named for subject in item["subjects"]}
    reasons += [f"{item} is no subject" for item in truth.subjects if item not in subjects]
    if not all(item["evidence"] for item in named):
        reasons.append("there is no evidence")
    return reasons
