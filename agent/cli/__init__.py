"""The command line: `chatpath`.

Each command's own imports are inside its function: ``--help`` must answer
before anyone wonders whether it hangs.
"""

from __future__ import annotations

import sys

import typer

from agent.cli import analyze, capture, demo, findings, report, tables
from analysis.model.errors import ChatpathError

app = typer.Typer(
    name="chatpath",
    help="Why does ChatGPT fail here? Records the failing session and names the cause.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # rich would draw boxes around the help and take a third of its time
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("capture", context_settings={"allow_interspersed_args": False})(capture.capture)
app.command("analyze")(analyze.analyze)
app.command("report")(report.report)
app.command("tables")(tables.tables)
app.command("replay")(analyze.replay)
app.command("findings")(findings.findings)


@app.callback(invoke_without_command=True)
def version(
    show: bool = typer.Option(False, "--version", help="Show the version and exit."),
) -> None:
    if show:
        from agent import __version__

        typer.echo(f"chatpath {__version__}")
        raise typer.Exit


def main() -> None:
    """Entry point: a ChatpathError becomes one sentence and its exit code."""
    try:
        app()
    except ChatpathError as error:
        typer.echo(f"chatpath: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # the reader of our output went away (| head): not an error of ours
        sys.stderr.close()
        sys.exit(0)
