"""Error answers of the service, its edge and its storage: which marks mean which finding.

The rules are rows of errors.tsv, the most telling first: the first that fits an
answer is its meaning.  A place is ``host/path`` with ``*`` for anything; codes
are machine-readable words of the body; a text gives alternatives by ``|`` whose
parts (``&``) must all be there; header marks must all hold, ``!`` negates one.
A rule without code and text needs only its place, status and headers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from analysis.knowledge import table
from analysis.knowledge.hosts import host_regex
from analysis.model.message import say

_FACTS = ("source", "date", "confidence")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rule looks at: one answer, its words in lower case.

    `headers` are ``name: value``, and facts that no header carries in the same
    form (``method: put``, ``job-state: failed``).
    """

    status: int | None
    host: str
    path: str
    codes: frozenset[str] = frozenset()
    text: str = ""
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """One row of errors.tsv.

    `layer` is ``http`` for an exchange, ``stream`` for an error inside a
    streamed answer, and ``by NAME`` where no single answer shows it and the
    detectors of that area find it (``by frame``: from a message of a websocket).
    """

    rule: str
    finding: str
    layer: str
    statuses: frozenset[str]
    places: tuple[str, ...]
    codes: frozenset[str]
    texts: tuple[tuple[str, ...], ...]
    headers: tuple[str, ...]
    says: str
    who: str

    def fits(self, answer: Answer) -> bool:
        """True when every mark of the rule is in the answer."""
        return (
            self._fits_status(answer.status)
            and self._says_so(answer)
            and all(_has(mark, answer.headers) for mark in self.headers)
            and (not self.places or _in_places(self.places, answer.host, answer.path))
        )

    def _fits_status(self, status: int | None) -> bool:
        if not self.statuses:
            return True
        if status is None:
            return False
        return str(status) in self.statuses or f"{status // 100}xx" in self.statuses

    def _says_so(self, answer: Answer) -> bool:
        if not self.codes and not self.texts:
            return True
        return (
            "*" in self.codes
            or bool(self.codes & answer.codes)
            or any(all(part in answer.text for part in parts) for parts in self.texts)
        )


def _has(mark: str, headers: Sequence[str]) -> bool:
    wanted = mark.removeprefix("!")
    return any(header.startswith(wanted) for header in headers) is not mark.startswith("!")


@cache
def place_regex(place: str) -> re.Pattern[str]:
    """A regex for ``host/path``; without a path, any path of the host."""
    host, slash, path = place.partition("/")
    tail = ".*".join(re.escape(part) for part in path.split("*")) if slash else ".*"
    return re.compile(f"(?:{host_regex(host)})/{tail}")


def _in_places(places: Iterable[str], host: str, path: str) -> bool:
    where = host + "/" + path.partition("?")[0].lstrip("/")
    return any(place_regex(place).fullmatch(where) for place in places)


@cache
def error_rules() -> tuple[ErrorRule, ...]:
    """All rules, read once. Raises ValueError when an id is there twice."""
    required = ("rule", "finding", "layer", "says", "who", *_FACTS)
    rows = table.rows("errors", required)
    if len({row["rule"] for row in rows}) != len(rows):
        raise ValueError("errors.tsv: a rule is there twice")
    return tuple(
        ErrorRule(
            rule=row["rule"],
            finding=row["finding"],
            layer=row["layer"],
            statuses=frozenset(table.listed(row["status"])),
            places=table.listed(row["place"]),
            codes=frozenset(table.listed(row["code"])),
            texts=tuple(table.listed(words, "&") for words in table.listed(row["text"], "|")),
            headers=table.listed(row["header"]),
            says=say(row["says"]),
            who=row["who"],
        )
        for row in rows
    )


@cache
def _of_status(layer: str, status: int | None) -> tuple[ErrorRule, ...]:
    return tuple(
        rule for rule in error_rules() if rule.layer == layer and rule._fits_status(status)
    )


@lru_cache(maxsize=4096)
def meaning(answer: Answer, layer: str = "http") -> ErrorRule | None:
    """The first rule that fits an answer; None for an answer that says nothing known."""
    # a status comes from a capture: only real ones may fill the cache
    status = answer.status if answer.status is not None and 100 <= answer.status < 600 else None
    return next((rule for rule in _of_status(layer, status) if rule.fits(answer)), None)


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the use of ChatGPT: `needed` when the user cannot go on without it."""

    name: str
    needed: bool


@cache
def _steps() -> tuple[tuple[str, Step], ...]:
    return tuple(
        (row["place"], Step(say(row["step"]), table.flag(row, "needed")))
        for row in table.rows("steps", ("place", "step", "needed", *_FACTS))
    )


def step(host: str, path: str) -> Step | None:
    """What a request is for, by host and path; None when it is not listed."""
    return next((found for place, found in _steps() if _in_places((place,), host, path)), None)
