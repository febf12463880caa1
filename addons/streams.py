"""Watches a body pass: chunk times and sizes, and what a stream says of itself.

A chunk is handed on before anything else is done with it by the caller's
return; what is kept of a body is bounded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from analysis.model.decoding import StreamDecoder, decode_body
from analysis.model.sse_events import SseScanner

MAX_KEPT = 512 * 1024
"""Octets kept of a body that may be looked at."""

BATCH = 64
FLUSH_SECONDS = 0.5
_LOOKED_AT = ("text/html", "application/xhtml+xml", "json", "text/plain", "xml")

type Write = Callable[[str, Mapping[str, object], float | None], None]


def wants_scan(content_type: str) -> bool:
    """True for a server-sent-event stream."""
    return content_type.partition(";")[0].strip().lower() == "text/event-stream"


class BodyWatch:
    """One response body. `chunk` is mitmproxy's stream callback.

    Times are written in batches: ``chunks`` with the first chunk's time, the
    milliseconds after it and the sizes.
    """

    def __init__(
        self, flow_id: str, content_type: str, encoding: str, *, keep: bool, write: Write
    ) -> None:
        self.flow_id = flow_id
        self.size = 0
        self.count = 0
        self.kept = bytearray()
        self.cut = False
        self._write = write
        self._encoding = encoding
        media = content_type.partition(";")[0].strip().lower()
        self._keep = keep and (not media or any(word in media for word in _LOOKED_AT))
        self._scanner = SseScanner() if wants_scan(content_type) else None
        self._decoder = StreamDecoder(encoding) if self._scanner is not None else None
        self._batch_start = 0.0
        self._offsets: list[float] = []
        self._sizes: list[int] = []

    def chunk(self, data: bytes) -> bytes:
        """Note one chunk and pass it on unchanged; b"" marks the end of the body."""
        if not data:
            return data
        now = time.time()
        size = len(data)
        self.size += size
        self.count += 1
        if not self._offsets:
            self._batch_start = now
        self._offsets.append(round((now - self._batch_start) * 1000, 3))
        self._sizes.append(size)
        if self._keep:
            self._keep_part(data)
        if self._scanner is not None and self._decoder is not None:
            self._scanner.feed(self._decoder.decode(data), now)
        if len(self._offsets) >= BATCH or now - self._batch_start > FLUSH_SECONDS:
            self.flush()
        return data

    def _keep_part(self, data: bytes) -> None:
        room = MAX_KEPT - len(self.kept)
        self.kept += data[:room]
        self.cut |= len(data) > room

    def decoded(self) -> bytes:
        """The kept body without its content coding, b"" when it cannot be decoded."""
        return decode_body(bytes(self.kept), self._encoding) or b""

    def flush(self) -> None:
        """Write the batch; a stream also writes what it has said of itself so far."""
        if not self._offsets:
            return
        facts: dict[str, object] = {"flow": self.flow_id, "ms": self._offsets, "n": self._sizes}
        if self._scanner is not None:
            facts["sse"] = self._stream_facts()
        self._write("chunks", facts, self._batch_start)
        self._offsets, self._sizes = [], []

    def _stream_facts(self) -> dict[str, object]:
        scanner = self._scanner
        assert scanner is not None
        return {
            "events": scanner.events,
            "types": scanner.types,
            "complete": scanner.complete,
            "done": scanner.done,
            "handoff": scanner.handoff,
            "error_code": scanner.error_code,
            "in_text": scanner.in_text,
            "text_gap_ms": round(scanner.text_gap * 1000, 3) or None,
            "scanned": self._decoder is not None and not self._decoder.failed,
        }

    def facts(self) -> dict[str, object]:
        """What is known when the body has ended."""
        facts: dict[str, object] = {"bytes": self.size, "chunks": self.count}
        if self._scanner is not None:
            facts["sse"] = self._stream_facts()
        return facts
