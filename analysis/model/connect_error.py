"""What mitmproxy's words say of a connection that could not be opened.

They are those of asyncio and of the system's resolver (EAI codes: -2 no such
name, -3 try again, -5 no address; 11001 on Windows).
"""

from __future__ import annotations

import re

_CALL_FAILED = re.compile(r"Connect call failed \('([0-9A-Fa-f.:%]{2,60})', (\d{1,5})")
_DNS_WORDS = (
    "getaddrinfo",
    "Name or service not known",
    "nodename nor servname",
    "Errno -2",
    "Errno -3",
    "Errno -5",
    "Errno 11001",
    "name resolution",
)
_DNS_AGAIN = ("Errno -3", "Temporary failure", "Errno 11002")
_PROXY_WORDS = ("upstream", "proxy", "407")


def tries(error: str) -> list[str]:
    """Addresses that asyncio says it tried, in order."""
    return list(dict.fromkeys(match[1] for match in _CALL_FAILED.finditer(error)))[:16]


def error_stage(error: str, *, via: bool) -> str:
    """dns, tcp or proxy: the layer at which opening a connection failed."""
    if any(word in error for word in _DNS_WORDS):
        return "dns"
    if via and any(word in error.lower() for word in _PROXY_WORDS):
        return "proxy"
    return "tcp"


def never_opened(error: str) -> bool:
    """True for words that only a connection gives that was not opened, whoever reports them."""
    return bool(tries(error)) or error_stage(error, via=False) == "dns"


def try_again(error: str) -> bool:
    """True when the resolver gave no answer at all, or a failure of its own."""
    return error_stage(error, via=False) == "dns" and any(word in error for word in _DNS_AGAIN)


def name_denied(error: str) -> bool:
    """True when the resolver said that there is no such name or address, not to try again."""
    return error_stage(error, via=False) == "dns" and not any(word in error for word in _DNS_AGAIN)
