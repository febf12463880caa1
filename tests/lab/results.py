"""Results of scenes on disk, so that an interrupted `make lab` goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.lab.network import ROOT
from tests.lab.oracle import Outcome
from tests.lab.pinned import HOME
from tests.lab.scene import Scene

STORE = HOME / ".lab"
_RECORDING = (
    "addons",
    "tests/lab/parts",
    "agent/browser.py",
    "agent/capture",
    "agent/cli/capture.py",
    "agent/demo",
    "analysis/model",
    *(
        f"analysis/knowledge/{name}"
        for name in (
            "agents.py",
            "agents.tsv",
            "hosts.py",
            "hosts.tsv",
            "secret_names.tsv",
            "secrets.py",
        )
    ),
    *(
        f"tests/lab/{name}.py"
        for name in (
            "addresses",
            "distance",
            "driver",
            "extension",
            "network",
            "resolver",
            "runner",
            "service",
            "service_app",
            "service_dns",
            "service_files",
            "service_pages",
            "service_plan",
            "service_updates",
            "slow_reader",
        )
    ),
)
"""Sources that change what is recorded."""
_JUDGING = ("analysis", "tests/lab/oracle.py", "tests/lab/scene.py")


@dataclass(slots=True)
class Result:
    """One scene's outcome and what it took, as the matrix keeps it."""

    scene: str
    seed: int
    outcome: Outcome
    reasons: list[str] = field(default_factory=list)
    status: str | None = None
    primary: str | None = None
    found: list[str] = field(default_factory=list)
    seconds: float = 0.0
    took: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: dict[str, object]) -> Result:
        made = cls(**value)  # type: ignore[arg-type]
        made.outcome = Outcome(made.outcome)
        return made

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def folder_of(scene: Scene, seed: int) -> Path:
    """Where the bundle and all else of a run lie."""
    return STORE / f"seed-{seed}" / scene.name


def stored(scene: Scene, seed: int) -> Result | None:
    """The result of an earlier run of this very scene with this very code, if there is one."""
    value = _read(scene, seed)
    fresh = value is not None and value.get("judged") == _judging(scene)
    return earlier(scene, seed) if fresh and recorded(scene, seed) else None


def earlier(scene: Scene, seed: int) -> Result | None:
    """The last result of the scene, however old."""
    value = _read(scene, seed)
    return None if value is None else Result.from_json(value["result"])


def recorded(scene: Scene, seed: int) -> bool:
    """Whether the scene's bundle would be recorded in the same way again."""
    value = _read(scene, seed)
    bundle = folder_of(scene, seed) / "session.chatpath"
    return value is not None and bundle.is_dir() and value.get("recorded") == _recording(scene)


def store(scene: Scene, seed: int, result: Result) -> None:
    """Keep a result; one that did not run is not kept."""
    if result.outcome in {Outcome.FAILED, Outcome.SKIPPED}:
        return
    value = {
        "recorded": _recording(scene),
        "judged": _judging(scene),
        "result": result.to_json(),
    }
    path = folder_of(scene, seed) / "result.json"
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")


def _read(scene: Scene, seed: int) -> dict[str, Any] | None:
    try:
        text = (folder_of(scene, seed) / "result.json").read_text(encoding="utf-8")
        value: dict[str, Any] = json.loads(text)
    except (OSError, ValueError):
        return None
    return value


def _judging(scene: Scene) -> str:
    """Changes with the label and whatever the diagnosis and the oracle do."""
    label = hashlib.sha256(repr(scene.truth).encode()).hexdigest()[:16]
    return f"{label} {_digest(_JUDGING)}"


def _recording(scene: Scene) -> str:
    """Changes with the scene and whatever the recorder, the service or a part does."""
    parts = _digest(("tests/lab/parts",)) if scene.parts else ""
    return f"{scene.digest} {_digest(_RECORDING)} {parts}"


@cache
def _digest(places: tuple[str, ...]) -> str:
    """Changes with any source in these places, folders or files."""
    digest = hashlib.sha256()
    for place in places:
        root = ROOT / place
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
