"""Judges every scene with the product and prints where it was right and wrong.

``python tests/scenes/examine.py [NAME ...]`` from the project's folder.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from scenes import SCENES, Scene

from analysis.diagnose import diagnose
from analysis.model.diagnosis import Diagnosis, Severity
from analysis.read import read_source


def judged(scene: Scene, folder: Path) -> Diagnosis:
    """The product's diagnosis of the scene's capture, made in `folder`."""
    return diagnose(read_source(scene.build(folder)))


def misses(scene: Scene, diagnosis: Diagnosis) -> list[str]:
    """What is wrong with the diagnosis, by the scene's label; empty when it is right."""
    wrong = []
    verdict, primary = diagnosis.verdict, diagnosis.primary
    found = {finding.id for finding in diagnosis.findings}
    if verdict.status.value not in scene.statuses:
        wrong.append(f"status {verdict.status.value}, not {'/'.join(sorted(scene.statuses))}")
    if scene.healthy:
        loud = [item.id for item in diagnosis.findings if item.severity is not Severity.INFO]
        if loud:
            wrong.append(f"false alarm {', '.join(loud)}")
    elif verdict.primary not in scene.primary:
        wrong.append(f"primary {verdict.primary}, not {'/'.join(sorted(scene.primary))}")
    if scene.vendor and not (primary and scene.vendor in (primary.vendor or "")):
        wrong.append(f"vendor {primary.vendor if primary else None}, not {scene.vendor}")
    if scene.subject and not (primary and scene.subject in primary.subjects):
        wrong.append(f"subjects {primary.subjects if primary else None}, not {scene.subject}")
    if missing := scene.also - found:
        wrong.append(f"missing {', '.join(sorted(missing))}")
    if unwanted := scene.never & found:
        wrong.append(f"unwanted {', '.join(sorted(unwanted))}")
    return wrong


def main() -> int:
    chosen = [SCENES[name] for name in sys.argv[1:]] or list(SCENES.values())
    named: Counter[tuple[str, str]] = Counter()
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for scene in chosen:
            diagnosis = judged(scene, Path(folder))
            wrong = misses(scene, diagnosis)
            primary = diagnosis.primary
            loud = primary is not None and primary.severity is not Severity.INFO
            family = primary.id.split(".")[0] if primary and loud else "none"
            named[scene.fault, family] += 1
            total[scene.fault] += 1
            right[scene.fault] += not wrong
            if wrong:
                print(f"MISS {scene.name}: {'; '.join(wrong)}")
    families = sorted({family for _, family in named})
    print(f"\n{'true fault':12}{'right':>8}  named as: " + "".join(f"{f:>9}" for f in families))
    for fault in total:
        cells = "".join(f"{named[fault, family] or '.':>9}" for family in families)
        print(f"{fault:12}{right[fault]:>4}/{total[fault]:<4}           {cells}")
    print(f"{'all':12}{right.total():>4}/{total.total():<4}")
    return 0 if right == total else 1


if __name__ == "__main__":
    sys.exit(main())
