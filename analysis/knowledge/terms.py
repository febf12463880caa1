"""Terms of the field that a report uses, explained once for readers of other trades."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from analysis.knowledge import table


@dataclass(frozen=True, slots=True)
class Term:
    """A term, the other words that stand for it, and its meaning."""

    name: str
    also: tuple[str, ...]
    meaning: str

    def used_in(self, text: str) -> bool:
        """True when the text has the term as a word of its own, in any case of letters."""
        return _pattern(self.name, *self.also).search(text) is not None


@cache
def _pattern(*words: str) -> re.Pattern[str]:
    listed = "|".join(re.escape(word) for word in words)
    return re.compile(rf"(?<!\w)(?:{listed})(?!\w)", re.IGNORECASE)


@cache
def terms() -> tuple[Term, ...]:
    """All terms, in the order of the alphabet."""
    rows = table.rows("terms", ("term", "meaning", "source", "date", "confidence"))
    found = [Term(row["term"], table.listed(row["also"]), row["meaning"]) for row in rows]
    return tuple(sorted(found, key=lambda term: term.name.lower()))
