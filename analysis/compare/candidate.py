"""The candidate factor: which difference explains the change, in words, and how surely."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.compare.causes import Kinds, chain, reached
from analysis.detect.support import earned
from analysis.knowledge import threshold
from analysis.knowledge.wording import some
from analysis.model.comparison import Candidate, Certainty, Difference

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
    lowest = links[0]
    rivals = [item for item in links[1:] if item.explained_by is None and item.key != target.key]
    effects = [item for item in reached(lowest, differences, kinds) if item.outcome]
    told = [item.subject for item in (*effects, lowest) if item.factor == "finding"]
    said = target.subject if target.subject in told else next(iter(told), None)
    return Candidate(
        difference=lowest,
        sentence=_sentence(lowest, links, rivals, worse[0]),
        confidence=_confidence(worse[1].get(said or "", 0.0), bool(rivals), certainty),
        explains=tuple(item.key for item in effects),
        finding=said,
        rivals=tuple(item.key for item in rivals),
    )


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
    lowest: Difference, links: Sequence[Difference], rivals: Sequence[Difference], worse: str
) -> str:
    text = (
        f"The lowest difference that can account for it is {named(lowest)}: "
        f"{some(lowest.baseline)} in the baseline, "
        f"{some(lowest.suspect)} in the suspect."
    )
    between = [
        item
        for item in links[1:]
        if item.explained_by is not None and item.factor != "finding" and not item.outcome
    ]
    if between:
        text += f" It reaches {worse} by way of {some([named(item) for item in between], 2)}."
    if lowest.outcome:
        text += " Nothing below it that was compared differs."
    if rivals:
        also = some([named(item) for item in rivals], 3)
        text += f" {also[:1].upper()}{also[1:]} differs as well and could explain the same."
    return text
