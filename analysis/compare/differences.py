"""What differs between two sides, what is equal, what could not be compared.

A side is one run or several repeats. A fact differs when no run of one side has a value
that a run of the other has; a value that changes within a side is nobody's factor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from analysis.compare.facts import Fact
from analysis.knowledge import findings, hosts
from analysis.knowledge.factors import Factor, factors
from analysis.model.comparison import Difference, Equal, NotCompared
from analysis.model.diagnosis import Evidence
from analysis.model.message import joined, say

type Facts = dict[tuple[str, str], Fact]
"""Facts of one run by factor and subject."""

MAX_DIFFERENCES = 100


@dataclass(slots=True)
class Compared:
    """The three heaps of one pair of sides.

    `kinds` are the sorts of value per difference; `balance` is above zero when more of the
    outcomes are faults of the suspect than of the baseline.
    """

    differences: list[Difference] = field(default_factory=list)
    equal: list[Equal] = field(default_factory=list)
    not_compared: list[NotCompared] = field(default_factory=list)
    kinds: dict[str, frozenset[str]] = field(default_factory=dict)
    balance: int = 0


@dataclass(frozen=True, slots=True)
class _Sides:
    """One fact on both sides: of the runs that have it, and whether all runs do."""

    subject: str
    ours: tuple[Fact, ...]
    theirs: tuple[Fact, ...]
    ours_all: bool
    theirs_all: bool

    @property
    def everything(self) -> tuple[Fact, ...]:
        return self.ours + self.theirs


def by_key(facts: Iterable[Fact]) -> Facts:
    """Facts by factor and subject; of two about the same place the faulty one counts."""
    found: Facts = {}
    for item in facts:
        key = (item.factor, item.subject)
        if key not in found or (item.fault and not found[key].fault):
            found[key] = item
    return found


def compare_facts(baseline: Sequence[Facts], suspect: Sequence[Facts]) -> Compared:
    """Every fact of both sides, the lowest layer first."""
    result = Compared()
    keys = dict.fromkeys(key for run in (*baseline, *suspect) for key in run)
    for factor in factors().values():
        if factor.area == "latency":
            continue  # figures, not values: see the delays
        judge = _finding if factor.id == "finding" else _fact
        subjects = sorted(subject for name, subject in keys if name == factor.id)
        sides = [_sides(baseline, suspect, factor.id, subject) for subject in subjects]
        verdicts = [(item, judge(item)) for item in sides]
        for item, (differs, outcome) in verdicts:
            if differs:
                _add(result, factor, item, outcome=outcome)
        _tell_equal(result, factor, [item for item, (differs, _) in verdicts if differs is False])
        _tell_missing(result, factor, [item for item, (differs, _) in verdicts if differs is None])
        if not sides and factor.id != "finding":
            reason: str = say("seen in neither")
            result.not_compared.append(NotCompared(factor.id, factor.area, factor.what, reason))
    result.differences = result.differences[:MAX_DIFFERENCES]
    return result


def _sides(
    baseline: Sequence[Facts], suspect: Sequence[Facts], factor: str, subject: str
) -> _Sides:
    ours = tuple(run[factor, subject] for run in baseline if (factor, subject) in run)
    theirs = tuple(run[factor, subject] for run in suspect if (factor, subject) in run)
    return _Sides(subject, ours, theirs, len(ours) == len(baseline), len(theirs) == len(suspect))


type _Verdict = tuple[bool | None, bool]
"""Whether it differs (None: cannot be compared), and whether the user notices that."""


def _fact(sides: _Sides) -> _Verdict:
    if not sides.ours or not sides.theirs:
        return None, False
    if {item.value for item in sides.ours} & {item.value for item in sides.theirs}:
        return False, False
    # a fault on both sides differs in kind only: the user is as badly off
    one, other = (any(item.fault for item in side) for side in (sides.ours, sides.theirs))
    return True, one != other and any(item.needed for item in sides.everything)


def _finding(sides: _Sides) -> _Verdict:
    """A root finding differs when every run of one side has it and no run of the other."""
    if sides.ours and sides.theirs:
        differs = sides.ours_all and sides.theirs_all and _apart(sides)
    else:
        differs = bool(sides.ours and sides.ours_all) or bool(sides.theirs and sides.theirs_all)
    return differs, differs


def _apart(sides: _Sides) -> bool:
    """The same finding about other hosts."""
    one = {name for item in sides.ours for name in item.hosts if hosts().essential(name)}
    other = {name for item in sides.theirs for name in item.hosts if hosts().essential(name)}
    return bool(one and other) and not one & other


def _add(result: Compared, factor: Factor, sides: _Sides, *, outcome: bool) -> None:
    difference = Difference(
        factor=factor.id,
        area=_area(factor, sides.subject),
        subject=sides.subject,
        what=factor.what,
        baseline=_shown(sides.ours),
        suspect=_shown(sides.theirs),
        outcome=outcome,
        hosts=tuple(dict.fromkeys(name for item in sides.everything for name in item.hosts)),
        baseline_evidence=_evidence(sides.ours),
        suspect_evidence=_evidence(sides.theirs),
    )
    result.differences.append(difference)
    result.kinds[difference.key] = frozenset(item.kind for item in sides.everything)
    if outcome:
        result.balance += any(item.fault for item in sides.theirs)
        result.balance -= any(item.fault for item in sides.ours)


def _area(factor: Factor, subject: str) -> str:
    """A finding is of the area of the place where its cause sits."""
    entry = findings().get(subject)
    return entry.locus.value if factor.id == "finding" and entry else factor.area


def _shown(items: Sequence[Fact]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item.shown for item in items)) or (say("not found"),)


def _evidence(items: Sequence[Fact]) -> tuple[Evidence, ...]:
    return tuple(dict.fromkeys(piece for item in items for piece in item.evidence))[:3]


def _tell_equal(result: Compared, factor: Factor, same: Sequence[_Sides]) -> None:
    if not same:
        return
    if factor.id == "finding":
        value: str = joined([item.subject for item in same], ", ")
    else:
        values = dict.fromkeys(fact.value for item in same for fact in item.everything)
        value = (
            next(iter(values))
            if len(values) == 1
            else say("{n} compared, all the same", n=len(same))
        )
        if any(len({fact.value for fact in item.everything}) > 1 for item in same):
            value = say("changes from run to run")
    others = any(item.factor == factor.id for item in result.differences)
    what = say("{factor}, otherwise", factor=factor.what) if others else factor.what
    result.equal.append(Equal(factor.id, factor.area, what, value))


def _tell_missing(result: Compared, factor: Factor, alone: Sequence[_Sides]) -> None:
    if not alone:
        return
    sides = {"suspect" if item.theirs else "baseline" for item in alone}
    if sides == {"suspect"}:
        where = say("in the suspect only")
    else:
        where = say("in the baseline only") if len(sides) == 1 else say("on one side only")
    subjects = [item.subject for item in alone if item.subject]
    reason = (
        say("{n} seen {where}", n=len(subjects), where=where)
        if subjects
        else say("seen {where}", where=where)
    )
    result.not_compared.append(NotCompared(factor.id, factor.area, factor.what, reason))
