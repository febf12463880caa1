"""file.link_expired, file.too_large, file.interpreter_unavailable: files and their links.

A signed link's end is in its own parameters; refused before that end, the clock
of the machine or something on the way is the likelier cause, and it says so.
Limits are of the declared size against the service's own.  Source: traffic
notes 7; detection notes 13; errors.tsv.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis.detect.error_answers import (
    Key,
    Told,
    about,
    claim,
    key_of,
    says,
    service_exchanges,
    statuses,
)
from analysis.detect.support import Record, earned, finding, flow_evidence, ranked, records
from analysis.knowledge import threshold
from analysis.model.diagnosis import Finding
from analysis.model.figures import Number
from analysis.model.frames import Tables
from analysis.model.message import joined, plural, say, some

_REFUSED = (400, 413, 422)
_UPLOAD = "/backend-api/files"


def _early(item: Told) -> bool:
    """Refused although its own parameters say that the link was still good."""
    end = item.row["signed_until"]
    now = item.row["date"] or item.row["started"]
    return end is not None and now is not None and now < end


def _late(item: Told) -> bool:
    end = item.row["signed_until"]
    now = item.row["date"] or item.row["started"]
    return end is not None and now is not None and now >= end


def find_file_link_expired(tables: Tables) -> Iterator[Finding]:
    refused = _not_renewed(tables, about(tables, "file.link_expired"))
    if not refused:
        return
    late = [item for item in refused if _late(item)]
    early = [item for item in refused if _early(item)]
    proof: str = ""
    if late:
        over = max((item.row["date"] or item.row["started"]) - _end(item) for item in late)
        proof = plural(
            "The link's own end was {n} minute before.",
            "The link's own end was {n} minutes before.",
            round(over / 60),
        )
    elif early:
        proof = say("The link says that it is still good: check the clock and what is on the way.")
    yield claim(
        "file.link_expired",
        refused,
        joined(
            [
                plural(
                    "{n} request for a file got status {statuses}: {meaning}.",
                    "{n} requests for a file got status {statuses}: {meaning}.",
                    len(refused),
                    statuses=some(statuses(refused)),
                    meaning=says(refused),
                ),
                proof,
            ]
        ),
        confidence=earned(0.7, (bool(late), 0.8), (bool(refused[0].row["error_code"]), 0.3)),
        in_short=says(refused),
        note=say("the file was refused"),
        measurements={"before_its_end": len(early), "after_its_end": len(late)},
    )


def _not_renewed(tables: Tables, refused: list[Told]) -> list[Told]:
    """Refusals of links in whose place no fresh one worked later.

    Ids are masked, so that links to different files look like one request.  What a link says
    of its own end tells some apart, and a fresh one stands for one file: it heals one link.
    """
    fine: dict[Key, list[float]] = {}
    http = service_exchanges(tables)
    if refused and len(http):
        good = http[http["status"].between(200, 399).fillna(False) & http["started"].notna()]
        for row in records(good[["method", "host", "path", "started"]]):
            fine.setdefault(key_of(row), []).append(row["started"])
    links: dict[tuple[Key, str], list[Told]] = {}
    for item in refused:
        links.setdefault((item.key, item.row["path"] or ""), []).append(item)
    left = []
    for (key, _), items in links.items():
        since = max(item.row["started"] or 0.0 for item in items)
        fresh = [time for time in fine.get(key, ()) if time > since]
        files = _at_once(items)
        if len(fresh) < files:
            left += items
        for time in fresh[:files]:
            fine[key].remove(time)
    return left


def _at_once(items: list[Told]) -> int:
    """How many files these are at least: a second try waits for the answer to the first."""
    edges = [(item.row["started"] or 0.0, 1) for item in items]
    edges += [(item.row["ended"] or edge[0], -1) for item, edge in zip(items, edges, strict=True)]
    running = most = 0
    # what ends as another begins is not beside it
    for _, step in sorted(edges):
        running += step
        most = max(most, running)
    return max(most, 1)


def _end(item: Told) -> float:
    return float(item.row["signed_until"] or 0.0)


def _over(tables: Tables) -> list[Record]:
    """Uploads over the limit by their declared size, or refused without a word and over an image's.

    The kind of file is not in the tables, so that an image's limit alone says nothing.
    """
    http = service_exchanges(tables)
    if http.empty:
        return []
    over = (http["file_bytes"] > threshold("file_bytes")).fillna(False)
    mute = http["error_code"].isna() & http["status"].isin(_REFUSED)
    over |= ((http["file_bytes"] > threshold("image_bytes")) & mute).fillna(False)
    large = http[over]
    return [
        row
        for row in records(large)
        if (row["path"] or "").startswith(_UPLOAD) and row["method"] == "POST"
    ]


def find_file_too_large(tables: Tables) -> Iterator[Finding]:
    said = [item for item in about(tables, "file.too_large") if not item.healed]
    rows = {(row["source"], row["flow"]): row for row in _over(tables)}
    rows |= {(item.row["source"], item.row["flow"]): item.row for item in said}
    found = list(rows.values())
    if not found:
        return
    size = max(row["file_bytes"] or 0 for row in found)
    why = says(said) if said else say("the declared size is over the upload limit")
    megabytes = say("{size} MB", size=Number(size / 1e6)) if size else ""
    yield finding(
        "file.too_large",
        plural(
            "{n} upload over the service's limit: {why} ({size}).",
            "{n} uploads over the service's limit: {why} ({size}).",
            len(found),
            why=why,
            size=megabytes,
        ),
        confidence=earned(0.8, (bool(said), 0.6), (size > threshold("file_bytes"), 0.5)),
        subjects=ranked(row["host"] for row in found),
        count=len(found),
        times=[row["started"] for row in found],
        evidence=flow_evidence(found, say("the upload")),
        in_short=megabytes,
        measurements={"file_bytes": size},
    )


def find_file_interpreter_unavailable(tables: Tables) -> Iterator[Finding]:
    items = about(tables, "file.interpreter_unavailable")
    if items:
        yield claim(
            "file.interpreter_unavailable",
            items,
            plural(
                "A file was asked for {n} time, but {meaning}.",
                "A file was asked for {n} times, but {meaning}.",
                len(items),
                meaning=says(items),
            ),
            confidence=0.95,
            in_short=says(items),
        )
