"""Every scene gets a right verdict, in good sentences, by the schema, and the same each time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from examine import misses
from scenes import SCENES

from analysis.diagnose import diagnose
from analysis.model.diagnosis import Diagnosis, Finding
from analysis.read import read_source
from analysis.report.json_ import diagnosis_schema, render_json
from analysis.report.text import render_text

COMMAND = "from agent.cli import main; main()"
SCHEMA = jsonschema.Draft202012Validator(diagnosis_schema())


@pytest.mark.parametrize("name", SCENES)
def test_scene_is_judged_right(name: str, tmp_path: Path) -> None:
    scene = SCENES[name]
    diagnosis = diagnose(read_source(scene.build(tmp_path)))
    assert misses(scene, diagnosis) == []
    assert [error.message for error in SCHEMA.iter_errors(json.loads(render_json(diagnosis)))] == []
    assert slips(diagnosis.verdict.headline) == []
    assert [slip for finding in diagnosis.findings for slip in faults(finding)] == []
    if not scene.healthy:
        assert_is_shown(diagnosis)


def assert_is_shown(diagnosis: Diagnosis) -> None:
    """The text for the terminal names host, product and remedy."""
    text = " ".join(render_text(diagnosis, width=200, color=False).split())
    primary = diagnosis.primary
    assert primary is not None
    assert primary.vendor is None or primary.vendor in text
    assert primary.remedy is not None
    assert all(step in text for step in primary.remedy.steps)
    assert primary.subjects[0] in text


def faults(finding: Finding) -> list[str]:
    """What is wrong with how a finding is put."""
    texts = [finding.summary]
    if finding.does_not_prove:
        texts.append(finding.does_not_prove)
    if finding.remedy:
        texts += [finding.remedy.ticket, *finding.remedy.steps]
    found = [slip for text in texts for slip in slips(text)]
    shown = [
        (piece.source, piece.frames, piece.flow_id)
        for piece in finding.evidence
        if piece.frames or piece.flow_id
    ]
    if len(shown) != len(set(shown)):
        found.append(f"{finding.id} shows a proof twice")
    if not finding.evidence:
        found.append(f"{finding.id} has no proof")
    return found


def slips(text: str) -> list[str]:
    """What a reader would stumble over in a sentence."""
    text = re.sub("⟨[^⟩]*⟩", "⟨⟩", text)  # a tampering signature has spaces of its own
    found = re.findall(r":::|  |\.\.| [,;.]|[{}]|\b(?:None|nan|NaT|NA)\b", text)
    if not text or not (text[0].isupper() or not text.split(maxsplit=1)[0].isalpha()):
        found.append("no capital at the start")
    return [f"{mark} in {text!r}" for mark in found]


@pytest.mark.parametrize("name", ["pihole-null", "ws-cut-in-answer"])
def test_same_capture_gives_the_same_json(name: str, tmp_path: Path) -> None:
    """Also in another process with another order of sets."""
    path = SCENES[name].build(tmp_path)
    outputs = [
        subprocess.run(
            [sys.executable, "-c", COMMAND, "analyze", str(path), "--format", "json"],
            check=False,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        for seed in ("1", "2")
    ]
    assert outputs[0].returncode == outputs[1].returncode == 1
    assert json.loads(outputs[0].stdout)["verdict"]["primary"] in SCENES[name].primary
    assert outputs[0].stdout == outputs[1].stdout
