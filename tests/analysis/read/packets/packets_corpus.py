"""The shared captures with Wireshark's answers, where they are at hand."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[5] / "shared" / "corpus"
_CAPTURES = (".pcap", ".pcapng", ".gz")


def captures(folder: str = "*") -> list[Path]:
    """Capture files of one folder, in order."""
    return sorted(path for path in ROOT.glob(f"{folder}/*") if path.suffix in _CAPTURES)


def truths(table: str) -> list[Path]:
    """Truth files of one table whose capture is pcap or pcapng."""
    found = sorted(ROOT.glob(f"truth/*/*.{table}.tsv"))
    return [path for path in found if capture_of(path).suffix in _CAPTURES]


def capture_of(truth: Path) -> Path:
    """The capture that a truth file is about."""
    return ROOT / truth.parent.name / truth.name.rsplit(".", 2)[0]


def rows(truth: Path) -> list[dict[str, str]]:
    """Rows of a truth file; quotes are ordinary characters there."""
    with truth.open(newline="", encoding="utf-8", errors="replace") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def each(paths: list[Path]) -> pytest.MarkDecorator:
    """Parametrise a test over `paths`, or skip it where the captures are absent."""
    reason = "the shared captures are not beside this repository"
    skipped = [pytest.param(None, marks=pytest.mark.skip(reason=reason), id="absent")]
    listed = [pytest.param(path, id=path.name) for path in paths]
    return pytest.mark.parametrize("path", listed or skipped)
