"""Code, type, sentence and parameter of an error that a JSON body holds.

The service's answers come in many forms: ``{"detail": "..."}``, ``{"detail":
{"code", "message"}}``, ``{"error": {"type", "code", "param", "message"}}``,
``{"error_code": ...}`` with status 200, OAuth's ``{"error", "error_description"}`` and
FastAPI's list of what is wrong with a request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from analysis.knowledge.secrets import looks_secret, redact_text
from analysis.model.error_text import is_camel_word, without_quotations

MAX_MESSAGE = 300
_RESETS = ("clears_in", "resets_in_seconds", "resets_at", "resets_after")
_MOMENT = re.compile(r"[0-9][0-9T:.Z+-]{0,40}\Z")  # seconds, or a moment of RFC 3339
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,79}\Z")


@dataclass(frozen=True, slots=True)
class JsonError:
    """What an error body says; None is "not told". `code` falls back on the type."""

    code: str | None = None
    type: str | None = None
    message: str | None = None
    param: str | None = None


def json_error(payload: dict[str, object], *, failed: bool) -> JsonError:
    """The error in a parsed body; with `failed` (status of 400 or more) the body itself is one."""
    holders = list(_error_holders(payload, failed=failed))
    kind = _first_code(holders, "type")
    return JsonError(
        _first_code(holders, "code")
        or _first_code([payload], "error_code", "errorCode")
        or kind
        or _bare_code(payload.get("error")),
        kind,
        _with_reset(next(_sentences(payload, holders, failed=failed), None), holders),
        _first_code(holders, "param"),
    )


def _error_holders(payload: dict[str, object], *, failed: bool) -> Iterator[dict[str, object]]:
    for key in ("error", "detail"):
        holder = payload.get(key)
        if isinstance(holder, list):  # FastAPI lists what is wrong with a request
            holder = holder[0] if holder else None
        if isinstance(holder, dict):
            yield holder
    if failed:
        yield payload


def _first_code(holders: list[dict[str, object]], *keys: str) -> str | None:
    words = (code_word(holder.get(key)) for holder in holders for key in keys)
    return next((word for word in words if word), None)


def _with_reset(said: str | None, holders: list[dict[str, object]]) -> str | None:
    """The sentence with the end of a limit, which the service gives beside it."""
    for holder in holders:
        for key in _RESETS:
            value = holder.get(key)
            if isinstance(value, (int, float, str)) and _MOMENT.match(str(value)):
                return f"{said or ''} ({key} {value})".strip()[: MAX_MESSAGE + 60]
    return said


def code_word(value: object) -> str | None:
    """A machine-readable word; None for anything that could be a sentence, an id or a token."""
    if not isinstance(value, str) or not _CODE.match(value):
        return None
    return value if is_camel_word(value) or not looks_secret(value, 16) else None


def _bare_code(value: object) -> str | None:
    """OAuth answers {"error": "invalid_grant"} (RFC 6749 section 5.2)."""
    return code_word(value) if isinstance(value, str) and value.islower() else None


def _sentences(
    payload: dict[str, object], holders: list[dict[str, object]], *, failed: bool
) -> Iterator[str]:
    for holder in holders:
        for key in ("message", "msg", "error_description"):
            if said := sentence(holder.get(key)):
                yield said
    for key in ("detail", "error") if failed else ("error",):
        if said := sentence(payload.get(key)):
            yield said


def sentence(value: object) -> str | None:
    """A masked sentence of the service, long quotations left out."""
    if not isinstance(value, str) or not value:
        return None
    return redact_text(without_quotations(value[: 8 * MAX_MESSAGE]), MAX_MESSAGE) or None
