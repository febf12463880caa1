"""`python -m tests.lab`: run scenes, list them, or add a labelled capture.

run [NAME ...] [--seed N] [--jobs N] [--ci] [--check] [--again] [--judge]
list
add BUNDLE --name NAME --cause ID ... | --healthy
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from tests.lab import document, labelled, matrix
from tests.lab.oracle import Outcome, judge
from tests.lab.pinned import is_pinned, run_pinned
from tests.lab.results import STORE, Result, earlier, folder_of, recorded, store, stored
from tests.lab.runner import judge_again, run_scene, scenes_named
from tests.lab.scene import Scene, load_scenes
from tests.lab.service_plan import PlanError

TRIES = 2
"""A scene that did not run to its end on a busy machine is run once more; a verdict never is."""


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0 as expected, 1 worse than committed, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    if options.command == "run" and not is_pinned():
        return run_pinned(sys.argv[1:] if arguments is None else arguments)
    try:
        if options.command == "list":
            return _list()
        if options.command == "add":
            labelled.add(
                options.bundle, options.name, options.cause, options.status, options.subject
            )
            return 0
        return _run(options)
    except (PlanError, labelled.LabelError) as error:
        sys.stderr.write(f"lab: {error}\n")
        return 2


def _run(options: argparse.Namespace) -> int:
    scenes = list(scenes_named(load_scenes(), options.names))
    if options.ci:
        scenes = [scene for scene in scenes if scene.ci]
    began = time.monotonic()
    results: dict[str, Result] = {}
    waiting = []
    for scene in scenes:
        found = None if options.again or options.judge else stored(scene, options.seed)
        if found is not None:
            results[scene.name] = found
        else:
            waiting.append(scene)
    if results:
        _say(f"{len(results)} scenes have a result already ({STORE.name}/); --again runs them anew")
    one = partial(_one, seed=options.seed, judge_only=options.judge, again=options.again)
    with ThreadPoolExecutor(options.jobs) as pool:
        jobs = {pool.submit(one, scene): scene for scene in waiting}
        try:
            for number, job in enumerate(as_completed(jobs), start=1):
                result = results[jobs[job].name] = job.result()
                _say(f"[{number}/{len(waiting)}] {_line(result)}")
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            _say("interrupted; run it again to go on")
            return 130
    made = matrix.build_matrix(scenes, results.values())
    _summary(made, time.monotonic() - began)
    if options.check:
        return _compare(scenes, results, options.seed)
    if not options.names and not options.ci:
        matrix.write_json(made)
        document.write(made, load_scenes())
        _say(f"wrote {matrix.MATRIX.name} and {document.DOCUMENT.name} in docs/")
    return 0


def _one(scene: Scene, *, seed: int, judge_only: bool, again: bool) -> Result:
    folder = folder_of(scene, seed)
    if judge_only or (not again and recorded(scene, seed)):
        run = judge_again(scene, seed, folder)
        before = earlier(scene, seed)
        if before is not None:
            run.took, run.seconds = before.took, before.seconds
    else:
        for _ in range(TRIES):
            shutil.rmtree(folder, ignore_errors=True)
            run = run_scene(scene, seed, folder)
            if run.trouble is None:
                break
    if run.skipped is not None or run.diagnosis is None:
        outcome = Outcome.SKIPPED if run.skipped else Outcome.FAILED
        reason = run.skipped or run.trouble or "no diagnosis"
        return Result(scene.name, seed, outcome, [reason], seconds=run.seconds, took=run.took)
    judged = judge(scene.truth, run.diagnosis)
    result = Result(
        scene.name,
        seed,
        judged.outcome,
        list(judged.reasons),
        judged.status,
        judged.primary,
        list(judged.found),
        run.seconds,
        run.took,
    )
    store(scene, seed, result)
    return result


def _compare(scenes: list[Scene], results: dict[str, Result], seed: int) -> int:
    """1 where a scene is worse than committed, twice: at first, and recorded once more alone.

    On a busy machine a scene at the edge of a threshold falls on either side; a
    detector that broke is wrong both times.
    """
    committed = matrix.read_json()
    at_first = matrix.worse(committed, matrix.build_matrix(scenes, results.values()))
    for complaint in at_first:
        _say(f"worse than the committed matrix, once more: {complaint}")
    names = {complaint.partition(":")[0] for complaint in at_first}
    doubtful = [scene for scene in scenes if scene.name in names]
    anew = [_one(scene, seed=seed, judge_only=False, again=True) for scene in doubtful]
    complaints = matrix.worse(committed, matrix.build_matrix(doubtful, anew))
    for complaint in complaints:
        _say(f"worse than the committed matrix, twice: {complaint}")
    return 1 if complaints else 0


def _summary(made: dict[str, object], seconds: float) -> None:
    rates = made["rates"]
    assert isinstance(rates, dict)
    for name, rate in rates.items():
        _say(f"{name.replace('_', ' ')}: {rate['count']} of {rate['of']}")
    _say(f"outcomes: {made['outcomes']}; {seconds:.0f} s")


def _list() -> int:
    for scene in load_scenes():
        truth = ", ".join(scene.truth.causes) or "healthy"
        sys.stdout.write(f"{scene.family:12} {scene.name:36} {truth}\n")
    return 0


def _line(result: Result) -> str:
    reasons = f": {'; '.join(result.reasons)}" if result.reasons else ""
    return f"{result.outcome.value:11} {result.scene} ({result.seconds:.0f} s){reasons}"


def _say(text: str) -> None:
    sys.stderr.write(f"lab: {text}\n")
    sys.stderr.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run scenes and judge what chatpath says of them")
    run.add_argument("names", nargs="*", help="scenes or families; all when none is named")
    run.add_argument("--seed", type=int, default=1)
    run.add_argument("--jobs", type=int, default=2)
    run.add_argument("--ci", action="store_true", help="the short selection")
    run.add_argument("--check", action="store_true", help="fail where it got worse")
    run.add_argument("--judge", action="store_true", help="judge the bundles of earlier runs anew")
    run.add_argument("--again", action="store_true", help="also what has a result already")
    commands.add_parser("list", help="name every scene with its true cause")
    add = commands.add_parser("add", help="make a golden case of a bundle")
    add.add_argument("bundle", type=Path)
    add.add_argument("--name", required=True, help="of the file in captures/, without .zip")
    add.add_argument("--cause", action="append", default=[], help="true cause; none when healthy")
    add.add_argument("--status", action="append", default=[], help="a right status")
    add.add_argument("--subject", action="append", default=[], help="a host that must be named")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
