"""A minimal CONNECT proxy that asks the stage's resolver for names, as the capture session does."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

import dns.message
import dns.query


class ConnectProxy:
    """Proxy in threads: `with ConnectProxy(nameserver) as proxy: ... proxy.address`."""

    def __init__(self, nameserver: tuple[str, int]) -> None:
        self._nameserver = nameserver
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.tunnels: list[str] = []

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._listener.getsockname()[:2]
        return host, port

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for end in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            threading.Thread(target=self._tunnel, args=(client,), daemon=True).start()

    def _tunnel(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                data = client.recv(4096)
                if not data:
                    return
                head += data
            target = head.split(b" ")[1].decode()
            self.tunnels.append(target)
            host, _, port = target.rpartition(":")
            try:
                upstream = socket.create_connection((self._resolve(host), int(port)))
            except OSError:
                client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\n\r\n")
                client.shutdown(socket.SHUT_RDWR)
                return
            self._open.append(upstream)
            for end in (client, upstream):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            threading.Thread(target=_carry, args=(upstream, client), daemon=True).start()
            _carry(client, upstream)

    def _resolve(self, host: str) -> str:
        query = dns.message.make_query(host, "A", use_edns=0)
        address, port = self._nameserver
        answer = dns.query.udp(query, address, timeout=5, port=port)
        for rrset in answer.answer:
            for record in rrset:
                return record.to_text()
        raise OSError(f"no address for {host}")


def _carry(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
