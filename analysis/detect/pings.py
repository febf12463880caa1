"""Pings of a websocket that no pong answered.

A pong answers the most recent ping before it and all earlier ones (RFC 6455
section 5.5.3), so every ping before a pong from the other side counts as answered.
"""

from __future__ import annotations

import pandas as pd

PING, PONG = 9, 10


def unanswered_pings(frames: pd.DataFrame) -> list[float]:
    """Times of the unanswered pings among the frames of one websocket (``ws_frames``)."""
    control = frames[frames["opcode"].isin([PING, PONG])].sort_values("time", kind="stable")
    waiting: dict[bool, list[float]] = {True: [], False: []}
    for row in control[["time", "opcode", "from_client"]].to_dict("records"):
        from_client = row["from_client"] is True
        if row["opcode"] == PING:
            waiting[from_client].append(row["time"])
        else:
            waiting[not from_client].clear()
    return sorted(waiting[True] + waiting[False])
