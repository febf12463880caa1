"""The confusion matrix: rates, coverage and the outcome of each scene, as JSON and in words."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.lab.oracle import Outcome
from tests.lab.pinned import HOME, code
from tests.lab.results import Result
from tests.lab.scene import Scene, catalogue_ids

MATRIX = HOME / "docs" / "lab-matrix.json"
SCHEMA = "chatpath.lab-matrix/1"
_NOTHING = "nothing"


def build_matrix(scenes: Sequence[Scene], results: Iterable[Result]) -> dict[str, Any]:
    """The matrix of these results; scenes without a result are left out."""
    by_name = {result.scene: result for result in results}
    rows = [(scene, by_name[scene.name]) for scene in scenes if scene.name in by_name]
    judged = [
        (scene, result)
        for scene, result in rows
        if result.outcome not in {Outcome.FAILED, Outcome.SKIPPED}
    ]
    faults = [(scene, result) for scene, result in judged if not scene.truth.healthy]
    healthy = [(scene, result) for scene, result in judged if scene.truth.healthy]
    return {
        "schema": SCHEMA,
        "code": code(),
        "seeds": sorted({result.seed for _, result in rows}),
        "rates": {
            "exact_cause": _rate(faults, {Outcome.EXACT}),
            "cause_named": _rate(faults, {Outcome.EXACT, Outcome.PARTIAL}),
            "false_alarm": _rate(healthy, {Outcome.FALSE_ALARM}),
        },
        "outcomes": dict(Counter(result.outcome.value for _, result in rows)),
        "confusion": _confusion(judged),
        "coverage": _coverage(judged),
        "scenes": {scene.name: _row(scene, result) for scene, result in rows},
        "took": _versions(result for _, result in rows),
    }


def worse(old: Mapping[str, Any], new: Mapping[str, Any], *, whole: bool = False) -> list[str]:
    """What `new` does worse than `old`, scene by scene; with `whole` scenes may not vanish."""
    found = []
    for name, row in new["scenes"].items():
        before = old.get("scenes", {}).get(name)
        now = Outcome(row["outcome"])
        if now is Outcome.SKIPPED:
            continue
        if before is None:
            if not now.right and now is not Outcome.PARTIAL:
                found.append(f"{name}: {now.value} ({'; '.join(row['reasons'])}), and is new")
            continue
        then = Outcome(before["outcome"])
        if then not in {Outcome.FAILED, Outcome.SKIPPED} and now.rank > then.rank:
            found.append(f"{name}: {now.value} ({'; '.join(row['reasons'])}), was {then.value}")
    if whole:
        found += [f"{name}: is gone" for name in old["scenes"] if name not in new["scenes"]]
    return found


def write_json(matrix: Mapping[str, Any], path: Path = MATRIX) -> None:
    """Write the matrix; the same matrix gives the same file."""
    path.write_text(json.dumps(matrix, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path = MATRIX) -> dict[str, Any]:
    """The committed matrix; an empty one where there is none."""
    if not path.exists():
        return {"scenes": {}}
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def _rate(rows: Sequence[tuple[Scene, Result]], outcomes: set[Outcome]) -> dict[str, Any]:
    count = sum(result.outcome in outcomes for _, result in rows)
    return {"count": count, "of": len(rows), "share": round(count / len(rows), 3) if rows else None}


def _confusion(rows: Sequence[tuple[Scene, Result]]) -> dict[str, dict[str, int]]:
    """True cause to what was named, with counts; several true ids count as the first."""
    table: dict[str, dict[str, int]] = {}
    for scene, result in rows:
        causes = scene.truth.causes
        truth = causes[0] if causes else _NOTHING
        named = result.primary or _NOTHING
        if named in causes:
            named = truth
        if scene.truth.healthy and result.found and result.primary is None:
            named = result.found[0]
        line = table.setdefault(truth, {})
        line[named] = line.get(named, 0) + 1
    return dict(sorted(table.items()))


def _coverage(rows: Sequence[tuple[Scene, Result]]) -> dict[str, Any]:
    """Which ids are the true cause of a scene, and of which one was named exactly."""
    ids = catalogue_ids()
    covered: dict[str, list[str]] = {}
    named: set[str] = set()
    for scene, result in rows:
        for item in (*scene.truth.causes, *scene.truth.also):
            covered.setdefault(item, []).append(scene.name)
        if result.outcome in {Outcome.EXACT, Outcome.PARTIAL} and result.primary:
            named.add(result.primary)
        named.update(scene.truth.also if result.outcome.right else ())
    return {
        "ids": len(ids),
        "with_scene": sum(item in covered for item in ids),
        "named": sum(item in named for item in ids),
        "never_named": [item for item in ids if item in covered and item not in named],
        "without_scene": [item for item in ids if item not in covered],
    }


def _row(scene: Scene, result: Result) -> dict[str, Any]:
    return {
        "family": scene.family,
        "cause": list(scene.truth.causes),
        "outcome": result.outcome.value,
        "primary": result.primary,
        "status": result.status,
        "reasons": result.reasons,
        "parts": {part.use: result.took.get(part.use, "ours") for part in scene.parts},
    }


def _versions(results: Iterable[Result]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for result in results:
        for name, version in result.took.items():
            found.setdefault(name, set()).add(version)
    return {name: sorted(versions) for name, versions in sorted(found.items())}
