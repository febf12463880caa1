"""Runs the lab from a copy of the sources, so that all scenes are judged by the same code.

A run takes long, and the tree may change under it. `HOME` is the tree itself, which keeps results
and documents; all else (`network.ROOT`) is then the copy.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.lab.network import ROOT

SOURCES = ("addons", "agent", "analysis", "tests/lab")
_HOME, _CODE = "CHATPATH_LAB_HOME", "CHATPATH_LAB_CODE"
HOME = Path(os.environ.get(_HOME, ROOT))


def is_pinned() -> bool:
    """Whether this process runs from a copy."""
    return _HOME in os.environ


def code() -> str:
    """The commit that was copied, and whether the tree held more than it."""
    return os.environ.get(_CODE) or _state(HOME)


def run_pinned(arguments: Sequence[str]) -> int:
    """Run this very command from a copy of the sources; gives its exit status."""
    with tempfile.TemporaryDirectory(prefix="chatpath-lab-code-") as name:
        copy = Path(name)
        for source in SOURCES:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / source, copy / source, ignore=ignored)
        settings = {_HOME: str(ROOT), _CODE: _state(ROOT), "PYTHONPATH": str(copy)}
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.lab", *arguments],
            cwd=copy,
            env={**os.environ, **settings},
        )
        # Ctrl-C reaches both: the run ends by it, and the copy goes after the run
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            return child.wait()
        finally:
            signal.signal(signal.SIGINT, before)


def _state(tree: Path) -> str:
    commit = _git(tree, "rev-parse", "--short=12", "HEAD")
    if not commit:
        return "not known"
    changed = _git(tree, "status", "--porcelain", "--", *SOURCES)
    return f"{commit} and changes not committed" if changed else commit


def _git(tree: Path, *words: str) -> str:
    try:
        told = subprocess.run(
            ["git", "-C", str(tree), *words], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return told.stdout.strip()
