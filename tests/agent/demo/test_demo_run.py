"""The demo as a whole: a real capture of every scene, and the right verdict for each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent.demo.run import choose_browser, is_right, proof, run_scene
from agent.demo.scenes import SCENES, Scene
from analysis.diagnose import diagnose
from analysis.read import read_source


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
@pytest.mark.browser
def test_every_scene_with_a_real_browser(scene: Scene, tmp_path: Path) -> None:
    browser = choose_browser()
    assert browser is not None
    result = run_scene(scene, tmp_path, browser)
    assert result.right, (result.status, result.primary, result.headline)
    assert result.note == ""
    assert result.report.stat().st_size < 1_500_000
    tables = read_source(result.bundle)
    assert tables.captures[0].scene == scene.name
    # one document, loaded by the browser itself
    assert "document" in set(tables["http"]["request_dest"])


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_every_scene_with_the_built_in_client(scene: Scene, tmp_path: Path) -> None:
    result = run_scene(scene, tmp_path, None)
    assert result.right, (result.status, result.primary, result.headline)
    assert (result.proof == "-") is (not scene.expected)


def test_the_command_ends_with_the_table_and_exit_code_0(tmp_path: Path) -> None:
    command = [Path(sys.executable).parent / "chatpath", "demo", "--built-in-client"]
    done = subprocess.run(
        [*command, "--scene", "healthy", "--scene", "dns-filter", "--out", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "dns.sinkhole" in done.stdout
    assert "WRONG" not in done.stdout
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {
        "healthy.chatpath",
        "healthy.html",
        "dns-filter.chatpath",
        "dns-filter.html",
    }
    again = subprocess.run(
        [*command, "--scene", "healthy", "--out", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 0, again.stderr


def test_a_folder_that_is_no_demo_is_not_cleared(tmp_path: Path) -> None:
    kept = tmp_path / "healthy.chatpath" / "thesis.txt"
    kept.parent.mkdir()
    kept.write_text("years of work")
    done = subprocess.run(
        [
            *(Path(sys.executable).parent / "chatpath", "demo", "--built-in-client"),
            *("--scene", "healthy", "--out", tmp_path),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "name another folder" in done.stderr
    assert kept.read_text() == "years of work"


def test_a_wrong_verdict_is_seen_as_wrong(tmp_path: Path) -> None:
    """The judge of the demo is not the diagnosis: a healthy session is no sinkhole."""
    healthy = next(scene for scene in SCENES if scene.name == "healthy")
    sinkhole = next(scene for scene in SCENES if scene.name == "dns-filter")
    result = run_scene(healthy, tmp_path, None)
    diagnosis = diagnose(read_source(result.bundle))
    assert is_right(healthy, diagnosis)
    assert not is_right(sinkhole, diagnosis)
    assert proof(None) == "-"
