"""The bundle's folder while it is being written.

Append-only: whatever stops the process or the machine, all but about the last
second can be read.  ``session.json`` is the one file that is replaced, by
writing a new one beside it and renaming.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

FORMAT = 1
"""Version of the bundle's layout and of the events in ``events.jsonl``."""

SESSION = "session.json"
FLOWS = "flows.mitm"
EVENTS = "events.jsonl"
PACKETS = "packets.pcapng"
PARTS = (SESSION, FLOWS, EVENTS, PACKETS)
FLUSH_SECONDS = 0.5


class BundleFolder:
    """A bundle being recorded.

    Raises FileExistsError when `path` holds a recorded bundle already: nothing
    recorded is ever overwritten.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if any((path / part).exists() for part in PARTS):
            raise FileExistsError(f"{path} holds a recorded session already.")
        path.mkdir(parents=True, exist_ok=True)
        # what was recorded is the user's own business, on a shared machine too;
        # a folder that was in use before keeps the rights its owner gave it
        if not any(path.iterdir()):
            path.chmod(0o700)
        self.session: dict[str, object] = {"format": FORMAT}

    def update_session(self, facts: Mapping[str, object]) -> None:
        """Merge `facts` into session.json and put it on the disk."""
        self.session.update(facts)
        fresh = self.path / (SESSION + ".new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(self.session, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path / SESSION)


class Journal:
    """``events.jsonl``: one JSON object a line, ``e`` its kind and ``t`` its time.

    Written from one thread.  `write` buffers; `flush` hands the buffer to the
    kernel, `sync` waits for the disk and may be called from another thread.
    """

    def __init__(self, path: Path) -> None:
        self._file: IO[str] = path.open("a", encoding="utf-8")
        self._flushed = time.monotonic()
        self.events = 0

    def write(self, kind: str, when: float, facts: Mapping[str, object]) -> None:
        """Append one event; facts that are None are left out."""
        record = {"e": kind, "t": round(when, 6)}
        record.update((key, value) for key, value in facts.items() if value is not None)
        self._file.write(json.dumps(record, separators=(",", ":")) + "\n")
        self.events += 1
        if time.monotonic() - self._flushed > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        if not self._file.closed:
            self._file.flush()
            self._flushed = time.monotonic()

    def sync(self) -> None:
        if not self._file.closed:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        if not self._file.closed:
            self.flush()
            self.sync()
            self._file.close()
