"""Tables of what was seen: a limited number of rows, the failing ones first."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.model.frames import Tables
from analysis.report.cells import (
    CellText,
    address,
    delay,
    frames,
    offset,
    rcode,
    seconds,
    size,
    words,
)
from analysis.report.proof import Proof, ended_in_error, unanswered

_FAILING_ROWS = 25
_OTHER_ROWS = 40


@dataclass(frozen=True, slots=True)
class SeenColumn:
    """One column: heading, the text of a cell, and whether it holds figures."""

    heading: str
    text: CellText
    figures: bool = False


@dataclass(frozen=True, slots=True)
class SeenRow:
    """Cells, and why the row is marked: ``proof``, ``error``, or nothing."""

    cells: tuple[str, ...]
    mark: str


@dataclass(frozen=True, slots=True)
class SeenTable:
    """One table ready to show. `total` and `failing` count the rows of the capture."""

    name: str
    title: str
    columns: tuple[SeenColumn, ...]
    failing_rows: tuple[SeenRow, ...]
    other_rows: tuple[SeenRow, ...]
    total: int
    failing: int

    @property
    def left_out(self) -> int:
        return self.total - len(self.failing_rows) - len(self.other_rows)


def _columns(*columns: tuple[str, CellText] | tuple[str, CellText, bool]) -> tuple[SeenColumn, ...]:
    return tuple(SeenColumn(*column) for column in columns)


_TITLES: tuple[tuple[str, str, str | None, tuple[SeenColumn, ...]], ...] = (
    (
        "dns",
        "Name lookups (DNS)",
        "time",
        _columns(
            ("Name", words("qname")),
            ("Type", words("qtype")),
            ("Result", rcode),
            ("Answers", words("answers")),
            ("Answered by", words("src")),
            ("Took", delay("latency_ms"), True),
            ("Frame", words("frame"), True),
        ),
    ),
    (
        "connections",
        "Connections",
        "started",
        _columns(
            ("Name", words("host")),
            ("Address", words("address")),
            ("TCP", delay("tcp_ms"), True),
            ("TLS", delay("tls_ms"), True),
            ("Protocol", words("tls_version", "alpn")),
            ("Certificate issued by", words("issuer")),
            ("Error", words("error_stage", "error", "client_error", between=": ")),
        ),
    ),
    (
        "http",
        "Requests",
        "started",
        _columns(
            ("Method", words("method")),
            ("Address", address("host", "path")),
            ("Status", words("status"), True),
            ("First octet", delay("ttfb_ms"), True),
            ("Total", delay("total_ms"), True),
            ("Size", size("response_bytes"), True),
            ("Error", words("error", "error_code")),
        ),
    ),
    (
        "ws",
        "Websockets",
        "requested",
        _columns(
            ("Address", address("host", "path")),
            ("Upgrade", words("status"), True),
            ("Close code", words("close_code"), True),
            ("Ended by", words("closed_by")),
            ("Frames up / down", frames, True),
            ("Silence before end", seconds("idle_before_end_s"), True),
            ("Error", words("error")),
        ),
    ),
    (
        "sse",
        "Streamed answers",
        "started",
        _columns(
            ("Address", address("host", "path")),
            ("Chunks", words("chunks"), True),
            ("First chunk", delay("ttft_ms"), True),
            ("Gap, 95%", delay("gap_p95_ms"), True),
            ("Longest gap", delay("gap_max_ms"), True),
            ("End", words("end")),
            ("Error", words("error")),
        ),
    ),
    (
        "resources",
        "Scripts and styles the page names",
        None,
        _columns(
            ("Address", words("url")),
            ("Kind", words("kind")),
            ("Needed", words("needed")),
            ("Outcome", words("outcome")),
            ("Status", words("status"), True),
            ("Error", words("error")),
        ),
    ),
)


def seen_tables(tables: Tables, proof: Proof, begin: float | None) -> tuple[SeenTable, ...]:
    """Every table that has rows; `begin` is the session's start in s since 1970."""
    shown = []
    for name, title, time, columns in _TITLES:
        frame = _shown_rows(name, tables)
        if frame.empty:
            continue
        shown_columns = columns
        if time is not None:
            frame = frame.sort_values(time, kind="stable", na_position="last")
            shown_columns = (SeenColumn("Time", offset(time, begin), True), *columns)
        named, failed = proof.rows(name, frame), ended_in_error(name, frame)
        bad = frame[named | failed]
        bad = pd.concat([bad[named[bad.index]], bad[~named[bad.index]]])
        good = frame[~(named | failed)]
        shown.append(
            SeenTable(
                name,
                title,
                shown_columns,
                _rows(bad.head(_FAILING_ROWS), shown_columns, named),
                _rows(good.head(_OTHER_ROWS), shown_columns, None),
                len(frame),
                len(bad),
            )
        )
    return tuple(shown)


def _shown_rows(name: str, tables: Tables) -> pd.DataFrame:
    """All rows, but of DNS only what says something: responses, and queries without one."""
    frame = tables[name]
    if name != "dns" or frame.empty:
        return frame
    responses = frame["response"].fillna(value=False).astype(bool)
    return frame[responses | unanswered(frame)]


def _rows(
    frame: pd.DataFrame, columns: tuple[SeenColumn, ...], named: pd.Series[bool] | None
) -> tuple[SeenRow, ...]:
    rows = []
    for index, record in zip(frame.index, frame.to_dict("records"), strict=True):
        mark = "" if named is None else "proof" if named[index] else "error"
        rows.append(SeenRow(tuple(column.text(record) for column in columns), mark))
    return tuple(rows)
