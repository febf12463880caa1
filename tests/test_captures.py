"""The golden cases: sample bundles and the verdict each must get."""

from __future__ import annotations

import tomllib
from pathlib import Path

import jsonschema
import pytest

from analysis.diagnose import diagnose
from analysis.read import read_source
from analysis.report.json_ import diagnosis_schema
from analysis.report.text import render_text

CAPTURES = Path(__file__).parent.parent / "captures"
EXPECTED = tomllib.loads((CAPTURES / "expected.toml").read_text())


def test_every_sample_is_described_and_small() -> None:
    files = {path.name for path in CAPTURES.iterdir() if path.suffix == ".zip"}
    assert files == set(EXPECTED)
    assert all((CAPTURES / name).stat().st_size < 1_000_000 for name in files)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_verdict(name: str) -> None:
    wanted = EXPECTED[name]
    tables = read_source(CAPTURES / name)
    assert tables.sources[0].complete, tables.sources[0].problems
    diagnosis = diagnose(tables)
    jsonschema.validate(diagnosis.to_json(), diagnosis_schema())
    lines = render_text(diagnosis, width=None, color=False).splitlines()
    assert max(len(line) for line in lines if "frame.number" not in line) <= 80
    verdict = diagnosis.verdict
    assert verdict.status in wanted["status"]
    if "primary" not in wanted:
        assert [item.id for item in diagnosis.findings if item.severity != "info"] == []
        return
    assert verdict.primary in wanted["primary"]
    assert verdict.locus == wanted.get("locus", verdict.locus)
    primary = diagnosis.primary
    assert primary is not None
    assert set(wanted["subjects"]) <= {subject.partition("/")[0] for subject in primary.subjects}
    assert primary.evidence
    assert primary.remedy is not None
    assert primary.remedy.ticket
    for item in primary.evidence:
        assert item.frames or item.flow_id or item.note
