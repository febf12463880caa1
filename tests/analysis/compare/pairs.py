"""Pairs of captures, drawn with the builders of the scenes, read and compared as a user would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from scene_flows import Flows
from scene_har import Har
from scene_wire import Wire

from analysis.compare import Prepared, compare, prepare
from analysis.diagnose import diagnose
from analysis.model.comparison import Candidate, Pair
from analysis.read import read_source

CAPTURES = Path(__file__).parents[3] / "captures"
ENDINGS = {Har: ".har", Flows: ".mitm", Wire: ".pcap"}

type Draw = Callable[..., object]


def run(path: Path, label: str) -> Prepared:
    """One capture as the command line prepares it."""
    tables = read_source(path)
    return prepare(label, tables, diagnose(tables))


def drawn(kind: type[Har] | type[Flows] | type[Wire], draw: Draw, folder: Path, label: str) -> Path:
    """A capture file that `draw` fills."""
    made = kind()
    draw(made)
    return made.save(folder / f"{label}{ENDINGS[kind]}")


def pair_of(
    kind: type[Har] | type[Flows] | type[Wire], baseline: Draw, suspect: Draw, folder: Path
) -> Pair:
    """Two drawn captures, compared."""
    runs = [
        run(drawn(kind, draw, folder, label), label)
        for label, draw in (("baseline", baseline), ("suspect", suspect))
    ]
    return compare(runs).pairs[0]


def chosen(pair: Pair) -> Candidate:
    """The candidate, which must be there."""
    assert pair.candidate is not None, pair.headline
    return pair.candidate


def keys(pair: Pair) -> set[str]:
    """What differs."""
    return {item.key for item in pair.differences}


def trace(place: str, centre: str, warp: str = "off", address: str = "203.0.113.9") -> str:
    """The edge's own page about a client."""
    return f"fl=1f\nh=chatgpt.com\nip={address}\ncolo={centre}\nloc={place}\nwarp={warp}\n"
