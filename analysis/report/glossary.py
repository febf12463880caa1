"""The glossary of one page: only what that page uses, as the reference defines it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from analysis.knowledge import findings
from analysis.knowledge.terms import terms
from analysis.model.diagnosis import Finding
from analysis.model.message import say

type Entry = tuple[str, str]

_TAG = re.compile(r"<[^>]*>")


def terms_used(page: str) -> tuple[Entry, ...]:
    """Terms of the field in the text of an HTML page, with their meanings."""
    text = _TAG.sub(" ", page)
    return tuple((term.name, say(term.meaning)) for term in terms() if term.used_in(text))


def findings_used(shown: Iterable[Finding]) -> tuple[Entry, ...]:
    """What each id on the page claims; those of a user's own rules are not in the catalogue."""
    catalogue = findings()
    ids = sorted({finding.id for finding in shown if finding.id in catalogue})
    return tuple((name, catalogue[name].claim) for name in ids)
