"""Takes credentials out of a packet before it is written: clear HTTP carries them to a proxy.

Lengths stay, so that sequence numbers and Content-Length do; checksums no longer fit.
Source: RFC 9110 sections 11.6.2 and 11.7.2, RFC 6265.
"""

from __future__ import annotations

import re

_HTTP = b"HTTP/1."
# the scheme's name stays: Basic, Negotiate and NTLM fail for different reasons
_SECRETS = re.compile(
    rb"(?i)(\n(?:(?:proxy-)?authorization:[ \t]*(?:[a-z][a-z0-9-]{0,20}[ \t]+)?"
    rb"|(?:proxy-)?authentication-info:|(?:set-)?cookie:))([^\r\n]+)"
)


def without_credentials(packet: bytes) -> bytes:
    """The packet with every secret value of a clear HTTP head replaced by asterisks."""
    if _HTTP not in packet:
        return packet
    return _SECRETS.sub(lambda found: found[1] + b"*" * len(found[2]), packet)
