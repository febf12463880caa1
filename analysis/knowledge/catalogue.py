"""The catalogue of findings: public ids and what each claims."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from analysis.knowledge import table
from analysis.model.diagnosis import Locus, Severity
from analysis.model.message import say


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One finding that chatpath can make: its public id, and what it does not prove."""

    id: str
    locus: Locus
    severity: Severity
    claim: str
    signals: str
    does_not_prove: str


class Catalogue:
    """The entries by id, in the order of the table."""

    def __init__(self, entries: tuple[CatalogueEntry, ...]) -> None:
        self._entries = {entry.id: entry for entry in entries}
        if len(self._entries) != len(entries):
            raise ValueError("findings.tsv: an id is there twice")

    def __getitem__(self, finding_id: str) -> CatalogueEntry:
        return self._entries[finding_id]

    def __contains__(self, finding_id: object) -> bool:
        return finding_id in self._entries

    def __iter__(self) -> Iterator[CatalogueEntry]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, finding_id: str) -> CatalogueEntry | None:
        """The entry, or None for an id that was never given out."""
        return self._entries.get(finding_id)


@cache
def findings() -> Catalogue:
    """The catalogue, read once."""
    return Catalogue(
        tuple(
            CatalogueEntry(
                id=row["id"],
                locus=Locus(row["locus"]),
                severity=Severity(row["severity"]),
                claim=say(row["claim"]),
                signals=say(row["signals"]),
                does_not_prove=say(row["does_not_prove"]) if row["does_not_prove"] else "",
            )
            for row in table.rows("findings", ("id", "claim", "signals"))
        )
    )
