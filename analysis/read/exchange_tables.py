"""The tables that exchanges make up, row by row, so that no exchange is kept whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.model.frames import Row
from analysis.read.exchange import Exchange, SlimExchange
from analysis.read.redirects import Redirects
from analysis.read.resources import resource_rows
from analysis.read.rows import RowFrames
from analysis.read.sockets import SocketEnd, socket_row
from analysis.read.streams import StreamFacts, stream_row

NAMES = ("http", "ws", "ws_frames", "sse")


class ExchangeTables:
    """Takes exchanges in the order of the capture and gives http, resources, ws, ws_frames, sse.

    An exchange that is taken twice is there once, as it was taken last.
    `first` and `last` are the earliest and latest moment of them all.
    """

    def __init__(self) -> None:
        self._rows = {name: RowFrames(name) for name in NAMES}
        self._kept: dict[str, SlimExchange] = {}
        self._redirects = Redirects()
        self._again = False
        self._frames_of: dict[str, range] = {}
        self._outdated: list[range] = []
        self._frames = 0
        self.first: float | None = None
        self.last: float | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def take(
        self,
        exchange: Exchange,
        *,
        frames: Sequence[Row] = (),
        end: SocketEnd | None = None,
        stream: StreamFacts | None = None,
    ) -> None:
        """Add one exchange with the frames of its websocket, or what its stream said."""
        self._redirects.take(exchange)
        self._rows["http"].add(exchange.http_row())
        if exchange.is_websocket:
            self._rows["ws"].add(socket_row(exchange, frames, end))
        if exchange.is_stream:
            self._rows["sse"].add(stream_row(exchange, stream or StreamFacts()))
        self.take_frames(exchange.flow, frames)
        self._again |= exchange.flow in self._kept
        self._kept[exchange.flow] = exchange.slim()
        for moment in (exchange.started, exchange.ended):
            if moment is not None:
                self.first = moment if self.first is None else min(self.first, moment)
                self.last = moment if self.last is None else max(self.last, moment)

    def take_frames(self, flow: str, frames: Sequence[Row]) -> None:
        """Add frames of a websocket, also of one whose exchange is not there.

        Only the frames that were taken last count of one that was saved twice.
        """
        if flow in self._frames_of:
            self._outdated.append(self._frames_of.pop(flow))
        if frames:
            self._frames_of[flow] = range(self._frames, self._frames + len(frames))
            self._frames += len(frames)
        for row in frames:
            self._rows["ws_frames"].add(row)

    def frames(self) -> dict[str, pd.DataFrame]:
        """The tables, once all has been taken."""
        found = {name: self._rows[name].frame() for name in NAMES}
        if self._again:
            for name in ("http", "ws", "sse"):
                kept = ~found[name]["flow"].duplicated(keep="last")
                found[name] = found[name][kept].reset_index(drop=True)
        if self._outdated:
            current = np.ones(self._frames, dtype=bool)
            for span in self._outdated:
                current[span.start : span.stop] = False
            found["ws_frames"] = found["ws_frames"][current].reset_index(drop=True)
        resources = RowFrames("resources")
        for row in resource_rows(list(self._kept.values())):
            resources.add(row)
        return {**found, "resources": resources.frame()}


def by_start(frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The same tables, exchanges in the order of their requests."""
    keys = {"http": "started", "ws": "requested", "sse": "started"}
    return {
        name: (
            frame.sort_values(keys[name], kind="stable", ignore_index=True)
            if name in keys and len(frame)
            else frame
        )
        for name, frame in frames.items()
    }
