"""Indonesian: messages, figures and times, and the language that is chosen."""

from __future__ import annotations

import subprocess
import sys

import pytest

from agent.cli.language import chosen
from analysis.model.diagnosis import Coverage, Locus, Status, Verdict
from analysis.model.figures import Figure, Moment, Number, Percent
from analysis.model.message import joined, say, some
from analysis.report.language import Language

ID = Language.ID


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (Number(1234.56, 1), "1.234,6"),
        (Number(1234567), "1.234.567"),
        (Number(3.1, 3, signed=True), "+3,100"),
        (Number(-3.1, 1, signed=True), "-3,1"),
        (Percent(0.123, 1), "12,3%"),
        (Percent(1), "100%"),
        (Moment(1795840212), "28 November 2026 pukul 04.30.12 UTC"),
    ],
)
def test_figures_are_written_as_cldr_has_them(figure: Figure, text: str) -> None:
    assert ID.figure(figure) == text


def test_a_list_of_names_is_said_in_the_language_and_names_stay() -> None:
    listed = some(["a.example", "b.example", "c.example", "d.example"])
    assert ID.text(listed) == "a.example, b.example, c.example, dan 1 lainnya"
    assert ID.text(joined([listed, "and"], "; ")).endswith("lainnya; and")


def test_text_of_a_capture_is_never_translated() -> None:
    assert ID.text("a.example and b.example") == "a.example and b.example"
    # a name from the capture that looks like a template of ours
    assert ID.text(say("{names} and {last}", names="{last}", last="x")) == "{last} dan x"


def test_a_whole_record_is_said() -> None:
    reason = say("{names} and {last}", names="a", last="b")
    said = ID.said({"coverage": (Coverage("dns", assessed=True, reason=reason), 3, [reason])})
    assert said == {"coverage": (Coverage("dns", assessed=True, reason="a dan b"), 3, ["a dan b"])}
    verdict = Verdict(Status.OK, Locus.DNS, None, reason, 0.5)
    assert ID.said(verdict) == Verdict(Status.OK, Locus.DNS, None, "a dan b", 0.5)


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({"LANG": "id_ID.UTF-8"}, Language.ID),
        ({"LANG": "in_ID"}, Language.EN),
        ({"LANG": "de_DE.UTF-8"}, Language.EN),
        ({"LC_ALL": "C", "LANG": "id_ID.UTF-8"}, Language.EN),
        ({"LC_MESSAGES": "id", "LANG": "en_US.UTF-8"}, Language.ID),
        ({}, Language.EN),
    ],
)
def test_the_system_chooses(
    variables: dict[str, str], language: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert chosen(None) is language
    assert chosen(Language.ID) is Language.ID


def test_english_needs_no_babel() -> None:
    code = (
        "import sys; from analysis.report.language import Language; import agent.cli; "
        "from analysis.model.message import say; Language.EN.text(say('{n}', n=1)); "
        "print('babel' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
