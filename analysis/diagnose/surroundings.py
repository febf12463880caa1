"""When, on which machine and how the session was recorded: facts, not judgments."""

from __future__ import annotations

from analysis.model.diagnosis import utc
from analysis.model.frames import Tables
from analysis.model.printable import printable

MAX_MARKERS = 100
_MAX_CAPTURES = 20
_MAX_TEXT = 200
_NOT_THE_MACHINE = ("python", "timezone")


def machine(tables: Tables) -> str:
    """The machine's own words for itself; empty when they were not recorded."""
    host = tables["host"]
    facts = host[(host["section"] == "os") & ~host["name"].isin(_NOT_THE_MACHINE)]
    values = [printable(str(value))[:60] for value in facts["value"].dropna()[:4]]
    return ", ".join(dict.fromkeys(values))


def captures(tables: Tables) -> list[dict[str, object]]:
    """What each bundle says of its own recording, losses and our own proxy with it."""
    return [
        {
            "source": facts.source,
            "started": utc(facts.started),
            "ended": utc(facts.ended),
            "end_state": facts.end_state,
            "mode": facts.mode,
            "own_proxy": facts.listen,
            "packets_sampled": facts.packets_sampled,
            "packets_dropped": facts.packets_dropped,
            "packets_reason": facts.packets_reason,
        }
        for facts in tables.captures[:_MAX_CAPTURES]
    ]


def markers(tables: Tables) -> list[dict[str, object]]:
    """What the person at the machine typed, with its time."""
    rows = tables["markers"].head(MAX_MARKERS)
    return [
        {"time": utc(float(time)), "text": printable(str(text))[:_MAX_TEXT]}
        for time, text in rows[["time", "text"]].dropna().itertuples(index=False)
    ]
