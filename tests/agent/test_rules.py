"""Rules that a user adds: the documented example, and rules that misbehave."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agent.rules import added_detectors
from analysis.diagnose import diagnose
from analysis.model.errors import UsageError
from analysis.model.frames import Tables, frame_of_rows

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs" / "rules.md"


def _example() -> str:
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 1
    return str(blocks[0])


def _slow_gateway(answers: int) -> Tables:
    rows = [
        {
            "source": "flows.mitm",
            "flow": f"flow-{number}",
            "host": "chatgpt.com",
            "via": "1.1 gateway.example.com",
            "ttfb_ms": 2500.0,
        }
        for number in range(answers)
    ]
    return Tables.of({"http": frame_of_rows("http", rows)})


@pytest.fixture
def example(tmp_path: Path) -> Path:
    path = tmp_path / "acme.py"
    path.write_text(_example(), "utf-8")
    return path


def test_documented_rule_becomes_the_verdict(example: Path) -> None:
    warnings: list[str] = []
    rules = added_detectors([example], warnings.append)
    diagnosis = diagnose(_slow_gateway(3), rules)
    assert diagnosis.verdict.primary == "acme.gateway_slow"
    assert diagnosis.verdict.headline.startswith("gateway.example.com took 2500 ms")
    assert not warnings


def test_documented_rule_is_silent_below_its_count(example: Path) -> None:
    rules = added_detectors([example], pytest.fail)
    found = diagnose(_slow_gateway(2), rules).findings
    assert "acme.gateway_slow" not in {finding.id for finding in found}


def test_rule_that_fails_costs_only_its_own_findings(tmp_path: Path, example: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(
        "def find_nothing(tables):\n    yield 1 / 0\n\n\n"
        "def find_rubbish(tables):\n    yield 'no finding'\n",
        "utf-8",
    )
    warnings: list[str] = []
    rules = added_detectors([broken, example], warnings.append)
    diagnosis = diagnose(_slow_gateway(3), rules)
    assert diagnosis.verdict.primary == "acme.gateway_slow"
    assert [line.split(" of ")[0] for line in warnings] == [
        "The rule find_nothing",
        "The rule find_rubbish",
    ]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        pytest.param("none.py", None, "There is no file", id="missing"),
        pytest.param("empty.py", "x = 1\n", "defines no function", id="no rule"),
        pytest.param("wrong.py", "def find_x(:\n", "could not be run (SyntaxError", id="syntax"),
        pytest.param("rules.txt", "def find_x(t): ...\n", "is no Python file", id="suffix"),
        pytest.param("away.py", "import no_such_module\n", "could not be run", id="import"),
    ],
)
def test_file_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, name: str, text: str | None, says: str
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=re.escape(says)):
        added_detectors([path], pytest.fail)


ALWAYS = """\
from analysis.model.diagnosis import Finding, Locus, Severity


def find_always(tables):
    yield Finding("acme.always", Locus.DEVICE, Severity.INFO, 0.5, "It is here.")
"""


def _analyzed(*options: str, path: str | None = None) -> list[str]:
    """Summaries of acme.always in the command's JSON, with `path` searched for packages."""
    capture = sorted((ROOT / "captures").glob("*.zip"))[0]
    command = [sys.executable, "-c", "from agent.cli import main; main()", "analyze", str(capture)]
    done = subprocess.run(
        [*command, "--format", "json", *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **({"PYTHONPATH": path} if path else {})},
    )
    found = json.loads(done.stdout)["findings"]
    return [item["summary"] for item in found if item["id"] == "acme.always"]


def test_command_line_takes_the_file(tmp_path: Path) -> None:
    rule = tmp_path / "always.py"
    rule.write_text(ALWAYS, "utf-8")
    assert _analyzed("--rules", str(rule)) == ["It is here."]


def test_installed_package_offers_its_rule(tmp_path: Path) -> None:
    (tmp_path / "acme_rules.py").write_text(ALWAYS, "utf-8")
    about = tmp_path / "acme_rules-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-rules\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[chatpath.detectors]\nalways = acme_rules:find_always\n"
    )
    assert _analyzed(path=str(tmp_path)) == ["It is here."]
    assert _analyzed() == []
