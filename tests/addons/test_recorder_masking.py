"""Nothing secret is written; what a diagnosis needs is."""

from __future__ import annotations

import io as streams
import json
import string
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mitmproxy import http, io
from mitmproxy.test import tflow

from addons.masking import mask_body, mask_headers, mask_json, masked_copy, placeholder
from addons.streams import BodyWatch
from analysis.model.page import read_page
from analysis.model.trace_page import EgressNames

TOKEN = st.text(string.ascii_letters + string.digits, min_size=24, max_size=60).filter(
    lambda text: any(map(str.isdigit, text[:12])) and any(map(str.isalpha, text[:12]))
)
SENTENCE = st.lists(
    st.text(string.ascii_lowercase, min_size=4, max_size=9), min_size=3, max_size=9
).map(lambda words: "zq " + " ".join(words))
PAGE = """<html data-build="prod-1" lang="en"><title>{secret}</title>
<script src="/cdn/assets/2340486e-ochsjnnr5ckjjz3o.js"></script>
<link rel="stylesheet" href="/cdn/assets/root-a1b2c3d4.css">
<script>window.__context = {{"user": "{secret}"}}; import "/cdn/assets/manifest-1.js";</script>
<p title="{secret}">{secret}</p><!-- {secret} --></html>"""


def made(
    body: bytes = b"",
    kind: str = "text/html",
    status: int = 200,
    *,
    host: str = "chatgpt.com",
    path: str = "/",
    headers: Mapping[str, str] | None = None,
) -> http.HTTPFlow:
    item = tflow.tflow(resp=True)
    item.request.scheme, item.request.host, item.request.port = "https", host, 443
    item.request.path = path
    item.request.headers = http.Headers(host=host, **(headers or {}))
    assert item.response is not None
    item.response.status_code = status
    item.response.headers = http.Headers(content_type=kind)
    item.response.raw_content = body
    return item


def masked(body: bytes, kind: str = "text/html", status: int = 200, **how: str) -> bytes:
    return mask_body(body, made(body, kind, status, **how), EgressNames())


def written(item: http.HTTPFlow, body: bytes) -> bytes:
    """The flow as it lies on the disk."""
    out = streams.BytesIO()
    io.FlowWriter(out).add(masked_copy(item, body))
    return out.getvalue()


SECRET_HEADERS = [
    *("cookie", "authorization", "proxy-authorization", "set-cookie", "chatgpt-account-id"),
    *("x-conduit-token", "openai-sentinel-proof-token", "oai-device-id", "x-csrf-token"),
    *("sec-websocket-protocol", "x-api-key", "x-forwarded-for", "x-my-session-id"),
]


@given(TOKEN, st.sampled_from(SECRET_HEADERS))
def test_values_of_secret_headers_never_survive(secret: str, name: str) -> None:
    for shape in (secret, f"Bearer {secret}", f"a=1; session={secret}; b={secret}", secret.upper()):
        kept = mask_headers(http.Headers([(name.encode(), shape.encode())]))
        assert secret.lower() not in str(kept).lower()
        assert list(kept) == [name]


@given(TOKEN)
def test_tokens_in_any_other_header_never_survive(secret: str) -> None:
    headers = http.Headers(
        [
            (b"x-unknown", secret.encode()),
            (b"x-debug", f"user=1 token={secret}".encode()),
            (b"referer", f"https://chatgpt.com/c?code={secret}#{secret}".encode()),
            (
                b"location",
                f"https://u:{secret}@x.oaiusercontent.com/f?sig={secret}&se=2026".encode(),
            ),
            (b"link", f"</a.js>; rel=preload, <https://b/y?sig={secret}>".encode()),
            (b"refresh", f"0; url=https://b/y?token={secret}".encode()),
            (b"content-disposition", f'attachment; filename="my {secret}.txt"'.encode()),
            (b"x-error", f"Bearer {secret} expired".encode()),
        ]
    )
    assert secret not in str(mask_headers(headers))


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (
            "__cf_bm=abc.DEF; path=/; HttpOnly; Secure; SameSite=None",
            "__cf_bm=[redacted]; HttpOnly; Secure; SameSite=None",
        ),
        ("a=1; Max-Age=600; Domain=.chatgpt.com", "a=[redacted]; Max-Age=600"),
        (
            "a=1; expires=Thu, 01 Jan 2026 00:00:00 GMT",
            "a=[redacted]; expires=Thu, 01 Jan 2026 00:00:00 GMT",
        ),
        ("a=1; securetoken=hunter2; expires=hunter2", "a=[redacted]"),
        ("hunter2", "{id}=[redacted]"),
        ("conv_key_6f1f0a5e-1111-4222-8333-444455556666=1", "{id}=[redacted]"),
    ],
)
def test_set_cookie_keeps_the_name_and_the_flags(value: str, kept: str) -> None:
    assert mask_headers(http.Headers(set_cookie=value))["set-cookie"] == kept


def test_headers_that_a_diagnosis_needs_survive() -> None:
    facts = {
        "cf-ray": "8f0a1b2c3d4e5f60-AMS",
        "cf-mitigated": "challenge",
        "server": "cloudflare",
        "via": "1.1 proxy.corp (squid/5.7)",
        "content-type": "text/html; charset=utf-8",
        "retry-after": "30",
        "date": "Sun, 22 Nov 2026 10:00:00 GMT",
        "x-squid-error": "ERR_ACCESS_DENIED 0",
        "accept": "text/event-stream",
        "sec-fetch-dest": "script",
        "upgrade": "websocket",
    }
    kept = mask_headers(http.Headers([(k.encode(), v.encode()) for k, v in facts.items()]))
    assert dict(kept.items()) == facts


def test_signed_links_keep_their_expiry_and_lose_their_signature() -> None:
    url = (
        "https://files.oaiusercontent.com/file-1?se=2026-01-01T00%3A00%3A00Z&sp=r&sig=AbC%2BdEf%3D"
    )
    kept = mask_headers(http.Headers(location=url))["location"]
    assert "se=2026-01-01T00%3A00%3A00Z" in kept
    assert "AbC" not in kept


JSON_SHAPES = [
    '{{"accessToken": "{s}", "expires": "2026-01-01"}}',
    '{{"user": {{"name": "{s}", "email": "{s}@x.org", "id": "{s}"}}}}',
    '{{"items": [{{"title": "{s}", "id": "{s}", "kind": "{s}"}}]}}',
    '{{"{s}": {{"message": "{s}", "parts": ["{s}"]}}}}',
    '{{"message": {{"content": {{"parts": ["{s}"]}}}}, "status": "{s}", "code": "{s}"}}',
    '{{"websocket_url": "wss://ws.chatgpt.com/p18/ws/user/{s}?verify=1-{s}"}}',
    '"{s}"',
    '["{s}", ["{s}"], {{"a": "{s}"}}]',
]


@given(TOKEN, st.sampled_from(JSON_SHAPES), st.sampled_from([200, 401, 500]))
def test_tokens_in_json_never_survive(secret: str, shape: str, status: int) -> None:
    body = shape.format(s=secret).encode()
    assert secret.encode() not in masked(body, "application/json", status)


@given(SENTENCE, st.sampled_from(JSON_SHAPES))
def test_free_text_of_a_good_json_answer_never_survives(text: str, shape: str) -> None:
    assert text.encode() not in masked(shape.format(s=text).encode(), "application/json")


def test_json_facts_that_a_diagnosis_needs_survive() -> None:
    error = {
        "detail": {
            "code": "tokenless_resume_unavailable",
            "message": "A network error occurred. Please check your connection and try again.",
            "clears_in": 3600,
        }
    }
    body = json.dumps(error).encode()
    assert json.loads(masked(body, "application/json", 404)) == error
    limits = {"blocked_features": [{"name": "send", "resets_after": "2026-11-22T10:00:00Z"}]}
    assert json.loads(masked(json.dumps(limits).encode(), "application/json")) == limits
    status = {
        "status": {"indicator": "major"},
        "components": [{"name": "Conversations", "status": "degraded_performance"}],
        "incidents": [{"name": "Elevated error rates", "impact": "minor"}],
    }
    assert json.loads(masked(json.dumps(status).encode(), "application/json")) == status
    assert json.loads(masked(b'{"detail":"Access token is missing"}', "application/json", 401)) == {
        "detail": "Access token is missing"
    }


def test_a_persons_and_a_files_name_are_not_kept() -> None:
    value = {"name": "Budi Santoso", "file": {"name": "plan.docx", "size": 7}, "n": 10**16}
    assert mask_json(value, failed=False) == {
        "name": "[12 characters]",
        "file": {"name": "[9 characters]", "size": 7},
        "n": "[17 digits]",
    }


@pytest.mark.parametrize("failed", [True, False])
def test_json_is_bounded(failed: bool) -> None:
    deep: object = "x"
    for _ in range(500):
        deep = {"a": deep}
    wide = {f"key{n}": ["x"] * 1000 for n in range(1000)}
    assert len(json.dumps(mask_json(deep, failed))) < 1000
    assert len(json.dumps(mask_json(wide, failed))) < 200_000


@pytest.mark.parametrize(
    "body", [b"[" * 100000, b"{", b"\xff\xfe", b'"\\ud800"', b"9" * 5000, b"NaN", b""]
)
@pytest.mark.parametrize("status", [200, 500])
def test_hostile_json_gives_something_that_can_be_written(body: bytes, status: int) -> None:
    kept = masked(body, "application/json", status)
    kept.decode()
    assert len(kept) < 10_000


@given(SENTENCE)
def test_the_applications_page_keeps_its_scripts_and_none_of_its_text(text: str) -> None:
    kept = masked(PAGE.format(secret=text).encode())
    assert text.encode() not in kept
    page = read_page(kept.decode(), "https://chatgpt.com/")
    assert page.build == "prod-1"
    assert [item.url.rpartition("/")[2] for item in page.resources] == [
        "2340486e-ochsjnnr5ckjjz3o.js",
        "root-a1b2c3d4.css",
        "manifest-1.js",
    ]


def test_a_block_page_keeps_its_title_and_text() -> None:
    body = b"""<html><head><title>Web Page Blocked</title><style>p { color: red }</style></head>
    <body><h1>Access denied</h1><p>Category: Artificial Intelligence &amp; &lt;b&gt;</p>
    <p>User: jane.doe@example.org</p></body></html>"""
    for status in (200, 403):
        kept = masked(body, status=status).decode()
        page = read_page(kept, "https://chatgpt.com/")
        assert page.title == "Web Page Blocked"
        assert "Category: Artificial Intelligence" in page.text
        assert "color" not in kept
        assert "jane.doe" not in kept


def test_a_users_own_html_file_keeps_nothing() -> None:
    body = b"<title>my plan</title><p>my plan in words</p>"
    kept = masked(body, host="files.oaiusercontent.com")
    assert b"plan" not in kept
    assert b"plan in words" in masked(body, host="files.oaiusercontent.com", status=403)


@given(st.text(alphabet="<>/=\"' !-abscript&;#\ud800\u202e\n", max_size=120), st.booleans())
def test_any_html_gives_something_that_can_be_written(html: str, failed: bool) -> None:
    body = html.encode("utf-8", "surrogatepass")
    masked(body, status=500 if failed else 200).decode()


def test_a_page_at_an_address_that_is_no_text() -> None:
    item = made(PAGE.format(secret="x").encode())
    item.request.data.path = b"/\xff\xfe"
    item.request.headers["host"] = "chatgpt.com"
    assert item.response is not None
    kept = mask_body(item.response.raw_content or b"", item, EgressNames()).decode()
    assert "\ufffd" not in kept


@pytest.mark.parametrize("kind", ["text/event-stream", "text/plain", "image/png", "text/x-unknown"])
def test_other_bodies_are_not_kept(kind: str) -> None:
    assert masked(b"data: words of an answer\n\n", kind) == b""


def test_the_trace_keeps_what_names_the_edge_and_no_more() -> None:
    body = b"h=chatgpt.com\nip=192.0.2.1\nuag=Mozilla/5.0\ncolo=AMS\nloc=NL\nfree words\nkey=zz\n"
    kept = masked(body, "text/plain", path="/cdn-cgi/trace")
    assert kept == b"ip=egress-1\nh=chatgpt.com\ncolo=AMS\nloc=NL"


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(TOKEN)
def test_nothing_secret_reaches_the_disk_in_a_flow(secret: str) -> None:
    item = made(
        f"<p>{secret}</p>".encode(),
        path=f"/c/{secret}?token={secret}&q=words",
        headers={"cookie": f"s={secret}", "authorization": f"Bearer {secret}"},
    )
    assert item.response is not None
    item.backup()
    item.request.content = f'{{"prompt": "{secret}"}}'.encode()
    item.request.trailers = http.Headers(x=secret)
    item.response.trailers = http.Headers(x=secret)
    item.response.headers["set-cookie"] = f"session={secret}"
    item.response.reason = f"OK {secret}"
    item.comment, item.metadata["note"] = secret, secret
    item.request.authority = f"user:{secret}@chatgpt.com"
    body = mask_body(item.response.raw_content or b"", item, EgressNames())
    assert secret.encode() not in written(item, body)


@given(TOKEN)
def test_nothing_secret_reaches_the_disk_in_a_failed_flow_or_a_websocket(secret: str) -> None:
    failed = tflow.tflow(err=True)
    assert failed.error is not None
    failed.error.msg = f"Authorization: Bearer {secret}"
    assert secret.encode() not in written(failed, b"")
    socket = tflow.twebsocketflow()
    assert socket.websocket is not None
    socket.websocket.messages[0].content = secret.encode()
    socket.websocket.close_reason = secret
    assert secret.encode() not in written(socket, b"")


def test_the_copy_can_be_read_back_and_the_original_is_untouched() -> None:
    item = made(b"<p>x</p>", headers={"cookie": "a=b"})
    assert item.response is not None
    item.response.headers["content-encoding"] = "gzip"
    before = item.get_state()
    copy = masked_copy(item, b"kept")
    assert item.get_state() == before
    assert copy.id == item.id
    assert copy.response is not None
    assert copy.response.content == b"kept"
    assert copy.response.headers["x-chatpath-content-encoding"] == "gzip"


def test_a_stand_in_for_a_message_says_its_size() -> None:
    assert placeholder(1, True, 4711, 5.0).content == b"[4711 octets, text not kept]"


@given(SENTENCE, st.integers(1, 40))
def test_the_text_of_a_stream_reaches_no_event(text: str, step: int) -> None:
    events: list[object] = []
    watch = BodyWatch(
        "f", "text/event-stream", "", keep=True, write=lambda *event: events.append(event)
    )
    stream = f'event: delta\ndata: {{"type":"delta","v":{json.dumps(text)}}}\n\n'.encode()
    for at in range(0, len(stream), step):
        watch.chunk(stream[at : at + step])
    watch.flush()
    assert text not in repr((events, watch.facts()))
    assert watch.decoded() == b""
