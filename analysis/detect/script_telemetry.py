"""script.telemetry_blocked: only telemetry or marketing is blocked, which is harmless.

Said so that nobody hunts it: these blocks show in every console.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.dns_answers import telemetry_answers
from analysis.detect.dns_sinkhole import dns_evidence
from analysis.detect.reach import cancelled
from analysis.detect.support import Record, finding, flow_evidence, records, where
from analysis.knowledge import hosts
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import say, some


def find_script_telemetry_blocked(tables: Tables) -> Iterator[Finding]:
    denied = [
        answer for answer in telemetry_answers(tables) if answer.failed or answer.filter_codes
    ]
    http = where(tables["http"], "host", hosts().is_chatgpt)
    failed = []
    if len(http):
        bad = http[http["error"].notna() | http["status"].isin([403, 451, 502]).fillna(False)]
        failed = [
            row
            for row in records(bad)
            if hosts().harmless(row["host"], row["path"]) and not cancelled(row["error"])
        ]
    lost = records(tables["connections"][tables["connections"]["error"].notna()])
    lost = [row for row in lost if hosts().harmless(row["host"] or "")]
    # on a host that ChatGPT needs, only these paths are meant
    paths = {_place(row) for row in failed}
    names = tuple(
        sorted({answer.host for answer in denied} | paths | {row["host"] for row in lost})
    )
    if not names:
        return
    yield finding(
        "script.telemetry_blocked",
        say(
            "Telemetry or marketing is blocked ({hosts}); the user notices nothing of it.",
            hosts=some(names),
        ),
        confidence=0.9,
        subjects=names,
        count=len(denied) + len(failed) + len(lost),
        times=[answer.row["time"] for answer in denied] + [row["started"] for row in failed],
        evidence=dns_evidence(denied, say("block answers for telemetry"))
        + flow_evidence(failed, say("telemetry that did not get through")),
    )


def _place(row: Record) -> str:
    host = str(row["host"])
    if hosts().harmless(host):
        return host
    return host + (row["path"] or "").partition("?")[0]
