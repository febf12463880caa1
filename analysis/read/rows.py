"""Rows gathered into a frame piece by piece, so that a long table is never a list of dicts."""

from __future__ import annotations

import pandas as pd

from analysis.model.frames import Row, empty_frame, frame_of_rows

BATCH = 2000


class RowFrames:
    """The rows of one table; those added earlier are Arrow columns already."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._rows: list[Row] = []
        self._frames: list[pd.DataFrame] = []

    def add(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) >= BATCH:
            self._pack()

    def _pack(self) -> None:
        self._frames.append(frame_of_rows(self._table, self._rows))
        self._rows.clear()

    def frame(self) -> pd.DataFrame:
        """All rows so far, as the table's frame."""
        if self._rows:
            self._pack()
        if not self._frames:
            return empty_frame(self._table)
        whole = pd.concat(self._frames, ignore_index=True) if self._frames[1:] else self._frames[0]
        self._frames = [whole]
        return whole
