"""sse.cut and service.api_error: a message is answered with 200 and nothing in it.

The answer to a message is an event stream, or the address of one; `{}`, a web page
and no octet at all are neither, and the page shows an error without a word.  Several messages in a
row with none answered well are claimed: an empty stream as one that ended before it
began, an empty document with the service's own mark as the service's error.  An
export that leaves the octets of streams out looks alike, so what took time to arrive,
and what a websocket went on with, is left alone.  Source: traffic notes 5.1 and 5.3;
errors table (gen_error, generic).
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.error_answers import ids_for_support, of_the_service
from analysis.detect.sse import SENDS
from analysis.detect.support import (
    Record,
    earned,
    effect,
    finding,
    flow_evidence,
    ranked,
    records,
    where,
)
from analysis.knowledge import hosts, threshold
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import plural, say, some

_TURNS = tuple(path for path in SENDS if path.startswith("/backend-"))
"""Of the API the caller chooses whether the answer is a stream."""
_STREAM, _DOCUMENT, _PAGE = "text/event-stream", "application/json", "text/html"


def _empty(row: Record) -> bool:
    """No answer in it; a page is none of any length, but a challenge is a matter of its own."""
    if row["content_type"] == _PAGE:
        return not row["cf_mitigated"] and not row["error"]
    size, head, end = row["response_bytes"], row["response_start"], row["ended"]
    if size is None or head is None or end is None or row["error"]:
        return False
    at_once = end - head <= threshold("empty_answer_s")
    return bool(size <= threshold("empty_answer_octets") and at_once)


def _empty_answers(tables: Tables) -> list[Record]:
    """Messages with an empty answer and no good one after them."""
    http = where(tables["http"], "host", hosts().essential)
    if http.empty:
        return []
    sends = (http["method"] == "POST").fillna(False) & http["path"].isin(_TURNS).fillna(False)
    sends &= (http["status"] == 200).fillna(False)
    sends &= http["content_type"].isin([_STREAM, _DOCUMENT, _PAGE]).fillna(False)
    rows = sorted(records(http[sends]), key=lambda row: row["started"] or 0.0)
    while rows and not _empty(rows[0]):
        del rows[0]
    if len(rows) < threshold("reset_tries") or not all(map(_empty, rows)):
        return []
    return [] if _goes_on(tables, rows[0]["started"] or 0.0) else rows


def _goes_on(tables: Tables, since: float) -> bool:
    """A stream or websocket brought something after the message."""
    frames, streams = tables["ws_frames"], tables["sse"]
    told = (frames["time"] > since) & ~frames["from_client"].fillna(True)
    came = (streams["started"] >= since) & (streams["events"] > 0)
    return bool(told.fillna(False).any() or came.fillna(False).any())


def find_sse_empty(tables: Tables) -> Iterator[Finding]:
    rows = _empty_answers(tables)
    if not rows:
        return
    names = ranked(row["host"] for row in rows)
    kinds = tuple(dict.fromkeys(row["content_type"] for row in rows))
    own = kinds == (_DOCUMENT,) and all(map(of_the_service, rows))
    yield finding(
        "service.api_error" if own else "sse.cut",
        plural(
            "{n} message to {hosts} got status 200 and no answer in it ({kind}).",
            "{n} messages to {hosts} got status 200 and no answer in it ({kind}).",
            len(rows),
            hosts=some(names),
            kind=some(kinds),
        ),
        confidence=earned(0.7, (len(rows) > 2, 0.4)),
        subjects=names,
        severity=None if own else effect(names[0]),
        count=len(rows),
        times=[row["started"] for row in rows],
        evidence=flow_evidence(rows, say("the message, and its empty answer")),
        in_short=say("an empty answer"),
        measurements={"for_support": list(ids_for_support(rows))},
    )
