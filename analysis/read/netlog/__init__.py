"""Chrome NetLog files as tables, event by event.

An exchange's flow id is ``netlog-N``, with N the number of its source as
chrome's netlog viewer shows it; connections are named in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from analysis.model.diagnosis import Source, SourceKind
from analysis.model.digest import FileDigest
from analysis.model.errors import InputError
from analysis.model.frames import Tables
from analysis.model.message import say
from analysis.read import fields
from analysis.read.netlog.connections import Connections
from analysis.read.netlog.events import Constants, Event
from analysis.read.netlog.links import BONDS, Links
from analysis.read.netlog.lookups import Lookups
from analysis.read.netlog.quic import QuicSessions
from analysis.read.netlog.records import NetLogFile, looks_like_netlog
from analysis.read.netlog.requests import Requests
from analysis.read.netlog.surroundings import Surroundings
from analysis.read.rows import RowFrames

__all__ = ["looks_like_netlog", "read_netlog"]

_ORDER = {"http": "started", "ws": "requested", "sse": "started", "connections": "started"}
"""Rows are made when their source ends; tables are in order of the beginning."""


def read_netlog(path: Path, name: str | None = None) -> Tables:
    """A NetLog as tables. Raises InputError when its constants or all its events are missing."""
    log = NetLogFile(path)
    constants = Constants(log.constants)
    if not constants.usable:
        raise InputError(
            say(
                "{path} is a NetLog without the constants that say what its numbers mean; "
                "save it again with chrome://net-export.",
                path=str(path),
            )
        )
    reader = _Reader(name or path.name, constants)
    reader.read(log)
    return reader.tables(log, FileDigest(path))


class _Reader:
    """Hands each event to those that asked for its type, and gathers their rows."""

    def __init__(self, name: str, constants: Constants) -> None:
        self._name, self._constants = name, constants
        self._links = Links()
        self._connections = Connections(name, constants, self._links)
        self._requests = Requests(name, constants, self._connections)
        self._lookups, self._quic = Lookups(name), QuicSessions(name)
        self._surroundings = Surroundings(name, constants)
        self._handlers: dict[str, list[Callable[[Event], None]]] = {}
        # the bonds come first: what follows them may already use them
        for kind in BONDS:
            self._handlers.setdefault(kind, []).append(self._links.bind)
        for part in (
            self._connections,
            self._requests,
            self._lookups,
            self._quic,
            self._surroundings,
        ):
            for kind, handler in part.on.items():
                self._handlers.setdefault(kind, []).append(handler)
        self._first: float | None = None
        self._last: float | None = None

    def read(self, log: NetLogFile) -> None:
        wanted = frozenset(
            number for number, kind in self._constants.types.items() if kind in self._handlers
        )
        for record in log.events(wanted):
            event = self._constants.event(record)
            if event is None:
                continue
            if event.time is not None:
                self._first = event.time if self._first is None else min(self._first, event.time)
                self._last = event.time if self._last is None else max(self._last, event.time)
            for handler in self._handlers.get(event.kind, ()):
                handler(event)
        self._requests.finish()
        self._connections.finish()
        self._lookups.finish()
        self._quic.finish()
        self._surroundings.finish(log.polled)

    def tables(self, log: NetLogFile, digest: FileDigest) -> Tables:
        rows = {
            **self._requests.rows,
            "connections": self._connections.rows,
            "dns": self._lookups.rows,
            "quic": self._quic.rows,
            "host": self._surroundings.rows,
        }
        frames = {table: _in_order(table, part) for table, part in rows.items()}
        resources = RowFrames("resources")
        for row in self._requests.resources():
            resources.add(row)
        problems = (*log.problems, *self._without_names())
        source = Source(
            self._name,
            SourceKind.NETLOG,
            digest,
            not problems,
            problems,
            fields.moment(self._first),
            fields.moment(self._last),
        )
        return Tables.of({**frames, "resources": resources.frame()}, [source])

    def _without_names(self) -> tuple[str, ...]:
        """A heavily redacted log holds no addresses, so that little can be judged by it."""
        if self._constants.capture_mode != "HeavilyRedacted":
            return ()
        return (
            say(
                "the log was taken heavily redacted, without addresses; save it again with "
                "chrome's default"
            ),
        )


def _in_order(table: str, rows: RowFrames) -> pd.DataFrame:
    frame = rows.frame()
    column = _ORDER.get(table)
    if column is None or frame.empty:
        return frame
    return frame.sort_values(column, kind="stable", ignore_index=True)
