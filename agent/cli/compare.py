"""``chatpath compare``: which factor makes one session work and the other fail."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.common import (
    EXIT_INSUFFICIENT,
    EXIT_OK,
    EXIT_PROBLEM,
    LanguageOption,
    OutputFormat,
    RulesOption,
)
from agent.cli.language import chosen
from analysis.model.message import say
from analysis.report.language import Language

if TYPE_CHECKING:
    from analysis.model.comparison import Comparison

MAX_CAPTURES = 24
_MAX_LABEL = 60


def compare(
    captures: Annotated[
        list[Path],
        typer.Argument(
            metavar="BASELINE SUSPECT",
            help="The session that works, then the one that does not; each a bundle, pcap, flow "
            "file, HAR or NetLog. Further captures are each compared with the first.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE.html", help="Write a page as well.", show_default=False
        ),
    ] = None,
    output: Annotated[
        OutputFormat, typer.Option("--format", help="text for people, json for programs.")
    ] = OutputFormat.TEXT,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            help="What a capture is called, once for each in order. Captures with one label are "
            "repeats of one situation, and chance can then be excluded.",
            show_default=False,
        ),
    ] = None,
    lang: LanguageOption = None,
    rules: RulesOption = None,
) -> None:
    """Say which factor explains that one session works and the other does not.

    Exit code 0: no difference in outcome; 1: a difference; 3: input could not be
    read; 4: not enough evidence to compare.
    """
    from agent.cli.common import read_and_diagnose, warn, write_text
    from analysis.compare import compare as compare_runs
    from analysis.compare import prepare
    from analysis.model.comparison import Outcome

    language = chosen(lang)
    names = _labels(captures, labels)
    runs = []
    for name, capture in zip(names, captures, strict=True):
        # one after the other: only the facts of a run are kept
        tables, diagnosis = read_and_diagnose([capture], rules)
        runs.append(prepare(name, tables, diagnosis))
    comparison = compare_runs(runs)
    if out is not None:
        from analysis.report.compare_html import render_comparison_html

        write_text(out, render_comparison_html(comparison, language))
        warn(say("wrote {file}", file=str(out)))
    _print(comparison, output, language)
    codes = {Outcome.SAME: EXIT_OK, Outcome.DIFFERENT: EXIT_PROBLEM}
    raise typer.Exit(codes.get(comparison.outcome, EXIT_INSUFFICIENT))


def _print(comparison: Comparison, output: OutputFormat, language: Language) -> None:
    if output is OutputFormat.JSON:
        from analysis.report.json_ import render_json

        typer.echo(render_json(comparison, language), nl=False)
        return
    from analysis.report.compare_text import render_comparison_text

    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else None
    typer.echo(render_comparison_text(comparison, language, width=width, color=terminal), nl=False)


def _labels(captures: Sequence[Path], labels: Sequence[str] | None) -> list[str]:
    """One label for each capture: the given ones, else the names of the files, made distinct.

    Raises UsageError for a number of captures or labels that cannot be compared.
    """
    from analysis.model.errors import UsageError
    from analysis.model.printable import printable

    if len(captures) < 2:
        raise UsageError(say("There is nothing to compare; name a second capture."))
    if len(captures) > MAX_CAPTURES:
        raise UsageError(
            say(
                "At most {n} captures can be compared; name fewer.",
                n=MAX_CAPTURES,
            )
        )
    if not labels:
        return _distinct([printable(path.name.partition(".")[0])[:_MAX_LABEL] for path in captures])
    if len(labels) != len(captures):
        raise UsageError(
            say(
                "There are {captures} captures and {labels} labels; give --label once for each "
                "capture, in their order.",
                captures=len(captures),
                labels=len(labels),
            )
        )
    shown = [printable(label)[:_MAX_LABEL] or "unnamed" for label in labels]
    if len(set(shown)) < 2:
        raise UsageError(say("All captures have one label; give the two sides different labels."))
    return shown


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, numbered where two captures have the same: they are no repeats."""
    seen: Counter[str] = Counter()
    made = []
    for name in (name or "capture" for name in names):
        seen[name] += 1
        made.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return made
