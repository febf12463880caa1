"""The candidate factor: which difference explains the change, in words, and how surely."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.compare.causes import Kinds, chain, reached
from analysis.detect.support import counted, earned
from analysis.knowledge import threshold
from analysis.model.comparison import Candidate, Certainty, Difference
from analysis.model.message import some

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
        sentence=_sentence(lowest, alike, links, worse[0])
        + _also(rivals)
        + _besides(differences, (lowest, *effects)),
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
        return f"the finding {item.subject}"
    what = item.what if item.what[:2].isupper() or item.what[:4] == "HTTP" else _small(item.what)
    return f"{what} for {item.subject}" if item.subject else what


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]


def _sentence(
    lowest: Difference, alike: Sequence[Difference], links: Sequence[Difference], worse: str
) -> str:
    text = (
        f"The lowest difference that can account for it is {named(lowest)}: "
        f"{some(lowest.baseline)} in the baseline, {some(lowest.suspect)} in the suspect."
    )
    if alike:
        text += f" {counted(len(alike), 'other subject')} of the same kind differ likewise."
    between = [
        item
        for item in links
        if item.explained_by is not None and item.factor != "finding" and not item.outcome
    ]
    if between:
        text += f" It reaches {worse} by way of {some([named(item) for item in between], 2)}."
    if lowest.outcome:
        text += " Nothing below it that was compared differs."
    return text


def _also(rivals: Sequence[Difference]) -> str:
    if not rivals:
        return ""
    names = some([named(item) for item in rivals], 3)
    also = "differs as well and could" if len(rivals) == 1 else "differ as well and could"
    return f" {names[:1].upper()}{names[1:]} {also} explain the same."


def _besides(differences: Sequence[Difference], told: Sequence[Difference]) -> str:
    """Outcomes that the candidate does not account for; of a finding and its face one."""
    left = [
        item
        for item in differences
        if item.outcome and item.explained_by is None and item not in told
    ]
    return f" Not accounted for by it: {some([named(item) for item in left])}." if left else ""
