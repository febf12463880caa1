"""The records of a large pcap file are found from many places at once."""

import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packets_build import pcap, written

from analysis.read.packets import pcap as reader
from analysis.read.packets.container import CHUNK, blocks


def _records(order: str, chance: random.Random, *, start: float, decoys: float) -> bytes:
    """Above 2 MB; a share of the payloads look like headers of records themselves."""
    decoy = struct.pack(order + "IIII", 1_700_004_000, 0, 40, 40) * 90
    sizes = (0, 60, 66, 1400, 1440)
    frames = [
        (decoy if chance.random() < decoys else chance.randbytes(1440))[: chance.choice(sizes)]
        for _ in range(4000)
    ]
    return pcap(frames, order=order, start=start, step=4)


def _read(content: bytes, path: Path) -> tuple[list[int], list[int], list[str]]:
    problems: list[str] = []
    frames, starts = [], []
    with written(path, content).open("rb") as stream:
        for block in blocks(stream, "a", problems, packed=False):
            frames += block.frame.tolist()
            starts += (block.offset + block.caplen).tolist()
    return frames, starts, problems


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each walk from many places came to an end."""
    found: list[bool] = []
    walk = reader._together

    def noted(*args: Any) -> object:
        result = walk(*args)
        found.append(result is not None)
        return result

    monkeypatch.setattr(reader, "_together", noted)
    return found


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("damage", ["none", "cut", "length", "decoys", "timeless", "small"])
def test_the_same_records_as_one_by_one(
    order: str,
    damage: str,
    tmp_path: Path,
    together: list[bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chance = random.Random(order + damage)
    content = _records(
        order,
        chance,
        start=0 if damage == "timeless" else 1_700_004_000,
        decoys=0.5 if damage == "decoys" else 0,
    )
    assert len(content) < CHUNK
    if damage == "cut":
        content = content[:-700]
    elif damage == "length":
        with written(tmp_path / "sound", content).open("rb") as stream:
            block = next(blocks(stream, "a", [], packed=False))
        at = int(block.offset[2500]) - 8
        content = content[:at] + struct.pack(order + "I", 0xFFFF_FFF0) + content[at + 4 :]
    elif damage == "small":
        content = pcap([b""] * 90_000, order=order)
    together.clear()
    found = _read(content, tmp_path / "a")
    assert together == [damage in ("none", "cut")]
    monkeypatch.setattr(reader, "_WORTH", 1 << 60)
    assert found == _read(content, tmp_path / "b")
    assert len(together) == 1
    assert np.all(np.diff(found[1]) >= 0)
