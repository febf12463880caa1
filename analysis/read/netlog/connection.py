"""One attempt to connect while its events come in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from analysis.knowledge.secrets import redact_text
from analysis.model.connect_error import net_error_stage
from analysis.model.frames import Row
from analysis.model.markup import sound

REFUSED = "refused HTTP CONNECT request:"
"""mitmproxy's words, so that the same detectors know them."""

# "https://chatgpt.com <...>", in older versions "ssl/chatgpt.com:443 <...>" or "pm/ssl/..."
_GROUP = re.compile(r"(?:[a-z]{2,6}/)*((?:[a-z]{2,5}://)?[^ /<]{1,300})")


@dataclass(slots=True)
class Connection:
    """What is known of a connection so far; columns carry the same names."""

    started: float | None
    host: str | None = None
    port: int | None = None
    via: str | None = None
    addresses: list[str] = field(default_factory=list)
    address: str | None = None
    local_port: int | None = None
    tcp_begun: float | None = None
    tcp_ms: float | None = None
    tls_begun: float | None = None
    tls_ms: float | None = None
    tls_version: str | None = None
    alpn: str | None = None
    certificate: Mapping[str, object] = field(default_factory=dict)
    verified: bool | None = None
    error: str | None = None
    stage: str | None = None
    ended: float | None = None
    closed_by: str | None = None

    def be_for(self, group: str) -> None:
        """Take host and port from the name of its group, or from the address asked for."""
        match = _GROUP.match(group)
        if not match or self.host:
            return
        url = match[1] if "://" in match[1] else f"https://{match[1]}"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return
        self.host = (parts.hostname or "").rstrip(".")[:255] or None
        self.port = port or {"http": 80, "ws": 80}.get(parts.scheme, 443)

    def fail(self, error: str) -> None:
        """What failed first tells the stage, what the browser made of it last the error."""
        tls = self.tls_begun is not None and self.tls_ms is None
        self.stage = self.stage or net_error_stage(error) or ("tls" if tls else "tcp")
        if not (self.error or "").startswith(REFUSED):
            self.error = error

    def succeed(self) -> None:
        self.error = self.stage = None


def certificate_facts(chain: list[object]) -> Row:
    """Names and dates of the leaf, and who issued the last certificate that came."""
    ends = [item for item in (chain[0], chain[-1]) if isinstance(item, str)]
    if len(ends) < 2:
        return {}
    # the libraries of certificates take memory that most logs need not pay for
    from mitmproxy.certs import Cert

    try:
        leaf, last = (Cert.from_pem(item[:65536].encode()) for item in ends)
        return {
            "subject": _distinguished(leaf.subject),
            "issuer": _distinguished(leaf.issuer),
            "root": _distinguished(last.issuer),
            "not_before": leaf.notbefore.timestamp(),
            "not_after": leaf.notafter.timestamp(),
        }
    except (ValueError, TypeError, OverflowError):
        return {}  # a stripped or damaged certificate


def _distinguished(parts: list[tuple[str, str]]) -> str:
    return redact_text(sound(", ".join(f"{key}={value}" for key, value in parts)), 200)
