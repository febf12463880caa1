"""``chatpath compare`` as a user meets it: in a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CAPTURES = Path(__file__).parents[3] / "captures"
HEALTHY, SINKHOLE = CAPTURES / "healthy.zip", CAPTURES / "dns-filter.zip"


def compare(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "chatpath", "compare", *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """stderr, after checking that it is a single line without a traceback."""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("chatpath: ")
    assert done.stdout == ""
    return lines[0]


def test_a_difference() -> None:
    done = compare(HEALTHY, SINKHOLE)
    assert done.returncode == 1
    assert done.stderr == ""
    assert done.stdout.startswith("DIFFERENT  healthy works, dns-filter is impaired.")
    assert "\x1b" not in done.stdout


def test_no_difference_between_two_copies(tmp_path: Path) -> None:
    copy = shutil.copy(HEALTHY, tmp_path / "healthy.zip")
    done = compare(HEALTHY, copy, "--format", "json")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert document["outcome"] == "same"
    assert [run["label"] for run in document["runs"]] == ["healthy", "healthy (2)"]
    assert document["pairs"][0]["candidate"] is None


def test_a_page_beside_json(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "compare.html"
    done = compare(HEALTHY, SINKHOLE, "--format", "json", "-o", out)
    assert done.returncode == 1
    assert json.loads(done.stdout)["schema"] == "chatpath.comparison/1"
    assert done.stderr.strip() == f"chatpath: wrote {out}"
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_repeats_by_label() -> None:
    labels = ["--label", "home", "--label", "home", "--label", "office"]
    done = compare(HEALTHY, HEALTHY, SINKHOLE, *labels, "--format", "json")
    assert done.returncode == 1
    (pair,) = json.loads(done.stdout)["pairs"]
    assert (pair["baseline"], pair["suspect"]) == ("home", "office")
    assert (pair["certainty"]["baseline_runs"], pair["certainty"]["suspect_runs"]) == (2, 1)


def test_nothing_to_compare_with_another_site(tmp_path: Path) -> None:
    entry = {
        "startedDateTime": "2026-11-01T10:00:00Z",
        "time": 5,
        "request": {"method": "GET", "url": "https://example.org/", "headers": []},
        "response": {"status": 200, "headers": [], "content": {"mimeType": "text/html"}},
        "timings": {"send": 1, "wait": 3, "receive": 1},
    }
    other = tmp_path / "other.har"
    other.write_text(json.dumps({"log": {"version": "1.2", "entries": [entry]}}))
    done = compare(HEALTHY, other)
    assert done.returncode == 4
    assert "no host of ChatGPT in common" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([HEALTHY], 2, "name a second capture"),
        ([HEALTHY, "nothing.pcap"], 3, "does not exist"),
        ([HEALTHY, SINKHOLE, "--label", "one"], 2, "give --label once for each"),
        ([HEALTHY, SINKHOLE, "--label", "a", "--label", "a"], 2, "different labels"),
        ([HEALTHY] * 25, 2, "name fewer"),
    ],
    ids=["one", "missing", "labels", "one-label", "too-many"],
)
def test_wrong_usage(arguments: list[str | Path], code: int, says: str) -> None:
    done = compare(*arguments)
    assert done.returncode == code
    assert says in sentence(done)


def test_a_label_cannot_steer_the_terminal() -> None:
    done = compare(HEALTHY, SINKHOLE, "--label", "\x1b[31mred\u202e", "--label", "b")
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
