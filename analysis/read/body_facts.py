"""What the body of an answer tells, whichever capture holds it.

Flow files, HAR and NetLog all come here: content type, status, host, path and
the octets of the body go in, facts come out, and the body is forgotten.  Codes,
states and masked sentences of errors are kept; prompts, answers and secrets are not.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, replace

from analysis.knowledge.proxy_ports import AUTOCONFIG
from analysis.knowledge.secrets import redact_text
from analysis.model.error_text import xml_error
from analysis.model.page import Page, read_page, shows_text
from analysis.model.status_page import STATUS_HOSTS, status_lines
from analysis.model.trace_page import TRACE_PATH, EgressNames, trace_lines
from analysis.read.json_error import JsonError, code_word, json_error, sentence

EXCERPT = 600
MAX_SMALL = 256 * 1024
"""Octets of a JSON answer of success that is parsed: what it tells of a failure is short."""

MAX_BODY = 4 * 1024 * 1024
MAX_PAGES = 64
"""Pages that are remembered: a site sends the same page again and again."""

HTML = frozenset({"text/html", "application/xhtml+xml"})
_TEXT = frozenset({"text/plain", "application/xml", "text/xml", "", None})
_SIZE_KEYS = ("file_size", "bytes", "size_bytes", "file_size_bytes")
_FILE_OBJECTS = ("file", "upload")
_PROXY = re.compile(r"\b(?:PROXY|HTTPS?|SOCKS[45]?) [A-Za-z0-9_.\[\]:-]{1,255}:[0-9]{1,5}\b")
_TELLING = (b'"error', b'"detail', b'"status', b'"state', b'"blocked_features', b"size", b'"bytes')


@dataclass(frozen=True, slots=True)
class BodyFacts:
    """Facts of one body; None is "not told". Columns of the http table carry the same names.

    `page` is set for HTML only, without its text.
    """

    page: Page | None = None
    excerpt: str | None = None
    error_code: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    error_param: str | None = None
    job_state: str | None = None
    file_bytes: int | None = None
    egress: str | None = None
    trace: list[str] | None = None
    status_page: list[str] | None = None


NOTHING = BodyFacts()


def tells(media: str | None, status: int | None, url: str) -> bool:
    """True when a body of that media type can tell anything, so that it is worth decoding."""
    page = media in HTML or media == AUTOCONFIG or (media or "").endswith("json")
    return page or (status or 0) >= 400 or is_trace(url)


@dataclass(slots=True)
class BodyReader:
    """Reads the bodies of one capture; `names` are its exit addresses."""

    names: EgressNames = field(default_factory=EgressNames)
    _pages: dict[tuple[bytes, str], Page] = field(default_factory=dict)

    def facts(
        self, media: str | None, status: int | None, url: str, host: str, body: bytes
    ) -> BodyFacts:
        """What `body`, without its content coding, tells of the answer to `url`.

        `media` is the media type without parameters in lower case, `host` the
        name in lower case.
        """
        failed = (status or 0) >= 400
        body = body[:MAX_BODY]
        if not body:
            return NOTHING
        if media in HTML:
            return self._html(body, url, host, status or 0)
        if (media or "").endswith("json"):
            return _json_facts(body, host, failed=failed)
        if is_trace(url):
            lines = body[:8192].decode("utf-8", "replace").splitlines()
            egress, kept = trace_lines(lines, self.names)
            return BodyFacts(egress=egress, trace=kept or None)
        if failed and media in _TEXT:
            return self._text(body[: 8 * EXCERPT].decode("utf-8", "replace"))
        if media == AUTOCONFIG:
            return _proxies(body[:MAX_SMALL].decode("utf-8", "replace"))
        return NOTHING

    def _html(self, body: bytes, url: str, host: str, status: int) -> BodyFacts:
        # what a page names depends on the folder of its address, not on the rest of it
        folder = url.partition("?")[0].rpartition("/")[0] + "/"
        key = hashlib.blake2b(body, digest_size=16).digest(), folder
        page = self._pages.get(key)
        if page is None:
            page = read_page(body.decode("utf-8", "replace"), folder)
            if len(self._pages) >= MAX_PAGES:
                self._pages.clear()
            self._pages[key] = page
        bare = replace(page, text="")
        if not shows_text(page, host, status):
            return BodyFacts(page=bare)
        shown = f"{page.title} {page.text}"
        excerpt = redact_text(self.names.mask_shown(shown), EXCERPT) or None
        return BodyFacts(page=bare, excerpt=excerpt, egress=self.names.shown(shown))

    def _text(self, text: str) -> BodyFacts:
        parts = xml_error(text)
        said = [parts[key] for key in ("Message", "AuthenticationErrorDetail") if key in parts]
        return BodyFacts(
            excerpt=redact_text(self.names.mask_shown(text), EXCERPT) or None,
            error_code=code_word(parts.get("Code")),
            error_message=sentence(" ".join(said)),
        )


def _proxies(script: str) -> BodyFacts:
    """What proxies a configuration script can choose, and nothing of how it does."""
    named = dict.fromkeys(_PROXY.findall(script))
    return BodyFacts(excerpt=redact_text("; ".join(named), EXCERPT) or None)


def is_trace(url: str) -> bool:
    """True for Cloudflare's trace page."""
    return url.partition("?")[0].endswith(TRACE_PATH)


def declared_bytes(body: bytes) -> int | None:
    """The size of a file that a JSON request announces, in octets."""
    payload = _parsed(body) if len(body) <= MAX_SMALL and b"size" in body else None
    return _file_bytes(payload) if isinstance(payload, dict) else None


def _json_facts(body: bytes, host: str, *, failed: bool) -> BodyFacts:
    page = host in STATUS_HOSTS
    if not (failed or page) and (
        len(body) > MAX_SMALL or not any(word in body for word in _TELLING)
    ):
        return NOTHING
    payload = _parsed(body)
    if page:
        return BodyFacts(status_page=_masked_lines(payload))
    if isinstance(payload, str) and failed:
        return BodyFacts(error_message=sentence(payload), excerpt=sentence(payload))
    if not isinstance(payload, dict):
        cut = failed and payload is None
        text = body[: 8 * EXCERPT].decode("utf-8", "replace") if cut else ""
        return BodyFacts(excerpt=redact_text(text, EXCERPT) or None)
    error = json_error(payload, failed=failed)
    if error.code is None:
        error = _blocked(payload) or error
    return BodyFacts(
        excerpt=error.message if failed else None,
        error_code=error.code,
        error_type=error.type,
        error_message=error.message,
        error_param=error.param,
        job_state=_job_state(payload),
        file_bytes=_file_bytes(payload),
    )


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _masked_lines(payload: object) -> list[str] | None:
    return [redact_text(line, 200) for line in status_lines(payload)] or None


def _job_state(payload: dict[str, object]) -> str | None:
    for key in ("status", "state"):
        if word := code_word(payload.get(key)):
            return word
    return None


def _blocked(payload: dict[str, object]) -> JsonError | None:
    """A feature that is blocked until a time: the account's limit, told before it is met."""
    blocked = payload.get("blocked_features")
    for item in blocked[:20] if isinstance(blocked, list) else ():
        name = code_word(item.get("name")) if isinstance(item, dict) else None
        if isinstance(item, dict) and name:
            until = item.get("resets_after")
            when = f" until {until}" if isinstance(until, str) else ""
            code = "send_blocked" if name == "send" else "blocked_features"
            return JsonError(code=code, message=sentence(f"{name} is blocked{when}"))
    return None


def _file_bytes(payload: dict[str, object]) -> int | None:
    """The size that a file's description states; ``bytes`` only where it is a file's."""
    is_file = payload.get("object") in _FILE_OBJECTS
    for key in _SIZE_KEYS:
        value = payload.get(key)
        if (key != "bytes" or is_file) and isinstance(value, int) and not isinstance(value, bool):
            return value if 0 <= value < 2**63 else None
    return None
