"""The code that a header of the service carries beside the body.

``x-error-json`` is base64 of ``{"error": {"code": ...}}`` and
``x-openai-authorization-error`` is a word; both may quote a token, so only a code
is ever taken (Codex client's error mapping, 2026; reported).  ``x-ms-error-code`` is
the storage's word (Azure Storage, common REST API error codes).
"""

from __future__ import annotations

import base64
import json

from analysis.model.sse_events import is_word

ERROR_HEADERS = frozenset({"x-error-json", "x-openai-authorization-error", "x-ms-error-code"})


def header_code(value: str) -> str | None:
    """The code in the value of one of `ERROR_HEADERS`; None when it holds none."""
    text = value.strip()[:4096]
    if is_word(text) and not text.startswith("eyJ"):
        return text
    try:
        plain = text if text.startswith("{") else base64.b64decode(text + "=" * (-len(text) % 4))
        payload = json.loads(plain)
    except (ValueError, RecursionError):
        return None
    error = payload.get("error", payload) if isinstance(payload, dict) else None
    for key in ("code", "type"):
        word = error.get(key) if isinstance(error, dict) else error
        if isinstance(word, str) and is_word(word):
            return word
    return None
