"""The command line: `chatpath`.

Each command's own imports are inside its function: ``--help`` must answer
before anyone wonders whether it hangs.
"""

from __future__ import annotations

import sys
from typing import Any

import typer

from agent.cli import analyze, capture, compare, demo, findings, report, tables
from agent.cli.language import told
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
app.command("compare")(compare.compare)
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


def _help_only(arguments: list[str]) -> None:
    """Spare ``COMMAND --help`` the import of pydantic, which takes longer than all the rest.

    typer builds pydantic adapters for values that a help page never has. Its
    module is private: where it is not as expected, help is only slower.
    """
    if len(arguments) != 2 or arguments[1] not in {"-h", "--help"}:
        return
    coercion = sys.modules.get("typer._coercion")
    plain = getattr(coercion, "PassThroughRuntimeParam", None)
    if plain is not None and hasattr(coercion, "build_runtime_param"):

        def build(descriptor: Any) -> Any:
            return plain(annotation=descriptor.annotation, parameter_info=descriptor.parameter_info)

        for module in [item for name, item in sys.modules.items() if name.startswith("typer.")]:
            if hasattr(module, "build_runtime_param"):
                setattr(module, "build_runtime_param", build)  # noqa: B010 - of any module


def main() -> None:
    """Entry point: a ChatpathError becomes one sentence and its exit code."""
    _help_only(sys.argv[1:])
    try:
        app()
    except ChatpathError as error:
        typer.echo(f"chatpath: {told(error.sentence)}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # the reader of our output went away (| head): not an error of ours
        sys.stderr.close()
        sys.exit(0)
