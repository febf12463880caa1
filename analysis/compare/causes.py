"""Which difference explains which, and the candidate: the lowest that explains the change.

Egress differs, so the data centre differs; the name's answer differs, so the connection
fails and the scripts are missing. Rows of factors.tsv say what can account for
what; a pointer needs both to differ, and to be about the same host where both name one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from analysis.compare.facts import place_of
from analysis.knowledge.factors import Factor, factors
from analysis.model.comparison import Difference

type Kinds = dict[str, frozenset[str]]


def explain(differences: Sequence[Difference], kinds: Kinds) -> list[Difference]:
    """The same differences, each pointing at the lowest that accounts for it."""
    return [
        replace(item, explained_by=next((c.key for c in _causes(item, differences, kinds)), None))
        for item in differences
    ]


def _causes(item: Difference, differences: Sequence[Difference], kinds: Kinds) -> list[Difference]:
    """Differences that can account for one by themselves, the lowest first."""
    found = [
        other
        for other in differences
        if other.key != item.key
        and _rank(other) < _rank(item)
        and _accounts(other, item, kinds)
        and _same_place(other, item)
    ]
    return sorted(found, key=lambda other: (_rank(other), other.key))


def _accounts(cause: Difference, item: Difference, kinds: Kinds) -> bool:
    factor = _factor(cause)
    if item.factor == "finding":
        return factor.behind(item.subject)
    return factor.can_explain(item.factor, kinds.get(item.key, frozenset()))


def _same_place(cause: Difference, item: Difference) -> bool:
    """True unless both are about hosts and share none; the scripts of a page carry it all."""
    if not cause.subject or not item.hosts or cause.factor in ("scripts.arrival", "finding"):
        return True
    return bool(_places(cause) & _places(item))


def _places(item: Difference) -> set[str]:
    # the subject of a finding may name a path as well
    return {place_of(name.partition("/")[0]) for name in item.hosts}


def _factor(item: Difference) -> Factor:
    return factors()[item.factor]


def _rank(item: Difference) -> int:
    return _factor(item).rank


def chain(target: Difference, differences: Sequence[Difference], kinds: Kinds) -> list[Difference]:
    """Everything that can account for `target` at the end, through others or not."""
    found: dict[str, Difference] = {target.key: target}
    waiting = [target]
    while waiting:
        for cause in _causes(waiting.pop(), differences, kinds):
            if cause.key not in found:
                found[cause.key] = cause
                waiting.append(cause)
    return sorted(found.values(), key=lambda item: (_rank(item), item.key))


def reached(cause: Difference, differences: Sequence[Difference], kinds: Kinds) -> list[Difference]:
    """What `cause` accounts for, through others or not."""
    return [
        item
        for item in differences
        if item.key != cause.key and cause in chain(item, differences, kinds)
    ]
