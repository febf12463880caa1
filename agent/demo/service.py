"""The demo service on a real TLS port: HTTP/1.1, HTTP/2 and websockets, by Hypercorn."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from hypercorn.asyncio import serve
from hypercorn.config import Config, Sockets

from agent.demo.app import DemoApp, Faults
from agent.demo.certificates import Certificates
from agent.demo.relay import NO_LINGER

_IDLE = 400.0  # seconds, the edge's limit for quiet connections
_GRACE = 0.2  # seconds for open connections at the end; they are the demo's own


class DemoService:
    """Service in a thread: `with DemoService(host, 0, certificates, faults) as service: ...`.

    It accepts connections from the moment the object exists and answers them once entered.
    `public_port` is the port in its URLs: its own unless something stands in front of it.
    """

    def __init__(
        self,
        host: str,
        port: int,
        certificates: Certificates,
        faults: Faults | None = None,
        *,
        public_port: int | None = None,
        websocket_port: int | None = None,
    ) -> None:
        self._listener = Listener.bound(host, port)
        self._address: tuple[str, int] = self._listener.getsockname()[:2]
        self.app = DemoApp(faults or Faults(), self._listener.reset)
        self.app.public_port = public_port or self.address[1]
        self.app.websocket_port = websocket_port
        self._config = ServiceConfig([self._listener], certificates)
        self._loop = asyncio.SelectorEventLoop()  # its listeners accept through `Listener`
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="demo-service", daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        """The host and port it really listens on."""
        return self._address

    @property
    def url(self) -> str:
        """The address of the page, as a browser is given it."""
        return self.app.page_url

    @property
    def done(self) -> threading.Event:
        """Set when the page has reported what it saw."""
        return self.app.done

    @property
    def outcome(self) -> dict[str, Any]:
        """What the page reported; empty before `done` is set."""
        return self.app.outcome

    def discard(self) -> None:
        """Give the port back without ever having been entered."""
        self._listener.close()
        self._loop.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        async def stopped() -> None:
            await self._stop.wait()
            self._listener.end_all()

        self._loop.set_exception_handler(self._on_loop_error)
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(
                serve(self.app, self._config, shutdown_trigger=stopped)  # type: ignore[arg-type]
            )

    def _on_loop_error(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # Clients that go away in mid-handshake are none of the user's business.
        error = context.get("exception")
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self.app.failures.append(error)


class Listener(socket.socket):
    """Listening socket that remembers what it accepted, so that a connection can be reset.

    ASGI gives an application no way to break its own transport.
    """

    _accepted: dict[tuple[str, int], socket.socket]

    @classmethod
    def bound(cls, host: str, port: int) -> Listener:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # asyncio switches Nagle's algorithm off only where the protocol number is stated; with
        # it, the first event of a stream waits 40 ms for the client's delayed acknowledgement.
        listener = cls(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            if os.name == "posix":  # elsewhere it would let two servers share the port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(128)
        except OSError:
            listener.close()
            raise
        listener.begin()
        return listener

    def begin(self) -> None:
        """Forget all that was accepted."""
        self._accepted = {}

    def knows(self, peer: tuple[str, int]) -> bool:
        """Whether a connection of this client is open here."""
        return peer in self._accepted

    def accept(self) -> tuple[socket.socket, Any]:
        connection, peer = super().accept()
        self._accepted[peer[:2]] = connection
        return connection, peer

    def reset(self, peer: tuple[str, int]) -> None:
        """End the connection of `peer` with FIN and RST, leaving no room for a close frame."""
        connection = self._accepted.pop(peer)
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            connection.shutdown(socket.SHUT_RDWR)

    def end_all(self) -> None:
        """End every connection that is still open."""
        for connection in self._accepted.values():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._accepted.clear()


class ServiceConfig(Config):
    """Hypercorn's settings with sockets that are bound already; `quic` are for HTTP/3."""

    def __init__(
        self,
        listeners: list[socket.socket],
        certificates: Certificates,
        quic: Sequence[socket.socket] = (),
    ) -> None:
        super().__init__()
        self._sockets = Sockets(listeners, [], list(quic))
        self.certfile = str(certificates.chain_file)
        self.keyfile = str(certificates.key_file)
        self.include_server_header = False  # the service names its edge itself
        self.accesslog = None
        self.errorlog = None
        self.graceful_timeout = _GRACE
        self.keep_alive_timeout = _IDLE
        if quic:
            self.alt_svc_headers = ['h3=":443"; ma=86400']

    def create_sockets(self) -> Sockets:
        return self._sockets
