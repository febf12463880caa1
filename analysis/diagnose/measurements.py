"""The figures of a session: delay budget, exit, OpenAI's list, resolvers, sockets, streams.

Only counts and quantiles: sizes and times of single records of an answer would
tell what was said.
"""

from __future__ import annotations

from statistics import median

from analysis.detect.pings import PING, PONG, unanswered_pings
from analysis.detect.requirements import requirements
from analysis.detect.sockets import sockets
from analysis.detect.support import percentile, records, where
from analysis.diagnose.delay_legs import delay_legs, exit_facts
from analysis.diagnose.surroundings import captures, machine, markers
from analysis.knowledge import hosts
from analysis.model.frames import Tables
from analysis.model.message import say

MAX_RESOLVERS = 20
MAX_HOSTS = 10


def measurements(tables: Tables) -> dict[str, object]:
    """Figures by area; an area without rows is left out."""
    found = {
        "delay_budget": delay_legs(tables),
        "exit": exit_facts(tables),
        "machine": machine(tables),
        "captures": captures(tables),
        "markers": markers(tables),
        "requirements": _requirements(tables),
        "dns": _dns(tables),
        "websockets": _websockets(tables),
        "streams": _streams(tables),
    }
    return {name: value for name, value in found.items() if value}


def _requirements(tables: Tables) -> list[dict[str, object]]:
    """OpenAI's published list, entry by entry; ``*.name`` does not cover ``name`` itself."""
    return [
        {
            "entry": item.rule.pattern,
            "port": item.rule.port,
            "purpose": item.rule.purpose,
            "essential": item.rule.essential,
            "on_list": not item.apex,
            "status": item.status,
            "blocked": list(item.blocked[:MAX_HOSTS]),
            "seen": len(item.seen),
        }
        for item in requirements(tables)
    ]


def _dns(tables: Tables) -> list[dict[str, object]]:
    frame = tables["dns"]
    if frame.empty:
        return []
    answered = frame[frame["response"].fillna(False) & (frame["protocol"].fillna("dns") == "dns")]
    out: list[dict[str, object]] = []
    names = answered["src"].fillna("")
    for resolver, group in answered.groupby(names, sort=True):
        times = [float(value) for value in group["latency_ms"].dropna()]
        failed = int((group["rcode"].fillna(0) != 0).sum())
        entry: dict[str, object] = {
            "resolver": resolver or say("the system resolver"),
            "answers": len(group),
            "failed": failed,
        }
        if times:
            entry["median_ms"] = round(median(times), 1)
            entry["p95_ms"] = round(percentile(times, 0.95), 1)
            entry["n"] = len(times)
        out.append(entry)
    return out[:MAX_RESOLVERS]


def _websockets(tables: Tables) -> dict[str, object]:
    rows = sockets(tables)
    if not rows:
        return {}
    codes: dict[str, int] = {}
    for row in rows:
        if row["close_code"] is not None:
            codes[str(row["close_code"])] = codes.get(str(row["close_code"]), 0) + 1
    return {
        "opened": sum(1 for row in rows if row["opened"] is not None),
        "not_opened": sum(1 for row in rows if row["opened"] is None),
        "close_codes": codes,
        "client_frames": sum(row["client_frames"] or 0 for row in rows),
        "server_frames": sum(row["server_frames"] or 0 for row in rows),
        "longest_gap_s": max((row["longest_gap_s"] or 0.0 for row in rows), default=0.0),
        "pings_unanswered": _unanswered(tables, {row["flow"] for row in rows if row["flow"]}),
        "turns_subscribed": sum(row["subscribed"] or 0 for row in rows),
        "turns_completed": sum(row["completed"] or 0 for row in rows),
    }


def _unanswered(tables: Tables, flows: set[str]) -> int:
    frames = tables["ws_frames"]
    control = frames[frames["opcode"].isin([PING, PONG]) & frames["flow"].isin(flows)]
    return sum(len(unanswered_pings(own)) for _, own in control.groupby("flow", sort=False))


def _streams(tables: Tables) -> dict[str, object]:
    rows = records(where(tables["sse"], "host", hosts().is_chatgpt))
    if not rows:
        return {}
    first = [row["ttft_ms"] for row in rows if row["ttft_ms"] is not None]
    ends: dict[str, int] = {}
    for row in rows:
        ends[row["end"] or "open"] = ends.get(row["end"] or "open", 0) + 1
    out: dict[str, object] = {"streams": len(rows), "ends": ends}
    if first:
        # coarse on purpose: exact times of an answer tell what was said
        out["first_octet_median_ms"] = round(median(first), -1)
    gaps = [row["gap_max_ms"] for row in rows if row["gap_max_ms"] is not None]
    if gaps:
        out["gap_max_ms"] = round(max(gaps), -1)
    return out
