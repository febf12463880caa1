"""sse.server_error: the service reports an error inside the streamed answer.

An error event or field in the stream, or an error frame on the websocket.  Codes
of overload and of limits are told as such (service.overloaded, rate.limited).
Does not prove that a connector of the user's own was not at fault: its traffic
never passes here.  Source: traffic notes 5.2, 5.3 and 9.1.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.support import (
    Record,
    earned,
    finding,
    flow_evidence,
    ranked,
    records,
    where,
)
from analysis.knowledge import hosts
from analysis.knowledge.error_rules import Answer, meaning
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import Message, plural, say, some


def _frames(tables: Tables) -> list[Record]:
    """Websocket frames that carry an error, as the service's own words name it."""
    frames = tables["ws_frames"]
    if frames.empty:
        return []
    down = frames[~frames["from_client"].fillna(True)]
    return records(where(down, "kind", lambda kind: "error" in kind.replace("+", "/").split("/")))


def find_sse_server_error(tables: Tables) -> Iterator[Finding]:
    streams = where(tables["sse"], "host", hosts().essential)
    api = where(tables["sse"], "host", lambda host: host.endswith("api.openai.com"))
    ended = {(row["source"], row["flow"]): row for row in (*records(streams), *records(api))}
    groups: dict[str, list[Record]] = {}
    for row in ended.values():
        if row["end"] == "error":
            code = (row["error"] or "").lower()
            answer = Answer(None, row["host"] or "", row["path"] or "/", frozenset({code}))
            rule = meaning(answer, "stream")
            groups.setdefault(rule.finding if rule else "sse.server_error", []).append(row)
    frames = _frames(tables)
    if frames:
        groups.setdefault("sse.server_error", []).extend(frames)
    for finding_id, rows in groups.items():
        yield _reported(finding_id, rows)


def _summary(finding_id: str, streams: str, codes: str) -> Message:
    if finding_id == "service.overloaded":
        return say(
            "The service says inside {streams} that it is overloaded ({codes}).",
            streams=streams,
            codes=codes,
        )
    if finding_id == "rate.limited":
        return say(
            "A limit of the account was told inside {streams} ({codes}).",
            streams=streams,
            codes=codes,
        )
    return say(
        "The service reported an error inside {streams} ({codes}).", streams=streams, codes=codes
    )


def _reported(finding_id: str, rows: list[Record]) -> Finding:
    names = ranked(row.get("host") or "ws.chatgpt.com" for row in rows)
    codes = some(sorted({row["error"] for row in rows if row.get("error")}), 2)
    flows = {(row["source"], row["flow"]) for row in rows}
    streams = plural("{n} streamed answer", "{n} streamed answers", len(flows))
    return finding(
        finding_id,
        _summary(finding_id, streams, codes),
        confidence=earned(0.85, (bool(codes), 0.4), (len(flows) > 1, 0.3)),
        subjects=names,
        count=len(flows),
        times=[row.get("last_chunk") or row.get("started") or row.get("time") for row in rows],
        evidence=flow_evidence(rows, say("an error inside the stream")),
        in_short=codes or say("inside the answer"),
    )
