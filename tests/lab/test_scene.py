"""Scenes as data: all that lie here are sound, and a mistake is told in one sentence."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.lab.scene import load_scenes
from tests.lab.service_plan import Answer, PlanError

SOUND = """
[[scene]]
name = "dns-one"
title = "A title"
made = "What is done."
cause = ["dns.sinkhole"]
status = ["blocked"]
"""


def test_the_scenes_are_many_and_mostly_healthy() -> None:
    scenes = load_scenes()
    kinds = Counter(scene.truth.healthy for scene in scenes)
    assert len(scenes) >= 60
    assert kinds[True] >= 25
    assert sum(scene.ci for scene in scenes) >= 12
    # every fault says which verdicts are right, and no scene allows "ok" without a reason to
    assert all(scene.truth.statuses for scene in scenes)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("tilte = 'x'", "no key 'tilte'"),
        ("never = ['dns.sinkhoel']", "'dns.sinkhoel', which is not in findings.tsv"),
        ("healthy = true", "either cause"),
        ("steps = ['opne']", "no step 'opne'"),
        ("steps = [{ do = 'open', untli = 'x' }]", "open has no 'untli'"),
        ("service = { http4 = true }", "service has no key 'http4'"),
        ("service = { http3 = 'yes' }", "service.http3 is 'yes', but must be of type bool"),
        ("service = { answer = [{ status = 500 }] }", "service.answer: missing 1 required"),
        ("service = { answer = [{ path = '/', do = 'explode' }] }", "'explode', not one of"),
        ("capture = { mode = 'both' }", "capture.mode is proxy or passive"),
        ("part = [{ use = 'squid' }]", "part.use is module.Name"),
        ("part = [{ use = 'squid.Squid', at = 'moon' }]", "part.at is one of client"),
        ("ci = [", "bad.toml"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, wrong: str, told: str) -> None:
    (tmp_path / "bad.toml").write_text(SOUND + wrong + "\n")
    with pytest.raises(PlanError, match=re.escape(told)) as error:
        load_scenes(tmp_path)
    assert "bad.toml" in str(error.value)


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    for file in ("a", "b"):
        (tmp_path / f"{file}.toml").write_text(SOUND)
    with pytest.raises(PlanError, match="two scenes are called dns-one"):
        load_scenes(tmp_path)


def test_times_in_a_body_are_filled_in() -> None:
    text = Answer(path="/", body='{"at": @unix(-60)@, "end": "@iso(3600)@"}').text()
    assert re.fullmatch(r'\{"at": \d{10}, "end": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"\}', text)
