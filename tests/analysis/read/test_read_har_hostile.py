"""HAR files that are cut, damaged, or of no sensible shape: tables or one sentence, no crash."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from har_made import entry, page, socket
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from read_made import check_schema

from analysis.model.errors import InputError
from analysis.read import read_source
from analysis.read.har import read_har

NAMES = ("harviewer__chrome51", "mitmproxy__error_log", "mitmproxy__websocket")
TRIES = 200
FRAMING = b'"\\{}[]'
"""A change of one of these may join or part entries."""

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def outcome(path: Path, octets: bytes) -> int | None:
    """Entries that were read; None when the file was refused in a sentence."""
    path.write_bytes(octets)
    try:
        tables = read_har(path)
    except InputError:
        return None
    check_schema(tables)
    return len(tables["http"])


@pytest.mark.parametrize("name", NAMES)
def test_a_file_cut_anywhere_gives_what_came(corpus: Path, tmp_path: Path, name: str) -> None:
    octets = (corpus / "har" / f"{name}.har").read_bytes()
    whole = len(read_source(corpus / "har" / f"{name}.har")["http"])
    chosen = random.Random(name)
    found = [
        outcome(tmp_path / "x.har", octets[: chosen.randrange(len(octets))]) for _ in range(TRIES)
    ]
    assert all(count is None or 0 < count <= whole for count in found)
    assert any(count is None for count in found)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_with_changed_octets_is_read_or_refused(
    corpus: Path, tmp_path: Path, name: str
) -> None:
    octets = (corpus / "har" / f"{name}.har").read_bytes()
    whole = len(read_source(corpus / "har" / f"{name}.har")["http"])
    chosen = random.Random(name)
    found = []
    for _ in range(TRIES):
        changed = bytearray(octets)
        for _ in range(chosen.randrange(1, 4)):
            changed[chosen.randrange(len(changed))] = chosen.randrange(256)
        found.append(outcome(tmp_path / "x.har", bytes(changed)))
    assert all(count is None or count <= whole + 1 for count in found)


@pytest.mark.parametrize("name", NAMES)
def test_one_changed_octet_that_frames_nothing_costs_at_most_one_entry(
    corpus: Path, tmp_path: Path, name: str
) -> None:
    octets = (corpus / "har" / f"{name}.har").read_bytes()
    whole = len(read_source(corpus / "har" / f"{name}.har")["http"])
    begin = octets.index(b"[", octets.index(b'"entries"')) + 1
    chosen = random.Random(name)
    places = [place for place in range(begin, octets.rindex(b"]")) if octets[place] not in FRAMING]
    letters = [octet for octet in range(256) if octet not in FRAMING]
    found = []
    for _ in range(TRIES):
        changed = bytearray(octets)
        changed[chosen.choice(places)] = chosen.choice(letters)
        found.append(outcome(tmp_path / "x.har", bytes(changed)))
    assert set(found) <= {whole, whole - 1}


def _places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a JSON value."""
    items: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [path, *(place for key, inner in items for place in _places(inner, (*path, key)))]


SAMPLE = json.dumps(
    [
        page(["https://chatgpt.com/cdn/assets/a.js"]),
        entry("https://chatgpt.com/cdn/assets/a.js", at=1, status=302, timings={"dns": 1}),
        socket([("send", 1, "{}"), ("error", 2, "net::ERR_FAILED")]),
    ]
)
PLACES = _places(json.loads(SAMPLE))[1:]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(PLACES), value=_VALUES)
def test_any_value_at_any_place_costs_at_most_its_entry(
    tmp_path: Path, place: tuple[str | int, ...], value: object
) -> None:
    entries = json.loads(SAMPLE)
    holder = entries
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    octets = json.dumps({"log": {"entries": entries}}).encode("utf-8", "replace")
    assert outcome(tmp_path / "x.har", octets) in {2, 3}


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=_VALUES)
def test_any_log_is_read_or_refused(tmp_path: Path, value: object) -> None:
    octets = json.dumps({"log": value}).encode("utf-8", "replace")
    assert outcome(tmp_path / "x.har", octets) is None


def test_many_messages_beyond_the_bound_are_counted_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.read.har.MAX_FRAMES", 10)
    made = socket([("receive", n, "{}") for n in range(25)])
    path = tmp_path / "x.har"
    path.write_text(json.dumps({"log": {"entries": [made]}}))
    tables = read_har(path)
    assert len(tables["ws_frames"]) == 10
    assert tables.sources[0].problems == ("15 websocket messages beyond the first 10 left out",)
