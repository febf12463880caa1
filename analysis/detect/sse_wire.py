"""sse.cut and sse.stalled where there are packets alone: what an answer's records show.

A streamed answer shows as many small TLS records at a steady pace.

Cut: the connection that carries them is reset with the server's address before
either side said goodbye, while they were still coming.  The answer did not end by
itself: an orderly end is a close_notify and a FIN (RFC 8446 section 6.1).  A reset
after a silence is an idle connection's end and no cut, and so is one by the browser.

Stalled: records of that pace stop for long and go on, the client asks for nothing
new meanwhile, and segments are sent again, acknowledgements repeated or a window
shut in just that time.  Without such trouble nothing is claimed: a thinking model
is silent by nature.

Does not prove that the records were an answer: they are encrypted.
Source: detection notes 9; section 19 for what may not be told of sizes and times.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

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
from analysis.model.diagnosis import Finding, Severity
from analysis.model.figures import Number
from analysis.model.frames import Tables
from analysis.model.message import plural, say, some

ANSWER_HOSTS = ("chatgpt.com", "chat.openai.com", "api.openai.com")
"""Hosts that stream answers (traffic notes 5 and 9)."""


def find_sse_cut_on_wire(tables: Tables) -> Iterator[Finding]:
    if len(tables["sse"]):
        return  # the streams themselves were seen
    tcp = tables["tcp"]
    reset = tcp[(tcp["reset_by"] == "server").fillna(False)] if len(tcp) else tcp
    cut = [row for row in _answering(tables, reset) if _paced(row) and _reset_in_flow(row)]
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


def find_sse_stalled_on_wire(tables: Tables) -> Iterator[Finding]:
    if len(tables["sse"]):
        return
    tcp = tables["tcp"]
    marked = tcp["quiet_gap_marks"] >= threshold("sse_wire_marks")
    found = [row for row in _answering(tables, tcp[marked.fillna(False)]) if _stalled(row)]
    if not found:
        return
    names = ranked(row["sni"] for row in found)
    worst = max(row["server_quiet_gap_ms"] for row in found) / 1000
    marks = sum(row["quiet_gap_marks"] for row in found)
    yield finding(
        "sse.stalled",
        plural(
            "On {n} connection to {hosts}, records of the pace of a streamed answer stopped for up "
            "to {seconds} s, while segments were sent again or acknowledged again: the path held "
            "them up.",
            "On {n} connections to {hosts}, records of the pace of a streamed answer stopped for "
            "up to {seconds} s, while segments were sent again or acknowledged again: the path "
            "held them up.",
            len(found),
            hosts=some(names),
            seconds=Number(worst),
        ),
        confidence=earned(
            0.6, (len(found) > 1, 0.4), (marks >= 2 * threshold("sse_wire_marks") * len(found), 0.2)
        ),
        subjects=names,
        severity=effect(names[0], Severity.WARNING),
        count=len(found),
        times=[row["last_time"] for row in found],
        evidence=packet_evidence(
            [{**row, "frame": frame} for row in found for frame in row["quiet_gap_frames"] or ()],
            say("sent or acknowledged again while the answer stood still"),
        ),
        in_short=say("{n} s", n=Number(worst)),
        measurements={"silence_s": round(worst), "with_packet_trouble": len(found)},
    )


def _stalled(row: Record) -> bool:
    """A silence long against the pace, with enough records of that pace around it."""
    gap, pace = row["server_quiet_gap_ms"], row["server_record_gap_p50_ms"]
    before, least = row["server_records_before_gap"] or 0, threshold("sse_wire_around")
    if gap is None or pace is None or pace > threshold("sse_wire_gap_ms"):
        return False
    around = before >= least and (row["server_records"] or 0) - before >= least
    long = gap > max(threshold("sse_stall_ms"), threshold("sse_stall_median") * pace)
    return bool(around and long)


def _answering(tables: Tables, tcp: pd.DataFrame) -> list[Record]:
    """Those of the TCP rows that are TLS connections to such hosts, each with its ``sni``."""
    hellos = where(without_own_leg(tables["tls"], tables), "sni", lambda name: name in ANSWER_HOSTS)
    if hellos.empty or tcp.empty:
        return []
    hellos = hellos[hellos["stream"].notna()]
    names = {(row["source"], row["stream"]): row["sni"] for row in records(hellos)}
    return [
        {**row, "sni": names[row["source"], row["stream"]]}
        for row in records(tcp)
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
