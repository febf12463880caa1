"""What holds for every detector: ids, wording, no swallowed errors, no reading of the clock."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from handmade import answer, tables

import analysis.detect
from analysis.detect import DETECTORS, detect
from analysis.knowledge import findings, wording
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables

SOURCES = sorted(Path(analysis.detect.__file__).parent.glob("*.py"))


def emitted_ids() -> set[str]:
    """String literals of the detectors that look like finding ids of a known family."""
    families = {entry.id.partition(".")[0] for entry in findings()}
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                family, dot, rest = node.value.partition(".")
                if dot and family in families and rest.replace("_", "").isalnum():
                    found.add(node.value)
    return found - {"ws.chatgpt"}


def test_every_emitted_id_is_in_the_catalogue_and_has_wording() -> None:
    ids = emitted_ids()
    assert len(ids) >= 29
    for finding_id in ids:
        assert finding_id in findings()
        assert wording(finding_id).steps


def test_every_wording_is_of_a_finding_that_some_detector_makes() -> None:
    from analysis.knowledge import table

    assert {row["id"] for row in table.rows("remedies")} == emitted_ids()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_detectors_read_neither_clock_nor_files(path: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.partition(".")[0])
    assert not imported & {"time", "datetime", "os", "pathlib", "socket", "random", "agent"}


def test_names_of_a_capture_cannot_drive_a_terminal() -> None:
    name = "\u202e\x1b[31mx.chatgpt.com"
    shown = str([finding.to_json() for finding in detect(tables(dns=[answer(name, "0.0.0.0")]))])
    assert "x.chatgpt.com" in shown
    assert "\\x1b" not in shown
    assert "\\u202e" not in shown


def test_no_tables_no_findings() -> None:
    assert detect(Tables.of()) == []


def test_an_error_in_a_detector_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Tables) -> Iterator[Finding]:
        raise RuntimeError("broken rule")
        yield

    monkeypatch.setattr(analysis.detect, "DETECTORS", (broken,))
    with pytest.raises(RuntimeError, match="broken rule"):
        detect(tables())


def test_detectors_are_registered_once() -> None:
    assert len(set(DETECTORS)) == len(DETECTORS)
