"""mitmproxy filters that find a flow again.

mitmproxy's filter language has no flow ids, so a flow is named by method, host
and address. Another flow may have the same ones: the start time tells them
apart. Only characters that mean themselves are kept, and any other becomes the
regular expression ``.``, so that no address can break out of the filter.
Source: mitmproxy's `flowfilter` (an unquoted expression ends at a space, a
bracket, a tilde or a quote).
"""

from __future__ import annotations

import re

_LONGEST = 160
_HIDDEN = re.compile(r"\{id\}|\[redacted\]")  # what the recorder and the readers put for a secret
_UNSAFE = re.compile(r"[^A-Za-z0-9_/:%=&,-]")
_METHOD = re.compile(r"[A-Z]{1,20}")
_ANY = ".+"


def flow_filter(method: str, host: str, path: str) -> str:
    """``~m GET & ~d ^chatgpt.com$ & ~u chatgpt.com/backend-api/me$``; empty without a host."""
    if not host:
        return ""
    place = _literal(host[:_LONGEST])
    parts = [f"~m {method}"] if _METHOD.fullmatch(method) else []
    parts.append(f"~d ^{place}{'$' if len(host) <= _LONGEST else ''}")
    if path:
        whole = len(path) <= _LONGEST
        hidden = _HIDDEN.split(path[:_LONGEST])
        parts.append(f"~u {_ANY.join(map(_literal, hidden))}{'$' if whole else ''}")
    return " & ".join(parts)


def _literal(text: str) -> str:
    return _UNSAFE.sub(".", text)
