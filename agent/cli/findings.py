"""``chatpath findings``: the catalogue of everything chatpath can claim."""

from __future__ import annotations

from typing import Annotated

import typer


def findings(
    finding: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One finding, such as dns.sinkhole.")
    ] = None,
) -> None:
    """Show what chatpath can find, or what one finding means and does not prove."""
    from analysis.knowledge import findings as catalogue
    from analysis.model.errors import UsageError

    if finding is None:
        width = max(len(entry.id) for entry in catalogue())
        for entry in catalogue():
            typer.echo(f"{entry.id:<{width}}  {entry.severity:<8}  {entry.claim}")
        return
    found = catalogue().get(finding)
    if found is None:
        raise UsageError(
            f"There is no finding {finding!r}; chatpath findings lists those that there are."
        )
    typer.echo(f"{found.id} ({found.severity}, {found.locus})\n\n{found.claim}.")
    if found.signals:
        typer.echo(f"\nSignals: {found.signals}.")
    if found.does_not_prove:
        typer.echo(f"\nWhat it does not prove: {found.does_not_prove}.")
