"""A NetLog that lies in a bundle."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from netlog_made import ERRORS, NetLog, page, request
from read_made import check_schema, made_flow, make_bundle

from analysis.read import read_source


def blocked() -> NetLog:
    """A page whose request of a script an extension took away."""
    log, error = page(NetLog()), ERRORS["ERR_BLOCKED_BY_CLIENT"]
    return request(log, 120, "https://chatgpt.com/cdn/assets/x.js", status=None, error=error)


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_it_adds_what_the_recorder_could_not_see(tmp_path: Path, packed: bool) -> None:
    path = make_bundle(tmp_path / "b.chatpath", flows=[made_flow("/")])
    (path / "netlog.json").write_text(blocked().text())
    if packed:
        path = Path(shutil.make_archive(str(tmp_path / "b"), "zip", path))
    tables = read_source(path)
    check_schema(tables)
    assert [source.kind for source in tables.sources] == ["bundle", "netlog"]
    http = tables["http"]
    added = http[http["source"] == "netlog.json"]
    assert list(added["flow"]) == ["netlog-120"]
    assert len(http) == 2
    assert "Chromium 156.0.1.2" in set(tables["host"]["value"])
    assert "netlog.json" not in set(tables["connections"]["source"])


def test_without_a_recording_it_is_read_whole(tmp_path: Path) -> None:
    path = make_bundle(tmp_path / "b.chatpath")
    (path / "netlog.json").write_text(blocked().text())
    tables = read_source(path)
    assert len(tables["http"]) == 6
    assert set(tables["connections"]["connection"]) == {"netlog-2"}


def test_one_that_cannot_be_read_is_a_problem_of_the_bundle(tmp_path: Path) -> None:
    path = make_bundle(tmp_path / "b.chatpath", flows=[made_flow("/")])
    (path / "netlog.json").write_text("{}")
    (source,) = read_source(path).sources
    assert any(said.startswith("netlog.json cannot be read") for said in source.problems)
