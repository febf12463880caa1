"""Real captures of other people's traffic: nothing in them is ChatGPT's fault."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from analysis.diagnose import diagnose
from analysis.model.diagnosis import Diagnosis, Severity, Status
from analysis.model.errors import InputError
from analysis.read import read_source

CORPUS = Path(__file__).parents[4] / "shared" / "corpus"
CAPTURES = sorted(
    path
    for folder in ("dns", "vpn", "websocket")
    for path in (CORPUS / folder).glob("*")
    if path.suffix in (".pcap", ".pcapng")
)


ALL = sorted(
    path
    for path in CORPUS.glob("*/*")
    if path.parent.name not in ("LICENSES", "expect", "truth", "har")
    and path.is_file()
    and path.suffix not in (".json", ".keys", ".txt")
)


@cache
def judged_once(path: Path) -> Diagnosis | InputError:
    """The diagnosis of a capture, or why it could not be read."""
    try:
        return diagnose(read_source(path))
    except InputError as error:
        return error


@pytest.mark.skipif(not ALL, reason="the corpus of real captures is not beside the project")
def test_no_capture_of_others_accuses_anybody() -> None:
    """Also those with a host of ChatGPT in them; damaged ones give a sentence, never a crash."""
    judged = 0
    for path in ALL:
        diagnosis = judged_once(path)
        if isinstance(diagnosis, InputError):
            assert "\n" not in str(diagnosis)
            continue
        judged += 1
        critical = [f.id for f in diagnosis.findings if f.severity is Severity.CRITICAL]
        assert critical == [], path.name
    assert judged > 60


@pytest.mark.skipif(not CAPTURES, reason="the corpus of real captures is not beside the project")
def test_captures_without_chatgpt_carry_no_verdict() -> None:
    judged = 0
    for path in CAPTURES:
        diagnosis = judged_once(path)
        if isinstance(diagnosis, InputError):
            continue  # damaged on purpose
        judged += 1
        assert diagnosis.verdict.status is Status.INSUFFICIENT, path.name
        serious = [f.id for f in diagnosis.findings if f.severity is not Severity.INFO]
        assert serious == [], path.name
    assert judged > 20
