"""A NetLog or HAR that lies beside a recording of the same session."""

from __future__ import annotations

import pandas as pd

from analysis.model.frames import Tables

_ADDED = ("host", "dns", "quic")
"""What a recorder at the browser's proxy cannot see; the rest would stand there twice."""


def only_added(log: Tables, recorded: Tables) -> Tables:
    """What a browser's own log adds: facts of the browser, and requests that never left it.

    Where nothing was recorded at all, it adds everything.
    """
    if recorded["http"].empty:
        return log
    frames = {name: log[name] for name in _ADDED}
    http = log["http"]
    known = set(zip(recorded["http"]["host"], recorded["http"]["path"], strict=True))
    new = [place not in known for place in zip(http["host"], http["path"], strict=True)]
    failed = http["error"].notna() & http["status"].isna()
    frames["http"] = http[failed & pd.Series(new, index=http.index, dtype=bool)].reset_index(
        drop=True
    )
    return Tables.of(frames, log.sources)
