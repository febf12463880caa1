"""How long a TCP connection was silent before its end.

A timer may cut the connection by itself, or forget it without a word: then the
next data of the client is answered by a reset, and the silence is what lay before
that data.  Source: RFC 5382 section 5; detection notes 8.2.
"""

from __future__ import annotations

from analysis.detect.support import Record
from analysis.knowledge import threshold


def silence_before(row: Record, end: float | None) -> float | None:
    """Seconds without data before `end`, in a row of `tcp`; None when it is not known."""
    last = row["last_payload_time"]
    if end is None or last is None:
        return None
    if last > end == row["fin_time"] and row["fin_silence_ms"] is not None:
        # a client answers the FIN with its own farewell (close_notify)
        return max(float(row["fin_silence_ms"]) / 1000, 0.0)
    return max(float(end - last), _before_the_last_word(row), 0.0)


def _before_the_last_word(row: Record) -> float:
    """Seconds between the server's last data and the client's, where a reset answered that."""
    spoke, heard = row["client_payload_time"], row["server_payload_time"]
    if row["reset_by"] != "server" or None in (spoke, heard, row["reset_time"]):
        return 0.0
    answered = 0 <= row["reset_time"] - spoke <= threshold("silence_s")
    return float(spoke - heard) if answered and row["client_unacked"] else 0.0
