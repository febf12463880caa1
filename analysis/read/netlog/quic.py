"""QUIC sessions as rows of the quic table."""

from __future__ import annotations

from collections.abc import Callable

from analysis.read import fields
from analysis.read.netlog.endpoints import endpoint
from analysis.read.netlog.events import Event
from analysis.read.rows import RowFrames

MAX_OPEN = 5_000
_VERSIONS = {"RFCv1": "0x00000001", "RFCv2": "0x6b3343cf"}


class QuicSessions:
    """Takes the events of sources of type QUIC_SESSION."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._open: dict[int, dict[str, object]] = {}
        self.rows = RowFrames("quic")
        self.on: dict[str, Callable[[Event], None]] = {
            "QUIC_SESSION": self._session,
            "QUIC_SESSION_PACKET_SENT": self._sent,
            "QUIC_SESSION_PACKET_RECEIVED": self._received,
            "QUIC_SESSION_VERSION_NEGOTIATED": self._version,
            "QUIC_SESSION_VERSION_NEGOTIATION_PACKET_RECEIVED": self._offered,
        }

    def finish(self) -> None:
        """Write down what is still open."""
        while self._open:
            self._write(next(iter(self._open)))

    def _session(self, event: Event) -> None:
        if event.ends:
            if event.source in self._open:
                self._write(event.source)
        elif event.begins and event.of == "QUIC_SESSION":
            host = (fields.text(event.params, "host", 300) or "").rstrip(".").lower()
            self._open[event.source] = {
                "source": self._name,
                "time": event.time,
                "server_port": fields.whole(event.params, "port"),
                "sni": host[:255] or None,
                "answered": False,
                "client_packets": 0,
                "server_packets": 0,
            }
            if len(self._open) > MAX_OPEN:
                self._write(next(iter(self._open)))

    def _sent(self, event: Event) -> None:
        self._count(event, "client_packets")

    def _received(self, event: Event) -> None:
        row = self._count(event, "server_packets")
        if row is None or row["answered"]:
            return
        row["answered"] = True
        started = row["time"]
        if isinstance(started, float) and event.time is not None:
            row["answer_ms"] = max(0.0, round((event.time - started) * 1000, 3))
        row["server"], _ = endpoint(fields.text(event.params, "peer_address", 100))
        row["client"], row["client_port"] = endpoint(fields.text(event.params, "self_address", 100))

    def _count(self, event: Event, column: str) -> dict[str, object] | None:
        row = self._open.get(event.source)
        if row is not None:
            packets = row[column]
            row[column] = packets + 1 if isinstance(packets, int) else 1
            row["last_time"] = event.time
        return row

    def _version(self, event: Event) -> None:
        row = self._open.get(event.source)
        name = fields.text(event.params, "version", 30)
        if row is not None and name:
            row["version"] = _VERSIONS.get(name, name)

    def _offered(self, event: Event) -> None:
        row = self._open.get(event.source)
        if row is not None:
            row["offered_versions"] = (fields.texts(event.params, "versions") or [])[:32] or None

    def _write(self, source: int) -> None:
        row = self._open.pop(source)
        if row["client_packets"] or row["answered"]:
            self.rows.add(row)
