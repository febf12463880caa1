"""The JSON output keeps its schema, and is the same each time."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import numpy as np
import pytest
from report_samples import SAMPLES, hostile, sinkhole

from analysis.report.json_ import diagnosis_schema, render_json


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(diagnosis_schema())


@pytest.mark.parametrize("name", SAMPLES)
def test_output_keeps_the_schema(name: str) -> None:
    diagnosis = SAMPLES[name]().diagnosis
    jsonschema.validate(json.loads(render_json(diagnosis)), diagnosis_schema())


@pytest.mark.parametrize(
    "bend",
    [
        lambda whole: whole.pop("coverage"),
        lambda whole: whole["verdict"].update(status="fine"),
        lambda whole: whole["findings"][0].update(confidence=1.2),
        lambda whole: whole["findings"][0].update(guess="x"),
        lambda whole: whole["sources"][0].update(first_seen="yesterday"),
    ],
)
def test_the_schema_refuses_what_is_bent(bend: object) -> None:
    whole = json.loads(render_json(sinkhole().diagnosis))
    assert callable(bend)
    bend(whole)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(whole, diagnosis_schema())


def test_hostile_text_cannot_steer_a_terminal() -> None:
    whole = hostile().diagnosis
    few = tuple(replace(item, evidence=item.evidence[:1]) for item in whole.findings[:4])
    text = render_json(replace(whole, findings=few))
    assert text.isascii()
    assert all(char == "\n" or 0x20 <= ord(char) < 0x7F for char in text)
    assert json.loads(text)["findings"][3]["summary"].endswith("\x9b1m")


def test_numbers_that_json_cannot_hold_become_null() -> None:
    measured = {"rtt": np.float64(1.5), "n": np.int64(3), "bad": float("nan"), "set": {"b", "a"}}
    diagnosis = replace(sinkhole().diagnosis, measurements=measured)
    assert json.loads(render_json(diagnosis))["measurements"] == {
        "rtt": 1.5, "n": 3, "bad": None, "set": ["a", "b"],
    }  # fmt: skip


def test_the_same_diagnosis_gives_the_same_text() -> None:
    assert render_json(sinkhole().diagnosis) == render_json(sinkhole().diagnosis)
