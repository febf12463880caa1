"""Table schemas as pandas frames with Arrow types.

Kept apart from `analysis.model.tables` because importing pandas costs a
quarter of a second that the recorder and ``--help`` need not pay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

import pandas as pd
import pyarrow as pa

from analysis.model.diagnosis import Source
from analysis.model.tables import SCHEMAS, ColumnType, TableSchema

# tables are made once and kept: Arrow's own allocators hold on to much that was used in between
pa.set_memory_pool(pa.system_memory_pool())

type Row = Mapping[str, object]

_ARROW: dict[ColumnType, pa.DataType] = {
    "int": pa.int64(),
    "float": pa.float64(),
    "str": pa.string(),
    "bool": pa.bool_(),
    "list[str]": pa.list_(pa.string()),
    "list[int]": pa.list_(pa.int64()),
}


def arrow_schema(schema: TableSchema) -> pa.Schema:
    """The table's schema in Arrow's terms."""
    return pa.schema([(column.name, _ARROW[column.type]) for column in schema.columns])


def frame_of_columns(name: str, columns: Mapping[str, object]) -> pd.DataFrame:
    """A frame of table `name` from whole columns (lists or NumPy arrays).

    Columns that are not given are filled with missing values. Raises KeyError
    for an unknown table or column.
    """
    schema = SCHEMAS[name]
    unknown = set(columns) - set(schema.column_names)
    if unknown:
        raise KeyError(f"table {name} has no column {', '.join(sorted(unknown))}")
    length = max((len(values) for values in columns.values()), default=0)  # type: ignore[arg-type]
    arrays = []
    for column in schema.columns:
        values = columns.get(column.name)
        arrow = _ARROW[column.type]
        arrays.append(
            pa.nulls(length, arrow) if values is None else pa.array(values, arrow, from_pandas=True)
        )
    table = pa.Table.from_arrays(arrays, names=list(schema.column_names))
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def frame_of_rows(name: str, rows: Iterable[Row]) -> pd.DataFrame:
    """A frame of table `name` from mappings of column name to value."""
    rows = list(rows)
    names = SCHEMAS[name].column_names
    unknown = {key for row in rows for key in row} - set(names)
    if unknown:
        raise KeyError(f"table {name} has no column {', '.join(sorted(unknown))}")
    return frame_of_columns(name, {key: [row.get(key) for row in rows] for key in names})


def empty_frame(name: str) -> pd.DataFrame:
    """Table `name` without rows."""
    # most tables of most captures are empty, and making one anew takes milliseconds
    return _empty(name).copy(deep=False)


@cache
def _empty(name: str) -> pd.DataFrame:
    return frame_of_columns(name, {})


@dataclass(frozen=True, slots=True)
class CaptureFacts:
    """What a bundle says of its own capture; all missing for a bare file.

    `listen` is chatpath's own proxy (``host:port``): traffic to it is the
    capture's own leg and is never judged. `packets_reason` says why no packets
    were sampled. `end_state` is ``complete`` or ``abrupt``. `whole` are the
    networks with which every segment was sampled.
    """

    source: str
    started: float | None = None
    ended: float | None = None
    end_state: str | None = None
    mode: str | None = None
    listen: str | None = None
    packets_sampled: int | None = None
    packets_dropped: int | None = None
    packets_reason: str | None = None
    whole: tuple[str, ...] = ()
    ca_sha256: str | None = None
    scene: str | None = None


@dataclass(frozen=True, slots=True)
class Tables:
    """All tables of one session, its sources, and what the captures say of themselves.

    `frames` maps a table's name to its frame; a table that no source fed is
    there too, without rows.
    """

    frames: Mapping[str, pd.DataFrame]
    sources: tuple[Source, ...] = ()
    captures: tuple[CaptureFacts, ...] = field(default=())

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.frames[name]

    @staticmethod
    def of(
        frames: Mapping[str, pd.DataFrame] | None = None,
        sources: Iterable[Source] = (),
        captures: Iterable[CaptureFacts] = (),
    ) -> Tables:
        """Tables from the frames that are there; the others are empty."""
        given = dict(frames or {})
        whole = {name: given.pop(name) if name in given else empty_frame(name) for name in SCHEMAS}
        if given:
            raise KeyError(f"no such table: {', '.join(sorted(given))}")
        return Tables(whole, tuple(sources), tuple(captures))


def concat(parts: Iterable[Tables]) -> Tables:
    """Several captures read as one session."""
    parts = list(parts)
    frames = {}
    for name in SCHEMAS:
        full = [part[name] for part in parts if len(part[name])] or [empty_frame(name)]
        frames[name] = pd.concat(full, ignore_index=True) if len(full) > 1 else full[0]
    return Tables(
        frames,
        tuple(source for part in parts for source in part.sources),
        tuple(facts for part in parts for facts in part.captures),
    )
