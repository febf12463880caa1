"""The sentences of a finding: headline, who acts, steps and the text for a ticket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from analysis.knowledge import table
from analysis.model.diagnosis import Remedy
from analysis.model.message import Message, say, some


@dataclass(frozen=True, slots=True)
class Wording:
    """Templates of one finding; ``{hosts}``, ``{vendor}`` and ``{detail}`` are filled in."""

    id: str
    vendor: str
    who: str
    headline: str
    steps: tuple[str, ...]
    ticket: str

    def headline_for(self, hosts: Sequence[str], vendor: str | None, detail: str) -> Message:
        """One sentence that a help desk can repeat."""
        words = self._words(hosts, vendor or say(self.vendor), detail)
        return Message(self.headline, words, first="capital")

    def remedy_for(self, hosts: Sequence[str], vendor: str | None, detail: str) -> Remedy:
        """Who acts, the steps, and the text for a ticket."""
        # the headline has introduced it: a DNS filter blocks ..., then allow it in the DNS filter
        words = self._words(hosts, vendor or say(definite(self.vendor)), detail)
        steps = tuple(Message(step, words, first="capital") for step in self.steps)
        return Remedy(self.who, steps, Message(self.ticket, words, first="capital"))

    @staticmethod
    def _words(hosts: Sequence[str], vendor: str, detail: str) -> dict[str, str]:
        return {"hosts": some(hosts) or "ChatGPT", "vendor": vendor, "detail": detail}


def definite(vendor: str) -> str:
    """``the DNS filter`` for ``a DNS filter``; other names as they are."""
    article, _, noun = vendor.partition(" ")
    return f"the {noun}" if article in ("a", "an") else vendor


@cache
def _wordings() -> dict[str, Wording]:
    return {
        row["id"]: Wording(
            id=row["id"],
            vendor=row["vendor"],
            who=row["who"],
            headline=row["headline"],
            steps=table.listed(row["steps"], "|"),
            ticket=row["ticket"],
        )
        for row in table.rows("remedies", ("id", "vendor", "who", "headline", "steps", "ticket"))
    }


def wording(finding_id: str) -> Wording:
    """The sentences of one finding. Raises KeyError for an id without wording."""
    return _wordings()[finding_id]
