"""The sentences of a finding: headline, who acts, steps and the text for a ticket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from analysis.knowledge import table
from analysis.model.diagnosis import Remedy

MAX_HOSTS = 3


@dataclass(frozen=True, slots=True)
class Wording:
    """Templates of one finding; ``{hosts}``, ``{vendor}`` and ``{detail}`` are filled in."""

    id: str
    vendor: str
    who: str
    headline: str
    steps: tuple[str, ...]
    ticket: str

    def headline_for(self, hosts: Sequence[str], vendor: str | None, detail: str) -> str:
        """One sentence that a help desk can repeat."""
        return _sentence(self.headline, self._words(hosts, vendor, detail))

    def remedy_for(self, hosts: Sequence[str], vendor: str | None, detail: str) -> Remedy:
        """Who acts, the steps, and the text for a ticket."""
        # the headline has introduced it: a DNS filter blocks ..., then allow it in the DNS filter
        words = self._words(hosts, vendor or _definite(self.vendor), detail)
        steps = tuple(_sentence(step, words) for step in self.steps)
        return Remedy(self.who, steps, _sentence(self.ticket, words))

    def _words(self, hosts: Sequence[str], vendor: str | None, detail: str) -> dict[str, str]:
        return {
            "{hosts}": some(hosts) or "ChatGPT",
            "{vendor}": vendor or self.vendor,
            "{detail}": detail,
        }


def _definite(vendor: str) -> str:
    article, _, noun = vendor.partition(" ")
    return f"the {noun}" if article in ("a", "an") else vendor


def _sentence(template: str, words: dict[str, str]) -> str:
    # not str.format: a host name or vendor from a capture must not act as a template
    parts = template.replace("{", "\0{").replace("}", "}\0").split("\0")
    text = "".join(words.get(part, part) for part in parts)
    text = " ".join(text.replace(" ()", "").split())
    text = text.replace(" ,", ",").replace(" .", ".")  # where a word between was not known
    return text[:1].upper() + text[1:]


def some(names: Sequence[str], most: int = MAX_HOSTS) -> str:
    """``a, b and 3 more``."""
    if len(names) <= 1:
        return "".join(names)
    shown = list(names[:most])
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


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
