"""What is open while a session is recorded: the journal and the flow file of a bundle."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import IO

from mitmproxy import flow, io

from addons.bundle import EVENTS, FLOWS, BundleFolder, Journal

type Listener = Callable[[str, Mapping[str, object]], None]


class Recording:
    """Takes events and flows between `open` and `close`; before and after it drops them.

    `listener` is told of every event as it is written (kind, facts); it must be
    quick and must not raise.
    """

    def __init__(self, listener: Listener | None = None) -> None:
        self._listener = listener
        self._journal: Journal | None = None
        self._flows: IO[bytes] | None = None

    @property
    def is_open(self) -> bool:
        return self._journal is not None

    def open(self, folder: BundleFolder) -> None:
        self._journal = Journal(folder.path / EVENTS)
        self._flows = (folder.path / FLOWS).open("ab")
        self.event("start", {"format": 1})

    def event(self, kind: str, facts: Mapping[str, object], when: float | None = None) -> None:
        """Append an event; `when` is now unless it is given."""
        if self._journal is None:
            return
        self._journal.write(kind, time.time() if when is None else when, facts)
        if self._listener is not None:
            self._listener(kind, facts)

    def write_flow(self, written: flow.Flow) -> None:
        """Append a masked flow."""
        if self._flows is not None:
            io.FlowWriter(self._flows).add(written)
            self._flows.flush()

    def flush(self) -> None:
        if self._journal is not None and self._flows is not None:
            self._journal.flush()
            self._flows.flush()

    def sync(self) -> None:
        """Wait for the disk; may be called from another thread."""
        journal = self._journal
        if journal is not None:
            journal.sync()

    def close(self) -> None:
        if self._journal is not None and self._flows is not None:
            self._journal.close()
            self._flows.close()
            self._journal = self._flows = None
