"""Keeping secrets out of everything that is written.

Names of secret parameters and headers are in secret_names.tsv; values of other
parameters are judged by their looks (tokens, ids, addresses of persons, free text).
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from urllib.parse import unquote_plus

from analysis.knowledge import table
from analysis.model.printable import UNSAFE, printable

MASK = "[redacted]"
ID = "{id}"

_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){0,2}")
_BEARER = re.compile(r"(?i)\b(bearer|basic|digest|negotiate)\s+[A-Za-z0-9._~+/=-]{8,}")
_EMAIL = re.compile(
    r"[A-Za-z0-9._%+-]{1,64}(?:@|%40)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"
)
_UUID = re.compile(r"(?i)\b[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\b")
_API_KEY = re.compile(r"\b(?:sk|sess|pk|rk)-[A-Za-z0-9_-]{12,}")
_LONG_HEX = re.compile(r"\b[0-9A-Fa-f]{24,}\b")
_LONG_RUN = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_HEADER_LINE = re.compile(
    r"(?i)\b((?:set-)?cookie2?|(?:proxy-)?authorization)(\s{0,3}:)[^\r\n]{1,16384}"
)
_ASSIGNMENT = re.compile(
    r"(?<![\w-])([A-Za-z][\w-]{0,40})(\s{0,3}[=:]\s{0,3}[\"']?)([^\s&;,\"'<>]{1,4096})"
)
_PIECES = re.compile(r"[-_.~:]+")
_STATIC = re.compile(
    r"(?i)\.(?:js|mjs|cjs|css|map|svg|png|jpe?g|gif|webp|avif|ico|woff2?|ttf|wasm)$"
)


@cache
def _parameters() -> dict[str, bool]:
    return {
        row["name"]: table.flag(row, "secret")
        for row in table.rows("secret_names", ("kind", "name", "reason", "source", "date"))
        if row["kind"] == "parameter"
    }


@cache
def _header_patterns() -> tuple[str, ...]:
    return tuple(
        row["name"]
        for row in table.rows("secret_names", ("kind", "name", "reason", "source", "date"))
        if row["kind"] == "header"
    )


@lru_cache(maxsize=1024)
def secret_header(name: str) -> bool:
    """True for a header whose value is never written."""
    name = name.strip().lower()
    return any(fnmatchcase(name, pattern) for pattern in _header_patterns())


def looks_secret(value: str, run: int = 12) -> bool:
    """True for a token, an id, a person's address or free text, by its looks.

    `run` is the least length of a run of letters and digits that counts as one.
    """
    if len(value) > 200 or _JWT.search(value) or _EMAIL.search(value) or _UUID.search(value):
        return True
    if any(char.isspace() for char in value):
        return True
    return any(_opaque(piece, run) for piece in _PIECES.split(value))


def _opaque(piece: str, run: int) -> bool:
    """A run that no person would have chosen as a word."""
    if len(piece) < run:
        return False
    digits = any(char.isdigit() for char in piece)
    letters = any(char.isalpha() for char in piece)
    if digits and letters:
        return True
    if digits:
        return len(piece) >= 13
    mixed = piece != piece.lower() and piece != piece.upper()
    return len(piece) >= 32 or (mixed and len(piece) >= 20)


def redact_url(url: str) -> str:
    """A URL or path with ids of the path as ``{id}`` and secret query values masked.

    Credentials before the host and the fragment are masked whole.
    """
    url = UNSAFE.sub("", url).replace("\t", "").replace("\n", "")
    url, _, fragment = url.partition("#")
    address, mark, query = url.partition("?")
    scheme, separator, rest = address.partition("://")
    if not separator:
        scheme, rest = "", address
    authority, slash, path = (
        rest.partition("/") if separator or rest.startswith("//") else ("", "", rest)
    )
    if rest.startswith("//") and not separator:
        authority, slash, path = rest, "", ""
    if "@" in authority:
        authority = f"{MASK}@{authority.rpartition('@')[2]}"
    out = (
        scheme
        + separator
        + authority
        + slash
        + "/".join(_segment(part) for part in path.split("/"))
    )
    if mark:
        out += "?" + _query(query)
    if fragment:
        out += "#" + MASK
    return out


def _segment(segment: str) -> str:
    if _STATIC.search(segment) and not _UUID.search(segment) and len(segment) < 100:
        return segment  # a hashed asset name is public, and detectors need it
    plain = unquote_plus(segment)
    if plain.isdigit() and len(plain) >= 9:
        return ID
    # build numbers of up to 15 characters are public and tell releases apart
    if len(plain) >= 12 and looks_secret(plain, 16):
        return ID
    return segment


def _query(query: str) -> str:
    return re.sub(r"[^&;]+", lambda match: _parameter(match.group()), query)


def _parameter(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if not equals:
        return MASK if looks_secret(unquote_plus(name)) else name
    plain = unquote_plus(value)
    known = _parameters().get(unquote_plus(name).lower())
    if looks_secret(unquote_plus(name)):
        return f"{MASK}={MASK}"
    if value and (known or (known is None and looks_secret(plain)) or _JWT.search(plain)):
        return f"{name}={MASK}"
    return pair


def redact_text(text: str, limit: int) -> str:
    """At most `limit` characters of foreign text, secrets masked, on one line.

    Control, zero-width and bidi characters are removed, so that the text can
    neither drive a terminal nor reorder a page.
    """
    if limit <= 0:
        return ""
    cut = text[: 4 * limit + 256]
    if len(cut) < len(text):
        # half of a token at the cut may no longer look like one
        cut = cut.rpartition(" ")[0]
    cut = UNSAFE.sub("", cut)
    cut = _HEADER_LINE.sub(lambda match: f"{match.group(1)}{match.group(2)} {MASK}", cut)
    cut = _BEARER.sub(lambda match: f"{match.group(1)} {MASK}", cut)
    cut = _ASSIGNMENT.sub(_assignment, cut)
    for pattern in (_JWT, _EMAIL, _UUID, _API_KEY, _LONG_HEX):
        cut = pattern.sub(MASK, cut)
    cut = _LONG_RUN.sub(lambda match: MASK if looks_secret(match.group()) else match.group(), cut)
    cut = printable(cut)
    return cut if len(cut) <= limit else cut[: limit - 1].rstrip() + "…"


def _assignment(match: re.Match[str]) -> str:
    name, between, _value = match.groups()
    # "state: failed" is prose: a parameter's name counts only where it is assigned with "="
    if secret_header(name) or ("=" in between and _parameters().get(name.lower())):
        return f"{name}{between}{MASK}"
    return match.group()
