"""``chatpath report``: one HTML file for IT staff."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.common import LanguageOption, RulesOption, SourcesArgument
from agent.cli.language import chosen, told


def report(
    sources: SourcesArgument,
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FILE.html", help="Where to write the report.")
    ],
    lang: LanguageOption = None,
    rules: RulesOption = None,
) -> None:
    """Write the report of saved captures as one self-contained HTML file.

    The exit code is that of analyze.
    """
    from agent.cli.common import exit_code, read_and_diagnose, write_text
    from analysis.report.html import render_html

    language = chosen(lang)
    tables, diagnosis = read_and_diagnose(sources, rules)
    write_text(out, render_html(diagnosis, tables, language))
    typer.echo(f"{out}: {told(diagnosis.verdict.headline)}", err=True)
    raise typer.Exit(exit_code(diagnosis))
