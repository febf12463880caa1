"""OpenAI's published list as the report shows it: what is blocked first."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.detect.requirements import BLOCKED, NOT_SEEN, OK, VOICE
from analysis.model.diagnosis import Diagnosis

_ORDER = (BLOCKED, OK, NOT_SEEN)


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One entry: its name or None for the voice addresses, and its state (ok, blocked, not_seen).

    `blocked` are the hosts of it that could not be used; `on_list` is false for
    a name that the list covers only by ``*.`` of it.
    """

    name: str | None
    port: str
    purpose: str
    essential: bool
    on_list: bool
    status: str
    blocked: tuple[str, ...]


def entries_of(diagnosis: Diagnosis) -> tuple[ListEntry, ...]:
    """The entries in ``measurements["requirements"]``: blocked, then ok, then not seen."""
    given = diagnosis.measurements.get("requirements")
    rows = [row for row in given if isinstance(row, dict)] if isinstance(given, list) else []
    entries = [
        ListEntry(
            None if row.get("entry") == VOICE else str(row.get("entry", "")),
            str(row.get("port", "")),
            row.get("purpose") or "",  # as it came: a message keeps its translation
            bool(row.get("essential")),
            bool(row.get("on_list")),
            str(row.get("status")),
            tuple(str(host) for host in row.get("blocked") or ()),
        )
        for row in rows
        if row.get("status") in _ORDER
    ]
    return tuple(sorted(entries, key=lambda entry: _ORDER.index(entry.status)))
