"""What the words of recorders and of Chromium say of a connection that could not be opened.

mitmproxy's are those of asyncio and of the system's resolver (EAI codes: -2 no
such name, -3 try again, -5 no address; 11001 on Windows).  Chromium's are the
names of its net_error_list.h (``net::ERR_NAME_NOT_RESOLVED``).  Fiddler quotes .NET's
exceptions with the numbers of Winsock, Charles Java's.
"""

from __future__ import annotations

import re
from typing import Literal

_CALL_FAILED = re.compile(r"Connect call failed \('([0-9A-Fa-f.:%]{2,60})', (\d{1,5})")
_NUMBERED = re.compile(
    r"(?i:errno|winerror) (\d{1,5})\] Connect call failed \('([0-9A-Fa-f.:%]{2,60})'"
)
_NO_NETWORK = frozenset({101, 51, 10051})
"""ENETUNREACH of Linux, macOS and Windows; a router that says no gives EHOSTUNREACH."""
_DNS_WORDS = (
    "getaddrinfo",
    "Name or service not known",
    "nodename nor servname",
    "Errno -2",
    "Errno -3",
    "Errno -5",
    "Errno 11001",
    "name resolution",
    "ERR_NAME_",
    "ERR_DNS_",
    "ERR_ICANN_NAME_COLLISION",
    "No such host is known",
    "Fiddler - DNS Lookup",
    "Fiddler: DNS Lookup",
    "UnknownHostException",
)
_DNS_AGAIN = (
    *("Errno -3", "Temporary failure", "Errno 11002"),
    # every ERR_DNS_ is of the exchange with the resolver, not of what it said
    *("ERR_NAME_RESOLUTION_FAILED", "ERR_DNS_"),
)
_PROXY_WORDS = ("upstream", "proxy", "407")
# errors that a browser gives only before a request was sent; a reset or a close says no stage
_NET_STAGES = {
    "dns": ("ERR_NAME_", "ERR_DNS_", "ERR_ICANN_NAME_COLLISION"),
    "proxy": ("ERR_PROXY_", "ERR_TUNNEL_", "ERR_SOCKS_", "ERR_MANDATORY_PROXY_"),
    "tls": (
        "ERR_SSL_",
        "ERR_CERT_",
        "ERR_TLS",
        "ERR_ECH_",
        "ERR_INSECURE_RESPONSE",
        "Failed to negotiate HTTPS connection",
        "SSL handshake with server failed",
    ),
    "tcp": (
        *("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_FAILED", "ERR_CONNECTION_TIMED_OUT"),
        *("ERR_ADDRESS_UNREACHABLE", "ERR_ADDRESS_INVALID", "ERR_NETWORK_ACCESS_DENIED"),
        *("Fiddler - Connection Failed", "Fiddler: Error", "Failed to connect to remote host"),
    ),
}


NO_REASON = "no response: cancelled or failed, the HAR does not say which"
"""Firefox writes status 0 for both, and no error."""

type Manner = Literal["refused", "timed out", "unreachable", "reset", "closed"]

_ERRNO = re.compile(r"(?:errno|winerror) (\d{1,5})\b", re.I)
# Linux, macOS and Windows number them apart, and none of these numbers is another's error of TCP
_MANNER_OF_ERRNO: dict[int, Manner] = {
    # asyncio on Windows gets those of Win32 (winerror.h) from its completion ports
    **dict.fromkeys((111, 61, 10061, 1225), "refused"),
    **dict.fromkeys((110, 60, 10060, 121), "timed out"),
    **dict.fromkeys((113, 101, 65, 51, 10065, 10051, 1231, 1232), "unreachable"),
    **dict.fromkeys((104, 54, 10054), "reset"),
}
_MANNER_WORDS: tuple[tuple[Manner, tuple[str, ...]], ...] = (
    ("refused", ("refused",)),
    ("timed out", ("timed out", "timed_out", "timeout", "timedout")),
    (
        "unreachable",
        ("unreachable", "no route", "err_connection_failed", "err_network_access_denied"),
    ),
    ("reset", ("connection reset", "connection_reset", "reset by peer")),
    ("closed", ("err_connection_closed", "err_connection_aborted", "err_empty_response")),
)


def manner(error: str) -> Manner | None:
    """How a connection failed, whoever words it; None for words that do not say."""
    number = _ERRNO.search(error)
    if number and int(number[1]) in _MANNER_OF_ERRNO:
        return _MANNER_OF_ERRNO[int(number[1])]
    text = error.lower()
    if "err_http2_" in text or "err_quic_" in text:
        return None  # what a stream refuses or waits for is no connection of TCP
    for found, words in _MANNER_WORDS:
        if any(word in text for word in words):
            return found
    return None


def tries(error: str) -> list[str]:
    """Addresses that asyncio says it tried, in order."""
    return list(dict.fromkeys(match[1] for match in _CALL_FAILED.finditer(error)))[:16]


def no_network(error: str) -> bool:
    """True when the system had no way to an address of version 4: no network at all.

    A machine without version 6 says so of every such address, and is none the worse.
    """
    numbers = _NUMBERED.findall(error)
    four = [number for number, tried in numbers if ":" not in tried]
    return bool(four) and all(int(number) in _NO_NETWORK for number, _ in numbers)


def error_stage(error: str, *, via: bool) -> str:
    """dns, tcp or proxy: the layer at which opening a connection failed."""
    if any(word in error for word in _DNS_WORDS):
        return "dns"
    if via and any(word in error.lower() for word in _PROXY_WORDS):
        return "proxy"
    return "tcp"


def net_error_stage(error: str) -> str | None:
    """dns, tcp, tls or proxy for an error that only opening a connection gives; else None."""
    for stage, names in _NET_STAGES.items():
        if any(name in error for name in names):
            return stage
    return error_stage(error, via=False) if never_opened(error) else None


def never_opened(error: str) -> bool:
    """True for words that only a connection gives that was not opened, whoever reports them."""
    return bool(tries(error)) or error_stage(error, via=False) == "dns"


def try_again(error: str) -> bool:
    """True when the resolver gave no answer at all, or a failure of its own."""
    return error_stage(error, via=False) == "dns" and any(word in error for word in _DNS_AGAIN)


def name_denied(error: str) -> bool:
    """True when the resolver said that there is no such name or address, not to try again."""
    return error_stage(error, via=False) == "dns" and not any(word in error for word in _DNS_AGAIN)
