"""Tables of what was seen: a limited number of rows, the failing ones first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
from analysis.report.proof import Proof, ended_in_error, lookups

type Kind = Literal["short", "long", "figures"]

_MARKS = ("", "error", "proof", "error-proof")
_FAILING_ROWS = 25
_OTHER_ROWS = 40


@dataclass(frozen=True, slots=True)
class SeenColumn:
    """One column: heading, the text of a cell, and how it is set."""

    heading: str
    text: CellText
    kind: Kind = "short"


@dataclass(frozen=True, slots=True)
class SeenRow:
    """Cells, and why the row is marked: ``error-proof``, ``proof``, ``error``, or nothing."""

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


def _columns(*columns: tuple[str, CellText] | tuple[str, CellText, Kind]) -> tuple[SeenColumn, ...]:
    return tuple(SeenColumn(*column) for column in columns)


_TITLES: tuple[tuple[str, str, str | None, tuple[SeenColumn, ...]], ...] = (
    (
        "dns",
        "Name lookups (DNS)",
        "time",
        _columns(
            ("Name", words("qname"), "long"),
            ("Type", words("qtype")),
            ("Result", rcode),
            ("Answers", words("answers"), "long"),
            ("Answered by", words("src")),
            ("Took", delay("latency_ms"), "figures"),
            ("Frame", words("frame"), "figures"),
        ),
    ),
    (
        "connections",
        "Connections",
        "started",
        _columns(
            ("Name", words("host"), "long"),
            ("Address", words("address")),
            ("TCP", delay("tcp_ms"), "figures"),
            ("TLS", delay("tls_ms"), "figures"),
            ("Protocol", words("tls_version", "alpn")),
            ("Certificate issued by", words("issuer"), "long"),
            ("Error", words("error_stage", "error", "client_error", between=": "), "long"),
        ),
    ),
    (
        "tcp",
        "TCP connections in the packets",
        "first_time",
        _columns(
            ("Stream", words("stream"), "figures"),
            ("Client", words("client", "client_port", between=":")),
            ("Server", words("server", "server_port", between=":")),
            ("Round trip", delay("syn_rtt_ms"), "figures"),
            ("Retransmitted", words("retransmissions"), "figures"),
            ("Reset by", words("reset_by")),
            ("Reset frame", words("reset_frame"), "figures"),
            ("Size", size("bytes"), "figures"),
        ),
    ),
    (
        "tls",
        "TLS handshakes",
        "time",
        _columns(
            ("Name (SNI)", words("sni"), "long"),
            ("Server", words("server", "server_port", between=":")),
            ("Version", words("version")),
            ("Answered after", delay("server_hello_ms"), "figures"),
            ("Alert", words("alert", "alert_by", between=" by ")),
            ("Frame", words("frame"), "figures"),
            ("Error", words("error"), "long"),
        ),
    ),
    (
        "http",
        "Requests",
        "started",
        _columns(
            ("Method", words("method")),
            ("Address", address("host", "path"), "long"),
            ("Status", words("status"), "figures"),
            ("First octet", delay("ttfb_ms"), "figures"),
            ("Total", delay("total_ms"), "figures"),
            ("Size", size("response_bytes"), "figures"),
            ("Error", words("error", "error_code"), "long"),
        ),
    ),
    (
        "ws",
        "Websockets",
        "requested",
        _columns(
            ("Address", address("host", "path"), "long"),
            ("Upgrade", words("status"), "figures"),
            ("Close code", words("close_code"), "figures"),
            ("Ended by", words("closed_by")),
            ("Frames up / down", frames, "figures"),
            ("Silence before end", seconds("idle_before_end_s"), "figures"),
            ("Error", words("error"), "long"),
        ),
    ),
    (
        "sse",
        "Streamed answers",
        "started",
        _columns(
            ("Address", address("host", "path"), "long"),
            ("Chunks", words("chunks"), "figures"),
            ("First chunk", delay("ttft_ms"), "figures"),
            ("Gap, 95%", delay("gap_p95_ms"), "figures"),
            ("Longest gap", delay("gap_max_ms"), "figures"),
            ("End", words("end")),
            ("Error", words("error"), "long"),
        ),
    ),
    (
        "resources",
        "Scripts and styles the page names",
        None,
        _columns(
            ("Address", words("url"), "long"),
            ("Kind", words("kind")),
            ("Needed", words("needed")),
            ("Outcome", words("outcome")),
            ("Status", words("status"), "figures"),
            ("Error", words("error"), "long"),
        ),
    ),
)


def seen_tables(tables: Tables, proof: Proof, begin: float | None) -> tuple[SeenTable, ...]:
    """Every table that has rows; `begin` is the session's start in s since 1970."""
    shown = []
    for name, title, time, columns in _TITLES:
        frame = lookups(tables[name]) if name == "dns" else tables[name]
        if frame.empty:
            continue
        shown_columns = columns
        if time is not None:
            frame = frame.sort_values(time, kind="stable", na_position="last")
            shown_columns = (SeenColumn("Time", offset(time, begin), "figures"), *columns)
        named, failed = proof.rows(name, frame), ended_in_error(name, frame)
        marks = 2 * named.astype(int) + failed.astype(int)
        bad = frame[marks > 0]
        bad = bad.loc[marks[bad.index].sort_values(ascending=False, kind="stable").index]
        good = frame[~(named | failed)]
        shown.append(
            SeenTable(
                name,
                title,
                shown_columns,
                _rows(bad.head(_FAILING_ROWS), shown_columns, marks),
                _rows(good.head(_OTHER_ROWS), shown_columns, marks),
                len(frame),
                len(bad),
            )
        )
    return tuple(shown)


def _rows(
    frame: pd.DataFrame, columns: tuple[SeenColumn, ...], marks: pd.Series[int]
) -> tuple[SeenRow, ...]:
    return tuple(
        SeenRow(tuple(column.text(record) for column in columns), _MARKS[marks[index]])
        for index, record in zip(frame.index, frame.to_dict("records"), strict=True)
    )
