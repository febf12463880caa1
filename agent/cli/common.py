"""What several commands share."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.language import told
from analysis.model.message import joined, say
from analysis.report.language import Language

if TYPE_CHECKING:
    from analysis.model.diagnosis import Diagnosis
    from analysis.model.frames import Tables

EXIT_OK, EXIT_PROBLEM, EXIT_INSUFFICIENT = 0, 1, 4

SourcesArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="SOURCE",
        help="A bundle (folder or zip), a pcap or pcapng, a mitmproxy flow file, a HAR or a "
        "NetLog; several are read as one session.",
        show_default=False,
    ),
]


class OutputFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


LanguageOption = Annotated[
    Language | None,
    typer.Option(
        "--lang",
        help="Language of the output; that of the system when not given.",
        show_default=False,
    ),
]


RulesOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--rules",
        metavar="FILE.py",
        help="A file with detectors of your own; may be given several times.",
        show_default=False,
    ),
]


def read_and_diagnose(
    sources: Sequence[Path], rules: Sequence[Path] | None = None
) -> tuple[Tables, Diagnosis]:
    """Tables and diagnosis of the sources as one session; problems go to stderr.

    `rules` are files with detectors of the user's own. Raises InputError when a
    file is damaged and what is left carries no verdict, UsageError for a file
    of rules that cannot be used.
    """
    from agent.rules import added_detectors
    from analysis.diagnose import diagnose
    from analysis.model.diagnosis import SourceKind, Status
    from analysis.model.errors import InputError
    from analysis.read import read_sources

    added = added_detectors(rules or (), warn)
    tables = read_sources(sources)
    diagnosis = diagnose(tables, added)
    if diagnosis.verdict.status is Status.INSUFFICIENT:
        for source in tables.sources:
            # a recording that was stopped is evidence that ran out; a damaged file is no evidence
            if source.problems and source.kind is not SourceKind.BUNDLE:
                problem = told(source.problems[0]).rstrip(".")
                raise InputError(
                    say(
                        "{file} could be read only in part ({problem}), and that part carries "
                        "no verdict; save the capture again.",
                        file=str(source.path),
                        problem=problem,
                    )
                )
    for source in tables.sources:
        for problem in source.problems:
            warn(joined([source.path, problem], ": "))
    return tables, diagnosis


def warn(sentence: str) -> None:
    """A sentence on stderr, in the language of this run."""
    typer.echo(f"chatpath: {told(sentence)}", err=True)


def exit_code(diagnosis: Diagnosis) -> int:
    """0 no problem found, 1 problem found, 4 evidence insufficient for any verdict."""
    from analysis.model.diagnosis import Status

    match diagnosis.verdict.status:
        case Status.OK:
            return EXIT_OK
        case Status.INSUFFICIENT:
            return EXIT_INSUFFICIENT
        case _:
            return EXIT_PROBLEM


def print_diagnosis(diagnosis: Diagnosis, output: OutputFormat, language: Language) -> None:
    """The diagnosis on stdout; plain text when stdout is no terminal."""
    if output is OutputFormat.JSON:
        from analysis.report.json_ import render_json

        typer.echo(render_json(diagnosis, language))
        return
    from analysis.report.text import render_text

    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else None
    typer.echo(render_text(diagnosis, language, width=width, color=terminal))


def write_text(path: Path, text: str) -> None:
    """Write a file the user named. Raises UsageError when that cannot be done."""
    from analysis.model.errors import UsageError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            say(
                "{path} cannot be written ({reason}); name another file with -o.",
                path=str(path),
                reason=str(error.strerror),
            )
        ) from error
