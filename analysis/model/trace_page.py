"""What ``/cdn-cgi/trace`` states, with exit addresses turned into names.

Every name behind Cloudflare serves that page (Cloudflare docs: cdn-cgi
endpoint); its lines are ``key=value``.  The exit address is the user's own, so
it is only kept as "the first", "the second" address of a capture: enough to see
that a session left by two ways.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

TRACE_PATH = "/cdn-cgi/trace"
MAX_NAMES = 1000

_LINE = re.compile(
    r"(?:fl|h|ts|visit_scheme|colo|sliver|http|loc|tls|sni|warp|gateway|rbi|kex)=\S{0,80}\Z"
)
_NAME = re.compile(r"egress-[0-9]{1,4}\Z")
# a block page tells the visitor's address: "[IP: 192.0.2.1 | Ray ID: ...]", "Your IP: ..."
_SHOWN = re.compile(
    r"\b(IP(?: address)?\s{0,3}(?::|is)\s{0,3})(egress-[0-9]{1,4}|[0-9A-Fa-f:][0-9A-Fa-f.:]{2,44})"
)


class EgressNames:
    """Names of the exit addresses of one capture, in order of appearance."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def name(self, address: str) -> str | None:
        """``egress-N`` of an address; a name stays what it is; None for anything else."""
        if _NAME.match(address):
            return address
        try:
            key = str(ip_address(address))
        except ValueError:
            return None
        if key not in self._names and len(self._names) >= MAX_NAMES:
            return None
        return self._names.setdefault(key, f"egress-{len(self._names) + 1}")

    def shown(self, text: str) -> str | None:
        """The name of the visitor's address that a page tells."""
        match = _SHOWN.search(text)
        return self.name(match[2]) if match else None

    def mask_shown(self, text: str) -> str:
        """The text with the visitor's address, where it tells one, replaced by its name."""
        return _SHOWN.sub(lambda match: match[1] + (self.name(match[2]) or match[2]), text)


def trace_lines(lines: Iterable[str], names: EgressNames) -> tuple[str | None, list[str]]:
    """The exit's name and the other known lines of a trace page, in order."""
    egress: str | None = None
    kept: list[str] = []
    for line in lines:
        text = line.strip()
        if text.startswith("ip="):
            egress = egress or names.name(text[3:].strip())
        elif _LINE.match(text):
            kept.append(text)
    return egress, kept
