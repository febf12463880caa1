"""sse.cut where there are packets alone: an answer's records end in a reset.

A streamed answer shows as many small TLS records at a steady pace.  Where the
connection that carries them is reset with the server's address before either side
said goodbye, while they were still coming, the answer did not end by itself: an
orderly end is a close_notify and a FIN (RFC 8446 section 6.1).  A reset after a
silence is an idle connection's end and no cut, and so is one by the browser.
Does not prove that the records were an answer: they are encrypted.  That a stream
stalls is not claimed here: a thinking model looks the same.
Source: detection notes 9; section 19 for what may not be told of sizes and times.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.support import (
    Record,
    earned,
    effect,
    finding,
    packet_evidence,
    ranked,
    records,
    where,
    without_own_leg,
)
from analysis.knowledge import threshold
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import plural, say, some

ANSWER_HOSTS = ("chatgpt.com", "chat.openai.com", "api.openai.com")
"""Hosts that stream answers (traffic notes 5 and 9)."""


def find_sse_cut_on_wire(tables: Tables) -> Iterator[Finding]:
    if len(tables["sse"]):
        return  # the streams themselves were seen
    cut = [row for row in _answering(tables) if _paced(row) and _reset_in_flow(row)]
    if not cut:
        return
    names = ranked(row["sni"] for row in cut)
    yield finding(
        "sse.cut",
        plural(
            "{n} connection to {hosts} was reset while records of the size and pace of a "
            "streamed answer were coming.",
            "{n} connections to {hosts} were reset while records of the size and pace of a "
            "streamed answer were coming.",
            len(cut),
            hosts=some(names),
        ),
        confidence=earned(0.6, (len(cut) > 1, 0.4)),
        subjects=names,
        severity=effect(names[0]),
        count=len(cut),
        times=[row["reset_time"] for row in cut],
        evidence=packet_evidence(cut, say("the reset in mid-answer"), ("reset_frame",)),
        in_short=say("a reset in mid-answer"),
    )


def _answering(tables: Tables) -> list[Record]:
    """TCP rows of the TLS connections to such hosts, each with its ``sni``."""
    hellos = where(without_own_leg(tables["tls"], tables), "sni", lambda name: name in ANSWER_HOSTS)
    tcp = tables["tcp"]
    if hellos.empty or tcp.empty:
        return []
    hellos = hellos[hellos["stream"].notna()]
    names = {(row["source"], row["stream"]): row["sni"] for row in records(hellos)}
    reset = tcp[(tcp["reset_by"] == "server").fillna(False)]
    return [
        {**row, "sni": names[row["source"], row["stream"]]}
        for row in records(reset)
        if (row["source"], row["stream"]) in names
    ]


def _paced(row: Record) -> bool:
    """Many records of the server, most of them soon after the one before."""
    pace = row["server_record_gap_p50_ms"]
    return (
        (row["server_records"] or 0) >= threshold("sse_wire_records")
        and pace is not None
        and pace <= threshold("sse_wire_gap_ms")
    )


def _reset_in_flow(row: Record) -> bool:
    """Reset before any goodbye, and the server's data had only just been coming."""
    heard, ended = row["server_payload_time"], row["reset_time"]
    if heard is None or ended is None or row["client_fin"] or row["server_fin"]:
        return False
    return bool(0 <= ended - heard <= threshold("sse_wire_reset_s"))
