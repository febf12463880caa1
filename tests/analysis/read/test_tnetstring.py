"""Typed netstrings: as mitmproxy's own parser has them, within bounds."""

from __future__ import annotations

import contextlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.io import tnetstring

from analysis.read.tnetstring import MAX_DEPTH, NetstringError, Parser, records

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.binary()
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=15,
)
RECORDS = st.dictionaries(st.text(max_size=8), VALUES, max_size=5)


def cut_out(content: bytes) -> list[bytes]:
    return list(records(io.BytesIO(content), len(content)))


@given(st.lists(RECORDS, max_size=4))
def test_records_are_what_was_written(written: list[dict[str, object]]) -> None:
    parser = Parser(alike=(b"a",))
    found = cut_out(b"".join(tnetstring.dumps(value) for value in written))  # type: ignore[arg-type]
    assert [parser.parse(data) for data in found] == written


@given(st.binary(max_size=200))
def test_any_octets_are_parsed_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError, TypeError):
        assert isinstance(Parser().parse(data), dict)


def test_what_is_not_asked_for_is_stepped_over() -> None:
    data = tnetstring.dumps({"a": {"backup": 1, "kept": 2}, "backup": [1], "content": b"body"})
    [record] = cut_out(data)
    found = Parser(skip=(b"backup",), views=(b"content",)).parse(record)
    body = found.pop("content")
    assert found == {"a": {"kept": 2}}
    assert isinstance(body, memoryview)
    assert bytes(body) == b"body"


@pytest.mark.parametrize(
    "content",
    [
        b"5:abc",
        b"999999999999:",
        b"9999999999999:",
        b"x:1}",
        b":}",
        b"3:abc]",
        b"-1:}",
    ],
)
def test_a_broken_frame_ends_the_file(content: bytes) -> None:
    with pytest.raises(NetstringError):
        cut_out(content)


def test_nesting_is_bounded() -> None:
    value: object = 1
    for _ in range(MAX_DEPTH + 2):
        value = [value]
    data = tnetstring.dumps({"a": value})  # type: ignore[dict-item]
    [record] = cut_out(data)
    with pytest.raises(NetstringError, match="nested"):
        Parser().parse(record)


@pytest.mark.parametrize("inner", [b"1:a", b"-3:abc,", b"9:a,", b"1:a?"])
def test_a_value_that_does_not_fit_is_refused(inner: bytes) -> None:
    with pytest.raises(NetstringError):
        Parser().parse(b"1:k;" + inner)
