"""The bundle's folder: nothing overwritten, only appended to, replaced whole."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from addons.bundle import PARTS, BundleFolder, Journal


@pytest.mark.parametrize("part", PARTS)
def test_a_folder_with_any_part_of_a_bundle_is_left_alone(tmp_path: Path, part: str) -> None:
    path = tmp_path / "b.chatpath"
    path.mkdir(mode=0o755)
    (path / part).write_bytes(b"recorded")
    with pytest.raises(FileExistsError, match="recorded session already"):
        BundleFolder(path)
    assert [item.name for item in path.iterdir()] == [part]
    assert (path / part).read_bytes() == b"recorded"
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


def test_a_new_folder_is_the_users_own(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "b.chatpath"
    BundleFolder(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_folder_in_use_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "home"
    path.mkdir()
    path.chmod(0o755)
    (path / "notes.txt").write_text("mine")
    BundleFolder(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


def test_session_facts_are_merged(tmp_path: Path) -> None:
    folder = BundleFolder(tmp_path / "b.chatpath")
    folder.update_session({"state": "recording", "mode": "addon"})
    folder.update_session({"state": "complete"})
    assert json.loads((folder.path / "session.json").read_text()) == {
        "format": 1,
        "state": "complete",
        "mode": "addon",
    }
    assert [item.name for item in folder.path.iterdir()] == ["session.json"]


def test_a_failure_while_writing_leaves_the_old_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = BundleFolder(tmp_path / "b.chatpath")
    folder.update_session({"state": "recording"})
    seen: list[str] = []

    def full(_: int) -> None:
        seen.append((folder.path / "session.json").read_text())
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        folder.update_session({"state": "complete"})
    assert json.loads(seen[0])["state"] == "recording"
    assert json.loads((folder.path / "session.json").read_text())["state"] == "recording"


def test_events_are_appended_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"e":"before"}\n')
    journal = Journal(path)
    journal.write("request", 1.23456789, {"flow": "f", "error": None, "text": "a\nb\u2028\ud800"})
    journal.write("end", 2, {"flow": "f"})
    journal.flush()
    journal.sync()
    first, second, third = map(json.loads, path.read_text().splitlines())
    assert first == {"e": "before"}
    assert second == {"e": "request", "t": 1.234568, "flow": "f", "text": "a\nb\u2028\ud800"}
    assert third == {"e": "end", "t": 2, "flow": "f"}
    assert journal.events == 2
    journal.close()


def test_a_closed_journal_can_be_flushed_synced_and_closed_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "events.jsonl")
    journal.write("stop", 1, {})
    journal.close()
    for again in (journal.flush, journal.sync, journal.close):
        again()
    assert (tmp_path / "events.jsonl").read_text() == '{"e":"stop","t":1}\n'
