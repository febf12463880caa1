"""``chatpath analyze`` and ``chatpath replay``: the diagnosis of saved captures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.common import LanguageOption, OutputFormat, RulesOption, SourcesArgument
from agent.cli.language import chosen
from analysis.model.message import say
from analysis.report.language import Language

FormatOption = Annotated[
    OutputFormat, typer.Option("--format", help="text for people, json for programs.")
]


def analyze(
    sources: SourcesArgument,
    output: FormatOption = OutputFormat.TEXT,
    lang: LanguageOption = None,
    rules: RulesOption = None,
) -> None:
    """Name the cause in saved captures.

    Exit code 0: no problem found; 1: problem found; 3: input could not be read;
    4: not enough evidence for a verdict.
    """
    _diagnose(sources, output, lang, rules)


def replay(
    bundle: Annotated[
        Path, typer.Argument(metavar="BUNDLE", help="A bundle (folder or zip).", show_default=False)
    ],
    output: FormatOption = OutputFormat.TEXT,
    lang: LanguageOption = None,
    rules: RulesOption = None,
) -> None:
    """Diagnose a recorded session again, with today's rules."""
    from analysis.model.errors import InputError
    from analysis.read import is_bundle_path

    if bundle.exists() and not is_bundle_path(bundle):
        raise InputError(
            say(
                "{bundle} is no bundle; use chatpath analyze for other captures.",
                bundle=str(bundle),
            )
        )
    _diagnose([bundle], output, lang, rules)


def _diagnose(
    sources: list[Path], output: OutputFormat, lang: Language | None, rules: list[Path] | None
) -> None:
    from agent.cli.common import exit_code, print_diagnosis, read_and_diagnose

    language = chosen(lang)
    _, diagnosis = read_and_diagnose(sources, rules)
    print_diagnosis(diagnosis, output, language)
    raise typer.Exit(exit_code(diagnosis))
