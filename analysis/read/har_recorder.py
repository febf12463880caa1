"""What a recording proxy says of a request that failed in its hands.

Fiddler answers with a page of its own (502, ``Fiddler - DNS Lookup Failed``), Charles leaves
the answer empty and notes why.  Neither is an answer of the service or of the network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from analysis.model.markup import sound
from analysis.read import fields

_MOST = 600
_FIDDLER = re.compile(
    r"DNS Lookup|No such host is known|Failed to negotiate HTTPS connection"
    r"|Error: \w{1,40} \(0x[0-9a-f]{1,8}\)"
)
"""What Fiddler's page tells besides its title: the rest repeats the host and quotes .NET."""


def own_failure(response: Mapping[str, object]) -> str | None:
    """The recorder's words; None for an answer that came from elsewhere."""
    title = fields.text(response, "statusText", 100) or ""
    text = fields.text(fields.mapping(response, "content"), "text", _MOST) or ""
    if title.startswith("Fiddler - ") or text.startswith("[Fiddler] "):
        told = " ".join(dict.fromkeys(_FIDDLER.findall(text)))
        return sound(
            ": ".join(filter(None, (title if title.startswith("Fiddler") else "Fiddler", told)))
        )
    if fields.text(response, "_charlesStatus", 20) == "FAILED":
        return sound((fields.text(response, "comment", _MOST) or "").strip()) or "failed"
    return None


def by_client(error: str | None) -> bool:
    """True where the client refused the recorder's own handshake, and never asked for anything."""
    return "handshake with client failed" in (error or "").lower()
