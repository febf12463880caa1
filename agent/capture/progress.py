"""What has been seen so far, counted from the recorder's events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from analysis.knowledge import hosts


@dataclass(slots=True)
class Progress:
    """Counters of a running capture; `problems` maps a short word to its count.

    `interrupted` is set when a signal ended it.
    """

    requests: int = 0
    sockets: int = 0
    streams: int = 0
    lookups: int = 0
    packets: int = 0
    dropped: int = 0
    interrupted: bool = False
    problems: Counter[str] = field(default_factory=Counter)

    def take(self, kind: str, facts: Mapping[str, object]) -> None:
        """Count one event."""
        match kind:
            case "request":
                self.requests += 1
            case "ws_open":
                self.sockets += 1
            case "lookup":
                self.lookups += 1
            case "lookup_answer" if facts.get("rcode") not in {0, None}:
                self.problems["DNS"] += 1
            case "response":
                status = facts.get("status")
                if isinstance(status, int) and status >= 400:
                    self.problems[f"HTTP {status}"] += 1
            case "connect_error":
                if not hosts().harmless(str(facts.get("host", ""))):
                    self.problems["no connection"] += 1
            case "tls_error":
                self.problems["TLS"] += 1
            case "ws_end" if facts.get("code") == 1006:
                self.problems["websocket cut"] += 1

    def line(self) -> str:
        """One line for the terminal."""
        parts = [
            f"{self.requests} requests",
            f"{self.sockets} websockets",
            f"{self.lookups} lookups",
        ]
        if self.packets:
            parts.append(f"{self.packets} packets")
        if self.dropped:
            parts.append(f"{self.dropped} packets lost")
        found = ", ".join(f"{name} ({count})" for name, count in self.problems.most_common(4))
        parts.append(f"problems: {found}" if found else "no problem seen so far")
        return " · ".join(parts)
