"""Every parser under a bounded number of damaged inputs, and good files cut anywhere.

`python tests/fuzz/campaign.py` does the same for as long as one likes.
"""

from __future__ import annotations

import random
import resource
import zlib

import fuzz_seeds
import pytest
from fuzz_targets import TARGETS, judged, read
from mutation import mutated

INPUTS = 80
JUDGED = 16
"""Every so many inputs are judged as well, which takes longer than reading them."""

CUTS = 200

MOST_MB = 400


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_inputs(name: str) -> None:
    target = TARGETS[name]
    good = target.seeds()
    chance = random.Random(zlib.crc32(name.encode()))
    before = _peak_mb()
    for number in range(INPUTS):
        damaged = mutated(chance.choice(good), good, chance)
        tables = read(target.file(damaged), target.name)
        if tables is not None and not number % JUDGED:
            judged(tables)
    assert _peak_mb() - before < MOST_MB


@pytest.mark.parametrize("name", TARGETS)
def test_sound_seeds_are_read(name: str) -> None:
    target = TARGETS[name]
    tables = [read(target.file(seed), target.name) for seed in target.seeds()]
    assert any(found is not None for found in tables)


@pytest.mark.parametrize("name", ["pcap", "pcapng", "gzip", "flows", "har", "netlog", "zip"])
def test_file_cut_at_200_places(name: str) -> None:
    target = TARGETS[name]
    content = target.seeds()[0]
    chance = random.Random(zlib.crc32(name.encode()) + 1)
    for place in sorted(chance.sample(range(len(content)), min(CUTS, len(content)))):
        tables = read(content[:place], target.name)
        if tables is not None:
            assert tables.sources


def test_seeds_hold_what_they_say() -> None:
    tables = read(fuzz_seeds.pcapng(), "x.pcapng")
    assert tables is not None
    assert [len(tables[table]) for table in ("dns", "tcp", "tls", "quic")] == [4, 1, 1, 1]
