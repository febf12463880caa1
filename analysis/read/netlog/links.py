"""Which connection carried what: the bonds between a NetLog's sources.

A request is bound to a job, the job to a session or a socket, a session to the
socket below it, and a socket to the attempt to connect that made it.  The
attempt stands for the connection, since it is there even when it fails.
"""

from __future__ import annotations

from analysis.read.netlog.events import Event

MAX_BONDS = 200_000
_MOST_STEPS = 8

BONDS = (
    "HTTP_STREAM_REQUEST_BOUND_TO_JOB",
    "HTTP_STREAM_POOL_ATTEMPT_MANAGER_JOB_BOUND",
    "HTTP2_SESSION_POOL_FOUND_EXISTING_SESSION",
    "HTTP2_SESSION_POOL_IMPORTED_SESSION_FROM_SOCKET",
    "HTTP2_SESSION_INITIALIZED",
    "SOCKET_POOL_BOUND_TO_CONNECT_JOB",
    "SOCKET_POOL_BOUND_TO_SOCKET",
    "SOCKET_ALIVE",
)
"""Event types that bind one source to the next one on the way to the connection."""


class Links:
    """The latest bond of each source."""

    def __init__(self) -> None:
        self._next: dict[int, int] = {}

    def bind(self, event: Event) -> None:
        if (other := event.dependency) is not None:
            self._next.pop(event.source, None)
            self._next[event.source] = other
            if len(self._next) > MAX_BONDS:
                del self._next[next(iter(self._next))]

    def path(self, source: int) -> list[int]:
        """The source and all that it leads to, in order."""
        found = [source]
        while len(found) < _MOST_STEPS and (step := self._next.get(found[-1])) is not None:
            found.append(step)
        return found
