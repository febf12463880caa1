"""Secrets never pass; what a detector needs stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.knowledge.secrets import MASK, redact_text, redact_url, secret_header

UUID = "6f1e2d3c-aaaa-bbbb-cccc-1234567890ab"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            f"/backend-api/conversation/{UUID}/stream_status",
            "/backend-api/conversation/{id}/stream_status",
        ),
        (
            "wss://ws.chatgpt.com/p18/ws/user/user-AbC123dEf456GhI789?verify=1712-abc%3D",
            f"wss://ws.chatgpt.com/p18/ws/user/{{id}}?verify={MASK}",
        ),
        (
            "https://files.oaiusercontent.com/file-1?se=2026-01-01T00%3A00%3A00Z&sp=r&sv=1&sig=abc",
            f"https://files.oaiusercontent.com/file-1?se=2026-01-01T00%3A00%3A00Z&sp=r&sv=1&sig={MASK}",
        ),
        ("https://u:p@x.example/a#access_token=1", f"https://{MASK}@x.example/a#{MASK}"),
        ("/cb?code=abc;state=def", f"/cb?code={MASK};state={MASK}"),
        ("/?q=my+prompt", f"/?q={MASK}"),
        ("/?unknown=two+words", f"/?unknown={MASK}"),
        (f"/?{JWT}", f"/?{MASK}"),
        (f"/a?limit={JWT}", f"/a?limit={MASK}"),
        ("/?access%5Ftoken=abc", f"/?access%5Ftoken={MASK}"),
        ("/u/jo%40corp.example/x", "/u/{id}/x"),
    ],
)
def test_url_secrets_are_masked(url: str, expected: str) -> None:
    assert redact_url(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "https://chatgpt.com/cdn/assets/2340486e-ochsjnnr5ckjjz3o.js",
        "https://chatgpt.com/sentinel/20260423af3c/sdk.js",
        "/backend-api/accounts/check/v4-2023-04-27",
        "/backend-api/conversations?offset=0&limit=28&order=updated&is_archived=false",
        "/backend-api/sentinel/chat-requirements/prepare",
        "//host.example/path",
    ],
)
def test_harmless_urls_stay(url: str) -> None:
    assert redact_url(url) == url


@pytest.mark.parametrize(
    "name",
    [
        "Cookie",
        "set-cookie",
        "AUTHORIZATION",
        "proxy-authorization",
        "x-conduit-token",
        "openai-sentinel-proof-token",
        "oai-device-id",
        "ChatGPT-Account-Id",
    ],
)
def test_secret_headers(name: str) -> None:
    assert secret_header(name)


@pytest.mark.parametrize("name", ["content-type", "cf-ray", "via", "x-cache", "server", "date"])
def test_product_headers_are_not_secret(name: str) -> None:
    assert not secret_header(name)


@pytest.mark.parametrize(
    "secret",
    [
        JWT,
        "Bearer abcdefghijkl",
        "sk-abcdefghijklmnop1234",
        "jo@corp.example",
        UUID,
        "0123456789abcdef0123456789abcdef",
        "Authorization: Bearer q1w2e3r4",
        "cookie: session=q1w2e3; other=t5y6u7",
        "sig=q1w2e3",
    ],
)
def test_text_secrets_are_masked(secret: str) -> None:
    out = redact_text(f"before {secret} after", 300)
    assert MASK in out
    assert out.startswith("before")
    for part in ("q1w2e3", "t5y6u7", "abcdefgh", "jo@", "aaaa", "0123456789"):
        assert part not in out


def test_text_keeps_what_names_a_block() -> None:
    page = "Attention Required! | Cloudflare Ray ID: 8f2d1c3b4a5d6e7f state: failed"
    assert redact_text(page, 300) == page


def test_text_loses_control_and_bidi_characters() -> None:
    assert redact_text("a\x1b[31mb\u202ec\u200bd\x00", 50) == "a[31mbcd"


def test_a_token_cut_in_the_middle_is_not_shown() -> None:
    text = "word " + "sk-" + "a1" * 4000
    assert "a1a1" not in redact_text(text, 100)


@given(st.text(max_size=400), st.integers(min_value=0, max_value=80))
def test_text_is_bounded_and_printable(text: str, limit: int) -> None:
    out = redact_text(text, limit)
    assert len(out) <= limit
    assert not any(ord(char) < 32 or 0x202A <= ord(char) <= 0x202E for char in out)


@given(st.text(alphabet="abcdefghijklmnop0123456789", min_size=1, max_size=40))
def test_a_signature_never_survives(value: str) -> None:
    out = redact_url(f"https://h.example/p?se=1&sig={value}")
    assert out == f"https://h.example/p?se=1&sig={MASK}"
