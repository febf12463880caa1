"""``chatpath findings``: the catalogue of everything chatpath can claim."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli.common import LanguageOption
from agent.cli.language import chosen, told
from analysis.model.message import say


def findings(
    finding: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One finding, such as dns.sinkhole.")
    ] = None,
    lang: LanguageOption = None,
) -> None:
    """Show what chatpath can find, or what one finding means and does not prove."""
    from analysis.knowledge import findings as catalogue
    from analysis.model.errors import UsageError

    chosen(lang)

    if finding is None:
        width = max(len(entry.id) for entry in catalogue())
        for entry in catalogue():
            typer.echo(f"{entry.id:<{width}}  {entry.severity:<8}  {told(entry.claim)}")
        return
    found = catalogue().get(finding)
    if found is None:
        raise UsageError(
            say(
                "There is no finding {finding}; chatpath findings lists those that there are.",
                finding=repr(finding),
            )
        )
    typer.echo(f"{found.id} ({found.severity}, {found.locus})\n\n{told(found.claim)}.")
    if found.signals:
        typer.echo("\n" + told(say("Signals: {signals}.", signals=found.signals)))
    if found.does_not_prove:
        limits = told(say("What it does not prove: {what}", what=found.does_not_prove))
        typer.echo(f"\n{limits.rstrip('.')}.")
