"""A run of the lab goes by a copy of the sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import pinned
from tests.lab.network import ROOT


def test_a_run_takes_place_in_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    told = "import os, sys; print(os.getcwd(), os.environ['CHATPATH_LAB_HOME'], *sys.argv[1:])"
    for source in pinned.SOURCES:
        (tmp_path / source).mkdir(parents=True)
    (tmp_path / "tests" / "lab" / "__main__.py").write_text(told)
    monkeypatch.setattr(pinned, "ROOT", tmp_path)
    assert pinned.run_pinned(["run", "--ci"]) == 0
    place, home, *words = capfd.readouterr().out.split()
    assert Path(place) != tmp_path
    assert not Path(place).exists()
    assert (home, words) == (str(tmp_path), ["run", "--ci"])


def test_a_real_run_gives_its_exit_status(capfd: pytest.CaptureFixture[str]) -> None:
    assert pinned.run_pinned(["run", "no-such-scene"]) == 2
    assert "there is no scene or family 'no-such-scene'" in capfd.readouterr().err


def test_the_code_is_named_by_its_commit(tmp_path: Path) -> None:
    assert pinned.code() != ""
    assert not pinned.is_pinned()
    assert pinned.HOME == ROOT
    assert pinned._state(tmp_path) == "not known"
