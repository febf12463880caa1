"""Documents that would otherwise drift from the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_reference_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "make-reference"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_paths_that_documents_name_are_there() -> None:
    missing = []
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        for path in re.findall(r"`([\w.-]+/[\w./-]+)`", (ROOT / name).read_text()):
            if path.split("/")[0] in {"demo-out"}:
                continue  # made by a run
            if not (ROOT / path).exists():
                missing.append(f"{name}: {path}")
    assert missing == []


def test_commands_that_the_readme_names_exist() -> None:
    from agent.cli import app

    known = {command.name for command in app.registered_commands}
    blocks = re.findall(r"^```\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    named = set(re.findall(r"\bchatpath +([a-z]+) ", "\n".join(blocks)))
    assert named
    assert named <= known


def test_constraints_hold_no_address() -> None:
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text
    pins = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.+-]+", line) for line in pins)
