"""A copy of an exchange that may be written: the same facts, no secrets.

Headers keep their names; secret values are replaced.  Bodies are reduced to
what a diagnosis needs: which scripts a page names, codes and states of a JSON
answer, the visible text of an error page.
"""

from __future__ import annotations

import json
import re

from mitmproxy import http, websocket

from analysis.knowledge.secrets import (
    ID,
    MASK,
    looks_secret,
    redact_text,
    redact_url,
    secret_header,
)
from analysis.model.decoding import decode_body
from analysis.model.error_header import ERROR_HEADERS, header_code
from analysis.model.error_text import is_camel_word, without_quotations, xml_error
from analysis.model.page import read_page, shows_text, skeleton
from analysis.model.status_page import STATUS_HOSTS, status_lines
from analysis.model.trace_page import TRACE_PATH, EgressNames, trace_lines

MAX_TEXT = 2000
MAX_NODES = 2000
MAX_DEPTH = 12
_URL_HEADERS = frozenset(
    {"location", "referer", "content-location", "link", "x-openai-target-path"}
)
_COOKIE_FLAG = re.compile(
    r"(?i)\s*(?:max-age=-?\d{1,12}|expires=[a-z]{3,9}, [\w :-]{8,24}|samesite=[a-z]{1,8}|secure"
    r"|httponly)\s*\Z"
)
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,40}\Z")
_ID_KEY = re.compile(r"[0-9a-fA-F]{8}-|[0-9A-Za-z_-]{20,}\Z")
_WORD_KEYS = frozenset(
    {
        *("type", "code", "error_code", "errorCode", "status", "state", "level", "kind"),
        *("param", "object"),
        *("indicator", "impact", "reason", "plan_type", "use_case"),
        *("resets_after", "resets_at", "expires"),
    }
)
_TEXT_KEYS = frozenset(
    {"detail", "message", "error", "description", "error_description", "title", "msg"}
)
# where a name is a part or a state of the service; elsewhere it is a person's, or a file's
_NAMED = frozenset({"blocked_features", "components", "incidents", "scheduled_maintenances"})
_MAX_WORD = 80
_MAX_NUMBER = 10**15
# requests that announce an upload: the web client's, and the API's for large files
_UPLOADS = ("/files", "/upload_reservations", "/uploads")
MAX_ANNOUNCEMENT = 16 * 1024


def mask_headers(headers: http.Headers) -> http.Headers:
    """The same names in the same order; secret values masked, addresses shortened."""
    fields = []
    for raw_name, raw_value in headers.fields:
        name = raw_name.decode("latin-1")
        if name.lower() in ERROR_HEADERS and (code := header_code(raw_value.decode("latin-1"))):
            value = code.encode()
        elif secret_header(name):
            value = _mask_cookie_names(name, raw_value)
        elif name.lower() in _URL_HEADERS:
            value = redact_url(raw_value.decode("utf-8", "replace")).encode()
        elif name.lower() == "content-disposition":
            value = raw_value.partition(b";")[0][:40]  # a file's name is the user's
        else:
            value = redact_text(raw_value.decode("utf-8", "replace"), 1000).encode()
        fields.append((raw_name, value))
    return http.Headers(fields)


def _mask_cookie_names(name: str, value: bytes) -> bytes:
    """Set-Cookie keeps the cookie's name and flags, which say what a proxy strips."""
    if name.lower() != "set-cookie":
        return f"{MASK} {len(value)} octets".encode()
    first, _, attributes = value.decode("latin-1").partition(";")
    cookie, equals, _ = first.partition("=")
    cookie = cookie.strip()[:60]
    if not equals or _ID_KEY.search(cookie) or looks_secret(cookie, 16):
        cookie = ID  # a cookie without a name is all value (RFC 6265bis section 5.6)
    kept = [part.strip() for part in attributes.split(";") if _COOKIE_FLAG.match(part)]
    return "; ".join([f"{cookie}={MASK}", *kept]).encode("latin-1", "replace")


def mask_json(value: object, failed: bool) -> object:
    """The shape of a JSON value: numbers and flags, words under known keys, no free text.

    With `failed` (the answer is an error) the sentences of an error are kept,
    with secrets in them masked.
    """
    budget = [MAX_NODES]

    def walk(item: object, key: str, depth: int) -> object:
        budget[0] -= 1
        if budget[0] < 0 or depth > MAX_DEPTH:
            return "[cut]"
        if isinstance(item, dict):
            out: dict[str, object] = {}
            inside = failed or key == "error"
            for name, child in list(item.items())[:200]:
                plain = _PLAIN_KEY.match(name) and not _ID_KEY.match(name)
                shown = name if plain and not looks_secret(name) else ID
                named = name != "name" or key.removeprefix("!") in _NAMED
                kept = shown if named else ID
                out[shown] = walk(child, f"!{kept}" if inside else kept, depth + 1)
            return out
        if isinstance(item, list):
            return [walk(child, key, depth + 1) for child in item[:50]]
        if isinstance(item, str):
            return _mask_string(item, key)
        if isinstance(item, int) and abs(item) >= _MAX_NUMBER:
            return f"[{len(str(item))} digits]"
        return item

    return walk(value, "!" if failed else "", 0)


def _mask_string(text: str, key: str) -> str:
    bare = key.removeprefix("!")
    if text.startswith(("https://", "http://", "wss://", "ws://")):
        return redact_url(text)[:500]
    if len(text) <= _MAX_WORD and (
        bare == "name" or (bare in _WORD_KEYS and not looks_secret(text))
    ):
        return redact_text(text, _MAX_WORD)
    if key.startswith("!") and (bare in _TEXT_KEYS or not bare):
        return redact_text(without_quotations(text[: 4 * MAX_TEXT]), MAX_TEXT)
    return f"[{len(text)} characters]"


def mask_body(data: bytes, flow: http.HTTPFlow, names: EgressNames) -> bytes:
    """What may be written of the response body `data` (as it arrived, perhaps cut).

    Anything but HTML, JSON, short error text and Cloudflare's trace gives b"".
    `names` are the recording's exit addresses, which stand for the addresses.
    """
    response = flow.response
    if response is None or not data:
        return b""
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    failed = response.status_code >= 400
    decoded = decode_body(data, response.headers.get("content-encoding", ""))
    if not decoded:
        return b""
    if content_type.endswith("json"):
        try:
            value = json.loads(decoded)
        except (ValueError, RecursionError):
            return (
                redact_text(decoded.decode("utf-8", "replace"), MAX_TEXT).encode()
                if failed
                else b""
            )
        shown: object = mask_json(value, failed)
        if flow.request.pretty_host in STATUS_HOSTS:
            # a public page; its components are named apart from their states
            shown = {"status_page": [redact_text(line, 200) for line in status_lines(value)]}
        return json.dumps(shown, separators=(",", ":")).encode()
    text = decoded.decode("utf-8", "replace")
    if content_type in {"text/html", "application/xhtml+xml"}:
        return _mask_html(names.mask_shown(text), flow, failed)
    if flow.request.path.partition("?")[0] == TRACE_PATH:
        egress, kept = trace_lines(text[:MAX_TEXT].splitlines(), names)
        return "\n".join([*([f"ip={egress}"] if egress else []), *kept]).encode()
    if failed and (parts := xml_error(text[: 4 * MAX_TEXT])):
        return _mask_xml(parts).encode()
    if failed and content_type in {"text/plain", "application/xml", "text/xml", ""}:
        return redact_text(names.mask_shown(text), MAX_TEXT).encode()
    return b""


def mask_request(flow: http.HTTPFlow) -> bytes:
    """What may be written of a request's body: the size that an upload announces."""
    body = flow.request.raw_content
    path = flow.request.path.partition("?")[0]
    if not body or len(body) > MAX_ANNOUNCEMENT or not path.endswith(_UPLOADS):
        return b""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return b""
    size = payload.get("file_size", payload.get("bytes")) if isinstance(payload, dict) else None
    whole = isinstance(size, int) and not isinstance(size, bool) and 0 <= size < _MAX_NUMBER
    return json.dumps({"file_size": size}).encode() if whole else b""


def _mask_html(text: str, flow: http.HTTPFlow, failed: bool) -> bytes:
    page = read_page(text, flow.request.pretty_url)
    resources = [
        type(item)(redact_url(item.url), item.kind, item.integrity) for item in page.resources
    ]
    html = skeleton(page, resources)
    if shows_text(page, flow.request.pretty_host, 400 if failed else 200):
        html += _plain("title", page.title) + _plain("p", page.text)
    return html.encode()


def _mask_xml(parts: dict[str, str]) -> str:
    """The storage's error document; its code is a long word, which masking would take."""
    shown = {
        tag: text if is_camel_word(text) else redact_text(text, MAX_TEXT)
        for tag, text in parts.items()
    }
    inner = "".join(f"<{tag}>{text}</{tag}>" for tag, text in shown.items())
    return f"<Error>{inner}</Error>"


def _plain(tag: str, text: str) -> str:
    """Visible text in an element; markup characters are dropped rather than encoded."""
    shown = redact_text(text, MAX_TEXT).replace("<", " ").replace(">", " ").replace("&", "&amp;")
    return f"<{tag}>{shown}</{tag}>\n"


def masked_copy(flow: http.HTTPFlow, body: bytes) -> http.HTTPFlow:
    """The flow as it may be written, under its own id; `body` is already masked."""
    # an earlier version of an edited flow has its secrets too
    copy = http.HTTPFlow.from_state({**flow.get_state(), "backup": None})
    assert isinstance(copy, http.HTTPFlow)
    copy.comment, copy.metadata = "", {}
    request = copy.request
    request.headers = mask_headers(flow.request.headers)
    request.path = redact_url(flow.request.path)
    request.authority = request.authority.rpartition("@")[2]
    request.raw_content = mask_request(flow)
    request.trailers = None
    if copy.response is not None and flow.response is not None:
        response = copy.response
        response.headers = mask_headers(flow.response.headers)
        # what is kept is neither compressed nor as long as what was sent, so
        # a reader must not try to decode it; the facts stay under own names
        for name in ("content-encoding", "transfer-encoding"):
            if name in response.headers:
                response.headers[f"x-chatpath-{name}"] = response.headers.pop(name)
        response.raw_content = body
        response.trailers = None
        response.reason = redact_text(flow.response.reason or "", 100)
    if copy.error is not None:
        copy.error.msg = redact_text(copy.error.msg, 500)
    if copy.websocket is not None:
        copy.websocket.messages = []
        copy.websocket.close_reason = f"[{len(copy.websocket.close_reason or '')} characters]"
    return copy


def placeholder(
    opcode: int, from_client: bool, size: int, when: float
) -> websocket.WebSocketMessage:
    """Stands for a websocket message in the flow file: its size and time, not its text."""
    text = f"[{size} octets, text not kept]".encode()
    return websocket.WebSocketMessage(opcode, from_client, text, timestamp=when)
