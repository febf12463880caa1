"""file.upload_host_blocked and file.download_cut: the bytes of a file do not get through.

Upload: the files API gave an address, and the PUT to the storage host failed or
was answered by something that is not the storage, or the client reported that
it failed.  Download: a file came with fewer octets than its Content-Length.  A
cancelled transfer and one that a retry completed are neither.  Source: traffic
notes 7; detection notes 13.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pandas as pd

from analysis.detect.error_answers import Key, Told, about, key_of, service_exchanges, storage
from analysis.detect.reach import cancelled
from analysis.detect.sockets import ended_by_capture
from analysis.detect.support import (
    Record,
    connection_note,
    earned,
    effect,
    finding,
    flow_evidence,
    noted,
    ranked,
    records,
    where,
)
from analysis.knowledge import threshold
from analysis.model.connect_error import NO_REASON
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables
from analysis.model.message import plural, say, some

_REPORTED = "/upload-failed"
_PARTIAL = 206
_RECEIVED = re.compile(r"received (\d{1,15}) bytes")
"""The words of h11, as mitmproxy quotes them."""
_DOWNLOADS = ("/backend-api/estuary/content", "/interpreter/download", "/v1/files/")


def _failed_puts(tables: Tables) -> list[Record]:
    """PUTs to the storage that got no answer, and none later.

    A browser asks the storage for leave (OPTIONS) before it puts: where that
    question dies on the way, no PUT is ever sent, and the question stands for it.  Firefox
    does not say whether a request failed or was given up: then the page's report says it.
    """
    http = service_exchanges(tables)
    reported = len(_reports(http)) >= threshold("upload_reports")
    asked = records(where(http[http["method"].isin(["PUT", "OPTIONS"])], "host", storage))
    puts = [row for row in asked if row["method"] == "PUT"]
    sent = {row["host"] for row in puts}
    well = {row["host"] for row in puts if 200 <= (row["status"] or 0) < 300}
    return [
        row
        for row in puts + [row for row in asked if row["host"] not in sent]
        if row["status"] is None
        and row["error"]
        and (not cancelled(row["error"]) or (reported and row["error"] == NO_REASON))
        and row["host"] not in well
        and not ended_by_capture(tables, row["ended"])
    ]


def _reports(http: pd.DataFrame) -> list[Record]:
    """What the page says itself of uploads that failed."""
    return records(where(http, "path", lambda path: path.partition("?")[0].endswith(_REPORTED)))


def _lost_connections(tables: Tables) -> list[Record]:
    lost = where(tables["connections"], "host", storage)
    return records(lost[lost["error_stage"].notna()]) if len(lost) else []


def find_file_upload_host_blocked(tables: Tables) -> Iterator[Finding]:
    http = service_exchanges(tables)
    if http.empty:
        return
    said = [item for item in about(tables, "file.upload_host_blocked") if not item.healed]
    puts = _failed_puts(tables)
    reports = _reports(http)
    lost = _lost_connections(tables) if puts or reports or said else []
    if not puts and not said and not (reports and lost):
        return
    rows = puts + [item.row for item in said] + reports
    away = [row["host"] for row in (*puts, *lost, *(i.row for i in said)) if storage(row["host"])]
    names = ranked(away) or ranked(row["host"] for row in rows)
    errors = tuple(dict.fromkeys(row["error"] for row in (*puts, *lost) if row["error"]))
    why = some(errors, 2) or _words(said)
    yield finding(
        "file.upload_host_blocked",
        plural(
            "{n} upload to {hosts} failed although the service had given an address for it: {why}.",
            "{n} uploads to {hosts} failed although the service had given an address for it: "
            "{why}.",
            len(puts) or len(said) or len(reports),
            hosts=some(names),
            why=why,
        ),
        confidence=earned(
            0.6, (bool(puts), 0.5), (bool(reports), 0.4), (bool(lost), 0.4), (bool(said), 0.3)
        ),
        subjects=names,
        severity=effect(names[0]) if storage(names[0]) else None,
        count=len(puts) or len(said) or len(reports),
        times=[row["started"] for row in rows],
        evidence=flow_evidence(rows, say("the upload that failed"))
        + tuple(noted(row["source"] or "", connection_note(row, row["error"])) for row in lost[:5]),
        in_short=why,
    )


def _words(said: list[Told]) -> str:
    return some(tuple(dict.fromkeys(item.rule.says for item in said)), 2)


def _short(row: Record) -> bool:
    """Fewer octets than announced, or an error where a recorder keeps no part of a body."""
    length, came = row["content_length"], row["response_bytes"]
    if length is None or not row["error"]:
        return False
    return came is None or bool(came < length)


def _got(row: Record) -> int:
    """Octets that came, as the recorder counts them or says in its error."""
    told = _RECEIVED.search(row["error"] or "")
    return int(told[1]) if told else row["response_bytes"] or 0


def _same_file(cut: Record, whole: Record) -> bool:
    """A complete download may be the retry of this one: ids are masked, lengths are not.

    The rest of a file (206) has a length of its own.
    """
    lengths = (cut["content_length"], whole["content_length"])
    return whole["status"] == _PARTIAL or None in lengths or lengths[0] == lengths[1]


def find_file_download_cut(tables: Tables) -> Iterator[Finding]:
    http = service_exchanges(tables)
    if http.empty:
        return
    began = http["status"].isin([200, 206]).fillna(False) & (http["method"] == "GET").fillna(False)
    stored = http["host"].isin(set(where(http, "host", storage)["host"])).fillna(False)
    asked = http["path"].fillna("").str.contains("|".join(_DOWNLOADS), regex=True)
    files = records(http[began & (stored | asked)])
    whole: dict[Key, list[Record]] = {}
    for row in files:
        if not row["error"]:
            whole.setdefault(key_of(row), []).append(row)
    cut = [
        row
        for row in files
        if (_short(row) or "CONTENT_LENGTH_MISMATCH" in (row["error"] or "").upper())
        and not cancelled(row["error"])
        and not any(_same_file(row, other) for other in whole.get(key_of(row), ()))
        and not ended_by_capture(tables, row["ended"])
    ]
    if not cut:
        return
    names = ranked(row["host"] for row in cut)
    first = cut[0]
    size = say(
        "{got} of {whole} octets",
        got=_got(first),
        whole=first["content_length"] or 0,
    )
    yield finding(
        "file.download_cut",
        plural(
            "{n} download from {hosts} ended early ({size}): {errors}.",
            "{n} downloads from {hosts} ended early ({size}): {errors}.",
            len(cut),
            hosts=some(names),
            size=size,
            errors=some(tuple(dict.fromkeys(row["error"] or "" for row in cut)), 2),
        ),
        confidence=earned(0.85, (len(cut) > 1, 0.4)),
        subjects=names,
        count=len(cut),
        times=[row["ended"] or row["started"] for row in cut],
        evidence=flow_evidence(cut, say("the download that ended early")),
        in_short=size,
    )
