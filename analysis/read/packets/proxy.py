"""What a client asks of a proxy before its own protocol begins: CONNECT, SOCKS4(a) and SOCKS5.

Each function looks at the start of one direction's octets. It gives the length
to step over, `INCOMPLETE` when more octets are needed, or None when the octets
are something else. Credentials are stepped over and never kept.
"""

from __future__ import annotations

import re
from socket import AF_INET6, inet_ntoa, inet_ntop

INCOMPLETE = -1
MAX_HEAD = 16_384
_CONNECT = re.compile(rb"CONNECT ([!-~]{1,300}) HTTP/1\.[01]\r?\n")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_IPV4, _NAME, _IPV6 = 1, 3, 4
SOCKS_LOGIN = 255
"""No acceptable method (RFC 1928 section 3), or a login that failed (RFC 1929)."""
_NO_ADDRESS = 256  # 0.0.0.x with x > 0 says that a name follows (SOCKS4a)

type Request = tuple[int, str | None]
"""Octets to step over, and ``host:port`` where this part of the exchange names it."""


def connect_request(octets: bytes) -> Request | None:
    """``CONNECT host:port`` with its header lines (RFC 9110 section 9.3.6)."""
    end = _HEAD_END.search(octets)
    if end is None:
        return (INCOMPLETE, None) if len(octets) < MAX_HEAD else None
    line = _CONNECT.match(octets)
    return (end.end(), line[1].decode("ascii").lower()) if line else None


def connect_status(octets: bytes) -> int | None:
    """The status of the answer to CONNECT, as soon as its first line is there."""
    status = _STATUS.match(octets)
    return int(status[1]) if status else None


def socks5_greeting(octets: bytes) -> bool:
    """A client's list of methods, and nothing behind it (RFC 1928 section 3)."""
    return len(octets) >= 3 and octets[0] == 5 and len(octets) == 2 + octets[1]


def socks5_request(octets: bytes) -> Request | None:
    """What follows the greeting: user name and password (RFC 1929), or the request."""
    if len(octets) < 2:
        return INCOMPLETE, None
    if octets[0] == 1:
        user = octets[1]
        if len(octets) < 3 + user:
            return INCOMPLETE, None
        end = 3 + user + octets[2 + user]
        return (end, None) if len(octets) >= end else (INCOMPLETE, None)
    if octets[0] != 5:
        return None
    return _socks5_address(octets)


def socks5_answer(octets: bytes) -> int | None:
    """The proxy's side: chosen method, outcome of the login, or the reply to the request."""
    if len(octets) < 2:
        return INCOMPLETE
    if octets[0] == 1:
        return 2
    if octets[0] != 5:
        return None
    if len(octets) == 2:
        return 2  # a method alone in its segment
    address = _socks5_address(octets)
    return address[0] if address else 2


def socks5_reply(octets: bytes) -> int | None:
    """The code of a reply (RFC 1928 section 6); SOCKS_LOGIN where the login is not what it wants.

    None for a method that was chosen, a login that was right, and what is incomplete.
    """
    if octets[:1] == b"\x01" and len(octets) > 1:
        return SOCKS_LOGIN if octets[1] else None
    if octets[:2] == b"\x05\xff":
        return SOCKS_LOGIN
    length = (_socks5_address(octets) or (INCOMPLETE, None))[0]
    return octets[1] if length != INCOMPLETE else None


def _socks5_address(octets: bytes) -> Request | None:
    """(length, host:port) of a request or reply, which are built alike."""
    if len(octets) < 5:
        return INCOMPLETE, None
    kind = octets[3]
    size = {_IPV4: 4, _IPV6: 16, _NAME: 1 + octets[4]}.get(kind)
    if size is None or octets[2] != 0:
        return None
    end = 4 + size + 2
    if len(octets) < end:
        return INCOMPLETE, None
    value, port = octets[4 : 4 + size], int.from_bytes(octets[4 + size : end])
    if kind == _IPV4:
        host = inet_ntoa(value)
    elif kind == _IPV6:
        host = f"[{inet_ntop(AF_INET6, value)}]"
    else:
        host = _host(value[1:])
    return end, f"{host}:{port}"


def socks4_request(octets: bytes) -> Request | None:
    """SOCKS4, and SOCKS4a with a name behind the user id."""
    if len(octets) < 9:
        return INCOMPLETE, None
    port, address = int.from_bytes(octets[2:4]), octets[4:8]
    end = octets.find(b"\0", 8, 8 + 256)
    if end < 0:
        return (INCOMPLETE, None) if len(octets) < 264 else None
    if not 0 < int.from_bytes(address) < _NO_ADDRESS:
        return end + 1, f"{inet_ntoa(address)}:{port}"
    name_end = octets.find(b"\0", end + 1, end + 1 + 256)
    if name_end < 0:
        return (INCOMPLETE, None) if len(octets) < end + 257 else None
    return name_end + 1, f"{_host(octets[end + 1 : name_end])}:{port}"


def _host(name: bytes) -> str:
    text = name.decode("ascii", "backslashreplace").lower()
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
