"""Any tables a reader may hand over, with holes anywhere, are judged without an error."""

from __future__ import annotations

import json
import random

import pytest
from handmade import Row

from analysis.diagnose import diagnose
from analysis.model.frames import Tables, frame_of_rows
from analysis.model.tables import SCHEMAS

WORDS = (
    "chatgpt.com",
    "ws.chatgpt.com",
    "0.0.0.0",
    "104.18.32.47",
    "",
    "A",
    "server",
    "client",
    "never_asked",
    "failed",
    "loaded",
    "gone",
    "replaced",
    "refused",
    "script",
    "cut",
    "connect",
    "tls",
    "/ws/x",
    "Certificate verify failed",
    "page",
    "w1",
)
NUMBERS = (0, 1, 2, 3, 5, 15, 17, 101, 200, 404, 1006, 1011, 443, -1, 2**62)
TIMES = (0.0, 100.0, 101.5, 160.0, 400.0, -5.0, 1e18)


def value(kind: str, dice: random.Random) -> object:
    if dice.random() < 0.3:
        return None
    match kind:
        case "int":
            return dice.choice(NUMBERS)
        case "float":
            return dice.choice(TIMES)
        case "bool":
            return dice.random() < 0.5
        case "str":
            return dice.choice(WORDS)
        case "list[str]":
            return [dice.choice(WORDS) for _ in range(dice.randrange(3))]
        case _:
            return [dice.choice(NUMBERS) for _ in range(dice.randrange(3))]


def row(name: str, dice: random.Random) -> Row:
    return {column.name: value(column.type, dice) for column in SCHEMAS[name].columns}


@pytest.mark.parametrize("seed", range(40))
def test_holes_and_odd_values_raise_nothing(seed: int) -> None:
    dice = random.Random(seed)
    frames = {
        name: frame_of_rows(name, [row(name, dice) for _ in range(dice.randrange(12))])
        for name in SCHEMAS
    }
    diagnosis = diagnose(Tables.of(frames))
    json.dumps(diagnosis.to_json(), allow_nan=False)
    ids = {finding.id for finding in diagnosis.findings}
    for finding in diagnosis.findings:
        assert 0 <= finding.confidence <= 1
        assert finding.remedy is not None
        assert finding.explained_by is None or finding.explained_by in ids
    if diagnosis.verdict.primary is not None:
        assert diagnosis.primary is not None
