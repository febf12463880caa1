"""Tables of what was seen: a limited number of rows, the failing ones first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from analysis.model.frames import Tables
from analysis.model.message import say
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
        say("Name lookups (DNS)"),
        "time",
        _columns(
            (say("Name"), words("qname"), "long"),
            (say("Type"), words("qtype")),
            (say("Result"), rcode),
            (say("Answers"), words("answers"), "long"),
            (say("Answered by"), words("src")),
            (say("Took"), delay("latency_ms"), "figures"),
            (say("Frame"), words("frame"), "figures"),
        ),
    ),
    (
        "connections",
        say("Connections"),
        "started",
        _columns(
            (say("Name"), words("host"), "long"),
            (say("Address"), words("address")),
            (say("TCP"), delay("tcp_ms"), "figures"),
            (say("TLS"), delay("tls_ms"), "figures"),
            (say("Protocol"), words("tls_version", "alpn")),
            (say("Certificate issued by"), words("issuer"), "long"),
            (say("Error"), words("error_stage", "error", "client_error", between=": "), "long"),
        ),
    ),
    (
        "tcp",
        say("TCP connections in the packets"),
        "first_time",
        _columns(
            (say("Stream"), words("stream"), "figures"),
            (say("Client"), words("client", "client_port", between=":")),
            (say("Server"), words("server", "server_port", between=":")),
            (say("Round trip"), delay("syn_rtt_ms"), "figures"),
            (say("Retransmitted"), words("retransmissions"), "figures"),
            (say("Reset by"), words("reset_by")),
            (say("Reset frame"), words("reset_frame"), "figures"),
            (say("Size"), size("bytes"), "figures"),
        ),
    ),
    (
        "tls",
        say("TLS handshakes"),
        "time",
        _columns(
            (say("Name (SNI)"), words("sni"), "long"),
            (say("Server"), words("server", "server_port", between=":")),
            (say("Version"), words("version")),
            (say("Answered after"), delay("server_hello_ms"), "figures"),
            (say("Alert"), words("alert", "alert_by", between=" / ")),
            (say("Frame"), words("frame"), "figures"),
            (say("Error"), words("error"), "long"),
        ),
    ),
    (
        "http",
        say("Requests"),
        "started",
        _columns(
            (say("Method"), words("method")),
            (say("Address"), address("host", "path"), "long"),
            (say("Status"), words("status"), "figures"),
            (say("First octet"), delay("ttfb_ms"), "figures"),
            (say("Total"), delay("total_ms"), "figures"),
            (say("Size"), size("response_bytes"), "figures"),
            (say("Error"), words("error", "error_code"), "long"),
        ),
    ),
    (
        "ws",
        say("Websockets"),
        "requested",
        _columns(
            (say("Address"), address("host", "path"), "long"),
            (say("Upgrade"), words("status"), "figures"),
            (say("Close code"), words("close_code"), "figures"),
            (say("Ended by"), words("closed_by")),
            (say("Frames up / down"), frames, "figures"),
            (say("Silence before end"), seconds("idle_before_end_s"), "figures"),
            (say("Error"), words("error"), "long"),
        ),
    ),
    (
        "sse",
        say("Streamed answers"),
        "started",
        _columns(
            (say("Address"), address("host", "path"), "long"),
            (say("Chunks"), words("chunks"), "figures"),
            (say("First chunk"), delay("ttft_ms"), "figures"),
            (say("Gap, 95%"), delay("gap_p95_ms"), "figures"),
            (say("Longest gap"), delay("gap_max_ms"), "figures"),
            (say("End"), words("end")),
            (say("Error"), words("error"), "long"),
        ),
    ),
    (
        "resources",
        say("Scripts and styles the page names"),
        None,
        _columns(
            (say("Address"), words("url"), "long"),
            (say("Kind"), words("kind")),
            (say("Needed"), words("needed")),
            (say("Outcome"), words("outcome")),
            (say("Status"), words("status"), "figures"),
            (say("Error"), words("error"), "long"),
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
            shown_columns = (SeenColumn(say("Time"), offset(time, begin), "figures"), *columns)
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
