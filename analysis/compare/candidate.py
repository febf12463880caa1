"""The candidate factor: which difference explains the change, in words, and how surely."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.compare.causes import Kinds, chain, reached
from analysis.detect.support import earned
from analysis.knowledge import threshold
from analysis.model.comparison import Candidate, Certainty, Difference
from analysis.model.message import capital, inside, joined, plural, say, some

_LEVELS = ("finding", "http.answer", "ws.state", "sse.state", "scripts.arrival")


def target_of(differences: Sequence[Difference], primary: Sequence[str]) -> Difference | None:
    """The outcome that is to be explained: the worse side's verdict, else the gravest one."""
    outcomes = [item for item in differences if item.outcome]
    for name in primary:
        for item in outcomes:
            if item.factor == "finding" and item.subject == name:
                return item
    order = {name: place for place, name in enumerate(_LEVELS)}
    return min(
        outcomes, key=lambda item: (order.get(item.factor, len(order)), item.key), default=None
    )


def candidate(
    target: Difference,
    differences: Sequence[Difference],
    kinds: Kinds,
    certainty: Certainty,
    worse: tuple[str, dict[str, float]],
) -> Candidate:
    """The lowest difference that can account for `target`.

    `worse` is the label of the worse side and the confidence of each of its findings.
    """
    links = chain(target, differences, kinds)
    lowest = min(links, key=lambda item: (links[0].factor != item.factor, _place(item, target)))
    alike = [item for item in links if item.factor == lowest.factor and item is not lowest]
    rivals = [
        item for item in links if item.explained_by is None and item not in (lowest, target, *alike)
    ]
    effects = [item for item in reached(lowest, differences, kinds) if item.outcome]
    told = [item.subject for item in (*effects, lowest) if item.factor == "finding"]
    said = target.subject if target.subject in told else next(iter(told), None)
    return Candidate(
        difference=lowest,
        sentence=joined(
            [
                _sentence(lowest, alike, links, worse[0]),
                _also(rivals),
                _besides(differences, (lowest, *effects)),
            ]
        ),
        confidence=_confidence(worse[1].get(said or "", 0.0), bool(rivals), certainty),
        explains=tuple(item.key for item in effects),
        finding=said,
        rivals=tuple(item.key for item in rivals),
    )


def _place(item: Difference, target: Difference) -> tuple[bool, str]:
    """The host that the outcome names first comes first."""
    return not set(item.hosts) & set(target.hosts[:1]), item.key


def _confidence(told: float, rivals: bool, certainty: Certainty) -> float:
    """A finding of the worse run that says the same is the second, independent sign."""
    repeated = certainty.p is not None and certainty.p <= threshold("compare_chance")
    found = earned(0.5, (told > 0, 0.6 * told), (repeated, 0.7))
    most = threshold("compare_repeats_most" if repeated else "compare_pair_most")
    return min(found, threshold("compare_rival_most") if rivals else most)


def named(item: Difference) -> str:
    """What differs, with its subject: ``the answer of the name lookup for ws.chatgpt.com``."""
    if item.factor == "finding":
        return say("the finding {id}", id=item.subject)
    what = inside(item.what)
    return say("{what} for {subject}", what=what, subject=item.subject) if item.subject else what


def _sentence(
    lowest: Difference, alike: Sequence[Difference], links: Sequence[Difference], worse: str
) -> str:
    parts = [
        say(
            "The lowest difference that can account for it is {what}: {baseline} in the baseline, "
            "{suspect} in the suspect.",
            what=named(lowest),
            baseline=some(lowest.baseline),
            suspect=some(lowest.suspect),
        )
    ]
    if alike:
        parts.append(
            plural(
                "{n} other subject of the same kind differs likewise.",
                "{n} other subjects of the same kind differ likewise.",
                len(alike),
            )
        )
    between = [
        item
        for item in links
        if item.explained_by is not None and item.factor != "finding" and not item.outcome
    ]
    if between:
        way = some([named(item) for item in between], 2)
        parts.append(say("It reaches {finding} by way of {way}.", finding=worse, way=way))
    if lowest.outcome:
        parts.append(say("Nothing below it that differs can account for it."))
    return joined(parts)


def _also(rivals: Sequence[Difference]) -> str:
    if not rivals:
        return ""
    names = some([named(item) for item in rivals], 3)
    template = (
        say("{names} differs as well and could explain the same.", names=names)
        if len(rivals) == 1
        else say("{names} differ as well and could explain the same.", names=names)
    )
    return capital(template)


def _besides(differences: Sequence[Difference], told: Sequence[Difference]) -> str:
    """Outcomes that the candidate does not account for; of a finding and its face one."""
    left = [
        item
        for item in differences
        if item.outcome and item.explained_by is None and item not in told
    ]
    if not left:
        return ""
    return say("Not accounted for by it: {names}.", names=some([named(item) for item in left]))
