"""The 19 tampering signatures of SIGCOMM 2023, mirrored to the client's seat."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from analysis.knowledge import table
from analysis.model.message import say


@dataclass(frozen=True, slots=True)
class Signature:
    """One row of tampering.tsv.

    `name` is the paper's notation (server's seat), `client_sees` the same from
    the client's. `odd` marks what no genuine TCP stack does.
    """

    number: int
    stage: str
    name: str
    client_sees: str
    odd: bool


@cache
def _signatures() -> dict[int, Signature]:
    required = ("number", "stage", "signature", "client_sees", "odd", "source", "date")
    return {
        int(row["number"]): Signature(
            int(row["number"]),
            row["stage"],
            row["signature"],
            say(row["client_sees"]),
            table.flag(row, "odd"),
        )
        for row in table.rows("tampering", required)
    }


def signature(number: int) -> Signature:
    """A signature by the paper's number, 1 to 19. Raises KeyError for another."""
    return _signatures()[number]
