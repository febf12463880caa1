"""The relay between two plain sockets."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from agent.demo.relay import Cut, DelayRelay

DELAY = 0.05  # seconds


@contextlib.contextmanager
def through_relay(
    *, delay: float = 0.0, cut: Cut | None = None
) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client and the far end of its connection, with the relay between them."""
    with (
        socket.create_server(("127.0.0.1", 0)) as target,
        DelayRelay(("127.0.0.1", 0), target.getsockname(), delay=delay, cut=cut) as relay,
        socket.create_connection(relay.address, timeout=30) as client,
    ):
        far, _ = target.accept()
        far.settimeout(30)
        with far:
            yield client, far
        assert relay.connections == 1


def receive(end: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = end.recv(size - len(data))
        assert part, "the connection ended early"
        data += part
    return data


def test_each_direction_takes_at_least_the_delay() -> None:
    with through_relay(delay=DELAY) as (client, far):
        started = time.monotonic()
        client.sendall(b"ping")
        assert far.recv(100) == b"ping"
        there = time.monotonic()
        far.sendall(b"pong")
        assert client.recv(100) == b"pong"
        assert there - started >= DELAY
        assert time.monotonic() - there >= DELAY


def test_chunks_sent_apart_arrive_apart() -> None:
    with through_relay(delay=DELAY) as (client, far):
        # Each is read before the next is sent, so that none can join another on the way.
        for chunk in (b"first", b"second", b"third"):
            client.sendall(chunk)
            assert far.recv(100) == chunk


def test_large_body_is_carried_whole_and_in_order() -> None:
    body = bytes(range(256)) * 8192
    with through_relay(delay=0.001) as (client, far):
        client.sendall(body[:-1])
        client.sendall(body[-1:])
        client.shutdown(socket.SHUT_WR)
        assert receive(far, len(body)) == body
        assert far.recv(1) == b""
        far.sendall(b"still open this way")
        assert receive(client, 19) == b"still open this way"


def test_cut_after_bytes_resets_both_ends() -> None:
    with through_relay(cut=Cut(after_bytes=10)) as (client, far):
        far.sendall(b"0123456789abcdef")
        received = b""
        with pytest.raises(ConnectionResetError):
            while data := client.recv(100):
                received += data
        assert b"0123456789".startswith(received)
        with pytest.raises(ConnectionResetError):
            far.recv(1)


def test_cut_after_seconds_can_end_with_fin() -> None:
    with through_relay(cut=Cut(after_seconds=DELAY, reset=False)) as (client, far):
        assert client.recv(1) == b""
        assert far.recv(1) == b""


def test_client_is_reset_when_there_is_nobody_behind() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        # the reset may arrive while the client still connects
        with (
            DelayRelay(("127.0.0.1", 0), unused.getsockname()) as relay,
            pytest.raises(ConnectionResetError),
            socket.create_connection(relay.address, timeout=30) as client,
        ):
            client.recv(1)
