"""The way from the browser to the service, with the place where it breaks.

The five stations never change, so their coordinates are set by hand, once
lying for wide pages and once standing for narrow ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from analysis.knowledge import hosts
from analysis.model.diagnosis import Diagnosis, Locus, Status
from analysis.model.frames import Tables
from analysis.model.message import Message, say
from analysis.report.language import Language
from analysis.report.safe import plain
from analysis.report.words import BROKEN_PLACE

type Point = tuple[int, int]

_NODE_OF = {
    Locus.BROWSER: 0,
    Locus.DEVICE: 0,
    Locus.CAPTURE: 0,
    Locus.DNS: 1,
    Locus.VPN_PROXY: 2,
    Locus.SERVICE: 4,
    Locus.ACCOUNT: 4,
}
_LINK_OF = {Locus.NETWORK: 2}  # the link that leaves the third station
_AREAS = (
    frozenset({"browser", "device", "host"}),
    frozenset({"dns"}),
    frozenset({"vpn", "proxy", "vpn-proxy", "latency"}),
    frozenset({"network", "tcp", "tls", "quic"}),
    frozenset(
        {"http", "service", "ws", "websocket", "sse", "stream", "script", "scripts", "resources"}
    ),
)
_LONGEST_NAME = 253  # RFC 1035: a longer one is no host name
_LABEL = 20  # columns that fit a station


@dataclass(frozen=True, slots=True)
class Station:
    """One box: what it is, what was seen of it, and its place in the drawing (SVG units)."""

    name: str
    detail: str
    broken: bool
    judged: bool
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Link:
    """One line between two boxes, (x1, y1) to (x2, y2)."""

    broken: bool
    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def middle(self) -> tuple[float, float]:
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2


@dataclass(frozen=True, slots=True)
class PathDrawing:
    """Boxes and lines of one layout; `mark` is the word at the broken place."""

    layout: str  # "lying" or "standing"
    width: int
    height: int
    stations: tuple[Station, ...]
    links: tuple[Link, ...]
    mark: str
    text: str  # the same in words, for those who do not see it


BOX_WIDTH, BOX_HEIGHT = 150, 64


def path_of(
    diagnosis: Diagnosis, tables: Tables, language: Language = Language.EN
) -> tuple[PathDrawing, PathDrawing]:
    """The lying and the standing drawing."""
    verdict = diagnosis.verdict
    mark = language.text(BROKEN_PLACE.get(verdict.status, ""))
    node = _NODE_OF.get(verdict.locus) if mark else None
    link = _LINK_OF.get(verdict.locus) if mark else None
    details = _details(diagnosis, tables, language)
    text = language.text(_in_words(details, node, link, verdict.status))
    judged = [_judged(diagnosis, areas) for areas in _AREAS]

    def lay(layout: str, size: Point, start: Point, step: Point, *ports: Point) -> PathDrawing:
        leave, arrive = ports
        stations = tuple(
            Station(name, detail, place == node, judged[place],
                    start[0] + step[0] * place, start[1] + step[1] * place)
            for place, (name, detail) in enumerate(details)
        )  # fmt: skip
        links = tuple(
            Link(place == link, left.x + leave[0], left.y + leave[1],
                 right.x + arrive[0], right.y + arrive[1])
            for place, (left, right) in enumerate(pairwise(stations))
        )  # fmt: skip
        return PathDrawing(layout, *size, stations, links, mark, text)

    x, y = BOX_WIDTH // 2, BOX_HEIGHT // 2
    return (
        lay("lying", (960, 130), (1, 30), (202, 0), (BOX_WIDTH, y), (0, y)),
        lay("standing", (320, 500), (130, 10), (0, 104), (x, BOX_HEIGHT), (x, 0)),
    )


def _judged(diagnosis: Diagnosis, areas: frozenset[str]) -> bool:
    """False when coverage names these areas and none of them could be assessed."""
    named = [area.assessed for area in diagnosis.coverage if area.area in areas]
    return any(named) or not named


def _most_frequent(values: pd.Series[str]) -> str | None:
    counts = values.dropna().value_counts()
    return None if counts.empty else plain(str(counts.index[0]), 80)


def _details(
    diagnosis: Diagnosis, tables: Tables, language: Language
) -> tuple[tuple[str, str], ...]:
    """Name of each station and what was seen of it."""
    listed = hosts().is_chatgpt
    dns, tls = tables["dns"], _about(tables["tls"], "sni", listed)
    made = _about(tables["connections"], "host", listed)
    http = _about(tables["http"], "host", listed)
    asked = dns[dns["response"].eq(other=False).fillna(value=False).astype(bool)]
    resolver = _most_frequent(asked["dst"])
    edge = _most_frequent(http["server"]) or _most_frequent(made["address"])
    edge = edge or _most_frequent(tls["server"])
    host = _most_frequent(http["host"]) or _most_frequent(tls["sni"])
    facts = tables["host"]
    machine = _most_frequent(facts[facts["section"] == "os"]["value"].head(1))
    via = _most_frequent(made["via"]) or _named_on_the_way(diagnosis)
    unseen = say("not seen")
    stations: tuple[tuple[str, str], ...] = (
        (say("Device"), machine or say("browser")),
        (say("Resolver"), resolver or unseen),
        (say("VPN or proxy"), via or (say("none seen in use") if len(made) else unseen)),
        (say("Edge"), edge or unseen),
        ("ChatGPT", host or unseen),
    )
    return tuple((language.text(name), _short(language.text(what))) for name, what in stations)


def _about(frame: pd.DataFrame, column: str, wanted: Callable[[str], bool]) -> pd.DataFrame:
    """The rows about hosts of ChatGPT: the path is theirs, not that of other traffic."""
    names = {name for name in frame[column].dropna().unique() if wanted(str(name)[:_LONGEST_NAME])}
    return frame[frame[column].isin(names)]


def _named_on_the_way(diagnosis: Diagnosis) -> str | None:
    """The VPN or proxy that a finding names; the most certain one."""
    findings = [item for item in diagnosis.findings if item.locus is Locus.VPN_PROXY]
    for finding in sorted(findings, key=lambda item: -item.confidence):
        if finding.vendor or finding.subjects:
            return plain(finding.vendor or finding.subjects[0], 80)
    return None


def _short(text: str) -> str:
    return text if len(text) <= _LABEL else text[: _LABEL - 1] + "…"


def _in_words(
    details: tuple[tuple[str, str], ...],
    node: int | None,
    link: int | None,
    status: Status,
) -> Message:
    way = ", ".join(f"{name} ({detail})" for name, detail in details)
    if node is not None:
        return say(
            "The path: {way}. Its trouble is at: {station}.", way=way, station=details[node][0]
        )
    if link is not None:
        return say(
            "The path: {way}. Its trouble is between {one} and {other}.",
            way=way,
            one=details[link][0],
            other=details[link + 1][0],
        )
    if status is Status.OK:
        return say("The path: {way}. No broken place was found.", way=way)
    return say("The path: {way}. The place of the trouble is not known.", way=way)
