"""Frames keep to the declared schemas, also with nothing in them."""

from __future__ import annotations

import pytest

from analysis.model.diagnosis import Source, SourceKind
from analysis.model.frames import (
    CaptureFacts,
    Tables,
    arrow_schema,
    concat,
    empty_frame,
    frame_of_columns,
    frame_of_rows,
)
from analysis.model.tables import SCHEMAS


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_frame_has_the_declared_columns_and_types_with_and_without_rows(name: str) -> None:
    declared = list(SCHEMAS[name].column_names)
    types = [str(kind) for kind in arrow_schema(SCHEMAS[name]).types]
    for frame in (empty_frame(name), frame_of_rows(name, [{}, {}])):
        assert list(frame.columns) == declared
        assert [str(kind.pyarrow_dtype) for kind in frame.dtypes] == types


def test_missing_is_neither_zero_nor_empty() -> None:
    frame = frame_of_rows("http", [{"status": 200, "path": ""}, {"status": None}])
    assert frame["status"].isna().tolist() == [False, True]
    assert frame["path"].isna().tolist() == [False, True]
    assert frame["headers"].isna().all()


def test_lists_survive() -> None:
    frame = frame_of_rows("dns", [{"answers": ["a", "b"], "ede": [15]}, {"answers": []}])
    assert [list(value) for value in frame["answers"]] == [["a", "b"], []]
    assert list(frame["ede"][0]) == [15]


def test_an_unknown_table_or_column_is_an_error_of_ours() -> None:
    with pytest.raises(KeyError, match="no column color"):
        frame_of_rows("http", [{"color": "red"}])
    with pytest.raises(KeyError, match="no column color"):
        frame_of_columns("http", {"color": ["red"]})
    with pytest.raises(KeyError):
        empty_frame("nonsense")
    with pytest.raises(KeyError, match="nonsense"):
        Tables.of({"nonsense": empty_frame("http")})


def test_captures_read_as_one_session_keep_their_rows_and_sources() -> None:
    parts = [
        Tables.of(
            {"http": frame_of_rows("http", [{"source": name, "flow": name}])},
            [Source(name, SourceKind.FLOWS, "", True, (), None, None)],
            [CaptureFacts(name)],
        )
        for name in ("a", "b")
    ]
    both = concat(parts)
    assert both["http"]["flow"].tolist() == ["a", "b"]
    assert [source.path for source in both.sources] == ["a", "b"]
    assert [facts.source for facts in both.captures] == ["a", "b"]
    assert set(both.frames) == set(SCHEMAS)
    assert str(both["http"]["status"].dtype) == str(empty_frame("http")["status"].dtype)


def test_no_captures_at_all_give_empty_tables() -> None:
    assert all(len(frame) == 0 for frame in concat([]).frames.values())
