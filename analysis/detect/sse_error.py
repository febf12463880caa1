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
    found = records(where(down, "kind", lambda kind: "error" in _words(kind)))
    return [{**row, "error": _code(row["kind"])} for row in found]


def _words(kind: str) -> list[str]:
    return kind.replace("+", "/").split("/")


def _code(kind: str) -> str | None:
    """The word behind ``error``: the service's own code, where it gave one."""
    words = _words(kind)
    return next(iter(words[words.index("error") + 1 :]), None)


def _answer(row: Record) -> Answer:
    codes = frozenset({(row["error"] or "").lower()})
    return Answer(None, row.get("host") or "", row.get("path") or "/", codes)


def _time_over(row: Record) -> bool:
    """The announced end of a socket's time: the client opens another.

    Where it does not, the socket's own close tells it.
    """
    return meaning(_answer(row), "by frame") is not None


def find_sse_server_error(tables: Tables) -> Iterator[Finding]:
    streams = where(tables["sse"], "host", hosts().essential)
    api = where(tables["sse"], "host", lambda host: host.endswith("api.openai.com"))
    ended = {(row["source"], row["flow"]): row for row in (*records(streams), *records(api))}
    groups: dict[str, list[Record]] = {}
    frames = [row for row in _frames(tables) if not _time_over(row)]
    for row in (*ended.values(), *frames):
        if row.get("end", "error") == "error":
            rule = meaning(_answer(row), "stream")
            groups.setdefault(rule.finding if rule else "sse.server_error", []).append(row)
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
