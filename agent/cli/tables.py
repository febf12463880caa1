"""``chatpath tables``: what was observed, for programs and spreadsheets."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analysis.model.message import joined, say
from analysis.model.tables import SCHEMAS

if TYPE_CHECKING:
    import pandas as pd


class TableFormat(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"
    JSON = "json"


TableName = StrEnum("TableName", {name.upper(): name for name in (*SCHEMAS, "all")})  # type: ignore[misc]


def tables(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="A bundle, pcap, pcapng, flow file, HAR or NetLog.",
            show_default=False,
        ),
    ],
    table: Annotated[TableName, typer.Option("--table", help="Which table.")],
    output: Annotated[
        TableFormat, typer.Option("--format", help="File format; parquet needs -o.")
    ] = TableFormat.CSV,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="File to write; for all tables a folder.", metavar="PATH"),
    ] = None,
) -> None:
    """Write the tables of a capture, without any judgment."""
    from agent.cli.common import warn
    from analysis.model.errors import UsageError
    from analysis.read import read_source

    everything = table.value == "all"
    if everything and out is None:
        raise UsageError(say("All tables need a folder to go to; add -o FOLDER."))
    if output is TableFormat.PARQUET and out is None:
        raise UsageError(say("Parquet cannot go to the terminal; add -o FILE."))
    found = read_source(source)
    for read in found.sources:
        for problem in read.problems:
            warn(joined([read.path, problem], ": "))
    if everything:
        assert out is not None
        for name in SCHEMAS:
            _write(found[name], output, out / f"{name}.{output.value}")
    elif out is None:
        typer.echo(_text(found[table.value], output), nl=False)
    else:
        _write(found[table.value], output, out)


def _text(frame: pd.DataFrame, output: TableFormat) -> str:
    if output is TableFormat.CSV:
        lists = {
            name: frame[name].map(lambda value: ";".join(map(str, value)), na_action="ignore")
            for name in frame.columns
            if str(frame[name].dtype).startswith("list")
        }
        return frame.assign(**lists).to_csv(index=False)
    import json

    import pyarrow as pa

    rows = pa.Table.from_pandas(frame, preserve_index=False).to_pylist()
    return json.dumps(rows, indent=1, ensure_ascii=True) + "\n"


def _write(frame: pd.DataFrame, output: TableFormat, path: Path) -> None:
    from agent.cli.common import write_text
    from analysis.model.errors import UsageError

    if output is not TableFormat.PARQUET:
        write_text(path, _text(frame, output))
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(path, index=False)
    except OSError as error:
        raise UsageError(
            say(
                "{path} cannot be written ({reason}); name another place with -o.",
                path=str(path),
                reason=str(error.strerror),
            )
        ) from error
