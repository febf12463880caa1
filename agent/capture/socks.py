"""The way through a SOCKS5 proxy (RFC 1928, RFC 1929), which mitmproxy itself does not know.

The proxy is asked for names, not addresses, as browsers and ``socks5h`` do: the
network that has one often resolves nothing else.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass, field

TIMEOUT_SECONDS = 30.0
"""What a proxy may take to reach a host."""

_VERSION, _NO_LOGIN, _LOGIN = 5, 0, 2
_CONNECT, _IPV4, _NAME, _IPV6 = 1, 1, 3, 4
_REFUSED_LOGIN = 255


@dataclass(frozen=True, slots=True)
class SocksProxy:
    """Where it is, and user and password, never shown or written."""

    host: str
    port: int
    login: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


class SocksError(OSError):
    """The proxy refused; the text names the code, as the tcp table has it."""


async def ask_for(line: socket.socket, proxy: SocksProxy, host: str, port: int) -> None:
    """Have the proxy at the other end of `line` (non-blocking) connect to host and port.

    Raises SocksError when it refuses, OSError when it is none or does not answer.
    """
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await _greet(line, proxy.login)
            await _request(line, host, port)
    except TimeoutError as error:
        raise OSError(f"SOCKS proxy does not answer for {host}: timed out") from error


async def _greet(line: socket.socket, login: tuple[str, str] | None) -> None:
    methods = [_NO_LOGIN, _LOGIN] if login else [_NO_LOGIN]
    await _send(line, bytes((_VERSION, len(methods), *methods)))
    version, method = await _receive(line, 2)
    if version != _VERSION:
        raise OSError("SOCKS proxy does not speak version 5")
    if method == _LOGIN and login is not None:
        user, password = (text.encode()[:255] for text in login)
        await _send(line, bytes((1, len(user))) + user + bytes((len(password),)) + password)
        _, outcome = await _receive(line, 2)
        if outcome == 0:
            return
    elif method == _NO_LOGIN:
        return
    raise SocksError(f"SOCKS proxy refused the login (code {_REFUSED_LOGIN})")


async def _request(line: socket.socket, host: str, port: int) -> None:
    await _send(line, bytes((_VERSION, _CONNECT, 0)) + _target(host) + port.to_bytes(2))
    _, code, _, kind = await _receive(line, 4)
    if code:
        raise SocksError(f"SOCKS proxy refused {host}:{port} (code {code})")
    # the proxy's own address: of no use, and in the way of what follows
    size = {_IPV4: 4, _IPV6: 16}.get(kind)
    if size is None:
        (size,) = await _receive(line, 1)
    await _receive(line, size + 2)


def _target(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode("idna") if not host.isascii() else host.encode()
        return bytes((_NAME, len(name[:255]))) + name[:255]
    return bytes((_IPV4 if address.version == 4 else _IPV6,)) + address.packed


async def _send(line: socket.socket, octets: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(line, octets)


async def _receive(line: socket.socket, size: int) -> bytes:
    octets = b""
    while len(octets) < size:
        more = await asyncio.get_running_loop().sock_recv(line, size - len(octets))
        if not more:
            raise OSError("SOCKS proxy closed the connection")
        octets += more
    return octets
