"""Results of scenes on disk, so that an interrupted `make lab` goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

from tests.lab.network import ROOT
from tests.lab.oracle import Outcome
from tests.lab.scene import Scene

STORE = ROOT / ".lab"
_SOURCES = ("agent", "addons", "analysis", "tests/lab")


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
    path = folder_of(scene, seed) / "result.json"
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if value.pop("key", None) != _key(scene):
        return None
    return Result.from_json(value)


def store(scene: Scene, seed: int, result: Result) -> None:
    """Keep a result; one that did not run is not kept."""
    if result.outcome in {Outcome.FAILED, Outcome.SKIPPED}:
        return
    path = folder_of(scene, seed) / "result.json"
    path.write_text(
        json.dumps({"key": _key(scene), **result.to_json()}, indent=1), encoding="utf-8"
    )


def _key(scene: Scene) -> str:
    return f"{scene.digest}-{code_digest()}"


@cache
def code_digest() -> str:
    """Changes with any source of the product or the lab."""
    digest = hashlib.sha256()
    for path in _files(_SOURCES):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _files(places: Iterable[str]) -> Iterable[Path]:
    for place in places:
        for path in sorted((ROOT / place).rglob("*")):
            scene = place == "tests/lab" and path.suffix == ".toml"  # has a digest of its own
            if path.is_file() and "__pycache__" not in path.parts and not scene:
                yield path
