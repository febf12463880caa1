"""JSON walked piece by piece: the same values as the standard library, within bounds."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.read import json_stream
from analysis.read.json_stream import CutJsonError, DamagedJsonError, JsonStream

_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(['"\\{[', "\\u12"])
)
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30
)


class _Drip:
    """A file that gives a few octets at a time, whatever is asked for."""

    def __init__(self, octets: bytes, size: int) -> None:
        self._file, self._size = io.BytesIO(octets), size

    def read(self, size: int, /) -> bytes:
        return self._file.read(min(size, self._size))


def _whole(stream: JsonStream, first: str) -> object:
    """The value that stands here, walked with members() and items()."""
    if first == "{":
        return {key: stream.value() for key in stream.members()}
    if first == "[":
        return [stream.value() for _ in stream.items()]
    return stream.value()


@given(_VALUES, st.integers(1, 9), st.booleans())
def test_values_are_those_of_the_standard_library(value: object, size: int, plain: bool) -> None:
    text = json.dumps(value, ensure_ascii=plain)
    octets = text.encode("utf-8", "replace")
    expected = json.loads(octets)
    assert JsonStream(_Drip(octets, size)).value() == expected
    assert _whole(JsonStream(_Drip(octets, size)), text[0]) == expected


@given(st.dictionaries(st.text(max_size=5), _VALUES, max_size=4), st.data())
def test_a_cut_file_gives_what_came(value: dict[str, object], data: st.DataObject) -> None:
    octets = json.dumps(value).encode()
    end = data.draw(st.integers(0, len(octets) - 1))
    stream = JsonStream(io.BytesIO(octets[:end]))
    found: dict[str, object] = {}
    with pytest.raises(CutJsonError):
        for key in stream.members():
            found[key] = stream.value()
    assert list(found) == list(value)[: len(found)]
    assert all(found[key] == value[key] for key in found)


def _outcome(octets: bytes, size: int) -> list[object]:
    """What walking two levels gives, and how it ended."""
    stream = JsonStream(_Drip(octets, size))
    found: list[object] = []
    try:
        for key in stream.members():
            found.append(key)
            found.extend(repr(stream.value()) for _ in stream.items())
    except (CutJsonError, DamagedJsonError) as error:
        found.append(type(error).__name__)
    return found


@given(st.binary(max_size=200) | st.text('{}[]",:\\1a u', max_size=60).map(str.encode))
def test_octets_of_any_kind_read_the_same_however_they_arrive(octets: bytes) -> None:
    assert _outcome(octets, 1) == _outcome(octets, 1000)


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        pytest.param(b'{"a": NaN, "b": 1}', {"b": 1}, id="nan"),
        pytest.param(b'{"b": "\xff"}', {"b": "�"}, id="invalid-utf-8"),
        pytest.param(b'{"b": "\t"}', {"b": "\t"}, id="raw-control-character"),
        pytest.param(b'\xef\xbb\xbf {"b": 1}', {"b": 1}, id="byte-order-mark"),
        pytest.param(b'{"b": 1, "b": 2}', {"b": 2}, id="duplicate-keys"),
        pytest.param(b'{"b": ' + b"9" * 5000 + b"}", {"b": float("inf")}, id="endless-number"),
    ],
)
def test_what_is_not_quite_json_is_read(octets: bytes, expected: dict[str, object]) -> None:
    stream = JsonStream(io.BytesIO(octets))
    found = {key: stream.value() for key in stream.members()}
    assert {key: found[key] for key in expected} == expected


def test_a_long_string_is_cut_where_no_escape_is_torn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "MAX_STRING", 50)
    for lead in range(30, 50):
        text = "y" * lead + '\u1234\\"' * 20
        octets = json.dumps({"a": text, "b": 1}).encode()
        stream = JsonStream(_Drip(octets, 7))
        value = stream.value()
        assert isinstance(value, dict)
        assert value["b"] == 1
        assert text.startswith(value["a"])
        assert lead <= len(value["a"]) <= 50
        assert stream.cut_strings == 1


def test_a_damaged_value_costs_only_itself() -> None:
    stream = JsonStream(io.BytesIO(b'[{"a": 1}, {"a": nonsense}, {"a": }, {"a": 4}]'))
    found: list[object] = []
    for _ in stream.items():
        try:
            found.append(stream.value())
        except DamagedJsonError:
            found.append(None)
    assert found == [{"a": 1}, None, None, {"a": 4}]


def test_leave_goes_on_behind_what_is_damaged() -> None:
    stream = JsonStream(io.BytesIO(b'[{"a": {"b" 1, "c": [2]}}, {"a": 3}]'))
    found: list[object] = []
    for _ in stream.items():
        depth = stream.depth
        try:
            for _key in stream.members():
                found.extend(stream.value() for _inner in stream.members())
                found.append("taken")
        except DamagedJsonError:
            stream.leave(depth)
    assert found == ["taken"]


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"[" * 500_000, id="brackets-that-never-close"),
        pytest.param(b'{"a":' * 100_000, id="objects-that-never-close"),
        pytest.param(b'["' + b"\\" * 2_000_001, id="backslashes"),
    ],
)
def test_deep_and_endless_text_is_cut(octets: bytes) -> None:
    with pytest.raises(CutJsonError):
        JsonStream(io.BytesIO(octets)).value()


def test_deep_nesting_is_damage() -> None:
    with pytest.raises(DamagedJsonError):
        JsonStream(io.BytesIO(b"[" * 5000 + b"]" * 5000)).value()


def test_a_value_beyond_the_limit_is_passed_over() -> None:
    stream = JsonStream(io.BytesIO(b'[["xxxxxxxxxxxxxxxx"], 2]'))
    found: list[object] = []
    for _ in stream.items():
        try:
            found.append(stream.value(10))
        except DamagedJsonError:
            found.append("large")
    assert found == ["large", 2]
