"""Reading the knowledge tables: tab-separated, one header line, checked on loading.

A table is part of the program, so a broken one is a programming error and
raises ValueError with the file and the line.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

type TableRow = dict[str, str]


@cache
def rows(name: str, required: tuple[str, ...] = ()) -> tuple[TableRow, ...]:
    """All rows of ``<name>.tsv``; columns named in `required` are never empty."""
    text = files("analysis.knowledge").joinpath(f"{name}.tsv").read_text(encoding="utf-8")
    reader = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    found: list[TableRow] = []
    for row in reader:
        line = reader.line_num
        if None in row or None in row.values():
            raise ValueError(f"{name}.tsv line {line}: wrong number of columns")
        for column in required:
            if not row[column].strip():
                raise ValueError(f"{name}.tsv line {line}: {column} is empty")
        found.append(row)
    if not found:
        raise ValueError(f"{name}.tsv has no rows")
    return tuple(found)


def flag(row: TableRow, column: str) -> bool:
    """A yes/no column. Raises ValueError for any other word."""
    value = row[column]
    if value not in ("yes", "no"):
        raise ValueError(f"{column} is {value!r}, not yes or no")
    return value == "yes"


def listed(text: str, separator: str = ";") -> tuple[str, ...]:
    """The words of a cell that holds several."""
    return tuple(word.strip() for word in text.split(separator) if word.strip())
