"""A TCP relay that delays both directions or cuts the connection.

It stands in for the far end of a tunnel: a local VPN or proxy client accepts the connection at
once, but every byte still takes the long way, so TCP looks fast and everything above it slow.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_READ = 65536  # bytes in one read: what arrives together is sent on together
_QUEUE = 64  # reads in flight per direction; then the reader waits
# struct linger {on, seconds}: Windows declares it with shorts.
NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Cut:
    """When a connection is cut: after so many bytes towards the client, or seconds, or either.

    `reset` ends it with a TCP reset, otherwise with FIN.
    """

    after_bytes: int | None = None
    after_seconds: float | None = None
    reset: bool = True


class DelayRelay:
    """Relay in a thread: `with DelayRelay((host, 0), (host, port), delay=0.15) as relay: ...`.

    `delay` is in seconds, added to each direction. `connections` counts those accepted.
    """

    def __init__(
        self,
        listen: tuple[str, int],
        target: tuple[str, int],
        *,
        delay: float = 0.0,
        cut: Cut | None = None,
    ) -> None:
        self._target = target
        self._delay = delay
        self._cut = cut
        self._socket = socket.create_server(listen)
        self._address: tuple[str, int] = self._socket.getsockname()[:2]
        self._stop = asyncio.Event()
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._run, name="demo-relay", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0

    @property
    def address(self) -> tuple[str, int]:
        """The host and port it really listens on."""
        return self._address

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
        self._socket.close()

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, sock=self._socket, limit=_READ)
        await self._stop.wait()
        server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        # Said by hand: asyncio does so only for sockets whose protocol number is stated.
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._connection(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(
                *self._target, limit=_READ
            )
        except OSError:
            _abort(writer)
            return
        was_cut = False
        try:
            was_cut = await self._relay(reader, writer, upstream_reader, upstream_writer)
        finally:
            for end in (writer, upstream_writer):
                if was_cut and self._cut is not None and self._cut.reset:
                    _abort(end)
                else:
                    end.close()

    async def _relay(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        upstream_reader: asyncio.StreamReader,
        upstream_writer: asyncio.StreamWriter,
    ) -> bool:
        """Carry both directions to their ends; True when the connection has to be cut."""
        limit = self._cut.after_bytes if self._cut is not None else None
        seconds = self._cut.after_seconds if self._cut is not None else None
        directions = {
            asyncio.create_task(self._carry(reader, upstream_writer, None)),
            asyncio.create_task(self._carry(upstream_reader, writer, limit)),
        }
        try:
            async with asyncio.timeout(seconds):
                while directions:
                    done, directions = await asyncio.wait(
                        directions, return_when=asyncio.FIRST_COMPLETED
                    )
                    if any(task.result() for task in done):
                        return True
                return False
        except TimeoutError:
            return True
        finally:
            for task in directions:
                task.cancel()
            await asyncio.gather(*directions, return_exceptions=True)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None
    ) -> bool:
        """Carry one direction to its end; True when the connection is broken or to be cut."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_QUEUE)
        feeder = asyncio.create_task(self._feed(reader, queue))
        clock = asyncio.get_running_loop()
        sent = 0
        try:
            while True:
                due, data = await queue.get()
                await asyncio.sleep(due - clock.time())
                if not data:
                    writer.write_eof()
                    return False
                if limit is not None and sent + len(data) >= limit:
                    writer.write(data[: limit - sent])
                    await writer.drain()
                    return True
                writer.write(data)
                sent += len(data)
                await writer.drain()
        except OSError:
            return True
        finally:
            feeder.cancel()
            await asyncio.gather(feeder, return_exceptions=True)

    async def _feed(
        self, reader: asyncio.StreamReader, queue: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        clock = asyncio.get_running_loop()
        data = b"-"
        while data:
            try:
                data = await reader.read(_READ)
            except OSError:
                data = b""
            await queue.put((clock.time() + self._delay, data))


def _abort(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST: SO_LINGER with a zero time, then close."""
    raw: socket.socket | None = writer.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    writer.transport.abort()
