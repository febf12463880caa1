"""The figures of a session on the terminal page: the same that the HTML report draws."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.model.diagnosis import Diagnosis
from analysis.model.message import Message, joined, plural, say, some
from analysis.report import words
from analysis.report.budget import legs_of
from analysis.report.language import Language
from analysis.report.recording import recordings_of
from analysis.report.requirements import ListEntry, entries_of
from analysis.report.safe import CELL, plain
from analysis.report.terminal import TerminalPage

_MOST_MARKERS = 30
_VOICE = say("Voice media servers")


def write_when_and_where(page: TerminalPage, diagnosis: Diagnosis, language: Language) -> None:
    """When the session took place and on which machine, as far as both are known."""
    firsts = [source.first_seen for source in diagnosis.sources if source.first_seen is not None]
    lasts = [source.last_seen for source in diagnosis.sources if source.last_seen is not None]
    when = words.span(min(firsts, default=None), max(lasts, default=None))
    machine = diagnosis.measurements.get("machine")
    parts = [
        say("When: {when}.", when=when) if when else "",
        say("Machine: {machine}.", machine=plain(str(machine), CELL)) if machine else "",
    ]
    line = language.text(joined(parts, "  "))
    if line:
        page.line(line)


def write_figures(page: TerminalPage, diagnosis: Diagnosis, language: Language) -> None:
    """Delay by leg, websockets and streams, OpenAI's list, and what was typed meanwhile."""
    _delay(page, diagnosis, language)
    _health(page, diagnosis, language)
    _requirements(page, diagnosis, language)
    _markers(page, diagnosis, language)


def _delay(page: TerminalPage, diagnosis: Diagnosis, language: Language) -> None:
    legs = legs_of(diagnosis, language)
    if not legs:
        return
    page.title(language.text(say("Where the time goes")))
    column = max(len(leg.name) for leg in legs)
    for leg in legs:
        median = words.milliseconds(leg.median_ms)
        p95 = "" if leg.p95_ms is None else words.milliseconds(leg.p95_ms)
        tail = joined(
            [
                say("95 %: {p95}", p95=p95) if p95 else "",
                "" if leg.n is None else plural("{n} time", "{n} times", leg.n),
                leg.note,
            ],
            ", ",
        )
        page.line(
            f"{leg.name:<{column}}  ",
            (f"{median:>9}", "bold"),
            f"  {language.text(tail)}",
            indent=2,
            hang=column + 13,
        )


def _health(page: TerminalPage, diagnosis: Diagnosis, language: Language) -> None:
    sockets, streams = (
        _mapping(diagnosis.measurements.get(name)) for name in ("websockets", "streams")
    )
    lines: list[str] = []
    if sockets:
        codes = _mapping(sockets.get("close_codes"))
        seen = ", ".join(f"{code} ({times})" for code, times in codes.items())
        gap = sockets.get("longest_gap_s")
        lines += [
            plural("{n} websocket opened", "{n} websockets opened", _count(sockets, "opened")),
            say("{n} not opened", n=_count(sockets, "not_opened")),
            say(
                "data frames: {up} up, {down} down",
                up=_count(sockets, "client_frames"),
                down=_count(sockets, "server_frames"),
            ),
            plural("{n} ping without pong", "{n} pings without pong",
                   _count(sockets, "pings_unanswered")),
            say("longest silence {gap}", gap=words.milliseconds(1000 * gap))
            if isinstance(gap, (int, float)) else "",
            say("close codes: {codes}", codes=seen) if seen else "",
        ]  # fmt: skip
    if streams:
        ends = _mapping(streams.get("ends"))
        seen = ", ".join(f"{end} ({times})" for end, times in ends.items())
        first, gap = streams.get("first_octet_median_ms"), streams.get("gap_max_ms")
        lines += [
            plural("{n} streamed answer", "{n} streamed answers", _count(streams, "streams")),
            say("ends: {ends}", ends=seen) if seen else "",
            say("first part after {time} (median)", time=words.milliseconds(first))
            if isinstance(first, (int, float)) else "",
            say("longest gap between chunks {gap}", gap=words.milliseconds(gap))
            if isinstance(gap, (int, float)) else "",
        ]  # fmt: skip
    if lines:
        page.title(language.text(say("Websockets and streamed answers over time")))
        for line in lines:
            if line:
                page.line(plain(language.text(line)), indent=2, hang=2)


def _requirements(page: TerminalPage, diagnosis: Diagnosis, language: Language) -> None:
    entries = entries_of(diagnosis)
    if not entries:
        return
    page.title(language.text(say("OpenAI's requirements")))
    states: tuple[tuple[str, Message, str], ...] = (
        ("blocked", say("Blocked:"), "bold red"),
        ("ok", say("OK:"), "green"),
        ("not_seen", say("Not seen:"), "yellow"),
    )
    for status, label, style in states:
        names = [language.text(_name(entry)) for entry in entries if entry.status == status]
        if names:
            shown = plain(", ".join(names), 4000)
            page.line((language.text(label), style), f" {shown}", indent=2, hang=2)


def _name(entry: ListEntry) -> str:
    name = _VOICE if entry.name is None else entry.name
    return say("{name} ({hosts})", name=name, hosts=some(entry.blocked)) if entry.blocked else name


def _markers(page: TerminalPage, diagnosis: Diagnosis, language: Language) -> None:
    given = diagnosis.measurements.get("markers")
    entries = [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []
    if not entries:
        return
    page.title(language.text(say("Remarks typed during the session")))
    for entry in entries[:_MOST_MARKERS]:
        page.line(f"{entry.get('time')}  {plain(str(entry.get('text')), CELL)}", indent=2, hang=2)


def write_recordings(page: TerminalPage, diagnosis: Diagnosis, language: Language) -> None:
    """How each bundle was recorded, its losses and our own effect."""
    for source, lines in recordings_of(diagnosis):
        heading = say("How {source} was recorded", source=plain(source, CELL))
        page.title(language.text(heading))
        for label, text in lines:
            page.line(f"{language.text(label)}: {plain(language.text(text))}", indent=2, hang=2)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _count(given: Mapping[str, object], name: str) -> int:
    value = given.get(name)
    return value if isinstance(value, int) else 0
