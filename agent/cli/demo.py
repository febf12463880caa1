"""``chatpath demo``: real captures of faults made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.language import chosen, told
from analysis.model.message import plural, say

if TYPE_CHECKING:
    from agent.demo.run import SceneResult


def demo(
    scene: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Scene to run; may be given more than once."),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where bundles and reports go.")] = Path(
        "chatpath-demo"
    ),
    show_list: Annotated[bool, typer.Option("--list", help="List the scenes and exit.")] = False,
    built_in_client: Annotated[
        bool, typer.Option("--built-in-client", help="Do without Chromium.")
    ] = False,
) -> None:
    """Capture and diagnose sessions with a known fault. Needs no internet and no root.

    A wrong verdict gives exit code 1.
    """
    from agent.demo.scenes import SCENES, scene_named
    from analysis.model.errors import UsageError

    if show_list:
        for item in SCENES:
            typer.echo(f"{item.name:<18} {item.title}. {item.broken}")
        return
    try:
        scenes = [scene_named(name) for name in scene] if scene else list(SCENES)
    except KeyError as error:
        raise UsageError(
            say("There is no scene {error}; chatpath demo --list shows them.", error=str(error))
        ) from error
    from agent.demo.run import choose_browser, run_scene

    browser = None if built_in_client else choose_browser()
    client = f"{browser.name} (headless)" if browser else say("the built-in client")
    start = plural(
        "Recording {n} scene with {client} ...",
        "Recording {n} scenes with {client} ...",
        len(scenes),
        client=client,
    )
    typer.echo(told(start), err=True)
    language, results = chosen(None), []
    for item in scenes:
        typer.echo(f"  {item.name}: {item.title}", err=True)
        result = run_scene(item, out, browser, language)
        if result.note:
            typer.echo(f"    {told(result.note)}", err=True)
        results.append(result)
    _print_table(results)
    raise typer.Exit(0 if all(result.right for result in results) else 1)


def _print_table(results: list[SceneResult]) -> None:
    import sys

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 150)
    table = Table(title="chatpath demo", title_justify="left")
    table.add_column(told(say("scene")), no_wrap=True)
    table.add_column(told(say("verdict")), ratio=3)
    table.add_column(told(say("proof")), ratio=2)
    table.add_column(told(say("report")), ratio=2, overflow="fold")
    for result in results:
        word = told(say("right")) if result.right else told(say("WRONG"))
        mark = Text(f"{word} ", "green" if result.right else "bold red")
        verdict = mark + Text(
            f"{result.status}: {result.primary or told(say('no finding'))}\n{told(result.headline)}"
        )
        table.add_row(result.scene, verdict, Text(result.proof), Text(str(result.report)))
    console.print(table)
